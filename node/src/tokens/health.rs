//! What is remembered of the key holders: whom to ask first, how long to wait before another one is asked as well, whose
//! quota is used up.
//!
//! All of it is about sparing time. What a holder answers is checked whatever is remembered of it, and a holder that is doubted
//! is still asked when the others do not suffice.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    subject::Class,
};

/// For how long a holder whose answer did not hold is asked last. Later good answers do not shorten it.
const DISTRUST_MS: u64 = 600_000;
/// The same for one that did not answer in time; doubles with each time that it fails again, until one answer is good.
const DOUBT_MS: u64 = 10_000;
const LONGEST_DOUBT_MS: u64 = 600_000;

/// How long a single question may take before another holder is asked as well, whatever is usual for the holder.
const SOON_MS: u64 = 250;
/// The longest that the usual time of a slow holder makes of it.
const LATE_MS: u64 = 1_000;
/// Added for each element of a batch: some forty times what its evaluation takes, for requests of others come in between.
const PER_ELEMENT_MS: u64 = 4;
/// The longest for a batch: half of what a holder is given at all.
const LONGEST_MS: u64 = 2_500;
/// How many times its usual time a holder may take.
const TIMES_USUAL: u64 = 4;
/// The usual time moves by this part towards the last one, as TCP's smoothed round-trip time does (RFC 6298 §2).
const SMOOTHING: u64 = 8;

/// A quota that is used up, or nearly.
#[derive(Clone, Copy)]
pub(super) struct Exhausted {
    /// The quota: with another one the stewards have given more, or less.
    pub quota: u32,
    /// Elements that are left of it.
    pub left: u32,
    /// When the next day's begins.
    pub renews: Timestamp,
}

/// What is remembered of a holder. Times are of the monotonic clock.
#[derive(Default)]
struct Health {
    in_flight: usize,
    /// Elements that it evaluated for us: the load is spread by it.
    served: u64,
    /// How often it failed since its last good answer; failures during one doubt count once.
    failures: u32,
    doubted_since_ms: u64,
    doubted_until_ms: u64,
    distrusted_until_ms: u64,
    /// What a single question takes, smoothed, in microseconds.
    usual_us: Option<u64>,
    /// Classes of which its quota does not reach for more.
    exhausted: BTreeMap<Class, Exhausted>,
}

/// In which order holders are asked: the lower the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing is held against it.
    Good,
    /// Its doubt ended less than its own length ago, and no good answer has come since: those that answered are preferred.
    Recovering,
    /// Asked only if the others do not suffice.
    Doubted,
}

impl Health {
    fn standing(&self, now: u64) -> Standing {
        let length = self.doubted_until_ms - self.doubted_since_ms;
        if now < self.doubted_until_ms.max(self.distrusted_until_ms) {
            Standing::Doubted
        } else if self.failures > 0 && now < self.doubted_until_ms + length {
            Standing::Recovering
        } else {
            Standing::Good
        }
    }
}

/// All holders that were ever asked.
#[derive(Default)]
pub(super) struct Healths(Mutex<BTreeMap<MemberNumber, Health>>);

impl Healths {
    /// The place of a holder among those that may be asked: its standing, what it has to do, what it did.
    pub fn place(&self, holder: MemberNumber, now: u64) -> (Standing, usize, u64) {
        self.lock().get(&holder).map_or((Standing::Good, 0, 0), |h| (h.standing(now), h.in_flight, h.served))
    }

    /// Notes a good answer of so many elements that took so long.
    pub fn served(&self, holder: MemberNumber, elements: usize, took: Duration) {
        self.note(holder, |health| {
            health.served += elements as u64;
            (health.failures, health.doubted_since_ms, health.doubted_until_ms) = (0, 0, 0);
            let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(60_000_000);
            let single = took * SOON_MS / allowance_ms(elements);
            health.usual_us =
                Some(health.usual_us.map_or(single, |usual| (usual * (SMOOTHING - 1) + single) / SMOOTHING));
        });
    }

    /// Notes that a holder did not answer, or later than others.
    pub fn failed(&self, holder: MemberNumber, now: u64) {
        self.note(holder, |health| {
            // Many wait for one that has fallen silent; that is one failure.
            if now < health.doubted_until_ms {
                return;
            }
            let doubt = DOUBT_MS.saturating_mul(1 << health.failures.min(16)).min(LONGEST_DOUBT_MS);
            health.failures = health.failures.saturating_add(1);
            (health.doubted_since_ms, health.doubted_until_ms) = (now, now + doubt);
        });
    }

    /// Notes an answer that does not hold.
    pub fn cheated(&self, holder: MemberNumber, now: u64) {
        self.note(holder, |health| health.distrusted_until_ms = now + DISTRUST_MS);
    }

    /// How long a holder may take for so many elements before another one is asked as well. Nothing, if it has fallen silent
    /// since it was chosen at `chosen_ms`.
    pub fn patience(&self, holder: MemberNumber, elements: usize, chosen_ms: u64) -> Duration {
        let healths = self.lock();
        let Some(health) = healths.get(&holder) else { return Duration::from_millis(allowance_ms(elements)) };
        if health.failures > 0 && health.doubted_since_ms > chosen_ms {
            return Duration::ZERO;
        }
        let usual = health.usual_us.unwrap_or(0).saturating_mul(TIMES_USUAL) / 1_000;
        let patience = usual.clamp(SOON_MS, LATE_MS) * allowance_ms(elements) / SOON_MS;
        Duration::from_millis(patience.min(LONGEST_MS))
    }

    /// Notes that a quota does not reach for more.
    pub fn exhaust(&self, holder: MemberNumber, class: Class, exhausted: Exhausted) {
        self.note(holder, |health| {
            health.exhausted.insert(class, exhausted);
        });
    }

    /// When the quota of a class at a holder renews, if it does not reach for so many elements.
    pub fn exhausted(
        &self,
        holder: MemberNumber,
        class: Class,
        quota: u32,
        elements: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let exhausted = *self.lock().get(&holder)?.exhausted.get(&class)?;
        let still = now < exhausted.renews && quota == exhausted.quota;
        (still && elements > exhausted.left).then_some(exhausted.renews)
    }

    /// Counts a request to a holder as long as what comes back lives.
    pub fn begin(&self, holder: MemberNumber) -> InFlight<'_> {
        self.note(holder, |health| health.in_flight += 1);
        InFlight { healths: self, holder }
    }

    fn note(&self, holder: MemberNumber, change: impl FnOnce(&mut Health)) {
        change(self.lock().entry(holder).or_default());
    }

    // Nothing in here panics between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberNumber, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request of so many elements may take at an unknown holder.
fn allowance_ms(elements: usize) -> u64 {
    SOON_MS + PER_ELEMENT_MS * elements as u64
}

/// Counts a request to a holder while it is out, also if whoever waited for it goes away.
pub(super) struct InFlight<'h> {
    healths: &'h Healths,
    holder: MemberNumber,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.healths.note(self.holder, |health| health.in_flight = health.in_flight.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberNumber = MemberNumber(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn doubt_doubles_until_a_good_answer() {
        let healths = Healths::default();
        let standing = |now| healths.place(A, now).0;
        assert_eq!(standing(0), Standing::Good);
        let mut now = 1_000;
        for doubt in [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000] {
            healths.failed(A, now);
            // The others that waited for it as well make it no worse.
            healths.failed(A, now + 1);
            healths.failed(A, now + doubt - 1);
            assert_eq!(standing(now + doubt - 1), Standing::Doubted, "{doubt}");
            assert_eq!(standing(now + doubt), Standing::Recovering, "{doubt}");
            assert_eq!(standing(now + 2 * doubt - 1), Standing::Recovering, "{doubt}");
            assert_eq!(standing(now + 2 * doubt), Standing::Good, "{doubt}");
            now += 2 * doubt;
        }
        healths.failed(A, now);
        healths.served(A, 1, ms(10));
        assert_eq!(healths.place(A, now + 1), (Standing::Good, 0, 1));
        healths.failed(A, now + 2);
        assert_eq!(standing(now + 2 + DOUBT_MS), Standing::Recovering);
    }

    #[test]
    fn a_good_answer_does_not_make_up_for_a_bad_one() {
        let healths = Healths::default();
        healths.cheated(A, 5);
        healths.served(A, 1, ms(10));
        assert_eq!(healths.place(A, 4 + DISTRUST_MS).0, Standing::Doubted);
        assert_eq!(healths.place(A, 5 + DISTRUST_MS).0, Standing::Good);
    }

    #[test]
    fn patience_follows_what_is_usual_and_the_size_within_bounds() {
        let healths = Healths::default();
        let single = ms(allowance_ms(1));
        assert_eq!(healths.patience(A, 1, 0), single);
        assert_eq!(healths.patience(A, 256, 0), ms(SOON_MS + 256 * PER_ELEMENT_MS));
        // A quick one gets no less.
        healths.served(A, 1, ms(2));
        assert_eq!(healths.patience(A, 1, 0), single);
        // A slow one gets more, and in the end no more than it may.
        for _ in 0..50 {
            healths.served(A, 1, ms(150));
        }
        let slow = healths.patience(A, 1, 0);
        assert!(slow > ms(500) && slow < ms(620), "{slow:?}");
        assert_eq!(healths.patience(A, 256, 0), ms(LONGEST_MS));
        for _ in 0..50 {
            healths.served(A, 1, ms(4_000));
        }
        assert!(healths.patience(A, 1, 0) < ms(LATE_MS + 20));
        // Large batches do not pass for slowness.
        for _ in 0..50 {
            healths.served(A, 256, ms(100));
        }
        assert_eq!(healths.patience(A, 1, 0), single);
    }

    #[test]
    fn nobody_waits_for_one_that_fell_silent_meanwhile() {
        let healths = Healths::default();
        healths.failed(A, 100);
        assert_eq!(healths.patience(A, 1, 99), Duration::ZERO);
        // Who chose it all the same has nobody better.
        assert_eq!(healths.patience(A, 1, 100), ms(allowance_ms(1)));
    }

    #[test]
    fn a_request_is_counted_while_it_is_out() {
        let healths = Healths::default();
        let out = healths.begin(A);
        assert_eq!(healths.place(A, 0).1, 1);
        drop(out);
        assert_eq!(healths.place(A, 0).1, 0);
    }
}
