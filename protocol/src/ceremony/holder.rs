//! A holder's own messages and shares: all of them come from its seed and the board.

use zeroize::Zeroizing;

use super::{
    Ceremony, CeremonyError, Kind, Me, Round, Shares,
    advance::number,
    board::Record,
    dkg::{ByNumber, Polynomial, Present, Share},
    public::{self, Commitments},
    seal,
};
use crate::base::Hash;

/// Ourselves in a ceremony.
pub(super) struct Holder<'a> {
    pub(super) ceremony: &'a Ceremony,
    pub(super) place: usize,
    me: Me<'a>,
}

impl<'a> Holder<'a> {
    pub(super) fn new(ceremony: &'a Ceremony, me: Me<'a>) -> Result<Holder<'a>, CeremonyError> {
        let place = ceremony.place(me.holder)?;
        // CEREMONY-20
        let ours = |(share, keys): (&[u8; 32], &Vec<[u8; 32]>)| public::of_share(share).as_ref() == keys.get(place + 1);
        if me.shares.len() != ceremony.present.len() || !me.shares.iter().zip(&ceremony.present).all(ours) {
            return Err(CeremonyError::OtherShare);
        }
        Ok(Holder { ceremony, place, me })
    }

    fn polynomials(&self) -> Result<Vec<Polynomial<'a>>, CeremonyError> {
        let (id, number) = (self.ceremony.id(), number(self.place)?);
        let call = self.ceremony.call();
        call.classes.iter().map(|class| Polynomial::new(call, number, self.me.seed.polynomial(&id, *class))).collect()
    }

    pub(super) fn commit(&self) -> Result<Round, CeremonyError> {
        let secret = self.me.seed.receive_secret(&self.ceremony.id());
        let packages = self.polynomials()?.iter().map(Polynomial::package).collect::<Result<_, _>>()?;
        Ok(Round::Commit { receive_key: seal::public(&secret).ok_or(CeremonyError::Defect)?, packages })
    }

    pub(super) fn deal(&self, record: &Record<'_>) -> Result<Round, CeremonyError> {
        let (id, sender) = (self.ceremony.id(), self.me.holder);
        let polynomials = self.polynomials()?.into_iter().enumerate();
        let shares = polynomials.map(|(class, polynomial)| polynomial.deal(&self.packages(record, class)?));
        let shares = shares.collect::<Result<Vec<ByNumber<Share>>, CeremonyError>>()?;
        let sealed = self.others().map(|to| {
            let mut plain = Zeroizing::new(Vec::with_capacity(32 * shares.len()));
            for class in &shares {
                plain.extend_from_slice(&class.get(&number(to)?).ok_or(CeremonyError::Defect)?[..]);
            }
            let receiver = self.ceremony.holder(to);
            let key = record.receive_key(to).ok_or(CeremonyError::Defect)?;
            let entropy = self.me.seed.seal_entropy(&id, receiver.0, key);
            let context = seal::Context { ceremony: &id, sender, receiver };
            seal::seal(key, &context, &plain, &entropy).ok_or(CeremonyError::Defect)
        });
        Ok(Round::Deal { sealed: sealed.collect::<Result<_, _>>()? })
    }

    pub(super) fn answer(
        &self,
        record: &Record<'_>,
        all: &[Vec<Commitments>],
        transcript: Hash,
        keys: &[Vec<[u8; 32]>],
    ) -> Result<Round, CeremonyError> {
        let secret = self.me.seed.receive_secret(&self.ceremony.id());
        let bad = self.others().find(|from| self.ceremony.open(record, all, *from, self.place, &secret).is_none());
        Ok(match bad {
            Some(from) => {
                Round::Complain { against: self.ceremony.holder(from), deal: record.deals[from].0, secret: *secret }
            }
            None => Round::Confirm { transcript, public_keys: keys.to_vec() },
        })
    }

    pub(super) fn shares(&self, record: &Record<'_>, keys: &[Vec<[u8; 32]>]) -> Result<Shares, CeremonyError> {
        let all = self.ceremony.commitments(&record.commits).map_err(|_| CeremonyError::Defect)?;
        let secret = self.me.seed.receive_secret(&self.ceremony.id());
        let mut dealt = Vec::new();
        for from in self.others() {
            // We confirmed it: with this seed it opened then.
            let shares = self.ceremony.open(record, &all, from, self.place, &secret).ok_or(CeremonyError::OtherSeed)?;
            dealt.push((number(from)?, shares));
        }
        let mut shares = Zeroizing::new(Vec::with_capacity(keys.len()));
        for (class, (polynomial, keys)) in self.polynomials()?.into_iter().zip(keys).enumerate() {
            let dealt = dealt.iter().map(|(from, shares)| (*from, shares[class].clone())).collect();
            let present = match self.ceremony.call().kind {
                Kind::Generate => None,
                Kind::Refresh => Some(Present { keys: &self.ceremony.present[class], share: &self.me.shares[class] }),
            };
            let share = polynomial.share(&self.packages(record, class)?, &dealt, present.as_ref())?;
            if public::of_share(&share).as_ref() != keys.get(self.place + 1) {
                return Err(CeremonyError::Defect);
            }
            shares.push(*share);
        }
        Ok(Shares(shares))
    }

    /// The packages of the others for a class.
    fn packages<'r>(&self, record: &'r Record<'_>, class: usize) -> Result<ByNumber<&'r [u8]>, CeremonyError> {
        let package = |place| Ok((number(place)?, record.package(place, class).ok_or(CeremonyError::Defect)?));
        self.others().map(package).collect()
    }

    /// The places of the others.
    fn others(&self) -> impl Iterator<Item = usize> {
        let place = self.place;
        (0..self.ceremony.call().holders.len()).filter(move |other| *other != place)
    }
}
