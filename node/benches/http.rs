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

use rustix::event::{PollFd, PollFlags, Timespec, poll};
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
    let redis = if wanted("paced") || wanted("redis") { Redis::holding(root.path(), &listed) } else { None };
    let asked: Vec<Vec<u8>> = ids.iter().map(|id| command(&["SISMEMBER", "listed", id])).collect();
    if wanted("paced") {
        paced((node.api, &singles), redis.as_ref().map(|redis| (redis.1, &asked[..])));
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
    if let Some(redis) = redis.filter(|_| wanted("redis")) {
        let figure = median_of(|| closed(redis.1, &asked, CONNECTIONS, one_line));
        line(&format!("Redis SISMEMBER, {CONNECTIONS} connections, not pipelined"), format!("{figure:.0} /s"));
        let pipelines: Vec<Vec<u8>> = asked.chunks(100).map(<[_]>::concat).collect();
        let figure = median_of(|| closed(redis.1, &pipelines, 2, hundred_lines)) * 100.0;
        line("Redis SISMEMBER, pipelined by 100, 2 connections", format!("{figure:.0} identifiers/s"));
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

/// A fixed schedule that waits for nobody: latency counts from the moment that was planned. The node and Redis in turn, so
/// that both meet the same neighbours on the machine.
fn paced(node: (SocketAddr, &[Vec<u8>]), redis: Option<(SocketAddr, &[Vec<u8>])>) {
    let mut runs = vec![(format!("single checks, {OFFERED}/s offered"), node, http_length as Length, Vec::new())];
    if let Some(redis) = redis {
        runs.push((format!("Redis SISMEMBER, {OFFERED}/s offered"), redis, one_line as Length, Vec::new()));
    }
    for _ in 0..RUNS {
        for (_, (to, requests), length, tails) in &mut runs {
            support::quiet();
            let (mut times, stolen) = support::stolen_while(|| paced_once(*to, requests, *length));
            let p999 = |times: &[f64]| times[(times.len() - 1) * 999 / 1000];
            tails.push((percentile(&mut times, 50), percentile(&mut times, 99), p999(&times), stolen));
        }
    }
    for (name, _, _, tails) in runs {
        let mid = |pick: fn(&(f64, f64, f64, f64)) -> f64| median(&mut tails.iter().map(pick).collect::<Vec<_>>());
        let (p50, p99, p999, stolen) = (mid(|t| t.0), mid(|t| t.1), mid(|t| t.2), mid(|t| t.3));
        let best = tails.iter().map(|t| t.1).fold(f64::MAX, f64::min);
        let figure = format!(
            "p50 {p50:.0} µs, p99 {p99:.0} µs (best of {RUNS}: {best:.0}), p99.9 {p999:.0} µs; {:.0} % of the processors stolen by the host",
            stolen * 100.0
        );
        line(&name, figure);
    }
}

type Length = fn(&[u8]) -> Option<usize>;

/// One thread that sleeps until the next planned moment or the next answer, whichever comes first: a generator with a
/// thread for each connection would mostly measure the machine switching between them.
fn paced_once(to: SocketAddr, requests: &[Vec<u8>], length: Length) -> Vec<f64> {
    let mut lines: Vec<Line> = (0..PACED_CONNECTIONS).map(|_| Line::new(to)).collect();
    let begin = Instant::now() + Duration::from_millis(100);
    let planned = |slot: u64| begin + Duration::from_nanos(slot * 1_000_000_000 / OFFERED);
    let total = OFFERED * EACH.as_secs();
    let (mut next, mut times) = (0, Vec::with_capacity(total as usize));
    while times.len() < total as usize {
        while next < total && planned(next) <= Instant::now() {
            // With every connection busy the request waits, and its time runs.
            let Some(free) = lines.iter_mut().find(|line| line.since.is_none()) else { break };
            free.ask(&requests[next as usize % requests.len()], planned(next));
            next += 1;
        }
        let wait = if next < total && lines.iter().any(|line| line.since.is_none()) {
            planned(next).saturating_duration_since(Instant::now())
        } else {
            Duration::from_secs(10)
        };
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut waiting: Vec<PollFd<'_>> = lines.iter().map(|line| PollFd::new(&line.stream, PollFlags::IN)).collect();
        poll(&mut waiting, Some(&wait)).expect("sockets that can be polled");
        let ready: Vec<bool> = waiting.iter().map(|fd| !fd.revents().is_empty()).collect();
        times.extend(
            lines.iter_mut().zip(ready).filter(|(_, ready)| *ready).filter_map(|(line, _)| line.answer(length)),
        );
    }
    times
}

/// A connection with at most one question out.
struct Line {
    stream: TcpStream,
    since: Option<Instant>,
    read: Vec<u8>,
}

impl Line {
    fn new(to: SocketAddr) -> Line {
        let stream = TcpStream::connect(to).expect("a listener");
        stream.set_nodelay(true).expect("a socket");
        stream.set_nonblocking(true).expect("a socket");
        Line { stream, since: None, read: Vec::with_capacity(1 << 16) }
    }

    fn ask(&mut self, request: &[u8], planned: Instant) {
        self.read.clear();
        self.since = Some(planned);
        // A few hundred bytes into an empty socket buffer.
        self.stream.write_all(request).expect("room for one request");
    }

    /// Microseconds since the planned moment, once the answer is whole.
    fn answer(&mut self, length: Length) -> Option<f64> {
        let mut some = [0; 4096];
        match self.stream.read(&mut some) {
            Ok(read) => self.read.extend_from_slice(&some[..read]),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
        length(&self.read).filter(|whole| self.read.len() >= *whole)?;
        Some(self.since.take()?.elapsed().as_secs_f64() * 1e6)
    }
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

    /// A Redis with these identifiers in one set.
    fn holding(directory: &Path, listed: &[&str]) -> Option<Redis> {
        let Some(redis) = Redis::start(directory) else {
            println!("redis-server is not installed: its figures are left out");
            return None;
        };
        let mut stream = TcpStream::connect(redis.1).expect("Redis listens");
        for chunk in listed.chunks(1000) {
            let words: Vec<&str> = ["SADD", "listed"].into_iter().chain(chunk.iter().copied()).collect();
            stream.write_all(&command(&words)).expect("a socket");
            await_lines(&mut stream, 1);
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
