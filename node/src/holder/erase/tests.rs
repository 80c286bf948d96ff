use antibrush_protocol::{
    ceremony::{Call, Kind},
    subject::Class,
};

use super::*;
use crate::{
    clock,
    holder::{
        fixtures::{NOW, Scene, result, secret},
        shares::StoredShare,
    },
    keys::LocalKey,
};

const CALLED: Timestamp = Timestamp(NOW.0 + 10);
const MOB: Class = Class::Mob;
const DAY: u64 = 86_400;

fn open(scene: &Scene) -> Shares {
    Shares::open(scene.directory.path(), LocalKey::derive(&[7; 32], "shares")).unwrap()
}

/// Keeps share 2 of what a call made.
fn keep(shares: &Shares, call: &Call, slope: u8) -> [u8; 32] {
    let public_keys = result(MOB, slope).remove(0).public_keys;
    let public = public_keys[2];
    let share = StoredShare { class: MOB, epoch: 1, holder_index: 2, secret: secret(slope, 2), public };
    shares.put_share(&call.token_key(MOB, public_keys).id(), &share).unwrap();
    public
}

fn kept(shares: &Shares) -> Vec<[u8; 32]> {
    shares.list().unwrap().held.iter().map(|held| held.public).collect()
}

#[test]
fn a_seed_goes_when_nothing_can_come_of_it_any_more() {
    let mut scene = Scene::new();
    let shares = open(&scene);
    let (call, unknown) = (scene.call(Kind::Generate, MOB, CALLED), [9; 32]);
    shares.put_seed(&call.id(), &[1; 32]).unwrap();
    shares.put_seed(&unknown, &[2; 32]).unwrap();
    let (over, system) = (call.payload().deadline, clock::system());
    let days = |days: u64| Duration::from_secs(days * DAY);
    let erase = |at: Timestamp, files_now| seeds(&shares, &scene.chain, &scene.board, at, files_now).unwrap();
    erase(over.plus(6 * DAY - 1), system + days(7));
    assert_eq!(shares.seeds().unwrap().len(), 2);
    // The board was lost, and the clock that stamped the file was ahead.
    erase(over, system - days(30));
    assert_eq!(shares.seeds().unwrap().len(), 2);
    erase(over, system + days(8) + Duration::from_secs(60));
    assert_eq!(shares.seeds().unwrap(), [call.id()]);
    erase(over.plus(6 * DAY), system);
    assert_eq!(shares.seeds().unwrap(), [[0; 32]; 0]);
}

#[test]
fn a_seed_stays_while_the_charter_has_the_key_and_the_share_is_missing() {
    let mut scene = Scene::new();
    let shares = open(&scene);
    let call = scene.call(Kind::Generate, MOB, CALLED);
    shares.put_seed(&call.id(), &[1; 32]).unwrap();
    assert!(scene.put(call.payload(), &result(MOB, 1)));
    seeds(&shares, &scene.chain, &scene.board, call.payload().deadline.plus(6 * DAY), clock::system()).unwrap();
    assert_eq!(shares.seeds().unwrap(), [call.id()]);
}

#[test]
fn before_a_deletion_is_signed_the_seeds_of_the_key_are_gone() {
    let mut scene = Scene::new();
    let shares = open(&scene);
    let (mob, acc) = (scene.call(Kind::Generate, MOB, CALLED), scene.call(Kind::Generate, Class::Acc, CALLED));
    for call in [&mob, &acc] {
        shares.put_seed(&call.id(), &[1; 32]).unwrap();
    }
    let key = mob.payload().token_key(MOB, result(MOB, 1).remove(0).public_keys);
    assert!(!seeds_of(&shares, &scene.board, &key).unwrap());
    assert_eq!(shares.seeds().unwrap(), [acc.id()]);
    // What nobody can tell the purpose of keeps the statement back.
    shares.put_seed(&[9; 32], &[2; 32]).unwrap();
    assert!(seeds_of(&shares, &scene.board, &key).unwrap());
}

#[test]
fn replaced_shares_go_once_the_present_one_is_here() {
    let mut scene = Scene::new();
    let shares = open(&scene);
    let call = scene.call(Kind::Generate, MOB, CALLED);
    let first = keep(&shares, call.payload(), 1);
    assert!(scene.put(call.payload(), &result(MOB, 1)));
    let refresh = scene.call(Kind::Refresh, MOB, CALLED.plus(10));
    let coming = keep(&shares, refresh.payload(), 3);
    // Made, but not in the charter yet.
    old_shares(&shares, &scene.chain).unwrap();
    assert_eq!(kept(&shares).len(), 2);
    assert!(scene.put(refresh.payload(), &result(MOB, 2)));
    // The present one is not here: the first one may still be needed for it.
    old_shares(&shares, &scene.chain).unwrap();
    assert_eq!(kept(&shares).len(), 2);
    let present = keep(&shares, refresh.payload(), 2);
    old_shares(&shares, &scene.chain).unwrap();
    assert!(!kept(&shares).contains(&first));
    assert!(kept(&shares).contains(&present) && kept(&shares).contains(&coming));
}
