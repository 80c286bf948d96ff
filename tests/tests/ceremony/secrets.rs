//! Secret shares: never in clear on any disk, and renewed by a refresh that changes nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use aho_corasick::AhoCorasick;
use antibrush_protocol::{
    ceremony::Step,
    evaluation::{BadAnswer, EvaluationRequest, EvaluationResponse, Refusal},
    subject::{Class, Subject},
    suite::threshold::{Element, blind},
};
use antibrush_tests::{Alliance, Node, wait_until};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::{
    call,
    evaluations::Holder,
    has_posted, list, name_holders,
    puppet::{Puppet, chain_of, shares_of},
    wait_for_holders, wait_for_result,
};

const HOLDERS: [&str; 3] = ["alpha", "beta", "notary"];

/// The ways in which 32 bytes may be written.
fn forms(secret: &[u8; 32]) -> Vec<Vec<u8>> {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let listed = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    // What base64 makes of all bytes but the last ones does not depend on what comes behind.
    let base64 = [STANDARD_NO_PAD.encode(&secret[..30]), URL_SAFE_NO_PAD.encode(&secret[..30])];
    let texts = [hex::encode(secret), hex::encode_upper(secret), hex::encode(&reversed), listed];
    [secret.to_vec(), reversed].into_iter().chain(texts.into_iter().chain(base64).map(String::into_bytes)).collect()
}

/// The files below a directory that hold one of the needles.
fn holding(directory: &Path, needles: &AhoCorasick, found: &mut Vec<String>) {
    for item in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if item.file_type().unwrap().is_dir() {
            holding(&item.path(), needles, found);
        } else if needles.is_match(&fs::read(item.path()).unwrap()) {
            found.push(item.path().display().to_string());
        }
    }
}

#[test]
fn no_file_holds_a_share_or_a_seed_in_clear() {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance.join("clerk", "key-holder");
    name_holders(&alliance, &["alpha", "beta", "clerk", "notary"], 3);
    let clerk = Puppet::of(&alliance, "clerk");
    let id = call(&alliance, "generate");
    let part = clerk.join(&alliance["alpha"], &id);
    // While clerk keeps the first round open, the seeds lie on the disks.
    let mut secrets = Vec::new();
    for slug in HOLDERS {
        wait_until("it has committed", || has_posted(&alliance["alpha"], &id, slug, "commit"));
        let shares = shares_of(&alliance[slug]);
        let seeds = shares.seeds().unwrap();
        assert_eq!(seeds, [part.id()], "{slug}");
        secrets.push(*shares.seed(&part.id()).unwrap().unwrap());
    }
    part.follow(1, Step::Answer);
    wait_for_result(&alliance, &id, 1);
    drop(clerk);
    for slug in ["alpha", "beta"] {
        wait_for_holders(&alliance[slug], &HOLDERS);
    }
    super::assert_tokens_agree(&alliance, &["alpha", "beta"], 9);
    for node in &mut alliance.nodes {
        node.stop();
    }
    let mut public = Vec::new();
    for slug in HOLDERS {
        let shares = shares_of(&alliance[slug]);
        let found = shares.list().unwrap();
        assert!(found.held.len() > 1 && found.broken.is_empty(), "{slug}: {found:?}");
        assert_eq!(shares.seeds(), Ok(Vec::new()), "a seed goes when its shares are there");
        for held in found.held {
            public.push(held.public);
            secrets.push(*shares.share(&held.key_id, &held.public).unwrap().unwrap().to_bytes());
        }
    }
    assert_eq!(secrets.iter().collect::<BTreeSet<_>>().len(), 3 + public.len(), "no two are the same");
    let all = secrets.iter().flat_map(forms).collect::<Vec<_>>();
    let (needles, mut found) = (AhoCorasick::new(&all).unwrap(), Vec::new());
    holding(alliance.root(), &needles, &mut found);
    assert_eq!(found, [""; 0]);
    // The search finds what is there: public shares stand in the charter, and what is written down on purpose.
    for slug in HOLDERS {
        let (needles, mut found) = (AhoCorasick::new(&public).unwrap(), Vec::new());
        holding(&alliance[slug].directory, &needles, &mut found);
        assert!(!found.is_empty(), "{slug}");
    }
    for form in forms(&secrets[5]) {
        let path = alliance.file("leak", [b"..", &form[..], b".."].concat());
        let mut found = Vec::new();
        holding(alliance.root(), &needles, &mut found);
        assert_eq!(found, [path.display().to_string()]);
    }
}

/// Names of the files in `shares/`.
fn share_files(node: &Node) -> BTreeSet<String> {
    let files = fs::read_dir(node.directory.join("shares")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Of each class with a threshold key its id, group key and public shares.
fn keys_of(node: &Node) -> BTreeMap<Class, ([u8; 32], [u8; 32], Vec<[u8; 32]>)> {
    let chain = chain_of(node);
    let shared = chain.current().token_keys.iter().filter(|key| !key.members.is_empty());
    shared.map(|key| (key.class, (key.id(), key.public_keys[0], key.public_keys[1..].to_vec()))).collect()
}

#[test]
fn a_refresh_renews_shares_and_leaves_keys_and_tokens_as_they_are() {
    const LISTED: &str = "154 0010 0001";
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    list(&alliance["alpha"], LISTED);
    alliance.wait_for_leaves("alpha", 1);
    let said = [
        ("en", "The shares of epoch 1 are new: ", "This is not a rotation: the keys and all tokens stay the same."),
        ("zh", "第 1 期的份额已更新：", "这不是换期：密钥和全部令牌保持不变"),
    ];
    for (round, (language, first, second)) in said.into_iter().enumerate() {
        let before = keys_of(&alliance["beta"]);
        let old: BTreeMap<&str, _> = HOLDERS.iter().map(|slug| (*slug, share_files(&alliance[*slug]))).collect();
        alliance["alpha"].environment.push(("ANTIBRUSH_LANG".to_owned(), language.to_owned()));
        let over = AtomicBool::new(false);
        let said = thread::scope(|scope| {
            let beta = &alliance["beta"];
            let over = &over;
            // Checks go on meanwhile, and whatever a holder and a platform know of the refresh, nobody is taken for a cheat.
            let checking = scope.spawn(move || {
                let mut answers = BTreeMap::<String, u32>::new();
                for n in 0.. {
                    let answer = beta.check("MOB", &format!("154 001{} {n:04}", 1 + round));
                    *answers.entry(answer["answer"].as_str().unwrap().to_owned()).or_default() += 1;
                    assert!(!answer.to_string().contains("bad_answer"), "{answer}");
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
                answers
            });
            let said = alliance["alpha"].outcome(&["keys", "refresh"]);
            alliance.wait_for_keys(1);
            over.store(true, Ordering::Relaxed);
            println!("answers during the refresh: {:?}", checking.join().unwrap());
            said
        });
        assert_eq!(said.status, Some(0), "{said:?}");
        assert!(said.stdout.starts_with(first) && said.stdout.contains(second), "{said:?}");
        wait_until("beta has the charter", || keys_of(&alliance["beta"]) != before);
        let after = keys_of(&alliance["beta"]);
        for (class, (id, group, shares)) in &before {
            let (new_id, new_group, new_shares) = &after[class];
            assert_eq!((id, group), (new_id, new_group), "{class}");
            assert!(shares.iter().zip(new_shares).all(|(old, new)| old != new), "{class}");
        }
        for slug in HOLDERS {
            wait_until("the old shares are gone and the seed as well", || {
                let new = share_files(&alliance[slug]);
                new.len() == after.len()
                    && new.is_disjoint(&old[slug])
                    && new.iter().all(|name| name.ends_with(".share"))
            });
        }
        for node in &alliance.nodes {
            let status = node.http().get("/v1/status").ok();
            assert_eq!(status["offenders"], serde_json::json!([]), "{}", node.slug);
            assert_eq!(node.http().get("/v1/keys").ok()["bad_answers"], 0, "{}", node.slug);
        }
    }
    // Without what was evaluated before, the new shares give the same token.
    let beta = &mut alliance["beta"];
    beta.stop();
    fs::remove_dir_all(beta.directory.join("tokens")).unwrap();
    beta.start();
    alliance.settle();
    wait_for_holders(&alliance["beta"], &HOLDERS);
    assert_eq!(alliance["beta"].answer("MOB", LISTED), "listed");
    assert_eq!(alliance["beta"].answer("MOB", "154 0010 0002"), "not_listed");
}

/// Who asks under the charter before a refresh gets no answer that would look like fraud under it, and an answer of that time
/// does not become one afterwards.
#[test]
fn no_refresh_makes_an_honest_holder_a_cheat() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    alliance["notary"].stop();
    let before = Holder::of(&alliance, "notary");
    alliance["notary"].start();
    let chain = chain_of(&alliance["alpha"]);
    let (key, charter) = (keys_of(&alliance["alpha"])[&Class::Mob].0, chain.current_id());
    let mut input = Vec::new();
    Subject::parse(Class::Mob, "154 0012 0001").unwrap().input(&chain.alliance(), &mut input);
    let blinded = blind(vec![input], &mut [antibrush_node::random::bytes()]).unwrap();
    let elements = blinded.elements().iter().map(|element: &Element| *element.bytes()).collect();
    let request = EvaluationRequest { charter, key, elements };
    let EvaluationResponse::Evaluated(answer) = before.answer(&request) else { panic!("an honest answer") };
    let id = call(&alliance, "refresh");
    wait_for_result(&alliance, &id, 1);

    let chain = chain_of(&alliance["alpha"]);
    let notary = chain.current().member_by_slug("notary").unwrap();
    let bad =
        BadAnswer { holder: notary.number, asked: antibrush_node::clock::wall(), request: request.clone(), answer };
    assert_eq!(bad.verify(&chain), None, "it was good under the charter of its request");
    alliance["beta"].stop();
    let beta = Puppet::of(&alliance, "beta");
    let node = notary.nodes[0].key;
    assert_eq!(beta.ask(node, request.clone()), EvaluationResponse::Refused(Refusal::UnknownCharter));
    let newer = EvaluationRequest { charter: chain.current_id(), ..request };
    assert!(matches!(beta.ask(node, newer), EvaluationResponse::Evaluated(_)));
}
