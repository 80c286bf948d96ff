//! A key holder that evaluates wrongly: it is named, asked last, and what it signed is kept; the platform's checks go on as long
//! as enough others answer.

use std::{collections::BTreeMap, fs, io, sync::Arc};

use antibrush_node::keys::{FeedKey, Keys};
use antibrush_protocol::{
    base::Hash,
    encoding::Wire,
    evaluation::{BadAnswer, EvaluationError, EvaluationRequest, EvaluationResponse, sign},
    suite::{
        KeyId,
        threshold::{Element, Evaluation, KeyShare, OprfError},
    },
};
use antibrush_tests::{Alliance, wait_until};
use serde_json::{Value, json};

use super::{
    babbler::Babbler,
    puppet::{Puppet, chain_of, keys_of, shares_of},
    wait_for_holders,
};

/// What a member needs to evaluate.
pub struct Holder {
    shares: BTreeMap<KeyId, KeyShare>,
    keys: Keys,
    alliance: Hash,
}

impl Holder {
    /// With the shares and keys of a member whose node does not run.
    pub fn of(alliance: &Alliance, slug: &str) -> Holder {
        let shares = shares_of(&alliance[slug]);
        let held = shares.list().unwrap().held;
        let share = |held: &antibrush_node::holder::shares::HeldShare| {
            (held.key_id, shares.share(&held.key_id, &held.public).unwrap().unwrap())
        };
        Holder {
            shares: held.iter().map(share).collect(),
            keys: keys_of(&alliance[slug]),
            alliance: hex::decode(&alliance.id).unwrap().try_into().unwrap(),
        }
    }

    /// What an honest holder makes of the elements of a request.
    fn evaluate(&self, request: &EvaluationRequest) -> Evaluation {
        let elements = Element::read_all(&request.elements).unwrap();
        self.shares[&request.key].evaluate(&elements, &mut antibrush_node::random::bytes()).unwrap()
    }

    /// What an honest holder answers.
    pub fn answer(&self, request: &EvaluationRequest) -> EvaluationResponse {
        self.sign(request, self.evaluate(request))
    }

    fn sign(&self, request: &EvaluationRequest, evaluation: Evaluation) -> EvaluationResponse {
        sign(&self.alliance, request, evaluation, self.keys.feed().unwrap())
    }
}

struct Scene {
    alliance: Alliance,
    /// Numbers that were asked for.
    asked: u32,
}

impl Scene {
    fn check(&mut self) -> Value {
        self.asked += 1;
        self.alliance["beta"].check("MOB", &format!("154 0008 {:04}", self.asked))
    }

    /// beta forgets whom it distrusts. Its own share comes first; of the others alpha is asked first, then who has done less.
    fn begin_anew(&mut self) {
        self.alliance["beta"].stop();
        self.alliance["beta"].start();
        self.alliance.settle();
        wait_for_holders(&self.alliance["beta"], &["alpha", "beta", "notary"]);
        assert_eq!(self.check()["answer"], "not_listed");
    }

    /// notary cheats: with alpha the check succeeds, without it notary is named.
    fn assert_named(&mut self) {
        let answer = self.check();
        assert_eq!(answer["answer"], "not_listed", "alpha answers in its place: {answer}");
        self.alliance["alpha"].stop();
        wait_until("beta sees that alpha is gone", || {
            let keys = self.alliance["beta"].http().get("/v1/keys").ok();
            let mut holders = keys["holders"].as_array().unwrap().iter();
            holders.any(|holder| holder["member"] == "alpha" && holder["connected"] == false)
        });
        let answer = self.check();
        assert_eq!(answer["answer"], "unavailable", "{answer}");
        assert_eq!(
            answer["holders"],
            json!([{ "holder": "alpha", "problem": "not_connected" }, { "holder": "notary", "problem": "bad_answer" }])
        );
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("notary gave an answer that does not hold"), "{reason}");
        assert!(answer["reason_zh"].as_str().unwrap().contains("notary 给出的答案不成立"), "{answer}");
        self.alliance["alpha"].start();
    }

    /// The files in `evidence/` of beta.
    fn evidence(&self) -> Vec<BadAnswer> {
        let files = match fs::read_dir(self.alliance["beta"].directory.join("evidence")) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => panic!("{error}"),
        };
        files.map(|file| BadAnswer::decode(&fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    }
}

/// Where the evidence lies as well.
fn bad_answers(alliance: &Alliance) -> u64 {
    alliance["beta"].http().get("/v1/keys").ok()["bad_answers"].as_u64().unwrap()
}

type Cheat = fn(&Holder, &EvaluationRequest) -> EvaluationResponse;

#[test]
fn a_holder_that_evaluates_wrongly_is_named_and_what_it_signed_is_kept() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    alliance["notary"].stop();
    let notary = Puppet::of(&alliance, "notary");
    let holder = Arc::new(Holder::of(&alliance, "notary"));
    let number = notary.number;
    let play = |answer: Cheat| {
        let holder = holder.clone();
        notary.evaluate(Box::new(move |request| answer(&holder, request)));
    };
    let mut scene = Scene { alliance, asked: 0 };

    // It is the test's tampering that is refused: honest answers of the test are good.
    play(|holder, request| holder.answer(request));
    scene.begin_anew();
    assert_eq!((scene.check()["answer"].clone(), notary.evaluations()), (json!("not_listed"), 1));

    let signed: [(&str, Cheat); 3] = [
        ("another element", |holder, request| {
            let mut evaluation = holder.evaluate(request);
            evaluation.elements[0] = request.elements[0];
            holder.sign(request, evaluation)
        }),
        ("no element", |holder, request| {
            let mut evaluation = holder.evaluate(request);
            evaluation.elements[0] = [0xFF; 32];
            holder.sign(request, evaluation)
        }),
        ("the proof of another batch", |holder, request| {
            let mut evaluation = holder.evaluate(request);
            let other = EvaluationRequest { elements: evaluation.elements.clone(), ..request.clone() };
            evaluation.proof = holder.evaluate(&other).proof;
            holder.sign(request, evaluation)
        }),
    ];
    let mut kept = 0;
    for (what, cheat) in signed {
        play(cheat);
        scene.begin_anew();
        scene.assert_named();
        let evidence = scene.evidence();
        kept += 2;
        assert_eq!((evidence.len(), bad_answers(&scene.alliance)), (kept, kept as u64), "{what}");
    }
    let chain = chain_of(&scene.alliance["beta"]);
    for bad in scene.evidence() {
        let Some(EvaluationError::Oprf { holder, error }) = bad.verify(&chain) else { panic!("{:?}", bad.holder) };
        assert_eq!(holder, number);
        assert!(matches!(error, OprfError::Proof { .. } | OprfError::NotAnElement { .. }), "{error:?}");
        // It proves something of this holder and this answer alone.
        let other = BadAnswer { holder: chain.current().member_by_slug("alpha").unwrap().number, ..bad.clone() };
        assert_eq!(other.verify(&chain), None);
        let mut other = bad;
        *other.answer.last_mut().unwrap() ^= 1;
        assert_eq!(other.verify(&chain), None);
    }
    let said = scene.alliance["beta"].outcome(&["keys", "status"]).stdout;
    let line =
        format!("{kept} answers of key holders did not hold; the evidence lies in `evidence` of the data directory.");
    assert!(said.lines().any(|found| found == line), "{said}");

    let unsigned: [(&str, Cheat); 3] = [
        ("signed with another key", |holder, request| {
            sign(&holder.alliance, request, holder.evaluate(request), &FeedKey::from_secret(&[9; 32]))
        }),
        ("the answer to another request", |holder, request| {
            holder.answer(&EvaluationRequest { elements: holder.evaluate(request).elements, ..request.clone() })
        }),
        ("garbage", |_, _| EvaluationResponse::Evaluated(vec![0xA0; 200])),
    ];
    for (what, cheat) in unsigned {
        play(cheat);
        scene.begin_anew();
        scene.assert_named();
        assert_eq!((scene.evidence().len(), bad_answers(&scene.alliance)), (kept, kept as u64), "{what}");
    }
    // Bytes that are no answer at all: the member goes off the network, and something else comes on in its place.
    drop(notary);
    let _babbler = Babbler::of(&scene.alliance["notary"]);
    scene.begin_anew();
    scene.assert_named();
    assert_eq!((scene.evidence().len(), bad_answers(&scene.alliance)), (kept, kept as u64));
    assert!(!scene.alliance["beta"].log().contains("panicked"));
}
