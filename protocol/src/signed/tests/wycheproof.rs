//! The Wycheproof vectors of Ed25519: all groups, through the verification that every object of ours meets.

use std::collections::BTreeMap;

use wycheproof::{
    TestResult,
    eddsa::{TestName, TestSet},
};

use super::super::{SignatureError, is_admissible, verify_strict};

#[test]
fn every_wycheproof_vector_ends_as_published() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut seen, mut kinds) = (0, BTreeMap::<&str, usize>::new());
    for group in &set.test_groups {
        let key = group.key.pk.as_slice().try_into().unwrap();
        assert!(is_admissible(&key), "no key of these vectors is weak or of mixed order");
        for test in &group.tests {
            let outcome = verify_strict(&key, &test.msg, &test.sig);
            let (kind, expected) = match test.result {
                TestResult::Valid => ("valid", Ok(())),
                TestResult::Invalid => ("invalid", Err(SignatureError::BadSignature)),
                // Ed25519 has none: what a strict and a lax verifier answer differently is not in the set.
                TestResult::Acceptable => panic!("{} may end either way: decide", test.tc_id),
            };
            assert_eq!(outcome, expected, "{} {}", test.tc_id, test.comment);
            *kinds.entry(kind).or_default() += 1;
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests, "every vector was tried");
    assert_eq!(kinds, BTreeMap::from([("invalid", 63), ("valid", 88)]));
}
