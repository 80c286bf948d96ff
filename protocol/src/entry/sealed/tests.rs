//! Sealed details: sizes, every way to move them, and another program.

use serde_json::Value;

use super::*;
use crate::{
    base::Day,
    codes::{Conduct, Severity},
    fixtures::{label, listing},
};

const ME: MemberNumber = MemberNumber(7);

fn sealed(details: &str) -> Listing {
    let mut listing = listing();
    seal(&mut listing, ME, &label("record"), details, [9; 24]).unwrap();
    assert_eq!(Entry::List(listing.clone()).check(), Ok(()));
    listing
}

fn opened(listing: &Listing) -> Result<String, SealedError> {
    open(listing, ME, &label("record")).map(|text| text.to_string())
}

#[test]
fn details_come_back_in_one_of_two_sizes() {
    for (length, size) in [(0, 168), (1, 168), (126, 168), (127, 296), (254, 296)] {
        let details = "x".repeat(length);
        let listing = sealed(&details);
        assert_eq!(listing.sealed.as_ref().map(Vec::len), Some(size), "{length}");
        assert_eq!(opened(&listing), Ok(details));
    }
    assert_eq!(opened(&sealed("案号 2026-118，联系人 法务部")), Ok("案号 2026-118，联系人 法务部".to_owned()));
    let mut listing = listing();
    let control = seal(&mut listing, ME, &label("record"), "\u{1b}[2J", [9; 24]);
    assert_eq!((control, listing.sealed.clone()), (Err(SealedError::Text), None));
    let too_long = seal(&mut listing, ME, &label("record"), &"x".repeat(255), [9; 24]);
    assert_eq!((too_long, listing.sealed.clone()), (Err(SealedError::TooLong), None));
    assert_eq!(opened(&listing), Err(SealedError::None));
}

/// ENTRY-11
#[test]
fn a_relabelled_moved_or_changed_seal_does_not_open() {
    let good = sealed("case 118");
    let relabel: [fn(&mut Listing); 6] = [
        |l| l.severity = Severity::Minor,
        |l| l.conduct = Conduct::C06,
        |l| l.token.0[31] ^= 1,
        |l| l.expires = Day(l.expires.0 - 1),
        |l| l.evidence[0] ^= 1,
        |l| l.basis.push('x'),
    ];
    for change in relabel {
        let mut other = good.clone();
        change(&mut other);
        assert_eq!(opened(&other), Err(SealedError::Open), "{other:?}");
    }
    assert_eq!(open(&good, MemberNumber(8), &label("record")).err(), Some(SealedError::Open), "another publisher");
    assert_eq!(open(&good, ME, &label("another record")).err(), Some(SealedError::Open), "another subject");
    let length = good.sealed.as_ref().unwrap().len();
    for bit in (0..8 * length).step_by(7) {
        let mut other = good.clone();
        other.sealed.as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&other), Err(SealedError::Open), "bit {bit}");
    }
    for cut in [0, 23, 24, 40, length - 1] {
        let mut other = good.clone();
        other.sealed.as_mut().unwrap().truncate(cut);
        assert_eq!(opened(&other), Err(SealedError::Open), "cut to {cut}");
    }
}

#[test]
fn another_program_seals_the_same() {
    let vector: Value = serde_json::from_str(include_str!("../../../../tests/vectors/sealed.json")).unwrap();
    let bytes = |name: &str| hex::decode(vector[name].as_str().unwrap()).unwrap();
    let mut listing = listing();
    assert_eq!(Entry::List(listing.clone()).encode(), bytes("entry"));
    let record_key = bytes("record_key").try_into().unwrap();
    let nonce = bytes("nonce").try_into().unwrap();
    seal(&mut listing, ME, &record_key, vector["details"].as_str().unwrap(), nonce).unwrap();
    assert_eq!(listing.sealed, Some(bytes("sealed")));
}
