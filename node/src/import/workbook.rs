//! XLSX workbooks, read cell by cell and never unpacked beyond the limits.
//!
//! A workbook is a zip archive from a stranger. Every part is unpacked once into nothing and counted before the reader
//! sees it, so sizes that the archive only claims do not matter. Sheets are then streamed: a cell at the far corner of an
//! empty sheet costs nothing.

use std::borrow::Cow;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use antibrush_protocol::base::Day;
use calamine::{DataRef, ExcelDateTime, ExcelDateTimeType, Reader, Xlsx, XlsxCellReader, XlsxError};

use super::ImportError;
use super::headings::{Contents, Layout};
use super::limits::*;
use super::record::Cell;
use super::text::Source;

type Input = BufReader<Box<dyn Source>>;

/// A workbook and the sheet that holds the table.
pub(super) struct Workbook {
    book: Xlsx<Input>,
    sheet: String,
    /// Whether serial number 0 is in 1904, as in old workbooks from the Macintosh.
    is_1904: bool,
    /// Rows of the sheet up to and with the headings.
    pub(super) heading_rows: u64,
}

impl Workbook {
    /// Opens the first sheet on which `find` finds headings among the first rows.
    pub(super) fn open<T>(
        mut source: Box<dyn Source>,
        find: impl Fn(&[Vec<String>]) -> Result<(usize, T), ImportError>,
    ) -> Result<(Workbook, T), ImportError> {
        inspect(&mut source)?;
        source.seek(SeekFrom::Start(0))?;
        let mut book: Xlsx<Input> = guarded(|| Xlsx::new(BufReader::new(source)))?;
        let is_1904 = book.has_1904_epoch();
        let mut best = ImportError::Empty;
        for sheet in book.sheet_names() {
            let (rows, lines) = match first_rows(&mut book, &sheet, is_1904) {
                Ok(rows) => rows,
                // A chart sheet.
                Err(None) => continue,
                Err(Some(error)) => return Err(error),
            };
            match find(&rows) {
                Ok((index, found)) => {
                    return Ok((Workbook { book, sheet, is_1904, heading_rows: lines[index] }, found));
                }
                Err(error) if best.tells_little() => best = error,
                Err(_) => {}
            }
        }
        Err(best)
    }

    /// The rows after the headings, and how many rows the sheet says it has.
    pub(super) fn rows(&mut self) -> Result<(SheetRows<'_>, u64), ImportError> {
        let (book, sheet, is_1904, headings) = (&mut self.book, &self.sheet, self.is_1904, self.heading_rows);
        let cells = guarded(|| book.worksheet_cells_reader(sheet))?;
        let total = u64::from(cells.dimensions().end.0.min(MAX_SHEET_ROWS)) + 1;
        Ok((SheetRows { cells, ahead: None, is_1904, after: headings, is_done: false }, total))
    }
}

/// The first rows as text and their row numbers. `Err(None)`: not a sheet of cells.
#[allow(clippy::type_complexity)]
fn first_rows(
    book: &mut Xlsx<Input>,
    sheet: &str,
    is_1904: bool,
) -> Result<(Vec<Vec<String>>, Vec<u64>), Option<ImportError>> {
    let cells = match caught(|| book.worksheet_cells_reader(sheet)) {
        Some(Ok(cells)) => cells,
        Some(Err(XlsxError::NotAWorksheet(_) | XlsxError::WorksheetNotFound(_))) => return Err(None),
        _ => return Err(Some(ImportError::BrokenWorkbook)),
    };
    let mut stream = SheetRows { cells, ahead: None, is_1904, after: 0, is_done: false };
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut cells = Vec::new();
    while rows.len() < HEADING_SEARCH_ROWS
        && let Some(line) = stream.next(&mut cells)?
    {
        rows.push(cells.iter().map(plain).collect());
        lines.push(line);
    }
    Ok((rows, lines))
}

/// The rows of a sheet that have cells, in order.
pub(super) struct SheetRows<'a> {
    cells: XlsxCellReader<'a, Input>,
    /// The first cell of the next row: its row, column and value.
    ahead: Option<(u32, usize, Cell<'a>)>,
    is_1904: bool,
    /// Rows up to this number are passed over.
    after: u64,
    /// Whether the last cell has been read: asking the reader again is an error.
    is_done: bool,
}

impl<'a> SheetRows<'a> {
    /// Fills `row` with the next row's cells and returns its number, from 1.
    pub(super) fn next(&mut self, row: &mut Vec<Cell<'a>>) -> Result<Option<u64>, ImportError> {
        loop {
            row.clear();
            let Some(number) = self.one(row)? else { return Ok(None) };
            if number > self.after {
                return Ok(Some(number));
            }
        }
    }

    fn one(&mut self, row: &mut Vec<Cell<'a>>) -> Result<Option<u64>, ImportError> {
        let first = match self.ahead.take() {
            Some(cell) => Some(cell),
            None => self.cell()?,
        };
        let Some((number, column, cell)) = first else { return Ok(None) };
        put(row, column, cell);
        while let Some((next, column, cell)) = self.cell()? {
            if next < number {
                return Err(ImportError::BrokenWorkbook);
            }
            if next > number {
                self.ahead = Some((next, column, cell));
                break;
            }
            put(row, column, cell);
        }
        Ok(Some(u64::from(number) + 1))
    }

    /// The next cell with something in it.
    fn cell(&mut self) -> Result<Option<(u32, usize, Cell<'a>)>, ImportError> {
        while !self.is_done {
            let Some(cell) = guarded(|| self.cells.next_cell())? else {
                self.is_done = true;
                break;
            };
            let (row, column) = cell.get_position();
            if row >= MAX_SHEET_ROWS {
                return Err(ImportError::BrokenWorkbook);
            }
            let column = column as usize;
            if column >= MAX_COLUMNS {
                continue;
            }
            let value = match cell.get_value() {
                DataRef::Empty => continue,
                DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                    Cell::Text(Cow::Owned(text.clone()))
                }
                DataRef::SharedString(text) => Cell::Text(Cow::Borrowed(*text)),
                DataRef::Int(number) => self.number(*number as f64),
                DataRef::Float(number) => self.number(*number),
                DataRef::Bool(value) => Cell::Text(Cow::Borrowed(if *value { "TRUE" } else { "FALSE" })),
                DataRef::DateTime(date) => Cell::Date(day(date)),
                DataRef::Error(_) => Cell::FormulaError,
            };
            return Ok(Some((row, column, value)));
        }
        Ok(None)
    }

    /// A number, and the day that it counts if its cell was formatted as a number by mistake.
    fn number(&self, number: f64) -> Cell<'a> {
        // 1954 to 2173 in the two calendars of Excel; it leaves out 20261122, which is a date written as a number.
        let is_serial = number.fract() == 0.0 && (20_000.0..100_000.0).contains(&number);
        let date = || day(&ExcelDateTime::new(number, ExcelDateTimeType::DateTime, self.is_1904));
        Cell::Number(number, if is_serial { date() } else { None })
    }
}

fn put<'a>(row: &mut Vec<Cell<'a>>, column: usize, cell: Cell<'a>) {
    if row.len() <= column {
        row.resize_with(column + 1, || Cell::Empty);
    }
    row[column] = cell;
}

fn day(date: &ExcelDateTime) -> Option<Day> {
    let (year, month, day, ..) = date.to_ymd_hms_milli();
    Day::from_ymd(year.into(), month.into(), day.into())
}

/// A cell as text, for headings and for [`super::Sheet`].
pub(super) fn plain(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.to_string(),
        Cell::Number(number, _) => number.to_string(),
        Cell::Date(day) => day.map(|day| day.to_string()).unwrap_or_default(),
        Cell::FormulaError => "#".into(),
    }
}

/// The layout of the first sheet with headings.
pub(super) fn open_table(source: Box<dyn Source>, contents: Contents) -> Result<(Workbook, Layout), ImportError> {
    Workbook::open(source, |rows| Layout::find(rows, contents))
}

/// Runs the reader on a stranger's bytes; `None` if it panicked.
fn caught<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Option<Result<T, XlsxError>> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// As [`caught`]. The reader's errors quote cells, so only the fact is kept.
fn guarded<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, ImportError> {
    match caught(read) {
        Some(Ok(value)) => Ok(value),
        _ => Err(ImportError::BrokenWorkbook),
    }
}

/// Unpacks every part into nothing within the limits.
fn inspect(source: &mut Box<dyn Source>) -> Result<(), ImportError> {
    let packed = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(0))?;
    let mut archive = zip::ZipArchive::new(&mut *source).map_err(|_| ImportError::BrokenWorkbook)?;
    if archive.len() > MAX_WORKBOOK_PARTS {
        return Err(ImportError::WorkbookBomb);
    }
    let (mut unpacked, mut held) = (0u64, 0u64);
    let mut is_workbook = false;
    let mut buffer = vec![0; 64 << 10];
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|_| ImportError::BrokenWorkbook)?;
        let name = part.name().map_err(|_| ImportError::BrokenWorkbook)?.to_ascii_lowercase();
        // The archive says where its shared strings are; wherever that is, they are held.
        let is_streamed = name.starts_with("xl/worksheets/") && !name.contains("sharedstrings");
        is_workbook |= name == "xl/workbook.xml";
        loop {
            let read = part.read(&mut buffer).map_err(|_| ImportError::BrokenWorkbook)?;
            if read == 0 {
                break;
            }
            unpacked += read as u64;
            held += if is_streamed { 0 } else { read as u64 };
            let is_bomb = unpacked > RATIO_FREE_BYTES && unpacked / MAX_UNPACK_RATIO > packed;
            if is_bomb || unpacked > MAX_UNPACKED_BYTES || held > MAX_HELD_BYTES {
                return Err(ImportError::WorkbookBomb);
            }
        }
    }
    if is_workbook { Ok(()) } else { Err(ImportError::NotAWorkbook) }
}
