//! A blacklist file: what it is, and its rows in blocks.

use std::fmt;
use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use antibrush_protocol::codes::List;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::headings::{Contents, Layout};
use super::limits::*;
use super::record::{Cell, Interpreter};
use super::split::{self, Span, Splitter};
use super::text::{Encoding, Source, TextStream, detect, read_full};
use super::workbook::{self, Workbook};
use super::{ImportError, Record, Reject, RejectReason};

/// Rows that one worker takes at once.
const CHUNK_ROWS: usize = 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Delimited text in UTF-8.
    CsvUtf8,
    /// Delimited text in GB18030.
    CsvGb18030,
    /// An Excel workbook.
    Xlsx,
}

/// How an import ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Good rows handed out.
    pub records: u64,
    /// Bad rows handed out.
    pub rejects: u64,
    /// Whether the receiver stopped before the end.
    pub is_stopped: bool,
}

/// A blacklist file whose headings are understood. `Debug` shows its format alone.
pub struct Table {
    name: String,
    total: u64,
    layout: Layout,
    body: Body,
}

enum Body {
    Text { source: Box<dyn Source>, encoding: Encoding, separator: u8, heading_rows: usize },
    Workbook(Box<Workbook>),
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, ..)", self.format())
    }
}

impl Table {
    /// Takes a file's bytes, which are wiped when the table is dropped. The name is kept for [`Table::name`] alone: what
    /// the file is shows in its content.
    ///
    /// # Errors
    /// Whatever makes the whole file useless.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Table, ImportError> {
        Table::read_as(Contents::Blacklist(None), name, bytes)
    }

    /// As [`Table::read`], with the list on which all rows are; a row that names another one is a reject.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_for(list: Option<List>, name: &str, bytes: Vec<u8>) -> Result<Table, ImportError> {
        Table::read_as(Contents::Blacklist(list), name, bytes)
    }

    /// Opens a file. Text is streamed and must not change meanwhile.
    ///
    /// # Errors
    /// Whatever makes the whole file useless.
    pub fn open(path: &Path) -> Result<Table, ImportError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Table::new(Contents::Blacklist(None), name, Box::new(File::open(path)?))
    }

    /// As [`Table::read`], of a file that holds something else.
    pub(super) fn read_as(contents: Contents, name: &str, bytes: Vec<u8>) -> Result<Table, ImportError> {
        Table::new(contents, name.to_owned(), Box::new(Cursor::new(Zeroizing::new(bytes))))
    }

    fn new(contents: Contents, name: String, source: Box<dyn Source>) -> Result<Table, ImportError> {
        let (total, opened) = Opened::new(source)?;
        match opened {
            Opened::Workbook(source) => {
                let (book, layout) = workbook::open_table(source, contents)?;
                Ok(Table { name, total, layout, body: Body::Workbook(Box::new(book)) })
            }
            Opened::Text(mut source, encoding) => {
                let rows = first_rows(&mut source, encoding)?;
                let (texts, separators): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
                let (index, layout) = Layout::find(&texts, contents)?;
                let (separator, heading_rows) = (separators[index], index + 1);
                Ok(Table { name, total, layout, body: Body::Text { source, encoding, separator, heading_rows } })
            }
        }
    }

    /// The name under which it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub fn format(&self) -> Format {
        match &self.body {
            Body::Text { encoding: Encoding::Utf8 { .. }, .. } => Format::CsvUtf8,
            Body::Text { encoding: Encoding::Gb18030, .. } => Format::CsvGb18030,
            Body::Workbook(_) => Format::Xlsx,
        }
    }

    /// Bytes of the file.
    pub fn total_bytes(&self) -> u64 {
        self.total
    }

    /// Headings that mean nothing here; their columns are passed over. Digits are blotted out.
    pub fn ignored(&self) -> &[String] {
        &self.layout.ignored
    }

    /// Reads all rows, in order, in blocks of at most `BLOCK_ROWS`, on all threads of the rayon pool; memory is bounded
    /// by one block. `on_progress(done, total)` counts bytes (of a workbook: estimated from its rows). Runs until the end,
    /// an error of the file, or until `on_block` breaks.
    ///
    /// # Errors
    /// Those of the file; blocks handed out before stay good.
    pub fn for_each_block(
        self,
        on_progress: impl FnMut(u64, u64),
        on_block: impl FnMut(Vec<Result<Record, Reject>>) -> ControlFlow<()>,
    ) -> Result<Summary, ImportError> {
        self.for_each_block_of(|interpreter, line, cells| interpreter.row(line, cells), on_progress, on_block)
    }

    /// As [`Table::for_each_block`], of rows of any kind.
    pub(super) fn for_each_block_of<R: Send>(
        self,
        understand: Understand<R>,
        mut on_progress: impl FnMut(u64, u64),
        mut on_block: impl FnMut(Vec<Result<R, Reject>>) -> ControlFlow<()>,
    ) -> Result<Summary, ImportError> {
        let Table { total, layout, body, .. } = self;
        let meaning = Meaning { layout: &layout, understand };
        let mut summary = Summary::default();
        let mut hand_out = |block: Vec<Result<R, Reject>>, done: u64| {
            let records = block.iter().filter(|row| row.is_ok()).count() as u64;
            summary.records += records;
            summary.rejects += block.len() as u64 - records;
            on_progress(done.min(total), total);
            if !block.is_empty() {
                summary.is_stopped = on_block(block).is_break();
            }
            if summary.is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match body {
            Body::Text { source, encoding, separator, heading_rows } => {
                let mut stream = TextStream::new(source, encoding)?;
                text_blocks(&mut stream, separator, heading_rows, meaning, &mut hand_out)?;
            }
            Body::Workbook(mut book) => workbook_blocks(&mut book, meaning, total, &mut hand_out)?,
        }
        Ok(summary)
    }

    /// Reads everything into memory: for small files.
    ///
    /// # Errors
    /// As [`Table::for_each_block`].
    pub fn read_all(self) -> Result<(Vec<Record>, Vec<Reject>), ImportError> {
        let (mut records, mut rejects) = (Vec::new(), Vec::new());
        let sort = |block: Vec<Result<Record, Reject>>| {
            for row in block {
                match row {
                    Ok(record) => records.push(record),
                    Err(reject) => rejects.push(reject),
                }
            }
            ControlFlow::Continue(())
        };
        self.for_each_block(|_, _| {}, sort)?;
        Ok((records, rejects))
    }
}

/// A source whose kind is known.
pub(super) enum Opened {
    Text(Box<dyn Source>, Encoding),
    Workbook(Box<dyn Source>),
}

impl Opened {
    /// The size and the kind of a source, by its first bytes.
    pub(super) fn new(mut source: Box<dyn Source>) -> Result<(u64, Opened), ImportError> {
        let total = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        let mut magic = [0; 8];
        let length = read_full(&mut source, &mut magic)?;
        source.seek(SeekFrom::Start(0))?;
        let magic = &magic[..length];
        // The container of .xls and of encrypted workbooks ([MS-CFB] §2.2).
        if magic == b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" {
            return Err(ImportError::LegacyXls);
        }
        let is_zip = magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06");
        let limit_bytes = if is_zip { MAX_WORKBOOK_BYTES } else { MAX_TEXT_BYTES };
        if total > limit_bytes {
            return Err(ImportError::TooLarge { limit_bytes });
        }
        if is_zip {
            return Ok((total, Opened::Workbook(source)));
        }
        let encoding = detect(&mut source)?;
        Ok((total, Opened::Text(source, encoding)))
    }
}

/// The first rows of a text, each split at its own separator: a title above the headings may have none.
fn first_rows(source: &mut Box<dyn Source>, encoding: Encoding) -> Result<Vec<(Vec<String>, u8)>, ImportError> {
    let mut stream = TextStream::new(source, encoding)?;
    let mut text = Zeroizing::new(Vec::new());
    stream.fill(&mut text)?;
    let mut splitter = Splitter { separator: b',', position: 0, line: 1 };
    let mut rows = Vec::new();
    while rows.len() < HEADING_SEARCH_ROWS {
        let start = splitter.position;
        let first = text[start..].split(|&b| b == b'\n').next().unwrap_or_default();
        splitter.separator = split::separator_of(std::str::from_utf8(first).unwrap_or_default());
        let Some(span) = splitter.next(&text, stream.at_end) else { break };
        let mut row = Vec::new();
        if let (None, Ok(text)) = (span.fault, std::str::from_utf8(&text[span.start..span.end])) {
            split::cells(text, splitter.separator, |cell| row.push(cell.into_owned()));
        }
        row.truncate(MAX_COLUMNS);
        rows.push((row, splitter.separator));
    }
    Ok(rows)
}

type HandOut<'h, R> = &'h mut dyn FnMut(Vec<Result<R, Reject>>, u64) -> ControlFlow<()>;

/// Makes one row of a line's cells; `None` of a row of empty cells.
pub(super) type Understand<R> = fn(&mut Interpreter<'_>, u64, &[Cell<'_>]) -> Option<Result<R, Reject>>;

/// What the cells of a file mean.
struct Meaning<'l, R> {
    layout: &'l Layout,
    understand: Understand<R>,
}

impl<R> Clone for Meaning<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Meaning<'_, R> {}

fn text_blocks<R: Send>(
    stream: &mut TextStream<Box<dyn Source>>,
    separator: u8,
    heading_rows: usize,
    meaning: Meaning<'_, R>,
    hand_out: HandOut<'_, R>,
) -> Result<(), ImportError> {
    let mut text = Zeroizing::new(Vec::with_capacity(BLOCK_BYTES + 4 * READ_BYTES));
    let mut splitter = Splitter { separator, position: 0, line: 1 };
    let mut spans = Vec::with_capacity(BLOCK_ROWS);
    let mut skip = heading_rows;
    loop {
        // What the last block used goes, so positions count from the front again.
        text.drain(..splitter.position);
        splitter.position = 0;
        spans.clear();
        while spans.len() < BLOCK_ROWS && splitter.position < BLOCK_BYTES {
            match splitter.next(&text, stream.at_end) {
                Some(_) if skip > 0 => skip -= 1,
                Some(span) => spans.push(span),
                None if stream.at_end => break,
                None if text.len() - splitter.position > MAX_LINE_BYTES => {
                    return Err(ImportError::LineTooLong { line: splitter.line });
                }
                None => stream.fill(&mut text)?,
            }
        }
        let is_last = stream.at_end && splitter.position == text.len();
        if !spans.is_empty() || is_last {
            let done =
                if is_last { u64::MAX } else { stream.done.saturating_sub((text.len() - splitter.position) as u64) };
            if hand_out(text_block(&text, &spans, separator, meaning), done).is_break() || is_last {
                return Ok(());
            }
        }
    }
}

fn text_block<R: Send>(text: &[u8], spans: &[Span], separator: u8, meaning: Meaning<'_, R>) -> Vec<Result<R, Reject>> {
    let Meaning { layout, understand } = meaning;
    let chunk = |spans: &[Span]| {
        let mut interpreter = Interpreter::new(layout);
        let mut rows = Vec::with_capacity(spans.len());
        let mut cells = Vec::with_capacity(layout.width);
        for span in spans {
            let whole = |reason| Some(Err(Reject { line: span.line, column: None, reason }));
            rows.extend(match (span.fault, std::str::from_utf8(&text[span.start..span.end])) {
                (Some(fault), _) => whole(fault),
                (None, Err(_)) => whole(RejectReason::NotText),
                (None, Ok(row)) => {
                    cells.clear();
                    let mut has_more = false;
                    split::cells(row, separator, |cell| match cells.len() < layout.width {
                        true => cells.push(Cell::Text(cell)),
                        false => has_more |= !cell.trim().is_empty(),
                    });
                    // An unquoted separator has shifted the cells: their columns can not be trusted.
                    if has_more {
                        whole(RejectReason::TooManyCells)
                    } else {
                        understand(&mut interpreter, span.line, &cells)
                    }
                }
            });
        }
        rows
    };
    spans.par_chunks(CHUNK_ROWS).flat_map_iter(chunk).collect()
}

fn workbook_blocks<R: Send>(
    book: &mut Workbook,
    meaning: Meaning<'_, R>,
    total: u64,
    hand_out: HandOut<'_, R>,
) -> Result<(), ImportError> {
    let Meaning { layout, understand } = meaning;
    let (mut stream, sheet_rows) = book.rows()?;
    let mut rows: Vec<(u64, Vec<Cell<'_>>)> = Vec::new();
    loop {
        rows.clear();
        let mut bytes = 0;
        let mut is_last = false;
        while rows.len() < BLOCK_ROWS && bytes < BLOCK_BYTES {
            let mut row = Vec::with_capacity(layout.width);
            let Some(number) = stream.next(&mut row)? else {
                is_last = true;
                break;
            };
            // Cells beyond the headings are people's side notes.
            row.truncate(layout.width);
            bytes += row.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum::<usize>();
            rows.push((number, row));
        }
        let at = rows.last().map_or(0, |(number, _)| *number);
        let done = if is_last { u64::MAX } else { total * at.min(sheet_rows) / sheet_rows };
        let chunk = |rows: &[(u64, Vec<Cell<'_>>)]| {
            let mut interpreter = Interpreter::new(layout);
            rows.iter().filter_map(|(number, cells)| understand(&mut interpreter, *number, cells)).collect::<Vec<_>>()
        };
        let block = rows.par_chunks(CHUNK_ROWS).flat_map_iter(chunk).collect();
        if hand_out(block, done).is_break() || is_last {
            return Ok(());
        }
    }
}
