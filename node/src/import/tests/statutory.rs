//! Files of statutory lists: a court's or a regulator's own columns, and what is not taken from them.

use super::*;

fn read_for(list: List, text: &str) -> (Vec<Record>, Vec<Reject>) {
    Table::read_for(Some(list), "list", text.into()).unwrap().read_all().unwrap()
}

fn reject(line: u64, column: Column, reason: RejectReason) -> Reject {
    Reject { line, column: Some(column), reason }
}

#[test]
fn a_court_list_needs_no_conduct_and_keeps_its_source_and_document() {
    let chinese = sheet(&[
        &["企业名称", "统一社会信用代码", "执行法院", "案号", "认定日期"],
        &["示例企业", "91350100M000100Y43", "福州市鼓楼区人民法院", "(2026)闽0102执1234号", "2026-11-02"],
    ]);
    let english = sheet(&[
        &["Name", "credit code", "Source", "Document number", "Date"],
        &["示例企业", "91350100M000100Y43", "福州市鼓楼区人民法院", "(2026)闽0102执1234号", "2026/11/2"],
    ]);
    for sheet in [&chinese, &english] {
        for format in FORMATS {
            let table = Table::read_for(Some(List::SrcCourt), "list", bytes(sheet, format)).unwrap();
            assert_eq!(table.ignored(), [] as [&str; 0]);
            let (records, rejects) = table.read_all().unwrap();
            assert_eq!(rejects, []);
            let [record] = &records[..] else { panic!("{records:?}") };
            assert_eq!((record.list, record.conduct), (List::SrcCourt, Conduct::C16));
            assert_eq!(record.source.as_deref(), Some("福州市鼓楼区人民法院"));
            assert_eq!(record.document.as_deref(), Some("(2026)闽0102执1234号"));
            assert_eq!((record.day, record.expires), (Day::from_ymd(2026, 11, 2), None));
        }
    }
}

#[test]
fn a_row_without_document_of_another_list_or_of_a_person_is_rejected() {
    let text = "主体类型,主体标识,名单,失信行为,文号\n\
        企业,91350100M000100Y43,,,(2026)1\n\
        企业,91110108551385082Q,重大税收违法,C01,税〔2026〕2\n\
        企业,91110108551385082Q,SRC-TAX,,\n\
        企业,91110108551385082Q,CXH,C01,(2026)3\n\
        个人,11010519491231002X,,,(2026)4\n\
        企业,91110108551385082Q,,,\"(2026)\n5\"\n";
    let (records, rejects) = read_for(List::SrcTax, text);
    let taken: Vec<(u64, Conduct)> = records.iter().map(|record| (record.line, record.conduct)).collect();
    assert_eq!(taken, [(2, Conduct::C99), (3, Conduct::C01)], "the row's conduct goes before the list's");
    assert_eq!(
        rejects,
        [
            reject(4, Column::Document, RejectReason::Missing),
            reject(5, Column::List, RejectReason::OtherList),
            reject(6, Column::Class, RejectReason::NotAnOrganisation),
            reject(7, Column::Document, RejectReason::ControlCharacter),
        ]
    );
}

#[test]
fn rows_of_a_mixed_file_follow_their_own_list() {
    // Nobody said a list for the whole file.
    let text = "class,identifier,list,conduct,document\n\
        ENT,91350100M000100Y43,SRC-COURT,,(2026)1\n\
        PER,11010519491231002X,SRC-COURT,,(2026)2\n\
        PER,11010519491231002X,CXH,,\n\
        PER,11010519491231002X,CXH,C01,\n";
    let (records, rejects) = read(text);
    let taken: Vec<(List, Conduct)> = records.iter().map(|record| (record.list, record.conduct)).collect();
    assert_eq!(taken, [(List::SrcCourt, Conduct::C16), (List::Cxh, Conduct::C01)]);
    assert_eq!(
        rejects,
        [reject(3, Column::Class, RejectReason::NotAnOrganisation), reject(4, Column::Conduct, RejectReason::Missing)]
    );
}

#[test]
fn a_list_that_somebody_says_is_the_list_of_every_row() {
    let (records, _) = read_for(List::Ecb, "手机号,失信行为\n13800138000,C01\n");
    assert_eq!(records[0].list, List::Ecb);
}

#[test]
fn a_statutory_file_without_a_column_of_documents_is_refused_as_a_whole() {
    let table = Table::read_for(Some(List::SrcTax), "list", "信用代码,名称\n91350100M000100Y43,示例\n".into());
    let missing = ImportError::MissingColumns {
        missing: vec![Column::Document],
        found: vec!["信用代码".to_owned(), "名称".to_owned()],
    };
    assert_eq!(table.unwrap_err(), missing);
    // Of an alliance list the conduct is needed as ever.
    let table = Table::read_for(Some(List::Cxh), "list", "信用代码,文号\n91350100M000100Y43,1\n".into());
    assert!(matches!(table.unwrap_err(), ImportError::MissingColumns { missing, .. } if missing == [Column::Conduct]));
}
