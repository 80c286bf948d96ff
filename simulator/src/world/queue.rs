//! What is to happen, in order of time and, at one moment, in the order in which it was decided.

use std::{cmp::Reverse, collections::BinaryHeap};

/// The queue of a world.
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    /// What the heap's numbers stand for: the heap moves small things only.
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    named: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), named: 0 }
    }
}

impl<T> Queue<T> {
    /// Puts something in.
    pub fn push(&mut self, at_us: u64, what: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(what);
                slot
            }
            None => {
                self.slots.push(Some(what));
                self.slots.len() - 1
            }
        };
        self.named += 1;
        self.heap.push(Reverse((at_us, self.named, slot)));
    }

    /// Takes out what comes next, if it comes by this moment.
    pub fn pop(&mut self, until_us: u64) -> Option<(u64, T)> {
        if self.heap.peek().is_none_or(|Reverse((at, ..))| *at > until_us) {
            return None;
        }
        let Reverse((at, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        Some((at, self.slots[slot].take()?))
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_first_comes_first_at_one_moment() {
        let mut queue = Queue::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            queue.push(at, what);
        }
        let mut order = String::new();
        while let Some((_, what)) = queue.pop(5) {
            order.push(what);
            if what == 'b' {
                queue.push(5, 'e');
            }
        }
        assert_eq!(order, "abcde");
        queue.push(6, 'f');
        assert!(queue.pop(5).is_none() && queue.len() == 1);
    }
}
