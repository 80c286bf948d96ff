//! Reading blacklist files that people keep: CSV and XLSX, UTF-8 and GB18030, Chinese and English headings.
//!
//! A [`Table`] finds out by content what a file is, finds its headings ([`HEADINGS`]) and hands out blocks of rows: a
//! [`Record`] for each good row and a [`Reject`] with line, column and reason for each bad one. A bad row stops nothing
//! else. Errors and rejects never carry an identifier, and everything that is read is bounded ([`limits`]).
//!
//! A [`SubjectTable`] does the same with files that hold nothing but subjects: it wants an identifier and its class, and passes
//! over all other columns.
//!
//! [`Sheet`] writes tables for people: what a spreadsheet would take for a formula is written as text.

pub mod demo;
mod error;
mod headings;
pub mod limits;
mod record;
mod reject;
mod sheet;
mod split;
mod subjects;
mod table;
mod template;
mod text;
mod workbook;

#[cfg(test)]
mod tests;

pub use error::{ImportError, Lang};
pub use headings::{Column, HEADINGS, Heading, IMPLIED_CLASSES};
pub use record::{Private, Record, SubjectRow};
pub use reject::{Reject, RejectReason, write_rejects};
pub use sheet::{CsvEncoding, Sheet, SheetError};
pub use subjects::SubjectTable;
pub use table::{Format, Summary, Table};
pub use template::write_template;
