//! `cargo test --release -p antibrush-node import::tests::speed -- --ignored --nocapture` prints rows per second.

use std::time::Instant;

use super::*;

#[test]
#[ignore = "a measurement: cargo test --release -p antibrush-node import -- --ignored --nocapture"]
fn rows_per_second() {
    let entries = 2_000_000;
    let file = tempfile::NamedTempFile::new().unwrap();
    demo::generate_csv(file.as_file(), entries, 1).unwrap();
    let mobiles = tempfile::NamedTempFile::new().unwrap();
    let row = |i: u64| format!("MOB,{},CXH,C01,轻微,参与,330106,2026-11-22\n", 13_000_000_000 + i);
    let heading = "class,identifier,list,conduct,severity,role,region,day\n".to_owned();
    std::fs::write(mobiles.path(), (0..entries).map(row).fold(heading, |text, row| text + &row)).unwrap();
    let text = std::fs::read_to_string(mobiles.path()).unwrap();
    let chinese = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(chinese.path(), encoding_rs::GB18030.encode(&text).0).unwrap();
    for (what, path) in [("mixed", file.path()), ("MOB", mobiles.path()), ("MOB GB18030", chinese.path())] {
        let start = Instant::now();
        let table = Table::open(path).unwrap();
        let opened = start.elapsed();
        let summary = table.for_each_block(|_, _| {}, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(summary.records, entries);
        let seconds = start.elapsed().as_secs_f64();
        println!("{what}: {:.2} M rows/s, of {seconds:.2} s {opened:.2?} to open", entries as f64 / seconds / 1e6);
    }
    let rows: Vec<Vec<String>> =
        text.lines().take(200_001).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let bytes = bytes(&Sheet { headings: rows[0].clone(), rows: rows[1..].to_vec() }, Format::Xlsx);
    let start = Instant::now();
    assert_eq!(read(bytes).0.len(), 200_000);
    println!("XLSX: {:.0} k rows/s", 200.0 / start.elapsed().as_secs_f64());
}
