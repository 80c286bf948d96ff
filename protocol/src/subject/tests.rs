use proptest::prelude::*;

use super::{Class, MAX_CANONICAL_BYTES, MAX_TEXT_BYTES, Subject, SubjectError};

fn canonical(class: Class, text: &str) -> Result<String, SubjectError> {
    Subject::parse(class, text).map(|subject| subject.canonical().to_owned())
}

#[test]
fn the_examples_of_the_domain_hold() {
    for code in ["91350100M000100Y43", "91110108551385082Q", "91110108MA00000070"] {
        assert_eq!(canonical(Class::Ent, code).as_deref(), Ok(code));
    }
    assert_eq!(canonical(Class::Per, "11010519491231002x").as_deref(), Ok("11010519491231002X"));
    assert_eq!(canonical(Class::Per, "110105491231002").as_deref(), Ok("11010519491231002X"));
    assert_eq!(canonical(Class::Mob, "０086 138-0000.0000").as_deref(), Ok("+8613800000000"));
    assert_eq!(canonical(Class::Mob, "①③⑧00000000"), Err(SubjectError::NotAscii));
}

#[test]
fn only_persons_are_personal_and_only_entities_are_publishable() {
    let digest = "0".repeat(64);
    let app = format!("com.example:{digest}");
    for (class, text, personal, publishable) in [
        (Class::Ent, "91350100M000100Y43", false, true),
        (Class::Ent, "92990000MA00000018", true, false),
        (Class::Per, "11010519491231002X", true, false),
        (Class::Mob, "13800000000", true, false),
        (Class::Shp, "a:1", true, false),
        (Class::Acc, "a:1", true, false),
        (Class::Pay, "a:1", true, false),
        (Class::Web, "example.com", false, false),
        (Class::App, app.as_str(), false, false),
        (Class::Grp, "a:1", true, false),
        (Class::Log, "a:1", true, false),
        (Class::Wbl, "a:1", true, false),
    ] {
        let subject = Subject::parse(class, text).unwrap();
        assert_eq!((subject.is_personal(), subject.is_publishable()), (personal, publishable), "{class} {text}");
        if class != Class::Ent {
            assert_eq!(class.is_personal_by_default(), personal, "{class}");
        }
    }
}

#[test]
fn a_site_is_also_listed_under_its_registrable_domain() {
    for (host, also) in [
        ("www.example.com", Some("example.com")),
        ("example.com", None),
        ("a.b.example.com.cn", Some("example.com.cn")),
        ("com.cn", None),
        ("shop.user.github.io", Some("user.github.io")),
        ("www.例子.公司.cn", Some("xn--fsqu00a.xn--55qx5d.cn")),
        ("www.例子.中国", Some("xn--fsqu00a.xn--fiqs8s")),
        ("a.b.no-such-tld", Some("b.no-such-tld")),
    ] {
        let second = Subject::parse(Class::Web, host).unwrap().also_listed_as();
        assert_eq!(second.as_ref().map(Subject::canonical), also, "{host}");
        if let Some(second) = second {
            assert_eq!(second.also_listed_as(), None);
            assert_eq!(canonical(Class::Web, second.canonical()).as_deref(), Ok(second.canonical()));
        }
    }
    assert_eq!(Subject::parse(Class::Mob, "13800000000").unwrap().also_listed_as(), None);
}

#[test]
fn the_input_of_the_derivation_has_the_specified_layout() {
    let mut out = b"before".to_vec();
    Subject::parse(Class::Mob, "13800000000").unwrap().input(&[7; 32], &mut out);
    let mut expected = b"beforeantibrush/v1/subject".to_vec();
    expected.extend([7; 32]);
    expected.extend([3, 0, 14]);
    expected.extend(b"+8613800000000");
    assert_eq!(out, expected);
}

#[test]
fn debug_shows_the_class_alone() {
    let subject = Subject::parse(Class::Mob, "13800000000").unwrap();
    assert_eq!(format!("{subject:?}"), "Subject(MOB, ..)");
}

#[test]
fn every_defect_has_its_own_sentence_in_both_languages() {
    for (i, defect) in SubjectError::ALL.iter().enumerate() {
        assert_eq!(defect.to_string(), defect.reason_en());
        assert!(defect.reason_en().contains(": ") && defect.reason_zh().contains('：'), "{defect:?}: a next step");
        for other in &SubjectError::ALL[..i] {
            assert_ne!(defect.reason_en(), other.reason_en());
            assert_ne!(defect.reason_zh(), other.reason_zh());
        }
    }
}

#[test]
fn the_bound_on_the_text_is_exact() {
    for &class in Class::ALL {
        assert_eq!(canonical(class, &" ".repeat(MAX_TEXT_BYTES)), Err(SubjectError::Empty), "{class}");
        assert_eq!(canonical(class, &" ".repeat(MAX_TEXT_BYTES + 1)), Err(SubjectError::TooLong), "{class}");
    }
}

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(Class::ALL)
}

/// A text that its class accepts, more or less wildly written.
fn valid() -> impl Strategy<Value = (Class, String)> {
    let ent = prop::sample::select(vec!["91350100M000100Y43", "91110108551385082Q", "91110108MA00000070"])
        .prop_map(|code| (Class::Ent, code.to_owned()));
    let per = "(1[1-5]|3[1-7]|8[1-3])99[0-9]{2}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}"
        .prop_map(|number| (Class::Per, number));
    let mob = "((\\+|00)?86)?1[3-9][0-9]{9}".prop_map(|number| (Class::Mob, number));
    let slugged = (
        prop::sample::select(vec![Class::Shp, Class::Acc, Class::Pay, Class::Grp, Class::Log, Class::Wbl]),
        "[a-zA-Z0-9][a-gA-Z0-9-]{0,31}:[!-~]{1,128}",
    );
    let web = "(https?://)?([a-zA-Z例子ßü][a-z0-9例]{0,8}\\.){1,4}(com|cn|中国)\\.?(:[0-9]{0,4})?(/[!-~]{0,20})?"
        .prop_map(|text| (Class::Web, text));
    let app = "[a-zA-Z0-9_]{1,8}(\\.[a-zA-Z0-9_-]{1,8}){0,4}:([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}"
        .prop_map(|text| (Class::App, text));
    prop_oneof![ent, per, mob, slugged, web, app]
}

/// The full-width form of every character that `mask` selects.
fn widen(text: &str, mask: u64) -> String {
    let wide = |(i, c): (usize, char)| match c {
        _ if mask >> (i % 64) & 1 == 0 => c,
        '!'..='~' => char::from_u32(c as u32 + 0xFEE0).unwrap(),
        ' ' => '\u{3000}',
        _ => c,
    };
    text.chars().enumerate().map(wide).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_canonical_form_is_its_own_canonical_form((class, text) in valid()) {
        let subject = Subject::parse(class, &text).unwrap();
        prop_assert!(subject.canonical().is_ascii() && (1..=MAX_CANONICAL_BYTES).contains(&subject.canonical().len()));
        prop_assert_eq!(Subject::parse(class, subject.canonical()), Ok(subject));
    }

    #[test]
    fn width_and_surrounding_space_change_nothing((class, text) in valid(), mask in any::<u64>()) {
        let wide = format!("\u{3000} {}\t\n", widen(&text, mask));
        prop_assert_eq!(canonical(class, &wide), canonical(class, &text));
    }

    #[test]
    fn separators_change_nothing_in_codes_and_numbers(
        (class, text) in valid().prop_filter("compact", |(class, _)| class.number() <= 3),
        separators in prop::collection::vec("[ .\u{3000}．－-]{0,2}", 20),
        lower in any::<bool>(),
    ) {
        let mut typed: String = text.chars().zip(&separators).flat_map(|(c, s)| [c.to_string(), s.clone()]).collect();
        if lower {
            typed.make_ascii_lowercase();
        }
        prop_assert_eq!(canonical(class, &typed), canonical(class, &text));
    }

    #[test]
    fn any_text_is_parsed_or_refused(class in class(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(subject) = Subject::parse(class, &text) {
            prop_assert_eq!(Subject::parse(class, subject.canonical()), Ok(subject));
        }
    }

    #[test]
    fn any_text_close_to_the_syntax_is_parsed_or_refused(
        class in class(),
        text in "[0-9a-zX+:./@\\\\#?％：。．①例ß\u{200d}\u{ad}\\[\\] -]{0,60}",
    ) {
        if let Ok(subject) = Subject::parse(class, &text) {
            prop_assert!(subject.canonical().len() <= MAX_CANONICAL_BYTES);
            prop_assert_eq!(Subject::parse(class, subject.canonical()), Ok(subject));
        }
    }
}

/// `cargo test --release -p antibrush-protocol subject::tests::timing -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: cargo test --release -p antibrush-protocol -- --ignored --nocapture"]
fn timing() {
    for (class, text) in [
        (Class::Ent, "91350100M000100Y43"),
        (Class::Per, "11010519491231002X"),
        (Class::Per, "110105491231002"),
        (Class::Mob, "13800000000"),
        (Class::Mob, "+86 138-0000-0000"),
        (Class::Mob, "１３８００００００００"),
        (Class::Acc, "taobao:1234567890"),
        (Class::Web, "https://www.example.com/path?query=1"),
    ] {
        // The best batch, because a shared machine takes the core away from the others.
        const ROUNDS: u32 = 1_000;
        let batch = |_| {
            let start = std::time::Instant::now();
            for _ in 0..ROUNDS {
                std::hint::black_box(Subject::parse(class, std::hint::black_box(text)).unwrap());
            }
            start.elapsed().as_nanos() / u128::from(ROUNDS)
        };
        println!("{class} {} bytes: {} ns", text.len(), (0..1_000).map(batch).min().unwrap());
    }
}
