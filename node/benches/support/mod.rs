//! What the benches share: the machine's description, figures, real nodes as processes, and a lean HTTP client.

#![allow(dead_code, unused_imports, reason = "each bench uses its part")]

mod client;
pub mod curve;
pub mod feed;
mod node;
mod relay;
mod shared;

pub use client::Http;
pub use node::{Alliance, Process, free_port, tcp};
pub use relay::Relay;
pub use shared::{Shared, connected, until};

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use antibrush_node::import::demo;

/// Prints where and how the figures were made; the load tells whether others were at work.
pub fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (info, memory, load) = (read("/proc/cpuinfo"), read("/proc/meminfo"), read("/proc/loadavg"));
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let kib: u64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load.split_whitespace().next().unwrap_or("?");
    println!("{}, {cores} cores, {} GiB; load before the run {load}", model.unwrap_or("unknown processor"), kib >> 20);
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let name =
        std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_str()?.split('-').next()?.to_owned()));
    let dashes = if arguments.is_empty() { "" } else { " -- " };
    println!("cargo bench -p antibrush-node --bench {}{dashes}{}\n", name.unwrap_or_default(), arguments.join(" "));
}

/// The first number among the arguments.
pub fn size(default: u64) -> u64 {
    std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(default)
}

/// Whether a word is among the arguments, or no word is: picks parts of a bench.
pub fn wanted(part: &str) -> bool {
    let mut words =
        std::env::args().skip(1).filter(|word| !word.starts_with("--") && word.parse::<u64>().is_err()).peekable();
    words.peek().is_none() || words.any(|word| word == part)
}

/// One figure.
pub fn line(name: &str, figure: impl std::fmt::Display) {
    println!("{name:<52} {figure}");
}

/// The value below which `percent` of the values lie.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

/// The median.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// Seconds that something takes.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

/// The limit of everything durable: one sequential write of these bytes and one fsync, in seconds.
pub fn write_and_sync(directory: &Path, bytes: &[u8]) -> f64 {
    let path = directory.join("limit");
    let took = seconds(|| {
        let mut file = File::create(&path).expect("a file");
        file.write_all(bytes).expect("room on the disk");
        file.sync_all().expect("a disk that syncs");
    });
    std::fs::remove_file(&path).expect("the file just written");
    took
}

/// The median of a small write with fdatasync, in milliseconds.
pub fn sync_ms(directory: &Path) -> f64 {
    let path = directory.join("limit");
    let mut file = File::create(&path).expect("a file");
    let mut one = || {
        let took = seconds(|| {
            file.write_all(&[7; 4096]).expect("room on the disk");
            file.sync_data().expect("a disk that syncs");
        });
        took * 1e3
    };
    let mut times: Vec<f64> = (0..25).map(|_| one()).collect();
    median(&mut times)
}

/// Different valid rows, half of them mobile numbers, listed today: without the last column of [`demo::generate_csv`], whose
/// days would let mobile numbers expire.
pub fn csv(rows: u64) -> Vec<u8> {
    let mut text = Vec::new();
    demo::generate_csv(&mut text, rows, 1).expect("memory takes every byte");
    let mut cut = Vec::with_capacity(text.len());
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let end = line.iter().rposition(|byte| *byte == b',').expect("eight columns");
        cut.extend_from_slice(&line[..end]);
        cut.extend_from_slice(b"\r\n");
    }
    cut
}

/// The mobile numbers of such a file.
pub fn mobiles(csv: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(csv).expect("UTF-8");
    text.lines().filter_map(|row| row.strip_prefix("MOB,")?.split(',').next()).collect()
}

/// Waits until the machine has little else to do, 15 seconds at the most.
pub fn quiet() {
    let deadline = Instant::now() + Duration::from_secs(15);
    while busy_share(Duration::from_millis(500)) > 0.1 && Instant::now() < deadline {}
}

/// The share of the processors' time that was not idle.
fn busy_share(during: Duration) -> f64 {
    let before = ticks();
    std::thread::sleep(during);
    let spent = share(&before, &ticks());
    1.0 - spent(3) - spent(4)
}

/// Runs something and tells which share of the processors' time the host gave to other machines meanwhile.
pub fn stolen_while<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = ticks();
    let done = work();
    (done, share(&before, &ticks())(7))
}

/// The processors' time by kind, proc_stat(5): idle is number 3, waiting for disks 4, stolen 7.
fn ticks() -> Vec<f64> {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect()
}

fn share(before: &[f64], after: &[f64]) -> impl Fn(usize) -> f64 + use<> {
    let spent: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    // Guest time, behind the first eight, is contained in user time.
    let all = spent.iter().take(8).sum::<f64>().max(1.0);
    move |kind| spent.get(kind).copied().unwrap_or(0.0) / all
}
