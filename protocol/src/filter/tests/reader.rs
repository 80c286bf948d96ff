//! A second reader and writer of the layout, from its description and the SipHash paper alone.

use crate::filter::FilterHead;

/// SipHash with 1 compression and 3 finalisation rounds (J.-P. Aumasson, D. J. Bernstein, "SipHash", §2).
pub fn sip13(key: &[u8], message: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    let (k0, k1) = (word(&key[..8]), word(&key[8..16]));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let chunks = message.chunks_exact(8);
    let last = word(chunks.remainder()) | (message.len() as u64) << 56;
    for block in chunks.map(word).chain([last]) {
        v[3] ^= block;
        round(&mut v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    let mut half = |a: usize, b: usize, turn: u32| {
        v[a] = v[a].wrapping_add(v[b]);
        v[b] = v[b].rotate_left(turn) ^ v[a];
    };
    half(0, 1, 13);
    half(2, 3, 16);
    v[0] = v[0].rotate_left(32);
    let mut half = |a: usize, b: usize, turn: u32| {
        v[a] = v[a].wrapping_add(v[b]);
        v[b] = v[b].rotate_left(turn) ^ v[a];
    };
    half(0, 3, 21);
    half(2, 1, 17);
    v[2] = v[2].rotate_left(32);
}

pub fn hashes(head: &FilterHead, tag: &[u8; 32]) -> (u64, u64) {
    (sip13(&head.seed[..16], tag), sip13(&head.seed[16..], tag))
}

/// The numbers of the bits of a tag, in wide integers where the library wraps.
pub fn probes(head: &FilterHead, tag: &[u8; 32]) -> Vec<u64> {
    let (h1, h2) = hashes(head, tag);
    let prime = (1u128 << 64) - 59;
    let value = |i: u128| match i {
        0 => u128::from(h1),
        1 => u128::from(h2),
        _ => (u128::from(h1) + i * u128::from(h2)) % (1 << 64) % prime,
    };
    (0..u128::from(head.hashes)).map(|i| (value(i) % u128::from(head.bits)) as u64).collect()
}

pub fn bitmap(head: &FilterHead, tags: &[[u8; 32]]) -> Vec<u8> {
    let mut bitmap = vec![0; (head.bits / 8) as usize];
    for bit in tags.iter().flat_map(|tag| probes(head, tag)) {
        bitmap[(bit / 8) as usize] |= 1 << (bit % 8);
    }
    bitmap
}

pub fn contains(head: &FilterHead, bitmap: &[u8], tag: &[u8; 32]) -> bool {
    probes(head, tag).into_iter().all(|bit| bitmap[(bit / 8) as usize] >> (bit % 8) & 1 == 1)
}
