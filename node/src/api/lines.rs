//! Answers of JSON lines (`application/x-ndjson`): what happens to a file comes back as it happens.

use std::{fmt::Display, marker::PhantomData, ops::ControlFlow, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::{import::Reject, lang::Zh};

/// The largest file: a million rows of 500 bytes.
pub const FILE_BYTES: usize = 512 * 1024 * 1024;

/// Lines that may wait for a slow reader.
const LINES: usize = 1024;

/// How long a reader of the answer may stand still.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// A row that was not taken. Never its content.
#[derive(Serialize, ToSchema)]
pub struct RejectedRow {
    /// Its line, from 1.
    line: u64,
    /// The heading of the column at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    column_en: Option<&'static str>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    column_zh: Option<&'static str>,
    /// Why, and what to do.
    reason_en: String,
    /// The same in Chinese.
    reason_zh: String,
}

impl RejectedRow {
    /// A row that could be read and was refused all the same.
    pub fn refused(line: u64, reason: &(impl Display + Zh)) -> RejectedRow {
        let (reason_en, reason_zh) = (reason.to_string(), reason.zh());
        RejectedRow { line, column_en: None, column_zh: None, reason_en, reason_zh }
    }
}

impl From<&Reject> for RejectedRow {
    fn from(reject: &Reject) -> RejectedRow {
        RejectedRow {
            line: reject.line,
            column_en: reject.column.map(|column| column.en()),
            column_zh: reject.column.map(|column| column.zh()),
            reason_en: reject.reason.reason_en().to_owned(),
            reason_zh: reject.reason.reason_zh().to_owned(),
        }
    }
}

/// Where the lines go.
pub struct Out<L> {
    lines: mpsc::Sender<Result<Bytes, std::convert::Infallible>>,
    of: PhantomData<fn(L)>,
}

impl<L: Serialize> Out<L> {
    /// Sends a line; `false`: nobody reads any more.
    pub fn send(&self, line: &L) -> bool {
        // Strings and numbers encode in every case.
        let mut bytes = serde_json::to_vec(line).expect("a line encodes");
        bytes.push(b'\n');
        // The sender waits here with everybody behind it: who reads nothing for so long is taken for gone.
        let sent = tokio::time::timeout(READER_PATIENCE, self.lines.send(Ok(bytes.into())));
        tokio::runtime::Handle::current().block_on(sent).is_ok_and(|sent| sent.is_ok())
    }
}

/// Answers with the lines that the work sends from a thread of its own; what it returns is the last one.
pub fn answer<L: Serialize + 'static>(work: impl FnOnce(&Out<L>) -> L + Send + 'static) -> Response {
    let (lines, stream) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || {
        let out = Out { lines, of: PhantomData };
        let last = work(&out);
        out.send(&last);
    });
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(stream));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Works on one block while the next one is read: what either does alone would leave the other core idle.
pub fn overlap<B: Send, T>(
    read: impl FnOnce(&mut dyn FnMut(B) -> ControlFlow<()>) -> T,
    work: impl FnMut(B) -> ControlFlow<()> + Send,
) -> T {
    let (blocks, ready) = std::sync::mpsc::sync_channel::<B>(1);
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _inside = runtime.enter();
            let _ = ready.iter().try_for_each(work);
        });
        let done = read(&mut |block| blocks.send(block).map_or(ControlFlow::Break(()), ControlFlow::Continue));
        drop(blocks);
        // A panic in the thread is a bug here; it goes on in the caller.
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        done
    })
}
