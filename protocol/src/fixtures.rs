//! One alliance with deterministic keys for tests and published vectors: the same file serves the unit tests and the
//! generator of tests/vectors/wire.
//!
//! Every secret is public: the feed key of member 1 is the first test key of RFC 8032 §7.1, every other key and every
//! opaque value is the SHA-256 of a label.

#![allow(clippy::unwrap_used, reason = "fixtures of tests and of the vector maker: a failure is a bug there")]
#![allow(dead_code, reason = "each user needs a part of it")]

use std::sync::Arc;

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Timestamp, Token},
    board::{Deletion, UsageReport},
    ceremony::{Call, Ceremony, Kind, Me, Message, verify_call},
    charter::{
        Change, Charter, CharterChain, FeedKey, Holding, KeyKind, KeySuccession, Level, Member, MemberRole,
        MemberState, Node, Policy, SealedSeed, SignedCharter, SignedSuccession, Steward, TokenKey,
    },
    checkpoint::{Cosignature, log_name},
    codes::{
        CommitmentStep, Conduct, DeclineReason, Direction, DisputeReason, List, Measure, NoticeStep, Outcome, Reason,
        Response, Role, RulingReason, Severity,
    },
    entry::{
        About, Amendment, Clearing, Commitment, Dispute, DisputeAct, Entry, Listing, MeasureTaken, Notice, PublicName,
        Ruling,
    },
    evaluation::EvaluationRequest,
    feed::{
        BatchHeader, Head,
        build::{Body, Place},
    },
    join::{Application, Invitation, JoinRequest},
    merkle::{self, Tree},
    proof::{AbsenceProof, ConsistencyProof, EquivocationProof, InclusionProof},
    signed::{PublicKey, Signed, Signer, object_id},
    subject::{Class, Subject},
    suite::{
        Suite,
        keyed::{SealContext, Seed, seal_public},
        threshold::{Blinded, Evaluation, KeyShare, blind},
    },
    witness::{WitnessStatement, WitnessedHead},
};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer as _, SigningKey};

/// 2026-11-20 in Beijing: when version 1 of the charter was drawn up.
pub const FOUNDED: Timestamp = Timestamp(1_795_104_000);
/// One hour later: the first batch.
pub const FIRST: Timestamp = Timestamp(FOUNDED.0 + 3_600);
/// A day later: version 2 of the charter.
pub const REVISED: Timestamp = Timestamp(FOUNDED.0 + 86_400);
/// An hour after that: the second batch.
pub const SECOND: Timestamp = Timestamp(REVISED.0 + 3_600);

/// A quarter of an hour after that: version 3 of the charter.
pub const SHARED: Timestamp = Timestamp(SECOND.0 + 900);
/// A quarter of an hour after that: evaluations and posts under it.
pub const ASKED: Timestamp = Timestamp(SHARED.0 + 900);

/// Valid credit codes: four legal entities, two more, and a sole trader.
pub const CODES: [&str; 6] = [
    "91350100M000100Y43",
    "91110108551385082Q",
    "91110108MA00000070",
    "11649974NQ0KCK4R9P",
    "52369997CLRKQMRBEK",
    "91110108MA00000083",
];
pub const SOLE_TRADER: &str = "92719997EC428AREHY";

/// The opaque value of a label.
pub fn label(text: &str) -> [u8; 32] {
    object_id(text.as_bytes())
}

/// A secret key in memory.
pub struct Key(pub SigningKey);

impl Key {
    /// The key whose secret is the SHA-256 of a label.
    pub fn of(text: &str) -> Key {
        Key(SigningKey::from_bytes(&label(text)))
    }

    /// The first test key of RFC 8032 §7.1.
    pub fn rfc8032() -> Key {
        let secret = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        Key(SigningKey::from_bytes(&secret.try_into().unwrap()))
    }
}

impl Signer for Key {
    fn public(&self) -> PublicKey {
        self.0.verifying_key().to_bytes()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The feed key of a member; member 1 signs with the RFC's key until [`REVISED`], then with `feed-1b`.
pub fn feed_key(member: u16) -> Key {
    if member == 1 { Key::rfc8032() } else { Key::of(&format!("antibrush vector feed-{member}")) }
}

pub fn new_feed_key() -> Key {
    Key::of("antibrush vector feed-1b")
}

pub fn node_key(member: u16) -> Key {
    Key::of(&format!("antibrush vector node-{member}"))
}

/// `steward("1")`, `steward("2")`, `steward("2b")` (a second key of member 2), `steward("3")` (its sister).
pub fn steward(name: &str) -> Key {
    Key::of(&format!("antibrush vector steward-{name}"))
}

pub fn seal_secret(member: u16) -> [u8; 32] {
    label(&format!("antibrush vector seal-{member}"))
}

pub fn nonce() -> [u8; 32] {
    label("antibrush vector founding-nonce")
}

pub fn seed() -> Seed {
    Seed(label("antibrush vector seed-1"))
}

pub fn token(n: u32) -> Token {
    Token(label(&format!("antibrush vector token-{n}")))
}

/// Members 1 to 4 are Alpha, Beta, Gamma (a sister of Beta) and the observer Watch; 5 is Delta, who comes with version 2, and 6
/// the key holder Epsilon, who comes with version 3.
pub fn member(number: u16) -> Member {
    let at = usize::from(number - 1);
    let (observer, key_holder) = (number == 4, number == 6);
    let seal_key = seal_public(&seal_secret(number)).unwrap();
    let context = SealContext { founding_nonce: &nonce(), epoch: 1, member: number };
    let seal = || seed().seal(&seal_key, &context, label(&format!("antibrush vector entropy-{number}"))).unwrap();
    Member {
        number: MemberNumber(number),
        slug: ["alpha", "beta", "gamma", "watch", "delta", "epsilon"][at].to_owned(),
        legal_name: [
            "甲网络科技有限公司",
            "乙电子商务有限公司",
            "丙信息技术有限公司",
            "某市市场监督管理局",
            "丁物流有限公司",
            "戊公证处",
        ][at]
            .to_owned(),
        uscc: CODES[at].to_owned(),
        controller: CODES[if number == 3 { 1 } else { at }].to_owned(),
        role: match number {
            4 => MemberRole::Observer,
            6 => MemberRole::KeyHolder,
            _ => MemberRole::Platform,
        },
        state: MemberState::Active,
        feed_keys: vec![FeedKey::new(feed_key(number).public(), FOUNDED)],
        nodes: vec![Node {
            key: node_key(number).public(),
            addresses: vec![format!("/dns4/node{number}.example/tcp/4701")],
        }],
        seal_key,
        sealed_seeds: if observer || key_holder { Vec::new() } else { vec![SealedSeed { epoch: 1, sealed: seal() }] },
        cuts: Vec::new(),
        successions: Vec::new(),
    }
}

pub fn token_key(class: Class, epoch: u16) -> TokenKey {
    let public_keys = vec![seed().commitment(&nonce(), class, epoch)];
    TokenKey {
        class,
        epoch,
        suite: Suite::Keyed,
        threshold: 1,
        holders: 1,
        public_keys,
        members: Vec::new(),
        retired: None,
    }
}

/// Version 1.
pub fn genesis() -> Charter {
    let key = |member, name| Steward { member: MemberNumber(member), key: steward(name).public() };
    let mut stewards = vec![key(1, "1"), key(2, "2"), key(2, "2b"), key(3, "3")];
    stewards.sort();
    Charter {
        number: 1,
        previous: None,
        alliance: None,
        founding_nonce: nonce(),
        name_zh: "反炒信示例联盟".to_owned(),
        name_en: "Example Alliance".to_owned(),
        level: Level::City,
        region: Some(350_100),
        stewards,
        threshold: 2,
        members: (1..=4).map(member).collect(),
        token_keys: vec![token_key(Class::Ent, 1), token_key(Class::Mob, 1), token_key(Class::Web, 1)],
        holding: None,
        policy: Policy { accepts_insider_enumeration: true, ..Policy::default() },
        issued: FOUNDED,
        expires: FOUNDED.plus(365 * 86_400),
    }
}

/// Version 2 as it would be if it asked for witnesses.
pub fn waiting_for_witnesses() -> Charter {
    let mut charter = second();
    charter.policy.witnesses = 2;
    charter
}

/// Alpha's feed key hands over to its next one.
pub fn succession() -> SignedSuccession {
    let (alliance, member, kind) = (alliance(), MemberNumber(1), KeyKind::Feed);
    let (old, new) = (feed_key(1).public(), new_feed_key().public());
    SignedSuccession::sign(KeySuccession { alliance, member, kind, old, new }, &feed_key(1), &new_feed_key())
}

/// Version 2: Delta joins, Alpha changes its feed key.
pub fn second() -> Charter {
    let id = object_id(&antibrush_protocol::encoding::Wire::encode(&genesis()));
    let mut charter = genesis();
    (charter.number, charter.previous, charter.alliance, charter.issued) = (2, Some(id), Some(id), REVISED);
    charter.members.push(member(5));
    charter.members[0].feed_keys[0].until = Some(REVISED);
    Change::Rotate(Box::new(succession())).apply(&mut charter).unwrap();
    charter
}

/// Who holds the shared keys: shares 1, 2 and 3.
pub const HOLDERS: [MemberNumber; 3] = [MemberNumber(1), MemberNumber(2), MemberNumber(6)];

/// A key that a dealer shared 2 of 3, as no alliance has one: its shares and its public side.
pub fn shared_key(class: Class, epoch: u16) -> (Vec<KeyShare>, TokenKey) {
    refreshed_key(class, epoch, 0)
}

/// The same key after some refreshes: other shares, the same value at 0.
pub fn refreshed_key(class: Class, epoch: u16, refreshes: u8) -> (Vec<KeyShare>, TokenKey) {
    let coefficient = |power: u8| {
        let text = format!("antibrush vector coefficient-{}-{epoch}-{power}", class.number());
        Scalar::from_bytes_mod_order(label(&text)) + Scalar::from(power * refreshes)
    };
    let at = |x: u8| coefficient(0) + Scalar::from(x) * coefficient(1);
    let shares: Vec<KeyShare> = (1..=3).map(|x| KeyShare::read(x, at(x).as_bytes()).unwrap()).collect();
    let group = *KeyShare::read(1, coefficient(0).as_bytes()).unwrap().public().bytes();
    let public_keys = std::iter::once(group).chain(shares.iter().map(|share| *share.public().bytes())).collect();
    let (suite, threshold, holders, members) = (Suite::Threshold, 2, 3, HOLDERS.to_vec());
    (shares, TokenKey { class, epoch, suite, threshold, holders, public_keys, members, retired: None })
}

/// Admits Epsilon, names the holders, and puts the shared keys in: for ENT one, for MOB one that is retired and its successor.
pub fn share_keys(charter: &mut Charter) {
    charter.members.push(member(6));
    let quotas = vec![(Class::Ent, 1_000), (Class::Mob, 500)];
    charter.holding = Some(Holding { threshold: 2, members: HOLDERS.to_vec(), quotas });
    for key in charter.token_keys.iter_mut().filter(|key| key.class != Class::Web) {
        key.retired = Some(charter.issued);
    }
    let retired = TokenKey { retired: Some(charter.issued), ..shared_key(Class::Mob, 2).1 };
    charter.token_keys.extend([shared_key(Class::Ent, 2).1, retired, shared_key(Class::Mob, 3).1]);
    charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
}

/// Version 3: the keys are shared.
pub fn third() -> Charter {
    let id = object_id(&antibrush_protocol::encoding::Wire::encode(&second()));
    let mut charter = second();
    (charter.number, charter.previous, charter.issued) = (3, Some(id), SHARED);
    share_keys(&mut charter);
    charter
}

/// The feed key that a member has from version 2 on.
pub fn present_feed_key(member: u16) -> Key {
    if member == 1 { new_feed_key() } else { feed_key(member) }
}

/// 64 bytes of a label.
pub fn wide(text: &str) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&label(text));
    bytes[32..].copy_from_slice(&label(&format!("{text} again")));
    bytes
}

/// Three identifiers under the shared key of ENT, blinded and padded to four elements.
pub fn asked() -> (EvaluationRequest, Blinded) {
    let alliance = alliance();
    let input = |code: &&str| {
        let mut input = Vec::new();
        Subject::parse(Class::Ent, code).unwrap().input(&alliance, &mut input);
        input
    };
    let entropy = |n: usize| wide(&format!("antibrush vector blind-{n}"));
    let inputs = CODES[..3].iter().map(input).collect();
    let mut blinded = blind(inputs, &mut [entropy(1), entropy(2), entropy(3)]).unwrap();
    blinded.pad(&[entropy(4)]).unwrap();
    let elements = blinded.elements().iter().map(|element| *element.bytes()).collect();
    let charter = signed(&third(), &[]).id();
    (EvaluationRequest { charter, key: shared_key(Class::Ent, 2).1.id(), elements }, blinded)
}

/// What the holder of a share answers to [`asked`].
pub fn answered(share: u8) -> Evaluation {
    let shares = shared_key(Class::Ent, 2).0;
    let mut entropy = wide(&format!("antibrush vector proof-{share}"));
    shares[usize::from(share) - 1].evaluate(asked().1.elements(), &mut entropy).unwrap()
}

/// A call for a new key under version 3, and what Epsilon answers first.
pub fn ceremony_under_third() -> (Signed<Call>, Signed<Message>) {
    let call = Call {
        alliance: alliance(),
        charter: signed(&third(), &[]).id(),
        kind: Kind::Generate,
        epoch: 4,
        classes: vec![Class::Mob],
        threshold: 2,
        holders: HOLDERS.to_vec(),
        keys: Vec::new(),
        issued: ASKED,
        deadline: ASKED.plus(86_400),
        nonce: label("antibrush vector ceremony-nonce")[..16].try_into().unwrap(),
    };
    let signed_call = antibrush_protocol::signed::sign(&call, &steward("1"));
    let (charter, holders) = (signed(&third(), &[]), Some((2, &HOLDERS[..])));
    let verified = verify_call(signed_call.clone(), &charter, &alliance(), holders, ASKED).unwrap();
    let ceremony = Ceremony::new(verified, &[]).unwrap();
    let seed = antibrush_protocol::ceremony::Seed(label("antibrush vector ceremony-seed-6"));
    let me = Me { holder: MemberNumber(6), seed: &seed, shares: &[] };
    let message = ceremony.advance(&[], Some(me), ASKED).unwrap().post.remove(0);
    (signed_call, antibrush_protocol::signed::sign(&message, &feed_key(6)))
}

/// What Epsilon evaluated for Alpha and Beta on the day of [`ASKED`].
pub fn usage_report() -> UsageReport {
    UsageReport {
        alliance: alliance(),
        holder: MemberNumber(6),
        day: ASKED.day(),
        class: Class::Ent,
        issued: ASKED,
        counts: vec![(MemberNumber(1), 4), (MemberNumber(2), 256)],
    }
}

/// Epsilon's statement about the retired key of MOB.
pub fn deletion() -> Deletion {
    Deletion { alliance: alliance(), holder: MemberNumber(6), key: shared_key(Class::Mob, 2).1.id(), issued: ASKED }
}

/// A head without its cosignature.
pub fn witnessed(publisher: u16, seq: u64, size: u64) -> WitnessedHead {
    let root = if size == 0 { merkle::EMPTY_ROOT } else { label(&format!("antibrush vector root-{publisher}-{size}")) };
    let cosignature = Cosignature { time: ASKED, signature: [0; 64] };
    WitnessedHead { publisher: MemberNumber(publisher), cuts: 0, seq, size, root, cosignature }
}

/// What the observer Watch holds: both batches of Alpha, and Beta's first heartbeat.
pub fn witness_statement() -> WitnessStatement {
    let head = Head::of(feed().second.payload(), feed().second.id());
    let alpha = WitnessedHead { root: head.root, ..witnessed(1, head.seq, head.size) };
    let cosigned = |head: WitnessedHead, slug| head.cosigned(&alliance(), slug, ASKED, &feed_key(4));
    WitnessStatement {
        alliance: alliance(),
        witness: MemberNumber(4),
        issued: ASKED,
        heads: vec![cosigned(alpha, "alpha"), cosigned(witnessed(2, 0, 0), "beta")],
    }
}

/// Signed by these stewards.
pub fn signed(charter: &Charter, stewards: &[&str]) -> SignedCharter {
    let mut signed = SignedCharter::unsigned(charter);
    stewards.iter().for_each(|name| signed.sign(&steward(name)));
    signed
}

pub fn alliance() -> Hash {
    signed(&genesis(), &[]).id()
}

/// The chain with version 1, with two or with three.
pub fn chain(versions: usize) -> CharterChain {
    let mut chain = CharterChain::found(signed(&genesis(), &["1", "2"]), None).unwrap();
    if versions > 1 {
        assert_eq!(chain.extend(signed(&second(), &["1", "2"])), Ok(true));
    }
    if versions > 2 {
        assert_eq!(chain.extend(signed(&third(), &["1", "2"])), Ok(true));
    }
    chain
}

pub fn day() -> Day {
    FIRST.day()
}

/// A listing with the required fields alone.
pub fn listing() -> Listing {
    Listing {
        class: Class::Ent,
        epoch: 1,
        token: token(1),
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Severe,
        role: None,
        direction: None,
        region: None,
        day: day(),
        expires: day().plus(365),
        basis: "DEMO-2026-1".to_owned(),
        evidence: label("antibrush vector evidence-1"),
        name: None,
        sealed: None,
        carries: None,
        document: None,
    }
}

/// The listing of leaf 0 under the next epoch's key.
pub fn carried_listing() -> Listing {
    Listing { epoch: 2, token: token(8), carries: Some(0), ..listing() }
}

/// A listing with every field but the number of a document.
pub fn full_listing() -> Listing {
    let subject = Subject::parse(Class::Ent, CODES[4]).unwrap();
    Listing {
        token: token(2),
        role: Some(Role::Organise),
        direction: Some(Direction::Up),
        region: Some(350_100),
        name: Some(PublicName::new(&subject, "丁物流有限公司").unwrap()),
        sealed: Some((0..168).collect()),
        ..listing()
    }
}

pub fn mobile_listing() -> Listing {
    Listing { class: Class::Mob, token: token(3), conduct: Conduct::C09, expires: day().plus(180), ..listing() }
}

/// Changes the listing at leaf 0.
pub fn amendment() -> Amendment {
    Amendment {
        class: Class::Ent,
        epoch: 1,
        token: token(1),
        list: List::Cxh,
        target: 0,
        day: day(),
        conduct: None,
        severity: Some(Severity::Minor),
        role: Some(Role::Assist),
        direction: None,
        region: None,
        expires: Some(day().plus(90)),
        basis: None,
        evidence: None,
        document: None,
    }
}

/// Clears the listing at leaf 2.
pub fn clearing() -> Clearing {
    Clearing {
        class: Class::Mob,
        epoch: 1,
        token: token(3),
        list: List::Cxh,
        target: 2,
        day: day(),
        reason: Reason::Mistake,
    }
}

/// A listing on a statutory list, with the number of its document.
pub fn statutory_listing() -> Listing {
    Listing {
        token: token(9),
        list: List::SrcCourt,
        conduct: Conduct::C16,
        document: Some("(2026)闽0102执1234号".to_owned()),
        ..listing()
    }
}

/// The listing at leaf 0 of member 1, as other members name it.
pub fn about() -> About {
    About {
        class: Class::Ent,
        epoch: 1,
        token: token(1),
        list: List::Cxh,
        publisher: Some(MemberNumber(1)),
        target: 0,
        day: day(),
    }
}

/// The same, as member 1 names it.
pub fn own() -> About {
    About { publisher: None, ..about() }
}

/// A notice by the steward member 2 that sets its own term.
pub fn notice() -> Notice {
    let document = Some("闽信用整改〔2026〕7号".to_owned());
    Notice { about: about(), step: NoticeStep::Rectify, until: Some(day().plus(60)), document }
}

/// The subject's commitment, recorded by member 1.
pub fn commitment() -> Commitment {
    Commitment { about: own(), step: CommitmentStep::Committed, evidence: label("antibrush vector evidence-2") }
}

/// A dispute by member 3.
pub fn dispute() -> Dispute {
    let (reason, evidence) = (DisputeReason::Facts, label("antibrush vector evidence-3"));
    Dispute { about: about(), act: DisputeAct::Filed { reason, evidence } }
}

/// Member 3 takes back the dispute at leaf 7 of its feed.
pub fn dispute_withdrawn() -> Dispute {
    Dispute { about: about(), act: DisputeAct::Withdrawn { dispute: 7 } }
}

/// Member 1 upholds the dispute at leaf 7 of member 3's feed.
pub fn ruling() -> Ruling {
    Ruling {
        about: own(),
        outcome: Outcome::Upheld,
        reason: RulingReason::Insufficient,
        disputer: Some(MemberNumber(3)),
        dispute: 7,
    }
}

/// Member 2 declines measure P05.
pub fn measure_declined() -> MeasureTaken {
    MeasureTaken {
        about: about(),
        measure: Measure::P05,
        response: Response::Declined,
        reason: Some(DeclineReason::NotHere),
        document: None,
    }
}

/// Member 2 records that the subject was summoned.
pub fn measure_recorded() -> MeasureTaken {
    MeasureTaken {
        measure: Measure::G01,
        response: Response::Applied,
        reason: None,
        document: Some("闽市监约〔2026〕3号".to_owned()),
        ..measure_declined()
    }
}

/// One entry of each kind that speaks of a listing, in both forms where there are two.
pub fn remarks() -> Vec<Entry> {
    vec![
        Entry::Notice(notice()),
        Entry::Commitment(commitment()),
        Entry::Dispute(dispute()),
        Entry::Dispute(dispute_withdrawn()),
        Entry::Ruling(ruling()),
        Entry::Measure(measure_declined()),
        Entry::Measure(measure_recorded()),
    ]
}

/// The first batch of member 1: five entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::List(listing()),
        Entry::List(full_listing()),
        Entry::List(mobile_listing()),
        Entry::Amend(amendment()),
        Entry::Clear(clearing()),
    ]
}

/// Two batches of member 1 with their tree.
pub struct Feed {
    pub first: Signed<BatchHeader>,
    pub second: Signed<BatchHeader>,
    pub chunk: Vec<u8>,
    pub late: Vec<u8>,
    pub tree: Tree,
}

pub fn feed() -> Feed {
    let mut body = Body::default();
    entries().iter().for_each(|entry| body.push(entry).unwrap());
    let alliance = alliance();
    let place =
        Place { alliance, charter: alliance, publisher: MemberNumber(1), log: None, previous: None, now: FIRST };
    let (first, chunks) = body.seal(&place, merkle::Frontier::new(), &feed_key(1));
    let mut tree: Tree = entries().iter().map(leaf_hash).collect();
    let late = (4..7).map(|n| {
        Entry::List(Listing { token: token(n), day: SECOND.day(), expires: SECOND.day().plus(365), ..listing() })
    });
    let mut body = Body::default();
    let before = tree.frontier().clone();
    for entry in late {
        body.push(&entry).unwrap();
        tree.push(leaf_hash(&entry));
    }
    let previous = Some(Head::of(first.payload(), first.id()));
    let log = log_name(&alliance, "alpha", 0);
    let charter = signed(&self::second(), &[]).id();
    let place = Place { charter, log: Some(&log), previous, now: SECOND, ..place };
    let (second, late) = body.seal(&place, before, &new_feed_key());
    Feed { first, second, chunk: chunks[0].to_vec(), late: late[0].to_vec(), tree }
}

pub fn leaf_hash(entry: &Entry) -> Hash {
    merkle::leaf_hash(&antibrush_protocol::encoding::Wire::encode(entry))
}

/// The chunk of the first batch after leaf 2 was erased.
pub fn erased_chunk() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, entry) in entries().iter().enumerate() {
        if at == 2 {
            bytes.extend_from_slice(&[0x58, 0x20]);
            bytes.extend_from_slice(&leaf_hash(entry));
        } else {
            bytes.extend(antibrush_protocol::encoding::Wire::encode(entry));
        }
    }
    bytes
}

/// Both charters, signed, as a proof or an answer carries them.
pub fn charters() -> Vec<Arc<[u8]>> {
    vec![signed(&genesis(), &["1", "2"]).encode().into(), signed(&second(), &["1", "2"]).encode().into()]
}

/// Leaf 1 in the second head.
pub fn inclusion() -> InclusionProof {
    let feed = feed();
    InclusionProof {
        charters: charters().iter().map(|bytes| bytes.to_vec()).collect(),
        header: feed.second.envelope().to_vec(),
        index: 1,
        leaf: antibrush_protocol::encoding::Wire::encode(&entries()[1]),
        path: merkle::inclusion_proof(1, 8, &feed.tree).unwrap(),
    }
}

/// From the first head to the second.
pub fn consistency() -> ConsistencyProof {
    let feed = feed();
    ConsistencyProof {
        charters: charters().iter().map(|bytes| bytes.to_vec()).collect(),
        earlier: feed.first.envelope().to_vec(),
        later: feed.second.envelope().to_vec(),
        path: merkle::consistency_proof(5, 8, &feed.tree).unwrap(),
    }
}

/// The second batch says nothing about a subject that no entry names.
pub fn absence() -> AbsenceProof {
    let mut frontier = merkle::Frontier::new();
    entries().iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let feed = feed();
    AbsenceProof {
        charters: charters().iter().map(|bytes| bytes.to_vec()).collect(),
        earlier: feed.first.envelope().to_vec(),
        later: feed.second.envelope().to_vec(),
        peaks: frontier.peaks().to_vec(),
        class: listing().class,
        tokens: vec![(1, token(9))],
        leaves: feed.late,
    }
}

/// Two second batches of member 1.
pub fn equivocation_proof() -> EquivocationProof {
    EquivocationProof::new(charters().iter().map(|bytes| bytes.to_vec()).collect(), &equivocation_pair())
}

pub fn invitation() -> Invitation {
    Invitation {
        alliance: alliance(),
        node: node_key(1).public(),
        addresses: vec!["/dns4/node1.example/tcp/4701".to_owned()],
        secret: label("antibrush vector secret")[..16].try_into().unwrap(),
        expires: FOUNDED.plus(7 * 86_400),
    }
}

pub fn join_request() -> JoinRequest {
    let delta = member(5);
    JoinRequest {
        secret: invitation().secret,
        slug: delta.slug,
        legal_name: delta.legal_name,
        uscc: delta.uscc,
        controller: delta.controller,
        feed_key: feed_key(5).public(),
        node_key: node_key(5).public(),
        seal_key: delta.seal_key,
        addresses: delta.nodes[0].addresses.clone(),
        from: 1,
    }
}

pub fn application() -> Application {
    let JoinRequest { slug, legal_name, uscc, controller, feed_key, node_key, seal_key, addresses, .. } =
        join_request();
    let role = MemberRole::Platform;
    Application { role, slug, legal_name, uscc, controller, feed_key, node_key, seal_key, addresses }
}

/// A mixed-order key: a point of prime order plus the point of order 2. Its signatures may satisfy one verifier and not
/// another.
pub fn mixed_order_key() -> PublicKey {
    use curve25519_dalek::{constants::EIGHT_TORSION, edwards::CompressedEdwardsY};
    let point = CompressedEdwardsY(feed_key(1).public()).decompress().unwrap();
    (point + EIGHT_TORSION[4]).compress().to_bytes()
}

/// A point of order 8: every message has a signature under it that a cofactored check takes.
pub fn small_order_key() -> PublicKey {
    curve25519_dalek::constants::EIGHT_TORSION[1].compress().to_bytes()
}

/// The identity: every signature (R, s) with R = s·B verifies under it.
pub fn identity_key() -> PublicKey {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

/// The board's proof that Alpha signed two second batches.
pub fn equivocation() -> antibrush_protocol::board::Post {
    antibrush_protocol::board::Post::Equivocation(equivocation_pair())
}

/// Two second batches of Alpha: the later one ends a second earlier.
pub fn equivocation_pair() -> antibrush_protocol::feed::Equivocation {
    let second = feed().second;
    let mut twin = second.payload().clone();
    twin.expires.0 -= 1;
    let twin = antibrush_protocol::signed::sign(&twin, &new_feed_key());
    antibrush_protocol::feed::Equivocation::new(second, twin)
}
