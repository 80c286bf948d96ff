//! The files of tests/data/import: each directory is named after its defect, and each gives one exact error or reject.

use std::path::PathBuf;

use super::*;

fn path(defect: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/import").join(defect);
    ["list.csv", "list.xlsx", "list.xls"]
        .map(|name| root.join(name))
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no file for {defect}"))
}

#[test]
fn whole_files_are_refused_with_one_error() {
    use ImportError::*;
    let utf8 = |line| MalformedText { encoding: "UTF-8", line };
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let identifier = Column::Identifier;
    for (defect, error) in [
        ("empty", Empty),
        ("blank-rows", Empty),
        ("utf16", Utf16),
        ("image", NotATable),
        ("malformed-utf8", utf8(3)),
        ("malformed-gb18030", MalformedText { encoding: "GB18030", line: 2 }),
        ("cut-character", utf8(2)),
        ("old-xls", LegacyXls),
        ("zip-without-workbook", NotAWorkbook),
        ("truncated-workbook", BrokenWorkbook),
        ("zip-bomb", WorkbookBomb),
        ("workbook-without-headings", NoHeadings),
        ("empty-workbook", Empty),
        ("no-headings", NoHeadings),
        (
            "missing-columns",
            MissingColumns {
                missing: vec![Column::Class, Column::Conduct],
                found: texts(&["主体标识", "备注", "电话#"]),
            },
        ),
        ("duplicate-column", DuplicateColumn { column: identifier, first: "手机号".into(), second: "主体标识".into() }),
    ] {
        assert_eq!(Table::open(&path(defect)).unwrap_err(), error, "{defect}");
        assert!(!error.reason_zh().is_empty() && error.reason_zh() != error.reason_en());
    }
}

#[test]
fn sheets_that_lie_about_positions_are_damaged() {
    for defect in ["rows-backwards", "row-number-overflow"] {
        let table = Table::open(&path(defect));
        assert_eq!(table.and_then(Table::read_all).unwrap_err(), ImportError::BrokenWorkbook, "{defect}");
    }
    // A cell at the far corner is no reason to refuse, nor to make room for 17 billion cells.
    let (records, rejects) = Table::open(&path("far-corner")).unwrap().read_all().unwrap();
    assert_eq!((records.len(), rejects.len()), (1, 0));
}

#[test]
fn broken_rows_are_rejected_with_one_reason_and_stop_nothing_else() {
    use Column::*;
    use RejectReason::*;
    let cases = [
        ("bad-check-digit", Some(Identifier), Subject(SubjectError::BadCheckDigit)),
        ("short-phone", Some(Identifier), Subject(SubjectError::WrongLength)),
        ("circled-digit", Some(Identifier), Subject(SubjectError::NotAscii)),
        ("empty-identifier", Some(Identifier), Missing),
        ("scientific-number", Some(Identifier), RoundedNumber),
        ("rounded-number", Some(Identifier), RoundedNumber),
        ("formula-error", Some(Identifier), FormulaError),
        ("empty-class", Some(Class), Missing),
        ("unknown-class", Some(Class), UnknownClass),
        ("unknown-list", Some(List), UnknownList),
        ("empty-conduct", Some(Conduct), Missing),
        ("unknown-conduct", Some(Conduct), UnknownConduct),
        ("unknown-severity", Some(Severity), UnknownSeverity),
        ("unknown-role", Some(Role), UnknownRole),
        ("unknown-direction", Some(Direction), UnknownDirection),
        ("bad-region", Some(Region), NotARegion),
        ("bad-date", Some(Day), NotADate),
        ("expires-before-day", Some(Expires), ExpiresBeforeDay),
        ("long-name", Some(Name), TooLong),
        ("control-character", Some(Note), ControlCharacter),
        ("person-on-statutory-list", Some(Class), NotAnOrganisation),
        ("statutory-undocumented", Some(Document), Missing),
        ("long-document", Some(Document), TooLong),
        ("unclosed-quote", None, UnclosedQuote),
        ("stray-quote", None, StrayQuote),
        ("too-many-cells", None, TooManyCells),
        ("long-row", None, RowTooLong),
    ];
    for (defect, column, reason) in cases {
        let (records, rejects) = Table::open(&path(defect)).unwrap().read_all().unwrap();
        assert_eq!(rejects, [Reject { line: 3, column, reason }], "{defect}");
        let lines: Vec<_> = records.iter().map(|record| record.line).collect();
        assert_eq!(lines, [2, 4], "{defect}");
    }
    // Every reason except NotText (a file that changes while it is read), TurnedIntoDate and OtherList (made in other tests).
    let covered = |reason: &RejectReason| cases.iter().any(|case| case.2 == *reason);
    let open: Vec<_> = RejectReason::OWN.iter().filter(|reason| !covered(reason)).collect();
    assert_eq!(open, [&OtherList, &TurnedIntoDate, &NotText]);
}

#[test]
fn every_directory_is_tested() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/import");
    let this = include_str!("defects.rs");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(this.contains(&format!("\"{name}\"")), "{name}");
    }
}
