//! Keys, charters, entries and batches for the tests.

use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::{
    base::{Day, MemberNumber, Timestamp, Token},
    charter::{
        Charter, CharterChain, FeedKey, Level, Member, MemberRole, MemberState, Node, Policy, SignedCharter, Steward,
    },
    codes::{Conduct, DisputeReason, List, NoticeStep, Outcome, Reason, RulingReason, Severity},
    encoding::{Wire, Writer as Encoding},
    entry::{About, Clearing, Dispute, DisputeAct, Entry, Listing, Notice, Ruling},
    feed::{BatchHeader, ChunkDescriptor, ChunkPlace, Head, Totals},
    limits,
    merkle::{self, Frontier},
    replica::Peer,
    signed::{self, PublicKey, Signed, Signer},
    subject::Class,
};

/// The wall clock at virtual time 0.
pub const EPOCH: u64 = 1_800_000_000;

pub struct Key(SigningKey);

impl Signer for Key {
    fn public(&self) -> PublicKey {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

fn key(kind: u8, number: u16) -> Key {
    let mut seed = [kind; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Key(SigningKey::from_bytes(&seed))
}

pub fn feed_key(member: u16) -> Key {
    key(1, member)
}

pub fn node_key(member: u16) -> Peer {
    key(2, member).public()
}

pub fn steward_key() -> Key {
    key(3, 1)
}

/// A credit code with a valid check character (GB 32100-2015 §5.3).
fn uscc(number: u16) -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("91110108MA{number:07}");
    let mut weight = 1;
    let mut sum = 0;
    for symbol in body.bytes() {
        sum += ALPHABET.iter().position(|a| *a == symbol).unwrap() * weight;
        weight = weight * 3 % 31;
    }
    format!("{body}{}", char::from(ALPHABET[(31 - sum % 31) % 31]))
}

fn member(number: u16) -> Member {
    Member {
        number: MemberNumber(number),
        slug: format!("member-{number}"),
        legal_name: format!("成员{number}"),
        uscc: uscc(number),
        controller: uscc(number),
        role: MemberRole::Platform,
        state: MemberState::Active,
        feed_keys: vec![FeedKey::new(feed_key(number).public(), Timestamp(0))],
        nodes: vec![Node { key: node_key(number), addresses: Vec::new() }],
        seal_key: [number as u8; 32],
        sealed_seeds: Vec::new(),
        cuts: Vec::new(),
        successions: Vec::new(),
    }
}

/// Version 1 with the members 1 to `members`; member 1 is the only steward.
pub fn found(members: u16) -> CharterChain {
    let charter = Charter {
        number: 1,
        previous: None,
        alliance: None,
        founding_nonce: [7; 32],
        name_zh: "测试联盟".to_owned(),
        name_en: "Test Alliance".to_owned(),
        level: Level::National,
        region: None,
        stewards: vec![Steward { member: MemberNumber(1), key: steward_key().public() }],
        threshold: 1,
        members: (1..=members).map(member).collect(),
        token_keys: Vec::new(),
        holding: None,
        policy: Policy::default(),
        issued: Timestamp(EPOCH - 1000),
        expires: Timestamp(EPOCH + 100_000_000),
    };
    CharterChain::found(sign_charter(&charter), None).unwrap()
}

fn sign_charter(charter: &Charter) -> SignedCharter {
    let mut signed = SignedCharter::unsigned(charter);
    signed.sign(&steward_key());
    signed
}

/// The next version after a change.
pub fn next_charter(chain: &CharterChain, change: impl FnOnce(&mut Charter)) -> SignedCharter {
    let mut charter = Charter::clone(chain.current());
    charter.number += 1;
    charter.previous = Some(chain.current_id());
    charter.alliance = Some(chain.alliance());
    change(&mut charter);
    sign_charter(&charter)
}

/// The next version, which admits one member more.
pub fn admitting(chain: &CharterChain, number: u16) -> SignedCharter {
    next_charter(chain, |charter| charter.members.push(member(number)))
}

pub fn token(number: u64) -> Token {
    let mut token = [9; 32];
    token[..8].copy_from_slice(&number.to_be_bytes());
    Token(token)
}

pub fn listing(number: u64) -> Entry {
    Entry::List(Listing {
        class: Class::Ent,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Ordinary,
        role: None,
        direction: None,
        region: None,
        day: Day(20_000),
        expires: Day(20_100),
        basis: "rules-1".to_owned(),
        evidence: [3; 32],
        name: None,
        sealed: None,
        carries: None,
        document: None,
    })
}

pub fn clearing(number: u64, target: u64) -> Entry {
    Entry::Clear(Clearing {
        class: Class::Ent,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        target,
        day: Day(20_010),
        reason: Reason::Mistake,
    })
}

/// What a remark on the listing at a leaf of a member's feed says of it.
fn about(number: u64, publisher: Option<u16>, target: u64) -> About {
    About {
        class: Class::Ent,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        publisher: publisher.map(MemberNumber),
        target,
        day: Day(20_010),
    }
}

pub fn dispute(number: u64, publisher: u16, target: u64) -> Entry {
    let act = DisputeAct::Filed { reason: DisputeReason::Facts, evidence: [4; 32] };
    Entry::Dispute(Dispute { about: about(number, Some(publisher), target), act })
}

pub fn ruling(number: u64, target: u64, disputer: u16, dispute: u64) -> Entry {
    Entry::Ruling(Ruling {
        about: about(number, None, target),
        outcome: Outcome::Upheld,
        reason: RulingReason::Insufficient,
        disputer: Some(MemberNumber(disputer)),
        dispute,
    })
}

/// A notice brings no relief.
pub fn notice(number: u64, publisher: u16, target: u64) -> Entry {
    let about = about(number, Some(publisher), target);
    Entry::Notice(Notice { about, step: NoticeStep::Rectify, until: None, document: None })
}

/// A signed header and its chunks.
#[derive(Clone)]
pub struct Batch {
    pub header: Signed<BatchHeader>,
    pub chunks: Vec<Arc<[u8]>>,
}

impl Batch {
    pub fn head(&self) -> Head {
        Head::of(self.header.payload(), self.header.id())
    }
}

/// Someone who writes a feed, honestly or not.
#[derive(Clone)]
pub struct Writer {
    pub chain: CharterChain,
    pub member: u16,
    pub head: Option<Head>,
    pub tree: Frontier,
}

impl Writer {
    pub fn new(chain: &CharterChain, member: u16) -> Writer {
        Writer { chain: chain.clone(), member, head: None, tree: Frontier::new() }
    }

    /// Makes the next batch, `per_chunk` entries to a chunk, and goes on from it.
    pub fn batch(&mut self, entries: &[Entry], per_chunk: usize, wall: u64) -> Batch {
        self.batch_with(entries, per_chunk, wall, |_| ())
    }

    /// The same with a change to the header before it is signed.
    pub fn batch_with(
        &mut self,
        entries: &[Entry],
        per_chunk: usize,
        wall: u64,
        change: impl FnOnce(&mut BatchHeader),
    ) -> Batch {
        let (first, mut totals, mut chunks, mut descriptors) =
            (self.tree.size(), Totals::default(), Vec::new(), Vec::new());
        for part in entries.chunks(per_chunk) {
            let place = ChunkPlace { publisher: MemberNumber(self.member), first: self.tree.size() };
            let (mut start, mut hashes) = (Encoding::default(), Vec::new());
            place.write(&mut start);
            let mut bytes = start.into_bytes();
            for entry in part {
                let encoded = entry.encode();
                hashes.push(merkle::leaf_hash(&encoded));
                self.tree.push(merkle::leaf_hash(&encoded));
                bytes.extend(encoded);
                totals.count(entry);
            }
            descriptors.push(ChunkDescriptor {
                digest: merkle::chunk_digest(place.publisher, place.first, &hashes),
                entries: hashes.len() as u32,
                bytes: bytes.len() as u32,
            });
            chunks.push(bytes.into());
        }
        let mut header = BatchHeader {
            alliance: self.chain.alliance(),
            publisher: MemberNumber(self.member),
            seq: self.head.map_or(0, |head| head.seq + 1),
            previous: self.head.map(|head| head.id),
            size: self.tree.size(),
            root: self.tree.root(),
            first,
            count: entries.len() as u64,
            totals,
            charter: self.chain.current_id(),
            issued: Timestamp(wall),
            expires: Timestamp(wall + limits::HEAD_LIFETIME_SECONDS),
            chunks: descriptors,
            checkpoint: None,
        };
        change(&mut header);
        let batch = Batch { header: signed::sign(&header, &feed_key(self.member)), chunks };
        self.head = Some(batch.head());
        batch
    }
}
