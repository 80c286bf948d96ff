//! Suite 1 against an independent computation, and what every value is bound to.

use std::collections::BTreeSet;

use super::keyed::{KeyedPrf, SealContext, SealError, Seed, seal_public};
use super::*;
use crate::{
    fixtures::{CODES, label, nonce, seal_secret, seed},
    subject::{Class, Subject},
};

fn derived(seed: &Seed, alliance: &[u8; 32], class: Class, epoch: u16, text: &str) -> Derived {
    let prf = KeyedPrf::new(seed, alliance, &nonce(), class, epoch);
    prf.derive(&Subject::parse(class, text).unwrap(), &mut Vec::new())
}

/// Printed by tests/vectors/generate_token.py (hmac and hashlib of Python).
#[test]
fn a_token_is_what_another_program_computes() {
    let alliance = label("antibrush vector alliance");
    let prf = KeyedPrf::new(&seed(), &alliance, &nonce(), Class::Ent, 1);
    let commitment = seed().commitment(&nonce(), Class::Ent, 1);
    assert_eq!(hex::encode(commitment), "51517809f2189a1d0122f2886a3a0102f4917b3c51a4a10a2e7ba29dba94d47e");
    assert_eq!(hex::encode(prf.key_id()), "c8f2942041b56dfa209110b16499fb69c54e43798403c5106e64f2596da294be");
    let derived = derived(&seed(), &alliance, Class::Ent, 1, CODES[0]);
    let values = [derived.token().0, derived.federation_tag(), derived.record_key()].map(hex::encode);
    let expected = [
        "1bcdea4156687c7d503c4af1c01019658523566e075da9d2fe7c7365de507cf6",
        "471ce9463044ab6da2b4f850a1d0f1771c07c7b09a27eec757e7644b10bde618",
        "912eb0b355c9351d3e75679811b6cede559da8067543414e4339255b7f72f1f9",
    ];
    assert_eq!(values, expected);
    // What a node keeps of it is all of it.
    let kept = Derived::from_prk(*derived.to_prk());
    assert_eq!([kept.token().0, kept.federation_tag(), kept.record_key()].map(hex::encode), expected);
}

#[test]
fn every_input_changes_every_value() {
    let (seed, other_seed) = (seed(), Seed(label("another seed")));
    let all = [
        derived(&seed, &[1; 32], Class::Shp, 1, "taobao:12345678"),
        derived(&seed, &[1; 32], Class::Shp, 1, "taobao:12345679"),
        derived(&seed, &[1; 32], Class::Acc, 1, "taobao:12345678"),
        derived(&seed, &[1; 32], Class::Shp, 2, "taobao:12345678"),
        derived(&seed, &[2; 32], Class::Shp, 1, "taobao:12345678"),
        derived(&other_seed, &[1; 32], Class::Shp, 1, "taobao:12345678"),
    ];
    let values: BTreeSet<_> = all.iter().flat_map(|d| [d.token().0, d.federation_tag(), d.record_key()]).collect();
    assert_eq!(values.len(), 3 * all.len());
}

#[test]
fn scratch_is_wiped_and_does_not_matter() {
    let prf = KeyedPrf::new(&seed(), &[1; 32], &nonce(), Class::Ent, 1);
    let subject = Subject::parse(Class::Ent, CODES[0]).unwrap();
    let mut scratch = b"left over from before".to_vec();
    assert_eq!(prf.token(&subject, &mut scratch), prf.token(&subject, &mut Vec::new()));
    assert!(scratch.is_empty());
}

#[test]
fn key_ids_differ_in_every_input() {
    let (a, b) = ([1; 32], [2; 32]);
    let ids = [
        key_id(Suite::Keyed, Class::Ent, 1, 1, 1, &[a]),
        key_id(Suite::Threshold, Class::Ent, 1, 1, 1, &[a]),
        key_id(Suite::Keyed, Class::Web, 1, 1, 1, &[a]),
        key_id(Suite::Keyed, Class::Ent, 2, 1, 1, &[a]),
        key_id(Suite::Keyed, Class::Ent, 256, 1, 1, &[a]),
        key_id(Suite::Keyed, Class::Ent, 1, 2, 1, &[a]),
        key_id(Suite::Keyed, Class::Ent, 1, 1, 2, &[a]),
        key_id(Suite::Keyed, Class::Ent, 1, 1, 1, &[b]),
        key_id(Suite::Keyed, Class::Ent, 1, 1, 1, &[]),
        key_id(Suite::Keyed, Class::Ent, 1, 1, 1, &[a, b]),
        key_id(Suite::Keyed, Class::Ent, 1, 1, 1, &[b, a]),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert_eq!([Suite::from_number(0), Suite::from_number(3)], [None, None]);
    assert_eq!([1, 2].map(Suite::from_number), [Some(Suite::Keyed), Some(Suite::Threshold)]);
}

#[test]
fn commitments_differ_by_class_epoch_nonce_and_seed() {
    let all = [
        seed().commitment(&nonce(), Class::Ent, 1),
        seed().commitment(&nonce(), Class::Web, 1),
        seed().commitment(&nonce(), Class::Ent, 2),
        seed().commitment(&[0; 32], Class::Ent, 1),
        Seed([0; 32]).commitment(&nonce(), Class::Ent, 1),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn a_sealed_seed_opens_for_its_member_alone() {
    let nonce = nonce();
    let context = |epoch, member| SealContext { founding_nonce: &nonce, epoch, member };
    let public = seal_public(&seal_secret(1)).unwrap();
    let sealed = seed().seal(&public, &context(1, 1), label("entropy")).unwrap();
    assert_eq!(sealed.len(), 80);
    let open = |sealed: &[u8], secret: [u8; 32], context: &SealContext<'_>| {
        Seed::open(sealed, &secret, context).map(|seed| seed.0)
    };
    assert_eq!(open(&sealed, seal_secret(1), &context(1, 1)), Ok(seed().0));
    assert_eq!(open(&sealed, seal_secret(2), &context(1, 1)), Err(SealError::Open));
    assert_eq!(open(&sealed, seal_secret(1), &context(1, 2)), Err(SealError::Open));
    assert_eq!(open(&sealed, seal_secret(1), &context(2, 1)), Err(SealError::Open));
    let other = SealContext { founding_nonce: &[0; 32], epoch: 1, member: 1 };
    assert_eq!(open(&sealed, seal_secret(1), &other), Err(SealError::Open));
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert_eq!(open(&flipped, seal_secret(1), &context(1, 1)), Err(SealError::Open), "byte {at}");
    }
    for cut in 0..sealed.len() {
        assert_eq!(open(&sealed[..cut], seal_secret(1), &context(1, 1)), Err(SealError::Open), "{cut} bytes");
    }
    // The neutral point: its shared secret is known to everybody (RFC 9180 §7.1.4).
    assert_eq!(seed().seal(&[0; 32], &context(1, 1), label("entropy")), Err(SealError::Key));
}
