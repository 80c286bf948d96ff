//! The fold over the board: what is to be posted, who is waited for, who is to blame, what came out.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

use super::{
    Call, CeremonyError, Fault, Kind, Message, Round, Seed, Step,
    board::{Board, Entry, Record},
    dkg::{ByNumber, Polynomial, Present, Share},
    public::{self, Commitments},
    seal,
};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    signed::Verified,
    subject::Class,
    suite::threshold::ThresholdKey,
};

/// One ceremony, as its call and the charter fix it.
#[derive(Clone, Debug)]
pub struct Ceremony {
    call: Verified<Call>,
    present: Vec<Vec<[u8; 32]>>,
}

/// A holder that takes part.
#[derive(Clone, Copy)]
pub struct Me<'a> {
    /// Its member number.
    pub holder: MemberNumber,
    /// Its seed for this ceremony.
    pub seed: &'a Seed,
    /// For a refresh its present shares, one a class of the call; otherwise empty.
    pub shares: &'a [[u8; 32]],
}

/// How far a ceremony is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Commitments are missing.
    Commit,
    /// Sealed shares are missing.
    Deal,
    /// Confirmations are missing.
    Confirm,
    /// All holders confirmed the same.
    Done,
    /// Somebody broke a rule or did not answer: a new call is needed.
    Void,
}

/// The public keys of one class: the group key first, then share 1 to n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassKeys {
    /// The class.
    pub class: Class,
    /// The keys, as the charter will hold them.
    pub public_keys: Vec<[u8; 32]>,
}

/// A holder's secret shares, one a class of the call. Wiped when dropped; shows nothing of itself.
pub struct Shares(Zeroizing<Vec<[u8; 32]>>);

impl Shares {
    /// The shares, in the order of the classes.
    pub fn as_slice(&self) -> &[[u8; 32]] {
        &self.0
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shares(..)")
    }
}

/// What a finished ceremony made.
#[derive(Debug)]
pub struct Outcome {
    /// The public keys of each class.
    pub keys: Vec<ClassKeys>,
    /// Our shares, if we are a holder.
    pub shares: Option<Shares>,
}

/// Where a ceremony stands.
#[derive(Debug)]
pub struct Progress {
    /// How far it is.
    pub phase: Phase,
    /// The holders without whom it does not go on, ascending. One that answered is among them if its answer can not be judged
    /// yet: it may have seen a message that is still on its way to us.
    pub waiting_for: Vec<MemberNumber>,
    /// Ours, to be signed and put on the board.
    pub post: Vec<Message>,
    /// Who is to blame, ascending, each once, for the earliest round in which something is wrong.
    pub faults: Vec<(MemberNumber, Fault)>,
    /// The result of a ceremony that is done.
    pub outcome: Option<Outcome>,
}

impl Ceremony {
    /// The ceremony of a call. For a refresh `present` holds the public keys of each class from the charter, the group key
    /// first; for new keys it is empty.
    pub fn new(call: Verified<Call>, present: &[Vec<[u8; 32]>]) -> Result<Ceremony, CeremonyError> {
        let c = call.payload();
        // CEREMONY-20: the refresh renews the shares of the keys that the call names.
        let renews = |(group, keys): (&[u8; 32], &Vec<[u8; 32]>)| {
            let same = keys.first() == Some(group) && keys.len() == c.holders.len() + 1;
            same && ThresholdKey::read(c.threshold, keys).is_ok()
        };
        if present.len() != c.keys.len() || !c.keys.iter().zip(present).all(renews) {
            return Err(CeremonyError::OtherKeys);
        }
        Ok(Ceremony { present: present.to_vec(), call })
    }

    /// The call's id.
    pub fn id(&self) -> Hash {
        self.call.id()
    }

    /// The call.
    pub fn call(&self) -> &Call {
        self.call.payload()
    }

    /// Looks at the board. The same board, seed and time give the same progress, byte for byte, in whatever order the
    /// messages came and however often.
    pub fn advance(
        &self,
        board: &[Verified<Message>],
        me: Option<Me<'_>>,
        now: Timestamp,
    ) -> Result<Progress, CeremonyError> {
        let me = me.map(|me| Holder::new(self, me)).transpose()?;
        let board = Board::sort(self, board);
        if let Some(me) = &me
            && let [message] = board.step(Step::Commit)[me.place].values().collect::<Vec<_>>()[..]
            && message.round != me.commit()?
        {
            return Err(CeremonyError::OtherSeed);
        }
        // CEREMONY-18: what all confirmed is done; nothing that comes later changes it.
        if let Some((record, keys)) = board.agreed(&self.id())
            && self.commitments(&record.commits).is_ok_and(|all| self.keys(&all).is_ok_and(|expected| expected == keys))
        {
            return self.done(&record, keys, me.as_ref());
        }
        let stand = Stand { board: &board, over: now >= self.call().deadline, me: me.as_ref() };
        self.commit(&stand)
    }

    fn commit(&self, stand: &Stand<'_>) -> Result<Progress, CeremonyError> {
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Commit).iter().enumerate() {
            verdict.slot(self.holder(place), slot.len());
            for message in slot.values().take(1).filter(|_| slot.len() == 1) {
                if let Err(fault) = self.read_commit(place, message) {
                    verdict.fault(message.holder, fault);
                }
            }
        }
        let own = |me: &Holder<'_>| me.commit();
        match self.judge(Phase::Commit, Step::Commit, verdict, stand, own)? {
            Some(progress) => Ok(progress),
            None => self.deal(stand),
        }
    }

    fn deal(&self, stand: &Stand<'_>) -> Result<Progress, CeremonyError> {
        // The step before is complete and without contradictions.
        let commits = stand.board.only(Step::Commit).ok_or(CeremonyError::Defect)?;
        let length = 32 * self.call().classes.len() + seal::OVERHEAD;
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Deal).iter().enumerate() {
            verdict.slot(self.holder(place), slot.len());
            let sizes = |message: &&Message| match &message.round {
                Round::Deal { sealed } => sealed.iter().all(|sealed| sealed.len() == length),
                _ => false,
            };
            if !slot.values().all(sizes) {
                verdict.fault(self.holder(place), Fault::BadPackage);
            }
        }
        let record = Record { commits, deals: Vec::new() };
        let own = |me: &Holder<'_>| me.deal(&record);
        match self.judge(Phase::Deal, Step::Deal, verdict, stand, own)? {
            Some(progress) => Ok(progress),
            None => self.answer(stand, record),
        }
    }

    fn answer(&self, stand: &Stand<'_>, record: Record<'_>) -> Result<Progress, CeremonyError> {
        let record = Record { deals: stand.board.only(Step::Deal).ok_or(CeremonyError::Defect)?, ..record };
        let all = self.commitments(&record.commits).map_err(|_| CeremonyError::Defect)?;
        let (transcript, keys) = (record.transcript(&self.id()), self.keys(&all)?);
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Answer).iter().enumerate() {
            let holder = self.holder(place);
            verdict.slot(holder, slot.len());
            for message in slot.values().take(1).filter(|_| slot.len() == 1) {
                match &message.round {
                    Round::Confirm { transcript: found, public_keys } => match (*found == transcript, stand.over) {
                        (true, _) if *public_keys == keys => {}
                        // Another transcript may come from a message that we have not seen yet, until the time is over.
                        (false, false) => verdict.undecided.push(holder),
                        _ => verdict.fault(holder, Fault::OtherResult), // CEREMONY-16
                    },
                    Round::Complain { against, deal, secret } => {
                        let from = self.place(*against)?;
                        if record.deals[from].0 == *deal {
                            let (culprit, fault) = self.complaint(&record, &all, from, place, secret);
                            verdict.fault(self.holder(culprit), fault);
                        } else if stand.over {
                            verdict.fault(holder, Fault::FalseComplaint); // CEREMONY-15: nobody has seen such a deal.
                        } else {
                            verdict.undecided.push(holder);
                        }
                    }
                    _ => return Err(CeremonyError::Defect),
                }
            }
        }
        let own = |me: &Holder<'_>| me.answer(&record, &all, transcript, &keys);
        // All there, all agreed: that was found before any round was looked at.
        self.judge(Phase::Confirm, Step::Answer, verdict, stand, own)?.ok_or(CeremonyError::Defect)
    }

    /// What follows from a step: `None` if it is complete and in order.
    fn judge(
        &self,
        phase: Phase,
        step: Step,
        mut verdict: Verdict,
        stand: &Stand<'_>,
        own: impl FnOnce(&Holder<'_>) -> Result<Round, CeremonyError>,
    ) -> Result<Option<Progress>, CeremonyError> {
        if stand.over {
            // CEREMONY-17
            std::mem::take(&mut verdict.missing).into_iter().for_each(|holder| verdict.fault(holder, Fault::Dropped));
        }
        if !verdict.faults.is_empty() {
            let faults = verdict.faults.into_iter().collect();
            return Ok(Some(Progress {
                phase: Phase::Void,
                waiting_for: Vec::new(),
                post: Vec::new(),
                faults,
                outcome: None,
            }));
        }
        if verdict.missing.is_empty() && verdict.undecided.is_empty() {
            return Ok(None);
        }
        // CEREMONY-19: one message a round, and none after a fault or the deadline.
        let silent = stand.me.filter(|me| stand.board.step(step)[me.place].is_empty());
        let mut post = Vec::new();
        if let Some(me) = silent {
            post.push(Message { ceremony: self.id(), holder: self.holder(me.place), round: own(me)? });
        }
        let mut waiting_for = [verdict.missing, verdict.undecided].concat();
        waiting_for.sort();
        Ok(Some(Progress { phase, waiting_for, post, faults: Vec::new(), outcome: None }))
    }

    fn done(
        &self,
        record: &Record<'_>,
        keys: &[Vec<[u8; 32]>],
        me: Option<&Holder<'_>>,
    ) -> Result<Progress, CeremonyError> {
        let shares = me.map(|me| me.shares(record, keys)).transpose()?;
        let keys = self.call().classes.iter().zip(keys);
        let keys = keys.map(|(class, keys)| ClassKeys { class: *class, public_keys: keys.clone() }).collect();
        let outcome = Some(Outcome { keys, shares });
        Ok(Progress { phase: Phase::Done, waiting_for: Vec::new(), post: Vec::new(), faults: Vec::new(), outcome })
    }

    /// Whether a complaint about what `from` dealt to `to` holds: who is to blame, and for what.
    fn complaint(
        &self,
        record: &Record<'_>,
        all: &[Vec<Commitments>],
        from: usize,
        to: usize,
        secret: &[u8; 32],
    ) -> (usize, Fault) {
        let revealed = seal::public(secret).as_ref() == record.receive_key(to);
        if !revealed || self.open(record, all, from, to, secret).is_some() {
            (to, Fault::FalseComplaint) // CEREMONY-15
        } else {
            (from, Fault::BadShare) // CEREMONY-14
        }
    }

    /// The shares that `from` dealt to `to`, one a class. `None` if they do not open or do not fit its commitments.
    fn open(
        &self,
        record: &Record<'_>,
        all: &[Vec<Commitments>],
        from: usize,
        to: usize,
        secret: &[u8; 32],
    ) -> Option<Vec<Share>> {
        let (sender, receiver) = (self.holder(from), self.holder(to));
        let context = seal::Context { ceremony: &self.id(), sender, receiver };
        let opened = seal::open(secret, &context, record.sealed(from, to)?)?;
        let commitments = all.get(from)?;
        if opened.len() != 32 * commitments.len() {
            return None;
        }
        let number = number(to).ok()?;
        let share = |(bytes, commitments): (&[u8], &Commitments)| {
            let share = Zeroizing::new(<[u8; 32]>::try_from(bytes).ok()?);
            commitments.fits(number, &share).then_some(share)
        };
        opened.chunks_exact(32).zip(commitments).map(share).collect()
    }

    fn read_commit(&self, place: usize, message: &Message) -> Result<Vec<Commitments>, Fault> {
        let Round::Commit { receive_key, packages } = &message.round else { return Err(Fault::BadPackage) };
        if !seal::is_usable(receive_key) {
            return Err(Fault::BadPackage); // CEREMONY-12
        }
        let number = number(place).map_err(|_| Fault::BadPackage)?;
        packages.iter().map(|package| Commitments::read(self.call(), number, package)).collect()
    }

    /// All commitments, by holder and class.
    fn commitments(&self, commits: &[Entry<'_>]) -> Result<Vec<Vec<Commitments>>, Fault> {
        commits.iter().enumerate().map(|(place, (_, message))| self.read_commit(place, message)).collect()
    }

    /// The public keys of each class that the commitments give.
    fn keys(&self, all: &[Vec<Commitments>]) -> Result<Vec<Vec<[u8; 32]>>, CeremonyError> {
        let call = self.call();
        let keys = |class: usize| {
            let present = self.present.get(class).map(Vec::as_slice);
            let commitments = all.iter().filter_map(|one| one.get(class));
            let keys = public::keys(commitments, call.holders.len(), present)?;
            let same = call.keys.get(class).is_none_or(|group| keys.first() == Some(group)); // CEREMONY-20
            (same && ThresholdKey::read(call.threshold, &keys).is_ok()).then_some(keys)
        };
        (0..call.classes.len()).map(keys).collect::<Option<_>>().ok_or(CeremonyError::NoKey)
    }

    fn holder(&self, place: usize) -> MemberNumber {
        self.call().holders[place]
    }

    fn place(&self, holder: MemberNumber) -> Result<usize, CeremonyError> {
        self.call().holders.binary_search(&holder).map_err(|_| CeremonyError::NotAHolder(holder))
    }
}

/// The number of the share of the holder at a place.
fn number(place: usize) -> Result<u8, CeremonyError> {
    u8::try_from(place + 1).map_err(|_| CeremonyError::Defect)
}

/// What a step is judged by.
struct Stand<'a> {
    board: &'a Board<'a>,
    over: bool,
    me: Option<&'a Holder<'a>>,
}

/// What is known of a step.
#[derive(Default)]
struct Verdict {
    faults: BTreeMap<MemberNumber, Fault>,
    missing: Vec<MemberNumber>,
    undecided: Vec<MemberNumber>,
}

impl Verdict {
    /// Counts what a holder said.
    fn slot(&mut self, holder: MemberNumber, messages: usize) {
        match messages {
            0 => self.missing.push(holder),
            1 => {}
            _ => self.fault(holder, Fault::TwoMessages), // CEREMONY-11
        }
    }

    /// Blames a holder, once.
    fn fault(&mut self, holder: MemberNumber, fault: Fault) {
        self.faults.entry(holder).or_insert(fault);
    }
}

/// Ourselves in a ceremony.
struct Holder<'a> {
    ceremony: &'a Ceremony,
    place: usize,
    me: Me<'a>,
}

impl<'a> Holder<'a> {
    fn new(ceremony: &'a Ceremony, me: Me<'a>) -> Result<Holder<'a>, CeremonyError> {
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

    fn commit(&self) -> Result<Round, CeremonyError> {
        let secret = self.me.seed.receive_secret(&self.ceremony.id());
        let packages = self.polynomials()?.iter().map(Polynomial::package).collect::<Result<_, _>>()?;
        Ok(Round::Commit { receive_key: seal::public(&secret).ok_or(CeremonyError::Defect)?, packages })
    }

    fn deal(&self, record: &Record<'_>) -> Result<Round, CeremonyError> {
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

    fn answer(
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

    fn shares(&self, record: &Record<'_>, keys: &[Vec<[u8; 32]>]) -> Result<Shares, CeremonyError> {
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
