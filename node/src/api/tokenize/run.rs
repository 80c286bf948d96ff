//! One run over a file: what is known is counted, the rest is asked for, and what cannot be had is left for later.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use antibrush_protocol::subject::{Class, Subject};
use rayon::prelude::*;

use super::{TokenizeLine, TokenizeSummary, both_line, error_line};
use crate::{
    api::lines::RejectedRow,
    import::{Reject, SubjectRow},
    lang::{Both, Zh},
    tokens::{TokenError, Unavailable},
};

/// Subjects that the holders are asked for at once: eight full requests, twice as many as are under way at a time.
pub const SUBJECTS_AT_ONCE: usize = 2_048;

/// How long is waited before holders that have answered in this run are asked again: a long run outlives a short outage.
pub const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Who knows tokens: a node and the key holders that it asks.
pub trait Holders: Sync {
    /// Whether tokens of a class are made without them.
    fn is_local(&self, class: Class) -> Result<bool, TokenError>;

    /// Whether a subject needs nobody's help. `scratch` keeps its memory between calls.
    fn is_known(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<bool, TokenError>;

    /// Has subjects evaluated; and whether what came out is kept.
    fn evaluate(&self, subjects: &[Subject]) -> (Vec<Result<(), TokenError>>, bool);

    /// Waits, or until the node stops.
    fn pause(&self, pause: Duration);

    /// Whether the node stops.
    fn is_stopping(&self) -> bool;
}

/// What is to do for a row.
enum Found {
    Local,
    Known,
    Unknown(SubjectRow),
    Rejected(RejectedRow),
    /// Of a class that has no token key.
    Keyless(RejectedRow),
    Failed(TokenError),
}

/// A subject that could not be evaluated, how many rows it has, and why.
type Left = (Subject, u64, Arc<Unavailable>);

/// One run over a file.
pub struct Run<'a, H> {
    holders: &'a H,
    send: &'a (dyn Fn(&TokenizeLine) -> bool + Sync),
    total: u64,
    stop_when_exhausted: bool,
    /// Bytes of the blocks before.
    done: u64,
    counted: TokenizeSummary,
    /// Rows of this and earlier blocks that wait until there are enough for full requests.
    pending: Vec<SubjectRow>,
    closed: Closed,
    /// Why something is left.
    reason: Option<Arc<Unavailable>>,
    failed: Option<TokenizeLine>,
}

/// For which classes nobody is asked any more.
#[derive(Default)]
struct Closed {
    all: bool,
    classes: BTreeSet<Class>,
}

impl Closed {
    fn has(&self, class: Class) -> bool {
        self.all || self.classes.contains(&class)
    }
}

impl<'a, H: Holders> Run<'a, H> {
    /// Of a file of `total` bytes. `send` takes lines of the answer and says whether anybody reads them.
    pub fn new(
        holders: &'a H,
        send: &'a (dyn Fn(&TokenizeLine) -> bool + Sync),
        total: u64,
        stop_when_exhausted: bool,
    ) -> Run<'a, H> {
        Run {
            holders,
            send,
            total,
            stop_when_exhausted,
            done: 0,
            counted: TokenizeSummary::default(),
            pending: Vec::new(),
            closed: Closed::default(),
            reason: None,
            failed: None,
        }
    }

    /// Takes the next rows, with which `done` bytes have been read. Breaks when the run failed, or when nobody reads the answer
    /// any more: what is evaluated by then is kept.
    pub fn block(&mut self, block: Vec<Result<SubjectRow, Reject>>, done: u64) -> ControlFlow<()> {
        let holders = self.holders;
        let rows: Vec<Found> = block
            .into_par_iter()
            .with_min_len(512)
            .map_init(|| Vec::with_capacity(160), |scratch, row| find(holders, row, scratch))
            .collect();
        let mut heard = true;
        for row in rows {
            self.counted.rows += 1;
            match row {
                Found::Local => self.counted.local += 1,
                Found::Known => self.counted.known += 1,
                Found::Unknown(row) => self.pending.push(row),
                Found::Rejected(reject) => {
                    self.counted.rejected += 1;
                    heard &= (self.send)(&TokenizeLine::Reject(reject));
                }
                Found::Keyless(reject) => {
                    self.counted.rejected += 1;
                    self.counted.keyless += 1;
                    heard &= (self.send)(&TokenizeLine::Reject(reject));
                }
                Found::Failed(error) => return self.fail(error_line(error)),
            }
        }
        let pieces = self.pending.len() / SUBJECTS_AT_ONCE;
        let too_few = self.pending.split_off(pieces * SUBJECTS_AT_ONCE);
        let (full, begun) = (std::mem::replace(&mut self.pending, too_few), self.done);
        self.done = done;
        for (piece, rows) in (1..).zip(full.chunks(SUBJECTS_AT_ONCE)) {
            self.ask(rows)?;
            heard &= self.progress(begun + done.saturating_sub(begun) * piece / pieces as u64);
            if !heard {
                break;
            }
        }
        if full.is_empty() {
            heard &= self.progress(done);
        }
        if heard { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Asks for the rest, unless the file was not read to its end. Returns the last line.
    pub fn end(mut self, is_stopped: bool) -> Result<TokenizeLine, TokenizeLine> {
        if !is_stopped && self.failed.is_none() {
            let rows = std::mem::take(&mut self.pending);
            // A failure is noted, and there is nothing after it.
            let _ = self.ask(&rows);
            self.progress(self.total);
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if let Some(reason) = &self.reason {
            (self.send)(&ended_early(reason, self.counted.unavailable));
        }
        Ok(TokenizeLine::Summary(self.counted))
    }

    fn progress(&self, done: u64) -> bool {
        let counted = &self.counted;
        let rows = counted.local + counted.known + counted.evaluated + counted.rejected + counted.unavailable;
        (self.send)(&TokenizeLine::Progress { done, total: self.total, rows })
    }

    /// Has rows evaluated that were not known, except those of closed classes.
    fn ask(&mut self, rows: &[SubjectRow]) -> ControlFlow<()> {
        let holders = self.holders;
        let is_known =
            |scratch: &mut Vec<u8>, row: &SubjectRow| holders.is_known(&row.subject, scratch).unwrap_or(false);
        let known: Vec<bool> =
            rows.par_iter().with_min_len(512).map_init(|| Vec::with_capacity(160), is_known).collect();
        // Each distinct subject, and how many rows it has.
        let mut subjects: Vec<(Subject, u64)> = Vec::new();
        let mut places: HashMap<(Class, &str), usize> = HashMap::new();
        for (row, is_known) in rows.iter().zip(known) {
            let (class, id) = (row.subject.class(), row.subject.canonical());
            if is_known {
                // Evaluated since it was read: it stands twice in the file.
                self.counted.known += 1;
            } else if self.closed.has(class) {
                self.counted.unavailable += 1;
            } else if let Some(place) = places.get(&(class, id)) {
                subjects[*place].1 += 1;
            } else {
                places.insert((class, id), subjects.len());
                subjects.push((row.subject.clone(), 1));
            }
        }
        let mut pauses = PAUSES.into_iter();
        while !subjects.is_empty() {
            let left = self.evaluate(subjects)?;
            let is_quota = left.iter().all(|(_, _, reason)| reason.renews().is_some());
            match pauses.next().filter(|_| !is_quota && self.counted.evaluated > 0) {
                Some(pause) => {
                    holders.pause(pause);
                    subjects = left.into_iter().map(|(subject, count, _)| (subject, count)).collect();
                }
                None => {
                    left.iter().for_each(|left| self.give_up(left));
                    break;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Asks once; returns what could not be evaluated.
    fn evaluate(&mut self, subjects: Vec<(Subject, u64)>) -> ControlFlow<(), Vec<Left>> {
        if self.holders.is_stopping() {
            return self.fail(stopping());
        }
        let (subjects, counts): (Vec<Subject>, Vec<u64>) = subjects.into_iter().unzip();
        let (evaluated, is_kept) = self.holders.evaluate(&subjects);
        let mut left = Vec::new();
        for ((subject, count), outcome) in subjects.into_iter().zip(counts).zip(evaluated) {
            match outcome {
                Ok(()) => {
                    self.counted.evaluated += 1;
                    self.counted.known += count - 1;
                }
                Err(TokenError::Unavailable(reason)) => left.push((subject, count, reason)),
                Err(error) => return self.fail(error_line(error)),
            }
        }
        // A full disk: going on would use up the quota for nothing.
        if is_kept { ControlFlow::Continue(left) } else { self.fail(not_kept()) }
    }

    fn fail<T>(&mut self, line: TokenizeLine) -> ControlFlow<(), T> {
        self.failed = Some(line);
        ControlFlow::Break(())
    }

    fn give_up(&mut self, (subject, rows, reason): &Left) {
        self.counted.unavailable += rows;
        let is_quota = reason.renews().is_some();
        self.closed.all |= !is_quota || self.stop_when_exhausted;
        self.closed.classes.insert(subject.class());
        // Holders that do not answer say more than a quota, which is used up on any day.
        if self.reason.as_ref().is_none_or(|known| known.renews().is_some() && !is_quota) {
            self.reason = Some(reason.clone());
        }
    }
}

/// What is known of a row without asking.
fn find(holders: &impl Holders, row: Result<SubjectRow, Reject>, scratch: &mut Vec<u8>) -> Found {
    let row = match row {
        Ok(row) => row,
        Err(reject) => return Found::Rejected((&reject).into()),
    };
    match holders.is_local(row.subject.class()) {
        Ok(true) => Found::Local,
        Ok(false) => match holders.is_known(&row.subject, scratch) {
            Ok(true) => Found::Known,
            Ok(false) => Found::Unknown(row),
            Err(error) => Found::Failed(error),
        },
        Err(error @ TokenError::NoKey(_)) => Found::Keyless(RejectedRow::refused(row.line, &error)),
        Err(error) => Found::Failed(error),
    }
}

/// The line of a run that left something.
fn ended_early(reason: &Unavailable, left_rows: u64) -> TokenizeLine {
    let detail = format!(
        "{left_rows} rows are left: {reason}; what was evaluated is kept, and the same file goes on from there"
    );
    let detail_zh = format!("尚余 {left_rows} 行：{}；已求值的均已保存，重新提交同一文件即从此处继续", reason.zh());
    match reason.renews() {
        Some(renews) => TokenizeLine::Exhausted { renews: renews.0, left_rows, detail, detail_zh },
        None => TokenizeLine::Unreachable { left_rows, detail, detail_zh },
    }
}

fn not_kept() -> TokenizeLine {
    both_line(Both::new(
        "what the key holders evaluate cannot be kept: free space for the data directory, then send the same file again",
        "密钥持有方的求值结果无法保存：请为数据目录腾出空间，然后重新提交同一文件",
    ))
}

fn stopping() -> TokenizeLine {
    both_line(Both::new(
        "the node is stopping; send the same file again when it runs: it goes on from there",
        "节点正在停止：请在其运行后重新提交同一文件，即从此处继续",
    ))
}
