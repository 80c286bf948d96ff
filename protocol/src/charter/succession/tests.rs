//! How a key hands over, and what its successor may sign.

use super::{KeyKind, KeySuccession, SignedSuccession, Succession};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::{Change, ChangeError, Charter, CharterChain, CharterError, Difference, FeedKey, HeaderRefusal, diff},
    encoding::Wire,
    feed::BatchHeader,
    fixtures::*,
    signed::{self, Signer},
};

const BETA: MemberNumber = MemberNumber(2);
const BETA_AT: usize = 1;

/// The moment of version 3 in these tests.
const DECIDED: Timestamp = Timestamp(SECOND.0 + 600);

fn next_key() -> Key {
    Key::of("antibrush vector feed-2b")
}

fn next_node() -> Key {
    Key::of("antibrush vector node-2b")
}

/// Beta's feed key hands over, with a change, whose signatures are then true.
fn handing_over(change: impl FnOnce(&mut KeySuccession)) -> SignedSuccession {
    let (old, new) = (feed_key(2).public(), next_key().public());
    let mut succession = KeySuccession { alliance: alliance(), member: BETA, kind: KeyKind::Feed, old, new };
    change(&mut succession);
    SignedSuccession::sign(succession, &feed_key(2), &next_key())
}

fn node_handing_over() -> SignedSuccession {
    let (old, new) = (node_key(2).public(), next_node().public());
    let succession = KeySuccession { alliance: alliance(), member: BETA, kind: KeyKind::Node, old, new };
    SignedSuccession::sign(succession, &node_key(2), &next_node())
}

/// Version 3 after version 2, with a change.
fn third_with(change: impl FnOnce(&mut Charter)) -> Charter {
    let mut charter = second();
    (charter.number, charter.previous, charter.issued) = (3, Some(signed(&second(), &[]).id()), DECIDED);
    change(&mut charter);
    charter
}

fn rotate(signed: SignedSuccession) -> impl FnOnce(&mut Charter) {
    move |charter| Change::Rotate(Box::new(signed)).apply(charter).unwrap()
}

fn refused(signed: SignedSuccession) -> ChangeError {
    Change::Rotate(Box::new(signed)).apply(&mut third_with(|_| ())).unwrap_err()
}

fn extended(change: impl FnOnce(&mut Charter)) -> Result<CharterChain, CharterError> {
    let mut chain = chain(2);
    chain.extend(signed(&third_with(change), &["1", "2"])).map(|_| chain)
}

/// A first batch of Beta under that version of the charter.
fn header(chain: &CharterChain, version: u64, issued: Timestamp, key: &Key) -> Option<HeaderRefusal> {
    let charter = chain.from(version)[0].id();
    let header = feed().first.payload().clone();
    let expires = issued.plus(3600);
    let header = BatchHeader { publisher: BETA, charter, issued, expires, checkpoint: None, ..header };
    chain.verify_header(signed::sign(&header, key), issued).err()
}

#[test]
fn a_feed_key_hands_over_with_the_charter_that_a_header_names_whatever_the_clock_says() {
    let chain = extended(rotate(handing_over(|_| ()))).unwrap();
    let beta = chain.current().member(BETA).unwrap();
    assert_eq!(beta.present_feed_key().unwrap().key, next_key().public());
    let wrong = Some(HeaderRefusal::WrongKey); // HEADER-11
    let late = DECIDED.plus(30 * 86_400);
    for issued in [SECOND, DECIDED, late] {
        assert_eq!(header(&chain, 2, issued, &feed_key(2)), None, "what it signed before it heard of that stands");
        assert_eq!(header(&chain, 3, issued, &feed_key(2)), wrong);
        assert_eq!(header(&chain, 2, issued, &next_key()), wrong, "the new one signs nothing under an earlier charter");
    }
    assert_eq!(header(&chain, 3, DECIDED, &next_key()), None);
    // What is no header goes by the clock, with a month for a charter that travels by mail.
    assert!(beta.signs_with(&feed_key(2).public(), DECIDED.plus(30 * 86_400 - 1)));
    assert!(!beta.signs_with(&feed_key(2).public(), DECIDED.plus(30 * 86_400)));
    assert!(beta.signs_with(&next_key().public(), DECIDED));
}

#[test]
fn a_steward_reads_a_succession_as_one_change() {
    let between = |change| diff::between(&second(), &third_with(change));
    let of = |kind, key: Key| vec![Difference::KeySucceeded(BETA, kind, key.public())];
    assert_eq!(between(rotate(handing_over(|_| ()))), of(KeyKind::Feed, next_key()));
    let node = diff::between(&second(), &third_with(rotate(node_handing_over())));
    assert_eq!(node, of(KeyKind::Node, next_node()));
    let longer = |charter: &mut Charter| {
        rotate(handing_over(|_| ()))(charter);
        charter.members[BETA_AT].feed_keys[0].until = None;
    };
    let told = diff::between(&second(), &third_with(longer));
    assert!(told.contains(&Difference::FeedKeys(BETA)), "another end than that of a succession shows: {told:?}");
}

#[test]
fn only_the_key_in_use_hands_over_and_both_sign() {
    assert_eq!(refused(handing_over(|s| s.alliance[0] ^= 1)), ChangeError::Succession(BETA));
    assert_eq!(refused(handing_over(|s| s.member = MemberNumber(77))), ChangeError::NoSuchMember(MemberNumber(77)));
    let mut swapped = handing_over(|_| ());
    (swapped.by_old, swapped.by_new) = (swapped.by_new, swapped.by_old);
    assert!(!swapped.holds());
    assert_eq!(refused(swapped), ChangeError::Succession(BETA));
    let of_another = SignedSuccession::sign(
        KeySuccession { new: feed_key(3).public(), ..handing_over(|_| ()).succession },
        &feed_key(2),
        &feed_key(3),
    );
    assert_eq!(refused(of_another), ChangeError::SuccessorKey(BETA));
    let to_itself = KeySuccession { new: feed_key(2).public(), ..handing_over(|_| ()).succession };
    assert_eq!(refused(SignedSuccession::sign(to_itself, &feed_key(2), &feed_key(2))), ChangeError::Succession(BETA));
    // Alpha's first key handed over in version 2 already.
    assert_eq!(refused(succession()), ChangeError::AlreadySo);
    let former = KeySuccession { new: next_key().public(), ..succession().succession };
    let former = SignedSuccession::sign(former, &feed_key(1), &next_key());
    assert_eq!(refused(former), ChangeError::NotThePresentKey(MemberNumber(1)));
}

#[test]
fn a_charter_brings_in_no_key_without_the_record_that_its_predecessor_signed() {
    let refused = Some(CharterError::KeySuccession(BETA)); // CHARTER-20
    let added = |charter: &mut Charter| {
        charter.members[BETA_AT].feed_keys.push(FeedKey::new(next_key().public(), SECOND));
    };
    assert_eq!(extended(added).err(), refused, "the stewards alone bring in no key");
    let with = |change: fn(&mut Charter)| {
        extended(move |charter| {
            rotate(handing_over(|_| ()))(charter);
            change(charter);
        })
        .err()
    };
    assert_eq!(with(|_| ()), None);
    for (what, change) in [
        ("another number", (|c| c.members[BETA_AT].successions[0].charter = 2) as fn(&mut Charter)),
        ("a broken signature", |c| c.members[BETA_AT].successions[0].by_old[5] ^= 1),
        ("a broken signature of the new one", |c| c.members[BETA_AT].successions[0].by_new[5] ^= 1),
        ("another kind", |c| c.members[BETA_AT].successions[0].kind = KeyKind::Node),
        ("twice", |c| {
            let again = c.members[BETA_AT].successions[0].clone();
            c.members[BETA_AT].successions.push(again);
        }),
        ("without the key", |c| c.members[BETA_AT].feed_keys.truncate(1)),
        ("with a second key", |c| {
            c.members[BETA_AT].feed_keys.insert(0, FeedKey::new(Key::of("another").public(), SECOND));
        }),
    ] {
        assert_eq!(with(change), refused, "{what}");
    }
    // Alpha's record of version 2 stays.
    let alpha = Some(CharterError::KeySuccession(MemberNumber(1)));
    assert_eq!(extended(|c| c.members[0].successions.clear()).err(), alpha);
    assert_eq!(extended(|c| c.members[0].successions[0].charter = 1).err(), alpha);
    // Nobody brings a history along.
    let newcomer = |charter: &mut Charter| {
        let mut member = member(6);
        member.successions = vec![Succession::recorded(&handing_over(|_| ()), 3)];
        charter.members.push(member);
    };
    assert_eq!(extended(newcomer).err(), Some(CharterError::KeySuccession(MemberNumber(6))));
    let mut first = genesis();
    first.members[0].successions = vec![Succession::recorded(&succession(), 1)];
    let founded = CharterChain::found(signed(&first, &["1", "2"]), None);
    assert_eq!(founded.err(), Some(CharterError::KeySuccession(MemberNumber(1))));
}

#[test]
fn a_node_key_hands_over_in_its_place_and_its_former_self_may_still_ask() {
    let chain = extended(rotate(node_handing_over())).unwrap();
    let beta = chain.current().member(BETA).unwrap();
    assert!(beta.is_first_node(&next_node().public()), "it keeps the place");
    assert_eq!(beta.nodes[0].addresses, second().members[BETA_AT].nodes[0].addresses);
    let (old, new) = (node_key(2).public(), next_node().public());
    assert_eq!(chain.former_nodes().collect::<Vec<_>>(), [&old], "it may ask who it is now");
    assert!(chain.current().member_of_node(&new).is_some() && chain.current().member_of_node(&old).is_none());
    // It comes back as nobody's key, and goes with its successor.
    let again = extended(|charter| {
        rotate(node_handing_over())(charter);
        charter.members[2].nodes.push(crate::charter::Node { key: old, addresses: Vec::new() });
    });
    assert_eq!(again.err(), Some(CharterError::KeySuccession(BETA)));
    let mut next = third_with(rotate(node_handing_over()));
    let add = |key| Change::AddNode(MemberNumber(3), crate::charter::Node { key, addresses: Vec::new() });
    assert_eq!(add(old).apply(&mut next), Err(ChangeError::Exists(BETA)));
    let mut fourth = third_with(rotate(node_handing_over()));
    (fourth.number, fourth.previous) = (4, Some(chain.current_id()));
    fourth.members[BETA_AT].nodes[0].key = Key::of("yet another node").public();
    let mut without = chain.clone();
    assert_eq!(without.extend(signed(&fourth, &["1", "2"])), Ok(true));
    assert_eq!(without.former_nodes().count(), 0);
    let suspended = extended(|charter| {
        rotate(node_handing_over())(charter);
        charter.members[BETA_AT].state = crate::charter::MemberState::Suspended;
        charter.stewards.retain(|steward| steward.member != BETA);
        charter.threshold = 1;
    });
    assert!(suspended.is_ok_and(|chain| chain.former_nodes().count() == 0));
    // CHARTER-20
    let refused = Some(CharterError::KeySuccession(BETA));
    for (what, change) in [
        (
            "both stand",
            (|c| {
                let mut old = second().members[BETA_AT].nodes[0].clone();
                old.addresses.clear();
                c.members[BETA_AT].nodes.push(old);
            }) as fn(&mut Charter),
        ),
        ("another place", |c| {
            let other = crate::charter::Node { key: Key::of("another node").public(), addresses: Vec::new() };
            c.members[BETA_AT].nodes.insert(0, other);
        }),
    ] {
        let moved = extended(|charter| {
            rotate(node_handing_over())(charter);
            change(charter);
        });
        assert_eq!(moved.err(), refused, "{what}");
    }
}

#[test]
fn a_succession_travels_as_a_small_object() {
    let signed = succession();
    assert!(signed.holds());
    assert_eq!(SignedSuccession::decode(&signed.encode()), Ok(signed.clone()));
    // The bare signature is that of the whole COSE_Sign1.
    let payload = signed.succession.encode();
    let whole = signed::sign_detached("application/antibrush-key-succession+cbor", &payload, &feed_key(1));
    assert!(whole.ends_with(&signed.by_old));
    // A member's encoding has no empty list of successions.
    let mut bytes = member(1).encode();
    bytes[0] += 1;
    bytes.extend([12, 0x80]);
    assert!(crate::charter::Member::decode(&bytes).is_err());
}

#[test]
fn a_key_is_revoked_before_another_one_comes_in_and_a_feed_that_lost_its_last_one_goes_on() {
    let key = |name: &str| Key::of(name).public();
    let revoke = |member: u16, key: Option<[u8; 32]>, successor: Option<[u8; 32]>| Change::Revoke {
        member: MemberNumber(member),
        key,
        stands: crate::charter::Stands::NOTHING,
        successor,
    };
    // Alpha's first key handed over in version 2: nobody brings in a key in its place beside the one in use.
    let (former, present) = (feed_key(1).public(), new_feed_key().public());
    let refused = revoke(1, Some(former), Some(key("third"))).apply(&mut third_with(|_| ()));
    assert_eq!(refused, Err(ChangeError::NotThePresentKey(MemberNumber(1))));
    let smuggled = extended(|charter| {
        revoke(1, Some(former), None).apply(charter).unwrap();
        charter.members[0].feed_keys.push(FeedKey::new(key("third"), SECOND));
    });
    assert_eq!(smuggled.err(), Some(CharterError::KeySuccession(MemberNumber(1)))); // CHARTER-20
    // Without a name it is the one in use that is revoked; and the feed that has none any more gets one later.
    let chain = extended(|charter| revoke(1, None, None).apply(charter).unwrap()).unwrap();
    let alpha = chain.current().member(MemberNumber(1)).unwrap();
    assert_eq!((alpha.present_feed_key(), alpha.feed_keys[1].key), (None, present));
    assert_eq!(alpha.feed_keys[1].revoked, Some(3));
    let mut fourth = (**chain.current()).clone();
    (fourth.number, fourth.previous) = (4, Some(chain.current_id()));
    assert_eq!(revoke(1, None, None).apply(&mut fourth.clone()), Err(ChangeError::NoSuchFeedKey(MemberNumber(1))));
    revoke(1, None, Some(key("third"))).apply(&mut fourth).unwrap();
    let mut chain = chain;
    assert_eq!(chain.extend(signed(&fourth, &["1", "2"])), Ok(true));
    let alpha = chain.current().member(MemberNumber(1)).unwrap();
    assert_eq!(alpha.present_feed_key().map(|present| present.key), Some(key("third")));
    assert_eq!(alpha.cuts.len(), 1, "the feed stands where the first decision said");
}
