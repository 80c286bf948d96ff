//! Every rule of charters, broken once, and the one counter of signatures.

use super::*;
use crate::{
    base::{MemberNumber, Timestamp},
    encoding::{DecodeError, Wire},
    fixtures::*,
    signed::{PublicKey, SignatureError, Signer},
    subject::Class,
    suite::Suite,
};

fn found(charter: &Charter, stewards: &[&str]) -> Result<(), CharterError> {
    CharterChain::found(signed(charter, stewards), None).map(|_| ())
}

fn broken(error: CharterError, change: impl FnOnce(&mut Charter)) {
    let mut charter = genesis();
    change(&mut charter);
    assert_eq!(found(&charter, &["1", "2"]), Err(error));
}

fn extended(change: impl FnOnce(&mut Charter), stewards: &[&str]) -> Result<bool, CharterError> {
    let mut charter = second();
    change(&mut charter);
    chain(1).extend(signed(&charter, stewards))
}

#[test]
fn both_versions_hold_and_survive_the_round_trip() {
    let mut chain = chain(2);
    assert_eq!((chain.current().number, chain.from(1).len(), chain.from(2).len(), chain.from(9).len()), (2, 2, 1, 0));
    assert_eq!(chain.alliance(), alliance());
    for version in chain.from(0).to_vec() {
        assert_eq!(SignedCharter::decode(&version.encode()), Ok(version.clone()));
        assert_eq!(Charter::decode(&version.charter().encode()).as_ref(), Ok(&**version.charter()));
        assert_eq!(chain.extend(version), Ok(false));
    }
}

#[test]
fn the_first_version_stands_alone() {
    broken(CharterError::Succession, |c| c.number = 0); // CHARTER-1
    broken(CharterError::Succession, |c| c.previous = Some([0; 32])); // CHARTER-1
    broken(CharterError::Succession, |c| c.alliance = Some([0; 32])); // CHARTER-1
    broken(CharterError::Succession, |c| c.number = 2); // CHARTER-1
    assert_eq!(extended(|c| c.previous = None, &["1", "2"]), Err(CharterError::Succession)); // CHARTER-1
    assert_eq!(extended(|c| c.alliance = None, &["1", "2"]), Err(CharterError::Succession)); // CHARTER-1
    assert_eq!(
        CharterChain::found(signed(&second(), &["1", "2"]), None).err(),
        Some(CharterError::NotNext { expected: 1, found: 2 })
    );
    assert_eq!(
        CharterChain::found(signed(&genesis(), &["1", "2"]), Some(&[0; 32])).err(),
        Some(CharterError::OtherChain)
    );
}

#[test]
fn members_are_distinct_and_well_formed() {
    let member = |n| CharterError::Member(MemberNumber(n));
    let key = |n| CharterError::Key(MemberNumber(n));
    broken(CharterError::Order, |c| c.members.swap(0, 1)); // CHARTER-2
    broken(CharterError::Order, |c| c.members[1].number = MemberNumber(1)); // CHARTER-2
    broken(member(2), |c| c.members[1].slug = "alpha".to_owned()); // CHARTER-2
    broken(member(2), |c| c.members[1].uscc = CODES[0].to_owned()); // CHARTER-2
    for slug in ["", "a", "Alpha", "-alpha", "alpha-", "al_pha", "阿里", &"a".repeat(33)] {
        broken(member(1), |c| c.members[0].slug = slug.to_owned()); // CHARTER-2
    }
    for code in ["", "91350100M000100Y44", "91350100m000100y43", " 91350100M000100Y43"] {
        broken(member(1), |c| c.members[0].uscc = code.to_owned()); // CHARTER-2
        broken(member(1), |c| c.members[0].controller = code.to_owned()); // CHARTER-2
    }
    broken(key(2), |c| c.members[1].feed_keys[0].key = feed_key(1).public()); // CHARTER-2
    broken(key(2), |c| c.members[1].nodes[0].key = node_key(1).public()); // CHARTER-2
    broken(key(1), |c| c.members[0].nodes[0].key = feed_key(1).public()); // CHARTER-2: the node key is another than the feed key
    for weak in [identity_key(), [0; 32], mixed_order_key(), [2; 32]] {
        broken(key(1), |c| c.members[0].feed_keys[0].key = weak); // CHARTER-2
        broken(key(4), |c| c.members[3].nodes[0].key = weak); // CHARTER-2
    }
    let seeds = member_seeds();
    broken(CharterError::ObserverHoldsSecret(MemberNumber(4)), |c| c.members[3].sealed_seeds = seeds); // CHARTER-2
}

fn member_seeds() -> Vec<SealedSeed> {
    member(1).sealed_seeds
}

#[test]
fn stewards_can_reach_their_threshold() {
    let broken = |change: fn(&mut Charter)| broken(CharterError::Stewards, change);
    broken(|c| c.threshold = 0); // CHARTER-3
    broken(|c| c.threshold = 3); // CHARTER-3: four keys, but two controlling entities
    broken(|c| c.stewards.clear()); // CHARTER-3
    broken(|c| c.stewards.reverse()); // CHARTER-3
    broken(|c| c.stewards[3].member = MemberNumber(9)); // CHARTER-3
    broken(|c| c.members[0].state = MemberState::Suspended); // CHARTER-3
    broken(|c| c.members[0].state = MemberState::Expelled); // CHARTER-3
    broken(|c| c.stewards[0].key = feed_key(2).public()); // CHARTER-3: a steward key signs charters only
    broken(|c| c.stewards[0].key = node_key(2).public()); // CHARTER-3
    broken(|c| c.stewards[3].key = steward("1").public()); // CHARTER-3: one key for two members
    broken(|c| c.stewards[0].key = identity_key()); // CHARTER-3
    broken(|c| c.stewards[0].key = mixed_order_key()); // CHARTER-3
}

#[test]
fn token_keys_are_ordered_and_of_a_known_suite() {
    let broken_keys = |change: fn(&mut Charter)| broken(CharterError::TokenKeys, change);
    broken_keys(|c| c.token_keys.reverse()); // CHARTER-4
    broken_keys(|c| c.token_keys.push(c.token_keys[2].clone())); // CHARTER-4
    broken_keys(|c| c.token_keys[0].suite = Suite::Threshold); // CHARTER-4
    broken_keys(|c| c.token_keys[0].threshold = 2); // CHARTER-4
    broken_keys(|c| c.token_keys[0].holders = 3); // CHARTER-4
    broken_keys(|c| c.token_keys[0].public_keys.clear()); // CHARTER-4
    broken_keys(|c| c.token_keys[0].public_keys.push([0; 32])); // CHARTER-4
    broken(CharterError::EnumerablePersons, |c| c.policy.accepts_insider_enumeration = false); // CHARTER-5
    let mut open = genesis();
    open.policy.accepts_insider_enumeration = false;
    open.token_keys.retain(|key| key.class != Class::Mob);
    assert_eq!(found(&open, &["1", "2"]), Ok(()));
}

#[test]
fn terms_and_policy_are_in_range() {
    broken(CharterError::Term, |c| c.expires = c.issued); // CHARTER-6
    broken(CharterError::Term, |c| c.expires = Timestamp(c.issued.0 - 1)); // CHARTER-6
    for change in [
        (|p| p.corroboration = 0) as fn(&mut Policy),
        |p| p.corroboration = 17,
        |p| p.term_days = 0,
        |p| p.term_days = 5 * 365 + 1,
        |p| p.mobile_term_days = 0,
        |p| p.mobile_term_days = 181,
    ] {
        broken(CharterError::Term, |c| change(&mut c.policy)); // CHARTER-6
        let mut charter = genesis();
        change(&mut charter.policy);
        assert_eq!(Charter::decode(&charter.encode()), Err(DecodeError::OutOfRange("policy")));
    }
}

#[test]
fn versions_follow_one_another() {
    let skipped = CharterError::NotNext { expected: 2, found: 3 };
    assert_eq!(extended(|c| c.number = 3, &["1", "2"]), Err(skipped)); // CHARTER-7
    assert_eq!(
        extended(|c| c.number = u64::MAX, &["1", "2"]),
        Err(CharterError::NotNext { expected: 2, found: u64::MAX })
    ); // CHARTER-7
    assert_eq!(extended(|c| c.previous = Some([0; 32]), &["1", "2"]), Err(CharterError::OtherChain)); // CHARTER-8
    assert_eq!(extended(|c| c.alliance = Some([0; 32]), &["1", "2"]), Err(CharterError::OtherChain)); // CHARTER-8
    assert_eq!(extended(|c| c.founding_nonce = [0; 32], &["1", "2"]), Err(CharterError::OtherChain)); // CHARTER-8
    let mut chain = chain(2);
    let mut other = second();
    other.name_en.push('!');
    assert_eq!(chain.extend(signed(&other, &["1", "2"])), Err(CharterError::Forked(2))); // CHARTER-12
    let mut first = genesis();
    first.name_en.push('!');
    assert_eq!(chain.extend(signed(&first, &["1", "2"])), Err(CharterError::Forked(1))); // CHARTER-12
}

#[test]
fn member_numbers_never_move() {
    let moved = |n| Err(CharterError::NumberMoved(MemberNumber(n)));
    let vanished = |c: &mut Charter| {
        c.members.remove(3);
    };
    assert_eq!(extended(vanished, &["1", "2"]), moved(4)); // CHARTER-11
    let other_entity = |c: &mut Charter| {
        c.members.truncate(4);
        c.members[3].uscc = CODES[4].to_owned();
    };
    assert_eq!(extended(other_entity, &["1", "2"]), moved(4)); // CHARTER-11
    assert_eq!(extended(|c| c.members[3].slug = "watcher".to_owned(), &["1", "2"]), moved(4)); // CHARTER-11
    let renumbered = |c: &mut Charter| c.members[3].number = MemberNumber(44);
    assert_eq!(
        extended(
            |c| {
                c.members.truncate(4);
                renumbered(c)
            },
            &["1", "2"]
        ),
        moved(4)
    ); // CHARTER-11
}

#[test]
fn a_token_key_never_changes_and_never_vanishes() {
    let signers = &["1", "2"];
    let other = |c: &mut Charter| c.token_keys[0].public_keys = vec![[7; 32]];
    assert_eq!(extended(other, signers), Err(CharterError::TokenKeyChanged)); // CHARTER-13
    let gone = |c: &mut Charter| drop(c.token_keys.remove(0));
    assert_eq!(extended(gone, signers), Err(CharterError::TokenKeyChanged)); // CHARTER-13
    let next_epoch = |c: &mut Charter| {
        let mut key = c.token_keys[0].clone();
        key.epoch += 1;
        c.token_keys.insert(1, key);
    };
    assert_eq!(extended(next_epoch, signers), Ok(true));
}

#[test]
fn a_new_version_needs_the_quorum_of_both() {
    let old = |have| Err(CharterError::OldQuorum { have, need: 2 });
    assert_eq!(extended(|_| (), &[]), old(0)); // CHARTER-9
    assert_eq!(extended(|_| (), &["1"]), old(1)); // CHARTER-9
    assert_eq!(extended(|_| (), &["1", "1"]), old(1)); // CHARTER-9: the same key twice
    assert_eq!(extended(|_| (), &["2", "2b"]), old(1)); // CHARTER-9: two keys of one member
    assert_eq!(extended(|_| (), &["2", "2b", "3"]), old(1)); // CHARTER-9: sisters under one control
    assert_eq!(extended(|_| (), &["1", "3"]), Ok(true));
    // CHARTER-10: stewards change hands: Delta takes the place of Alpha, so Alpha signs for the old and Delta for the new.
    let handover =
        |c: &mut Charter| c.stewards = vec![two(), Steward { member: MemberNumber(5), key: steward("5").public() }];
    assert_eq!(extended(handover, &["1", "2"]), Err(CharterError::NewQuorum { have: 1, need: 2 })); // CHARTER-10
    assert_eq!(extended(handover, &["2", "5"]), old(1)); // CHARTER-9
    assert_eq!(extended(handover, &["1", "2", "5"]), Ok(true));
    // CHARTER-10: the first version needs its own quorum.
    assert_eq!(found(&genesis(), &["2", "3"]), Err(CharterError::NewQuorum { have: 1, need: 2 }));
    // CHARTER-10: a higher threshold of its own binds a version at once.
    let raised = |c: &mut Charter| {
        c.stewards.push(Steward { member: MemberNumber(5), key: steward("5").public() });
        c.threshold = 3;
    };
    assert_eq!(extended(raised, &["1", "2"]), Err(CharterError::NewQuorum { have: 2, need: 3 }));
}

fn two() -> Steward {
    Steward { member: MemberNumber(2), key: steward("2").public() }
}

#[test]
fn the_counter_counts_controlling_entities() {
    let key = |name: &str| -> PublicKey { steward(name).public() };
    let charter = genesis();
    let count =
        |charter: &Charter, names: &[&str]| quorum::count(charter, &names.iter().map(|n| key(n)).collect::<Vec<_>>());
    assert_eq!(count(&charter, &[]), 0);
    assert_eq!(count(&charter, &["1", "1", "1"]), 1);
    assert_eq!(count(&charter, &["2", "2b"]), 1);
    assert_eq!(count(&charter, &["2", "2b", "3"]), 1);
    assert_eq!(count(&charter, &["1", "2", "2b", "3"]), 2);
    assert_eq!(count(&charter, &["5", "stranger"]), 0);
    assert_eq!(quorum::count(&charter, &[feed_key(1).public(), node_key(2).public()]), 0);
    // No charter with a suspended steward passes CHARTER-3; the counter does not rely on it.
    let mut suspended = genesis();
    suspended.members[0].state = MemberState::Suspended;
    assert_eq!(count(&suspended, &["1", "2"]), 1);
    assert!(!quorum::is_met(&suspended, &[key("1"), key("2")]));
    assert!(quorum::is_met(&charter, &[key("1"), key("2")]));
}

#[test]
fn every_signature_on_a_charter_must_hold() {
    let signed = signed(&genesis(), &["1", "2"]);
    let bytes = signed.encode();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(SignedCharter::decode(&flipped), Err(SignatureError::BadSignature));
    let mut payload = bytes.clone();
    let at = payload.windows(7).position(|window| window == b"Example").unwrap();
    payload[at] = b'e';
    assert_eq!(SignedCharter::decode(&payload), Err(SignatureError::BadSignature));
    assert_eq!(SignedCharter::decode(&bytes[..9]), Err(SignatureError::Decode(DecodeError::Malformed)));
    // A stranger's signature holds and counts nothing.
    let mut more = signed.clone();
    more.sign(&Key::of("stranger"));
    let more = SignedCharter::decode(&more.encode()).unwrap();
    assert_eq!((more.signers().len(), more.id(), quorum::count(more.charter(), more.signers())), (3, signed.id(), 2));
}
