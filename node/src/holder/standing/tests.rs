use super::*;
use crate::holder::fixtures::{NOW, Scene, holding, result};

const CALLED: Timestamp = Timestamp(NOW.0 + 10);
const MOB: Class = Class::Mob;

impl Scene {
    fn stands(&self, call: &Verified<Call>, result: Option<&[ClassKeys]>, now: Timestamp) -> Standing {
        standing(&self.chain, &self.board, call, result, now)
    }
}

#[test]
fn a_confirmation_that_was_withheld_brings_nothing_back() {
    let mut scene = Scene::new();
    let (call, made) = (scene.call(Kind::Generate, MOB, CALLED), result(MOB, 1));
    let deadline = call.payload().deadline;
    for (after, standing) in [(0, Standing::Open), (GRACE_SECONDS - 1, Standing::Open), (GRACE_SECONDS, Standing::Over)]
    {
        assert_eq!(scene.stands(&call, Some(&made), deadline.plus(after)), standing, "{after} s");
    }
    // In time for the charter, it stays its source.
    assert!(scene.put(call.payload(), &made));
    assert_eq!(scene.stands(&call, Some(&made), deadline.plus(86_400)), Standing::InCharter);
    assert_eq!(scene.stands(&call, None, deadline.plus(86_400)), Standing::Replaced);
    assert_eq!(scene.stands(&call, Some(&result(MOB, 2)), CALLED), Standing::Over);
}

#[test]
fn a_ceremony_is_over_when_the_stewards_change_their_mind() {
    let made = result(MOB, 1);
    let mut scene = Scene::new();
    let call = scene.call(Kind::Generate, MOB, CALLED);
    scene.amend(|charter| charter.holding = Some(holding(3)));
    assert_eq!(scene.stands(&call, Some(&made), CALLED), Standing::Over);
    assert!(!scene.put(call.payload(), &made));
    assert!(scene.chain.current().token_keys.is_empty());

    let mut scene = Scene::new();
    let call = scene.call(Kind::Generate, MOB, CALLED);
    let other = scene.call(Kind::Generate, Class::Acc, CALLED.plus(1));
    assert_eq!(scene.stands(&call, Some(&made), CALLED), Standing::Open);
    let again = scene.call(Kind::Generate, MOB, CALLED.plus(2));
    assert_eq!(scene.stands(&call, Some(&made), CALLED), Standing::Over);
    for call in [&other, &again] {
        assert_eq!(scene.stands(call, None, CALLED), Standing::Open);
    }
    scene.replace_steward();
    assert_eq!(scene.stands(&again, None, CALLED), Standing::Over);
}

#[test]
fn of_two_refreshes_of_the_same_shares_one_enters_the_charter() {
    let mut scene = Scene::new();
    let call = scene.call(Kind::Generate, MOB, CALLED);
    assert!(scene.put(call.payload(), &result(MOB, 1)));
    let one = scene.call(Kind::Refresh, MOB, CALLED.plus(10));
    let two = scene.call(Kind::Refresh, MOB, CALLED.plus(20));
    assert!(scene.put(two.payload(), &result(MOB, 2)));
    // Looked at before the charter came, and proposed after.
    assert!(!scene.put(one.payload(), &result(MOB, 3)));
    assert_eq!(scene.chain.current().token_keys[0].public_keys, result(MOB, 2)[0].public_keys);
    assert_eq!(scene.stands(&one, Some(&result(MOB, 3)), CALLED.plus(30)), Standing::Over);
    assert_eq!(scene.stands(&two, Some(&result(MOB, 2)), CALLED.plus(30)), Standing::InCharter);
    // A later refresh does not make it another one's.
    let three = scene.call(Kind::Refresh, MOB, CALLED.plus(40));
    assert!(scene.put(three.payload(), &result(MOB, 4)));
    assert_eq!(scene.stands(&two, Some(&result(MOB, 2)), CALLED.plus(50)), Standing::InCharter);
}

#[test]
fn shares_of_a_retired_key_are_not_renewed() {
    let mut scene = Scene::new();
    let call = scene.call(Kind::Generate, MOB, CALLED);
    assert!(scene.put(call.payload(), &result(MOB, 1)));
    let refresh = scene.call(Kind::Refresh, MOB, CALLED.plus(10));
    assert_eq!(scene.stands(&refresh, None, CALLED.plus(20)), Standing::Open);
    scene.amend(|charter| charter.token_keys[0].retired = Some(CALLED.plus(15)));
    assert_eq!(scene.stands(&refresh, None, CALLED.plus(20)), Standing::Over);
    assert!(!scene.put(refresh.payload(), &result(MOB, 2)));
}
