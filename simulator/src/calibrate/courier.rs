//! A clock that wakes tasks to a fraction of a millisecond: tokio's own rounds up to whole ones, which adds up over hops.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The clock; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct Courier {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// When to wake, in microseconds, and the number of the alarm.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    numbered: u64,
    stopped: bool,
}

impl Courier {
    pub fn start() -> std::io::Result<Arc<Courier>> {
        let shared = Arc::new(Shared { epoch: Instant::now(), waiting: Mutex::default(), changed: Condvar::new() });
        let of_thread = shared.clone();
        let thread = thread::Builder::new().name("courier".to_owned()).spawn(move || of_thread.run())?;
        Ok(Arc::new(Courier { shared, thread: Some(thread) }))
    }

    /// Now, in microseconds since the start.
    pub fn now_us(&self) -> u64 {
        self.shared.now_us()
    }

    /// Waits until `at_us`.
    pub async fn sleep_until(&self, at_us: u64) {
        std::future::poll_fn(|cx| {
            if at_us <= self.now_us() {
                return Poll::Ready(());
            }
            self.wake_at(at_us, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Wakes a task at `at_us`.
    pub fn wake_at(&self, at_us: u64, waker: Waker) {
        let mut waiting = self.shared.lock();
        let number = waiting.numbered;
        waiting.numbered += 1;
        waiting.wakers.insert(number, waker);
        let is_first = waiting.due.peek().is_none_or(|Reverse((first_us, _))| at_us < *first_us);
        waiting.due.push(Reverse((at_us, number)));
        if is_first {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        // A task that the thread woke may hold the last handle: a thread cannot wait for itself.
        if let Some(thread) = self.thread.take().filter(|handle| handle.thread().id() != thread::current().id()) {
            // It ends without fail.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut waiting = self.lock();
        while !waiting.stopped {
            let now_us = self.now_us();
            let mut woken = Vec::new();
            while let Some(&Reverse((at_us, number))) = waiting.due.peek() {
                if at_us > now_us {
                    break;
                }
                waiting.due.pop();
                woken.extend(waiting.wakers.remove(&number));
            }
            if !woken.is_empty() {
                drop(waiting);
                woken.into_iter().for_each(Waker::wake);
                waiting = self.lock();
                continue;
            }
            let wait_us = waiting.due.peek().map_or(1_000_000, |Reverse((at_us, _))| at_us - now_us);
            let waited = self.changed.wait_timeout(waiting, Duration::from_micros(wait_us));
            waiting = waited.map_or_else(|error| error.into_inner().0, |(guard, _)| guard);
        }
    }

    fn now_us(&self) -> u64 {
        self.epoch.elapsed().as_micros() as u64
    }

    /// No code panics while it holds the lock, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
