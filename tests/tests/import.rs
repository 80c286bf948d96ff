//! Files through the command line: encodings, headings, rejects, dry runs, and what a second import changes.

use std::path::Path;

use antibrush_tests::{Alliance, Node};
use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

const ZH: &str = "主体类型,主体标识,名单,失信行为,严重程度,角色,证据编号";
const EN: &str = "class,identifier,list,conduct,severity,role,evidence";

/// Three good rows and two broken ones, under headings; `who` keeps the subjects of two files apart.
fn rows(headings: &str, who: &str) -> Vec<Vec<String>> {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
    let (one, two, three) = (format!("taobao:{who}-1"), format!("taobao:{who}-2"), format!("taobao:{who}-3"));
    let chinese = headings == ZH;
    let pick = |zh: &'static str, en: &'static str| if chinese { zh } else { en };
    vec![
        headings.split(',').map(str::to_owned).collect(),
        row(&[pick("账号", "ACC"), &one, "CXH", "C01", pick("严重", "severe"), pick("组织", "organise"), "E-1"]),
        row(&[pick("账号", "ACC"), &two, pick("炒信黑名单", "CXH"), pick("刷单炒信", "C01"), "", "", "E-2"]),
        row(&[pick("手机号", "MOB"), "1380013", "CXH", "C01", "", "", "E-3"]),
        row(&[pick("账号", "acc"), &three, "CAND", "C06", "", "", "E-4"]),
        row(&[pick("个人", "PER"), "110101199003070000", "CXH", "C01", "", "", "E-5"]),
    ]
}

fn csv(rows: &[Vec<String>], line_end: &str) -> String {
    rows.iter().map(|row| row.join(",") + line_end).collect()
}

fn xlsx(rows: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (number, row) in (0u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(row) {
            sheet.write_string(number, column, cell).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn every_format_encoding_and_language_of_headings() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let bom = |text: String| ["\u{feff}".as_bytes(), text.as_bytes()].concat();
    let gb18030 = |text: String| GB18030.encode(&text).0.into_owned();
    let files: [(&str, Vec<u8>); 7] = [
        ("utf8.csv", csv(&rows(ZH, "utf8"), "\n").into()),
        ("bom.csv", bom(csv(&rows(ZH, "bom"), "\r\n"))),
        ("gb.csv", gb18030(csv(&rows(ZH, "gb"), "\r\n"))),
        ("en.csv", csv(&rows(EN, "en"), "\n").into()),
        ("bom-en.csv", bom(csv(&rows(EN, "bom-en"), "\n"))),
        ("zh.xlsx", xlsx(&rows(ZH, "zh-xlsx"))),
        ("en.xlsx", xlsx(&rows(EN, "en-xlsx"))),
    ];
    for (name, content) in files {
        let summary = alliance.import("alibaba", name, content);
        assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(5), &json!(2)), "{name}: {summary}");
        assert_eq!(
            summary["counted"],
            json!({ "listed": 3, "amended": 0, "unchanged": 0, "cleared": 0, "refused": 0 }),
            "{name}"
        );
        let lines: Vec<_> =
            summary["first_rejects"].as_array().unwrap().iter().map(|reject| reject["line"].clone()).collect();
        assert_eq!(lines, [json!(4), json!(6)], "{name}: the lines as an editor numbers them");
        assert_eq!(summary["batches"].as_array().unwrap().len(), 1, "{name}");
    }
    for who in ["utf8", "bom", "gb", "en", "bom-en", "zh-xlsx", "en-xlsx"] {
        let found = node.check("ACC", &format!("taobao:{who}-1"));
        let listing = &found["listings"][0];
        assert_eq!((&listing["severity"], &listing["role"]), (&json!("severe"), &json!("organise")), "{who}");
        assert_eq!(node.answer("ACC", &format!("taobao:{who}-2")), "listed", "{who}");
        assert_eq!(node.answer("ACC", &format!("taobao:{who}-3")), "candidate", "{who}");
    }
    assert_eq!(node.feed_size("alibaba"), 21);
}

fn import(node: &Node, file: &Path, more: &[&str]) -> Value {
    node.command(&[&["import", &file.display().to_string()], more].concat())
}

/// What has been published, without receipts, which come by themselves.
fn published(node: &Node) -> [Value; 4] {
    let feed = node.http().get("/v1/feeds/alibaba").ok();
    ["seq", "head", "size", "totals"].map(|part| feed[part].clone())
}

#[test]
fn a_dry_run_publishes_nothing_and_says_what_would_be() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let file = alliance.file("a.csv", csv(&rows(EN, "dry"), "\n"));
    let before = published(node);
    let dry = import(node, &file, &["--dry-run"]);
    assert_eq!((&dry["dry_run"], &dry["counted"]["listed"], &dry["rejected"]), (&json!(true), &json!(3), &json!(2)));
    assert_eq!(dry["batches"], json!([]));
    assert_eq!(published(node), before);
    assert_eq!(node.answer("ACC", "taobao:dry-1"), "not_listed");
    let real = import(node, &file, &[]);
    assert_eq!(real["counted"], dry["counted"], "the dry run told the truth");
}

#[test]
fn the_rejects_file_names_line_column_and_reason_and_no_identifier() {
    let alliance = Alliance::with(&["alibaba"]);
    let file = alliance.file("a.csv", csv(&rows(EN, "rejects"), "\n"));
    let rejects = alliance.root().join("rejects.csv");
    let path = rejects.display().to_string();
    import(&alliance["alibaba"], &file, &["--rejects", &path]);
    let text = std::fs::read_to_string(&rejects).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "\u{feff}line,column,reason", "a byte order mark for Excel");
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].starts_with("4,\"identifier\",\""), "{text}");
    assert!(lines[2].starts_with("6,\"identifier\",\""), "{text}");
    assert!(!text.contains("1380013") && !text.contains("19900307"), "{text}");

    let mut node = Node::new(alliance.root(), "alibaba");
    node.environment.push(("LANG".to_owned(), "zh_CN.UTF-8".to_owned()));
    let outcome = node.outcome(&["import", &file.display().to_string(), "--rejects", &path]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(
        outcome.stdout.starts_with(
            "共 5 行：新列入 0，变更 0，无变化 3，未采用 2。\n无新增内容：3 个主体均已列入，未发布批次。\n  第 4 行 主体标识："
        ),
        "{outcome:?}"
    );
    assert!(std::fs::read_to_string(&rejects).unwrap().starts_with("\u{feff}行号,列,原因\r\n4,\"主体标识\","));
}

/// Of every hundred rows one is broken, in five ways that take turns; none of them holds what may be shown.
fn a_hundred_thousand_rows() -> (String, Vec<(u64, &'static str)>) {
    let (mut file, mut broken) = (EN.to_owned() + "\n", Vec::new());
    for n in 0..100_000u64 {
        // Headings are line 1.
        let line = n + 2;
        if n % 100 != 37 {
            file += &format!("ACC,taobao:great-{n},CXH,C01,,,E-{n}\n");
            continue;
        }
        let (row, column) = match n / 100 % 5 {
            0 => (format!("MOB,1380013{:03},CXH,C01,,,E\n", n % 1000), "identifier"),
            1 => (format!("SECRET{n},taobao:x-{n},CXH,C01,,,E\n"), "class"),
            2 => (format!("ACC,taobao:x-{n},SECRET{n},C01,,,E\n"), "list"),
            3 => (format!("ACC,taobao:x-{n},CXH,SECRET{n},,,E\n"), "conduct"),
            _ => (format!("ACC,taobao:x-{n},CXH,C01,,,\"E\" SECRET{n}\n"), "row"),
        };
        file += &row;
        broken.push((line, column));
    }
    (file, broken)
}

#[test]
fn of_a_hundred_thousand_rows_the_good_ones_are_listed_and_the_broken_ones_written_down_and_nothing_is_new_again() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let (content, broken) = a_hundred_thousand_rows();
    assert_eq!(broken.len(), 1_000);
    let file = alliance.file("great.csv", content);
    let first = import(node, &file, &[]);
    assert_eq!((&first["rows"], &first["rejected"], &first["left"]), (&json!(100_000), &json!(1_000), &json!(0)));
    assert_eq!(
        first["counted"],
        json!({ "listed": 99_000, "amended": 0, "unchanged": 0, "cleared": 0, "refused": 0 }),
        "{first}"
    );
    assert_eq!((&first["batches"].as_array().unwrap().len(), node.feed_size("alibaba")), (&1, 99_000));

    // Beside the input, without being asked for.
    let rejects = alliance.root().join("great.csv.rejects.csv");
    assert_eq!(first["rejects_file"], rejects.display().to_string());
    let text = std::fs::read_to_string(&rejects).unwrap();
    let written: Vec<(u64, String, bool)> = text.lines().skip(1).map(reject_of).collect();
    let expected: Vec<(u64, String, bool)> =
        broken.iter().map(|(line, column)| (*line, (*column).to_owned(), true)).collect();
    assert_eq!(written, expected, "line and column of every broken row, in order, each with a reason");
    for secret in ["SECRET", "1380013", "taobao", "x-37"] {
        assert!(!text.contains(secret), "{secret}");
    }

    let before = published(node);
    let second = import(node, &file, &[]);
    assert_eq!(
        second["counted"],
        json!({ "listed": 0, "amended": 0, "unchanged": 99_000, "cleared": 0, "refused": 0 })
    );
    assert_eq!((&second["batches"], &second["rejected"]), (&json!([]), &json!(1_000)));
    assert_eq!(published(node), before, "no batch, not even an empty one");
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), text);

    let said = Node::new(alliance.root(), "alibaba").outcome(&["import", &file.display().to_string()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let says = |text: &str| said.stdout.contains(text);
    assert!(says("100000 rows: 0 listed, 0 amended, 99000 unchanged, 1000 rejected."), "{said:?}");
    assert!(says("Nothing new: 99000 are listed already, and nothing was published."), "{said:?}");
    assert!(says("… and 980 more\n") && says("Rejected rows are listed in"), "{said:?}");
    assert_eq!(published(node), before);
}

/// Line, column and whether there is a reason of one row of a rejects file.
fn reject_of(row: &str) -> (u64, String, bool) {
    let mut cells = row.splitn(3, ',');
    let mut cell = || cells.next().unwrap().trim_matches('"');
    let (line, column, reason) = (cell().parse().unwrap(), cell().to_owned(), cell().len() > 10);
    (line, column, reason)
}

#[test]
fn the_rejects_file_beside_the_input_is_replaced_and_never_takes_the_place_of_another_file() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let rejects = alliance.root().join("a.csv.rejects.csv");
    let broken = alliance.file("a.csv", "class,identifier,conduct\nMOB,1,C01\nACC,taobao:r-1,C01\n");
    assert_eq!(import(node, &broken, &[])["rejects_file"], rejects.display().to_string());
    assert!(rejects.exists());
    // What is mended leaves nothing behind that speaks of rows that are good by now.
    let mended = alliance.file("a.csv", "class,identifier,conduct\nMOB,13800138000,C01\nACC,taobao:r-1,C01\n");
    assert_eq!(import(node, &mended, &[]).get("rejects_file"), None);
    assert!(!rejects.exists());

    std::fs::write(&rejects, "somebody's own").unwrap();
    let size = node.feed_size("alibaba");
    let other = alliance.file("a.csv", "class,identifier,conduct\nMOB,1,C01\nACC,taobao:r-2,C01\n");
    let refusal = node.refused(&["import", &other.display().to_string()]);
    assert!(refusal.contains("it is another file; name a place with --rejects"), "{refusal}");
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), "somebody's own");
    assert_eq!(node.feed_size("alibaba"), size, "found before anything is published");
}

#[test]
fn duplicates_change_nothing_and_a_changed_row_amends() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let node = &alliance["alibaba"];
    let mut table = rows(EN, "again");
    // The same row twice in one file.
    table.push(table[1].clone());
    let file = alliance.file("a.csv", csv(&table, "\n"));
    let first = import(node, &file, &[]);
    assert_eq!((&first["counted"]["listed"], &first["rejected"]), (&json!(3), &json!(3)), "{first}");
    let second = import(node, &file, &[]);
    assert_eq!(second["counted"], json!({ "listed": 0, "amended": 0, "unchanged": 4, "cleared": 0, "refused": 0 }));
    assert_eq!((&second["batches"], node.feed_size("alibaba")), (&json!([]), 3));
    // Another encoding and format of the same is the same.
    assert_eq!(alliance.import("alibaba", "a.xlsx", xlsx(&table[..6]))["counted"]["unchanged"], 3);

    table.truncate(6);
    table[1][4] = "minor".to_owned();
    let third = alliance.import("alibaba", "b.csv", csv(&table, "\n"));
    assert_eq!((&third["counted"]["amended"], &third["counted"]["unchanged"]), (&json!(1), &json!(2)), "{third}");
    alliance.wait_for_leaves("alibaba", 4);
    for node in &alliance.nodes {
        assert_eq!(node.check("ACC", "taobao:again-1")["listings"][0]["severity"], "minor", "{}", node.slug);
    }
    // Cleared and imported again: listed again.
    node.command(&["clear", "--class", "ACC", "--id", "taobao:again-1", "--reason", "R01"]);
    assert_eq!(import(node, &file, &[])["counted"]["listed"], 1);
}

#[test]
fn the_answer_is_a_stream_of_progress_rejects_batches_and_a_summary() {
    let alliance = Alliance::with(&["alibaba"]);
    let mut file = csv(&rows(EN, "stream"), "\n");
    for n in 0..60_000 {
        file += &format!("ACC,taobao:stream-more-{n},CXH,C01,,,E\n");
    }
    let lines = alliance["alibaba"].http().lines("POST", "/v1/import?name=a.csv", &[], file.as_bytes()).unwrap();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line.as_object().unwrap().keys().next().unwrap().as_str()).collect();
    assert_eq!(kinds.last(), Some(&"summary"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "reject").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == "batch").count(), 1);
    let progress: Vec<u64> = lines.iter().filter_map(|line| line["progress"]["done"].as_u64()).collect();
    assert!(progress.len() >= 2 && progress.is_sorted(), "{progress:?}");
    let total = file.len() as u64;
    assert!(lines.iter().filter_map(|line| line["progress"]["total"].as_u64()).all(|stated| stated == total));
    assert_eq!(lines.last().unwrap()["summary"]["counted"]["listed"], 60_003);
    let batch = lines.iter().find_map(|line| line["batch"].as_object()).unwrap();
    assert_eq!(batch["size"], 60_003);
}

#[test]
fn a_template_can_be_filled_in_and_imported() {
    let alliance = Alliance::with(&["alibaba"]);
    for name in ["template.csv", "template.xlsx"] {
        let path = alliance.root().join(name).display().to_string();
        let made = alliance["alibaba"].command(&["import", "--template", &path]);
        assert_eq!(made["template"], path.as_str());
        let summary = alliance["alibaba"].command(&["import", &path, "--dry-run"]);
        assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(2), &json!(0)), "{summary}");
        // A filled-in template is not overwritten.
        assert!(alliance["alibaba"].refused(&["import", "--template", &path]).contains("cannot be made"));
    }
}

#[test]
fn a_file_that_cannot_be_taken_is_refused_in_one_sentence() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty.csv", Vec::new(), "the file is empty"),
        ("headless.csv", b"ACC,taobao:x,CXH,C01\nACC,taobao:y,CXH,C01\n".to_vec(), "no headings were found"),
        ("columns.csv", b"class,conduct,severity\nACC,C01,minor\n".to_vec(), "these columns are missing: identifier"),
        ("old.xls", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0".to_vec(), "this is an old .xls file"),
        ("zip.xlsx", b"PK\x05\x06".iter().copied().chain([0; 18]).collect(), "no .xlsx workbook"),
        ("utf16.csv", "\u{feff}class".encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "neither text nor an Excel workbook"),
    ];
    for (name, content, said) in cases {
        let path = alliance.file(name, content).display().to_string();
        let refusal = node.refused(&["import", &path]);
        assert!(refusal.contains(said), "{name}: {refusal}");
    }
    let refusal = node.refused(&["import", "/nonexistent/list.csv"]);
    assert!(refusal.starts_with("/nonexistent/list.csv cannot be read"), "{refusal}");
    assert_eq!(node.feed_size("alibaba"), 0);
}
