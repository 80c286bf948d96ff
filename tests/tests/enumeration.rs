//! The enumeration test: who can recover which listings by trying a whole number space, under suite 1 and under suite 2, and
//! where exactly it ends. The space is small (ten thousand numbers, forty of them listed), the quotas are as small; the bounds
//! are those of docs/PRIVACY.md: n holders, threshold t, c of them corrupt and a quota of L give at most (n − c)·L/(t − c).

#[path = "enumeration/attacker.rs"]
mod attacker;

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Instant};

use antibrush_protocol::{
    evaluation::{EvaluationResponse, Refusal},
    replica::Peer,
    subject::{Class, Subject},
    suite::{
        Suite,
        keyed::{KeyedPrf, SealContext, Seed},
        threshold::{BATCH, Checked, KeyShare, OprfError, ThresholdKey},
    },
};
use antibrush_tests::{Alliance, wait_until};
use attacker::{
    Asker, LISTED, SPACE, Target, begin_well_before_midnight, evaluated, list, listed, node_key, number, steal_share,
    tokens, wait_for_holders,
};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use serde_json::{Value, json};

/// The quota of a member and class at each holder.
const QUOTA: usize = 256;

/// Holders and threshold.
const HOLDERS: [&str; 3] = ["alpha", "beta", "notary"];
const THRESHOLD: usize = 2;

/// How many of the first numbers of the space are listed.
fn listed_below(limit: usize) -> usize {
    listed().into_iter().filter(|n| *n < limit).count()
}

/// Suite 1: what one member has in its own data directory opens everybody's list.
#[test]
fn under_suite_1_any_insider_recovers_the_whole_list() {
    let alliance = Alliance::with(&["alpha", "insider"]);
    list(&alliance, "alpha");
    let published = tokens(&alliance["insider"]);
    let signed = attacker::charter(&alliance["insider"]);
    let charter = signed.charter();
    let me = charter.member_by_slug("insider").unwrap();
    let key = charter.token_key(Class::Mob).unwrap();
    assert_eq!(key.suite, Suite::Keyed);
    let began = Instant::now();
    let keys = attacker::keys(&alliance["insider"]);
    let context = SealContext { founding_nonce: &charter.founding_nonce, epoch: key.epoch, member: me.number.0 };
    let sealed = me.sealed_seeds.iter().find(|sealed| sealed.epoch == key.epoch).unwrap();
    let seed = Seed::open(&sealed.sealed, keys.seal().unwrap().secret(), &context).unwrap();
    let id = hex::decode(&alliance.id).unwrap().try_into().unwrap();
    let prf = KeyedPrf::new(&seed, &id, &charter.founding_nonce, Class::Mob, key.epoch);
    assert_eq!(prf.key_id(), key.id());
    let mut scratch = Vec::new();
    let mut token = |n: usize| prf.token(&Subject::parse(Class::Mob, &number(n)).unwrap(), &mut scratch).0;
    let recovered: Vec<usize> = (0..SPACE).filter(|n| published.contains(&token(*n))).collect();
    assert_eq!(recovered, listed());
    println!(
        "suite 1: an insider recovered {} of {LISTED} listed numbers from a space of {SPACE} in {:?}, asking nobody",
        recovered.len(),
        began.elapsed()
    );
}

/// alpha, beta and the notary hold shares. Beside them there are platforms that hold none: some run a node, of some there is
/// nothing but the keys.
fn shared(running: &[&str], keys_only: &[&str]) -> Alliance {
    let mut alliance = Alliance::founded_with("alpha", &[]);
    alliance.admit("beta", "platform");
    alliance.admit("notary", "key-holder");
    for slug in running {
        alliance.admit(slug, "platform");
    }
    alliance.settle();
    for slug in keys_only {
        alliance.join(slug, "platform");
    }
    let quota = format!("MOB={QUOTA}");
    let named = ["keys", "holders", "--holders", "alpha,beta,notary", "--threshold", "2", "--quota", &quota];
    alliance["alpha"].command(&[&named[..], &["--quota", &format!("ACC={QUOTA}")]].concat());
    let made = alliance["alpha"].command(&["keys", "ceremony", "--classes", "MOB,ACC"]);
    assert_eq!(made["phase"], "in_charter", "{made}");
    alliance.wait_for_keys(1);
    list(&alliance, "alpha");
    alliance
}

/// The answers of a node to numbers of the space.
fn checks(alliance: &Alliance, slug: &str, numbers: std::ops::Range<usize>) -> Vec<Value> {
    let ids: Vec<String> = numbers.map(number).collect();
    let body = json!({ "class": "MOB", "ids": ids, "purpose": "test" });
    alliance[slug].http().post("/v1/checks", &body).ok()["answers"].as_array().unwrap().clone()
}

fn with_answer(answers: &[Value], answer: &str) -> usize {
    answers.iter().filter(|found| found["answer"] == answer).count()
}

/// Suite 2, through the insider's own node: n·L/t evaluations, then nothing, and no restart gives more.
#[test]
fn under_suite_2_an_insider_is_stopped_by_the_quotas() {
    begin_well_before_midnight();
    let mut alliance = shared(&["insider"], &[]);
    let bound = HOLDERS.len() * QUOTA / THRESHOLD;
    let (mut answered, mut recovered, step) = (Vec::new(), 0, QUOTA / 2);
    // Half a quota at a time, so that the node can spread the load over all pairs of holders.
    for first in (0..2 * bound).step_by(step) {
        let answers = checks(&alliance, "insider", first..first + step);
        recovered += with_answer(&answers, "listed");
        answered
            .extend((first..first + step).zip(answers).filter(|(_, a)| a["answer"] != "unavailable").map(|(n, _)| n));
    }
    // A holder that answered too late on a busy machine has counted, and the evaluation came to nothing.
    assert!((QUOTA..=bound).contains(&answered.len()), "{} evaluated, floor(n·L/t) = {bound}", answered.len());
    assert_eq!(recovered, answered.iter().filter(|n| listed().contains(n)).count());
    println!(
        "suite 2, c = 0: an insider evaluated {} of {SPACE} numbers (bound n·L/t = {bound}) and recovered {recovered} of {LISTED} listed ones; then its checks are `unavailable`",
        answered.len()
    );
    let refused = &checks(&alliance, "insider", SPACE - 1..SPACE)[0];
    assert_eq!(refused["answer"], "unavailable", "{refused}");
    let holders = refused["holders"].as_array().unwrap();
    assert!(holders.iter().any(|holder| holder["problem"] == "quota_exhausted"), "{refused}");

    // A restart of the insider's node, and kill −9 of every holder, bring nothing back.
    alliance["insider"].kill();
    for slug in HOLDERS {
        alliance[slug].kill();
    }
    for slug in ["alpha", "beta", "notary", "insider"] {
        alliance[slug].start();
    }
    wait_for_holders(&alliance["insider"], &HOLDERS);
    let mut http = alliance["insider"].http();
    wait_until("the insider's node is up to date", || http.get("/readyz").status == 200);
    let again = checks(&alliance, "insider", 2 * bound..3 * bound);
    assert_eq!(with_answer(&again, "unavailable"), bound, "nothing new after restarts");
    let before = checks(&alliance, "insider", 0..answered.len());
    assert_eq!(with_answer(&before, "unavailable"), 0, "what was evaluated before is in its cache");
}

/// A member's node key and a line to every holder: asks them as cleverly as can be.
struct Attack {
    asker: Asker,
    target: Target,
    holders: Vec<Peer>,
    published: BTreeSet<[u8; 32]>,
}

impl Attack {
    fn by(alliance: &Alliance, member: &str, class: Class) -> Attack {
        let node = &alliance[member];
        let secret = attacker::keys(node).node().unwrap().secret();
        let asker = Asker::new(&secret, &node.listen, alliance, &HOLDERS);
        let charter = attacker::charter(&alliance["alpha"]);
        let holders = HOLDERS.iter().map(|slug| node_key(&charter, slug)).collect();
        Attack { asker, target: Target::new(alliance, class), holders, published: tokens(&alliance["alpha"]) }
    }

    /// Asks these holders for the numbers; the tokens, if all of them evaluate. A share that was stolen helps.
    fn derive(
        &self,
        numbers: std::ops::Range<usize>,
        holders: &[usize],
        stolen: Option<&KeyShare>,
    ) -> Option<Vec<[u8; 32]>> {
        let blinded = self.target.blind(numbers);
        let request = self.target.request(&blinded);
        let mut answers: Vec<Checked> = stolen.iter().map(|share| self.target.evaluate(share, &blinded)).collect();
        for holder in holders {
            let response = self.asker.ask(self.holders[*holder], &request);
            answers.push(evaluated(&self.target, &blinded, response)?);
        }
        Some(self.target.tokens(&blinded, &answers).unwrap().iter().map(|token| token.0).collect())
    }

    fn recovered(&self, tokens: &[[u8; 32]]) -> usize {
        tokens.iter().filter(|token| self.published.contains(*token)).count()
    }

    /// Asserts that no holder evaluates as much as one element more.
    fn assert_exhausted(&self, holders: &[usize]) {
        let blinded = self.target.blind(0..1);
        for holder in holders {
            let response = self.asker.ask(self.holders[*holder], &self.target.request(&blinded));
            assert!(matches!(response, EvaluationResponse::Exhausted { left: 0, .. }), "{response:?}");
        }
    }
}

/// Suite 2, past every node: requests to the holders themselves, spread over all pairs of them.
#[test]
fn requests_to_the_holders_themselves_reach_the_bound_and_not_one_more() {
    begin_well_before_midnight();
    let mut alliance = shared(&[], &["mallory", "oscar", "trudy"]);

    // c = 0: each number costs two answers, each holder gives 256.
    let attack = Attack::by(&alliance, "mallory", Class::Mob);
    let half = QUOTA / 2;
    let mut made = Vec::new();
    for (round, pair) in [[0, 1], [1, 2], [0, 2]].iter().enumerate() {
        made.extend(attack.derive(round * half..(round + 1) * half, pair, None).expect("within the quotas"));
    }
    assert_eq!(made.len(), HOLDERS.len() * QUOTA / THRESHOLD);
    assert_eq!(attack.recovered(&made), listed_below(made.len()));
    attack.assert_exhausted(&[0, 1, 2]);
    println!(
        "suite 2, c = 0, direct: {} evaluations, floor(n·L/t), {} of {LISTED} recovered; not one more",
        made.len(),
        attack.recovered(&made)
    );
    drop(attack);

    // c = 1: beta's share is in the attacker's hands, and nobody counts what he does with it.
    let attack = Attack::by(&alliance, "trudy", Class::Mob);
    let share = steal_share(&alliance, "beta", &attack.target);
    let mut made = Vec::new();
    for (round, honest) in [0, 2].into_iter().enumerate() {
        made.extend(attack.derive(round * QUOTA..(round + 1) * QUOTA, &[honest], Some(&share)).expect("in the quota"));
    }
    assert_eq!(made.len(), (HOLDERS.len() - 1) * QUOTA / (THRESHOLD - 1));
    assert_eq!(attack.recovered(&made), listed_below(made.len()));
    attack.assert_exhausted(&[0, 2]);
    println!(
        "suite 2, c = 1 of t = 2: {} evaluations, (n−c)·L/(t−c), {} of {LISTED} recovered; not one more",
        made.len(),
        attack.recovered(&made)
    );
    drop(attack);

    // kill −9 of a holder in between costs the attacker the block that was reserved, and gives him nothing.
    // Under the key of another class, whose quota nobody has touched: a holder does not see what is asked.
    let attack = Attack::by(&alliance, "oscar", Class::Acc);
    assert!(attack.derive(0..half, &[0, 2], None).is_some());
    alliance["notary"].kill();
    alliance["notary"].start();
    let share = steal_share(&alliance, "beta", &attack.target);
    let mut more = 0;
    while more < 2 * QUOTA && attack.derive(0..16, &[2], Some(&share)).is_some() {
        more += 16;
    }
    let block = QUOTA / 4;
    assert!((half - block..=half).contains(&more), "{more} evaluations after the crash, {half} before it");
    println!(
        "suite 2, a holder killed after {half} of {QUOTA} evaluations gave {more} more: never more than the quota in all"
    );
}

/// One share alone computes nothing, with a guess for the other one or without; two are the whole key.
#[test]
fn one_share_is_worthless_and_two_are_the_key() {
    let alliance = shared(&[], &[]);
    let target = Target::new(&alliance, Class::Mob);
    let published = tokens(&alliance["beta"]);
    assert_eq!(published.len(), LISTED);
    let one = steal_share(&alliance, "beta", &target);

    // t − 1 shares.
    let blinded = target.blind(0..BATCH);
    let mine = target.evaluate(&one, &blinded);
    let refused = target.tokens(&blinded, std::slice::from_ref(&mine)).unwrap_err();
    assert_eq!(refused, OprfError::TooFew { have: 1, need: THRESHOLD });
    for guess in 1..=8u8 {
        let guess = Scalar::from_bytes_mod_order_wide(&[guess; 64]);
        let guessed = KeyShare::read(1, guess.as_bytes()).unwrap();
        // Public keys that fit the guess: f(0) = 2·f(1) − f(2), f(3) = 2·f(2) − f(1).
        let (first, second) = (RistrettoPoint::mul_base(&guess), point(one.public().bytes()));
        let keys = [first + first - second, first, second, second + second - first].map(|key| key.compress().0);
        let key = ThresholdKey::read(2, &keys).unwrap();
        let answer = |share: &KeyShare| {
            let answer = share.evaluate(blinded.elements(), &mut antibrush_node::random::bytes()).unwrap();
            key.check(blinded.elements(), &answer).unwrap()
        };
        let made = target.tokens_under(&key, &blinded, &[answer(&guessed), answer(&one)]).unwrap();
        assert!(made.iter().all(|token| !published.contains(&token.0)), "a guess is no share");
        // And nobody takes a guess for the holder's share.
        let answer = guessed.evaluate(blinded.elements(), &mut antibrush_node::random::bytes()).unwrap();
        assert_eq!(target.key.check(blinded.elements(), &answer).err(), Some(OprfError::Proof { holder: 1 }));
    }
    println!("suite 2, t−1 shares alone: no token at all");

    // t shares.
    let other = steal_share(&alliance, "alpha", &target);
    let began = Instant::now();
    let recover = |numbers: std::ops::Range<usize>| {
        let mut found = Vec::new();
        for first in numbers.clone().step_by(BATCH) {
            let batch = first..numbers.end.min(first + BATCH);
            let blinded = target.blind(batch.clone());
            let answers = [target.evaluate(&one, &blinded), target.evaluate(&other, &blinded)];
            let made = target.tokens(&blinded, &answers).unwrap();
            found.extend(batch.zip(made).filter(|(_, token)| published.contains(&token.0)).map(|(n, _)| n));
        }
        found
    };
    let recovered = std::thread::scope(|scope| {
        let second = scope.spawn(|| recover(SPACE / 2..SPACE));
        [recover(0..SPACE / 2), second.join().unwrap()].concat()
    });
    assert_eq!(recovered, listed());
    println!(
        "suite 2, {THRESHOLD} HOLDERS TOGETHER HAVE THE WHOLE KEY: with the shares of alpha and beta all {} of {LISTED} listed numbers were recovered from a space of {SPACE} in {:?}; no quota stops them",
        recovered.len(),
        began.elapsed()
    );
}

fn point(bytes: &[u8; 32]) -> RistrettoPoint {
    curve25519_dalek::ristretto::CompressedRistretto(*bytes).decompress().unwrap()
}

/// Who is no platform derives nothing; who is no member gets no answer at all.
#[test]
fn observers_and_strangers_get_no_evaluation() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    alliance.admit("regulator", "observer");
    wait_for_holders(&alliance["regulator"], &HOLDERS);
    list(&alliance, "alpha");
    // Its node refuses before it asks anybody, even about a number whose listing it has.
    let question = json!({ "class": "MOB", "id": number(listed()[0]), "purpose": "test" });
    let refused = alliance["regulator"].http().post("/v1/check", &question);
    assert_eq!(refused.problem(), (403, "no-token".to_owned()));
    // Past its node, the holders refuse.
    alliance["regulator"].stop();
    let attack = Attack::by(&alliance, "regulator", Class::Mob);
    let blinded = attack.target.blind(0..1);
    let request = attack.target.request(&blinded);
    for holder in &attack.holders {
        assert_eq!(attack.asker.ask(*holder, &request), EvaluationResponse::Refused(Refusal::NotEntitled));
    }
    let listen = alliance["regulator"].listen.clone();
    drop(attack.asker);
    // Somebody without a seat in the charter is not even refused: the connection ends.
    let stranger = Asker::new(&[7; 32], &listen, &alliance, &HOLDERS);
    let asks_in_vain = || attack.holders.iter().all(|holder| stranger.try_ask(*holder, &request).is_none());
    wait_until("the stranger has a connection", || {
        assert!(asks_in_vain());
        stranger.connected.load(Ordering::Relaxed)
    });
    wait_until("the stranger is shown the door", || {
        assert!(asks_in_vain());
        stranger.disconnected.load(Ordering::Relaxed)
    });
    println!("an observer is refused by its own node and by every holder; a stranger gets no answer");
}

/// A class that has passed from suite 1 to suite 2 never falls back: with the holders down an unknown number is `unavailable`,
/// though the pepper of the older epoch is still at hand.
#[test]
fn no_check_falls_back_from_suite_2_to_suite_1() {
    let mut alliance = Alliance::founded("alpha");
    alliance.admit("beta", "platform");
    alliance.admit("notary", "key-holder");
    alliance.settle();
    let item = json!({ "class": "MOB", "id": number(1), "conduct": "C01", "evidence": "test" });
    alliance["alpha"].http().post("/v1/listings", &json!({ "items": [item] })).ok();
    alliance.wait_for_leaves("alpha", 1);
    assert_eq!(alliance["beta"].answer("MOB", &number(1)), "listed");
    let holders = ["--holders", "alpha,beta,notary", "--threshold", "2", "--classes", "MOB"];
    let made = alliance["alpha"].command(&[&["keys", "ceremony"], &holders[..]].concat());
    assert_eq!((&made["phase"], &made["epoch"]), (&json!("in_charter"), &json!(2)));
    alliance.wait_for_keys(2);
    let keys = alliance["beta"].http().get("/v1/keys").ok();
    let of_mob =
        keys["keys"].as_array().unwrap().iter().filter(|key| key["class"] == "MOB" && key["retired"].is_null());
    let suites: Vec<(u64, u64)> =
        of_mob.map(|key| (key["epoch"].as_u64().unwrap(), key["suite"].as_u64().unwrap())).collect();
    assert_eq!(suites, [(1, 1), (2, 2)]);
    for slug in ["alpha", "notary"] {
        alliance[slug].kill();
    }
    wait_for_holders(&alliance["beta"], &[]);
    // One that nobody lists, and one that is listed under the pepper.
    for n in [2, 1] {
        let answer = alliance["beta"].check("MOB", &number(n));
        assert_eq!(answer["answer"], "unavailable", "{answer}");
    }
    assert_eq!(with_answer(&checks(&alliance, "beta", 0..50), "unavailable"), 50);
    // A class that is in suite 1 needs nobody.
    assert_eq!(alliance["beta"].answer("ACC", "taobao:nobody-here"), "not_listed");
}
