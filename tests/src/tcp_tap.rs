//! A TCP line with an ear on it: connections are forwarded as they are, and everything that goes through is kept, so that a
//! test can look at what a client and a node, or two nodes, really said.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
    time::Duration,
};

use crate::leaks::{Leak, Leaks};

/// The most that one tap keeps. A test that needs more needs another way to look.
const MOST: usize = 256 << 20;

/// Both ends are on this machine.
const CONNECT: Duration = Duration::from_secs(10);

/// A forwarder from a port of its own on loopback to one target. It ends, with its connections, when it goes out of scope.
pub struct TcpTap {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What went through one connection.
#[derive(Clone, Default)]
pub struct Recorded {
    /// From who connected.
    pub sent: Vec<u8>,
    /// From the target.
    pub received: Vec<u8>,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorded({} sent, {} received)", self.sent.len(), self.received.len())
    }
}

struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recorded: Vec<Recorded>,
    bytes: usize,
    full: bool,
    closed: bool,
    /// The two sockets of each connection that is open, by its place in `recorded`.
    open: BTreeMap<usize, [TcpStream; 2]>,
    threads: Vec<JoinHandle<()>>,
}

impl TcpTap {
    /// Listens on a free port and forwards each connection to `target`, which need not listen yet.
    pub fn to(target: SocketAddr) -> TcpTap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared { target, state: Mutex::default() });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting));
        TcpTap { address, shared, acceptor: Some(acceptor) }
    }

    /// Where to connect instead of the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that went through so far, both ways.
    pub fn bytes(&self) -> usize {
        self.shared.complete().bytes
    }

    /// What went through so far, one a connection, in the order in which they came.
    ///
    /// # Panics
    /// If it was more than the tap keeps.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.complete().recorded.clone()
    }

    /// Searches what went through so far; each direction of each connection is a place of its own.
    ///
    /// # Panics
    /// If it was more than the tap keeps, or nothing: such a search would prove nothing.
    pub fn scan(&self, name: &str, leaks: &Leaks) -> Vec<Leak> {
        let state = self.shared.complete();
        assert!(state.bytes > 0, "nothing went through {name}");
        let all = state.recorded.iter().enumerate();
        let found = all.flat_map(|(number, recorded)| {
            let sent = leaks.scan(&format!("{name}, connection {number}, sent"), &recorded.sent);
            let received = leaks.scan(&format!("{name}, connection {number}, received"), &recorded.received);
            [sent, received].concat()
        });
        found.collect()
    }

    /// Searches what came from the target alone: the answers of a node, whose callers name identifiers by nature.
    ///
    /// # Panics
    /// If it was more than the tap keeps, or nothing: such a search would prove nothing.
    pub fn scan_answers(&self, name: &str, leaks: &Leaks) -> Vec<Leak> {
        let state = self.shared.complete();
        let all = state.recorded.iter().enumerate();
        assert!(all.clone().any(|(_, recorded)| !recorded.received.is_empty()), "nothing was answered through {name}");
        all.flat_map(|(number, recorded)| {
            leaks.scan(&format!("{name}, connection {number}, received"), &recorded.received)
        })
        .collect()
    }
}

impl Drop for TcpTap {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        // Wakes the acceptor, which then sees that it is over.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let threads = {
            let mut state = self.shared.state();
            state.open.values().flatten().for_each(end);
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the tap panics")
    }

    fn complete(&self) -> MutexGuard<'_, State> {
        let state = self.state();
        // Asserting under the lock would poison it for the threads.
        let full = state.full;
        if full {
            drop(state);
            panic!("more than {MOST} bytes went through the tap: it has not kept all");
        }
        state
    }
}

impl State {
    /// Keeps what came through a connection, and says whether there was room for it.
    fn keep(&mut self, number: usize, way: fn(&mut Recorded) -> &mut Vec<u8>, bytes: &[u8]) -> bool {
        self.full |= self.bytes + bytes.len() > MOST;
        if !self.full {
            self.bytes += bytes.len();
            way(&mut self.recorded[number]).extend_from_slice(bytes);
        }
        !self.full
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.state();
        if state.closed {
            return;
        }
        state.threads.retain(|thread| !thread.is_finished());
        // A client that has gone again is not worth a word.
        let Ok(client) = client else { continue };
        let forwarding = Arc::clone(shared);
        state.threads.push(std::thread::spawn(move || drop(forward(client, &forwarding))));
    }
}

/// Carries one connection to its end. A target that is not there closes it.
fn forward(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let target = TcpStream::connect_timeout(&shared.target, CONNECT)?;
    client.set_nodelay(true)?;
    target.set_nodelay(true)?;
    let both = [client.try_clone()?, target.try_clone()?];
    let number = {
        let mut state = shared.state();
        if state.closed || state.full {
            return Ok(());
        }
        let number = state.recorded.len();
        state.recorded.push(Recorded::default());
        state.open.insert(number, both);
        number
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pump(&target, &client, shared, number, |recorded| &mut recorded.received));
        pump(&client, &target, shared, number, |recorded| &mut recorded.sent);
    });
    shared.state().open.remove(&number);
    Ok(())
}

/// Carries one direction. Bytes are kept before they are passed on: whoever has seen an answer finds it recorded.
fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    shared: &Shared,
    number: usize,
    way: fn(&mut Recorded) -> &mut Vec<u8>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let whole = match from.read(&mut buffer) {
            // The other direction may go on.
            Ok(0) => return drop(to.shutdown(Shutdown::Write)),
            Ok(read) => shared.state().keep(number, way, &buffer[..read]) && to.write_all(&buffer[..read]).is_ok(),
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        };
        if !whole {
            end(from);
            return end(to);
        }
    }
}

/// Ends both directions of a socket; fails only if they have ended already.
fn end(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each connection with what it sends, in upper case, until it has sent everything.
    fn shouter() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                std::thread::spawn(move || {
                    let (mut connection, mut buffer) = (connection.unwrap(), vec![0; 4096]);
                    while let Ok(read @ 1..) = connection.read(&mut buffer) {
                        buffer[..read].make_ascii_uppercase();
                        connection.write_all(&buffer[..read]).unwrap();
                    }
                });
            }
        });
        address
    }

    #[test]
    fn both_directions_of_every_connection_are_carried_and_kept() {
        let tap = TcpTap::to(shouter());
        let mut clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(tap.address()).unwrap()).collect();
        for round in 0..2 {
            for (number, client) in clients.iter_mut().enumerate() {
                let said = format!("[{number} says taobao:brusher-{round}] ");
                client.write_all(said.as_bytes()).unwrap();
                let mut heard = vec![0; said.len()];
                client.read_exact(&mut heard).unwrap();
                assert_eq!(heard, said.to_uppercase().into_bytes());
            }
        }
        // A client that has said everything still hears the rest, and then the end.
        clients[0].shutdown(Shutdown::Write).unwrap();
        assert_eq!(clients[0].read_to_end(&mut Vec::new()).unwrap(), 0);
        let recorded = tap.recorded();
        assert_eq!(recorded.len(), 3);
        let mut sent: Vec<String> = recorded.iter().map(|line| String::from_utf8(line.sent.clone()).unwrap()).collect();
        sent.sort();
        let expected = |number| format!("[{number} says taobao:brusher-0] [{number} says taobao:brusher-1] ");
        assert_eq!(sent, [expected(0), expected(1), expected(2)]);
        assert!(recorded.iter().all(|line| line.received == line.sent.to_ascii_uppercase()));
        assert_eq!(tap.bytes(), 6 * expected(0).len());
        let found = tap.scan("line", &Leaks::new(&[("ACC", "taobao:brusher-1"), ("ACC", "taobao:brusher-2")]));
        assert!(found.iter().all(|leak| leak.identifier == 0), "{found:?}");
        let places: std::collections::BTreeSet<&str> = found.iter().map(|leak| leak.place.as_str()).collect();
        assert_eq!(places.len(), 6, "{places:?}");
        let answers = tap.scan_answers("line", &Leaks::new(&[("ACC", "taobao:brusher-1")]));
        assert!(answers.len() >= 3 && answers.iter().all(|leak| leak.place.ends_with("received")), "{answers:?}");
    }

    #[test]
    fn it_ends_when_it_is_dropped_and_takes_its_connections_along() {
        let tap = TcpTap::to(shouter());
        let address = tap.address();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"a").unwrap();
        client.read_exact(&mut [0]).unwrap();
        drop(tap);
        // An end or a reset, not silence.
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn a_target_that_is_not_there_closes_the_connection() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let tap = TcpTap::to(gone);
        let mut client = TcpStream::connect(tap.address()).unwrap();
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        assert_eq!(tap.bytes(), 0);
    }

    #[test]
    fn what_does_not_fit_is_not_kept_in_part() {
        let mut state = State { recorded: vec![Recorded::default()], bytes: MOST - 2, ..State::default() };
        assert!(state.keep(0, |recorded| &mut recorded.sent, b"ab"));
        assert!(!state.keep(0, |recorded| &mut recorded.sent, b"c"));
        assert!(state.full && state.recorded[0].sent == b"ab");
    }
}
