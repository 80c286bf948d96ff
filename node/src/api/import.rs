//! Importing a file over HTTP: the file is the body, progress and rejects come back as they happen.

use std::{fmt::Display, ops::ControlFlow, sync::Arc};

use antibrush_protocol::{codes::List, limits::BASIS_BYTES};
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
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{Caller, PUBLISH},
    lines::{self, RejectedRow},
};
use crate::{
    core::{Counted, ENTRIES_PER_IMPORTED_BATCH, Node, Outcome, PublishError, Refusal, Session, Wanted},
    import::{Record, Reject, Table},
    lang::Zh,
    statutory::shortened,
    tokens::{TokenError, Unavailable},
};

/// The most body bytes of one imported batch: its chunks fit into one header beside the most varied totals.
const BATCH_BYTES: u64 = 150 * 1024 * 1024;

/// How to import.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// The file's name, for messages.
    #[serde(default)]
    name: String,
    /// Read and plan everything, publish nothing.
    #[serde(default)]
    dry_run: bool,
    /// The list on which all rows are; a row that names another one is rejected. By row, or CXH, if not given.
    #[param(value_type = Option<String>, example = "SRC-COURT")]
    list: Option<List>,
}

/// One line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportLine {
    /// Bytes read so far, and bytes in all.
    Progress {
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
    /// A row that was not taken.
    Reject(RejectedRow),
    /// Good rows that were not published, because too few key holders answer or a quota is used up. Importing the same file again
    /// goes on from there.
    Left {
        /// How many.
        rows: u64,
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
    /// A batch is durable and queryable.
    Batch {
        /// Its number.
        seq: u64,
        /// Leaves in the feed after it.
        size: u64,
    },
    /// The end.
    Summary {
        /// Rows read.
        rows: u64,
        /// How the good rows ended.
        counted: Counted,
        /// Rows that were not taken.
        rejected: u64,
        /// Good rows that are left for later.
        left: u64,
        /// Whether nothing was published.
        dry_run: bool,
    },
    /// The import ended early; batches before this line stand.
    Error {
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail_zh: Option<String>,
    },
}

/// Imports a CSV or XLSX file. The answer is a stream of JSON lines (`application/x-ndjson`): progress, rejects, batches,
/// and a summary or an error at the end.
#[utoipa::path(post, path = "/v1/import", tag = "publish", security(("bearer" = [])), params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ImportLine, content_type = "application/x-ndjson"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem)))]
pub async fn import(
    State(app): State<App>,
    _caller: Caller<PUBLISH>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (Query(query), body) = (query?, body?);
    // Whoever may not publish is told before a row is read.
    app.node.may_publish()?;
    let node = app.node.clone();
    Ok(lines::answer(move |out| Import::read(node, &query, body, out).unwrap_or_else(|line| line)))
}

type Out = lines::Out<ImportLine>;

struct Import<'a> {
    node: Arc<Node>,
    out: &'a Out,
    dry_run: bool,
    file: String,
    /// The batch in the making; while there is one nobody else publishes.
    session: Option<Session>,
    counted: Counted,
    rows: u64,
    rejected: u64,
    /// Good rows that the key holders did not evaluate, and why the last of them was not.
    left: u64,
    reason: Option<Arc<Unavailable>>,
    failed: Option<ImportLine>,
}

impl Import<'_> {
    fn read(node: Arc<Node>, query: &ImportQuery, body: Bytes, out: &Out) -> Result<ImportLine, ImportLine> {
        // Names the file in evidence references of rows that bring none, without telling anything about it.
        let file = hex::encode(&Sha256::digest(&body)[..8]);
        let table = Table::read_for(query.list, &query.name, body.into()).map_err(error_line)?;
        let mut import = Import {
            node,
            out,
            dry_run: query.dry_run,
            file,
            session: None,
            counted: Counted::default(),
            rows: 0,
            rejected: 0,
            left: 0,
            reason: None,
            failed: None,
        };
        // A reader that is gone shows when the next line with content is sent.
        let progress = |done, total| {
            let _ = out.send(&ImportLine::Progress { done, total });
        };
        let read = lines::overlap(|hand_over| table.for_each_block(progress, hand_over), |block| import.block(block));
        if let Some(failed) = import.failed {
            return Err(failed);
        }
        if let Err(error) = read {
            return Err(error_line(error));
        }
        // Nobody reads the answer any more: what is not published by then stays unpublished.
        if !read.is_ok_and(|summary| summary.is_stopped) {
            import.publish().map_err(error_line)?;
        }
        let Import { rows, counted, rejected, left, reason, dry_run, .. } = import;
        if let Some(reason) = reason {
            let (detail, detail_zh) =
                (format!("{left} good rows are left: {reason}"), format!("尚余 {left} 个有效行：{}", reason.zh()));
            out.send(&ImportLine::Left { rows: left, detail, detail_zh });
        }
        Ok(ImportLine::Summary { rows, counted, rejected, left, dry_run })
    }

    fn block(&mut self, block: Vec<Result<Record, Reject>>) -> ControlFlow<()> {
        match self.try_block(block) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(line) => {
                self.failed = Some(line);
                ControlFlow::Break(())
            }
        }
    }

    /// `false`: nobody reads the answer any more. What is not published by then stays unpublished.
    fn try_block(&mut self, block: Vec<Result<Record, Reject>>) -> Result<bool, ImportLine> {
        self.rows += block.len() as u64;
        let is_full = |session: &Session| {
            session.len() + block.len() as u64 > ENTRIES_PER_IMPORTED_BATCH || session.body_bytes() > BATCH_BYTES
        };
        if self.session.as_ref().is_some_and(is_full) {
            self.publish().map_err(error_line)?;
        }
        let (mut wishes, mut lines) = (Vec::with_capacity(block.len()), Vec::with_capacity(block.len()));
        let mut heard = true;
        let file = self.file.as_str();
        let wanted = |row: Result<Record, Reject>| row.map(|record| (record.line, wanted(file, record)));
        let rows: Vec<_> = block.into_par_iter().with_min_len(1024).map(wanted).collect();
        for row in rows {
            match row {
                Ok((line, wish)) => {
                    lines.push(line);
                    wishes.push(wish);
                }
                Err(reject) => heard &= self.reject(&reject),
            }
        }
        let subjects = wishes.iter().map(|wish| &wish.subject);
        let tokens = self.node.view().tokens.clone();
        if subjects.clone().any(|subject| tokens.is_shared(subject.class())) {
            // While the key holders are asked the writer's place is free: a clearing must not wait for them.
            self.publish().map_err(error_line)?;
        }
        let prepared = tokio::runtime::Handle::current().block_on(self.node.resolver().prepare(subjects));
        let session = self.session()?;
        let outcomes = session.list(&wishes, &prepared).map_err(error_line)?;
        for (line, outcome) in lines.into_iter().zip(&outcomes) {
            if let Outcome::Refused(Refusal::Token(TokenError::Unavailable(reason))) = outcome {
                self.left += 1;
                self.reason = Some(reason.clone());
                continue;
            }
            self.counted.count(outcome);
            if let Outcome::Refused(refusal) = outcome {
                self.rejected += 1;
                heard &= self.out.send(&ImportLine::Reject(RejectedRow::refused(line, refusal)));
            }
        }
        Ok(heard)
    }

    /// The batch in the making; a new one is planned against what was published before it.
    fn session(&mut self) -> Result<&mut Session, ImportLine> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let session = tokio::runtime::Handle::current().block_on(self.node.session()).map_err(error_line)?;
                if self.dry_run { session } else { session.staged(&self.node) }
            }
        };
        Ok(self.session.insert(session))
    }

    fn publish(&mut self) -> Result<(), PublishError> {
        let Some(session) = self.session.take().filter(|_| !self.dry_run) else { return Ok(()) };
        let head = tokio::runtime::Handle::current().block_on(self.node.publish_session(session))?;
        if let Some(head) = head {
            self.out.send(&ImportLine::Batch { seq: head.seq, size: head.size });
        }
        Ok(())
    }

    fn reject(&mut self, reject: &Reject) -> bool {
        self.rejected += 1;
        self.out.send(&ImportLine::Reject(reject.into()))
    }
}

/// What a row asks for. `file` names the file in the evidence references of rows that bring none.
fn wanted(file: &str, record: Record) -> Wanted {
    let statutory = record.list.is_statutory();
    let evidence = match (&record.evidence, &record.document) {
        (Some(reference), _) => reference.as_str().to_owned(),
        // Whoever has the document can have the commitment opened, without the file.
        (None, Some(document)) if statutory => format!("{}:{document}", record.list.code()),
        (None, _) => format!("import:{}:{}", file, record.line),
    };
    // Who listed it is public of a statutory list alone; a platform's own sources stay at home.
    let source = record.source.as_deref().filter(|_| statutory).map(|source| shortened(source, BASIS_BYTES));
    Wanted {
        list: record.list,
        conduct: record.conduct,
        severity: record.severity,
        role: record.role,
        direction: record.direction,
        region: record.region,
        day: record.day,
        last_day: record.expires,
        basis: record.basis.or(source),
        document: record.document,
        evidence,
        details: record.details,
        name: record.name.as_ref().map(|name| name.as_str().to_owned()),
        subject: record.subject,
    }
}

fn error_line(error: impl Display + Zh) -> ImportLine {
    ImportLine::Error { detail: error.to_string(), detail_zh: Some(error.zh()) }
}
