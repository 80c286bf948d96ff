//! Files that hold subjects and nothing to list them for.

use std::{fmt, ops::ControlFlow};

use antibrush_protocol::subject::Class;

use super::{Format, ImportError, Reject, SubjectRow, Summary, Table, headings::Contents};

/// A file of subjects whose headings are understood: the same files as a [`Table`]'s, without the columns that a listing
/// needs. `Debug` shows its format alone.
pub struct SubjectTable(Table);

impl fmt::Debug for SubjectTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectTable({:?}, ..)", self.format())
    }
}

impl SubjectTable {
    /// Takes a file's bytes, which are wiped when the table is dropped. A class that is given is that of all identifiers,
    /// whatever the file says; without it a class column says it, or the heading of the identifiers.
    ///
    /// # Errors
    /// Whatever makes the whole file useless.
    pub fn read(name: &str, bytes: Vec<u8>, class: Option<Class>) -> Result<SubjectTable, ImportError> {
        Table::read_as(Contents::Subjects(class), name, bytes).map(SubjectTable)
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.0.format()
    }

    /// Bytes of the file.
    pub fn total_bytes(&self) -> u64 {
        self.0.total_bytes()
    }

    /// Headings of columns that are passed over. Digits are blotted out.
    pub fn ignored(&self) -> &[String] {
        self.0.ignored()
    }

    /// As [`Table::for_each_block`].
    ///
    /// # Errors
    /// Those of the file; blocks handed out before stay good.
    pub fn for_each_block(
        self,
        on_progress: impl FnMut(u64, u64),
        on_block: impl FnMut(Vec<Result<SubjectRow, Reject>>) -> ControlFlow<()>,
    ) -> Result<Summary, ImportError> {
        self.0.for_each_block_of(|interpreter, line, cells| interpreter.subject_row(line, cells), on_progress, on_block)
    }
}
