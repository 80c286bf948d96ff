//! Decisions about feeds: how a charter may make them, and what they void.

use crate::{
    base::{MemberNumber, Timestamp},
    charter::{Charter, CharterChain, CharterError, Cut, HeaderRefusal, Member},
    encoding::Wire,
    feed::BatchHeader,
    fixtures::*,
    signed::{self, Signed, Signer},
};

const ALPHA: MemberNumber = MemberNumber(1);

/// The moment of version 3 in these tests, and of what is signed under it.
const DECIDED: Timestamp = Timestamp(SECOND.0 + 600);

/// Version 3 after version 2, with a change.
fn third_with(change: impl FnOnce(&mut Charter)) -> Charter {
    let mut charter = second();
    (charter.number, charter.previous, charter.issued) = (3, Some(signed(&second(), &[]).id()), DECIDED);
    change(&mut charter);
    charter
}

fn extended(change: impl FnOnce(&mut Charter)) -> Result<CharterChain, CharterError> {
    let mut chain = chain(2);
    chain.extend(signed(&third_with(change), &["1", "2"])).map(|_| chain)
}

/// The feed of Alpha stands up to its first batch.
fn first_batch() -> Cut {
    let header = feed().first;
    Cut { charter: 3, batches: 1, size: header.payload().size, head: Some(header.id()) }
}

fn with_cut(cut: Cut) -> impl FnOnce(&mut Charter) {
    move |charter| charter.members[0].cuts.push(cut)
}

/// The second batch of Alpha with a change, signed by the key of its time.
fn second_batch(change: impl FnOnce(&mut BatchHeader)) -> Signed<BatchHeader> {
    let mut header = feed().second.payload().clone();
    header.checkpoint = None;
    change(&mut header);
    signed::sign(&header, &new_feed_key())
}

fn verify(chain: &CharterChain, header: Signed<BatchHeader>) -> Option<HeaderRefusal> {
    chain.verify_header(header, DECIDED.plus(900)).err()
}

#[test]
fn a_decision_is_whole_of_its_version_and_stays() {
    assert!(extended(with_cut(first_batch())).is_ok());
    let refused = Some(CharterError::Cut(ALPHA)); // CHARTER-19
    for bad in [
        Cut { charter: 2, ..first_batch() },
        Cut { charter: 4, ..first_batch() },
        Cut { head: None, ..first_batch() },
        Cut { batches: 0, ..first_batch() },
        Cut { batches: 0, head: None, ..first_batch() },
    ] {
        assert_eq!(extended(with_cut(bad.clone())).err(), refused, "{bad:?}");
    }
    assert!(extended(with_cut(Cut { batches: 0, size: 0, head: None, ..first_batch() })).is_ok(), "nothing stands");
    let twice = |charter: &mut Charter| charter.members[0].cuts = vec![first_batch(), first_batch()];
    assert_eq!(extended(twice).err(), refused);
    // The next version keeps it and may make another.
    let mut chain = extended(with_cut(first_batch())).unwrap();
    let fourth = |change: fn(&mut Charter)| {
        let mut charter = third_with(with_cut(first_batch()));
        (charter.number, charter.previous) = (4, Some(chain.current_id()));
        change(&mut charter);
        signed(&charter, &["1", "2"])
    };
    assert_eq!(chain.clone().extend(fourth(|charter| charter.members[0].cuts.clear())), Err(CharterError::Cut(ALPHA)));
    let moved = fourth(|charter| charter.members[0].cuts[0].size += 1);
    assert_eq!(chain.clone().extend(moved), Err(CharterError::Cut(ALPHA)));
    let again = fourth(|charter| charter.members[0].cuts.push(Cut { charter: 4, ..first_batch() }));
    assert_eq!(chain.extend(again), Ok(true));
    // A member's encoding has no empty list of decisions.
    let mut bytes = member(1).encode();
    bytes[0] += 1;
    bytes.extend([11, 0x80]);
    assert!(Member::decode(&bytes).is_err());
}

#[test]
fn a_decision_voids_what_was_signed_after_it_and_nothing_else() {
    let chain = extended(with_cut(first_batch())).unwrap();
    assert_eq!(verify(&chain, feed().first), None, "what stands");
    assert_eq!(verify(&chain, second_batch(|_| ())), Some(HeaderRefusal::Void)); // HEADER-14
    let under_the_decision = second_batch(|h| (h.charter, h.issued) = (chain.current_id(), DECIDED));
    assert_eq!(verify(&chain, under_the_decision.clone()), None, "the feed goes on under the charter that decided");
    // The last header that stands is that one and no other with its number.
    let mut twin = feed().first.payload().clone();
    (twin.expires.0, twin.checkpoint) = (twin.expires.0 - 1, None);
    let twin = signed::sign(&twin, &feed_key(1));
    assert_eq!(verify(&chain, twin.clone()), Some(HeaderRefusal::Void));
    assert_eq!(verify(&crate::fixtures::chain(2), twin), None, "before the decision it counted");
}

#[test]
fn a_revoked_key_signs_nothing_under_the_charter_that_revoked_it() {
    let revoke = |charter: &mut Charter| {
        charter.members[0].cuts.push(first_batch());
        let key = &mut charter.members[0].feed_keys[1];
        (key.until, key.revoked) = (Some(DECIDED), Some(3));
    };
    let chain = extended(revoke).unwrap();
    // Whoever stole it states any time, and the newest charter.
    let stolen = second_batch(|h| h.charter = chain.current_id());
    assert_eq!(verify(&chain, stolen), Some(HeaderRefusal::WrongKey)); // HEADER-11
    assert_eq!(verify(&chain, second_batch(|_| ())), Some(HeaderRefusal::Void));
    let alpha = chain.current().member(ALPHA).unwrap();
    assert!(!alpha.signs_with(&new_feed_key().public(), SECOND), "nor anything else");
    // CHARTER-21
    let refused = Some(CharterError::FeedKey(ALPHA));
    let without_a_cut = |charter: &mut Charter| {
        revoke(charter);
        charter.members[0].cuts.clear();
    };
    assert_eq!(extended(without_a_cut).err(), refused);
    let without_an_end = |charter: &mut Charter| {
        revoke(charter);
        charter.members[0].feed_keys[1].until = None;
    };
    assert_eq!(extended(without_an_end).err(), refused);
    let without_the_old_one = |charter: &mut Charter| {
        charter.members[0].feed_keys.remove(0);
    };
    assert_eq!(extended(without_the_old_one).err(), refused, "old headers need it");
    assert_eq!(extended(|charter| charter.members[0].feed_keys[0].until = None).err(), refused);
    assert_eq!(extended(|charter| charter.members[0].feed_keys[0].from.0 -= 1).err(), refused);
    let earlier = |charter: &mut Charter| {
        revoke(charter);
        charter.members[0].feed_keys[1].revoked = Some(2);
    };
    assert_eq!(extended(earlier).err(), refused);
    // For good.
    let mut charter = third_with(revoke);
    (charter.number, charter.previous) = (4, Some(chain.current_id()));
    charter.members[0].feed_keys[1].revoked = None;
    assert_eq!(chain.clone().extend(signed(&charter, &["1", "2"])), Err(CharterError::FeedKey(ALPHA)));
}

#[test]
fn nothing_is_signed_under_a_charter_that_has_run_out_and_its_successor_is_taken() {
    let soon = DECIDED.plus(60);
    let chain = extended(|charter| charter.expires = soon).unwrap();
    let at = |issued: Timestamp| {
        let header = second_batch(|h| {
            (h.charter, h.issued, h.expires) = (chain.current_id(), issued, issued.plus(60));
        });
        verify(&chain, header)
    };
    assert_eq!(at(Timestamp(soon.0 - 1)), None);
    assert_eq!(at(soon), Some(HeaderRefusal::CharterExpired)); // HEADER-15
    // CHARTER-22
    assert_eq!(chain.require_in_force(Timestamp(soon.0 - 1)), Ok(()));
    assert_eq!(chain.require_in_force(soon), Err(CharterError::Expired));
    let mut charter = third_with(|charter| charter.expires = soon);
    (charter.number, charter.previous, charter.issued) = (4, Some(chain.current_id()), soon.plus(60));
    charter.expires = soon.plus(86_400);
    let mut renewed = chain.clone();
    assert_eq!(renewed.extend(signed(&charter, &["1", "2"])), Ok(true));
    assert_eq!(renewed.require_in_force(soon.plus(60)), Ok(()));
}

#[test]
fn two_successors_of_one_version_are_a_fork_only_if_the_quorum_signed_both() {
    let chain = chain(2);
    let mut other = second();
    other.name_en = "Another Alliance".to_owned();
    assert!(chain.is_fork(&signed(&other, &["1", "2"]))); // CHARTER-12
    assert!(!chain.is_fork(&signed(&other, &["1"])), "one steward alone proves nothing");
    assert!(!chain.is_fork(&signed(&second(), &["1", "2"])), "the same one");
    assert!(!chain.is_fork(&signed(&third_with(|_| ()), &["1", "2"])), "the next one");
}
