//! A forwarder on loopback that counts: what two nodes really send each other, with framing and encryption.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes of TCP's payload through one connection: from who connected, and back.
type Line = Arc<[AtomicU64; 2]>;

/// The forwarder; it ends with the process.
pub struct Relay {
    /// Where to connect instead of the target.
    pub port: u16,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Relay {
    /// Forwards each connection to a port, where nobody need listen yet.
    pub fn to(target: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let lines: Arc<Mutex<Vec<Line>>> = Arc::default();
        let counting = lines.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], target))) else { continue };
                let line = Line::default();
                counting.lock().expect("no thread panics").push(line.clone());
                for (way, from, to) in [(0, &client, &server), (1, &server, &client)] {
                    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let line = line.clone();
                    std::thread::spawn(move || pump(from, to, &line[way]));
                }
            }
        });
        Relay { port, lines }
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        self.lines.lock().expect("no thread panics").len()
    }

    /// Bytes through the connections from this one on: from those who connected, and back to them.
    pub fn bytes(&self, first: usize) -> [u64; 2] {
        let lines = self.lines.lock().expect("no thread panics");
        let sum = |way: usize| lines.iter().skip(first).map(|line| line[way].load(Ordering::Relaxed)).sum();
        [sum(0), sum(1)]
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    // As the nodes do.
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // Before it is passed on: whoever has seen an answer finds it counted.
        count.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // The other end may have gone first.
    let _ = to.shutdown(Shutdown::Both);
}
