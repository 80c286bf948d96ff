//! Files that hold subjects alone.

use super::*;

type Rows = (Vec<SubjectRow>, Vec<Reject>);

fn read_subjects(bytes: impl Into<Vec<u8>>, class: Option<Class>) -> Result<Rows, ImportError> {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    let sort = |block: Vec<Result<SubjectRow, Reject>>| {
        block.into_iter().for_each(|row| row.map_or_else(|reject| rejects.push(reject), |row| rows.push(row)));
        ControlFlow::Continue(())
    };
    SubjectTable::read("base", bytes.into(), class)?.for_each_block(|_, _| {}, sort)?;
    Ok((rows, rejects))
}

/// The class and canonical form of every row, of files without bad rows.
fn subjects(bytes: impl Into<Vec<u8>>, class: Option<Class>) -> Vec<(u64, Class, String)> {
    let (rows, rejects) = read_subjects(bytes, class).unwrap();
    assert_eq!(rejects, []);
    rows.iter().map(|row| (row.line, row.subject.class(), row.subject.canonical().to_owned())).collect()
}

fn mobile(line: u64) -> Vec<(u64, Class, String)> {
    vec![(line, Class::Mob, "+8613800138000".to_owned())]
}

#[test]
fn every_format_and_kind_of_headings_gives_the_same_subjects() {
    let sheets = [
        sheet(&[
            &["主体类型", "主体标识", "会员名"],
            &["手机号", "138 0013 8000", "王某某"],
            &["企业", "91350100M000100Y43", ""],
        ]),
        sheet(&[
            &["姓名", "CLASS", "Identifier"],
            &["王某某", "mob", "13800138000"],
            &["", "ENT", "91350100m000100y43"],
        ]),
    ];
    let mut expected = mobile(2);
    expected.push((3, Class::Ent, "91350100M000100Y43".to_owned()));
    for sheet in &sheets {
        for format in FORMATS {
            let bytes = bytes(sheet, format);
            let table = SubjectTable::read("base", bytes.clone(), None).unwrap();
            assert_eq!((table.format(), table.total_bytes()), (format, bytes.len() as u64));
            assert_eq!(table.ignored().len(), 1);
            assert_eq!(subjects(bytes, None), expected);
        }
    }
}

#[test]
fn one_heading_is_enough_if_it_is_an_identifier_s() {
    for (file, class) in [
        ("手机号\n13800138000\n", None),
        ("\u{feff}手机号码（必填）\r\n13800138000\r\n", None),
        ("phone;vip\n13800138000;yes\n", None),
        ("标识\n13800138000\n", Some(Class::Mob)),
        ("id,注册时间\n13800138000,2026-11-22 08:00:00\n", Some(Class::Mob)),
    ] {
        assert_eq!(subjects(file, class), mobile(2), "{file}");
    }
    assert_eq!(subjects("客户名单 20261122\n2026 年第 4 季度,\n手机号\n13800138000\n", None), mobile(4));
    for format in FORMATS {
        assert_eq!(subjects(bytes(&sheet(&[&["手机号"], &["13800138000"]]), format), None), mobile(2));
        assert_eq!(subjects(bytes(&sheet(&[&["标识"], &["13800138000"]]), format), Some(Class::Mob)), mobile(2));
    }
    // Nothing below the heading is nothing to do.
    assert_eq!(subjects("手机号\n", None), []);
}

#[test]
fn a_class_in_a_row_without_headings_is_no_heading() {
    let none = ImportError::NoIdentifiers { found: Vec::new() };
    for file in [
        "手机号,13800138000\n",
        "手机号,1380013\n手机号,13800138000\n",
        "企业,91350100M000100Y43\n手机号,138\n企业,91350100M000100Y43\n",
        "账号,taobao:1\n账号,taobao:2\n",
        "网店,taobao:1\n",
        "13800138000,手机号\n13800138001,手机号\n",
        "13800138000\n13800138001\n",
        "备注\n13800138000\n",
        "类型\n手机号\n",
    ] {
        for class in [None, Some(Class::Mob)] {
            assert_eq!(read_subjects(file, class).err(), Some(none.clone()), "{file}");
        }
        let rows: Vec<Vec<&str>> = file.lines().map(|line| line.split(',').collect()).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        assert_eq!(read_subjects(bytes(&sheet(&rows), Format::Xlsx), None).err(), Some(none.clone()), "{file}");
    }
    // The headings may stand on the second sheet.
    let mut book = Workbook::new();
    book.add_worksheet().write_string(0, 0, "说明").unwrap();
    let base = book.add_worksheet();
    base.write_string(2, 1, "手机号").unwrap().write_number(3, 1, 13_800_138_000f64).unwrap();
    assert_eq!(subjects(book.save_to_buffer().unwrap(), None), mobile(4));
}

#[test]
fn missing_and_doubtful_columns_are_named() {
    let refused = |file: &str, class| read_subjects(file, class).unwrap_err();
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let no_class = |heading: &str| ImportError::NoClass { identifier: heading.to_owned() };
    let duplicate = |column, first: &str, second: &str| {
        let (first, second) = (first.to_owned(), second.to_owned());
        ImportError::DuplicateColumn { column, first, second }
    };
    for (file, class, error) in [
        ("", None, ImportError::Empty),
        (",,\n\n", None, ImportError::Empty),
        ("类型,备注,电话2\nMOB,x,1\n", None, ImportError::NoIdentifiers { found: texts(&["类型", "备注", "电话#"]) }),
        ("身份证号,姓名\n1,x\n", Some(Class::Mob), ImportError::NoIdentifiers { found: texts(&["身份证号", "姓名"]) }),
        ("标识\n13800138000\n", None, no_class("标识")),
        ("id,姓名\n13800138000,王某某\n", None, no_class("id")),
        ("手机号,身份证号\n1,2\n", None, duplicate(Column::Identifier, "手机号", "身份证号")),
        ("手机,手机号\n1,2\n", Some(Class::Mob), duplicate(Column::Identifier, "手机", "手机号")),
        ("类型,类别,标识\n", None, duplicate(Column::Class, "类型", "类别")),
    ] {
        assert_eq!(refused(file, class), error, "{file}");
        assert!(!error.reason_zh().is_empty() && error.reason_zh() != error.reason_en());
    }
    let said = refused("备注,名称\nx,y\n", None);
    assert_eq!(
        said.reason_en(),
        "no column of identifiers was found in the first rows (headings: 备注, 名称): put the heading identifier above it, \
         or one that says the class too: uscc, resident id, mobile, shop, account, website, waybill"
    );
    assert!(said.reason_zh().contains("（表头有：备注、名称）") && said.reason_zh().contains("手机号、网店"));
    // Columns that only a blacklist knows may stand twice.
    assert_eq!(subjects("手机号,备注,说明\n13800138000,x,y\n", None), mobile(2));
}

#[test]
fn a_class_that_is_given_goes_before_what_the_file_says() {
    let file = "id,手机号,身份证号,type\n77,13800138000,11010519491231002X,VIP\n";
    assert_eq!(subjects(file, Some(Class::Mob)), mobile(2));
    assert_eq!(subjects(file, Some(Class::Per)), [(2, Class::Per, "11010519491231002X".to_owned())]);
    // Without it the column of classes goes before the heading.
    assert_eq!(subjects("class,手机号\nACC,taobao:1\n", None), [(2, Class::Acc, "taobao:1".to_owned())]);
}

#[test]
fn bad_rows_are_rejected_by_line_column_and_reason_and_stop_nothing() {
    use RejectReason::*;
    let file = "class,identifier,备注\nMOB,13800138000,x\nMOB,1380013,x\nXXX,13800138000,x\n,13800138000,x\nMOB,,x\n,,\n\
                MOB,1.38E+10,x\nMOB,\"13800138000,x\nENT,91350100M000100Y43,x\n";
    let (rows, rejects) = read_subjects(file, None).unwrap();
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 10]);
    let reject = |line, column, reason| Reject { line, column, reason };
    let (class, identifier) = (Some(Column::Class), Some(Column::Identifier));
    let expected = [
        reject(3, identifier, Subject(SubjectError::WrongLength)),
        reject(4, class, UnknownClass),
        reject(5, class, Missing),
        reject(6, identifier, Missing),
        reject(8, identifier, RoundedNumber),
        reject(9, None, UnclosedQuote),
    ];
    assert_eq!(rejects, expected);
    // What a blacklist would refuse in other columns is passed over.
    let file = "手机号,失信行为,列入日期\n13800138000,C77,gestern\n";
    assert_eq!(subjects(file, None), mobile(2));
    let (_, rejects) = read_subjects("手机号\n138,00138000\n", None).unwrap();
    assert_eq!(rejects, [reject(2, None, TooManyCells)]);
}

#[test]
fn nothing_shows_an_identifier() {
    let file = "手机号,13号楼\n13800138000,王某某\n138,x\n";
    let table = SubjectTable::read("x", file.into(), None);
    let shown = format!("{table:?} {:?}", read_subjects(file, None));
    for secret in ["138", "王某某"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let headless = read_subjects("手机号,13800138000,王某某\n", None).unwrap_err();
    assert_eq!(headless, ImportError::NoIdentifiers { found: Vec::new() });
    let masked = read_subjects("类型,备注,13800138000\n", None).unwrap_err();
    assert!(!format!("{masked:?} {masked} {}", masked.reason_zh()).contains("138"));
}

#[test]
fn blocks_and_progress_are_those_of_the_import() {
    let mut file = String::from("手机号\n");
    for n in 0..limits::BLOCK_ROWS + 5 {
        file += &format!("{}\n", 13_800_000_000u64 + n as u64);
    }
    let (mut blocks, mut progress) = (Vec::new(), Vec::new());
    let table = SubjectTable::read("x", file.clone().into(), None).unwrap();
    let take = |block: Vec<_>| {
        blocks.push(block.len());
        ControlFlow::Continue(())
    };
    let summary = table.for_each_block(|done, total| progress.push((done, total)), take).unwrap();
    assert_eq!(summary, Summary { records: limits::BLOCK_ROWS as u64 + 5, rejects: 0, is_stopped: false });
    assert_eq!(blocks, [limits::BLOCK_ROWS, 5]);
    assert!(progress.is_sorted() && progress.last() == Some(&(file.len() as u64, file.len() as u64)));
}
