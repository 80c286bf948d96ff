use antibrush_protocol::{codes::List, subject::Class};

use crate::{
    lang::Zh,
    recommend::{
        Action, FILE, Fault, FileRefusal, Mode, Persons, Policy, Refused, SENTENCES, Standing, Wanted,
        file::{self, DEFAULT, MOST_RULES},
        parse,
    },
};

#[test]
fn the_default_is_active_and_spares_persons() {
    let policy = parse(DEFAULT).unwrap();
    assert_eq!((policy.mode, policy.persons, policy.otherwise), (Mode::Active, Persons::AtMostReview, Action::Review));
    assert_eq!(parse("").unwrap(), Policy::default());
}

#[test]
fn codes_and_chinese_names_mean_the_same() {
    let english = "[[rules]]\nname = \"a\"\nlist = [\"CXH\", \"ECB\"]\nconduct = \"C01\"\nseverity = \"severe\"\nstate = [\"disputed\", \"confirmed\"]\nclass = \"MOB\"\nrole = \"assist\"\nmin_members = 0x2\nthen = \"block\"\n";
    let chinese = "\u{feff}[[rules]]\nname = 'a'\nlist = [\"炒信黑名单\", \"电子商务领域黑名单\"]\nconduct = [\"刷单炒信\"]\nseverity = \"严重\"\nstate = [\"异议中\", \"已核验\"]\nclass = [\"手机号\"]\nrole = \"协助\"\nmin_members = 2\nthen = \"拦截\"\n";
    let policy = parse(english).unwrap();
    assert_eq!(policy, parse(chinese).unwrap());
    assert_eq!(policy.rules[0].class, [Class::Mob]);
    assert_eq!(policy.rules[0].state[0], Standing::Disputed);
    for (word, statutory) in [("statutory", true), ("法定名单", true), ("alliance", false), ("联盟名单", false)]
    {
        let policy = parse(&format!("[[rules]]\nlist = \"{word}\"\nthen = \"watch\"\n")).unwrap();
        let wanted: Vec<List> = List::ALL.iter().copied().filter(|list| list.is_statutory() == statutory).collect();
        assert_eq!(policy.rules[0].list, wanted);
    }
}

/// A sentence is true or it is not there: whatever somebody may write in a hurry is refused.
#[test]
fn persons_are_blocked_only_by_the_exact_sentence() {
    const KEY: &str = "persons_may_be_blocked_without_review";
    for sentence in SENTENCES {
        let policy = parse(&format!("{KEY} = \"{sentence}\"\n")).unwrap();
        assert_eq!(policy.persons, Persons::MayBeBlockedWithoutReview);
        for nearly in [format!("{sentence}。"), format!(" {sentence}"), sentence[..sentence.len() - 3].to_owned()] {
            let refused = parse(&format!("{KEY} = \"{nearly}\"\n")).unwrap_err();
            assert_eq!(refused.fault, Fault::Sentence, "{nearly}");
        }
    }
    for value in ["true", "false", "1", "\"true\"", "\"yes\"", "\"\"", "[]", "{}", "1979-05-27"] {
        let refused = parse(&format!("mode = \"active\"\n{KEY} = {value}\n")).unwrap_err();
        assert_eq!(refused, Refused { line: 2, key: KEY.to_owned(), fault: Fault::Sentence }, "{value}");
    }
    // In a rule it means nothing.
    let refused = parse(&format!("[[rules]]\n{KEY} = \"{}\"\nthen = \"block\"\n", SENTENCES[0])).unwrap_err();
    assert!(matches!(refused.fault, Fault::Key(_)));
}

#[test]
fn each_defect_is_refused_at_its_line_and_key() {
    use Fault as F;
    let words = "block, review, watch, ignore";
    let key = |text| match parse(text).unwrap_err().fault {
        Fault::Key(known) => known,
        other => panic!("{other:?}"),
    };
    assert!(key("modes = 'shadow'").contains("mode,"));
    assert!(key("[[rules]]\nthne = 'block'").contains("then"));
    let table: &[(&str, usize, &str, Fault)] = &[
        ("mode = \"shadow", 1, "", F::Syntax),
        ("mode = 'active'\nmode = 'shadow'", 2, "", F::Syntax),
        ("\n\n[[rules]", 3, "", F::Syntax),
        ("mode = 'off'", 1, "mode", F::Word("active, shadow")),
        ("mode = true", 1, "mode", F::Type(Wanted::Text)),
        ("\notherwise = 'refuse'", 2, "otherwise", F::Word(words)),
        ("rules = 3", 1, "rules", F::Type(Wanted::Rules)),
        ("rules = ['a']", 1, "rules", F::Type(Wanted::Rules)),
        ("[rules]\nthen = 'block'", 1, "rules", F::Type(Wanted::Rules)),
        ("[[rules]]\nlist = 'CXH'", 1, "rules[1].then", F::NoThen),
        ("[[rules]]\nthen = 'watch'\n[[rules]]\nthen = 'blok'", 4, "rules[2].then", F::Word(words)),
        ("[[rules]]\nthen = ['watch']", 2, "rules[1].then", F::Type(Wanted::Text)),
        ("[[rules]]\nthen = 'watch'\nlist = []", 3, "rules[1].list", F::Nothing),
        ("[[rules]]\nthen = 'watch'\nlist = [\n'CXH',\n'CHX']", 5, "rules[1].list", F::Code),
        ("[[rules]]\nthen = 'watch'\nlist = ['CXH', 'SRC-COURT']", 3, "rules[1].list", F::Mixed),
        ("[[rules]]\nthen = 'watch'\nlist = ['alliance', 'statutory']", 3, "rules[1].list", F::Mixed),
        ("[[rules]]\nthen = 'watch'\nlist = [1]", 3, "rules[1].list", F::Type(Wanted::Texts)),
        ("[[rules]]\nthen = 'watch'\nlist = {}", 3, "rules[1].list", F::Type(Wanted::Texts)),
        ("[[rules]]\nthen = 'watch'\nconduct = 'C98'", 3, "rules[1].conduct", F::Code),
        ("[[rules]]\nthen = 'watch'\nseverity = ''", 3, "rules[1].severity", F::Code),
        ("[[rules]]\nthen = 'watch'\nstate = 'listed'", 3, "rules[1].state", F::Code),
        ("[[rules]]\nthen = 'watch'\nclass = 'XXX'", 3, "rules[1].class", F::Code),
        ("[[rules]]\nthen = 'watch'\nrole = 'boss'", 3, "rules[1].role", F::Code),
        ("[[rules]]\nthen = 'watch'\nsource = 'JD 商城'", 3, "rules[1].source", F::Slug),
        ("[[rules]]\nthen = 'watch'\nmin_members = '2'", 3, "rules[1].min_members", F::Type(Wanted::Number)),
        ("[[rules]]\nthen = 'watch'\nmin_members = 2.0", 3, "rules[1].min_members", F::Type(Wanted::Number)),
        ("[[rules]]\nthen = 'watch'\nmin_members = 0", 3, "rules[1].min_members", F::Range),
        ("[[rules]]\nthen = 'watch'\nmin_members = -1", 3, "rules[1].min_members", F::Range),
        ("[[rules]]\nthen = 'watch'\nmin_members = 99999999999999999999", 3, "rules[1].min_members", F::Range),
        ("[[rules]]\nthen = 'watch'\nname = ' '", 3, "rules[1].name", F::Name),
        ("[[rules]]\nthen = 'watch'\nname = \"a\\nb\"", 3, "rules[1].name", F::Name),
        ("[[rules]]\nthen = 'watch'\nname = 'a'\n[[rules]]\nthen = 'watch'\nname = 'a'", 4, "rules[2].name", F::Twice),
    ];
    for (text, line, key, fault) in table {
        let refused = parse(text).unwrap_err();
        assert_eq!(refused, Refused { line: *line, key: (*key).to_owned(), fault: *fault }, "{text}");
        let said = FileRefusal::Content { path: FILE.into(), refused };
        assert!(said.to_string().contains(&format!("at line {line}")), "{said}");
        assert!(said.zh().contains(&format!("第 {line} 行")), "{}", said.zh());
    }
    let many = "[[rules]]\nthen = 'watch'\n".repeat(MOST_RULES + 1);
    assert_eq!(parse(&many).unwrap_err().fault, F::Rules);
    assert_eq!(parse(&"[[rules]]\nthen = 'watch'\n".repeat(MOST_RULES)).unwrap().rules.len(), MOST_RULES);
    // What is quoted back to a terminal has no control characters and an end.
    let key = format!("\"\\u001b[2J{}\" = 1", "x".repeat(500));
    let refused = parse(&key).unwrap_err();
    assert!(!refused.key.contains('\u{1b}') && refused.key.len() <= 64, "{}", refused.key);
}

#[test]
fn hostile_toml_is_refused_and_nothing_else_happens() {
    for text in [
        "[".repeat(60_000),
        format!("a = {}", "[".repeat(30_000)),
        format!("a = {}", "{a=".repeat(20_000)),
        "a.".repeat(30_000),
        "\u{0}".to_owned(),
        "mode = \"\"\"".to_owned(),
        format!("mode = \"{}\"", "很".repeat(20_000)),
        "[[rules.rules]]\nthen = 'block'".to_owned(),
        "rules.then = 'block'".to_owned(),
        "\r".to_owned(),
    ] {
        let refused = parse(&text).unwrap_err();
        assert!(refused.line <= 2);
    }
}

#[test]
fn the_file_of_a_directory_is_read_whole_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let read = || file::read(directory.path());
    assert_eq!(read().unwrap(), (parse(DEFAULT).unwrap(), false));
    std::fs::write(&path, "mode = \"shadow\"\n").unwrap();
    let (policy, has_file) = read().unwrap();
    assert_eq!((policy.mode, has_file), (Mode::Shadow, true));
    for (bytes, fault) in [(b"mode = \"\xff\"".to_vec(), Fault::NotUtf8), (vec![b'#'; 64 * 1024 + 1], Fault::TooLong)] {
        std::fs::write(&path, bytes).unwrap();
        let refused = Refused { line: 1, key: String::new(), fault };
        assert_eq!(read(), Err(FileRefusal::Content { path: path.clone(), refused }));
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(read(), Err(FileRefusal::File(_))));
}
