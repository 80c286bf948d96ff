//! An invented blacklist of all classes: what is looked for everywhere, and the files that hold it.

use antibrush_protocol::subject::{Class, Subject};
use antibrush_tests::{Leaks, uscc};
use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A row of a platform's own list, as a person wrote it.
pub struct Row {
    /// The class's code.
    pub class: &'static str,
    /// The identifier.
    pub id: String,
    evidence: String,
    /// Name, note and shared details; a third of the rows have them.
    more: Option<[String; 3]>,
}

/// How many rows of each class, and how the n-th of them is written.
const CLASSES: [(&str, usize, fn(usize) -> String); 11] = [
    ("ENT", 24, credit_code),
    ("PER", 24, resident),
    ("MOB", 44, mobile),
    ("SHP", 20, |n| format!("Tmall:88123400{n:04}")),
    ("ACC", 44, |n| format!("taobao:brush-{n:04}-Xq7")),
    ("PAY", 20, |n| format!("alipay：20885512{n:06}")),
    ("WEB", 20, |n| format!("https://shuadan-{n:04}-ping.com.cn/join?ref=1")),
    ("APP", 12, app),
    ("GRP", 20, |n| format!("qq: 88123456{n:04}")),
    ("LOG", 12, |n| format!("zto:CUST55012{n:04}")),
    ("WBL", 20, |n| format!("sf:SF13100088{n:05}")),
];

/// All rows; the classes take turns, so that each part of them has all.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for (class, count, written) in CLASSES {
        for n in 0..count {
            let serial = rows.len();
            // The name of a legal entity would be published by choice; of a sole trader it is not.
            let more = (n % 3 == 0).then(|| {
                let name = if class == "ENT" && n % 2 == 1 { String::new() } else { format!("化名钱{serial:04}") };
                [name, format!("内部备注第{serial:04}号"), format!("案卷第{serial:04}号，请联系法务部")]
            });
            let row = Row { class, id: written(n), evidence: format!("case-EV/{serial:06}"), more };
            rows.push((n, row));
        }
    }
    rows.sort_by_key(|(n, _)| *n);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// How many of these rows may be listed: payment accounts are switched off by the charter's policy, and refused late.
pub fn listable(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.class != "PAY").count()
}

/// Rows that no import takes: class and identifier, and what must not be repeated of them.
pub const REFUSED: [(&str, &str, &str); 4] = [
    ("MOB", "1540009991", "1540009991"),
    ("PER", "110105199003079999", "110105199003079999"),
    // Columns that somebody shifted.
    ("15400099912", "MOB", "15400099912"),
    ("ACC", "brusher-without-platform", "brusher-without-platform"),
];

impl Row {
    /// What sits in the row beside the identifier and must stay at home; the details are for those who hold the identifier.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let more = self.more.iter().flat_map(|[name, note, _]| [name.as_str(), note.as_str()]);
        std::iter::once(self.evidence.as_str()).chain(more).filter(|text| !text.is_empty())
    }

    /// The shared details.
    pub fn details(&self) -> Option<&str> {
        self.more.as_ref().map(|[.., details]| details.as_str())
    }

    /// As an item of `/v1/listings`.
    pub fn item(&self) -> Value {
        let mut item = json!({ "class": self.class, "id": self.id, "conduct": "C01", "evidence": self.evidence });
        if let Some([name, _, details]) = &self.more {
            item["details"] = json!(details);
            if !name.is_empty() {
                item["name"] = json!(name);
            }
        }
        item
    }

    /// The flags of `list` for it.
    pub fn flags(&self) -> Vec<&str> {
        let mut flags = vec!["--class", self.class, "--id", &self.id, "--conduct", "C01", "--evidence", &self.evidence];
        flags.extend(self.details().into_iter().flat_map(|details| ["--details", details]));
        flags
    }
}

/// A CSV file in UTF-8 under English headings.
pub fn utf8(rows: &[Row]) -> Vec<u8> {
    csv("class,identifier,conduct,evidence,name,note,details", rows).into_bytes()
}

/// A CSV file in GB18030 under Chinese headings.
pub fn gb18030(rows: &[Row]) -> Vec<u8> {
    GB18030.encode(&csv("主体类型,主体标识,失信行为,证据编号,主体名称,备注,共享详情", rows)).0.into_owned()
}

/// A workbook.
pub fn xlsx(rows: &[Row]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (number, line) in (0u32..).zip(csv("class,identifier,conduct,evidence,name,note,details", rows).lines()) {
        for (column, cell) in (0u16..).zip(line.split(',')) {
            sheet.write_string(number, column, cell).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// With the rows that are refused at the end.
fn csv(headings: &str, rows: &[Row]) -> String {
    let mut file = format!("{headings}\n");
    for row in rows {
        let more = row.more.as_ref().map_or(",,".to_owned(), |more| more.join(","));
        file += &format!("{},{},C01,{},{more}\n", row.class, row.id, row.evidence);
    }
    for (class, id, _) in REFUSED {
        file += &format!("{class},{id},C01,,,,\n");
    }
    file
}

/// Identifiers, names, notes, evidence references and refused rows: nowhere. The texts of `more` as well.
pub fn leaks(rows: &[Row], more: &[&str]) -> Leaks {
    let identifiers: Vec<(&str, &str)> = rows.iter().map(|row| (row.class, row.id.as_str())).collect();
    assert!(identifiers.len() >= 200);
    let mut texts: Vec<&str> = rows.iter().flat_map(Row::texts).collect();
    texts.extend(REFUSED.iter().map(|(.., text)| *text));
    texts.extend(more);
    Leaks::with_texts(&identifiers, &texts)
}

fn credit_code(n: usize) -> String {
    // Every second one is a sole trader's.
    if n % 2 == 1 { uscc(5000 + n as u32) } else { checked("ENT", &format!("92350100MA55{n:05}")) }
}

fn resident(n: usize) -> String {
    checked("PER", &format!("110105 1990{:02}{:02} {n:03}", n % 12 + 1, n % 28 + 1))
}

fn mobile(n: usize) -> String {
    match n % 5 {
        0 => format!("1540000{n:04}"),
        1 => format!("154 0000 {n:04}"),
        2 => format!("+86-154-0000-{n:04}"),
        3 => format!("00861540000{n:04}"),
        _ => format!("1540000{n:04}").chars().filter_map(|c| char::from_u32(u32::from(c) + 0xFEE0)).collect(),
    }
}

fn app(n: usize) -> String {
    let digest: Vec<String> = Sha256::digest([n as u8]).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("com.shuadan.helper{n:03}:{}", digest.join(":"))
}

/// The text with the one check character that makes it valid.
fn checked(class: &str, body: &str) -> String {
    let class = Class::parse(class).unwrap();
    let mut candidates = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|check| format!("{body}{check}"));
    candidates.find(|code| Subject::parse(class, code).is_ok()).unwrap()
}
