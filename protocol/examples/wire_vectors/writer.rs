//! A member's second node asks to write the batch that comes after the first one.

use antibrush_protocol::{
    base::MemberNumber,
    encoding::Wire,
    signed::Signer,
    writer::{Ask, Bid, Claim, Place, Proposal, Refused, Register, Reply, Term, Vote},
};

use crate::{
    annotate::{Shape, annotate, each},
    batch_header,
    fixtures::*,
    kind, tuple,
};

fn term(number: u64) -> Term {
    Term { number, node: node_key(1).public() }
}

fn proposal() -> Proposal {
    let second = feed().second;
    Proposal::of(second.payload(), second.key())
}

/// Name, what it is, annotated hex.
pub fn objects() -> Vec<(&'static str, &'static str, String)> {
    let show = |object: Vec<u8>, shape: Shape| annotate(&object, "object", &shape);
    let first = feed().first;
    let term_shape = || tuple(&["number", "node"]);
    let proposed = || Shape::Tuple(vec![("header", batch_header()), ("key", Shape::Plain)]);
    let bid_shape =
        || Shape::Tuple(vec![("term", term_shape()), ("proposal", proposed()), ("signature", Shape::Plain)]);
    let accepted = || each("accepted", bid_shape());
    let vote = |claim| {
        let place = Place(Some((first.payload().seq, first.id())));
        Ask::Vote(Vote { publisher: MemberNumber(1), term: term(2), place, claim }).encode()
    };
    let vote_shape = || {
        Shape::Tuple(vec![
            ("kind", Shape::Plain),
            ("publisher", Shape::Plain),
            ("term", term_shape()),
            ("place", each("last header", tuple(&["seq", "id"]))),
            ("claim", Shape::Tuple(vec![("kind", Shape::Plain), ("after", each("term", term_shape()))])),
        ])
    };
    let bid = |number| Box::new(Bid::sign(term(number), proposal(), &new_feed_key()).expect("its own key"));
    let took = Some(bid(1));
    vec![
        ("writer_ask_vote", "Ask: node 1 takes over in term 2.", show(vote(Claim::Take), vote_shape())),
        (
            "writer_ask_vote_resume",
            "Ask: node 1 goes on in term 2 after its term 1.",
            show(vote(Claim::Resume(Some(term(1)))), vote_shape()),
        ),
        ("writer_ask_accept", "Ask: batch 1, in term 2.", show(Ask::Accept(bid(2)).encode(), kind(bid_shape()))),
        (
            "writer_ask_chunk",
            "Ask: a chunk of a proposed batch.",
            show(Ask::Chunk { digest: first.payload().chunks[0].digest }.encode(), kind(Shape::Plain)),
        ),
        ("writer_bid", "Bid: batch 1 in term 1, signed.", show(bid(1).encode(), bid_shape())),
        ("writer_proposal", "Proposal: batch 1 before it is signed.", show(proposal().encode(), proposed())),
        (
            "writer_reply_promised",
            "Reply: promised; batch 1 was accepted in term 1.",
            show(Reply::Promised(took.clone()).encode(), kind(accepted())),
        ),
        ("writer_reply_accepted", "Reply: accepted.", show(Reply::Accepted.encode(), kind(Shape::Plain))),
        (
            "writer_reply_refused",
            "Reply: refused, for term 3 was promised.",
            show(
                Reply::Refused(Refused::Outdated(term(3))).encode(),
                kind(Shape::Tuple(vec![("reason", Shape::Plain), ("term", term_shape())])),
            ),
        ),
        (
            "writer_reply_chunk",
            "Reply: the chunk.",
            show(Reply::Chunk(feed().chunk.as_slice().into()).encode(), kind(Shape::Plain)),
        ),
        ("writer_reply_absent", "Reply: no such chunk.", show(Reply::Absent.encode(), kind(Shape::Plain))),
        (
            "writer_register",
            "Register: what an elector keeps: term 2 promised, batch 1 accepted in term 1.",
            show(
                Register { promised: Some(term(2)), accepted: took, held: None, lost: None }.encode(),
                Shape::Tuple(vec![
                    ("promised", each("term", term_shape())),
                    ("accepted", accepted()),
                    ("held", each("term", term_shape())),
                    ("lost", each("since", Shape::Plain)),
                ]),
            ),
        ),
    ]
}
