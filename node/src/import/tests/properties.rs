//! Whatever a sheet holds comes back from what it wrote; whatever bytes come in, reading ends without panic.

use proptest::prelude::*;

use super::*;

/// Cells with quotes, separators, apostrophes, formula signs, line breaks and Chinese; the first one never empty, so that
/// no row is left out.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "['=+@\"-]{1,4}[a-z0-9,;\n]{0,6}",
        "[\u{4E00}-\u{9FA5}，。＝＋]{0,8}",
        "[a-z\n\"',;]{0,8}",
    ]
}

fn table() -> impl Strategy<Value = Sheet> {
    let row = ("[a-zA-Z一-龥]{1,8}", prop::collection::vec(cell(), 3));
    prop::collection::vec(row, 0..20).prop_map(|rows| Sheet {
        headings: ["主体标识", "甲", "乙", "=丙"].map(str::to_owned).to_vec(),
        rows: rows.into_iter().map(|(first, rest)| [vec![first], rest].concat()).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sheet_reads_back_as_it_was(sheet in table()) {
        for format in FORMATS {
            let read = Sheet::read(bytes(&sheet, format)).unwrap();
            prop_assert_eq!(&read, &sheet, "{:?}", format);
        }
    }

    #[test]
    fn no_written_csv_cell_begins_a_formula(sheet in table()) {
        let text = String::from_utf8(bytes(&sheet, Format::CsvUtf8)).unwrap();
        let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(text.trim_start_matches('\u{FEFF}').as_bytes());
        for row in csv.records() {
            for cell in &row.unwrap() {
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']), "{}", cell);
            }
        }
    }

    #[test]
    fn any_text_after_the_headings_gives_rows_in_order(text in "[\"',\\r\\n\t a-cMOB0-9手机]{0,200}") {
        let text = format!("class,identifier,conduct\n{text}");
        let lines = text.matches('\n').count() as u64 + 1;
        let (records, rejects) = read(text);
        let mut seen: Vec<_> = records.iter().map(|r| r.line).chain(rejects.iter().map(|r| r.line)).collect();
        seen.sort_unstable();
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(seen.iter().all(|line| (2..=lines).contains(line)));
    }

    #[test]
    fn any_bytes_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), is_zip: bool) {
        let bytes = if is_zip { [b"PK\x03\x04".to_vec(), bytes].concat() } else { bytes };
        let _ = Sheet::read(bytes.clone());
        let _ = Table::read("x", bytes).map(Table::read_all);
    }

    #[test]
    fn a_damaged_workbook_ends_without_panic(at in 0usize..10_000, byte: u8, cut in 0usize..10_000) {
        let mut bytes = Vec::new();
        write_template(&mut bytes, Lang::Zh, Format::Xlsx).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Table::read("x", bytes.clone()).map(Table::read_all);
        bytes.truncate(cut % bytes.len());
        let _ = Table::read("x", bytes).map(Table::read_all);
    }
}
