//! Every bound of the import, with its reason.

/// Bytes of a text file: the ceiling of 10⁷ entries in one node at 200 bytes a row. Text is streamed, so this bounds time,
/// not memory.
pub const MAX_TEXT_BYTES: u64 = 2 << 30;

/// Bytes of a packed workbook: a full sheet of 1,048,576 rows with ten short columns packs to 40–80 MB.
pub const MAX_WORKBOOK_BYTES: u64 = 128 << 20;

/// Bytes of all parts of a workbook unpacked: the same full sheet unpacks to about 600 MB.
pub const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// Bytes of all parts that the reader holds in memory (all but the sheets: shared strings, styles). A million phone
/// numbers and account ids as shared strings take 80 MB; the smallest string takes 5 bytes packed and 24 in memory.
pub const MAX_HELD_BYTES: u64 = 128 << 20;

/// Unpacked bytes for each packed byte. Real sheets pack 5 to 30 times, deflate ends at 1,032: only bombs go there.
pub const MAX_UNPACK_RATIO: u64 = 200;

/// Unpacked bytes below which the ratio is not looked at: an almost empty sheet may pack very well and harms nobody.
pub const RATIO_FREE_BYTES: u64 = 16 << 20;

/// Parts of a workbook: real ones have 10 to 100.
pub const MAX_WORKBOOK_PARTS: usize = 2_000;

/// Rows of a sheet: Excel's own limit.
pub const MAX_SHEET_ROWS: u32 = 1_048_576;

/// Columns that are looked at; further cells of a sheet are passed over. The table knows 17 columns.
pub const MAX_COLUMNS: usize = 256;

/// Bytes of one row of a text file: the longest allowed cells together, with room for columns that are ignored.
pub const MAX_ROW_BYTES: usize = 16 << 10;

/// Bytes without any line break after which a text file is no table.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// Rows in which the headings are looked for: people put a title and a date above them.
pub const HEADING_SEARCH_ROWS: usize = 10;

/// Digits of a cell beside a lone heading: "2026 年客户 2" is one, a mobile number is data.
pub const MAX_HEADING_DIGITS: usize = 6;

/// Rows of a block: enough to share among cores, few enough that blocks of long rows stay small.
pub const BLOCK_ROWS: usize = 16_384;

/// Bytes of text at which a block ends before it has all its rows.
pub const BLOCK_BYTES: usize = 8 << 20;

/// Bytes that are read from a file at once.
pub const READ_BYTES: usize = 1 << 20;

/// Bytes of an identifier cell: as long as the subject parser looks.
pub const MAX_IDENTIFIER_BYTES: usize = antibrush_protocol::subject::MAX_TEXT_BYTES;

/// Bytes of a rule-set version: it goes onto the wire in clear with every entry.
pub const MAX_BASIS_BYTES: usize = 64;

/// Bytes of the name of a source: 100 Chinese characters. What is longer than a basis is shortened on the wire.
pub const MAX_SOURCE_BYTES: usize = 300;

/// Bytes of a document number: it goes onto the wire in clear (ENTRY-12).
pub const MAX_DOCUMENT_BYTES: usize = antibrush_protocol::limits::DOCUMENT_BYTES;

/// Bytes of an evidence reference: a case number or a digest, not the evidence.
pub const MAX_EVIDENCE_BYTES: usize = 256;

/// Bytes of a name: 100 Chinese characters.
pub const MAX_NAME_BYTES: usize = 300;

/// Bytes of a note: 300 Chinese characters. It is kept locally; sealed details have their own, smaller bound.
pub const MAX_NOTE_BYTES: usize = 900;

/// Bytes of sealed details: what fits into the larger of their two padded sizes.
pub const MAX_DETAILS_BYTES: usize = antibrush_protocol::entry::sealed::DETAILS_BYTES;
