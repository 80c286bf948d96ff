//! Every encoding, format and heading language; the demonstration files; the files that the import writes.

mod defects;
mod properties;
mod speed;
mod statutory;
mod subjects;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use antibrush_protocol::base::Day;
use antibrush_protocol::codes::{Conduct, Direction, List, Role, Severity};
use antibrush_protocol::subject::{Class, Subject, SubjectError};
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};

use super::*;

fn sheet(rows: &[&[&str]]) -> Sheet {
    let mut rows = rows.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
    Sheet { headings: rows.next().unwrap(), rows: rows.collect() }
}

fn bytes(sheet: &Sheet, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        Format::CsvUtf8 => sheet.write_csv(&mut bytes, CsvEncoding::Utf8Bom),
        Format::CsvGb18030 => sheet.write_csv(&mut bytes, CsvEncoding::Gb18030),
        Format::Xlsx => sheet.write_xlsx(&mut bytes),
    }
    .unwrap();
    bytes
}

fn read(bytes: impl Into<Vec<u8>>) -> (Vec<Record>, Vec<Reject>) {
    Table::read("list", bytes.into()).unwrap().read_all().unwrap()
}

fn subject(class: Class, text: &str) -> Subject {
    Subject::parse(class, text).unwrap()
}

const FORMATS: [Format; 3] = [Format::CsvUtf8, Format::CsvGb18030, Format::Xlsx];

#[test]
fn every_format_and_language_gives_the_same_records() {
    let chinese = sheet(&[
        &[
            "主体类型",
            "主体标识",
            "名单",
            "失信行为",
            "严重程度",
            "角色",
            "方向",
            "属地",
            "列入日期",
            "到期日期",
            "认定依据",
            "证据编号",
            "主体名称",
            "备注",
        ],
        &[
            "企业",
            "91350100M000100Y43",
            "电子商务领域黑名单",
            "虚假评价",
            "严重",
            "组织",
            "降信",
            "350100",
            "2026年11月2日",
            "2027/11/1",
            "2026.1",
            "案-1",
            "示例企业",
            "两行\n备注，有\"引号\"",
        ],
        &["手机号", "13800138000", "", "C01", "", "", "", "", "", "", "", "", "", ""],
    ]);
    let english = sheet(&[
        &[
            "Class",
            "IDENTIFIER",
            "list",
            "conduct",
            "severity",
            "role",
            "direction",
            "region",
            "day",
            "expires",
            "basis",
            "evidence",
            "name",
            "note",
        ],
        &[
            "ENT",
            "91350100M000100Y43",
            "ECB",
            "C02",
            "severe",
            "organise",
            "down",
            "350100",
            "2026-11-02 08:30:00",
            "20271101",
            "2026.1",
            "案-1",
            "示例企业",
            "两行\n备注，有\"引号\"",
        ],
        &["MOB", "13800138000", "CXH", "C01", "", "", "", "", "", "", "", "", "", ""],
    ]);
    for sheet in [&chinese, &english] {
        for format in FORMATS {
            let table = Table::read("list", bytes(sheet, format)).unwrap();
            // English headings with Chinese cells are GB18030 too: the name is in it.
            assert_eq!(table.format(), format);
            let (records, rejects) = table.read_all().unwrap();
            assert_eq!(rejects, []);
            assert_eq!(records.len(), 2);
            let first = &records[0];
            assert_eq!(first.subject, subject(Class::Ent, "91350100M000100Y43"));
            assert_eq!((first.line, first.list, first.conduct), (2, List::Ecb, Conduct::C02));
            assert_eq!((first.severity, first.role), (Some(Severity::Severe), Some(Role::Organise)));
            assert_eq!((first.direction, first.region), (Some(Direction::Down), Some(350_100)));
            assert_eq!((first.day, first.expires), (Day::from_ymd(2026, 11, 2), Day::from_ymd(2027, 11, 1)));
            assert_eq!(first.basis.as_deref(), Some("2026.1"));
            assert_eq!(first.evidence.as_ref().map(Private::as_str), Some("案-1"));
            assert_eq!(first.name.as_ref().map(Private::as_str), Some("示例企业"));
            assert_eq!(first.note.as_ref().map(Private::as_str), Some("两行\n备注，有\"引号\""));
            // The note's line break counts in text, where people look at lines, and not in a sheet.
            assert_eq!(records[1].line, if format == Format::Xlsx { 3 } else { 4 });
            assert_eq!((records[1].list, records[1].severity), (List::Cxh, None));
            assert_eq!(records[1].subject, subject(Class::Mob, "13800138000"));
        }
    }
}

#[test]
fn separators_titles_and_implied_classes() {
    for text in
        ["手机号,失信行为\n13800138000,C01\n", "手机号\t行为\n13800138000\tC01", "phone;Conduct\r\n13800138000;c01\r\n"]
    {
        let (records, rejects) = read(text);
        assert_eq!((records.len(), rejects.len()), (1, 0), "{text}");
        assert_eq!(records[0].subject, subject(Class::Mob, "13800138000"));
    }
    let titled =
        "某平台炒信名单,,,\n导出日期：2026-11-22,,,\n类别,标识,失信行为,城市2\n\nMOB,13800138000,C01,杭州\n,,,\n";
    let table = Table::read("list", titled.into()).unwrap();
    assert_eq!(table.ignored(), ["城市#"]);
    let (records, rejects) = table.read_all().unwrap();
    assert_eq!((records[0].line, records.len(), rejects.len()), (5, 1, 0));
    // A class column goes before the class that a heading implies.
    let (records, _) = read("class,手机号,conduct\nACC,taobao:1,C01\n");
    assert_eq!(records[0].subject, subject(Class::Acc, "taobao:1"));
}

#[test]
fn utf8_without_mark_and_a_character_across_two_reads() {
    let mut text = String::from("class,identifier,conduct,note\n");
    while text.len() < 3 * limits::READ_BYTES {
        text.push_str("MOB,13800138000,C01,备注备注备\n");
    }
    for bytes in [text.clone().into_bytes(), encoding_rs::GB18030.encode(&text).0.into_owned()] {
        let (records, rejects) = read(bytes);
        assert_eq!(rejects, []);
        assert_eq!(records.len(), text.lines().count() - 1);
        assert!(records.iter().zip(2..).all(|(record, line)| record.line == line));
        assert!(records.iter().all(|record| record.note.as_ref().map(Private::as_str) == Some("备注备注备")));
    }
}

#[test]
fn cells_that_excel_holds_as_numbers_and_dates() {
    let mut book = Workbook::new();
    book.add_worksheet().write_string(0, 0, "说明").unwrap();
    let sheet = book.add_worksheet();
    for (column, heading) in ["类别", "标识", "行为", "日期", "到期", "属地"].into_iter().enumerate() {
        sheet.write_string(3, column as u16, if heading == "到期" { "到期日期" } else { heading }).unwrap();
    }
    let date = CellFormat::new().set_num_format("yyyy-mm-dd");
    let day = ExcelDateTime::from_ymd(2026, 11, 22).unwrap();
    for row in 4..9 {
        sheet.write_string(row, 0, "MOB").unwrap().write_string(row, 2, "C01").unwrap();
        sheet.write_number(row, 1, 13_800_138_000f64).unwrap();
    }
    sheet.write_datetime_with_format(4, 3, &day, &date).unwrap().write_number(4, 5, 330_106).unwrap();
    // 46348 is 2026-11-22 as a serial number in a cell that is formatted as a number.
    sheet.write_number(4, 4, 46_348).unwrap();
    sheet.write_number(5, 3, 20_261_122).unwrap();
    sheet.write_string(6, 0, "PER").unwrap().write_number(6, 1, 11010519491231002f64 * 10.0).unwrap();
    sheet.write_datetime_with_format(7, 1, &day, &date).unwrap();
    sheet.write_string(8, 0, "个人").unwrap().write_number(8, 1, 110_105_491_231_002f64).unwrap();
    let (records, rejects) = read(book.save_to_buffer().unwrap());
    let lines: Vec<_> = records.iter().map(|record| record.line).collect();
    assert_eq!(lines, [5, 6, 9]);
    let expected = Day::from_ymd(2026, 11, 22);
    assert_eq!((records[0].day, records[0].expires, records[0].region), (expected, expected, Some(330_106)));
    assert_eq!(records[1].day, expected);
    assert_eq!(records[2].subject, subject(Class::Per, "110105491231002"));
    let column = Some(Column::Identifier);
    let expected = [
        Reject { line: 7, column, reason: RejectReason::RoundedNumber },
        Reject { line: 8, column, reason: RejectReason::TurnedIntoDate },
    ];
    assert_eq!(rejects, expected);
}

#[test]
fn demo_files_have_their_good_and_broken_rows_and_one_subject_in_common() {
    use RejectReason::*;
    let (alibaba, broken) = read(demo::ALIBABA);
    let reasons = |rejects: &[Reject]| rejects.iter().map(|reject| reject.reason).collect::<Vec<_>>();
    let expected = [
        Subject(SubjectError::BadCheckDigit),
        Subject(SubjectError::WrongLength),
        UnknownConduct,
        Subject(SubjectError::NotAscii),
        Missing,
    ];
    assert_eq!((alibaba.len(), reasons(&broken)), (116, expected.to_vec()));
    let (jd, broken) = read(demo::JD);
    let expected = [Subject(SubjectError::BadCheckDigit), RoundedNumber, NotADate, UnknownSeverity];
    assert_eq!((jd.len(), reasons(&broken)), (96, expected.to_vec()));
    let (meituan, broken) = read(demo::MEITUAN);
    let expected = [Subject(SubjectError::WrongLength), Subject(SubjectError::MissingPlatform), NotARegion];
    assert_eq!((meituan.len(), reasons(&broken)), (30, expected.to_vec()));

    let keys = |records: &[Record]| {
        records.iter().map(|r| (r.subject.class(), r.subject.canonical().to_owned())).collect::<BTreeSet<_>>()
    };
    let (a, j, m) = (keys(&alibaba), keys(&jd), keys(&meituan));
    assert_eq!((a.len(), j.len(), m.len()), (116, 96, 30));
    assert_eq!(a.intersection(&j).collect::<Vec<_>>(), [&(Class::Mob, "+8615400005678".to_owned())]);
    assert_eq!((a.intersection(&m).count(), j.intersection(&m).count()), (0, 0));
    for records in [&alibaba, &jd] {
        let shared = records.iter().find(|record| record.subject.canonical() == "+8615400005678").unwrap();
        assert_eq!((shared.conduct, shared.list), (Conduct::C01, List::Cxh));
    }
    let classes: BTreeSet<_> = alibaba.iter().map(|record| record.subject.class()).collect();
    assert_eq!(classes.len(), 8);
}

#[test]
fn generated_rows_are_valid_distinct_and_repeatable() {
    let generate = |entries, seed| {
        let mut bytes = Vec::new();
        demo::generate_csv(&mut bytes, entries, seed).unwrap();
        bytes
    };
    assert_eq!(generate(1000, 7), generate(1000, 7));
    assert_ne!(generate(1000, 7), generate(1000, 8));
    let (records, rejects) = read(generate(40_000, 1));
    assert_eq!((records.len(), rejects), (40_000, Vec::new()));
    let distinct: BTreeSet<_> = records.iter().map(|record| record.subject.canonical()).collect();
    assert_eq!(distinct.len(), 40_000);
    let refused = demo::generate_csv(std::io::sink(), demo::MAX_GENERATED + 1, 0).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn blocks_progress_and_early_stop() {
    let mut bytes = Vec::new();
    demo::generate_csv(&mut bytes, 3 * limits::BLOCK_ROWS as u64, 1).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let (mut blocks, mut progress) = (Vec::new(), Vec::new());
    let table = Table::open(file.path()).unwrap();
    let take = |block: Vec<_>| {
        blocks.push(block.len());
        ControlFlow::Continue(())
    };
    let summary = table.for_each_block(|done, total| progress.push((done, total)), take).unwrap();
    assert_eq!(summary, Summary { records: 49_152, rejects: 0, is_stopped: false });
    assert_eq!(blocks, [limits::BLOCK_ROWS; 3]);
    assert!(progress.is_sorted() && progress.last() == Some(&(bytes.len() as u64, bytes.len() as u64)));

    let table = Table::open(file.path()).unwrap();
    let summary = table.for_each_block(|_, _| {}, |_| ControlFlow::Break(())).unwrap();
    assert_eq!(summary, Summary { records: 16_384, rejects: 0, is_stopped: true });
    let missing = Table::open(std::path::Path::new("/nonexistent/list.csv")).unwrap_err();
    assert_eq!(missing, ImportError::Io(std::io::ErrorKind::NotFound));
}

#[test]
fn templates_can_be_read_back() {
    for lang in [Lang::Zh, Lang::En] {
        for format in FORMATS {
            let mut bytes = Vec::new();
            write_template(&mut bytes, lang, format).unwrap();
            let table = Table::read("template", bytes).unwrap();
            assert_eq!(table.ignored(), [] as [&str; 0]);
            let (records, rejects) = table.read_all().unwrap();
            assert_eq!((records.len(), rejects), (2, Vec::new()));
            // A forgotten example must not hurt anybody.
            assert!(records.iter().all(|record| !record.list.is_enforceable()));
        }
    }
}

#[test]
fn rejects_are_written_for_excel() {
    let rejects = [
        Reject { line: 7, column: Some(Column::Conduct), reason: RejectReason::UnknownConduct },
        Reject { line: 9, column: None, reason: RejectReason::UnclosedQuote },
    ];
    let mut bytes = Vec::new();
    write_rejects(&mut bytes, &rejects, Lang::Zh).unwrap();
    let expected = "\u{FEFF}行号,列,原因\r\n7,失信行为,没有这种失信行为：请用 C01 至 C20、C99 或其中文名称\r\n\
                    9,整行,双引号没有闭合：请补上引号，或写成两个双引号\r\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let mut bytes = Vec::new();
    write_rejects(&mut bytes, &rejects[..1], Lang::En).unwrap();
    let expected =
        "\u{FEFF}line,column,reason\r\n7,conduct,\"no such conduct: use C01 to C20, C99 or their names\"\r\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn debug_and_errors_show_no_identifier() {
    let text =
        "class,identifier,conduct,name,note,evidence\nMOB,13800138000,C01,王某某,备注备注,CASE-77\nMOB,138,C01,,,\n";
    let shown = format!("{:?} {:?}", Table::read("x", text.into()), read(text));
    for secret in ["138", "王某某", "备注备注", "CASE-77"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let headless = Table::read("x", "手机号,13800138000,C01,王某某\n".into()).unwrap_err();
    assert_eq!(headless, ImportError::NoHeadings);
    let masked = Table::read("x", "手机号,备注,13800138000\n".into()).unwrap_err();
    for text in [masked.reason_zh(), masked.reason_en(), format!("{masked:?}")] {
        assert!(!text.contains("138"), "{text}");
    }
}
