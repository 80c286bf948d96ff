//! Breaking valid encodings on purpose.

use antibrush_protocol::{encoding::Wire, signed::Signer};
use coset::cbor::value::Value;

use crate::fixtures::Key;

/// Any CBOR, to change one thing in it. Writes what it is told: no order, no uniqueness.
pub struct Tree(pub Value);

impl Tree {
    pub fn of(object: &impl Wire) -> Tree {
        Tree::parse(&object.encode())
    }

    pub fn parse(bytes: &[u8]) -> Tree {
        Tree(coset::cbor::de::from_reader(bytes).expect("valid CBOR"))
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        coset::cbor::ser::into_writer(&self.0, &mut bytes).expect("memory takes every byte");
        bytes
    }

    fn pairs(&mut self) -> &mut Vec<(Value, Value)> {
        match &mut self.0 {
            Value::Map(pairs) => pairs,
            _ => panic!("a map"),
        }
    }

    /// Replaces the value of a key, or appends the pair.
    pub fn set(mut self, key: u64, value: impl Into<Value>) -> Tree {
        let (key, value) = (Value::from(key), value.into());
        match self.pairs().iter_mut().find(|(k, _)| *k == key) {
            Some(pair) => pair.1 = value,
            None => self.pairs().push((key, value)),
        }
        self
    }

    pub fn append(mut self, key: u64, value: impl Into<Value>) -> Tree {
        self.pairs().push((Value::from(key), value.into()));
        self
    }

    pub fn without(mut self, key: u64) -> Tree {
        self.pairs().retain(|(k, _)| *k != Value::from(key));
        self
    }

    pub fn swapped(mut self, a: usize, b: usize) -> Tree {
        self.pairs().swap(a, b);
        self
    }

    /// Replaces an item of an array.
    pub fn put(mut self, index: usize, value: impl Into<Value>) -> Tree {
        match &mut self.0 {
            Value::Array(items) => items[index] = value.into(),
            _ => panic!("an array"),
        }
        self
    }
}

pub fn array(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// A COSE_Sign1 over any payload, with the protected header of the documentation.
pub fn envelope(content_type: &str, payload: &[u8], key: &Key) -> Vec<u8> {
    raw_envelope(protected(content_type, key), payload, key)
}

pub fn protected(content_type: &str, key: &Key) -> Vec<u8> {
    let pairs = vec![
        (Value::from(1), Value::from(-8)),
        (Value::from(3), Value::from(content_type)),
        (Value::from(4), Value::from(key.public().to_vec())),
    ];
    Tree(Value::Map(pairs)).bytes()
}

/// A COSE_Sign1 over any payload under any protected header (RFC 9052 §4.4).
pub fn raw_envelope(protected: Vec<u8>, payload: &[u8], key: &Key) -> Vec<u8> {
    let message = array([
        Value::from("Signature1"),
        Value::from(protected.clone()),
        Value::Bytes(Vec::new()),
        Value::from(payload.to_vec()),
    ]);
    let signature = key.sign(&Tree(message).bytes()).to_vec();
    Tree(array([Value::from(protected), Value::Map(Vec::new()), Value::from(payload.to_vec()), Value::from(signature)]))
        .bytes()
}

/// The first occurrence of `find` replaced, both in hex.
pub fn replaced(bytes: &[u8], find: &str, with: &str) -> Vec<u8> {
    let (find, with) = (hex::decode(find).expect("hex"), hex::decode(with).expect("hex"));
    let at = bytes.windows(find.len()).position(|window| window == find).expect("the bytes to replace");
    [&bytes[..at], &with, &bytes[at + find.len()..]].concat()
}

pub fn joined(bytes: &[u8], more: &[u8]) -> Vec<u8> {
    [bytes, more].concat()
}

/// An invitation's text around any content, by RFC 4648 base32 and the checksum.
pub fn invitation_text(content: &[u8]) -> String {
    let checksum = antibrush_protocol::signed::object_id(content);
    let bits: Vec<u8> =
        content.iter().chain(&checksum[..4]).flat_map(|b| (0..8).rev().map(move |n| b >> n & 1)).collect();
    let symbol = |five: &[u8]| {
        let value = (0..5).fold(0, |value, n| value << 1 | five.get(n).copied().unwrap_or(0));
        char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(value)])
    };
    format!("antibrush1{}", bits.chunks(5).map(symbol).collect::<String>())
}
