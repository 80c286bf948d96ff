//! What a witness states next, given what is on its board and in its store.

use antibrush_protocol::{
    base::Token,
    charter::{CharterChain, FeedKey, Level, MemberRole, Node as NodeEntry, Policy, SignedCharter},
    codes::{List, Reason},
    entry::{Clearing, Entry},
    feed::build::{Body, Place},
    replica::{BatchId, BoardKept, Input, Replica, Restored},
    signed::{Signed, Signer},
    subject::Class,
    witness::{WitnessStatement, WitnessedHead},
};

use super::*;
use crate::{
    core::{Founding, found},
    keys::{KeyRole, KeyStore, Protection},
    profile::Profile,
    storage::{Effect, lock::DataDir},
    tokens::Tokens,
};

const BETA: MemberNumber = MemberNumber(2);
const BETAS_CODE: &str = "91350100M000200Y4T";

/// Alpha, whose node this is, and Beta, whose heads it may witness.
struct Scene {
    keys: Arc<Keys>,
    beta: Keys,
    chain: CharterChain,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    /// Alpha's directory and Beta's.
    _directories: [tempfile::TempDir; 2],
}

impl Scene {
    fn new() -> Scene {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let create = |at: &tempfile::TempDir| {
            KeyStore::create(at.path(), &KeyRole::ALL, &Protection::InClearDangerously).unwrap()
        };
        let (keys, beta) = (create(&directories[0]), create(&directories[1]));
        let founding = Founding {
            name_zh: "测试".to_owned(),
            name_en: "Test".to_owned(),
            level: Level::National,
            region: None,
            policy: Policy::default(),
            classes: Vec::new(),
        };
        let profile = Profile {
            slug: "alpha".to_owned(),
            legal_name: "示例有限公司".to_owned(),
            uscc: "91350100M000100Y43".to_owned(),
            controller: "91350100M000100Y43".to_owned(),
            role: MemberRole::Platform,
        };
        let issued = clock::wall();
        let charter = found(&founding, &profile, &keys, &["/ip4/127.0.0.1/tcp/1".parse().unwrap()], issued).unwrap();
        let mut chain = CharterChain::found(charter.clone(), None).unwrap();
        let mut next = (**chain.current()).clone();
        (next.number, next.previous, next.alliance) = (2, Some(chain.current_id()), Some(chain.alliance()));
        let mut member = next.members[0].clone();
        (member.number, member.slug) = (BETA, "beta".to_owned());
        (member.uscc, member.controller) = (BETAS_CODE.to_owned(), BETAS_CODE.to_owned());
        member.feed_keys = vec![FeedKey::new(beta.feed().unwrap().public(), Timestamp(issued.0 - 86_400))];
        member.nodes = vec![NodeEntry { key: beta.node().unwrap().public(), addresses: Vec::new() }];
        member.sealed_seeds.clear();
        next.members.push(member);
        let mut second = SignedCharter::unsigned(&next);
        second.sign(keys.steward().unwrap());
        assert_eq!(chain.extend(second.clone()), Ok(true));
        let store = Store::open(&DataDir::lock(directories[0].path()).unwrap()).unwrap().0;
        for charter in [charter, second] {
            store.put_charter(&charter).unwrap();
        }
        let (keys, store, metrics) = (Arc::new(keys), Arc::new(store), Arc::new(Metrics::new()));
        Scene { keys, beta, chain, store, metrics, _directories: directories }
    }

    /// Beta's next heartbeat, committed here.
    fn commit(&self) {
        self.commit_body(&[]);
    }

    /// Beta's next batch, committed here.
    fn commit_body(&self, entries: &[Entry]) {
        let tree = self.store.tree(BETA).unwrap();
        let mut body = Body::new(BETA, tree.size());
        entries.iter().for_each(|entry| body.push(entry).unwrap());
        let place = Place {
            alliance: self.chain.alliance(),
            charter: self.chain.current_id(),
            publisher: BETA,
            log: None,
            previous: self.store.head(BETA).unwrap(),
            now: clock::wall(),
        };
        let (header, chunks) = body.seal(&place, tree, self.beta.feed().unwrap()).unwrap();
        let header = self.chain.verify_header(header, clock::wall()).unwrap();
        let h = header.payload();
        let batch = BatchId { publisher: BETA, seq: h.seq };
        for (index, ((place, descriptor), bytes)) in (0..).zip(h.placed_chunks().zip(&chunks)) {
            self.store.put_chunk(batch, index, place, descriptor, bytes).unwrap();
        }
        assert_eq!(self.store.commit(&[header], Effect::AtOnce).1, Ok(()));
    }

    /// The witness as it is after a start with these posts on the disk, and what it says ten seconds from now.
    fn says(&self, posts: &[Post], compared: bool) -> Vec<WitnessStatement> {
        let mut replica = Replica::new(Restored {
            chain: self.chain.clone(),
            node: self.keys.node().unwrap().public(),
            heads: self.store.heads().unwrap(),
            posts: posts.iter().map(Post::encode).collect(),
        });
        replica.handle(Input::Started, clock::now());
        let tokens = Arc::new(Tokens::new(&self.chain, replica.me(), self.keys.seal().unwrap().secret()));
        let mut view = View::of(&replica, BoardKept::Yes, tokens, clock::now());
        assert!(!view.board_compared, "WITNESS-8: nobody has shown its board yet");
        assert_eq!(view.board.ids().count(), posts.len());
        view.board_compared = compared;
        let core = mpsc::channel(1).0;
        let view = Arc::new(ArcSwap::from_pointee(view));
        let mut witness = Witness::new(self.keys.clone(), self.store.clone(), view, core, self.metrics.clone());
        let mut said = Vec::new();
        // Twice: what is refused is counted once.
        for _ in 0..2 {
            said = witness.look(clock::wall().plus(10));
        }
        let statement = |post: Post| match post {
            Post::Witness(signed) => Signed::payload(&signed).clone(),
            other => panic!("{other:?}"),
        };
        said.into_iter().map(statement).collect()
    }

    fn post(&self, statement: &WitnessStatement) -> Post {
        let heads = statement.heads.iter();
        let heads =
            heads.map(|head| head.cosigned(&statement.alliance, "beta", clock::wall(), self.keys.feed().unwrap()));
        let statement = WitnessStatement { issued: clock::wall(), heads: heads.collect(), ..statement.clone() };
        Post::sign(&statement, self.keys.feed().unwrap(), Post::Witness)
    }

    fn refused(&self) -> bool {
        self.metrics.render().contains("antibrush_refused_total{rule=\"WITNESS-7\"} 1\n")
    }
}

#[test]
fn a_witness_goes_on_from_what_it_stated_and_from_nothing_else() {
    let scene = Scene::new();
    scene.commit();
    assert_eq!(scene.says(&[], false), [], "WITNESS-8: it does not know what it had stated");
    let first = scene.says(&[], true).remove(0);
    assert_eq!((first.heads.len(), first.heads[0].publisher, first.heads[0].seq), (1, BETA, 0));
    let stated = scene.post(&first);
    assert_eq!(scene.says(std::slice::from_ref(&stated), true), [], "nothing new");
    scene.commit();
    scene.commit_body(&[clearing()]);
    let second = scene.says(&[stated], true).remove(0);
    assert_eq!((second.heads[0].seq, second.heads[0].size), (2, 1));
    assert!(!scene.refused());

    // WITNESS-7: it had stated another tree for a batch that it holds, though a smaller one than the newest.
    let other = WitnessedHead { seq: 1, root: [7; 32], ..first.heads[0] };
    assert!(second.heads[0].continues(&other), "size and number alone do not tell");
    let other = scene.post(&WitnessStatement { heads: vec![other], ..first.clone() });
    assert_eq!(scene.says(&[other], true), []);
    assert!(scene.refused());
}

fn clearing() -> Entry {
    Entry::Clear(Clearing {
        class: Class::Acc,
        epoch: 1,
        token: Token([1; 32]),
        list: List::Cxh,
        target: 0,
        day: clock::wall().day(),
        reason: Reason::ALL[0],
    })
}

/// WITNESS-7: it had stated more than it holds now.
#[test]
fn a_witness_that_lost_batches_waits_for_them() {
    let scene = Scene::new();
    scene.commit();
    let first = scene.says(&[], true).remove(0);
    let ahead = WitnessedHead { seq: 5, ..first.heads[0] };
    let ahead = scene.post(&WitnessStatement { heads: vec![ahead], ..first });
    assert_eq!(scene.says(std::slice::from_ref(&ahead), true), []);
    assert!(scene.refused());
    for _ in 0..6 {
        scene.commit();
    }
    assert_eq!(scene.says(&[ahead], true).remove(0).heads[0].seq, 6);
}
