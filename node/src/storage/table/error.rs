//! What can go wrong with the table, and what can be wrong with its files.

use std::io;

use crate::lang::Zh;

/// Why the table refused or failed. None of these loses a row: rows stay in memory until they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Wrong use: a field of a row does not fit its place in the packed form (severity, role and direction 0–3, days
    /// up to [`Day::MAX`](antibrush_protocol::base::Day::MAX)). Nothing of the batch was applied.
    #[error("the {0} of a row does not fit its packed form")]
    Unpackable(&'static str),
    /// The machine: the directory, the disk or the system refused.
    #[error("can not {action}: {kind}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system answered.
        kind: io::ErrorKind,
    },
}

impl Zh for TableError {
    fn zh(&self) -> String {
        match self {
            TableError::Unpackable(field) => format!("令牌表一行的“{field}”超出范围，没有写入"),
            TableError::Io { kind, .. } => {
                format!("令牌表无法写入（{}）：请检查数据目录所在的磁盘后重试，已存数据没有丢失", kind.zh())
            }
        }
    }
}

impl TableError {
    /// Names the action that an I/O error interrupted; drops the path, which the log line around it already has.
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> TableError {
        move |error| TableError::Io { action, kind: error.kind() }
    }
}

/// Why the files of a table were thrown away. The table is then empty and the caller replays the feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The manifest is cut short, too long, of another format or fails its checksum.
    #[error("the manifest is damaged")]
    Manifest,
    /// The manifest names a run that is not there.
    #[error("a run is missing")]
    MissingRun,
    /// A run is longer or shorter than the manifest says.
    #[error("a run has the wrong length")]
    RunLength,
    /// The bytes of a run are not those that were written.
    #[error("a run fails its checksum")]
    RunChecksum,
    /// The rows of a run are not in strictly rising order.
    #[error("a run is out of order")]
    RunOrder,
    /// The disk did not hand over a file.
    #[error("a file can not be read: {0}")]
    Unreadable(io::ErrorKind),
}
