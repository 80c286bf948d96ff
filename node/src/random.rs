//! Randomness of the operating system, in one place.

/// Fresh random bytes. Panics if the operating system has none, for then nothing secret can be made safely.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness every key of this node would be guessable: stopping is the only safe answer.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
