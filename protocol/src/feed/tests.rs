//! Every rule of headers, chunks and bodies, broken once.

use super::{
    body::{BodyCheck, BodyError},
    build::{Body, BuildError, Moved, Place},
    chunk::leaf_bytes,
    *,
};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::{CharterChain, HeaderRefusal, MemberState},
    checkpoint::log_name,
    codes::{Conduct, List},
    encoding::{DecodeError, Wire},
    entry::{Amendment, Entry, EntryError, Listing},
    fixtures::*,
    limits,
    merkle::{EMPTY_ROOT, Frontier},
    signed::{self, SignatureError, Signed},
};

fn header() -> BatchHeader {
    feed().first.payload().clone()
}

fn changed(change: impl FnOnce(&mut BatchHeader)) -> BatchHeader {
    let mut header = header();
    change(&mut header);
    header
}

fn broken(error: HeaderError, change: impl FnOnce(&mut BatchHeader)) {
    let header = changed(change);
    assert_eq!(header.check(), Err(error));
    // Form is checked on the way in, too, whoever signed it.
    let refusal = chain(1).verify_header(signed::sign(&header, &feed_key(1)), FIRST).map(|_| ());
    assert_eq!(refusal, Err(HeaderRefusal::Form(error)));
}

#[test]
fn headers_of_the_feed_hold() {
    let feed = feed();
    for (header, now) in [(feed.first, FIRST), (feed.second, SECOND)] {
        assert_eq!(header.payload().check(), Ok(()));
        assert_eq!(BatchHeader::decode(&header.payload().encode()).as_ref(), Ok(header.payload()));
        assert_eq!(Signed::<BatchHeader>::decode(header.envelope()), Ok(header.clone()));
        let verified = chain(2).verify_header(header.clone(), now).unwrap();
        assert_eq!((verified.id(), verified.envelope()), (header.id(), header.envelope()));
    }
}

#[test]
fn the_numbers_agree() {
    broken(HeaderError::Size, |h| h.size += 1); // HEADER-2
    broken(HeaderError::Size, |h| h.first = u64::MAX); // HEADER-2
    broken(HeaderError::Size, |h| (h.first, h.size) = (limits::FEED_LEAVES, limits::FEED_LEAVES + h.count)); // HEADER-2
    broken(HeaderError::Size, |h| (h.count, h.size) = (limits::ENTRIES_PER_BATCH + 1, limits::ENTRIES_PER_BATCH + 1)); // HEADER-2
    broken(HeaderError::Chunks, |h| h.chunks.clear()); // HEADER-3
    broken(HeaderError::Chunks, |h| h.chunks[0].entries = 4); // HEADER-3
    broken(HeaderError::Chunks, |h| h.chunks[0].bytes = 4); // HEADER-3
    broken(HeaderError::Chunks, |h| h.chunks[0].bytes = limits::CHUNK_BYTES as u32 + 1); // HEADER-3
    broken(HeaderError::Chunks, |h| h.chunks.push(ChunkDescriptor { entries: 0, ..h.chunks[0] })); // HEADER-3
    broken(HeaderError::Totals, |h| h.totals = Totals::default()); // HEADER-4
    broken(HeaderError::Totals, |h| h.totals.count(&Entry::List(listing()))); // HEADER-4
}

#[test]
fn the_place_in_the_feed_is_plain() {
    broken(HeaderError::Previous, |h| h.seq = 1); // HEADER-5
    broken(HeaderError::Previous, |h| h.previous = Some([1; 32])); // HEADER-5
    broken(HeaderError::Previous, |h| (h.first, h.size) = (1, 6)); // HEADER-5
    broken(HeaderError::Lifetime, |h| h.expires = h.issued); // HEADER-6
    broken(HeaderError::Lifetime, |h| h.expires = Timestamp(h.issued.0 - 1)); // HEADER-6
    broken(HeaderError::Lifetime, |h| h.expires = h.issued.plus(limits::HEAD_LIFETIME_SECONDS + 1)); // HEADER-6
    broken(HeaderError::EmptyRoot, |h| h.root = EMPTY_ROOT); // HEADER-7
    let empty = |h: &mut BatchHeader| {
        (h.size, h.count) = (0, 0);
        h.chunks.clear();
        h.totals = Totals::default();
    };
    broken(HeaderError::EmptyRoot, empty); // HEADER-7
    let heartbeat = changed(|h| {
        empty(h);
        h.root = EMPTY_ROOT;
    });
    assert_eq!(heartbeat.check(), Ok(()));
}

fn refusal(chain: &CharterChain, header: &BatchHeader, key: &Key, now: Timestamp) -> Option<HeaderRefusal> {
    chain.verify_header(signed::sign(header, key), now).err()
}

#[test]
fn the_charter_says_whose_headers_count() {
    let (one, two) = (chain(1), chain(2));
    let refuse = |change: fn(&mut BatchHeader)| refusal(&one, &changed(change), &feed_key(1), FIRST);
    assert_eq!(refuse(|h| h.alliance = [0; 32]), Some(HeaderRefusal::OtherAlliance)); // HEADER-8
    assert_eq!(refuse(|h| h.charter = [0; 32]), Some(HeaderRefusal::UnknownCharter)); // HEADER-9
    assert_eq!(refusal(&one, feed().second.payload(), &new_feed_key(), SECOND), Some(HeaderRefusal::UnknownCharter)); // HEADER-9
    for nobody in [0, 4, 5, u16::MAX] {
        let header = changed(|h| h.publisher = MemberNumber(nobody));
        assert_eq!(refusal(&one, &header, &feed_key(1), FIRST), Some(HeaderRefusal::NotAPublisher)); // HEADER-10
    }
    assert_eq!(refusal(&one, &header(), &feed_key(2), FIRST), Some(HeaderRefusal::WrongKey)); // HEADER-11
    assert_eq!(refusal(&one, &header(), &node_key(1), FIRST), Some(HeaderRefusal::WrongKey)); // HEADER-11
    // HEADER-13: no signature is no offence, a wrong one is.
    assert_eq!(header().checkpoint, None);
    for (log, refusal) in
        [("beta", Some(HeaderRefusal::Checkpoint)), ("alpha/1", Some(HeaderRefusal::Checkpoint)), ("alpha", None)]
    {
        let mut logged = header();
        let text = logged.checkpoint_text(&log_name(&alliance(), log, 0));
        logged.checkpoint = Some(signed::Signer::sign(&feed_key(1), text.as_bytes()));
        assert_eq!(self::refusal(&one, &logged, &feed_key(1), FIRST), refusal, "{log}"); // HEADER-13
    }
    assert_eq!(refuse(|h| h.checkpoint = Some([0; 64])), Some(HeaderRefusal::Checkpoint)); // HEADER-13
    // HEADER-11: each key has its time.
    assert_eq!(refusal(&two, &header(), &new_feed_key(), FIRST), Some(HeaderRefusal::WrongKey));
    assert_eq!(refusal(&two, feed().second.payload(), &feed_key(1), SECOND), Some(HeaderRefusal::WrongKey));
    let early = changed(|h| (h.issued, h.expires) = (Timestamp(FOUNDED.0 - 1), FOUNDED));
    assert_eq!(refusal(&one, &early, &feed_key(1), FIRST), Some(HeaderRefusal::WrongKey));
    let now = Timestamp(FIRST.0 - limits::CLOCK_SKEW_SECONDS);
    assert_eq!(refusal(&one, &header(), &feed_key(1), now), None);
    assert_eq!(refusal(&one, &header(), &feed_key(1), Timestamp(now.0 - 1)), Some(HeaderRefusal::FromTheFuture)); // HEADER-12
}

#[test]
fn a_suspended_member_s_feed_stays_readable_and_an_expelled_one_s_does_not() {
    for (state, expected) in
        [(MemberState::Suspended, None), (MemberState::Expelled, Some(HeaderRefusal::NotAPublisher))]
    {
        let mut charter = genesis();
        charter.stewards.retain(|steward| steward.member != MemberNumber(3));
        charter.members[2].state = state;
        let chain = CharterChain::found(signed(&charter, &["1", "2"]), None).unwrap();
        let id = chain.alliance();
        let header = changed(|h| (h.alliance, h.charter, h.publisher) = (id, id, MemberNumber(3)));
        assert_eq!(refusal(&chain, &header, &feed_key(3), FIRST), expected); // HEADER-10
    }
}

#[test]
fn chunks_are_what_their_header_says() {
    let feed = feed();
    let descriptor = feed.first.payload().chunks[0];
    let verify =
        |descriptor: &ChunkDescriptor, bytes: &[u8]| Chunk::verify(chunk_place(0), descriptor, bytes).map(|_| ());
    let chunk = Chunk::verify(chunk_place(0), &descriptor, &feed.chunk).unwrap();
    assert_eq!((chunk.leaves.len(), chunk.erased, chunk.totals), (5, 0, feed.first.payload().totals.clone()));
    let longer = [&feed.chunk[..], &[0]].concat();
    assert_eq!(verify(&descriptor, &longer), Err(ChunkError::TooLong)); // CHUNK-1
    let giant = ChunkDescriptor { bytes: u32::MAX, ..descriptor };
    assert_eq!(verify(&giant, &vec![0; limits::CHUNK_BYTES + 1]), Err(ChunkError::TooLong)); // CHUNK-1
    let cut = &feed.chunk[..feed.chunk.len() - 1];
    assert_eq!(verify(&descriptor, cut), Err(ChunkError::Leaf { leaf: 4, error: DecodeError::Malformed })); // CHUNK-2
    let fewer = chunk::erase(&feed.chunk, &[0, 1, 2, 3, 4]).unwrap();
    assert_eq!(verify(&descriptor, &fewer[..fewer.len() - 34]), Err(ChunkError::Count)); // CHUNK-3
    // CHUNK-6: it is the chunk that the header names, and not what it says of it.
    let short = ChunkDescriptor { bytes: descriptor.bytes - 1, ..descriptor };
    let other = ChunkDescriptor { entries: 4, ..descriptor };
    let more = ChunkDescriptor { entries: u32::MAX, ..descriptor }; // And no memory for four thousand million leaves.
    for misdescribed in [short, other, more] {
        assert_eq!(verify(&misdescribed, &feed.chunk), Err(ChunkError::Misdescribed));
    }
    let renamed = ChunkDescriptor { digest: [0; 32], ..descriptor };
    assert_eq!(verify(&renamed, &feed.chunk), Err(ChunkError::Digest)); // CHUNK-4
    // CHUNK-2: the place is as short as it can be, and there.
    let starts = |start: &[u8]| verify(&descriptor, &[start, &feed.chunk[3..feed.chunk.len() - 2]].concat());
    assert_eq!(starts(&[0x82, 0x18, 1, 0]), Err(ChunkError::Start(DecodeError::NotCanonical)));
    assert_eq!(starts(&[0x81, 1]), Err(ChunkError::Start(DecodeError::Malformed)));
    assert_eq!(starts(&[]), Err(ChunkError::Start(DecodeError::Malformed)));
    assert_eq!(verify(&descriptor, &[]), Err(ChunkError::Start(DecodeError::Malformed)));
}

#[test]
fn a_chunk_stands_at_one_place() {
    let feed = feed();
    let descriptor = feed.first.payload().chunks[0];
    let at = |publisher, first| {
        Chunk::verify(ChunkPlace { publisher: MemberNumber(publisher), first }, &descriptor, &feed.chunk)
    };
    assert!(at(1, 0).is_ok());
    assert_eq!(at(2, 0).err(), Some(ChunkError::Misdescribed)); // CHUNK-6
    assert_eq!(at(1, 5).err(), Some(ChunkError::Misdescribed)); // CHUNK-6
    // Whoever writes another place into it makes another chunk of it: that is the sender's fault.
    let moved = [&[0x82, 2, 0][..], &feed.chunk[3..]].concat();
    let place = ChunkPlace { publisher: MemberNumber(2), first: 0 };
    assert_eq!(Chunk::verify(place, &descriptor, &moved).err(), Some(ChunkError::Digest)); // CHUNK-4
    // The chunks of a header stand one behind the other.
    let header = changed(|h| {
        h.chunks = vec![ChunkDescriptor { entries: 2, ..descriptor }, ChunkDescriptor { entries: 3, ..descriptor }]
    });
    let firsts: Vec<u64> = header.placed_chunks().map(|(place, _)| place.first).collect();
    assert_eq!(firsts, [0, 2]);
}

#[test]
fn an_erased_leaf_keeps_the_name_and_the_tree() {
    let (feed, erased) = (feed(), erased_chunk());
    let header = feed.first.payload();
    let chunk = Chunk::verify(chunk_place(0), &header.chunks[0], &erased).unwrap();
    assert_eq!((chunk.erased, &chunk.leaves[2]), (1, &Leaf::Erased(leaf_hash(&entries()[2]))));
    let mut check = BodyCheck::new(header, Frontier::new()).unwrap();
    check.add(&chunk.leaf_hashes, &chunk.totals, chunk.erased, |_, _, _| ());
    assert_eq!(check.finish().map(|tree| tree.root()), Ok(header.root));
    assert_eq!(chunk::erase(&feed.chunk, &[2]).as_ref(), Ok(&erased));
    assert_eq!(chunk::erase(&erased, &[2]).as_ref(), Ok(&erased), "once more is nothing");
    let all = chunk::erase(&erased, &[0, 1, 2, 3, 4]).unwrap();
    let found = Chunk::verify(chunk_place(0), &header.chunks[0], &all).map(|chunk| (chunk.erased, all.len()));
    assert_eq!(found.ok(), Some((5, 3 + 5 * 34)));
    // CHUNK-2: a hash in a longer form, and a string that is no hash.
    let text = hex::encode(&erased);
    let leaf = hex::encode(leaf_hash(&entries()[2]));
    let replaced = |with: String| hex::decode(text.replace(&format!("5820{leaf}"), &with)).unwrap();
    let error = |bytes: Vec<u8>| Chunk::verify(chunk_place(0), &header.chunks[0], &bytes).unwrap_err();
    let longer = replaced(format!("590020{leaf}"));
    assert_eq!(error(longer), ChunkError::Leaf { leaf: 2, error: DecodeError::NotCanonical }); // CHUNK-2
    let shorter = replaced(format!("581f{}", &leaf[2..]));
    assert_eq!(error(shorter), ChunkError::Leaf { leaf: 2, error: DecodeError::Malformed }); // CHUNK-2
    for (at, entry) in entries().iter().enumerate() {
        assert_eq!(leaf_bytes(&feed.chunk, at as u32), Ok(entry.encode().as_slice()));
    }
    assert_eq!(leaf_bytes(&feed.chunk, 5), Err(DecodeError::Malformed));
}

#[test]
fn bodies_are_what_their_header_signs() {
    let feed = feed();
    let chunk = Chunk::verify(chunk_place(0), &feed.first.payload().chunks[0], &feed.chunk).unwrap();
    let finish = |header: &BatchHeader, totals: &Totals, erased| {
        let mut check = BodyCheck::new(header, Frontier::new()).unwrap();
        check.add(&chunk.leaf_hashes, totals, erased, |_, _, _| ());
        check.finish().map(|tree| tree.size())
    };
    assert_eq!(finish(&header(), &chunk.totals, 0), Ok(5));
    assert_eq!(BodyCheck::new(feed.second.payload(), Frontier::new()).err(), Some(BodyError::Gap)); // BODY-1
    assert_eq!(finish(&changed(|h| h.root[0] ^= 1), &chunk.totals, 0), Err(BodyError::Root)); // BODY-2
    assert_eq!(finish(&changed(|h| h.size = 6), &chunk.totals, 0), Err(BodyError::Root)); // BODY-2
    let other = |conduct| {
        let mut totals = Totals::default();
        for entry in entries().iter().skip(1) {
            totals.count(entry);
        }
        totals.count(&Entry::List(Listing { conduct, ..listing() }));
        totals
    };
    assert_eq!(finish(&header(), &other(Conduct::C01), 0), Ok(5));
    assert_eq!(finish(&header(), &other(Conduct::C02), 0), Err(BodyError::Totals)); // BODY-3
    assert_eq!(finish(&header(), &other(Conduct::C02), 1), Err(BodyError::Totals)); // BODY-3
    assert_eq!(finish(&header(), &Totals::default(), 5), Ok(5));
    assert_eq!(finish(&header(), &Totals::default(), 4), Err(BodyError::Totals)); // BODY-3: a leaf is neither counted nor erased
}

#[test]
fn totals_have_one_order_and_no_zero() {
    let mut totals = Totals::default();
    for list in [List::Cxh, List::Ecb] {
        totals.count(&Entry::List(Listing { list, ..listing() }));
    }
    let header = changed(|h| h.totals = totals);
    let text = hex::encode(header.encode());
    let (row, next) = ("8401010101", "8401020101");
    let decode = |rows: [&str; 2]| {
        let swapped = text.replace(&format!("82{row}{next}"), &format!("82{}", rows.concat()));
        BatchHeader::decode(&hex::decode(swapped).unwrap())
    };
    assert_eq!(decode([row, next]), Ok(header));
    assert_eq!(decode([next, row]), Err(DecodeError::NotCanonical));
    assert_eq!(decode([row, row]), Err(DecodeError::NotCanonical));
    assert_eq!(decode([row, "8401020100"]), Err(DecodeError::OutOfRange("totals")));
    assert_eq!(decode([row, "8401021501"]), Err(DecodeError::OutOfRange("totals")));
    assert_eq!(decode([row, "8401000101"]), Err(DecodeError::OutOfRange("totals")));
}

#[test]
fn a_batch_ends_before_its_header_outgrows_its_bound() {
    // Every list and conduct in turn, in entries so long that chunks fill up: the most that a header can have to say.
    let place = Place {
        alliance: [1; 32],
        charter: [1; 32],
        publisher: MemberNumber(1),
        log: None,
        previous: None,
        now: FIRST,
    };
    let mut body = Body::new(MemberNumber(1), 0);
    let codes = List::ALL.iter().flat_map(|list| Conduct::ALL.iter().map(|conduct| (*list, *conduct)));
    let both = |(list, conduct)| {
        let long = Listing { list, conduct, sealed: Some(vec![0; 296]), ..full_listing() };
        [Entry::List(long), Entry::Amend(Amendment { list, conduct: Some(conduct), ..amendment() })]
    };
    let rows = codes.flat_map(both).filter(|entry| entry.check().is_ok());
    let encoded: Vec<_> = rows.map(|entry| build::encode_entry(&entry).unwrap()).collect();
    let full = encoded.iter().cycle().find_map(|encoded| body.push_encoded(encoded).err()).unwrap();
    assert_eq!(full, BuildError::Full);
    let count = body.len();
    let (header, chunks) = body.seal(&place, Frontier::new(), &feed_key(1)).unwrap();
    assert_eq!((header.payload().count, header.payload().check()), (count, Ok(())));
    assert!(chunks.iter().all(|chunk| chunk.len() <= limits::CHUNK_BYTES));
    assert!(header.envelope().len() <= limits::GOSSIP_BYTES, "{}", header.envelope().len());
}

#[test]
fn a_body_that_was_begun_for_another_place_is_not_sealed() {
    let place = |publisher| Place {
        alliance: [1; 32],
        charter: [1; 32],
        publisher: MemberNumber(publisher),
        log: None,
        previous: None,
        now: FIRST,
    };
    let seal = |begins: u64, publisher| {
        let mut body = Body::new(MemberNumber(1), begins);
        body.push(&Entry::List(listing())).unwrap();
        body.seal(&place(publisher), Frontier::new(), &feed_key(1)).map(drop)
    };
    assert_eq!(seal(0, 1), Ok(()));
    assert_eq!(seal(1, 1), Err(Moved));
    assert_eq!(seal(0, 2), Err(Moved));
    let heartbeat = Body::new(MemberNumber(1), 7);
    assert!(heartbeat.seal(&place(1), Frontier::new(), &feed_key(1)).is_ok(), "nothing stands nowhere");
}

#[test]
fn wrong_entries_do_not_get_into_a_body() {
    let wrong = Entry::List(Listing { expires: day(), ..listing() });
    let mut body = Body::new(MemberNumber(1), 0);
    assert_eq!(body.push(&wrong), Err(BuildError::Entry(EntryError::Term)));
    assert!(body.is_empty());
}

#[test]
fn a_signature_by_nobody_is_no_header() {
    let mut envelope = feed().first.envelope().to_vec();
    *envelope.last_mut().unwrap() ^= 1;
    assert_eq!(Signed::<BatchHeader>::decode(&envelope), Err(SignatureError::BadSignature));
}

#[test]
fn a_span_of_a_chunk_is_the_bytes_of_its_leaves() {
    for chunk in [feed().chunk, erased_chunk()] {
        let leaves: Vec<&[u8]> = (0..5).map(|at| chunk::leaf_bytes(&chunk, at).unwrap()).collect();
        for from in 0..5u64 {
            for to in from + 1..=7 {
                let expected = &leaves[from as usize..to.min(5) as usize];
                let found = chunk::span(&chunk, from, to);
                assert_eq!(found, Ok((&expected.concat()[..], expected.len() as u64)), "{from} {to}");
            }
        }
        assert_eq!(chunk::span(&chunk, 5, 6), Ok((&[][..], 0)));
        let hashes: Vec<_> = chunk::hashed_leaves(&chunk[3..]).map(|leaf| leaf.unwrap().1).collect();
        assert_eq!(hashes, entries().iter().map(leaf_hash).collect::<Vec<_>>());
    }
}
