//! The files in tests/vectors/filter.

use sha2::{Digest, Sha256};

use super::reader;
use crate::filter::{Filter, FilterHead, bits_for, build, rebuild_matches};

const FILES: [&str; 3] = [
    include_str!("../../../../tests/vectors/filter/empty.txt"),
    include_str!("../../../../tests/vectors/filter/floor.txt"),
    include_str!("../../../../tests/vectors/filter/grown.txt"),
];

/// `name: value` with the value going on in indented lines and `#` before a comment.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap()).filter(|line| !line.trim().is_empty()) {
        if line.starts_with(' ') {
            let (_, value) = fields.last_mut().unwrap();
            value.push_str(if value.is_empty() { "" } else { " " });
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').unwrap();
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

fn tag(number: u32) -> [u8; 32] {
    Sha256::new().chain_update("antibrush filter vector").chain_update(number.to_be_bytes()).finalize().into()
}

#[test]
fn the_vectors_are_read_written_and_answered() {
    for text in FILES {
        let fields = fields(text);
        let bytes = |name: &str| {
            let (_, value) = fields.iter().find(|(found, _)| found == name).unwrap();
            hex::decode(value.replace(' ', "")).unwrap()
        };
        let (encoded, bitmap) = (bytes("head"), bytes("bitmap"));
        let head = FilterHead::decode(&encoded).unwrap();
        assert_eq!(head.encode(), encoded);
        assert_eq!(bits_for(head.items, head.fpr_exponent), Ok(head.bits));
        let tags: Vec<[u8; 32]> = (0..head.items as u32).map(tag).collect();
        let FilterHead { fpr_exponent, seed, built, expires, alliance, number, .. } = head.clone();
        let again = build(&tags, fpr_exponent, seed, built, expires, alliance, number).unwrap();
        assert_eq!(again, (head.clone(), bitmap.clone()));
        assert_eq!(rebuild_matches(&head, &tags), Ok(()));
        let filter = Filter::open(&head, bitmap).unwrap();
        for (name, value) in fields.iter().filter(|(name, _)| name.starts_with("probe")) {
            let number: u32 = name.strip_prefix("probe ").unwrap().parse().unwrap();
            let (h1, h2) = reader::hashes(&head, &tag(number));
            let numbers: Vec<String> = reader::probes(&head, &tag(number)).iter().map(u64::to_string).collect();
            assert_eq!(*value, format!("{h1:016x} {h2:016x} {}", numbers.join(" ")));
            assert_eq!(filter.contains(&tag(number)), u64::from(number) < head.items);
        }
    }
}
