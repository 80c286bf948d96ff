//! What is known of each connected peer.

use std::collections::BTreeMap;

use super::{Now, Peer, restless::Restless, stated::Stated};
use crate::{
    base::{MemberNumber, Timestamp},
    limits,
};

/// One connected peer.
#[derive(Debug)]
pub(super) struct PeerState {
    /// The newest batch of each feed that it says it has.
    pub heads: Stated,
    /// The newest charter that it says it has.
    pub charter: u64,
    /// Its heads are to be asked for as soon as it is free.
    pub heads_wanted: bool,
    /// Its board is to be compared with ours as soon as it is free.
    pub board_wanted: bool,
    /// Our board is not compared with it before this.
    pub board_after_ms: u64,
    /// It showed a post that was not taken and may be under a later charter.
    pub board_refused: bool,
    /// How often it compared its board with ours.
    board_turn: usize,
    /// It has told its heads since it connected.
    pub heads_heard: bool,
    /// What its clock would have shown when our monotonic one was at zero, in seconds: SYNC-4.
    clock_base: Option<i64>,
    /// Feeds of which it states another head than ours, and the head's number.
    pub suspects: BTreeMap<MemberNumber, u64>,
    /// The number of a charter of which it states another id than ours.
    pub other_charter: Option<u64>,
    /// Time-outs since its last answer: others are asked before it.
    failures: u32,
    /// Since when it owes an answer: its last one, or the oldest request of ours that it holds if that is later.
    owes_since_ms: Option<u64>,
    /// Our requests that it holds.
    pub in_flight: usize,
    /// How many it may hold, but for one more that brings relief: grows with answers, halves with time-outs.
    window: usize,
    answers_in_window: usize,
    /// Nothing is asked of it before this.
    pub busy_until_ms: u64,
    /// Nothing of this feed is asked of it before that.
    absent: BTreeMap<MemberNumber, u64>,
    /// Bytes that it may still pull, and when that was counted.
    budget: u64,
    budget_at_ms: u64,
}

impl PeerState {
    pub fn new(now: Now) -> Self {
        PeerState {
            heads: Stated::default(),
            charter: 0,
            heads_wanted: true,
            board_wanted: true,
            board_after_ms: 0,
            board_refused: false,
            board_turn: 0,
            heads_heard: false,
            clock_base: None,
            suspects: BTreeMap::new(),
            other_charter: None,
            failures: 0,
            owes_since_ms: None,
            in_flight: 0,
            window: 4,
            answers_in_window: 0,
            busy_until_ms: 0,
            absent: BTreeMap::new(),
            budget: limits::SERVE_BYTES_PER_SECOND,
            budget_at_ms: now.ms,
        }
    }

    /// Numbers its comparisons, from 0.
    pub fn next_turn(&mut self) -> usize {
        let turn = self.board_turn;
        self.board_turn = turn.wrapping_add(1);
        turn
    }

    /// Notes what its clock shows. Kept against the monotonic clock, so that ours may be set in the meantime.
    pub fn heard_clock(&mut self, shown: Timestamp, now: Now) {
        self.clock_base = i64::try_from(shown.0).ok().map(|shown| shown - seconds(now.ms));
    }

    /// How far its clock is ahead of ours, in seconds.
    pub fn clock_ahead(&self, now: Now) -> Option<i64> {
        let ours = i64::try_from(now.wall.0).ok()?;
        Some(self.clock_base?.saturating_add(seconds(now.ms)).saturating_sub(ours))
    }

    /// Whether a batch may be asked of it now.
    pub fn can_serve(&self, publisher: MemberNumber, seq: u64, now: Now) -> bool {
        self.is_free(now) && self.has_body(publisher, seq, now)
    }

    /// Whether the body of a batch that brings relief may be asked of it now: one request more than others may, so that it does
    /// not wait for what a slow line carries already.
    pub fn can_relieve(&self, publisher: MemberNumber, seq: u64, now: Now) -> bool {
        self.busy_until_ms <= now.ms && self.in_flight <= self.window && self.has_body(publisher, seq, now)
    }

    fn has_body(&self, publisher: MemberNumber, seq: u64, now: Now) -> bool {
        self.heads.get(publisher) >= Some(seq) && self.absent.get(&publisher).is_none_or(|until| *until <= now.ms)
    }

    /// Whether anything may be asked of it now.
    pub fn is_free(&self, now: Now) -> bool {
        self.busy_until_ms <= now.ms && self.in_flight < self.window
    }

    /// Whether nothing is wanted of it, now or when it is free again, by who has this charter.
    pub fn is_at_rest(&self, charter: u64) -> bool {
        let is_compared = !self.heads_wanted && !self.board_wanted && self.suspects.is_empty();
        is_compared && self.charter <= charter && self.other_charter.is_none()
    }

    /// The peer lacks the feed's body for now.
    pub fn lacks(&mut self, publisher: MemberNumber, until_ms: u64) {
        let until = self.absent.entry(publisher).or_insert(until_ms);
        *until = until_ms.max(*until);
    }

    /// What it lacked may be asked for again.
    pub fn forget_absences(&mut self) {
        self.absent.clear();
    }

    /// A request goes out to it.
    pub fn asked(&mut self, now: Now) {
        self.in_flight += 1;
        self.owes_since_ms.get_or_insert(now.ms);
    }

    /// A request is off the books, answered or not.
    pub fn settled(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.owes_since_ms = None;
        }
    }

    /// It said something, if only that it is busy.
    pub fn spoke(&mut self, now: Now) {
        self.owes_since_ms = (self.in_flight > 0).then_some(now.ms);
    }

    /// Whether it has not answered lately: not since a request of ours timed out, nor for [`limits::SILENT_MS`] while it holds one.
    pub fn is_silent(&self, now: Now) -> bool {
        self.failures > 0 || self.owes_since_ms.is_some_and(|since| now.ms.saturating_sub(since) >= limits::SILENT_MS)
    }

    /// Orders peers that could all be asked: the least first.
    pub fn load(&self) -> (u32, usize) {
        (self.failures, self.in_flight)
    }

    /// A request was answered: every full window of answers lets one more request out.
    pub fn answered(&mut self) {
        self.failures = 0;
        self.answers_in_window += 1;
        if self.answers_in_window >= self.window {
            self.answers_in_window = 0;
            self.window = (self.window + 1).min(limits::REQUESTS_PER_PEER - 1);
        }
    }

    /// A request timed out: half the window.
    pub fn timed_out(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.answers_in_window = 0;
        self.window = (self.window / 2).max(1);
    }

    /// Takes bytes from what the peer may pull; `Err` says for how many milliseconds it must wait.
    pub fn charge(&mut self, bytes: u64, now: Now) -> Result<(), u32> {
        let rate = limits::SERVE_BYTES_PER_SECOND;
        let passed = now.ms.saturating_sub(self.budget_at_ms);
        self.budget = (self.budget + passed.saturating_mul(rate / 1000)).min(rate);
        self.budget_at_ms = now.ms;
        if self.budget < bytes {
            return Err(limits::BUSY_RETRY_MS);
        }
        self.budget -= bytes;
        Ok(())
    }
}

fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

/// All connected peers.
pub(super) type Peers = Restless<Peer, PeerState>;
