//! The one counter of signatures.

use std::collections::BTreeSet;

use super::Charter;
use crate::signed::PublicKey;

/// How many distinct controlling entities stand behind these keys as stewards of `charter`. A key that signs twice, two
/// keys of one member and two members under one control count once; keys of others and of members that are not active
/// count nothing.
pub fn count(charter: &Charter, signers: &[PublicKey]) -> usize {
    let controller = |key: &PublicKey| {
        let steward = charter.stewards.iter().find(|steward| steward.key == *key)?;
        let member = charter.member(steward.member).filter(|member| member.is_active())?;
        Some(member.controller.as_str())
    };
    signers.iter().filter_map(controller).collect::<BTreeSet<_>>().len()
}

/// Whether the quorum of `charter` has signed.
pub fn is_met(charter: &Charter, signers: &[PublicKey]) -> bool {
    count(charter, signers) >= usize::from(charter.threshold)
}
