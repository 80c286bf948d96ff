//! Messages and their bounds.

use std::sync::Arc;

use super::*;
use crate::{
    base::{MemberNumber, Timestamp},
    encoding::{DecodeError, Wire},
    limits,
};

fn heads(publishers: &[u16]) -> Heads {
    let head = |publisher: &u16| PeerHead { publisher: MemberNumber(*publisher), seq: 7, id: [3; 32] };
    Heads {
        charter: 2,
        charter_id: [9; 32],
        feeds: publishers.iter().map(head).collect(),
        clock: Timestamp(1_795_104_000),
    }
}

#[test]
fn every_message_survives_the_round_trip() {
    let requests = [
        Request::Heads(heads(&[])),
        Request::Heads(heads(&[1, 2, 500])),
        Request::Headers { publisher: MemberNumber(u16::MAX), from: u64::MAX },
        Request::Chunk { digest: [1; 32] },
        Request::Charters { from: 0 },
        Request::Board { known: Vec::new() },
        Request::Board { known: vec![[7; 16]; limits::POSTS] },
    ];
    for request in requests {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    let blob: Arc<[u8]> = vec![1, 2, 3].into();
    let responses = [
        Response::Heads(heads(&[1])),
        Response::Headers(vec![blob.clone(); limits::HEADERS_PER_ANSWER]),
        Response::Chunk(vec![0; limits::CHUNK_BYTES].into()),
        Response::Charters(vec![blob.clone(); limits::CHARTERS_PER_ANSWER]),
        Response::Board(Vec::new()),
        Response::Board(vec![vec![0; limits::POST_BYTES].into(); limits::POSTS_PER_ANSWER]),
        Response::Absent,
        Response::Busy { retry_after_ms: u32::MAX },
    ];
    for response in responses {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
    let announcement = Announcement { number: u64::MAX, id: [5; 32] };
    assert_eq!(Announcement::decode(&announcement.encode()), Ok(announcement));
}

#[test]
fn the_heads_of_the_largest_alliance_fit_and_no_more() {
    let publishers: Vec<u16> = (0..limits::MEMBERS as u16).collect();
    let request = Request::Heads(heads(&publishers));
    assert!(request.encode().len() <= limits::REQUEST_BYTES);
    assert_eq!(Request::decode(&request.encode()), Ok(request));
    let more: Vec<u16> = (0..=limits::MEMBERS as u16).collect();
    assert_eq!(Request::decode(&Request::Heads(heads(&more)).encode()), Err(DecodeError::TooLarge));
}

#[test]
fn answers_are_bounded() {
    let blob: Arc<[u8]> = vec![1].into();
    let headers = Response::Headers(vec![blob.clone(); limits::HEADERS_PER_ANSWER + 1]);
    let charters = Response::Charters(vec![blob.clone(); limits::CHARTERS_PER_ANSWER + 1]);
    let posts = Response::Board(vec![blob; limits::POSTS_PER_ANSWER + 1]);
    let post = Response::Board(vec![vec![0; limits::POST_BYTES + 1].into()]);
    let chunk = Response::Chunk(vec![0; limits::CHUNK_BYTES + 1].into());
    let header = Response::Headers(vec![vec![0; limits::GOSSIP_BYTES + 1].into()]);
    for response in [headers, charters, chunk, header, posts, post] {
        assert_eq!(Response::decode(&response.encode()), Err(DecodeError::TooLarge));
    }
    let known = Request::Board { known: vec![[7; 16]; limits::POSTS + 1] };
    assert_eq!(Request::decode(&known.encode()), Err(DecodeError::TooLarge));
    assert_eq!(Response::decode(&vec![0; limits::ANSWER_BYTES + 1]), Err(DecodeError::TooLarge));
    assert_eq!(Request::decode(&vec![0; limits::REQUEST_BYTES + 1]), Err(DecodeError::TooLarge));
}

#[test]
fn kinds_and_lengths_belong_together() {
    assert_eq!(Request::decode(&[0x82, 5, 0]), Err(DecodeError::UnknownKey(5)));
    assert_eq!(Request::decode(&[0x82, 4, 0x41, 0]), Err(DecodeError::OutOfRange("board")));
    assert_eq!(Request::decode(&[0x82, 1, 0]), Err(DecodeError::Malformed));
    assert_eq!(Request::decode(&[0x83, 3, 0, 0]), Err(DecodeError::Malformed));
    assert_eq!(Request::decode(&[0x84, 3, 0, 0, 0]), Err(DecodeError::TooLarge));
    assert_eq!(Response::decode(&[0x82, 7, 0]), Err(DecodeError::UnknownKey(7)));
    assert_eq!(Response::decode(&[0x82, 6, 0]), Err(DecodeError::Malformed));
    assert_eq!(Response::decode(&[0x82, 4, 0]), Err(DecodeError::Malformed));
    assert_eq!(Response::decode(&[0x81, 5]), Err(DecodeError::Malformed));
    let overlong = [0x82, 5, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(Response::decode(&overlong), Err(DecodeError::OutOfRange("retry")));
}

#[test]
fn one_feed_has_one_head() {
    for publishers in [&[2, 1][..], &[1, 1]] {
        assert_eq!(Heads::decode(&heads(publishers).encode()), Err(DecodeError::NotCanonical));
        assert_eq!(Response::decode(&Response::Heads(heads(publishers)).encode()), Err(DecodeError::NotCanonical));
    }
}
