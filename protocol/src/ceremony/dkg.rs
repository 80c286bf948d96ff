//! A holder's own polynomials and its share, by frost-ristretto255. Only bytes pass between that crate's curve and ours.

use std::collections::BTreeMap;

use frost_ristretto255::{
    Error, Identifier, Signature, VerifyingKey,
    keys::{
        KeyPackage, PublicKeyPackage, SigningShare, VerifiableSecretSharingCommitment, VerifyingShare,
        dkg::{self, round1, round2},
        refresh,
    },
};
use zeroize::Zeroizing;

use super::{Call, CeremonyError, Kind, derive::Stream};

/// What the other holders sent: by the number of the share.
pub(super) type ByNumber<T> = BTreeMap<u8, T>;

/// A share: 32 bytes, wiped.
pub(super) type Share = Zeroizing<[u8; 32]>;

/// Our polynomial of one class.
pub(super) struct Polynomial<'a> {
    call: &'a Call,
    secret: round1::SecretPackage,
    own: round1::Package,
}

impl<'a> Polynomial<'a> {
    /// The polynomial of the holder of share `number`.
    pub(super) fn new(call: &'a Call, number: u8, random: Stream) -> Result<Polynomial<'a>, CeremonyError> {
        let (holders, threshold) = (call.holders.len() as u16, u16::from(call.threshold));
        let part1 = match call.kind {
            Kind::Generate => dkg::part1(identifier(number)?, holders, threshold, random),
            Kind::Refresh => refresh::refresh_dkg_part1(identifier(number)?, holders, threshold, random),
        };
        let (secret, own) = part1.map_err(defect)?;
        Ok(Polynomial { call, secret, own })
    }

    /// What we publish of it: the commitments, and for a new key the proof of knowledge.
    pub(super) fn package(&self) -> Result<Vec<u8>, CeremonyError> {
        let mut package = self.own.commitment().serialize().map_err(defect)?.concat();
        // The proof that comes with a refresh proves nothing: frost-core computes it for a constant of zero.
        if self.call.kind == Kind::Generate {
            package.extend(self.own.proof_of_knowledge().serialize().map_err(defect)?);
        }
        Ok(package)
    }

    /// The shares for the others, whose packages every node has checked.
    pub(super) fn deal(&self, packages: &ByNumber<&[u8]>) -> Result<ByNumber<Share>, CeremonyError> {
        let (_, dealt) = self.part2(&self.read(packages)?)?;
        let mut shares = BTreeMap::new();
        for number in packages.keys() {
            let package = dealt.get(&identifier(*number)?).ok_or(CeremonyError::Defect)?;
            shares.insert(*number, bytes(package.signing_share())?);
        }
        Ok(shares)
    }

    /// Our share of the class: the sum of what the others dealt to us and of our own, and in a refresh of our `present` one.
    /// `present` is the group key, our public share and our share.
    pub(super) fn share(
        &self,
        packages: &ByNumber<&[u8]>,
        dealt: &ByNumber<Share>,
        present: Option<&Present<'_>>,
    ) -> Result<Share, CeremonyError> {
        let packages = self.read(packages)?;
        let (secret, _) = self.part2(&packages)?;
        let mut received = BTreeMap::new();
        for (number, share) in dealt {
            let share = SigningShare::deserialize(&share[..]).map_err(defect)?;
            received.insert(identifier(*number)?, round2::Package::new(share));
        }
        let (key, _) = match present {
            None => dkg::part3(&secret, &packages, &received),
            Some(present) => {
                let (all, own) = present.read(&self.secret, self.call)?;
                refresh::refresh_dkg_shares(&secret, &packages, &received, all, own)
            }
        }
        .map_err(defect)?;
        bytes(key.signing_share())
    }

    fn part2(
        &self,
        packages: &BTreeMap<Identifier, round1::Package>,
    ) -> Result<(round2::SecretPackage, BTreeMap<Identifier, round2::Package>), CeremonyError> {
        let part2 = match self.call.kind {
            Kind::Generate => dkg::part2(self.secret.clone(), packages),
            Kind::Refresh => refresh::refresh_dkg_part2(self.secret.clone(), packages),
        };
        part2.map_err(defect)
    }

    fn read(&self, packages: &ByNumber<&[u8]>) -> Result<BTreeMap<Identifier, round1::Package>, CeremonyError> {
        let read = |(number, package): (&u8, &&[u8])| {
            let (commitments, proof) = package.split_at_checked(32 * self.call.commitments())?;
            let commitments = VerifiableSecretSharingCommitment::deserialize(commitments.chunks_exact(32)).ok()?;
            let proof = match self.call.kind {
                Kind::Generate => Signature::deserialize(proof).ok()?,
                // A refresh has none; the field is not looked at.
                Kind::Refresh => *self.own.proof_of_knowledge(),
            };
            Some((identifier(*number).ok()?, round1::Package::new(commitments, proof)))
        };
        packages.iter().map(read).collect::<Option<_>>().ok_or(CeremonyError::Defect)
    }
}

/// The present keys and share of one class, which a refresh renews.
pub(super) struct Present<'a> {
    pub keys: &'a [[u8; 32]],
    pub share: &'a [u8; 32],
}

impl Present<'_> {
    fn read(
        &self,
        secret: &round1::SecretPackage,
        call: &Call,
    ) -> Result<(PublicKeyPackage, KeyPackage), CeremonyError> {
        let threshold = u16::from(call.threshold);
        let (group, shares) = self.keys.split_first().ok_or(CeremonyError::OtherKeys)?;
        let group = VerifyingKey::deserialize(group).map_err(|_| CeremonyError::OtherKeys)?;
        let mut public = BTreeMap::new();
        for (number, share) in (1u8..).zip(shares) {
            let share = VerifyingShare::deserialize(share).map_err(|_| CeremonyError::OtherKeys)?;
            public.insert(identifier(number)?, share);
        }
        let share = SigningShare::deserialize(self.share).map_err(|_| CeremonyError::OtherShare)?;
        let own = KeyPackage::new(*secret.identifier(), share, share.into(), group, threshold);
        Ok((PublicKeyPackage::new(public, group, Some(threshold)), own))
    }
}

fn identifier(number: u8) -> Result<Identifier, CeremonyError> {
    Identifier::try_from(u16::from(number)).map_err(defect)
}

fn bytes(share: &SigningShare) -> Result<Share, CeremonyError> {
    let bytes = Zeroizing::new(share.serialize());
    bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| CeremonyError::Defect)
}

/// Everything that comes here was checked by every node: an error is ours.
fn defect(_: Error) -> CeremonyError {
    CeremonyError::Defect
}
