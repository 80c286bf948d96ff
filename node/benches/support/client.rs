//! HTTP/1.1 over one kept-alive connection, blocking: no more than the benches need.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// One connection to a node.
pub struct Http {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Http {
    /// Connects, or says that nobody listens yet.
    pub fn connect(api: SocketAddr, token: &str) -> std::io::Result<Http> {
        let stream = TcpStream::connect(api)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(600)))?;
        Ok(Http { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// The bytes of a request.
    pub fn request(token: &str, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let kind = if path.starts_with("/v1/import") { "application/octet-stream" } else { "application/json" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    /// Asks and reads the answer: its status and body.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let request = Http::request(&self.token, method, path, body);
        self.exchange(&request)
    }

    /// Asks with prepared bytes.
    pub fn exchange(&mut self, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let (mut status, mut length, mut chunked) = (0, 0, false);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap_or(0);
            } else if let Some(value) = text.strip_prefix("content-length: ") {
                length = value.parse().unwrap_or(0);
            } else if text == "transfer-encoding: chunked" {
                chunked = true;
            } else if text.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        if !chunked {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
            return Ok((status, body));
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
            let from = body.len();
            body.resize(from + size, 0);
            self.stream.read_exact(&mut body[from..])?;
            line.clear();
            self.stream.read_line(&mut line)?;
            if size == 0 {
                return Ok((status, body));
            }
        }
    }

    /// Asks with JSON and reads JSON; panics if the node refuses.
    pub fn json(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (status, answer) = self.send(method, path, &body).expect("an answer");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// Imports a file and returns the summary.
    pub fn import(&mut self, csv: &[u8]) -> Value {
        let (status, answer) = self.send("POST", "/v1/import?name=bench.csv", csv).expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let last = answer.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).expect("a last line");
        let last: Value = serde_json::from_slice(last).expect("JSON");
        assert!(last["summary"].is_object(), "{last}");
        last["summary"].clone()
    }

    /// The answer to one check, in one word.
    pub fn check(&mut self, class: &str, id: &str) -> String {
        let asked = serde_json::json!({ "class": class, "id": id, "purpose": "bench" });
        self.json("POST", "/v1/check", &asked)["answer"].as_str().expect("a word").to_owned()
    }
}
