//! Checks over kept-alive HTTP against a real process, the load generator on the same cores; beside them, in the same run
//! and through the same generator, Redis.
//!
//! `cargo bench -p antibrush-node --bench http [-- single|paced|batch|redis] [ENTRIES]`

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Http, Process, free_port, line, median, percentile, wanted};
use tokio::net::TcpStream as AsyncStream;

const RUNS: usize = 5;
const EACH: Duration = Duration::from_secs(4);
/// Connections of the closed loop: what one risk system's pool keeps open.
const CONNECTIONS: usize = 32;
/// Offered in a second by the open loop, and over how many connections.
const OFFERED: u64 = 10_000;
const PACED_CONNECTIONS: u64 = 16;
const AT_ONCE: usize = 10_000;

fn main() {
    support::machine();
    let entries = support::size(1_000_000);
    let root = tempfile::tempdir().expect("a temporary directory");
    let mut node = Process::founder(root.path());
    node.start();
    let csv = support::csv(entries);
    let summary = node.http().import(&csv);
    assert_eq!(summary["counted"]["listed"], entries, "{summary}");
    let listed = support::mobiles(&csv);
    let token = node.token();
    // Half of the questions are about listed numbers.
    let ids: Vec<String> = (0..50_000)
        .map(|n| if n % 2 == 0 { listed[n * 7919 % listed.len()].to_owned() } else { unlisted(n) })
        .collect();
    let singles: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| {
            Http::request(
                &token,
                "POST",
                "/v1/check",
                json!({ "class": "MOB", "id": id, "purpose": "bench" }).to_string().as_bytes(),
            )
        })
        .collect();
    if wanted("single") {
        let figure = median_of(|| closed(node.api, &singles, CONNECTIONS, http_length));
        line(&format!("single checks, {CONNECTIONS} connections"), format!("{figure:.0} /s"));
    }
    if wanted("paced") {
        paced(node.api, &singles);
    }
    if wanted("batch") {
        let bodies: Vec<Vec<u8>> = ids
            .chunks(AT_ONCE)
            .map(|ids| {
                Http::request(
                    &token,
                    "POST",
                    "/v1/checks",
                    json!({ "class": "MOB", "ids": ids, "purpose": "bench" }).to_string().as_bytes(),
                )
            })
            .collect();
        let figure = median_of(|| closed(node.api, &bodies, 2, http_length)) * AT_ONCE as f64;
        line(&format!("batch checks, {AT_ONCE} identifiers a request"), format!("{figure:.0} identifiers/s"));
    }
    node.stop();
    if wanted("redis") {
        redis(root.path(), &listed, &ids);
    }
}

/// A number that the generated file does not hold, but for one in ten thousand.
fn unlisted(n: usize) -> String {
    format!("199{:08}", n * 1999 % 100_000_000)
}

fn median_of(mut run: impl FnMut() -> f64) -> f64 {
    support::quiet();
    let mut values: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    median(&mut values)
}

/// One request after the other on each connection, all on one thread; answers in a second.
fn closed(to: SocketAddr, requests: &[Vec<u8>], connections: usize, length: fn(&[u8]) -> Option<usize>) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    let done: u64 = runtime.block_on(async {
        let tasks: Vec<_> = (0..connections)
            .map(|n| {
                // The requests outlive the runtime, but only 'static says so to a task.
                let mine: Vec<Vec<u8>> = requests.iter().skip(n).step_by(connections).cloned().collect();
                tokio::task::spawn(one_connection(to, mine, began + EACH, length))
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.expect("a connection that does not panic");
        }
        done
    });
    done as f64 / began.elapsed().as_secs_f64()
}

async fn one_connection(
    to: SocketAddr,
    requests: Vec<Vec<u8>>,
    until: Instant,
    length: fn(&[u8]) -> Option<usize>,
) -> u64 {
    let stream = AsyncStream::connect(to).await.expect("a listener");
    stream.set_nodelay(true).expect("a socket");
    let (mut answer, mut done) = (Vec::with_capacity(1 << 16), 0);
    for request in requests.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        let mut rest = &request[..];
        while !rest.is_empty() {
            match stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => stream.writable().await.expect("a socket"),
            }
        }
        answer.clear();
        while length(&answer).is_none_or(|whole| answer.len() < whole) {
            match stream.try_read_buf(&mut answer) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(_) => {}
                Err(_) => stream.readable().await.expect("a socket"),
            }
        }
        done += 1;
    }
    done
}

/// The whole length of an HTTP answer, once its head is there.
fn http_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..head]));
    let at = answer[..head].windows(16).position(|name| name.eq_ignore_ascii_case(b"content-length: "))? + 16;
    let digits = answer[at..head].iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}

/// A fixed schedule that waits for nobody: latency counts from the moment that was planned.
fn paced(to: SocketAddr, requests: &[Vec<u8>]) {
    let (mut p50, mut p99, mut p999) = (Vec::new(), Vec::new(), Vec::new());
    support::quiet();
    for _ in 0..RUNS {
        let mut times = paced_once(to, requests);
        p50.push(percentile(&mut times, 50));
        p99.push(percentile(&mut times, 99));
        p999.push(times[(times.len() - 1) * 999 / 1000]);
    }
    let figure =
        format!("p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs", median(&mut p50), median(&mut p99), median(&mut p999));
    line(&format!("single checks, {OFFERED}/s offered"), figure);
}

fn paced_once(to: SocketAddr, requests: &[Vec<u8>]) -> Vec<f64> {
    let begin = Instant::now() + Duration::from_millis(100);
    let total = OFFERED * EACH.as_secs();
    let connection = |own: u64| {
        let mut stream = TcpStream::connect(to).expect("a listener");
        stream.set_nodelay(true).expect("a socket");
        let (mut times, mut answer) = (Vec::new(), vec![0; 1 << 16]);
        for slot in (own..total).step_by(PACED_CONNECTIONS as usize) {
            let planned = begin + Duration::from_nanos(slot * 1_000_000_000 / OFFERED);
            std::thread::sleep(planned.saturating_duration_since(Instant::now()));
            stream.write_all(&requests[slot as usize % requests.len()]).expect("a socket");
            let mut read = 0;
            while http_length(&answer[..read]).is_none_or(|whole| read < whole) {
                read += stream.read(&mut answer[read..]).expect("an answer");
            }
            times.push(planned.elapsed().as_secs_f64() * 1e6);
        }
        times
    };
    std::thread::scope(|scope| {
        let connection = &connection;
        let running: Vec<_> = (0..PACED_CONNECTIONS).map(|own| scope.spawn(move || connection(own))).collect();
        running.into_iter().flat_map(|one| one.join().expect("a connection that does not panic")).collect()
    })
}

/// A Redis of our own on a free port; killed when dropped.
struct Redis(Child, SocketAddr);

impl Redis {
    fn start(directory: &Path) -> Option<Redis> {
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir(directory)
            .stdout(Stdio::null())
            .spawn();
        let redis = Redis(child.ok()?, SocketAddr::from(([127, 0, 0, 1], port)));
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(redis.1).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Has ended by itself, or ends now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn redis(directory: &Path, listed: &[&str], ids: &[String]) {
    let Some(redis) = Redis::start(directory) else {
        println!("redis-server is not installed: its figures are left out");
        return;
    };
    let mut stream = TcpStream::connect(redis.1).expect("Redis listens");
    for chunk in listed.chunks(1000) {
        let words: Vec<&str> = ["SADD", "listed"].into_iter().chain(chunk.iter().copied()).collect();
        stream.write_all(&command(&words)).expect("a socket");
        await_lines(&mut stream, 1);
    }
    let singles: Vec<Vec<u8>> = ids.iter().map(|id| command(&["SISMEMBER", "listed", id])).collect();
    let figure = median_of(|| closed(redis.1, &singles, CONNECTIONS, one_line));
    line(&format!("Redis SISMEMBER, {CONNECTIONS} connections, not pipelined"), format!("{figure:.0} /s"));
    let pipelines: Vec<Vec<u8>> = singles.chunks(100).map(<[_]>::concat).collect();
    let figure = median_of(|| closed(redis.1, &pipelines, 2, hundred_lines)) * 100.0;
    line("Redis SISMEMBER, pipelined by 100, 2 connections", format!("{figure:.0} identifiers/s"));
}

fn command(words: &[&str]) -> Vec<u8> {
    let arguments: Vec<String> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{}", words.len(), arguments.concat()).into_bytes()
}

fn one_line(answer: &[u8]) -> Option<usize> {
    answer.ends_with(b"\n").then_some(answer.len())
}

/// Answers to SISMEMBER are four bytes each.
fn hundred_lines(answer: &[u8]) -> Option<usize> {
    (answer.len() >= 400).then_some(answer.len())
}

fn await_lines(stream: &mut TcpStream, lines: usize) {
    let (mut seen, mut buffer) = (0, [0; 4096]);
    while seen < lines {
        let read = stream.read(&mut buffer).expect("an answer");
        seen += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
    }
}
