//! Rows and cells of delimited text: RFC 4180 with any of three separators, and with a fault for each broken row.
//!
//! A quotation mark quotes only at the beginning of a cell (`5"` is text). A row whose quote is not closed within
//! [`MAX_ROW_BYTES`] is one bad line, and reading goes on at the next line: one slip does not swallow the rest of a file.

use std::borrow::Cow;

use super::RejectReason;
use super::limits::MAX_ROW_BYTES;

/// One row inside a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte, without the line break.
    pub(super) end: usize,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Why it is no row.
    pub(super) fault: Option<RejectReason>,
}

/// Walks over the rows of a buffer that grows at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Splitter {
    /// Comma, tab or semicolon.
    pub(super) separator: u8,
    /// The next byte to look at.
    pub(super) position: usize,
    /// Its line.
    pub(super) line: u64,
}

enum Quoted {
    /// The index of the line break that ends the row, or the end of the text.
    Closed(usize),
    Open,
    Stray,
}

impl Splitter {
    /// The next row, `None` if the buffer has no whole row. `at_end`: no more text will come.
    pub(super) fn next(&mut self, buffer: &[u8], at_end: bool) -> Option<Span> {
        let start = self.position;
        let rest = &buffer[start..];
        if rest.is_empty() {
            return None;
        }
        let first_break = rest.iter().position(|&b| b == b'\n');
        let mut end = match first_break {
            Some(length) => length,
            None if at_end => rest.len(),
            None => return None,
        };
        let mut fault = None;
        if rest[..end].contains(&b'"') {
            match self.quoted(rest) {
                Quoted::Closed(at) if !at_end && rest.get(at) != Some(&b'\n') => return None,
                Quoted::Closed(at) => end = at,
                Quoted::Stray => fault = Some(RejectReason::StrayQuote),
                Quoted::Open if !at_end && rest.len() <= MAX_ROW_BYTES => return None,
                Quoted::Open => fault = Some(RejectReason::UnclosedQuote),
            }
        }
        if end > MAX_ROW_BYTES {
            fault = Some(RejectReason::RowTooLong);
        }
        let span = Span { start, end: start + end, line: self.line, fault };
        // The row's own line break, and those inside its quotes.
        let next = (end + 1).min(rest.len());
        self.line += rest[..next].iter().filter(|&&b| b == b'\n').count() as u64;
        self.position = start + next;
        let carriage_return = span.end > start && buffer[span.end - 1] == b'\r';
        Some(Span { end: span.end - usize::from(carriage_return), ..span })
    }

    /// Finds the end of a row with quotation marks.
    fn quoted(&self, rest: &[u8]) -> Quoted {
        let mut at = 0;
        loop {
            if rest.get(at) == Some(&b'"') {
                at += 1;
                loop {
                    let scanned = &rest[at..rest.len().min(MAX_ROW_BYTES + 1).max(at)];
                    let Some(mark) = scanned.iter().position(|&b| b == b'"') else { return Quoted::Open };
                    at += mark + 1;
                    if rest.get(at) != Some(&b'"') {
                        break;
                    }
                    at += 1;
                }
                match &rest[at..] {
                    [] | [b'\r', b'\n', ..] | [b'\r'] | [b'\n', ..] => {}
                    [next, ..] if *next == self.separator => {}
                    _ => return Quoted::Stray,
                }
            } else {
                at += rest[at..].iter().take_while(|&&b| b != self.separator && b != b'\n').count();
            }
            match rest.get(at) {
                Some(b'\r') if rest.get(at + 1) == Some(&b'\n') => return Quoted::Closed(at + 1),
                Some(&b) if b == self.separator => at += 1,
                _ => return Quoted::Closed(at.min(rest.len())),
            }
        }
    }
}

/// Calls `push` with each cell of a row without fault.
pub(super) fn cells<'a>(row: &'a str, separator: u8, mut push: impl FnMut(Cow<'a, str>)) {
    if !row.contains('"') {
        row.split(char::from(separator)).for_each(|cell| push(Cow::Borrowed(unescape(cell))));
        return;
    }
    let mut rest = row;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(inner) => unquote(inner),
            None => {
                let end = rest.find(char::from(separator)).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        push(match cell {
            Cow::Borrowed(cell) => Cow::Borrowed(unescape(cell)),
            Cow::Owned(cell) => Cow::Owned(unescape(&cell).to_owned()),
        });
        match after.strip_prefix(char::from(separator)) {
            Some(next) => rest = next,
            None => return,
        }
    }
}

/// The text of a quoted cell after its opening mark, and what follows its closing mark.
fn unquote(inner: &str) -> (Cow<'_, str>, &str) {
    let mut from = 0;
    while let Some(mark) = inner[from..].find('"') {
        let mark = from + mark;
        if !inner[mark + 1..].starts_with('"') {
            let text = &inner[..mark];
            let text = if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(text.replace("\"\"", "\"")) };
            return (text, &inner[mark + 1..]);
        }
        from = mark + 2;
    }
    // Rows without fault have a closing mark; all the same, nothing is lost without one.
    (Cow::Borrowed(inner), "")
}

/// Characters with which a spreadsheet begins to calculate, in both widths (OWASP, "CSV Injection").
fn begins_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Puts an apostrophe before a cell that a spreadsheet would take for a formula, and before one that already looks
/// escaped, so that [`unescape`] gives back exactly what was written.
pub(super) fn escape(cell: &str) -> Cow<'_, str> {
    match begins_formula(cell.trim_start_matches('\'')) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// Takes one such apostrophe away.
fn unescape(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if begins_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

/// Comma, tab or semicolon: whichever the line has most of outside quotes.
pub(super) fn separator_of(line: &str) -> u8 {
    let count = |separator: u8| {
        let mut quoted = false;
        let is_hit = |b: &u8| {
            quoted ^= *b == b'"';
            !quoted && *b == separator
        };
        line.bytes().filter(is_hit).count()
    };
    // The last of equals wins, so comma stands last.
    [b';', b'\t', b','].into_iter().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Result<Vec<String>, RejectReason>)> {
        let mut splitter = Splitter { separator: b',', position: 0, line: 1 };
        let mut rows = Vec::new();
        while let Some(span) = splitter.next(text.as_bytes(), true) {
            let mut row = Vec::new();
            cells(&text[span.start..span.end], b',', |cell| row.push(cell.into_owned()));
            rows.push((span.line, span.fault.map_or(Ok(row), Err)));
        }
        rows
    }

    fn row(cells: &[&str]) -> Result<Vec<String>, RejectReason> {
        Ok(cells.iter().map(|cell| cell.to_string()).collect())
    }

    #[test]
    fn quotes_breaks_and_line_numbers() {
        let text = "a,b\r\n\"x\"\"y\",\"1\n2\"\n5\"x,\"\"\n\nlast";
        let expected = [
            (1, row(&["a", "b"])),
            (2, row(&["x\"y", "1\n2"])),
            (4, row(&["5\"x", ""])),
            (5, row(&[""])),
            (6, row(&["last"])),
        ];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn a_broken_quote_costs_one_line() {
        let open = rows("a,\"b\nc,d\n");
        assert_eq!(open, [(1, Err(RejectReason::UnclosedQuote)), (2, row(&["c", "d"]))]);
        let stray = rows("\"a\"b,c\nd,e\n");
        assert_eq!(stray, [(1, Err(RejectReason::StrayQuote)), (2, row(&["d", "e"]))]);
        let long = format!("{}\nd,e\n", "x".repeat(MAX_ROW_BYTES + 1));
        assert_eq!(rows(&long), [(1, Err(RejectReason::RowTooLong)), (2, row(&["d", "e"]))]);
    }

    #[test]
    fn a_row_waits_for_its_end() {
        let mut splitter = Splitter { separator: b',', position: 0, line: 1 };
        assert_eq!(splitter.next(b"a,b", false), None);
        assert_eq!(splitter.next(b"a,\"b\n", false), None);
        assert_eq!(splitter.next(b"a,\"b\n\"\n", false), Some(Span { start: 0, end: 6, line: 1, fault: None }));
        assert_eq!(splitter.line, 3);
    }

    #[test]
    fn formulas_are_escaped_and_come_back() {
        for (cell, written) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+8613800138000", "'+8613800138000"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("＝1", "'＝1"),
            ("'=x", "''=x"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            assert_eq!(escape(cell), written);
            assert_eq!(unescape(written), cell);
        }
    }

    #[test]
    fn the_separator_is_counted_outside_quotes() {
        assert_eq!(separator_of("a,b"), b',');
        assert_eq!(separator_of("a;b;\"c,d,e,f\""), b';');
        assert_eq!(separator_of("a\tb"), b'\t');
        assert_eq!(separator_of("alone"), b',');
    }
}
