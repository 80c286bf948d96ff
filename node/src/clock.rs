//! The node's clocks. The wall clock is read here and nowhere else; other files only measure how long something took.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use antibrush_protocol::{base::Timestamp, replica::Now};

/// By how many seconds the wall clock was moved.
static MOVED: AtomicI64 = AtomicI64::new(0);

/// Moves the wall clock of this process. The program itself never does: the tests build one that does, for deadlines of weeks.
pub fn move_wall(seconds: i64) {
    MOVED.store(seconds, Ordering::Relaxed);
}

/// The wall clock. A clock before 1970 reads as 1970 and is refused wherever time matters.
pub fn wall() -> Timestamp {
    let shown = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    Timestamp(shown.saturating_add_signed(MOVED.load(Ordering::Relaxed)))
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
