//! An alliance of three holders with one steward, and ceremonies of it, for tests.

use antibrush_protocol::signed::Signer;
use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::{Board, Post},
    ceremony::{Call, ClassKeys, Kind},
    charter::{
        Charter, CharterChain, FeedKey, Holding, Level, MemberRole, Node as NodeEntry, Policy, SignedCharter, Steward,
    },
    signed::Verified,
    subject::Class,
    suite::threshold::KeyShare,
};

use super::standing;
use crate::{
    core::{Founding, found},
    keys::{KeyRole, KeyStore, Keys, Protection, StewardKey},
    profile::Profile,
};

pub(super) const NOW: Timestamp = Timestamp(1_795_104_000);
const CODES: [&str; 3] = ["91350100M000100Y43", "91350100M000200Y4T", "91350100M000300Y4J"];

pub(super) struct Scene {
    /// Holds the founder's keys.
    pub directory: tempfile::TempDir,
    keys: Keys,
    pub chain: CharterChain,
    pub board: Board,
}

impl Scene {
    pub fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyStore::create(directory.path(), &KeyRole::ALL, &Protection::InClearDangerously).unwrap();
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
            uscc: CODES[0].to_owned(),
            controller: CODES[0].to_owned(),
            role: MemberRole::Platform,
        };
        let charter = found(&founding, &profile, &keys, &["/ip4/127.0.0.1/tcp/1".parse().unwrap()], NOW).unwrap();
        let chain = CharterChain::found(charter, None).unwrap();
        let mut scene = Scene { directory, keys, chain, board: Board::default() };
        scene.amend(|charter| {
            for number in [2, 3] {
                let mut member = charter.members[0].clone();
                member.number = MemberNumber(number.into());
                member.slug = format!("holder-{number}");
                member.uscc = CODES[usize::from(number) - 1].to_owned();
                member.controller = member.uscc.clone();
                member.role = MemberRole::KeyHolder;
                member.feed_keys = vec![FeedKey::new(key(number).public(), NOW)];
                member.nodes = vec![NodeEntry { key: key(number + 10).public(), addresses: Vec::new() }];
                member.sealed_seeds = Vec::new();
                charter.members.push(member);
            }
            charter.holding = Some(holding(2));
        });
        scene
    }

    /// The next version of the charter.
    pub fn amend(&mut self, change: impl FnOnce(&mut Charter)) {
        let mut charter: Charter = (**self.chain.current()).clone();
        charter.alliance = Some(self.chain.alliance());
        charter.previous = Some(self.chain.current_id());
        charter.number += 1;
        charter.issued = charter.issued.plus(1);
        change(&mut charter);
        let mut signed = SignedCharter::unsigned(&charter);
        signed.sign(self.keys.steward().unwrap());
        signed.sign(&key(99));
        assert!(self.chain.extend(signed).unwrap());
    }

    /// A call of the steward to generate or refresh the key of a class, with an hour of time.
    pub fn call(&mut self, kind: Kind, class: Class, issued: Timestamp) -> Verified<Call> {
        let charter = self.chain.current();
        let holding = charter.holding.clone().unwrap();
        let present = charter.token_keys.iter().find(|key| key.class == class).map(|key| key.public_keys[0]);
        let call = Call {
            alliance: self.chain.alliance(),
            charter: self.chain.current_id(),
            kind,
            epoch: 1,
            classes: vec![class],
            threshold: holding.threshold,
            holders: holding.members,
            keys: present.filter(|_| kind == Kind::Refresh).into_iter().collect(),
            issued,
            deadline: issued.plus(3600),
            nonce: [7; 16],
        };
        let post = Post::sign(&call, self.keys.steward().unwrap(), Post::Call);
        let Post::Call(signed) = &post else { unreachable!() };
        let id: Hash = signed.id();
        self.board.take(post, &self.chain, issued).unwrap();
        self.board.call(&id).unwrap().clone()
    }

    /// Puts a result into the next charter.
    pub fn put(&mut self, call: &Call, keys: &[ClassKeys]) -> bool {
        let before = standing::keys_before(&self.chain, call);
        let mut put = false;
        self.amend(|charter| put = standing::put_into(charter, call, keys, &before));
        put
    }

    /// The stewardship passes on.
    pub fn replace_steward(&mut self) {
        self.amend(|charter| {
            charter.stewards = vec![Steward { member: MemberNumber(2), key: key(99).public() }];
        });
    }
}

pub(super) fn holding(threshold: u8) -> Holding {
    Holding { threshold, members: (1..=3).map(MemberNumber).collect(), quotas: Vec::new() }
}

fn key(number: u8) -> StewardKey {
    StewardKey::from_secret(&[number; 32])
}

/// The secret share x of the polynomial 5 + slope · x.
pub(super) fn secret(slope: u8, x: u8) -> [u8; 32] {
    let mut secret = [0; 32];
    secret[0] = 5 + slope * x;
    secret
}

/// What a ceremony with that polynomial makes of a class, if 2 of 3 answer.
pub(super) fn result(class: Class, slope: u8) -> Vec<ClassKeys> {
    let public = |x: u8| *KeyShare::read(1, &secret(slope, x)).unwrap().public().bytes();
    vec![ClassKeys { class, public_keys: (0..=3).map(public).collect() }]
}
