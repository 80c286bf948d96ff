//! Preparing a customer base: the key holders evaluate every identifier of a file that this node does not know yet, so
//! that later checks are answered here.

mod run;
#[cfg(test)]
mod tests;

use std::{cell::Cell, fmt::Display, sync::Arc, time::Duration};

use antibrush_protocol::subject::{Class, Subject};
use axum::{
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    response::Response,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{CHECK, Caller},
    lines::{self, RejectedRow},
};
use crate::{
    core::Node,
    import::SubjectTable,
    lang::{Both, Zh},
    tokens::TokenError,
};
use run::{Holders, Run};

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
    /// Those of them whose class has no token key: nothing is wrong with the rows.
    keyless: u64,
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
    Ok(lines::answer(move |out| tokenize_file(node, &query, body, out).unwrap_or_else(|line| line)))
}

type Out = lines::Out<TokenizeLine>;

fn tokenize_file(node: Arc<Node>, query: &TokenizeQuery, body: Bytes, out: &Out) -> Result<TokenizeLine, TokenizeLine> {
    let table = SubjectTable::read(&query.name, body.into(), query.class).map_err(error_line)?;
    let send = |line: &TokenizeLine| out.send(line);
    let mut run = Run::new(&*node, &send, table.total_bytes(), query.stop_when_exhausted);
    // The file is read far faster than it is evaluated: how far it is says whoever evaluates.
    let done = Cell::new(0);
    let read = lines::overlap(
        |hand_over| table.for_each_block(|so_far, _| done.set(so_far), |block| hand_over((block, done.get()))),
        |(block, done)| run.block(block, done),
    );
    let ended = match read {
        Ok(summary) => run.end(summary.is_stopped),
        Err(error) => Err(error_line(error)),
    };
    if let Err(error) = node.resolver().cache().sync() {
        // It stands in the kernel; only a machine that loses its power now loses rows, and asks for them again.
        tracing::warn!(%error, "the token cache could not be forced to the disk");
    }
    ended
}

impl Holders for Node {
    fn is_local(&self, class: Class) -> Result<bool, TokenError> {
        let tokens = &self.view().tokens;
        tokens.makers(class).map(|_| !tokens.is_shared(class))
    }

    fn is_known(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<bool, TokenError> {
        self.view().tokens.known(subject, self.resolver().cache(), scratch).map(|known| known.is_some())
    }

    fn evaluate(&self, subjects: &[Subject]) -> (Vec<Result<(), TokenError>>, bool) {
        let tokens = self.view().tokens.clone();
        let resolved = Handle::current().block_on(self.resolver().resolve(subjects));
        let mut fresh = subjects.iter().zip(&resolved).filter(|(_, resolved)| resolved.is_ok()).peekable();
        let mut scratch = Vec::with_capacity(160);
        // One request that is kept is enough: the disk takes something. A charter with new keys came meanwhile: nothing is said.
        let is_kept = fresh.peek().is_none()
            || !Arc::ptr_eq(&tokens, &self.view().tokens)
            || fresh.any(|(subject, _)| self.is_known(subject, &mut scratch).unwrap_or(false));
        (resolved.into_iter().map(|resolved| resolved.map(|_| ())).collect(), is_kept)
    }

    fn pause(&self, pause: Duration) {
        // Returns early when the node stops.
        let _ = Handle::current().block_on(tokio::time::timeout(pause, self.stopping().cancelled()));
    }

    fn is_stopping(&self) -> bool {
        self.stopping().is_cancelled()
    }
}

fn error_line(error: impl Display + Zh) -> TokenizeLine {
    both_line(Both::from(error))
}

fn both_line(Both { en: detail, zh: detail_zh }: Both) -> TokenizeLine {
    TokenizeLine::Error { detail, detail_zh }
}
