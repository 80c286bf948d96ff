//! A ceremony of members 1, 2 and 5 under charter 2, for two classes.

use antibrush_protocol::{
    base::MemberNumber,
    ceremony::{Call, Ceremony, Kind, Me, Message, Round, Seed, verify_call, verify_message},
    encoding::Wire,
    signed::{self, Signed},
    subject::Class,
};

use crate::{
    annotate::{Shape, annotate, each},
    fixtures::*,
    named, sign1, with,
};

const HOLDERS: [u16; 3] = [1, 2, 5];

pub fn call() -> Call {
    Call {
        alliance: alliance(),
        charter: signed(&second(), &[]).id(),
        kind: Kind::Generate,
        epoch: 2,
        classes: vec![Class::Ent, Class::Mob],
        threshold: 2,
        holders: HOLDERS.map(MemberNumber).to_vec(),
        keys: Vec::new(),
        issued: SECOND,
        deadline: SECOND.plus(86_400),
        // A hash has 32 bytes.
        nonce: label("antibrush vector ceremony-nonce")[..16].try_into().expect("16 bytes"),
    }
}

/// The feed key of a holder at the time of the ceremony.
pub fn key(holder: u16) -> Key {
    if holder == 1 { new_feed_key() } else { feed_key(holder) }
}

/// The whole board, in the order of rounds and holders; member 5's last message is a complaint, and a false one.
pub fn board() -> Vec<Signed<Message>> {
    let charter = signed(&second(), &[]);
    let call = call();
    let verified =
        verify_call(signed::sign(&call, &steward("1")), &charter, &alliance(), Some((2, &call.holders)), SECOND)
            .expect("a good call");
    let ceremony = Ceremony::new(verified.clone(), &[]).expect("a generation");
    let mut board = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..3 {
        let mut round = Vec::new();
        for holder in HOLDERS {
            let seed = Seed(label(&format!("antibrush vector ceremony-seed-{holder}")));
            let me = Me { holder: MemberNumber(holder), seed: &seed, shares: &[] };
            let post = ceremony.advance(&board, Some(me), SECOND).expect("an honest run").post;
            round.extend(post.iter().map(|message| signed::sign(message, &key(holder))));
        }
        for message in &round {
            board.push(verify_message(message.clone(), &verified, charter.charter()).expect("a good message"));
        }
        messages.extend(round);
    }
    let deal = messages[3].id();
    let complaint = Round::Complain { against: MemberNumber(1), deal, secret: label("antibrush vector secret") };
    messages[8] = signed::sign(&Message { round: complaint, ..messages[8].payload().clone() }, &key(5));
    messages
}

/// Name, what it is, annotated hex.
pub fn objects() -> Vec<(&'static str, &'static str, String)> {
    let board = board();
    let called = signed::sign(&call(), &steward("1"));
    let show = |bytes: &[u8], shape| annotate(bytes, "object", &sign1(shape));
    let message = |place: usize| show(board[place].envelope(), message_shape());
    assert!(board.iter().all(|message| message.payload().encode().len() < 1024));
    vec![
        (
            "ceremony_call",
            "Call to a ceremony in its COSE_Sign1, signed with steward-1: new keys, 2 of 3, nonce of ceremony-nonce.",
            show(called.envelope(), call_shape()),
        ),
        (
            "ceremony_commit",
            "Ceremony message of round 1 in its COSE_Sign1, of member 1, from ceremony-seed-1.",
            message(0),
        ),
        (
            "ceremony_deal",
            "Ceremony message of round 2 in its COSE_Sign1, of member 1, to members 2 and 5.",
            message(3),
        ),
        ("ceremony_confirm", "Ceremony message of round 3 in its COSE_Sign1, of member 1: the result.", message(6)),
        (
            "ceremony_complain",
            "Ceremony message of round 3 in its COSE_Sign1, of member 5 against member 1: a false one.",
            message(8),
        ),
    ]
}

pub fn call_shape() -> Shape {
    let fields = [
        (0, "version"),
        (1, "alliance"),
        (2, "charter"),
        (3, "kind"),
        (4, "epoch"),
        (5, "classes"),
        (6, "threshold"),
        (7, "holders"),
        (8, "keys"),
        (9, "issued"),
        (10, "deadline"),
        (11, "nonce"),
    ];
    with(named(&fields), vec![(5, each("class", Shape::Plain)), (7, each("holder", Shape::Plain))])
}

pub fn message_shape() -> Shape {
    let fields = [
        (0, "version"),
        (1, "ceremony"),
        (2, "holder"),
        (3, "round"),
        (4, "receive key"),
        (5, "packages"),
        (6, "sealed"),
        (7, "transcript"),
        (8, "public keys"),
        (9, "against"),
        (10, "deal"),
        (11, "secret"),
    ];
    let keys = each("class", each("group key, then shares", Shape::Plain));
    let shapes = vec![
        (5, each("commitments and proof", Shape::Plain)),
        (6, each("enc and ciphertext", Shape::Plain)),
        (8, keys),
    ];
    with(named(&fields), shapes)
}
