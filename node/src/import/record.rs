//! One row: from cells to a [`Record`] or a [`Reject`].

use std::borrow::Cow;
use std::fmt;

use antibrush_protocol::base::Day;
use antibrush_protocol::codes::{Conduct, Direction, List, Role, Severity};
use antibrush_protocol::subject::{Class, Subject};
use zeroize::Zeroizing;

use super::headings::Layout;
use super::limits::{
    MAX_BASIS_BYTES, MAX_DETAILS_BYTES, MAX_DOCUMENT_BYTES, MAX_EVIDENCE_BYTES, MAX_IDENTIFIER_BYTES, MAX_NAME_BYTES,
    MAX_NOTE_BYTES, MAX_SOURCE_BYTES,
};
use super::{Column, Reject, RejectReason};
use crate::statutory;

/// A text that may be about a person: wiped on drop, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(Zeroizing<String>);

impl Private {
    /// Takes a text over.
    pub fn new(text: String) -> Private {
        Private(Zeroizing::new(text))
    }

    /// The text. Never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(..)")
    }
}

/// One good row. `Debug` shows no identifier, name, note or evidence reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line of the file, or the row of the sheet, from 1.
    pub line: u64,
    /// Who or what is listed, in canonical form.
    pub subject: Subject,
    /// On which list; CXH if neither the file nor whoever imports it says.
    pub list: List,
    /// For what.
    pub conduct: Conduct,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// Which part the subject took.
    pub role: Option<Role>,
    /// Which way credit was moved.
    pub direction: Option<Direction>,
    /// Six digits of GB/T 2260.
    pub region: Option<u32>,
    /// The day of listing.
    pub day: Option<Day>,
    /// The last day of the listing, not before `day`.
    pub expires: Option<Day>,
    /// Who listed it, of a statutory list, at most `MAX_SOURCE_BYTES`.
    pub source: Option<String>,
    /// The number of the authoritative document, at most `MAX_DOCUMENT_BYTES`; there on every statutory list.
    pub document: Option<String>,
    /// The rule-set version, at most `MAX_BASIS_BYTES`.
    pub basis: Option<String>,
    /// Where the evidence is kept, at most `MAX_EVIDENCE_BYTES`; only a salted digest may leave the platform.
    pub evidence: Option<Private>,
    /// The subject's name, at most `MAX_NAME_BYTES`; stays here unless the subject is publishable.
    pub name: Option<Private>,
    /// A note for colleagues, at most `MAX_NOTE_BYTES`.
    pub note: Option<Private>,
    /// What is sealed for those who hold the identifier themselves.
    pub details: Option<Private>,
}

/// One good row of a file of subjects. `Debug` shows no identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRow {
    /// The line of the file, or the row of the sheet, from 1.
    pub line: u64,
    /// Who or what it is, in canonical form.
    pub subject: Subject,
}

/// One cell before it is understood.
pub(super) enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text as it stands, not trimmed.
    Text(Cow<'a, str>),
    /// A number of a workbook, with the day that it is if it is the serial number of one.
    Number(f64, Option<Day>),
    /// A cell that the workbook formats as a date; `None` if the date is outside 1970–2149.
    Date(Option<Day>),
    /// `#REF!` and the like.
    FormulaError,
}

/// The largest number of which Excel keeps every digit has 15 of them.
const EXACT_BELOW: f64 = 1e15;

impl Cell<'_> {
    fn is_blank(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => trim(text).is_empty(),
            _ => false,
        }
    }

    /// The cell as trimmed text.
    fn text(&self) -> Result<Cow<'_, str>, RejectReason> {
        match self {
            Cell::Empty => Ok(Cow::Borrowed("")),
            Cell::Text(text) => Ok(Cow::Borrowed(trim(text))),
            Cell::Number(number, _) if number.is_nan() || number.abs() >= EXACT_BELOW => {
                Err(RejectReason::RoundedNumber)
            }
            Cell::Number(number, _) => Ok(Cow::Owned(number.to_string())),
            Cell::Date(_) => Err(RejectReason::TurnedIntoDate),
            Cell::FormulaError => Err(RejectReason::FormulaError),
        }
    }
}

/// Understands the rows of one file. Each worker has its own: it remembers the codes that it met.
pub(super) struct Interpreter<'l> {
    layout: &'l Layout,
    classes: Memo<Class>,
    lists: Memo<List>,
    conducts: Memo<Conduct>,
    severities: Memo<Severity>,
    roles: Memo<Role>,
    directions: Memo<Direction>,
}

type Fault = (Column, RejectReason);

impl<'l> Interpreter<'l> {
    pub(super) fn new(layout: &'l Layout) -> Interpreter<'l> {
        Interpreter {
            layout,
            classes: Memo(Vec::new()),
            lists: Memo(Vec::new()),
            conducts: Memo(Vec::new()),
            severities: Memo(Vec::new()),
            roles: Memo(Vec::new()),
            directions: Memo(Vec::new()),
        }
    }

    /// A record or a reject, `None` for a row of empty cells.
    pub(super) fn row(&mut self, line: u64, cells: &[Cell<'_>]) -> Option<Result<Record, Reject>> {
        if cells.iter().all(Cell::is_blank) {
            return None;
        }
        let record = self.record(line, cells);
        Some(record.map_err(|(column, reason)| Reject { line, column: Some(column), reason }))
    }

    /// The subject of a row or a reject, `None` for a row of empty cells.
    pub(super) fn subject_row(&mut self, line: u64, cells: &[Cell<'_>]) -> Option<Result<SubjectRow, Reject>> {
        if cells.iter().all(Cell::is_blank) {
            return None;
        }
        let subject = self.subject(&Row { layout: self.layout, cells });
        Some(match subject {
            Ok(subject) => Ok(SubjectRow { line, subject }),
            Err((column, reason)) => Err(Reject { line, column: Some(column), reason }),
        })
    }

    fn subject(&mut self, row: &Row<'_>) -> Result<Subject, Fault> {
        let class = match self.layout.implied {
            Some(class) => class,
            None => self
                .classes
                .code(row, Column::Class, Class::parse, RejectReason::UnknownClass)?
                .ok_or((Column::Class, RejectReason::Missing))?,
        };
        row.subject(class)
    }

    fn record(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<Record, Fault> {
        use RejectReason::*;
        let row = Row { layout: self.layout, cells };
        let subject = self.subject(&row)?;
        let named = self.lists.code(&row, Column::List, List::parse, UnknownList)?;
        let list = self.layout.said.or(named).unwrap_or(List::Cxh);
        if named.is_some_and(|named| named != list) {
            return Err((Column::List, OtherList));
        }
        if !statutory::takes(list, subject.class()) {
            return Err((Column::Class, NotAnOrganisation));
        }
        let conduct = self.conducts.code(&row, Column::Conduct, Conduct::parse, UnknownConduct)?;
        let severity = self.severities.code(&row, Column::Severity, Severity::parse, UnknownSeverity)?;
        let role = self.roles.code(&row, Column::Role, Role::parse, UnknownRole)?;
        let direction = self.directions.code(&row, Column::Direction, Direction::parse, UnknownDirection)?;
        let (day, expires) = (row.day(Column::Day)?, row.day(Column::Expires)?);
        if let (Some(day), Some(expires)) = (day, expires)
            && expires < day
        {
            return Err((Column::Expires, ExpiresBeforeDay));
        }
        let implied = statutory::defaults(list).map(|statutory| statutory.conduct);
        let document = row.line(Column::Document, MAX_DOCUMENT_BYTES)?;
        // ENTRY-13
        if list.is_statutory() && document.is_none() {
            return Err((Column::Document, Missing));
        }
        Ok(Record {
            line,
            subject,
            list,
            conduct: conduct.or(implied).ok_or((Column::Conduct, Missing))?,
            severity,
            role,
            direction,
            region: row.region()?,
            day,
            expires,
            source: row.line(Column::Source, MAX_SOURCE_BYTES)?,
            document,
            basis: row.free(Column::Basis, MAX_BASIS_BYTES)?,
            evidence: row.private(Column::Evidence, MAX_EVIDENCE_BYTES)?,
            name: row.private(Column::Name, MAX_NAME_BYTES)?,
            note: row.private(Column::Note, MAX_NOTE_BYTES)?,
            details: row.private(Column::Details, MAX_DETAILS_BYTES)?,
        })
    }
}

/// The cells of a row by column.
struct Row<'r> {
    layout: &'r Layout,
    cells: &'r [Cell<'r>],
}

impl<'r> Row<'r> {
    fn cell(&self, column: Column) -> &'r Cell<'r> {
        self.layout.place(column).and_then(|place| self.cells.get(place)).unwrap_or(&Cell::Empty)
    }

    /// Trimmed text, `None` if empty.
    fn text(&self, column: Column) -> Result<Option<Cow<'r, str>>, Fault> {
        let text = self.cell(column).text().map_err(|reason| (column, reason))?;
        Ok(if text.is_empty() { None } else { Some(text) })
    }

    fn subject(&self, class: Class) -> Result<Subject, Fault> {
        let fault = |reason| (Column::Identifier, reason);
        let text = self.text(Column::Identifier)?.ok_or(fault(RejectReason::Missing))?;
        if text.len() > MAX_IDENTIFIER_BYTES {
            return Err(fault(RejectReason::TooLong));
        }
        // A number cell's digits are the one copy that is made here.
        let text = match text {
            Cow::Owned(text) => return parse_subject(class, &Zeroizing::new(text)).map_err(fault),
            Cow::Borrowed(text) => text,
        };
        parse_subject(class, text).map_err(fault)
    }

    fn region(&self) -> Result<Option<u32>, Fault> {
        let Some(text) = self.text(Column::Region)? else { return Ok(None) };
        let code = if text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
        // GB/T 2260: the first two digits are the province.
        let is_province = |code: &u32| matches!(code / 10_000, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82);
        match code.filter(is_province) {
            Some(code) => Ok(Some(code)),
            None => Err((Column::Region, RejectReason::NotARegion)),
        }
    }

    fn day(&self, column: Column) -> Result<Option<Day>, Fault> {
        let fault = (column, RejectReason::NotADate);
        match self.cell(column) {
            Cell::Date(day) | Cell::Number(_, day @ Some(_)) => return day.map(Some).ok_or(fault),
            _ => {}
        }
        let Some(text) = self.text(column)? else { return Ok(None) };
        // Exports write "2026-11-22 08:30:00": the day counts, the time is dropped if it is one.
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((&text, ""));
        let is_time = time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'Z' | b'+'));
        let day = if is_time { Day::parse(date) } else { None };
        day.map(Some).ok_or(fault)
    }

    fn free(&self, column: Column, limit: usize) -> Result<Option<String>, Fault> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        if text.len() > limit {
            return Err((column, RejectReason::TooLong));
        }
        // Line breaks are what people type into notes; nothing else that is invisible is.
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r')) {
            return Err((column, RejectReason::ControlCharacter));
        }
        if matches!(column, Column::Evidence | Column::Document) && is_scientific(&text) {
            return Err((column, RejectReason::RoundedNumber));
        }
        Ok(Some(text.into_owned()))
    }

    /// A text that goes onto the wire in clear, where no line breaks may be.
    fn line(&self, column: Column, limit: usize) -> Result<Option<String>, Fault> {
        match self.free(column, limit)? {
            Some(text) if text.contains(['\n', '\r']) => Err((column, RejectReason::ControlCharacter)),
            text => Ok(text),
        }
    }

    fn private(&self, column: Column, limit: usize) -> Result<Option<Private>, Fault> {
        Ok(self.free(column, limit)?.map(|text| Private(Zeroizing::new(text))))
    }
}

fn parse_subject(class: Class, text: &str) -> Result<Subject, RejectReason> {
    Subject::parse(class, text).map_err(|error| match is_scientific(text) {
        true => RejectReason::RoundedNumber,
        false => RejectReason::Subject(error),
    })
}

/// Whether it is what Excel makes of a long number when it saves CSV: `1.10105E+17`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    whole.len() == 1 && digits(whole) && digits(fraction) && exponent.strip_prefix('+').is_some_and(digits)
}

/// Takes away white space, ideographic and zero-width spaces at both ends.
fn trim(text: &str) -> &str {
    // Most cells begin and end with something visible in ASCII.
    if let ([first, ..], [.., last]) = (text.as_bytes(), text.as_bytes())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{200B}'))
}

/// The code texts that a file uses: a handful, each looked up in its table once.
struct Memo<T>(Vec<(String, T)>);

impl<T: Copy> Memo<T> {
    /// The code in a column, `None` if the cell is empty.
    fn code(
        &mut self,
        row: &Row<'_>,
        column: Column,
        parse: fn(&str) -> Option<T>,
        unknown: RejectReason,
    ) -> Result<Option<T>, Fault> {
        /// Spellings that are remembered: the largest table has 21 codes with four spellings.
        const MAX_SPELLINGS: usize = 32;

        let Some(text) = row.text(column)? else { return Ok(None) };
        if let Some((_, code)) = self.0.iter().find(|(seen, _)| *seen == *text) {
            return Ok(Some(*code));
        }
        // An unknown text is not remembered: in a file with shifted columns it may be an identifier.
        let code = parse(&text).ok_or((column, unknown))?;
        if self.0.len() < MAX_SPELLINGS {
            self.0.push((text.into_owned(), code));
        }
        Ok(Some(code))
    }
}
