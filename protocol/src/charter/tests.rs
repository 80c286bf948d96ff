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
        |p| p.witnesses = 17,
    ] {
        broken(CharterError::Term, |c| change(&mut c.policy)); // CHARTER-6
        let mut charter = genesis();
        change(&mut charter.policy);
        assert_eq!(Charter::decode(&charter.encode()), Err(DecodeError::OutOfRange("policy")));
    }
}

#[test]
fn witnesses_are_stated_only_if_there_are_any() {
    let mut charter = genesis();
    let without = charter.encode();
    charter.policy.witnesses = 2;
    let with = charter.encode();
    assert_eq!(Charter::decode(&with).as_ref(), Ok(&charter));
    assert_eq!(with.len(), without.len() + 2, "key 5 and its number");
    // A stated 0 has another encoding than an absent one, so nobody may state it.
    let at = with.windows(2).rposition(|pair| pair == [5, 2]).unwrap();
    let stated = [&with[..at + 1], &[0], &with[at + 2..]].concat();
    assert_eq!(Charter::decode(&stated), Err(DecodeError::NotCanonical));
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

/// Version 2 with shared keys, after a change.
fn shared(change: impl FnOnce(&mut Charter)) -> Result<bool, CharterError> {
    extended(
        |charter| {
            share_keys(charter);
            change(charter);
        },
        &["1", "2"],
    )
}

/// The place of the shared key of ENT; those of MOB, the retired one and its successor, are at 3 and 4.
const ENT: usize = 1;

#[test]
fn shared_keys_survive_the_round_trip_and_are_found() {
    assert_eq!(shared(|_| ()), Ok(true));
    let charter = third();
    assert_eq!(Charter::decode(&charter.encode()).as_ref(), Ok(&charter));
    let epochs = |class| charter.active_keys(class).map(|key| key.epoch).collect::<Vec<_>>();
    assert_eq!([Class::Ent, Class::Mob, Class::Web].map(epochs), [vec![2], vec![3], vec![1]]);
    assert_eq!(charter.token_key(Class::Mob).map(|key| key.epoch), Some(3));
    let key = &charter.token_keys[ENT];
    assert_eq!(charter.key_by_id(&key.id()), Some(key));
    assert_eq!([1, 2, 3, 6].map(|number| key.share_of(MemberNumber(number))), [Some(1), Some(2), None, Some(3)]);
    assert_eq!([0, 1, 3, 4].map(|share| key.holder(share).map(|member| member.0)), [None, Some(1), Some(6), None]);
    assert_eq!([0, 3, 4].map(|share| key.public_share(share).copied()), [None, Some(key.public_keys[3]), None]);
    assert_eq!((charter.quota(Class::Ent), charter.quota(Class::Web)), (1_000, DEFAULT_QUOTA));
    assert_eq!(genesis().quota(Class::Ent), DEFAULT_QUOTA);
    assert_eq!(chain(3).current().number, 3);
}

#[test]
fn threshold_keys_have_their_form() {
    let broken = |change: fn(&mut TokenKey)| {
        assert_eq!(shared(|c| change(&mut c.token_keys[ENT])), Err(CharterError::TokenKeys))
    };
    broken(|key| key.threshold = 1); // CHARTER-4
    broken(|key| key.threshold = 4); // CHARTER-4
    broken(|key| key.holders = 4); // CHARTER-4
    broken(|key| key.public_keys.truncate(3)); // CHARTER-4
    broken(|key| key.public_keys.push([0; 32])); // CHARTER-4
    broken(|key| key.members.truncate(2)); // CHARTER-4
    broken(|key| key.members.swap(0, 1)); // CHARTER-4
    broken(|key| key.members[1] = key.members[0]); // CHARTER-4
    broken(|key| key.epoch = 1); // CHARTER-4: one key for each class and epoch
    // A keyed token key has no holders; its encoding has no place for them.
    let mut keyed = second();
    keyed.token_keys[0].members = HOLDERS.to_vec();
    assert_ne!(Charter::decode(&keyed.encode()).unwrap(), keyed);
    assert_eq!(keyed.check(), Err(CharterError::TokenKeys)); // CHARTER-4
}

#[test]
fn token_keys_of_another_length_are_refused() {
    let of = |head: u8, items: usize, key: &TokenKey| {
        let mut w = crate::encoding::Writer::default();
        key.write(&mut w);
        let mut bytes = w.into_bytes();
        bytes[0] = head;
        bytes.extend(vec![0; items]);
        TokenKey::read(&mut crate::encoding::Reader::new(&bytes)).map(|key| key.retired)
    };
    let (keyed, shared) = (token_key(Class::Ent, 1), shared_key(Class::Ent, 2).1);
    assert_eq!((of(0x86, 0, &keyed), of(0x87, 1, &keyed)), (Ok(None), Ok(Some(Timestamp(0)))));
    assert_eq!((of(0x87, 0, &shared), of(0x88, 1, &shared)), (Ok(None), Ok(Some(Timestamp(0)))));
    for head in 0x80..=0x85 {
        assert_eq!(of(head, 0, &keyed), Err(DecodeError::Malformed));
        assert_eq!(of(head, 0, &shared), Err(DecodeError::Malformed));
    }
    assert_eq!((of(0x86, 0, &shared), of(0x88, 2, &keyed)), (Err(DecodeError::Malformed), Err(DecodeError::Malformed)));
    assert_eq!(of(0x89, 2, &shared), Err(DecodeError::TooLarge));
}

#[test]
fn shares_are_refreshed_and_keys_retired_and_nothing_else() {
    let mut chain = chain(3);
    let mut next = |change: &dyn Fn(&mut Charter)| {
        let mut charter = Charter::clone(chain.current());
        (charter.number, charter.previous) = (charter.number + 1, Some(chain.current_id()));
        change(&mut charter);
        chain.extend(signed(&charter, &["1", "2"]))
    };
    let changed = Err(CharterError::TokenKeyChanged);
    let refreshed = refreshed_key(Class::Ent, 2, 1).1;
    assert_ne!(refreshed.public_keys, shared_key(Class::Ent, 2).1.public_keys);
    assert_eq!(refreshed.id(), shared_key(Class::Ent, 2).1.id(), "every token stays");
    // CHARTER-13: another group key, another threshold, other holders, taken up again, gone.
    assert_eq!(next(&|c| c.token_keys[ENT].public_keys = shared_key(Class::Mob, 3).1.public_keys), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[ENT].threshold = 3), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[ENT].members[2] = MemberNumber(5)), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[3].retired = None), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[3].retired = Some(ASKED)), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[3].public_keys = refreshed_key(Class::Mob, 2, 1).1.public_keys), changed); // CHARTER-13
    assert_eq!(next(&|c| drop(c.token_keys.remove(3))), changed); // CHARTER-13
    assert_eq!(next(&|c| c.token_keys[ENT] = refreshed.clone()), Ok(true));
    assert_eq!(next(&|c| c.token_keys[ENT] = shared_key(Class::Ent, 2).1), Ok(true), "and once more");
    assert_eq!(next(&|c| c.token_keys[ENT].retired = Some(ASKED)), Ok(true));
    assert_eq!(next(&|c| c.token_keys[ENT].retired = None), changed); // CHARTER-13
}

#[test]
fn holders_can_hold() {
    let broken = |change: fn(&mut Holding)| {
        let outcome = shared(|c| change(c.holding.as_mut().unwrap()));
        assert_eq!(outcome, Err(CharterError::Holding));
    };
    broken(|h| h.threshold = 1); // CHARTER-15
    broken(|h| h.threshold = 4); // CHARTER-15
    broken(|h| h.members.clear()); // CHARTER-15
    broken(|h| h.members.swap(0, 1)); // CHARTER-15
    broken(|h| h.members[1] = MemberNumber(1)); // CHARTER-15: one twice
    broken(|h| h.members[2] = MemberNumber(9)); // CHARTER-15: no member
    broken(|h| h.members[2] = MemberNumber(5)); // CHARTER-15: platforms alone
    broken(|h| h.members = [1, 4, 6].map(MemberNumber).to_vec()); // CHARTER-15: an observer
    broken(|h| h.members = [2, 3, 6].map(MemberNumber).to_vec()); // CHARTER-15: sisters under one control
    broken(|h| h.quotas.swap(0, 1)); // CHARTER-15
    broken(|h| h.quotas[1] = h.quotas[0]); // CHARTER-15
    let state = |state| move |c: &mut Charter| c.members[5].state = state;
    assert_eq!(shared(state(MemberState::Suspended)), Err(CharterError::Holding)); // CHARTER-15
    assert_eq!(shared(|c| c.members[5].feed_keys.clear()), Err(CharterError::Holding)); // CHARTER-15: it can sign nothing
    assert_eq!(shared(|c| c.members[5].role = MemberRole::Gateway), Err(CharterError::Holding)); // CHARTER-15
    assert_eq!(shared(|c| c.members[5].controller = CODES[0].to_owned()), Err(CharterError::Holding)); // CHARTER-15
    assert_eq!(shared(|c| c.holding = None), Ok(true), "the keys that there are keep their holders");
    // CHARTER-15: no more than fit on the wire.
    let mut many = third();
    many.members =
        (1..=17).map(|n| Member { number: MemberNumber(n), controller: format!("{n}"), ..member(6) }).collect();
    many.holding = Some(Holding { threshold: 2, members: (1..=17).map(MemberNumber).collect(), quotas: Vec::new() });
    assert_eq!(many.check_holding(), Err(CharterError::Holding)); // CHARTER-15
    many.holding.as_mut().unwrap().members.pop();
    assert_eq!(many.check_holding(), Ok(()));
}

#[test]
fn public_shares_belong_to_one_key() {
    let broken = |change: fn(&mut TokenKey)| {
        assert_eq!(shared(|c| change(&mut c.token_keys[ENT])), Err(CharterError::PublicShares));
    };
    broken(|key| key.public_keys.swap(1, 2)); // CHARTER-16
    broken(|key| key.public_keys[0] = shared_key(Class::Mob, 3).1.public_keys[0]); // CHARTER-16
    broken(|key| key.public_keys[3] = [0; 32]); // CHARTER-16: the identity
    broken(|key| key.public_keys[3] = [255; 32]); // CHARTER-16: no element
    broken(|key| key.threshold = 3); // CHARTER-16: two could use it
    broken(|key| key.members[2] = MemberNumber(9)); // CHARTER-16: no member
    // A refresh is checked like a new key.
    let mut fourth = third();
    (fourth.number, fourth.previous) = (4, Some(chain(3).current_id()));
    fourth.token_keys[ENT].public_keys[1..].reverse();
    assert_eq!(chain(3).extend(signed(&fourth, &["1", "2"])), Err(CharterError::PublicShares)); // CHARTER-16
    // In a first version, too.
    let first = |change: fn(&mut TokenKey)| {
        let mut charter = genesis();
        charter.members.push(member(5));
        share_keys(&mut charter);
        change(&mut charter.token_keys[ENT]);
        found(&charter, &["1", "2"])
    };
    assert_eq!(first(|_| ()), Ok(()));
    assert_eq!(first(|key| key.public_keys.swap(1, 2)), Err(CharterError::PublicShares)); // CHARTER-16
}

/// The arithmetic of CHARTER-16 is done for nobody who has no quorum.
#[test]
fn public_shares_are_looked_at_after_the_quorum() {
    let bad = |charter: &mut Charter| {
        share_keys(charter);
        charter.token_keys[ENT].public_keys.swap(1, 2);
    };
    assert_eq!(extended(bad, &["1"]), Err(CharterError::OldQuorum { have: 1, need: 2 }));
    assert_eq!(extended(bad, &[]), Err(CharterError::OldQuorum { have: 0, need: 2 }));
    let handover = |charter: &mut Charter| {
        bad(charter);
        charter.stewards = vec![two(), Steward { member: MemberNumber(5), key: steward("5").public() }];
    };
    assert_eq!(extended(handover, &["1", "2"]), Err(CharterError::NewQuorum { have: 1, need: 2 }));
    let mut first = genesis();
    bad(&mut first);
    assert_eq!(found(&first, &[]), Err(CharterError::NewQuorum { have: 0, need: 2 }));
}

#[test]
fn a_class_does_not_fall_back_and_has_two_epochs_at_the_most() {
    let falls_back = |c: &mut Charter| {
        c.token_keys.push(token_key(Class::Ent, 3));
        c.token_keys.sort_by_key(|key| (key.class, key.epoch));
    };
    assert_eq!(shared(falls_back), Err(CharterError::FallsBack)); // CHARTER-17
    let of_retired = |c: &mut Charter| {
        falls_back(c);
        c.token_keys[ENT].retired = Some(REVISED);
    };
    assert_eq!(shared(of_retired), Err(CharterError::FallsBack)); // CHARTER-17: not even after a retired one
    let add = |epochs: &'static [u16]| {
        move |c: &mut Charter| {
            c.token_keys.extend(epochs.iter().map(|epoch| shared_key(Class::Ent, *epoch).1));
            c.token_keys.sort_by_key(|key| (key.class, key.epoch));
        }
    };
    assert_eq!(shared(add(&[3])), Ok(true), "one epoch passes into the next");
    assert_eq!(shared(add(&[3, 4])), Err(CharterError::TooManyEpochs)); // CHARTER-18
    let with_keyed = |c: &mut Charter| {
        add(&[3])(c);
        c.token_keys[0].retired = None;
    };
    assert_eq!(shared(with_keyed), Err(CharterError::TooManyEpochs)); // CHARTER-18: a keyed one counts
    let retired = |c: &mut Charter| {
        add(&[3, 4])(c);
        c.token_keys[ENT].retired = Some(REVISED);
    };
    assert_eq!(shared(retired), Ok(true));
}
