//! Randomness of the operating system, in one place.

/// Fresh random bytes. Panics if the operating system has none, for then nothing secret can be made safely.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Fresh random bytes where they are needed, so that no copy of a secret is made. Panics like [`bytes`].
pub fn fill(bytes: &mut [u8]) {
    // Without randomness every key of this node would be guessable: stopping is the only safe answer.
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}
