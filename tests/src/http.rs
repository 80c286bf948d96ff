//! A blocking HTTP/1.1 client, written here so that the server is not tested with its own library.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longer than any single answer takes, a million rows included.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A client of one node that keeps its connection.
pub struct Http {
    api: SocketAddr,
    token: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The media type, without parameters.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer that comes line by line.
pub struct Lines {
    /// The status.
    pub status: u16,
    reader: BufReader<Body<BufReader<TcpStream>>>,
}

impl Http {
    /// A client with a bearer token.
    pub fn new(api: SocketAddr, token: Option<&str>) -> Http {
        Http { api, token: token.map(str::to_owned), connection: None }
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// POST with JSON.
    pub fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Any request.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Any request to a node that may go away meanwhile.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn try_send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
        let request = self.request(method, path, headers, body);
        let kept = self.connection.take().and_then(|kept| exchange(kept, &request).ok());
        // A connection that was kept may have been closed meanwhile (RFC 9112 section 9.5): once more on a new one.
        let (connection, head) = match kept {
            Some(answered) => answered,
            None => exchange(self.connect()?, &request)?,
        };
        let mut content = Vec::new();
        let mut reader = Body { reader: connection, left: head.left };
        reader.read_to_end(&mut content)?;
        if !head.closes {
            self.connection = Some(reader.reader);
        }
        Ok(Reply { status: head.status, content_type: head.content_type, body: content })
    }

    /// A request whose answer is read line by line, on a connection of its own.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn lines(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Lines> {
        let (connection, head) = exchange(self.connect()?, &self.request(method, path, headers, body))?;
        Ok(Lines { status: head.status, reader: BufReader::new(Body { reader: connection, left: head.left }) })
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.api, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(BufReader::new(stream))
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.api, body.len());
        if let Some(token) = &self.token {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    /// The body as JSON of a good answer.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and kind of a problem, after looking at its form.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.content_type, "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        let kind = problem["type"].as_str().and_then(|kind| kind.strip_prefix("urn:antibrush:problem:"));
        (self.status, kind.unwrap_or_else(|| panic!("another kind in {problem}")).to_owned())
    }
}

impl Iterator for Lines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Some(Err(error)),
        }
    }
}

fn exchange(mut connection: BufReader<TcpStream>, request: &[u8]) -> io::Result<(BufReader<TcpStream>, Head)> {
    // An early refusal may come before the body is read to its end; the answer counts then.
    let written = connection.get_mut().write_all(request);
    let head = Head::read(&mut connection).map_err(|error| written.err().unwrap_or(error))?;
    Ok((connection, head))
}

struct Head {
    status: u16,
    content_type: String,
    closes: bool,
    left: Left,
}

/// What is still to come of a body.
enum Left {
    Bytes(u64),
    /// The rest of this chunk; then another one.
    Chunk(u64),
    First,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> io::Result<Head> {
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        let first = line(reader)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
        let mut head = Head { status, content_type: String::new(), closes: false, left: Left::Bytes(0) };
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                return Ok(head);
            }
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.left = Left::Bytes(value.parse().map_err(|_| malformed())?),
                "transfer-encoding" if value == "chunked" => head.left = Left::First,
                "content-type" => head.content_type = value.split(';').next().unwrap_or_default().to_owned(),
                "connection" => head.closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
    }
}

struct Body<R> {
    reader: R,
    left: Left,
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.left, Left::First | Left::Chunk(0)) {
            if matches!(self.left, Left::Chunk(0)) {
                line(&mut self.reader)?;
            }
            let size = line(&mut self.reader)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            self.left = if size == 0 { Left::Bytes(0) } else { Left::Chunk(size) };
            if size == 0 {
                line(&mut self.reader)?;
            }
        }
        let (Left::Bytes(left) | Left::Chunk(left)) = &mut self.left else { return Ok(0) };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *left -= read as u64;
        Ok(read)
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
