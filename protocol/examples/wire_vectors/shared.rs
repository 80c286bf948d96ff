//! Evaluations under charter 3, and posts of the board.

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    board::Post,
    encoding::Wire,
    evaluation::{self, Answer, BadAnswer, EvaluationResponse, Refusal},
    signed::{self, Signed},
    sync::{Request, Response},
};

use crate::{
    annotate::{Shape, annotate, each, inside},
    ceremony::{call_shape, message_shape},
    fixtures::*,
    kind, sign1, tuple,
};

/// What Epsilon, the holder of share 3, answers, in its envelope.
pub fn answer() -> Vec<u8> {
    match evaluation::sign(&alliance(), &asked().0, answered(3), &feed_key(6)) {
        EvaluationResponse::Evaluated(envelope) => envelope,
        _ => panic!("it signs"),
    }
}

pub fn answer_payload() -> Answer {
    Signed::<Answer>::decode(&answer()).expect("a good answer").payload().clone()
}

/// The same with one bit of the proof wrong.
pub fn bad_answer() -> BadAnswer {
    let mut answer = answer_payload();
    answer.proof[0] ^= 1;
    let answer = signed::sign(&answer, &feed_key(6)).envelope().to_vec();
    BadAnswer { holder: MemberNumber(6), asked: ASKED, request: asked().0, answer }
}

/// One of each kind, in the order in which they can be taken.
pub fn posts() -> [Post; 6] {
    let (call, message) = ceremony_under_third();
    [
        Post::Call(call),
        Post::Ceremony(message),
        Post::sign(&usage_report(), &feed_key(6), Post::Usage),
        Post::sign(&deletion(), &feed_key(6), Post::Deletion),
        Post::sign(&witness_statement(), &feed_key(4), Post::Witness),
        Post::sign(&purge_receipt(), &feed_key(2), Post::Purge),
    ]
}

/// Name, what it is, annotated hex.
pub fn objects() -> Vec<(&'static str, &'static str, String)> {
    let show = |object: Vec<u8>, shape: Shape| annotate(&object, "object", &shape);
    let response = |response: EvaluationResponse, shape| show(response.encode(), shape);
    let [call, message, usage, gone, witness, purge] = posts();
    let post = |post: &Post, shape| show(post.encode(), post_shape(shape));
    let all: Vec<_> = posts().iter().map(|post| post.encode().into()).collect();
    vec![
        (
            "evaluation_request",
            "EvaluationRequest: three identifiers (members 1 to 3's own credit codes), blinded with blind-1 to blind-3, and blind-4.",
            show(asked().0.encode(), request_shape()),
        ),
        (
            "evaluation_answer",
            "Answer of member 6, who holds share 3, to evaluation_request: what it signs.",
            show(answer_payload().encode(), answer_shape()),
        ),
        (
            "evaluation_response_evaluated",
            "EvaluationResponse: the answer in its COSE_Sign1, signed with feed-6.",
            response(EvaluationResponse::Evaluated(answer()), kind(inside(sign1(answer_shape())))),
        ),
        (
            "evaluation_response_busy",
            "EvaluationResponse: ask again in half a second.",
            response(EvaluationResponse::Busy { retry_after_ms: 500 }, kind(Shape::Plain)),
        ),
        (
            "evaluation_response_exhausted",
            "EvaluationResponse: three evaluations left until the next day in Beijing.",
            response(
                EvaluationResponse::Exhausted { left: 3, renews: Timestamp::start_of(ASKED.day().plus(1)) },
                tuple(&["kind", "left", "renews"]),
            ),
        ),
        (
            "evaluation_response_refused",
            "EvaluationResponse: the holder does not know the charter.",
            response(EvaluationResponse::Refused(Refusal::UnknownCharter), kind(Shape::Plain)),
        ),
        (
            "bad_answer",
            "BadAnswer: evidence against member 6, who signed a proof with one bit wrong.",
            show(
                bad_answer().encode(),
                Shape::Tuple(vec![
                    ("version", Shape::Plain),
                    ("holder", Shape::Plain),
                    ("asked", Shape::Plain),
                    ("request", request_shape()),
                    ("answer", inside(sign1(answer_shape()))),
                ]),
            ),
        ),
        ("usage_report", "UsageReport of member 6 for ENT.", show(usage_report().encode(), usage_shape())),
        ("deletion", "Deletion of member 6: the retired key of MOB.", show(deletion().encode(), deletion_shape())),
        (
            "witness_statement",
            "WitnessStatement of the observer, member 4: batch 1 of member 1 and batch 0, a heartbeat, of member 2.",
            show(witness_statement().encode(), witness_shape()),
        ),
        (
            "purge_receipt",
            "PurgeReceipt of member 2: 2 of 5 leaves of member 1, none of 300 of its own.",
            show(purge_receipt().encode(), purge_shape()),
        ),
        ("post_call", "Post: a call under charter 3, signed with steward-1.", post(&call, call_shape())),
        (
            "post_ceremony",
            "Post: what member 6 answers to it first, from ceremony-seed-6.",
            post(&message, message_shape()),
        ),
        ("post_usage", "Post: usage_report, signed with feed-6.", post(&usage, usage_shape())),
        ("post_deletion", "Post: deletion, signed with feed-6.", post(&gone, deletion_shape())),
        ("post_witness", "Post: witness_statement, signed with feed-4.", post(&witness, witness_shape())),
        ("post_purge", "Post: purge_receipt, signed with feed-2.", post(&purge, purge_shape())),
        (
            "post_equivocation",
            "Post: two second batches of member 1, which contradict each other.",
            show(
                equivocation().encode(),
                Shape::Tuple(vec![("kind", Shape::Plain), ("envelope", inside(two_headers()))]),
            ),
        ),
        (
            "request_board",
            "Request: what there is besides post_usage and post_deletion.",
            show(Request::Board { known: vec![usage.id(), gone.id()] }.encode(), kind(Shape::Plain)),
        ),
        (
            "response_board",
            "Response: all six posts.",
            show(Response::Board(all).encode(), kind(each("post", Shape::Plain))),
        ),
    ]
}

fn two_headers() -> Shape {
    each("header", Shape::Plain)
}

fn request_shape() -> Shape {
    tuple(&["version", "charter", "key id", "elements"])
}

fn answer_shape() -> Shape {
    tuple(&["version", "alliance", "charter", "key id", "request", "share", "elements", "proof"])
}

fn usage_shape() -> Shape {
    let counts = each("count", tuple(&["member", "evaluations"]));
    let names = ["version", "alliance", "holder", "day", "class", "issued"];
    let plain = names.iter().map(|name| (*name, Shape::Plain));
    Shape::Tuple(plain.chain([("counts", counts)]).collect())
}

fn deletion_shape() -> Shape {
    tuple(&["version", "alliance", "holder", "key id", "issued"])
}

fn purge_shape() -> Shape {
    let feed = tuple(&["publisher", "erased", "size"]);
    let plain = ["version", "alliance", "member", "day", "issued"].iter().map(|name| (*name, Shape::Plain));
    Shape::Tuple(plain.chain([("feeds", each("feed", feed))]).collect())
}

fn witness_shape() -> Shape {
    let head = tuple(&["publisher", "cuts", "seq", "size", "root", "time", "cosignature"]);
    let plain = ["version", "alliance", "witness", "issued"].iter().map(|name| (*name, Shape::Plain));
    Shape::Tuple(plain.chain([("heads", each("head", head))]).collect())
}

fn post_shape(payload: Shape) -> Shape {
    Shape::Tuple(vec![("kind", Shape::Plain), ("envelope", inside(sign1(payload)))])
}
