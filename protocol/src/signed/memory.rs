//! What verified once need not verify again.
//!
//! Whether a signature holds is a function of key, message and signature alone, so the answer for the same three is the same for
//! ever. A simulated alliance brings each header to every one of its nodes on one thread, and without a memory nearly half of its
//! time would go into the same verifications over and over. Bitcoin Core keeps such a cache of signatures for the same reason.
//!
//! There is still one way to a verified signature: the memory stands inside of it and holds SHA-256 digests of all three. Only
//! what verified is remembered. Outside of [`remembering`] there is no memory.

use std::{cell::RefCell, collections::BTreeSet, mem};

use sha2::{Digest, Sha256};

use super::PublicKey;
use crate::base::Hash;

thread_local! {
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// The newer and the older half of what verified.
struct Memory {
    newer: BTreeSet<Hash>,
    older: BTreeSet<Hash>,
    most: usize,
}

/// Runs `what`; signatures that verify meanwhile on this thread, the last `most` of them at least, verify again without being computed.
/// Up to twice as many are held, of about 40 bytes each.
pub fn remembering<T>(most: usize, what: impl FnOnce() -> T) -> T {
    /// Puts back what was there before, also when `what` panics.
    struct Before(Option<Memory>);
    impl Drop for Before {
        fn drop(&mut self) {
            MEMORY.with_borrow_mut(|memory| *memory = self.0.take());
        }
    }
    let memory = Memory { newer: BTreeSet::new(), older: BTreeSet::new(), most };
    let _before = Before(MEMORY.with_borrow_mut(|held| held.replace(memory)));
    what()
}

/// Whether the signature holds: as it is remembered, or as `verify` finds.
pub(super) fn holds<E>(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
    verify: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    MEMORY.with_borrow_mut(|memory| {
        let Some(memory) = memory else { return verify() };
        // The key and the length before the signature keep the three apart.
        let length = (signature.len() as u64).to_le_bytes();
        let hash = Sha256::new().chain_update(key).chain_update(length).chain_update(signature).chain_update(message);
        let digest = hash.finalize().into();
        if memory.newer.contains(&digest) || memory.older.contains(&digest) {
            return Ok(());
        }
        verify()?;
        if memory.newer.len() >= memory.most {
            memory.older = mem::take(&mut memory.newer);
        }
        memory.newer.insert(digest);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks about a signature, of which the computation would say this; tells whether it was computed.
    fn ask(signature: &[u8], good: bool) -> (bool, bool) {
        let computed = Cell::new(false);
        let held = holds(&[1; 32], b"message", signature, || {
            computed.set(true);
            if good { Ok(()) } else { Err(()) }
        });
        (held.is_ok(), computed.get())
    }

    #[test]
    fn what_verified_is_remembered_and_nothing_else() {
        remembering(2, || {
            assert_eq!(ask(b"bad", false), (false, true));
            assert_eq!(ask(b"bad", false), (false, true), "a failure is not remembered");
            assert_eq!(ask(b"a", true), (true, true));
            assert_eq!(ask(b"a", true), (true, false));
            let other = |key: [u8; 32], message: &[u8]| holds(&key, message, b"a", || Err(())).is_ok();
            assert!(!other([2; 32], b"message") && !other([1; 32], b"massage"), "all three belong to it");
            assert!(other([1; 32], b"message"));
            for more in [b"b", b"c"] {
                assert_eq!(ask(more, true), (true, true));
            }
            assert_eq!(ask(b"a", true), (true, false), "one of the last two, or kept beyond them");
            for more in [b"d", b"e"] {
                assert_eq!(ask(more, true), (true, true));
            }
            assert_eq!(ask(b"a", true), (true, true), "it has a bound");
        });
    }

    #[test]
    fn outside_nothing_is_remembered() {
        remembering(2, || assert_eq!(ask(b"a", true), (true, true)));
        assert_eq!(ask(b"a", true), (true, true));
        assert_eq!(ask(b"a", true), (true, true));
        let died = std::panic::catch_unwind(|| remembering(2, || panic!("inside")));
        assert!(died.is_err());
        assert_eq!(ask(b"a", true), (true, true));
        assert_eq!(ask(b"a", true), (true, true));
    }
}
