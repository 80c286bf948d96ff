//! Evaluations and posts. A post is offered to a board that has the call of the vectors.

use antibrush_protocol::{
    base::MemberNumber,
    board::{BoardError, Deletion, Post, UsageReport},
    ceremony::{Call, CeremonyError, Message, Round},
    encoding::{DecodeError::*, Wire},
    evaluation::{Answer, BadAnswer, EvaluationError, EvaluationRequest, EvaluationResponse},
    signed::{Payload, SignatureError, sign},
    subject::Class,
    suite::threshold::OprfError,
    witness::{WitnessError, WitnessStatement},
};
use coset::cbor::value::Value;

use super::*;
use crate::{edit::*, shared};

const HOLDER: MemberNumber = MemberNumber(6);

pub fn requests() -> Vec<Defect> {
    let request = asked().0;
    let tree = || Tree::of(&request);
    let of =
        |count: usize| EvaluationRequest { elements: vec![request.elements[0]; count], ..request.clone() }.encode();
    vec![
        defect("evaluation-request-nothing", "no element", of(0), OutOfRange("elements")),
        defect(
            "evaluation-request-three",
            "three elements: it is told how many are meant",
            of(3),
            OutOfRange("elements"),
        ),
        defect("evaluation-request-257", "one more than a batch", of(257), TOO_LARGE),
        defect(
            "evaluation-request-half-element",
            "48 bytes",
            tree().put(3, vec![0u8; 48]).bytes(),
            OutOfRange("elements"),
        ),
        defect("evaluation-request-short-key", "31 bytes", tree().put(2, vec![0u8; 31]).bytes(), MALFORMED),
        defect("evaluation-request-unknown-version", "version 2", tree().put(0, 2).bytes(), UnknownVersion(2)),
        defect("evaluation-request-three-items", "no elements at all", joined(&[0x83], &of(1)[1..69]), MALFORMED),
        defect(
            "evaluation-request-non-minimal-int",
            "the version in two bytes",
            replaced(&of(1), "8401", "841801"),
            NOT_CANONICAL,
        ),
        defect("evaluation-request-trailing-bytes", "one byte after the array", joined(&of(1), &[0]), TRAILING),
    ]
}

pub fn responses() -> Vec<Defect> {
    let busy = EvaluationResponse::Busy { retry_after_ms: 500 }.encode();
    let long = Tree(array([Value::from(0), Value::from(vec![0u8; 9_217])])).bytes();
    vec![
        defect("evaluation-response-unknown-kind", "kind 4", vec![0x82, 4, 0], UnknownKey(4)),
        defect("evaluation-response-unknown-refusal", "refusal 7", vec![0x82, 3, 7], OutOfRange("refusal")),
        defect("evaluation-response-no-day", "exhausted until nobody knows when", vec![0x82, 2, 0], MALFORMED),
        defect("evaluation-response-busy-why", "three items", vec![0x83, 1, 0, 0], MALFORMED),
        defect(
            "evaluation-response-retry-33-bits",
            "a pause of 2^32 ms",
            vec![0x82, 1, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
            OutOfRange("retry"),
        ),
        defect("evaluation-response-answer-too-long", "9,217 bytes", long, TOO_LARGE),
        defect("evaluation-response-text", "text in the place of bytes", vec![0x82, 0, 0x61, b'a'], MALFORMED),
        defect("evaluation-response-trailing-bytes", "one byte after the array", joined(&busy, &[0]), TRAILING),
    ]
}

/// Answers to the request of the vectors, as from member 6.
pub fn answers() -> Vec<Defect> {
    use EvaluationError::*;
    let answer = |change: fn(&mut Answer)| {
        let mut answer = shared::answer_payload();
        change(&mut answer);
        sign(&answer, &feed_key(6)).envelope().to_vec()
    };
    let decode = |error| Signature(SignatureError::Decode(error));
    let edit = |tree: Tree| envelope(Answer::CONTENT_TYPE, &tree.bytes(), &feed_key(6));
    let tree = || Tree::of(&shared::answer_payload());
    let oprf = |error| Oprf { holder: HOLDER, error };
    let proof = || oprf(OprfError::Proof { holder: 3 });
    let by = |key: &Key| sign(&shared::answer_payload(), key).envelope().to_vec();
    let whole = shared::answer();
    let flipped = joined(&whole[..whole.len() - 1], &[whole[whole.len() - 1] ^ 1]);
    let as_report = sign(&usage_report(), &feed_key(6)).envelope().to_vec();
    vec![
        defect("evaluation-answer-by-another-holder", "signed by member 2", by(&feed_key(2)), WrongSigner(HOLDER)),
        defect("evaluation-answer-by-a-node", "the node key of member 6", by(&node_key(6)), WrongSigner(HOLDER)),
        defect(
            "evaluation-answer-other-alliance",
            "another alliance",
            answer(|a| a.alliance[0] ^= 1),
            OtherCharter(HOLDER),
        ),
        defect(
            "evaluation-answer-other-charter",
            "the first charter",
            answer(|a| a.charter = a.alliance),
            OtherCharter(HOLDER),
        ),
        defect(
            "evaluation-answer-other-key",
            "the key of MOB",
            answer(|a| a.key = shared_key(Class::Mob, 3).1.id()),
            OtherKey(HOLDER),
        ),
        defect(
            "evaluation-answer-other-request",
            "another request",
            answer(|a| a.request[0] ^= 1),
            OtherRequest(HOLDER),
        ),
        defect("evaluation-answer-other-share", "the number of member 2", answer(|a| a.share = 2), OtherShare(HOLDER)),
        defect("evaluation-answer-proof", "one bit of the proof", answer(|a| a.proof[0] ^= 1), proof()),
        defect("evaluation-answer-element", "one bit of an element", answer(|a| a.elements[3][0] ^= 1), proof()),
        defect("evaluation-answer-identity", "the identity", answer(|a| a.elements[0] = [0; 32]), proof()),
        defect("evaluation-answer-order", "two elements swapped", answer(|a| a.elements.swap(0, 1)), proof()),
        defect(
            "evaluation-answer-element-missing",
            "three of four",
            answer(|a| a.elements.truncate(3)),
            oprf(OprfError::Count { holder: 3, expected: 4, found: 3 }),
        ),
        defect("evaluation-answer-signature-flipped", "the last bit", flipped, Signature(SignatureError::BadSignature)),
        defect(
            "evaluation-answer-is-a-report",
            "a usage report",
            as_report,
            Signature(SignatureError::ProtectedHeader),
        ),
        defect("evaluation-answer-share-256", "share 256", edit(tree().put(5, 256)), decode(OutOfRange("share"))),
        defect("evaluation-answer-short-proof", "63 bytes", edit(tree().put(7, vec![0u8; 63])), decode(MALFORMED)),
        defect("evaluation-answer-unknown-version", "version 2", edit(tree().put(0, 2)), decode(UnknownVersion(2))),
    ]
}

/// Evidence that proves nothing says so.
pub fn evidence() -> Vec<Defect> {
    let nothing = "Nothing";
    let quiet = |dir, note, evidence: BadAnswer| Defect {
        dir,
        note,
        input: vec![evidence.encode()],
        expected: nothing.to_owned(),
    };
    let bad = || shared::bad_answer();
    let mut answer = shared::answer_payload();
    answer.proof[0] ^= 1;
    let forged = sign(&answer, &feed_key(2)).envelope().to_vec();
    let mut other = bad();
    other.request.elements.swap(0, 1);
    let mut refused = bad();
    refused.request.elements[0] = [0; 32];
    answer.request = refused.request.digest();
    refused.answer = sign(&answer, &feed_key(6)).envelope().to_vec();
    let mut unknown = bad();
    unknown.request.charter = [0; 32];
    let tree = || Tree::of(&bad());
    vec![
        quiet("evaluation-evidence-good-answer", "the answer is good", BadAnswer { answer: shared::answer(), ..bad() }),
        quiet("evaluation-evidence-forged", "signed by member 2", BadAnswer { answer: forged, ..bad() }),
        quiet("evaluation-evidence-other-holder", "against member 2", BadAnswer { holder: MemberNumber(2), ..bad() }),
        quiet("evaluation-evidence-other-request", "to another request", other),
        quiet("evaluation-evidence-to-be-refused", "an element that is none had to be refused", refused),
        quiet("evaluation-evidence-unknown-charter", "under a charter that never was", unknown),
        defect("evaluation-evidence-unknown-version", "version 2", tree().put(0, 2).bytes(), UnknownVersion(2)),
        defect(
            "evaluation-evidence-holder-17-bits",
            "member 65536",
            tree().put(1, 65_536).bytes(),
            OutOfRange("holder"),
        ),
        defect(
            "evaluation-evidence-trailing-bytes",
            "one byte after the array",
            joined(&bad().encode(), &[0]),
            TRAILING,
        ),
    ]
}

pub(super) const DECODE: fn(DecodeError) -> BoardError = |error| BoardError::Signature(SignatureError::Decode(error));

pub(super) fn framed(kind: u64, envelope: &[u8]) -> Vec<u8> {
    Tree(array([Value::from(kind), Value::from(envelope.to_vec())])).bytes()
}

pub fn posts() -> Vec<Defect> {
    use BoardError::*;
    let [called, said, usage, ..] = shared::posts();
    let whole = usage.encode();
    let call = |change: fn(&mut Call)| {
        let mut call = ceremony_under_third().0.payload().clone();
        change(&mut call);
        Post::sign(&call, &steward("1"), Post::Call).encode()
    };
    let message = |change: fn(&mut Message)| {
        let mut message = ceremony_under_third().1.payload().clone();
        change(&mut message);
        Post::sign(&message, &feed_key(6), Post::Ceremony).encode()
    };
    let flipped = joined(&whole[..whole.len() - 1], &[whole[whole.len() - 1] ^ 1]);
    let late = |c: &mut Call| (c.issued, c.deadline) = (ASKED.plus(86_400), ASKED.plus(90_000));
    let old = |c: &mut Call| (c.issued, c.deadline) = (Timestamp(0), Timestamp(60));
    vec![
        defect("post-unknown-kind", "kind 23", framed(23, &[]), DECODE(UnknownVersion(23))),
        defect("post-one-item", "no envelope", vec![0x81, 1], DECODE(MALFORMED)),
        defect("post-too-long", "16 KiB and a byte", framed(3, &[0; 16 * 1024 - 3]), DECODE(TOO_LARGE)),
        defect("post-trailing-bytes", "one byte after the array", joined(&whole, &[0]), DECODE(TRAILING)),
        defect(
            "post-kind-in-two-bytes",
            "kind 3 in two bytes",
            replaced(&whole, "8203", "821803"),
            DECODE(NOT_CANONICAL),
        ),
        defect(
            "post-kind-of-another",
            "a usage report as a deletion",
            replaced(&whole, "8203", "8204"),
            Signature(SignatureError::ProtectedHeader),
        ),
        defect("post-signature-flipped", "the last bit", flipped, Signature(SignatureError::BadSignature)),
        defect("post-call-other-alliance", "another alliance", call(|c| c.alliance[0] ^= 1), OtherAlliance),
        defect("post-call-unknown-charter", "a charter that never was", call(|c| c.charter = [0; 32]), NotEntitled),
        defect(
            "post-call-without-holding",
            "a charter that names no holders",
            call(|c| c.charter = alliance()),
            Ceremony(CeremonyError::OtherHolders),
        ),
        defect(
            "post-call-by-a-member",
            "signed with feed-6",
            Post::sign(ceremony_under_third().0.payload(), &feed_key(6), Post::Call).encode(),
            Ceremony(CeremonyError::NotASteward),
        ),
        defect("post-call-from-the-future", "a day ahead", call(late), Ceremony(CeremonyError::FromTheFuture)),
        defect("post-call-past", "over for years", call(old), NotKept),
        defect(
            "post-message-unknown-call",
            "a call that nobody has seen",
            message(|m| m.ceremony = [0; 32]),
            UnknownCall,
        ),
        defect(
            "post-message-of-no-holder",
            "member 5, who is none",
            message(|m| m.holder = MemberNumber(5)),
            Ceremony(CeremonyError::NotAHolder(MemberNumber(5))),
        ),
        defect(
            "post-message-old-feed-key",
            "as member 1, who has another key",
            message(|m| m.holder = MemberNumber(1)),
            Ceremony(CeremonyError::WrongKey),
        ),
        defect(
            "post-message-without-packages",
            "no class",
            message(|m| {
                if let Round::Commit { packages, .. } = &mut m.round {
                    packages.clear()
                }
            }),
            Ceremony(CeremonyError::Count),
        ),
        defect("post-two-in-one", "a call and a message", joined(&called.encode(), &said.encode()), DECODE(TRAILING)),
    ]
}

pub fn usage() -> Vec<Defect> {
    use BoardError::*;
    let report = |change: fn(&mut UsageReport)| {
        let mut report = usage_report();
        change(&mut report);
        Post::sign(&report, &feed_key(6), Post::Usage).encode()
    };
    let by = |key: &Key| Post::sign(&usage_report(), key, Post::Usage).encode();
    let tree = || Tree::of(&usage_report());
    let edit = |tree: Tree| framed(3, &envelope(UsageReport::CONTENT_TYPE, &tree.bytes(), &feed_key(6)));
    let counts = |rows: &[(u64, u64)]| {
        edit(
            tree().put(6, array(rows.iter().map(|(member, count)| array([Value::from(*member), Value::from(*count)])))),
        )
    };
    let many: Vec<(u64, u64)> = (0..1_001).map(|member| (member, 1)).collect();
    let late = |r: &mut UsageReport| r.issued = ASKED.plus(86_400);
    vec![
        defect("usage-other-alliance", "another alliance", report(|r| r.alliance[0] ^= 1), OtherAlliance),
        defect("usage-by-another-holder", "signed with feed-2", by(&feed_key(2)), NotEntitled),
        defect("usage-by-an-observer", "of member 4", report(|r| r.holder = MemberNumber(4)), NotEntitled),
        defect("usage-without-a-share", "of a class without holders", report(|r| r.class = Class::Web), NotEntitled),
        defect("usage-from-the-future", "a day ahead", report(late), FromTheFuture),
        defect("usage-of-tomorrow", "of the day after", report(|r| r.day = r.day.plus(1)), FromTheFuture),
        defect("usage-past", "of 36 days ago", report(|r| r.day = Day(r.day.0 - 36)), NotKept),
        defect("usage-out-of-order", "member 2 before member 1", counts(&[(2, 1), (1, 1)]), DECODE(NOT_CANONICAL)),
        defect("usage-member-twice", "member 1 twice", counts(&[(1, 1), (1, 1)]), DECODE(NOT_CANONICAL)),
        defect("usage-of-nothing", "no evaluation for member 1", counts(&[(1, 0)]), DECODE(OutOfRange("counts"))),
        defect("usage-33-bits", "2^32 evaluations", counts(&[(1, 1 << 32)]), DECODE(OutOfRange("counts"))),
        defect("usage-too-many-members", "1,001 members", counts(&many), DECODE(TOO_LARGE)),
        defect("usage-class-twelve", "class 12", edit(tree().put(4, 12)), DECODE(OutOfRange("class"))),
        defect("usage-day-17-bits", "day 65536", edit(tree().put(3, 65_536)), DECODE(OutOfRange("day"))),
        defect("usage-unknown-version", "version 2", edit(tree().put(0, 2)), DECODE(UnknownVersion(2))),
    ]
}

pub fn deletions() -> Vec<Defect> {
    use BoardError::*;
    let deletion = |change: fn(&mut Deletion)| {
        let mut deletion = deletion();
        change(&mut deletion);
        Post::sign(&deletion, &feed_key(6), Post::Deletion).encode()
    };
    let tree = || Tree::of(&crate::fixtures::deletion());
    let edit = |tree: Tree| framed(4, &envelope(Deletion::CONTENT_TYPE, &tree.bytes(), &feed_key(6)));
    let by = |key: &Key| Post::sign(&crate::fixtures::deletion(), key, Post::Deletion).encode();
    let delta = Deletion { holder: MemberNumber(5), ..crate::fixtures::deletion() };
    let late = |d: &mut Deletion| d.issued = ASKED.plus(86_400);
    vec![
        defect("deletion-other-alliance", "another alliance", deletion(|d| d.alliance[0] ^= 1), OtherAlliance),
        defect("deletion-by-another-holder", "signed with feed-2", by(&feed_key(2)), NotEntitled),
        defect("deletion-from-the-future", "a day ahead", deletion(late), FromTheFuture),
        defect(
            "deletion-of-a-key-in-use",
            "the present key of MOB",
            deletion(|d| d.key = shared_key(Class::Mob, 3).1.id()),
            OtherKey,
        ),
        defect("deletion-of-no-key", "a key that never was", deletion(|d| d.key = [0; 32]), OtherKey),
        defect(
            "deletion-by-no-holder",
            "member 5 held no share",
            Post::sign(&delta, &feed_key(5), Post::Deletion).encode(),
            OtherKey,
        ),
        defect("deletion-short-key", "31 bytes", edit(tree().put(3, vec![0u8; 31])), DECODE(MALFORMED)),
        defect("deletion-unknown-version", "version 2", edit(tree().put(0, 2)), DECODE(UnknownVersion(2))),
    ]
}

pub fn witnesses() -> Vec<Defect> {
    use BoardError::*;
    let post = |statement: &WitnessStatement, key: &Key| Post::sign(statement, key, Post::Witness).encode();
    let stated = |change: fn(&mut WitnessStatement)| {
        let mut statement = witness_statement();
        change(&mut statement);
        post(&statement, &feed_key(4))
    };
    let tree = || Tree::of(&witness_statement());
    let edit = |tree: Tree| framed(6, &envelope(WitnessStatement::CONTENT_TYPE, &tree.bytes(), &feed_key(4)));
    let form = Witness(WitnessError::Form);
    let cosignature = Witness(WitnessError::Cosignature);
    let unknown = Witness(WitnessError::UnknownFeed);
    let own = WitnessStatement { witness: MemberNumber(2), ..witness_statement() };
    let many = edit(tree().put(4, array((0..65u64).map(Value::from))));
    let late = |s: &mut WitnessStatement| s.issued = ASKED.plus(86_400);
    vec![
        defect("witness-other-alliance", "another alliance", stated(|s| s.alliance[0] ^= 1), OtherAlliance),
        defect(
            "witness-by-another-member",
            "signed with feed-2",
            post(&witness_statement(), &feed_key(2)),
            NotEntitled,
        ),
        defect("witness-from-the-future", "a day ahead", stated(late), FromTheFuture),
        defect("witness-of-nothing", "no feed", stated(|s| s.heads.clear()), form.clone()),
        defect("witness-out-of-order", "member 2 before member 1", stated(|s| s.heads.reverse()), form.clone()),
        defect("witness-feed-twice", "member 1 twice", stated(|s| s.heads[1] = s.heads[0]), form.clone()),
        defect(
            "witness-two-pages",
            "members 1 and 64",
            stated(|s| s.heads[1].publisher = MemberNumber(64)),
            form.clone(),
        ),
        defect(
            "witness-before-its-cosignature",
            "issued a second before",
            stated(|s| s.issued = Timestamp(ASKED.0 - 1)),
            form,
        ),
        defect("witness-too-many-feeds", "65 feeds", many, DECODE(TOO_LARGE)),
        defect(
            "witness-of-its-own-feed",
            "member 2 of member 2",
            post(&own, &feed_key(2)),
            Witness(WitnessError::OwnFeed),
        ),
        defect(
            "witness-cosignature-flipped",
            "one bit",
            stated(|s| s.heads[0].cosignature.signature[9] ^= 1),
            cosignature.clone(),
        ),
        defect(
            "witness-other-time",
            "a second earlier",
            stated(|s| s.heads[0].cosignature.time.0 -= 1),
            cosignature.clone(),
        ),
        defect("witness-other-root", "another root", stated(|s| s.heads[0].root[0] ^= 1), cosignature.clone()),
        defect("witness-other-batch", "the next batch", stated(|s| s.heads[0].seq += 1), cosignature.clone()),
        defect("witness-other-size", "a leaf more", stated(|s| s.heads[0].size += 1), cosignature),
        defect(
            "witness-unknown-feed",
            "member 9 instead of 2",
            stated(|s| s.heads[1].publisher = MemberNumber(9)),
            unknown.clone(),
        ),
        defect("witness-undecided-cut", "after a cut that nobody decided", stated(|s| s.heads[0].cuts = 1), unknown),
        defect("witness-unknown-version", "version 2", edit(tree().put(0, 2)), DECODE(UnknownVersion(2))),
        defect("witness-17-bits", "witness 65540", edit(tree().put(2, 65_540)), DECODE(OutOfRange("witness"))),
    ]
}
