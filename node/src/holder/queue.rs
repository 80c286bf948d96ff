//! Requests that wait for an evaluation, with fair turns between the members that sent them.
//!
//! A member that sends a thousand requests delays another one's by one evaluation a turn and no more: each turn takes one request
//! of each member that has any, in the order in which they began to wait. Everything is bounded: [`PER_MEMBER`] requests of one
//! member and [`IN_ALL`] of all of them; who comes then is told when to try again.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use antibrush_protocol::base::MemberNumber;
use tokio::sync::Notify;

use crate::lang::Zh;

/// Requests of one member that may wait.
pub const PER_MEMBER: usize = 16;
/// Requests of all members that may wait.
pub const IN_ALL: usize = 256;

/// How long a full batch takes on one core, for the advice when to come again; a smaller one is done sooner.
const TURN_MS: u64 = 25;

/// Why a request does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// As many wait as may.
    #[error("this holder is busy; ask again in {retry_after_ms} ms, or ask another holder")]
    Full {
        /// When there is probably room.
        retry_after_ms: u64,
    },
    /// The node is stopping.
    #[error("this holder is stopping; ask another holder")]
    Closed,
}

impl Zh for QueueError {
    fn zh(&self) -> String {
        match self {
            QueueError::Full { retry_after_ms } => {
                format!("该密钥持有方繁忙：请在 {retry_after_ms} 毫秒后重试，或改向其他持有方请求")
            }
            QueueError::Closed => "该密钥持有方正在停止：请改向其他持有方请求".to_owned(),
        }
    }
}

/// The queue. Shared by reference between tasks.
pub struct FairQueue<T> {
    inner: Mutex<Inner<T>>,
    came: Notify,
}

struct Inner<T> {
    /// What waits, by member; no member without anything.
    waiting: BTreeMap<MemberNumber, VecDeque<T>>,
    /// The members that have something waiting, in the order of their turns.
    turns: VecDeque<MemberNumber>,
    count: usize,
    closed: bool,
}

impl<T> Default for FairQueue<T> {
    fn default() -> FairQueue<T> {
        FairQueue::new()
    }
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub fn new() -> FairQueue<T> {
        let inner = Inner { waiting: BTreeMap::new(), turns: VecDeque::new(), count: 0, closed: false };
        FairQueue { inner: Mutex::new(inner), came: Notify::new() }
    }

    /// Puts an item behind those of its member.
    ///
    /// # Errors
    /// [`QueueError`]; the item is dropped.
    pub fn push(&self, member: MemberNumber, item: T) -> Result<(), QueueError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(QueueError::Closed);
        }
        let own = inner.waiting.get(&member).map_or(0, VecDeque::len);
        if own >= PER_MEMBER || inner.count >= IN_ALL {
            // After one turn of everybody there is room for one more of each.
            return Err(QueueError::Full { retry_after_ms: inner.turns.len() as u64 * TURN_MS });
        }
        inner.waiting.entry(member).or_default().push_back(item);
        if own == 0 {
            inner.turns.push_back(member);
        }
        inner.count += 1;
        drop(inner);
        self.came.notify_one();
        Ok(())
    }

    /// The next item in turn; waits for one. `None` once the queue is closed and empty. Nothing is lost if the future is
    /// dropped before it is ready, so that it can stand in a `select!`.
    pub async fn pop(&self) -> Option<T> {
        loop {
            let mut came = pin!(self.came.notified());
            // Before the look, so that an item that comes in between is noticed.
            came.as_mut().enable();
            {
                let mut inner = self.lock();
                if let Some((_, item)) = inner.next() {
                    return Some(item);
                }
                if inner.closed {
                    return None;
                }
            }
            came.await;
        }
    }

    /// Takes no more items; [`FairQueue::pop`] gives those that wait and then `None`.
    pub fn close(&self) {
        self.lock().closed = true;
        self.came.notify_waiters();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().count
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // Nothing in here panics between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn next(&mut self) -> Option<(MemberNumber, T)> {
        let member = self.turns.pop_front()?;
        let own = self.waiting.get_mut(&member)?;
        let item = own.pop_front()?;
        self.count -= 1;
        if own.is_empty() {
            self.waiting.remove(&member);
        } else {
            self.turns.push_back(member);
        }
        Some((member, item))
    }
}

impl<T> fmt::Debug for FairQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FairQueue({} waiting)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    const A: MemberNumber = MemberNumber(1);
    const B: MemberNumber = MemberNumber(2);
    const C: MemberNumber = MemberNumber(3);

    fn push(queue: &FairQueue<(MemberNumber, usize)>, member: MemberNumber, n: usize) -> Result<(), QueueError> {
        queue.push(member, (member, n))
    }

    #[tokio::test]
    async fn a_flood_delays_another_by_one_turn_and_no_more() {
        let queue = FairQueue::new();
        for n in 0..PER_MEMBER {
            push(&queue, A, n).unwrap();
        }
        assert_eq!(queue.pop().await, Some((A, 0)));
        push(&queue, B, 0).unwrap();
        push(&queue, B, 1).unwrap();
        // A goes on filling its places.
        push(&queue, A, PER_MEMBER).unwrap();
        assert_eq!(queue.pop().await, Some((A, 1)));
        assert_eq!(queue.pop().await, Some((B, 0)));
        push(&queue, C, 0).unwrap();
        let mut rest = Vec::new();
        for _ in 0..5 {
            rest.push(queue.pop().await.unwrap());
        }
        assert_eq!(rest, [(A, 2), (B, 1), (C, 0), (A, 3), (A, 4)]);
        // A member whose last item was taken waits like a new one.
        push(&queue, B, 2).unwrap();
        assert_eq!(queue.pop().await, Some((A, 5)));
        assert_eq!(queue.pop().await, Some((B, 2)));
    }

    #[tokio::test]
    async fn turns_are_shared_equally_and_each_member_is_served_in_order() {
        let queue = FairQueue::new();
        let members: Vec<_> = (1..=10).map(MemberNumber).collect();
        for member in &members {
            for n in 0..usize::from(member.0) {
                push(&queue, *member, n).unwrap();
            }
        }
        let mut served: BTreeMap<MemberNumber, usize> = BTreeMap::new();
        while !queue.is_empty() {
            let (member, n) = queue.pop().await.unwrap();
            let count = served.entry(member).or_default();
            assert_eq!(n, *count);
            *count += 1;
            // Nobody that still waits is more than one item behind.
            let least = members.iter().filter(|m| served.get(m).copied().unwrap_or(0) < usize::from(m.0));
            let least = least.map(|m| served.get(m).copied().unwrap_or(0)).min();
            assert!(least.is_none_or(|least| n <= least));
        }
        assert!(members.iter().all(|member| served[member] == usize::from(member.0)));
    }

    #[tokio::test]
    async fn it_is_bounded_by_member_and_in_all() {
        let queue = FairQueue::new();
        for n in 0..PER_MEMBER {
            push(&queue, A, n).unwrap();
        }
        assert_eq!(push(&queue, A, 99), Err(QueueError::Full { retry_after_ms: TURN_MS }));
        for member in 2..=16 {
            for n in 0..PER_MEMBER {
                push(&queue, MemberNumber(member), n).unwrap();
            }
        }
        assert_eq!(queue.len(), IN_ALL);
        assert_eq!(push(&queue, MemberNumber(17), 0), Err(QueueError::Full { retry_after_ms: 16 * TURN_MS }));
        queue.pop().await.unwrap();
        push(&queue, MemberNumber(17), 0).unwrap();
        assert_eq!(queue.len(), IN_ALL);
        let mut count = 0;
        while !queue.is_empty() {
            assert_ne!(queue.pop().await, Some((A, 99)));
            count += 1;
        }
        assert_eq!(count, IN_ALL);
        let inner = queue.lock();
        assert!(inner.waiting.is_empty() && inner.turns.is_empty(), "keeps nothing of who was here");
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_waits_and_ends() {
        let queue = Arc::new(FairQueue::new());
        push(&queue, A, 0).unwrap();
        queue.close();
        assert_eq!(push(&queue, A, 1), Err(QueueError::Closed));
        assert_eq!(queue.pop().await, Some((A, 0)));
        assert_eq!(queue.pop().await, None);
        // Those that wait already end as well.
        let queue = Arc::new(FairQueue::<(MemberNumber, usize)>::new());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let queue = queue.clone();
                    async move { queue.pop().await }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        queue.close();
        for task in waiting {
            assert_eq!(task.await.unwrap(), None);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_item_is_lost_or_doubled_among_several_workers() {
        let queue = Arc::new(FairQueue::new());
        let workers: Vec<_> = (0..4).map(|_| tokio::spawn(work(queue.clone()))).collect();
        let mut sent = Vec::new();
        for n in 0..2_000 {
            let member = MemberNumber(1 + (n % 7) as u16);
            while push(&queue, member, n).is_err() {
                tokio::task::yield_now().await;
            }
            sent.push((member, n));
        }
        queue.close();
        let mut got = Vec::new();
        for worker in workers {
            got.extend(worker.await.unwrap());
        }
        sent.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, sent);
    }

    /// Takes items until the end; gives up waiting now and then, as a `select!` does.
    async fn work(queue: Arc<FairQueue<(MemberNumber, usize)>>) -> Vec<(MemberNumber, usize)> {
        let mut got = Vec::new();
        loop {
            match tokio::time::timeout(Duration::from_micros(50), queue.pop()).await {
                Ok(Some(item)) => got.push(item),
                Ok(None) => return got,
                Err(_) => {}
            }
        }
    }
}
