//! Stands between a client and a server and counts what goes through: requests by their codes, and the bytes of answers.
//! What a name server says of brokers is changed to where their taps listen.

use bytes::BytesMut;
use protocol::frame;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What went through so far.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Requests by code.
    pub requests: BTreeMap<i32, u64>,
    /// Bytes of answers, frames and all.
    pub answered: u64,
}

impl Counted {
    /// What came since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let less = |(code, count): (&i32, &u64)| (*code, count - before.requests.get(code).unwrap_or(&0));
        let requests = self.requests.iter().map(less).filter(|(_, count)| *count > 0).collect();
        Self { requests, answered: self.answered - before.answered }
    }
}

/// A tap on one server.
pub struct Tap {
    /// `host:port` where it listens.
    pub addr: String,
    counted: Arc<Mutex<Counted>>,
}

impl Tap {
    /// Listens on `port` for who wants `server`; of what it answers `from` becomes `to`, each as long as its other.
    pub fn before(server: &str, port: u16, changes: &[(String, String)]) -> Self {
        assert!(changes.iter().all(|(from, to)| from.len() == to.len()), "frames must stay as long as they are");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let (server, changes) = (server.to_owned(), Arc::new(changes.to_vec()));
        let counted = Arc::new(Mutex::new(Counted::default()));
        let (addr, to) = (format!("127.0.0.1:{port}"), counted.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                // A client that comes to a server that is gone finds its connection closed.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let again = |end: &TcpStream| end.try_clone().expect("a socket");
                let (clients, servers) = ((again(&client), client), (again(&server), server));
                let (counted, changes) = (to.clone(), changes.clone());
                thread::spawn(move || ask(clients.0, servers.0, &counted));
                let counted = to.clone();
                thread::spawn(move || answer(servers.1, clients.1, &counted, &changes));
            }
        });
        Self { addr, counted }
    }

    /// What went through so far.
    pub fn counted(&self) -> Counted {
        self.counted.lock().expect("nobody panics with it").clone()
    }
}

/// Carries requests.
fn ask(mut from: TcpStream, mut to: TcpStream, counted: &Mutex<Counted>) {
    let (mut chunk, mut input) = ([0; 65536], BytesMut::new());
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        input.extend_from_slice(&chunk[..read]);
        while let Some(request) = frame::decode(&mut input).expect("clients send whole frames") {
            *counted.lock().expect("nobody panics with it").requests.entry(request.code).or_default() += 1;
        }
        if to.write_all(&chunk[..read]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Carries answers. Those that nothing is changed in are not taken apart.
fn answer(mut from: TcpStream, mut to: TcpStream, counted: &Mutex<Counted>, changes: &[(String, String)]) {
    let (mut chunk, mut input) = (vec![0; 256 * 1024], Vec::new());
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        counted.lock().expect("nobody panics with it").answered += read as u64;
        if changes.is_empty() {
            if to.write_all(&chunk[..read]).is_err() {
                return;
            }
            continue;
        }
        input.extend_from_slice(&chunk[..read]);
        while let Some(len) = input.first_chunk::<4>().map(|len| u32::from_be_bytes(*len) as usize + 4) {
            if input.len() < len {
                break;
            }
            let mut frame: Vec<u8> = input.drain(..len).collect();
            for (old, new) in changes {
                let found: Vec<usize> = memmem(&frame, old.as_bytes()).collect();
                found.into_iter().for_each(|at| frame[at..at + new.len()].copy_from_slice(new.as_bytes()));
            }
            if to.write_all(&frame).is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

fn memmem<'a>(all: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    all.windows(wanted.len()).enumerate().filter(move |(_, window)| *window == wanted).map(|(at, _)| at)
}
