//! Preparing a customer base: the key holders evaluate every identifier of a file that this node does not know yet, so
//! that later checks are answered here.

use std::{
    cell::Cell,
    collections::{BTreeSet, HashMap},
    fmt::Display,
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use antibrush_protocol::subject::{Class, Subject};
use axum::{
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    response::Response,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{CHECK, Caller},
    lines::{self, RejectedRow},
};
use crate::{
    core::{Node, View},
    import::{Reject, SubjectRow, SubjectTable},
    lang::{Both, Zh},
    tokens::{TokenError, Unavailable},
};

/// Subjects that the holders are asked for at once: eight full requests, twice as many as are under way at a time.
const SUBJECTS_AT_ONCE: usize = 2_048;

/// How long is waited before holders that have answered in this run are asked again: a long run outlives a short outage.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What to prepare.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TokenizeQuery {
    /// The file's name, for messages.
    #[serde(default)]
    name: String,
    /// The class of all identifiers, for files that do not say it.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "MOB")]
    class: Option<Class>,
    /// Ask for nothing more as soon as the quota of one class is used up; else go on with the other classes.
    #[serde(default = "yes")]
    #[param(default = true)]
    stop_when_exhausted: bool,
}

fn yes() -> bool {
    true
}

/// One line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenizeLine {
    /// How far it is.
    Progress {
        /// Bytes of the file so far.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Rows so far.
        rows: u64,
    },
    /// A row that was not taken.
    Reject(RejectedRow),
    /// A quota is used up, and something is left for another day. The summary follows.
    Exhausted {
        /// When the quota renews, in seconds since 1970.
        renews: u64,
        /// Rows that are not prepared.
        left_rows: u64,
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
    /// Too few key holders answer, and something is left for later. The summary follows.
    Unreachable {
        /// Rows that are not prepared.
        left_rows: u64,
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
    /// The end. Every row is counted once.
    Summary(TokenizeSummary),
    /// It ended early; what was evaluated before this line is kept.
    Error {
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
}

/// How the rows of a file ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenizeSummary {
    /// Rows read.
    rows: u64,
    /// Of classes that need no preparation: this node makes their tokens by itself.
    local: u64,
    /// Known before, or earlier in the file.
    known: u64,
    /// Evaluated by the key holders now.
    evaluated: u64,
    /// Not taken.
    rejected: u64,
    /// Left: a quota is used up, or too few key holders answer.
    unavailable: u64,
}

/// Prepares the subjects of a CSV or XLSX file with a class and an identifier column, or a heading such as 手机号 that says both. The
/// answer is a stream of JSON lines (`application/x-ndjson`): progress, rejects, and a summary or an error at the end. What is evaluated is kept at
/// once: the same file sent again goes on from there.
#[utoipa::path(post, path = "/v1/tokens", tag = "check", security(("bearer" = [])), params(TokenizeQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = TokenizeLine, content_type = "application/x-ndjson"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem)))]
pub async fn tokenize(
    State(app): State<App>,
    _caller: Caller<CHECK>,
    query: Result<Query<TokenizeQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (Query(query), body) = (query?, body?);
    // Whoever may make no tokens is told before a row is read.
    app.node.view().tokens.may_derive()?;
    let node = app.node.clone();
    Ok(lines::answer(move |out| run(node, &query, body, out).unwrap_or_else(|line| line)))
}

type Out = lines::Out<TokenizeLine>;
type Block = Vec<Result<SubjectRow, Reject>>;

fn run(node: Arc<Node>, query: &TokenizeQuery, body: Bytes, out: &Out) -> Result<TokenizeLine, TokenizeLine> {
    let table = SubjectTable::read(&query.name, body.into(), query.class).map_err(error_line)?;
    let total = table.total_bytes();
    let mut run = Run {
        node,
        out,
        total,
        stop_when_exhausted: query.stop_when_exhausted,
        done: 0,
        counted: TokenizeSummary::default(),
        pending: Vec::new(),
        closed: Closed::default(),
        reason: None,
        failed: None,
    };
    // The file is read far faster than it is evaluated: how far it is says whoever evaluates.
    let done = Cell::new(0);
    let read = lines::overlap(
        |hand_over| table.for_each_block(|so_far, _| done.set(so_far), |block| hand_over((block, done.get()))),
        |(block, done)| run.block(block, done),
    );
    let summary = read.map_err(error_line);
    if run.failed.is_none() && summary.as_ref().is_ok_and(|summary| !summary.is_stopped) {
        run.settle_pending();
    }
    if let Err(error) = run.node.resolver().cache().sync() {
        // It stands in the kernel; only a machine that loses its power now loses rows, and asks for them again.
        tracing::warn!(%error, "the token cache could not be forced to the disk");
    }
    if let Some(failed) = run.failed {
        return Err(failed);
    }
    summary?;
    if let Some(reason) = &run.reason {
        out.send(&ended_early(reason, run.counted.unavailable));
    }
    Ok(TokenizeLine::Summary(run.counted))
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

/// What is to do for a row.
enum Found {
    Local,
    Known,
    Unknown(SubjectRow),
    Rejected(RejectedRow),
    Failed(TokenError),
}

struct Run<'a> {
    node: Arc<Node>,
    out: &'a Out,
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

impl Run<'_> {
    /// Breaks when it failed, or when nobody reads the answer any more: what is evaluated by then is kept.
    fn block(&mut self, block: Block, done: u64) -> ControlFlow<()> {
        let view = self.node.view();
        let rows: Vec<Found> = block
            .into_par_iter()
            .with_min_len(512)
            .map_init(|| Vec::with_capacity(160), |scratch, row| find(&self.node, &view, row, scratch))
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
                    heard &= self.out.send(&TokenizeLine::Reject(reject));
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

    fn settle_pending(&mut self) {
        let rows = std::mem::take(&mut self.pending);
        // A failure is noted, and there is nothing after it.
        let _ = self.ask(&rows);
        self.progress(self.total);
    }

    fn progress(&self, done: u64) -> bool {
        let counted = &self.counted;
        let rows = counted.local + counted.known + counted.evaluated + counted.rejected + counted.unavailable;
        self.out.send(&TokenizeLine::Progress { done, total: self.total, rows })
    }

    /// Has rows evaluated that were not known, except those of closed classes.
    fn ask(&mut self, rows: &[SubjectRow]) -> ControlFlow<()> {
        let (node, view) = (self.node.clone(), self.node.view());
        let is_known = |subject: &Subject, scratch: &mut Vec<u8>| {
            view.tokens.known(subject, node.resolver().cache(), scratch).is_ok_and(|known| known.is_some())
        };
        let known: Vec<bool> = rows
            .par_iter()
            .with_min_len(512)
            .map_init(|| Vec::with_capacity(160), |scratch, row| is_known(&row.subject, scratch))
            .collect();
        // How many rows each distinct subject has.
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
        loop {
            if subjects.is_empty() {
                return ControlFlow::Continue(());
            }
            let left = self.evaluate(&view, subjects)?;
            let is_quota = left.iter().all(|(_, _, reason)| reason.renews().is_some());
            match pauses.next().filter(|_| !is_quota && self.counted.evaluated > 0) {
                Some(pause) => {
                    self.wait(pause);
                    subjects = left.into_iter().map(|(subject, count, _)| (subject, count)).collect();
                }
                None => {
                    left.iter().for_each(|(subject, count, reason)| self.give_up(subject.class(), *count, reason));
                    return ControlFlow::Continue(());
                }
            }
        }
    }

    /// Asks once; returns what could not be evaluated, and why.
    fn evaluate(
        &mut self,
        view: &Arc<View>,
        subjects: Vec<(Subject, u64)>,
    ) -> ControlFlow<(), Vec<(Subject, u64, Arc<Unavailable>)>> {
        if self.node.stopping().is_cancelled() {
            return self.fail(stopping());
        }
        let (subjects, counts): (Vec<Subject>, Vec<u64>) = subjects.into_iter().unzip();
        let resolver = self.node.resolver().clone();
        let resolved = tokio::runtime::Handle::current().block_on(resolver.resolve(&subjects));
        let (mut left, mut evaluated, mut kept) = (Vec::new(), 0, 0);
        let mut scratch = Vec::with_capacity(160);
        for ((subject, count), resolved) in subjects.into_iter().zip(counts).zip(resolved) {
            match resolved {
                Ok(_) => {
                    evaluated += 1;
                    self.counted.evaluated += 1;
                    self.counted.known += count - 1;
                    let known = view.tokens.known(&subject, resolver.cache(), &mut scratch);
                    kept += u64::from(known.is_ok_and(|known| known.is_some()));
                }
                Err(TokenError::Unavailable(reason)) => left.push((subject, count, reason)),
                Err(error) => return self.fail(error_line(error)),
            }
        }
        // A full disk: going on would use up the quota for nothing. New keys of a new charter are no such case.
        if evaluated > 0 && kept == 0 && Arc::ptr_eq(&view.tokens, &self.node.view().tokens) {
            return self.fail(not_kept());
        }
        ControlFlow::Continue(left)
    }

    fn fail<T>(&mut self, line: TokenizeLine) -> ControlFlow<(), T> {
        self.failed = Some(line);
        ControlFlow::Break(())
    }

    fn give_up(&mut self, class: Class, rows: u64, reason: &Arc<Unavailable>) {
        self.counted.unavailable += rows;
        let is_quota = reason.renews().is_some();
        self.closed.all |= !is_quota || self.stop_when_exhausted;
        self.closed.classes.insert(class);
        // Holders that do not answer say more than a quota, which is used up on any day.
        if self.reason.as_ref().is_none_or(|known| known.renews().is_some() && !is_quota) {
            self.reason = Some(reason.clone());
        }
    }

    fn wait(&self, pause: Duration) {
        let stopping = self.node.stopping();
        tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        });
    }
}

/// What this node knows of a row by itself.
fn find(node: &Node, view: &View, row: Result<SubjectRow, Reject>, scratch: &mut Vec<u8>) -> Found {
    let row = match row {
        Ok(row) => row,
        Err(reject) => return Found::Rejected((&reject).into()),
    };
    let class = row.subject.class();
    match view.tokens.makers(class) {
        Ok(_) if !view.tokens.is_shared(class) => Found::Local,
        Ok(_) => match view.tokens.known(&row.subject, node.resolver().cache(), scratch) {
            Ok(Some(_)) => Found::Known,
            Ok(None) => Found::Unknown(row),
            Err(error) => Found::Failed(error),
        },
        Err(error @ TokenError::NoKey(_)) => Found::Rejected(RejectedRow::refused(row.line, &error)),
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

fn error_line(error: impl Display + Zh) -> TokenizeLine {
    both_line(Both::from(error))
}

fn both_line(Both { en: detail, zh: detail_zh }: Both) -> TokenizeLine {
    TokenizeLine::Error { detail, detail_zh }
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
