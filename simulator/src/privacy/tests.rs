//! What is obtained is what the formula says, and nothing without enough shares.

use super::{Attacker, attack, bound};

#[test]
fn the_formula_is_that_of_the_documents() {
    // docs/PRIVACY.md § Enumeration.
    assert_eq!(bound(3, 2, 0, 1, 1_000_000), Some(1_500_000));
    assert_eq!(bound(3, 2, 1, 1, 1_000_000), Some(2_000_000));
    assert_eq!(bound(5, 3, 0, 1, 1_000_000), Some(1_666_666));
    assert_eq!(bound(5, 3, 2, 1, 1_000_000), Some(3_000_000));
    assert_eq!(bound(5, 3, 3, 1, 1_000_000), None);
    assert_eq!(bound(5, 3, 2, 0, 1_000_000), Some(0), "shares without a quota");
}

#[test]
fn attackers_get_what_the_formula_allows_and_no_more() {
    for (holders, threshold) in [(3, 2), (5, 3)] {
        for corrupt in 0..threshold {
            for members in [1, 3] {
                let got = attack(holders, threshold, Attacker { members, corrupt }, 1).unwrap();
                assert_eq!(Some(got.obtained), got.most, "{holders} {threshold} {got:?}");
                let honest = u64::from(holders - corrupt);
                assert_eq!(got.given, honest * u64::from(members * got.quota), "every quota was used up");
            }
        }
    }
}

#[test]
fn enough_shares_enumerate_and_fewer_without_a_quota_learn_nothing() {
    let all = attack(5, 3, Attacker { members: 0, corrupt: 3 }, 1).unwrap();
    assert_eq!((all.obtained, all.most, all.given), (all.identifiers, None, 0));
    let some = attack(5, 3, Attacker { members: 0, corrupt: 2 }, 1).unwrap();
    assert_eq!((some.obtained, some.given), (0, 0));
}
