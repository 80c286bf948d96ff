//! The node's clocks. The wall clock is read here and nowhere else; other files only measure how long something took.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use antibrush_protocol::{base::Timestamp, replica::Now};

/// The wall clock. A clock before 1970 reads as 1970 and is refused wherever time matters.
pub fn wall() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// The wall clock as files are stamped with it.
pub fn system() -> SystemTime {
    SystemTime::now()
}

/// Both clocks, as the replica wants them.
pub fn now() -> Now {
    Now { wall: wall(), ms: monotonic_ms() }
}

/// Milliseconds of a clock that never goes back, from the start of the process.
pub fn monotonic_ms() -> u64 {
    u64::try_from(start().elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The moment at which [`monotonic_ms`] will read this.
pub fn instant_at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}
