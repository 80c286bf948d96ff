//! The published charters as an outsider reads them: from files, with nothing but the protocol crate.

mod wire;

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    charter::{Charter, CharterChain, CharterError, SignedCharter, quorum},
    encoding::Wire,
    subject::Class,
};
use wire::{alliance, chain, vector};

fn signed(name: &str) -> SignedCharter {
    SignedCharter::decode(&vector(name)).unwrap()
}

#[test]
fn the_chain_is_the_same_whichever_way_it_is_read() {
    let whole = chain(2);
    let mut stepwise = CharterChain::found(signed("charter_genesis_signed"), Some(&alliance())).unwrap();
    assert_eq!(stepwise.extend(signed("charter_second_signed")), Ok(true));
    assert_eq!(stepwise.extend(signed("charter_second_signed")), Ok(false));
    assert_eq!(stepwise.extend(signed("charter_genesis_signed")), Ok(false));
    assert_eq!((stepwise.alliance(), stepwise.current_id()), (whole.alliance(), whole.current_id()));
    assert_eq!(
        stepwise.from(1).iter().map(SignedCharter::encode).collect::<Vec<_>>(),
        [vector("charter_genesis_signed"), vector("charter_second_signed")]
    );
}

#[test]
fn nobody_begins_with_another_alliance() {
    let first = signed("charter_genesis_signed");
    assert_eq!(CharterChain::found(first, Some(&[0; 32])).err(), Some(CharterError::OtherChain));
    let second = signed("charter_second_signed");
    assert_eq!(
        CharterChain::found(second, Some(&alliance())).err(),
        Some(CharterError::NotNext { expected: 1, found: 2 })
    );
}

#[test]
fn signatures_count_by_controlling_entity() {
    let charter = Charter::decode(&vector("charter_genesis")).unwrap();
    let keys: Vec<_> = charter.stewards.iter().map(|steward| steward.key).collect();
    assert_eq!((keys.len(), quorum::count(&charter, &keys)), (4, 2));
    assert_eq!(quorum::count(&charter, signed("charter_genesis_signed").signers()), 2);
}

#[test]
fn a_feed_key_has_its_time() {
    let charter = Charter::decode(&vector("charter_second")).unwrap();
    let alpha = charter.member(MemberNumber(1)).unwrap();
    let [old, new] = alpha.feed_keys.as_slice() else { panic!("two keys") };
    let (end, begin) = (old.until.unwrap(), new.from);
    let before = |at: Timestamp| Timestamp(at.0 - 1);
    assert!(alpha.signs_with(&old.key, before(end)) && !alpha.signs_with(&old.key, end));
    assert!(alpha.signs_with(&new.key, begin) && !alpha.signs_with(&new.key, before(begin)));
    // Headers go by the charter that they name: the old one handed over in version 2.
    assert_eq!(alpha.present_feed_key(), Some(new));
    assert!(alpha.signs_header_with(&old.key, end, 1) && !alpha.signs_header_with(&old.key, end, 2));
    assert!(!alpha.signs_header_with(&new.key, end, 1) && alpha.signs_header_with(&new.key, end, 2));
    assert_eq!(charter.token_key(Class::Mob).map(|key| key.epoch), Some(1));
    assert_eq!(charter.token_key(Class::Per), None);
}
