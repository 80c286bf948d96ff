//! Text files: finding out the encoding, and a stream of UTF-8.

use std::io::{Read, Seek, SeekFrom};

use encoding_rs::{Decoder, DecoderResult, GB18030};
use zeroize::Zeroizing;

use super::ImportError;
use super::limits::READ_BYTES;

/// Bytes to read from: a file, or memory.
pub(super) trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// How the text of a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, of which so many bytes at the beginning are a byte order mark.
    Utf8 { mark: u64 },
    /// GB18030, which contains GBK and GB2312.
    Gb18030,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads a whole source once to say how it is encoded: UTF-8 if it has the mark or is valid, else GB18030 if it is valid.
pub(super) fn detect(source: &mut dyn Source) -> Result<Encoding, ImportError> {
    let mut start = [0; 8192];
    let length = read_full(source, &mut start)?;
    let start = &start[..length];
    if start.is_empty() {
        return Err(ImportError::Empty);
    }
    if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") {
        return Err(ImportError::Utf16);
    }
    if start.contains(&0) {
        return Err(ImportError::NotATable);
    }
    let mark = if start.starts_with(BOM) { BOM.len() as u64 } else { 0 };
    match check(source, Encoding::Utf8 { mark }) {
        Err(ImportError::MalformedText { .. }) if mark == 0 => {
            check(source, Encoding::Gb18030).map(|()| Encoding::Gb18030)
        }
        other => other.map(|()| Encoding::Utf8 { mark }),
    }
}

/// Streams through the source, keeping nothing.
fn check(source: &mut dyn Source, encoding: Encoding) -> Result<(), ImportError> {
    let mut stream = TextStream::new(source, encoding)?;
    let mut text = Zeroizing::new(Vec::new());
    while !stream.at_end {
        text.clear();
        stream.fill(&mut text)?;
    }
    Ok(())
}

/// UTF-8 text out of a source.
pub(super) struct TextStream<S> {
    source: S,
    encoding: Encoding,
    decoder: Option<Decoder>,
    raw: Zeroizing<Vec<u8>>,
    /// Bytes at the beginning of `raw` that belong to a character whose rest has not been read.
    carried: usize,
    line: u64,
    /// Bytes read so far.
    pub(super) done: u64,
    /// Whether all has been read.
    pub(super) at_end: bool,
}

impl<S: Read + Seek> TextStream<S> {
    pub(super) fn new(mut source: S, encoding: Encoding) -> Result<TextStream<S>, ImportError> {
        let (mark, decoder) = match encoding {
            Encoding::Utf8 { mark } => (mark, None),
            Encoding::Gb18030 => (0, Some(GB18030.new_decoder_without_bom_handling())),
        };
        source.seek(SeekFrom::Start(mark))?;
        let raw = Zeroizing::new(vec![0; READ_BYTES]);
        Ok(TextStream { source, encoding, decoder, raw, carried: 0, line: 1, done: mark, at_end: false })
    }

    /// Appends the next piece of text, whole characters only.
    pub(super) fn fill(&mut self, text: &mut Vec<u8>) -> Result<(), ImportError> {
        let read = read_full(&mut self.source, &mut self.raw[self.carried..])?;
        self.done += read as u64;
        let length = self.carried + read;
        self.at_end = length < self.raw.len();
        let before = text.len();
        let is_valid = match self.encoding {
            Encoding::Utf8 { .. } => self.fill_utf8(length, text),
            Encoding::Gb18030 => self.fill_gb18030(length, text),
        };
        self.line += text[before..].iter().filter(|&&b| b == b'\n').count() as u64;
        match (is_valid, self.encoding) {
            (true, _) => Ok(()),
            (false, Encoding::Utf8 { .. }) => Err(ImportError::MalformedText { encoding: "UTF-8", line: self.line }),
            (false, Encoding::Gb18030) => Err(ImportError::MalformedText { encoding: "GB18030", line: self.line }),
        }
    }

    fn fill_utf8(&mut self, length: usize, text: &mut Vec<u8>) -> bool {
        let (valid, is_valid) = match std::str::from_utf8(&self.raw[..length]) {
            Ok(_) => (length, true),
            // No error length: the last character is cut off, which is well unless nothing follows.
            Err(error) => (error.valid_up_to(), error.error_len().is_none() && !self.at_end),
        };
        text.extend_from_slice(&self.raw[..valid]);
        self.raw.copy_within(valid..length, 0);
        self.carried = length - valid;
        is_valid
    }

    fn fill_gb18030(&mut self, length: usize, text: &mut Vec<u8>) -> bool {
        let Some(decoder) = &mut self.decoder else { return false };
        let before = text.len();
        // GB18030 takes at least one byte for what takes at most three in UTF-8; a few come from a character cut before.
        text.resize(before + decoder.max_utf8_buffer_length_without_replacement(length).unwrap_or(length * 3 + 16), 0);
        let (result, _, written) =
            decoder.decode_to_utf8_without_replacement(&self.raw[..length], &mut text[before..], self.at_end);
        text.truncate(before + written);
        matches!(result, DecoderResult::InputEmpty)
    }
}

/// Reads until the buffer is full or the source ends.
pub(super) fn read_full(source: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> Result<usize, ImportError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
