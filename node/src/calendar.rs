//! The working-day calendar of this node: the State Council's days that the release knows, and what the operator adds.

use std::path::{Path, PathBuf};

use antibrush_protocol::entry::calendar::{self, Calendar, CalendarError};

use crate::{
    lang::Zh,
    storage::files::{self, FileError},
};

/// The operator's file in the data directory: lines like `2027-01-01 holiday`.
pub const FILE: &str = "calendar.txt";

/// 4096 lines with comments.
const FILE_BYTES: u64 = 512 * 1024;

/// Why the file is refused.
#[derive(Debug, thiserror::Error)]
pub enum CalendarFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no text in UTF-8.
    #[error("{} is no text in UTF-8; save it as such", .0.display())]
    NotText(PathBuf),
    /// A line of it.
    #[error("{}: {error}; correct or remove the line, then start the node again", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        error: CalendarError,
    },
}

impl Zh for CalendarFileError {
    fn zh(&self) -> String {
        match self {
            CalendarFileError::File(error) => error.zh(),
            CalendarFileError::NotText(path) => format!("{} 不是UTF-8文本：请另存为UTF-8", path.display()),
            CalendarFileError::Line { path, error } => {
                format!("{}：{}：请改正或删去该行，然后重新启动节点", path.display(), error.zh())
            }
        }
    }
}

/// The calendar of a data directory.
pub fn load(directory: &Path) -> Result<Calendar, CalendarFileError> {
    let path = directory.join(FILE);
    let Some(bytes) = files::read_bounded(&path, FILE_BYTES)? else { return Ok(Calendar::new()) };
    let Ok(text) = String::from_utf8(bytes) else { return Err(CalendarFileError::NotText(path)) };
    let days = calendar::parse(text.trim_start_matches('\u{feff}'));
    days.map(|days| Calendar::with(&days)).map_err(|error| CalendarFileError::Line { path, error })
}
