//! The published vectors of the subject classes: every line of tests/vectors/subject/ parses, or is refused with
//! exactly the stated defect. generate_subjects.py beside them is an independent implementation and documents the
//! format.

use antibrush_protocol::subject::{Class, Subject};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/subject");

/// Undoes `\\`, `\t`, `\n`, `\r` and `\xHH`.
fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
            }
            other => panic!("unknown escape {other:?}"),
        }
    }
    out
}

fn run(class: Class) {
    let path = format!("{VECTORS}/{}.tsv", class.code().to_lowercase());
    let file = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let (mut valid, mut broken) = (0, 0);
    let mut wrong = Vec::new();
    for (i, line) in file.lines().enumerate().skip(1) {
        let fields: Vec<String> = line.split('\t').map(unescape).collect();
        let [input, result, canonical] = &fields[..] else { panic!("{path}:{}: not three columns", i + 1) };
        let got = match Subject::parse(class, input) {
            Ok(subject) => ("ok".to_owned(), subject.canonical().to_owned()),
            Err(error) => (format!("{error:?}"), String::new()),
        };
        if (&got.0, &got.1) != (result, canonical) {
            wrong.push(format!("{path}:{}: expected {result} {canonical:?}, got {got:?}", i + 1));
        }
        if result == "ok" { valid += 1 } else { broken += 1 }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(valid >= 200 && broken >= 200 && valid + broken >= 400, "{path}: {valid} valid, {broken} broken");
}

macro_rules! classes {
    ($($name:ident $class:ident)+) => { $(
        #[test]
        fn $name() {
            run(Class::$class);
        }
    )+ };
}

classes! { ent Ent per Per mob Mob shp Shp acc Acc pay Pay web Web app App grp Grp log Log wbl Wbl }

#[test]
fn every_class_has_its_file_and_nothing_else_lies_there() {
    let mut files: Vec<String> =
        std::fs::read_dir(VECTORS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut expected: Vec<String> =
        Class::ALL.iter().map(|class| format!("{}.tsv", class.code().to_lowercase())).collect();
    expected.sort();
    assert_eq!(files, expected);
}
