//! Waiting for something with a deadline.

use std::time::{Duration, Instant};

/// How long anything may take to show on another node of this machine, with other tests beside it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two questions. Short, so that measured times mean something.
const POLL: Duration = Duration::from_millis(10);

/// Asks until it is so and returns how long that took.
///
/// # Panics
/// When [`PATIENCE`] is over: `what` says what did not happen.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) -> Duration {
    wait_for(what, PATIENCE, || so().then_some(())).1
}

/// Asks until there is an answer; returns it and how long that took.
///
/// # Panics
/// When the time is over.
pub fn wait_for<T>(what: &str, longest: Duration, mut ask: impl FnMut() -> Option<T>) -> (T, Duration) {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return (answer, began.elapsed());
        }
        assert!(began.elapsed() < longest, "not within {longest:?}: {what}");
        std::thread::sleep(POLL);
    }
}
