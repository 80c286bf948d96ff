//! A proposal is the next charter with the signatures that it has so far; a signature of somebody else travels on its own.
//! Here is where the two come together, and where a proposal is held against the charters in force.

use std::collections::BTreeSet;

use super::{Charter, CharterChain, CharterError, SignedCharter, Steward, quorum};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::{PublicKey, SignatureError},
};

/// One steward's signature of one charter: `[charter id, COSE_Sign1 without payload]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterSignature {
    /// The id of the charter.
    pub charter: Hash,
    /// The detached signature.
    pub signature: Vec<u8>,
}

impl Wire for CharterSignature {
    const MAX_BYTES: usize = 1024;

    fn write(&self, w: &mut Writer) {
        w.array(2).bytes(&self.charter).bytes(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(CharterSignature { charter: r.fixed()?, signature: r.bytes(512)?.to_vec() })
    }
}

/// Why a proposal, or a signature for it, is refused. Each says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The signature is for another charter.
    #[error("the signature is for another charter; sign this very proposal (antibrush alliance sign)")]
    OtherCharter,
    /// The signature does not hold.
    #[error("the signature does not hold ({0}); ask its signer for the file again")]
    Signature(#[from] SignatureError),
    /// The key has signed already.
    #[error("this key has signed the proposal already; every steward signs once")]
    Duplicate,
    /// The key is no steward's, in neither version.
    #[error(
        "the signing key is no steward's, neither in the charter in force nor in the proposed one; add it first (antibrush alliance propose steward add)"
    )]
    NotASteward,
    /// The envelope is full.
    #[error("the proposal has {} signatures, and a charter holds no more; make it again", limits::CHARTER_SIGNATURES)]
    Full,
    /// This very charter is in force, or was.
    #[error("this proposal is in force as version {0}; there is nothing left to do")]
    InForce(u64),
    /// Another version with its number came into force meanwhile.
    #[error(
        "another version {0} came into force meanwhile; make the proposal again (antibrush alliance propose) and have it signed again"
    )]
    Stale(u64),
    /// It is older than the charter in force.
    #[error(
        "the proposal is for version {found}, and version {in_force} is in force; charters never go back: make the proposal again (antibrush alliance propose)"
    )]
    Rollback {
        /// The version in force.
        in_force: u64,
        /// The version proposed.
        found: u64,
    },
    /// A version lies in between that this node does not have.
    #[error(
        "the proposal is for version {found}, and this node has version {in_force}; versions in between are missing here: let the node run until it has them, or publish them first"
    )]
    Skipped {
        /// The version in force.
        in_force: u64,
        /// The version proposed.
        found: u64,
    },
    /// It continues another version than the one in force here.
    #[error(
        "the proposal continues another version {0} than the one in force here; compare the stewards' charters (antibrush alliance members), then make the proposal again"
    )]
    Forked(u64),
    /// It belongs to another alliance.
    #[error("the proposal is of another alliance; run the command on a node of that one")]
    OtherAlliance,
    /// Its term has ended.
    #[error("the proposed charter's term has ended; make the proposal again (antibrush alliance propose renew)")]
    Expired,
    /// It would not hold, whoever signs.
    #[error("the proposed charter would not hold: {0}; make the proposal again (antibrush alliance propose)")]
    Charter(CharterError),
}

/// How far the quorum of one charter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Distinct controlling entities that signed.
    pub have: usize,
    /// How many must.
    pub need: u8,
    /// Members with a steward key whose signature would still add to `have`.
    pub open: Vec<MemberNumber>,
    /// Members that signed and add nothing, because another one under the same control signed.
    pub sisters: Vec<MemberNumber>,
}

impl Quorum {
    fn of(charter: &Charter, signers: &[PublicKey]) -> Quorum {
        let members = |signed: bool| {
            let stewards = charter.stewards.iter().filter(move |steward| signers.contains(&steward.key) == signed);
            stewards.filter_map(|Steward { member, .. }| charter.member(*member).filter(|member| member.is_active()))
        };
        let mut controllers = BTreeSet::new();
        let mut counted = BTreeSet::new();
        let mut sisters = BTreeSet::new();
        for member in members(true) {
            if controllers.insert(member.controller.as_str()) {
                counted.insert(member.number);
            } else if !counted.contains(&member.number) {
                sisters.insert(member.number);
            }
        }
        let open = members(false).filter(|member| !controllers.contains(member.controller.as_str()));
        let open: BTreeSet<_> = open.map(|member| member.number).collect();
        Quorum {
            have: quorum::count(charter, signers),
            need: charter.threshold,
            open: open.into_iter().collect(),
            sisters: sisters.into_iter().collect(),
        }
    }

    /// Whether enough have signed.
    pub fn is_met(&self) -> bool {
        self.have >= usize::from(self.need)
    }
}

/// How a proposal stands against the charter in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The quorum of the version in force.
    pub old: Quorum,
    /// The quorum of the version proposed.
    pub new: Quorum,
}

impl Standing {
    /// Holds a proposal against the charters in force: everything but the quorums must be in order.
    pub fn of(proposal: &SignedCharter, chain: &CharterChain, now: Timestamp) -> Result<Standing, ProposalError> {
        let (charter, current) = (proposal.charter(), chain.current());
        let (in_force, found) = (current.number, charter.number);
        if chain.version(&proposal.id()).is_some() {
            return Err(ProposalError::InForce(found));
        }
        if charter.alliance != Some(chain.alliance()) {
            return Err(ProposalError::OtherAlliance);
        }
        if found == in_force {
            return Err(ProposalError::Stale(found));
        }
        if found < in_force {
            return Err(ProposalError::Rollback { in_force, found });
        }
        if found - in_force > 1 {
            return Err(ProposalError::Skipped { in_force, found });
        }
        if charter.previous != Some(chain.current_id()) {
            return Err(ProposalError::Forked(in_force));
        }
        if charter.expires <= now {
            return Err(ProposalError::Expired);
        }
        if charter.issued > now.plus(limits::CLOCK_SKEW_SECONDS) {
            return Err(ProposalError::Charter(CharterError::FromTheFuture)); // CHARTER-14
        }
        match chain.clone().extend(proposal.clone()) {
            Ok(_) => {}
            // CHARTER-16 comes after the quorums: what nobody could put in force should not be signed first.
            Err(CharterError::OldQuorum { .. } | CharterError::NewQuorum { .. }) => {
                charter.check_public_shares(Some(current)).map_err(ProposalError::Charter)?;
            }
            Err(error) => return Err(ProposalError::Charter(error)),
        }
        for (at, key) in proposal.signers().iter().enumerate() {
            require_steward(key, current, charter)?;
            if proposal.signers()[..at].contains(key) {
                return Err(ProposalError::Duplicate);
            }
        }
        let signers = proposal.signers();
        Ok(Standing { old: Quorum::of(current, signers), new: Quorum::of(charter, signers) })
    }

    /// Whether both quorums have signed.
    pub fn is_met(&self) -> bool {
        self.old.is_met() && self.new.is_met()
    }
}

/// Whether a signature by this key can count in one of the two versions.
pub fn require_steward(key: &PublicKey, old: &Charter, new: &Charter) -> Result<(), ProposalError> {
    let is_steward = |charter: &Charter| charter.stewards.iter().any(|steward| steward.key == *key);
    if is_steward(old) || is_steward(new) { Ok(()) } else { Err(ProposalError::NotASteward) }
}

#[cfg(test)]
mod tests;
