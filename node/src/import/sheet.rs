//! Tables for people: written as CSV or XLSX, and read back as they were.
//!
//! Against CSV injection a CSV cell that a spreadsheet would calculate (it begins with `=`, `+`, `-`, `@`, a tab or a line
//! break, in either width) is written with an apostrophe before it, which spreadsheets show as text and our reader takes
//! away again. XLSX cells are written as strings, which are never calculated, so they need no apostrophe.

use std::io::{self, Cursor, Write};

use rust_xlsxwriter::{Format as CellFormat, Workbook as Writer};
use zeroize::Zeroizing;

use super::ImportError;
use super::limits::{MAX_COLUMNS, MAX_LINE_BYTES, MAX_SHEET_ROWS};
use super::split::{self, Splitter, escape};
use super::table::Opened;
use super::text::TextStream;
use super::workbook::{Workbook, plain};
use crate::lang::Zh;

/// How a CSV file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvEncoding {
    /// UTF-8 with byte order mark, by which Excel in China recognises it.
    Utf8Bom,
    /// GB18030, for older systems.
    Gb18030,
}

/// Why a table could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// The writer failed.
    #[error("the file could not be written ({0})")]
    Io(io::ErrorKind),
    /// A character that GB18030 can not carry (private use U+E5E5).
    #[error("a character has no place in GB18030: choose UTF-8")]
    Unencodable,
    /// More rows than a sheet holds, or a cell of over 32,767 characters.
    #[error("the table is too large for an Excel sheet: choose CSV")]
    TooLargeForExcel,
}

impl Zh for SheetError {
    fn zh(&self) -> String {
        match self {
            SheetError::Io(kind) => format!("文件无法写入（{}）：请检查磁盘空间和权限", kind.zh()),
            SheetError::Unencodable => "有字符无法用 GB18030 表示：请改用 UTF-8".to_owned(),
            SheetError::TooLargeForExcel => "表格超出 Excel 工作表的上限：请改用 CSV".to_owned(),
        }
    }
}

impl From<io::Error> for SheetError {
    fn from(error: io::Error) -> SheetError {
        SheetError::Io(error.kind())
    }
}

impl From<csv::Error> for SheetError {
    fn from(error: csv::Error) -> SheetError {
        SheetError::from(io::Error::from(error))
    }
}

/// A table of text cells under headings. Rows may be shorter than the headings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The first row.
    pub headings: Vec<String>,
    /// The rows below.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Writes CSV with comma and CR LF (RFC 4180), formula-looking cells escaped.
    ///
    /// # Errors
    /// Those of the writer, and [`SheetError::Unencodable`].
    pub fn write_csv<W: Write>(&self, mut writer: W, encoding: CsvEncoding) -> Result<(), SheetError> {
        match encoding {
            CsvEncoding::Utf8Bom => {
                writer.write_all(b"\xEF\xBB\xBF")?;
                self.write_utf8(writer)
            }
            CsvEncoding::Gb18030 => {
                let mut utf8 = Zeroizing::new(Vec::new());
                self.write_utf8(&mut *utf8)?;
                // The writer was given `&str` cells and adds ASCII between them.
                let text = std::str::from_utf8(&utf8).map_err(|_| SheetError::Unencodable)?;
                let (bytes, _, is_lossy) = encoding_rs::GB18030.encode(text);
                if is_lossy {
                    return Err(SheetError::Unencodable);
                }
                Ok(writer.write_all(&bytes)?)
            }
        }
    }

    fn write_utf8<W: Write>(&self, writer: W) -> Result<(), SheetError> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(writer);
        for row in std::iter::once(&self.headings).chain(&self.rows) {
            for cell in row {
                csv.write_field(escape(cell).as_bytes())?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        Ok(csv.flush()?)
    }

    /// Writes one sheet of text cells with bold headings that stay in view.
    ///
    /// # Errors
    /// Those of the writer, and [`SheetError::TooLargeForExcel`].
    pub fn write_xlsx<W: Write>(&self, mut writer: W) -> Result<(), SheetError> {
        let too_large = |_| SheetError::TooLargeForExcel;
        let mut book = Writer::new();
        let sheet = book.add_worksheet();
        let bold = CellFormat::new().set_bold();
        // `@` is Excel's text format: identifiers that people add below stay text.
        let text = CellFormat::new().set_num_format("@");
        for (column, heading) in (0u16..).zip(&self.headings) {
            sheet.set_column_format(column, &text).map_err(too_large)?;
            sheet.set_column_width(column, 18).map_err(too_large)?;
            sheet.write_string_with_format(0, column, heading, &bold).map_err(too_large)?;
        }
        sheet.set_freeze_panes(1, 0).map_err(too_large)?;
        for (number, row) in (1u32..).zip(&self.rows) {
            if number >= MAX_SHEET_ROWS {
                return Err(SheetError::TooLargeForExcel);
            }
            for (column, cell) in (0u16..).zip(row).filter(|(_, cell)| !cell.is_empty()) {
                sheet.write_string_with_format(number, column, cell, &text).map_err(too_large)?;
            }
        }
        let bytes = Zeroizing::new(book.save_to_buffer().map_err(too_large)?);
        Ok(writer.write_all(&bytes)?)
    }

    /// Reads a small table as text: the first row with cells is the headings. Rows are filled up to their width; a row of
    /// a workbook without cells is left out. Broken rows of a text are left out too: for blacklists use [`super::Table`].
    ///
    /// # Errors
    /// As [`super::Table::read`], but any headings will do.
    pub fn read(bytes: Vec<u8>) -> Result<Sheet, ImportError> {
        let (_, opened) = Opened::new(Box::new(Cursor::new(Zeroizing::new(bytes))))?;
        let mut rows = match opened {
            Opened::Text(source, encoding) => text_rows(TextStream::new(source, encoding)?)?,
            Opened::Workbook(source) => {
                let first = |rows: &[Vec<String>]| rows.first().map(|_| (0, ())).ok_or(ImportError::Empty);
                let (mut book, ()) = Workbook::open(source, first)?;
                book.heading_rows = 0;
                let (mut stream, _) = book.rows()?;
                let (mut rows, mut cells) = (Vec::new(), Vec::new());
                while stream.next(&mut cells)?.is_some() {
                    rows.push(cells.iter().map(plain).collect::<Vec<_>>());
                }
                rows
            }
        };
        if rows.is_empty() {
            return Err(ImportError::Empty);
        }
        let headings = rows.remove(0);
        for row in &mut rows {
            row.resize(row.len().max(headings.len()), String::new());
        }
        Ok(Sheet { headings, rows })
    }
}

fn text_rows(mut stream: TextStream<impl io::Read + io::Seek>) -> Result<Vec<Vec<String>>, ImportError> {
    let mut text = Zeroizing::new(Vec::new());
    let mut splitter: Option<Splitter> = None;
    let mut rows = Vec::new();
    loop {
        if splitter.is_none() && (stream.at_end || !text.is_empty()) {
            let first = text.split(|&b| b == b'\n').next().unwrap_or_default();
            let separator = split::separator_of(std::str::from_utf8(first).unwrap_or_default());
            splitter = Some(Splitter { separator, position: 0, line: 1 });
        }
        let span = splitter.as_mut().and_then(|splitter| splitter.next(&text, stream.at_end));
        match (span, &mut splitter) {
            (Some(span), Some(splitter)) => {
                let row = std::str::from_utf8(&text[span.start..span.end]).unwrap_or_default();
                if span.fault.is_none() && !row.is_empty() {
                    let mut cells = Vec::new();
                    split::cells(row, splitter.separator, |cell| cells.push(cell.into_owned()));
                    cells.truncate(MAX_COLUMNS);
                    rows.push(cells);
                }
            }
            _ if stream.at_end => return Ok(rows),
            (_, splitter) => {
                if let Some(splitter) = splitter {
                    text.drain(..splitter.position);
                    splitter.position = 0;
                    if text.len() > MAX_LINE_BYTES {
                        return Err(ImportError::LineTooLong { line: splitter.line });
                    }
                }
                stream.fill(&mut text)?;
            }
        }
    }
}
