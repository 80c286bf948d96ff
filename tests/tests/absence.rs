//! Proofs of absence over many entries: what fits into a file holds, what does not is refused with what to do.

use std::{fmt::Write, fs};

use antibrush_tests::Alliance;

#[test]
fn a_range_that_does_not_fit_into_a_file_is_proven_in_parts() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let jd = &alliance["jd"];
    // 136 bytes an entry, so that the last two batches together are over 16 MiB.
    for (batch, count) in [(1, 10u32), (2, 60_000), (3, 110_000)] {
        let mut csv = "class,identifier,conduct\n".to_owned();
        (0..count).for_each(|n| writeln!(csv, "ACC,jd:b{batch}-{n},C01").unwrap());
        let path = alliance.root().join("accounts.csv");
        fs::write(&path, csv).unwrap();
        assert_eq!(jd.command(&["import", path.to_str().unwrap()])["counted"]["listed"], count);
    }
    let out = alliance.root().join("absent.proof").display().to_string();
    let range = |since, until| {
        let subject = ["--class", "ACC", "--id", "jd:never", "--out", &out];
        [&["proof", "absence-since", "--publisher", "jd", "--since", since, "--until", until], &subject[..]].concat()
    };
    assert!(jd.refused(&range("1", "3")).contains("prove it in parts, with `until`"));
    for (since, until) in [("1", "2"), ("2", "3")] {
        jd.command(&range(since, until));
        let proven = jd.command(&["proof", "verify", &out, "--alliance", &alliance.id]);
        assert_eq!((&proven["holds"], proven["until"].to_string().as_str()), (&serde_json::json!(true), until));
    }
}
