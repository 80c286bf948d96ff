//! Statutory lists through real nodes: a court's or a regulator's file becomes listings that every member answers as that
//! list, and the lists are laid side by side as in the screening of 2017.

use antibrush_protocol::{
    base::Day,
    feed::BatchHeader,
    signed::Signed,
    subject::{Class, Subject},
};
use antibrush_tests::{Alliance, Node, uscc, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

/// A day some days ago.
fn day(ago: u32) -> Day {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Day(u32::try_from(now.as_secs() / 86_400).unwrap() - ago)
}

/// A sole trader's code: of a person, though it has the form of a firm's.
fn sole_trader() -> String {
    let codes = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|check| format!("92110108MA0000007{check}"));
    codes.into_iter().find(|code| Subject::parse(Class::Ent, code).is_ok()).unwrap()
}

fn import(alliance: &Alliance, slug: &str, list: &str, name: &str, content: impl AsRef<[u8]>) -> Value {
    let path = alliance.file(name, content).display().to_string();
    alliance[slug].command(&["import", "--list", list, &path])
}

fn xlsx(rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (number, row) in (0u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(*row) {
            sheet.write_string(number, column, *cell).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// Everything that a node has of a feed, as it lies on the wire.
fn on_the_wire(node: &Node, publisher: &str) -> Vec<u8> {
    let mut http = node.http();
    let headers = http.get(&format!("/v1/archive/feeds/{publisher}/headers")).ok();
    let mut all = Vec::new();
    for header in headers["objects"].as_array().unwrap() {
        let header = Signed::<BatchHeader>::decode(&STANDARD.decode(header.as_str().unwrap()).unwrap()).unwrap();
        for chunk in &header.payload().chunks {
            let digest: String = chunk.digest.iter().map(|byte| format!("{byte:02x}")).collect();
            all.extend(http.get(&format!("/v1/archive/chunks/{digest}")).body);
        }
    }
    all
}

fn holds(haystack: &[u8], text: &str) -> bool {
    haystack.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_courts_file_becomes_listings_with_source_document_and_name_in_clear() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let (firm, trader, other) = (uscc(501), sole_trader(), uscc(502));
    let listed = day(30);
    let file = format!(
        "失信被执行人（企业）名单\r\n企业名称,统一社会信用代码,执行法院,案号,列入日期,名单\r\n\
         示例甲有限公司,{firm},福州市鼓楼区人民法院,(2026)闽0102执1234号,{listed},\r\n\
         王某某小卖部,{trader},福州市鼓楼区人民法院,(2026)闽0102执1235号,{listed},失信被执行人名单\r\n\
         示例乙有限公司,{other},福州市鼓楼区人民法院,,{listed},\r\n\
         示例乙有限公司,{other},国家税务总局福州市税务局,榕税〔2026〕7号,{listed},SRC-TAX\r\n"
    );
    let summary = import(&alliance, "alibaba", "SRC-COURT", "court.csv", GB18030.encode(&file).0);
    assert_eq!((&summary["counted"]["listed"], &summary["rejected"]), (&json!(2), &json!(2)), "{summary}");
    let rejects: Vec<(u64, &str)> = summary["first_rejects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| (reject["line"].as_u64().unwrap(), reject["column_en"].as_str().unwrap()))
        .collect();
    assert_eq!(rejects, [(5, "document"), (6, "list")]);

    alliance.wait_for_leaves("alibaba", 2);
    for node in &alliance.nodes {
        let found = node.check("ENT", &firm);
        let listing = &found["listings"][0];
        assert_eq!(
            (&found["answer"], &listing["list"], &listing["statutory"]),
            (&json!("listed"), &json!("SRC-COURT"), &json!(true))
        );
        assert_eq!((&listing["conduct"], &listing["severity"]), (&json!("C16"), &json!("ordinary")));
        // Two years from the court's day, the last of them included: Day 730 later it no longer holds.
        let last = listed.plus(729).to_string();
        assert_eq!((&listing["listed"], &listing["expires"]), (&json!(listed.to_string()), &json!(last)));
        assert_eq!(node.answer("ENT", &trader), "listed");
        assert_eq!(node.answer("ENT", &other), "not_listed");
    }
    let wire = on_the_wire(&alliance["jd"], "alibaba");
    for text in ["示例甲有限公司", "福州市鼓楼区人民法院", "(2026)闽0102执1234号", "(2026)闽0102执1235号", &firm]
    {
        assert!(holds(&wire, text), "{text}");
    }
    // A sole trader is a person: confirmed and listed, never named.
    for text in ["王某某", &trader, "示例乙"] {
        assert!(!holds(&wire, text), "{text}");
    }
    let again = import(&alliance, "alibaba", "SRC-COURT", "court.csv", GB18030.encode(&file).0);
    assert_eq!((&again["counted"]["unchanged"], &again["batches"]), (&json!(2), &json!([])));
}

#[test]
fn every_list_has_its_defaults_and_a_row_may_say_otherwise() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let (plain, own, past) = (uscc(601), uscc(602), uscc(603));
    let (listed, expires, long_ago) = (day(10).to_string(), day(0).plus(100).to_string(), day(1200).to_string());
    let summary = import(
        &alliance,
        "alibaba",
        "重大税收违法",
        "tax.xlsx",
        xlsx(&[
            &["credit code", "source", "document", "date", "conduct", "severity", "basis", "expires"],
            &[&plain, "国家税务总局福州市税务局", "榕税〔2026〕1号", &listed, "", "", "", ""],
            &[&own, "", "榕税〔2026〕2号", &listed, "C13", "minor", "税公告2026.1", &expires],
            &[&past, "", "榕税〔2022〕3号", &long_ago, "", "", "", ""],
        ]),
    );
    assert_eq!((&summary["counted"]["listed"], &summary["counted"]["refused"]), (&json!(2), &json!(1)), "{summary}");
    let reason = summary["first_rejects"][0]["reason_en"].as_str().unwrap();
    assert!(reason.starts_with("the listing would have expired already"), "{reason}");
    let (first, second) = (&node.check("ENT", &plain)["listings"][0], &node.check("ENT", &own)["listings"][0]);
    assert_eq!((&first["conduct"], &first["severity"]), (&json!("C99"), &json!("severe")));
    assert_eq!(first["expires"], day(10).plus(1094).to_string());
    assert_eq!((&second["conduct"], &second["severity"]), (&json!("C13"), &json!("minor")));
    assert_eq!(second["expires"], expires);
    let wire = on_the_wire(node, "alibaba");
    assert!(holds(&wire, "国家税务总局福州市税务局") && holds(&wire, "税公告2026.1"));
}

#[test]
fn one_subject_is_listed_with_its_document_and_never_without() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let firm = uscc(701);
    let list = |class: &str, id: &str, more: &[&str]| {
        let fixed =
            ["list", "--class", class, "--id", id, "--list", "SRC-COURT", "--conduct", "C16", "--evidence", "E"];
        node.outcome(&[&fixed, more].concat())
    };
    let refusal = list("ENT", &firm, &[]).refusal();
    assert_eq!(refusal, "a listing on a statutory list must state the number of its document: add it");
    let long = "文".repeat(22);
    let refusal = list("ENT", &firm, &["--document", &long]).refusal();
    assert_eq!(refusal, "the document number must have 1 to 64 bytes");
    let person = list("PER", "11010519491231002X", &["--document", "(2026)京0105执1号"]).refusal();
    assert!(person.starts_with("statutory lists (SRC-…) take organisations (ENT) alone"), "{person}");
    assert_eq!(list("ENT", &firm, &["--document", "(2026)京0105执1号"]).status, Some(0));
    assert!(holds(&on_the_wire(node, "alibaba"), "(2026)京0105执1号"));
    // An alliance list may have one, too: it confirms the listing alone.
    let item = json!({ "class": "ENT", "id": uscc(702), "conduct": "C01", "evidence": "E", "document": "京市监处罚〔2026〕9号" });
    let answer = node.http().post("/v1/listings", &json!({ "items": [item] })).ok();
    assert_eq!(answer["outcomes"][0]["outcome"], "listed");
    assert!(holds(&on_the_wire(node, "alibaba"), "京市监处罚〔2026〕9号"));
    // It may come later, once: the same again changes nothing.
    let (id, outcome) = (uscc(703), |answer: Value| answer["outcomes"][0]["outcome"].clone());
    let fixed = ["list", "--class", "ENT", "--id", &id, "--conduct", "C01", "--evidence", "E"];
    let documented = [&fixed[..], &["--document", "京市监处罚〔2026〕10号"]].concat();
    assert_eq!(outcome(node.command(&fixed)), "listed");
    assert_eq!(outcome(node.command(&documented)), "amended");
    assert_eq!(outcome(node.command(&documented)), "unchanged");
    assert_eq!(outcome(node.command(&fixed)), "unchanged");
}

/// The four sources of 2017: every firm on one of them, the first 49 on the next one, too.
const SOURCES: [&str; 4] = ["SRC-COURT", "SRC-REVOKED", "SRC-TAX", "SRC-CUSTOMS"];
const FIRMS: u32 = 6_440;
const TWICE: u32 = 49;

fn source_file(source: u32) -> String {
    let mut file = "统一社会信用代码,认定单位,文号,认定日期\n".to_owned();
    let stands = |firm: &u32| firm % 4 == source || (*firm < TWICE && (firm + 1) % 4 == source);
    for firm in (0..FIRMS).filter(stands) {
        file += &format!("{},来源{source},(2017){firm}号,{}\n", uscc(10_000 + firm), day(5));
    }
    file
}

#[test]
fn the_screening_of_2017_comes_out_again() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    for (number, list) in (0u32..).zip(SOURCES) {
        let by = if number % 2 == 0 { "alibaba" } else { "jd" };
        let summary = import(&alliance, by, list, &format!("{list}.csv"), source_file(number));
        assert_eq!(summary["rejected"], 0, "{summary}");
    }
    // Another member takes over the court's list, too: its firms do not count again.
    import(&alliance, "jd", "SRC-COURT", "court-again.csv", source_file(0));
    let sizes = ["alibaba", "jd"].map(|slug| (slug, alliance[slug].feed_size(slug)));
    for (slug, size) in sizes {
        alliance.wait_for_leaves(slug, size);
    }
    let lists = SOURCES.join(",");
    for node in &alliance.nodes {
        let found = node.command(&["report", "overlap", "--lists", &lists]);
        assert_eq!((&found["subjects"], &found["passing"]), (&json!(6_440), &json!([])), "{}", node.slug);
        assert_eq!(found["on"], json!([{ "lists": 1, "subjects": 6_391 }, { "lists": 2, "subjects": 49 }]));
        let of = |key: &str, name: &str| -> Vec<(String, u64)> {
            let counts = found[key].as_array().unwrap().iter();
            counts
                .map(|count| (count[name].as_str().unwrap().to_owned(), count["subjects"].as_u64().unwrap()))
                .collect()
        };
        // 6,440 are 1,610 on each; the 49 are 13 of the court's and 12 of every other source.
        let expected: Vec<_> = SOURCES.map(str::to_owned).into_iter().zip([1_622, 1_623, 1_622, 1_622]).collect();
        assert_eq!(of("lists", "list"), expected);
        let pairs: Vec<(String, String, u64)> =
            of("pairs", "first").into_iter().zip(of("pairs", "second")).map(|((a, n), (b, _))| (a, b, n)).collect();
        let both = |a: usize, b: usize, n| (SOURCES[a].to_owned(), SOURCES[b].to_owned(), n);
        assert_eq!(
            pairs,
            [both(0, 1, 13), both(0, 2, 0), both(0, 3, 12), both(1, 2, 12), both(1, 3, 0), both(2, 3, 12)]
        );
        assert!(found.to_string().len() < 2_000, "counts alone: {found}");
    }
    every_face_says_the_same(&alliance, &lists);
}

fn every_face_says_the_same(alliance: &Alliance, lists: &str) {
    let node = &alliance["alibaba"];
    let over_http = node.http().get(&format!("/v1/reports/overlap?lists={lists}")).ok();
    assert_eq!(over_http, node.command(&["report", "overlap", "--lists", lists]));
    // All lists: those of nobody are there with 0.
    let all = node.http().get("/v1/reports/overlap").ok();
    assert_eq!((&all["subjects"], all["lists"].as_array().unwrap().len()), (&json!(6_440), 11));
    let alone = node.command(&["report", "overlap", "--lists", "src-court"]);
    assert_eq!((&alone["subjects"], &alone["pairs"]), (&json!(1_622), &json!([])));
    assert!(node.refused(&["report", "overlap", "--lists", "SRC-NOWHERE"]).starts_with("--lists has no such code"));
    assert_eq!(node.http().get("/v1/reports/overlap?lists=SRC-NOWHERE").problem().0, 400);

    let mut chinese = Node::new(alliance.root(), "alibaba");
    chinese.environment.push(("LANG".to_owned(), "zh_CN.UTF-8".to_owned()));
    let said = chinese.outcome(&["report", "overlap", "--lists", lists]).stdout;
    for text in ["合计 6440 个主体", "SRC-COURT 失信被执行人名单", "1 个名单", "6391", "2 个名单", "49"]
    {
        assert!(said.contains(text), "{text}: {said}");
    }
    // What is cleared stands on no list.
    let id = uscc(10_000);
    node.command(&["clear", "--class", "ENT", "--id", &id, "--list", "SRC-COURT", "--reason", "R07"]);
    let jd = &alliance["jd"];
    jd.command(&["clear", "--class", "ENT", "--id", &id, "--list", "SRC-COURT", "--reason", "R07"]);
    wait_until("both clearings count at jd", || {
        let found = jd.command(&["report", "overlap", "--lists", lists]);
        found["on"] == json!([{ "lists": 1, "subjects": 6_392 }, { "lists": 2, "subjects": 48 }])
    });
}
