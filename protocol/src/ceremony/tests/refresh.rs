//! New shares of the same key.

use curve25519_dalek::ristretto::RistrettoPoint;

use super::*;

/// A finished ceremony, and a refresh of its keys that has not begun.
fn refresh_of(before: &World) -> World {
    let outcome = before.outcome(0);
    let (call, present) = refresh_call(before, &outcome);
    let shares = before.numbers().map(|number| before.outcome(number).shares.unwrap().as_slice().to_vec()).collect();
    let ceremony = Ceremony::new(verified(&call).unwrap(), &present).unwrap();
    World { ceremony, charter: before.charter.clone(), shares, board: Vec::new() }
}

fn refresh_call(before: &World, outcome: &Outcome) -> (Call, Vec<Vec<[u8; 32]>>) {
    let present: Vec<Vec<[u8; 32]>> = outcome.keys.iter().map(|keys| keys.public_keys.clone()).collect();
    let keys = present.iter().map(|keys| keys[0]).collect();
    let mut call = Call { kind: Kind::Refresh, keys, ..before.ceremony.call().clone() };
    call.nonce[0] ^= call.nonce[1];
    call.nonce.rotate_left(1);
    (call, present)
}

fn shares(world: &World, class: usize) -> Vec<(u8, [u8; 32])> {
    world.numbers().map(|number| (number, world.outcome(number).shares.unwrap().as_slice()[class])).collect()
}

#[test]
fn the_key_stays_and_every_share_changes() {
    for (threshold, holders) in [(2, 3), (3, 5)] {
        let before = World::new(threshold, holders, CLASSES).rounds(3);
        let after = refresh_of(&before).rounds(3);
        let again = refresh_of(&after).rounds(3);
        for pair in [(&before, &after), (&after, &again)] {
            let (old, new) = (pair.0.outcome(0).keys, pair.1.outcome(0).keys);
            for class in 0..CLASSES.len() {
                let group = |scalar: Scalar| RistrettoPoint::mul_base(&scalar).compress().0;
                let (old_keys, new_keys) = (&old[class].public_keys, &new[class].public_keys);
                assert_eq!(old_keys[0], new_keys[0]);
                assert!(old_keys[1..].iter().zip(&new_keys[1..]).all(|(old, new)| old != new));
                let (old_shares, new_shares) = (shares(pair.0, class), shares(pair.1, class));
                for subset in subsets(threshold, holders) {
                    let of = |shares: &[(u8, [u8; 32])]| {
                        subset.iter().map(|number| shares[usize::from(*number) - 1]).collect::<Vec<_>>()
                    };
                    assert_eq!(group(combine(&of(&old_shares))), old_keys[0]);
                    assert_eq!(group(combine(&of(&new_shares))), old_keys[0]);
                    // An old share among new ones gives another key.
                    let mut mixed = of(&new_shares);
                    mixed[0] = of(&old_shares)[0];
                    assert_ne!(group(combine(&mixed)), old_keys[0]);
                }
                let read = |shares: &[(u8, [u8; 32])]| {
                    shares.iter().map(|(number, share)| KeyShare::read(*number, share).unwrap()).collect::<Vec<_>>()
                };
                let (old_key, new_key) = (
                    ThresholdKey::read(threshold, old_keys).unwrap(),
                    ThresholdKey::read(threshold, new_keys).unwrap(),
                );
                let (old_values, new_values) =
                    (values(&old_key, &read(&old_shares)), values(&new_key, &read(&new_shares)));
                assert!(old_values.iter().chain(&new_values).all(|value| *value == old_values[0]), "the same tokens");
                let mut mixed = new_keys.clone();
                mixed[1] = old_keys[1];
                assert_eq!(ThresholdKey::read(threshold, &mixed).err(), Some(OprfError::Inconsistent));
            }
        }
    }
}

/// CEREMONY-20: keys, shares and call belong together.
#[test]
fn only_the_present_keys_are_renewed() {
    let before = World::new(2, 3, CLASSES).rounds(3);
    let (call, present) = refresh_call(&before, &before.outcome(0));
    let open = |call: &Call, present: &[Vec<[u8; 32]>]| Ceremony::new(verified(call).unwrap(), present).map(drop);
    assert_eq!(open(&call, &present), Ok(()));
    assert_eq!(open(&call, &[]), Err(CeremonyError::OtherKeys));
    assert_eq!(open(&call, &present[..2]), Err(CeremonyError::OtherKeys));
    assert_eq!(open(before.ceremony.call(), &present), Err(CeremonyError::OtherKeys), "a generation has none");
    let mut swapped = present.clone();
    swapped.swap(0, 1);
    assert_eq!(open(&call, &swapped), Err(CeremonyError::OtherKeys));
    let mut mixed = present.clone();
    mixed[0][1] = present[1][1];
    assert_eq!(open(&call, &mixed), Err(CeremonyError::OtherKeys));
    let mut short = present;
    short[0].pop();
    assert_eq!(open(&call, &short), Err(CeremonyError::OtherKeys));
    // A holder with another holder's share, or with none.
    let mut world = refresh_of(&before);
    world.shares.swap(0, 1);
    assert_eq!(world.try_see(1, &seed(1), NOW).err(), Some(CeremonyError::OtherShare));
    assert!(world.try_see(3, &seed(3), NOW).is_ok());
    world.shares[2].clear();
    assert_eq!(world.try_see(3, &seed(3), NOW).err(), Some(CeremonyError::OtherShare));
}

/// A polynomial whose value at 0 is not zero would change the key: there is no place for its commitment.
#[test]
fn a_refresh_can_not_move_the_key() {
    let before = World::new(2, 3, &CLASSES[..1]).rounds(3);
    let Round::Commit { packages, .. } = before.said(2, Step::Commit).payload().round.clone() else { panic!() };
    for length in [0, 64, 128] {
        let mut world = refresh_of(&before).rounds(1);
        world.replace(2, |round| {
            let Round::Commit { packages: ours, .. } = round else { panic!() };
            assert_eq!(ours[0].len(), 32);
            ours[0] = packages[0][..length].to_vec();
        });
        assert_eq!(world.faults(NOW), [(2, Fault::BadPackage)]);
    }
    // With one commitment of that polynomial its shares do not fit.
    let mut world = refresh_of(&before);
    world.round([1, 2, 3]);
    world.replace(2, |round| {
        let Round::Commit { packages: ours, .. } = round else { panic!() };
        ours[0] = packages[0][32..64].to_vec();
    });
    assert_eq!(world.faults(NOW), []);
    world.round([1, 3]);
    world.say(2, refresh_of(&before).rounds(2).said(2, Step::Deal).payload().round.clone());
    world.round([1]);
    assert_eq!(world.faults(NOW), [(2, Fault::BadShare)]);
}

#[test]
fn a_cheat_in_a_refresh_is_named_and_the_old_shares_stay() {
    let before = World::new(2, 3, &CLASSES[..1]).rounds(3);
    let mut world = refresh_of(&before).rounds(2);
    world.replace(3, |round| {
        let Round::Deal { sealed } = round else { panic!() };
        sealed[0][40] ^= 1;
    });
    world.round([1]);
    assert_eq!(world.faults(NOW), [(3, Fault::BadShare)]);
    assert!(world.see(1, NOW).outcome.is_none());
}
