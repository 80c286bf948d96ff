//! The forms in which an identifier can stand in a file or on a line: the needles of the search.

use std::collections::BTreeSet;

use antibrush_protocol::subject::{Class, Subject};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sm3::Sm3;

/// Bytes below which a text is told from chance no more: 2⁻⁶⁴ a place in random bytes.
const SHORTEST: usize = 8;

/// Bytes of a digest that are searched for. A digest that was cut to them is a leak as much as a whole one, and the search
/// is faster. Nine are whole groups of base64.
const DIGEST_PREFIX: usize = 9;

/// The texts of one identifier that are looked for, each in every form.
pub(super) const TEXTS: [&str; 5] = ["as written", "canonical", "bare", "digits", "a text"];

/// The place of a text that is no identifier.
const A_TEXT: usize = 4;

/// Orders of the four bytes of a CRC-32.
pub(super) const ORDERS: usize = 2;

/// One thing to search for.
pub(super) struct Needle {
    pub bytes: Vec<u8>,
    pub identifier: usize,
    /// A place in [`TEXTS`].
    pub text: usize,
    pub form: &'static str,
    pub kind: Kind,
}

/// When a place where the bytes of a needle stand counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Always.
    Sure,
    /// Only as a word: with no letter and no digit beside it.
    Word,
    /// Only together with many others: four bytes stand anywhere by chance. The order is a number below [`ORDERS`].
    Chance { order: usize },
}

/// All needles of one identifier.
pub(super) fn needles(identifier: usize, class: &str, written: &str) -> Vec<Needle> {
    needles_of(identifier, texts(identifier, class, written))
}

/// All needles of a text that is no identifier.
pub(super) fn needles_of_text(number: usize, text: &str) -> Vec<Needle> {
    assert!(text.len() >= SHORTEST, "text {number} is too short to be told from chance");
    needles_of(number, vec![(A_TEXT, text.to_owned())])
}

fn needles_of(identifier: usize, texts: Vec<(usize, String)>) -> Vec<Needle> {
    let mut needles = Vec::new();
    let mut known = BTreeSet::new();
    let mut push = |text, form, kind, bytes: Vec<u8>| {
        // The same bytes may be canonical and as written. Chance is counted for each by itself.
        let text_of_chance = matches!(kind, Kind::Chance { .. }).then_some(text);
        if known.insert((bytes.clone(), kind, text_of_chance)) {
            needles.push(Needle { bytes, identifier, text, form, kind });
        }
    };
    // First, so that what is plain is called so, and not another text in lower case.
    for (text, content) in &texts {
        push(*text, "plain", Kind::Sure, content.as_bytes().to_vec());
    }
    for (text, content) in texts {
        let mut push = |form, kind, bytes| push(text, form, kind, bytes);
        spelled(&content, &mut |form, bytes| push(form, Kind::Sure, bytes));
        digested(content.as_bytes(), &mut |form, bytes| push(form, Kind::Sure, bytes));
        checksums(content.as_bytes(), &mut push);
    }
    needles
}

/// The texts by which somebody could call the subject, with their places in [`TEXTS`].
fn texts(identifier: usize, class: &str, written: &str) -> Vec<(usize, String)> {
    let class = Class::parse(class).unwrap_or_else(|| panic!("identifier {identifier} has no known class"));
    let subject = Subject::parse(class, written);
    let subject = subject.unwrap_or_else(|error| panic!("identifier {identifier} is none of {class}: {error}"));
    let canonical = subject.canonical();
    assert!(canonical.len() >= SHORTEST, "identifier {identifier} is too short to be told from chance");
    let bare = match class {
        Class::Mob => canonical.strip_prefix("+86"),
        // Whoever issued it is no secret, and within one platform's own files nobody writes it.
        _ => canonical.split_once(':').map(|(_, id)| id),
    };
    let digits: String = bare.unwrap_or(canonical).chars().filter(char::is_ascii_digit).collect();
    let written = written.trim().trim_matches('\u{3000}');
    let all = [Some(written), Some(canonical), bare, Some(&digits)].into_iter().enumerate();
    all.filter_map(|(text, content)| Some((text, content.filter(|content| content.len() >= SHORTEST)?.to_owned())))
        .collect()
}

/// The ways to spell a text, beside itself.
fn spelled(text: &str, push: &mut impl FnMut(&'static str, Vec<u8>)) {
    push("lower case", text.to_lowercase().into_bytes());
    push("upper case", text.to_uppercase().into_bytes());

    let json = serde_json::Value::from(text).to_string();
    // Cut, not trimmed: a text may end in a quotation mark itself.
    let inner = &json[1..json.len() - 1];
    push("JSON", inner.as_bytes().to_vec());
    push("JSON in ASCII", non_ascii(inner, |unit| format!("\\u{unit:04x}")).into_bytes());
    push("JSON in ASCII", non_ascii(inner, |unit| format!("\\u{unit:04X}")).into_bytes());
    push("Debug of Rust", text.escape_debug().to_string().into_bytes());
    push("Debug of Rust", text.escape_default().to_string().into_bytes());

    push("percent-encoded", percent(text, |byte| format!("%{byte:02X}")).into_bytes());
    push("percent-encoded", percent(text, |byte| format!("%{byte:02x}")).into_bytes());
    let form = percent(text, |byte| if byte == b' ' { "+".to_owned() } else { format!("%{byte:02X}") });
    push("percent-encoded", form.into_bytes());
    for quote in ["&#39;", "&#x27;", "&apos;"] {
        let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let named = named.replace('\'', quote);
        push("HTML", named.clone().into_bytes());
        push("HTML in ASCII", entities(&named, |c| format!("&#{c};")).into_bytes());
        push("HTML in ASCII", entities(&named, |c| format!("&#x{c:x};")).into_bytes());
        push("HTML in ASCII", entities(&named, |c| format!("&#x{c:X};")).into_bytes());
    }

    push("UTF-16LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    push("UTF-16BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    push("GB18030", encoding_rs::GB18030.encode(text).0.into_owned());
    push("full width", widened(text, |c| c.is_ascii_digit()).into_bytes());
    push("full width", widened(text, |c| c.is_ascii_graphic()).into_bytes());

    push("hex", hex::encode(text).into_bytes());
    push("hex", hex::encode_upper(text).into_bytes());
    base64(text.as_bytes(), &mut |bytes| push("base64", bytes));
    push("reversed", text.bytes().rev().collect());
}

/// The digests that need no key, each as bytes, in hexadecimal and in base64.
fn digested(text: &[u8], push: &mut impl FnMut(&'static str, Vec<u8>)) {
    let digests = [
        (["MD5", "MD5 in hex", "MD5 in base64"], Md5::digest(text).to_vec()),
        (["SHA-1", "SHA-1 in hex", "SHA-1 in base64"], Sha1::digest(text).to_vec()),
        (["SHA-256", "SHA-256 in hex", "SHA-256 in base64"], Sha256::digest(text).to_vec()),
        (["SHA-512", "SHA-512 in hex", "SHA-512 in base64"], Sha512::digest(text).to_vec()),
        (["SM3", "SM3 in hex", "SM3 in base64"], Sm3::digest(text).to_vec()),
    ];
    for ([bytes, in_hex, in_base64], digest) in digests {
        let digest = &digest[..DIGEST_PREFIX];
        push(bytes, digest.to_vec());
        push(in_hex, hex::encode(digest).into_bytes());
        push(in_hex, hex::encode_upper(digest).into_bytes());
        base64(digest, &mut |needle| push(in_base64, needle));
    }
}

/// The CRC-32 as a word, and as bytes.
fn checksums(text: &[u8], push: &mut impl FnMut(&'static str, Kind, Vec<u8>)) {
    let crc = crc32fast::hash(text);
    push("CRC-32 in hex", Kind::Word, format!("{crc:08x}").into_bytes());
    push("CRC-32 in hex", Kind::Word, format!("{crc:08X}").into_bytes());
    // A shorter number stands anywhere; one in 429 CRCs is one.
    if crc >= 10_000_000 {
        push("CRC-32 in decimal", Kind::Word, crc.to_string().into_bytes());
    }
    push("CRC-32", Kind::Chance { order: 0 }, crc.to_be_bytes().to_vec());
    push("CRC-32", Kind::Chance { order: 1 }, crc.to_le_bytes().to_vec());
}

/// The symbols of base64, of both alphabets, that these bytes make wherever they begin in a longer text: those symbols that
/// no neighbour has a part in.
fn base64(bytes: &[u8], push: &mut impl FnMut(Vec<u8>)) {
    for before in 0..3 {
        let padded = [&vec![0; before][..], bytes].concat();
        let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        push(STANDARD_NO_PAD.encode(&padded).as_bytes()[first..end].to_vec());
        push(URL_SAFE_NO_PAD.encode(&padded).as_bytes()[first..end].to_vec());
    }
}

/// The text with every UTF-16 unit of a character that is not ASCII written by `write`.
fn non_ascii(text: &str, write: impl Fn(u16) -> String) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &write(*unit)),
        }
    }
    out
}

/// The text with every character that is not ASCII written by `write`, given its number.
fn entities(text: &str, write: impl Fn(u32) -> String) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() { out.push(c) } else { out += &write(u32::from(c)) }
    }
    out
}

/// The text with every byte that RFC 3986 reserves or does not know written by `write`.
fn percent(text: &str, write: impl Fn(u8) -> String) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out += &write(byte),
        }
    }
    out
}

/// The text with some of its ASCII characters in full width (U+FF01–U+FF5E).
fn widened(text: &str, which: impl Fn(char) -> bool) -> String {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xFEE0).filter(|_| which(c)).unwrap_or(c);
    text.chars().map(wide).collect()
}
