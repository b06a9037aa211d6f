//! A connection over an in-memory pipe, in simulated time: pipelining, long polls, idling, and peers that misbehave.

use bytes::{Buf, BytesMut};
use protocol::{Command, Encoding, frame};
use remoting::{Answers, Client, Error, Limits, Peer, Receipt, Service, run, server};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

const ECHO: i32 = 1;
const AFTER_15_S: i32 = 2;
const NEVER: i32 = 3;
const ASK_BACK: i32 = 4;

#[derive(Default)]
struct Echo {
    reads: AtomicUsize,
    closed: AtomicUsize,
}

impl Service for Echo {
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        for request in requests.drain(..) {
            let receipt = Receipt::of(&request);
            let answer = Command::success().with_body(request.body.clone());
            let peer = peer.clone();
            match request.code {
                ECHO => answers.now(receipt, answer),
                AFTER_15_S => answers.later(receipt, async {
                    tokio::time::sleep(Duration::from_secs(15)).await;
                    Some(answer)
                }),
                ASK_BACK => answers.later(receipt, async move {
                    peer.call(Command::request(ECHO).with_body(answer.body), Duration::from_secs(1)).await.ok()
                }),
                _ => answers.later(receipt, async { None }),
            }
        }
    }

    fn closed(&self, _: &Arc<Peer>) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

struct Wire {
    stream: DuplexStream,
    bytes: BytesMut,
}

impl Wire {
    async fn send(&mut self, commands: &[Command]) {
        let mut all = Vec::new();
        for command in commands {
            all.extend_from_slice(&frame::encode(command).expect("small"));
        }
        self.stream.write_all(&all).await.expect("open");
    }

    /// The next command, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<Command> {
        loop {
            if let Some(command) = frame::decode(&mut self.bytes).expect("well-formed") {
                return Some(command);
            }
            if self.stream.read_buf(&mut self.bytes).await.expect("open") == 0 {
                return None;
            }
        }
    }
}

fn connect(limits: Limits, pipe: usize) -> (Wire, Arc<Echo>, CancellationToken) {
    let (near, far) = tokio::io::duplex(pipe);
    let local = "127.0.0.1:1".parse().expect("an address");
    let (peer, requests_out) = Peer::new(local, local);
    let (service, shutdown) = (Arc::new(Echo::default()), CancellationToken::new());
    let (serving, stop) = (service.clone(), shutdown.clone());
    tokio::spawn(async move { run(far, Arc::new(peer), requests_out, &*serving, limits, &stop).await });
    (Wire { stream: near, bytes: BytesMut::new() }, service, shutdown)
}

fn request(code: i32, opaque: i32) -> Command {
    Command { opaque, ..Command::request(code) }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_does_not_hold_up_what_comes_after_it() {
    let (mut wire, ..) = connect(Limits::default(), 1 << 16);
    let start = Instant::now();
    wire.send(&[request(AFTER_15_S, 1), request(ECHO, 2), Command { encoding: Encoding::Binary, ..request(ECHO, 3) }])
        .await;
    assert_eq!(wire.next().await.map(|answer| answer.opaque), Some(2));
    assert_eq!(wire.next().await.map(|answer| (answer.opaque, answer.encoding)), Some((3, Encoding::Binary)));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(wire.next().await.map(|answer| answer.opaque), Some(1));
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_read_are_handed_over_together_and_one_way_ones_get_no_answer() {
    let (mut wire, service, _) = connect(Limits::default(), 1 << 16);
    let mut requests: Vec<_> = (0..8).map(|opaque| request(ECHO, opaque)).collect();
    requests[3] = request(ECHO, 3).one_way();
    wire.send(&requests).await;
    for opaque in (0..8).filter(|opaque| *opaque != 3) {
        assert_eq!(wire.next().await.map(|answer| answer.opaque), Some(opaque));
    }
    assert_eq!(service.reads.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_an_active_one_is_not() {
    let (mut wire, service, _) = connect(Limits::default(), 1 << 16);
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(100)).await;
    wire.send(&[request(ECHO, 1)]).await;
    assert!(wire.next().await.is_some());
    assert!(wire.next().await.is_none());
    assert_eq!(start.elapsed().as_secs(), 220);
    tokio::task::yield_now().await;
    assert_eq!(service.closed.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_frame_closes_the_connection_after_what_came_before_it_is_answered() {
    let (mut wire, ..) = connect(Limits::default(), 1 << 16);
    let mut bytes = frame::encode(&request(ECHO, 1)).expect("small").to_vec();
    bytes.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    wire.stream.write_all(&bytes).await.expect("open");
    assert!(wire.next().await.is_some());
    assert!(wire.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_not_read_from_for_ever() {
    let limits = Limits { unsent_bytes: 10_000, ..Limits::default() };
    let (mut wire, service, _) = connect(limits, 1000);
    let big = request(ECHO, 0).with_body(vec![7; 900]);
    let bytes = frame::encode(&big).expect("small");
    let mut taken = 0;
    // The pipe holds 1,000 bytes each way: once the server stops reading, writing stalls.
    while tokio::time::timeout(Duration::from_secs(1), wire.stream.write_all(&bytes)).await.is_ok() {
        taken += 1;
        assert!(taken < 100, "the server takes requests without end");
    }
    assert!(taken >= 10);
    assert_eq!(service.closed.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn unanswered_requests_are_bounded() {
    let limits = Limits { unanswered: 4, ..Limits::default() };
    let (mut wire, service, _) = connect(limits, 64);
    for opaque in 0..20 {
        let bytes = frame::encode(&request(AFTER_15_S, opaque)).expect("small");
        let start = Instant::now();
        wire.stream.write_all(&bytes).await.expect("open");
        if start.elapsed().as_secs() >= 15 {
            assert!((4..8).contains(&opaque), "stalled at {opaque}");
            return;
        }
    }
    panic!("20 requests were taken without an answer: {} reads", service.reads.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn large_bodies_come_through_whole_whatever_the_pipe() {
    let (wire, ..) = connect(Limits::default(), 777);
    let body: Vec<u8> = (0..300_000u32).map(|at| at as u8).collect();
    let (mut reader, mut writer) = tokio::io::split(wire.stream);
    let (mut to, mut from) = (frame::encode(&request(ECHO, 9).with_body(body.clone())).expect("fits"), BytesMut::new());
    let answer = loop {
        tokio::select! {
            written = writer.write(&to), if !to.is_empty() => to.advance(written.expect("open")),
            read = reader.read_buf(&mut from) => assert!(read.expect("open") > 0),
        }
        if let Some(answer) = frame::decode(&mut from).expect("well-formed") {
            break answer;
        }
    };
    assert_eq!(answer.body.to_bytes(), body);
}

#[tokio::test(start_paused = true)]
async fn a_server_may_ask_its_client() {
    let (mut wire, ..) = connect(Limits::default(), 1 << 16);
    wire.send(&[request(ASK_BACK, 70).with_body(&b"?"[..])]).await;
    let asked = wire.next().await.expect("the server asks");
    assert_eq!((asked.code, asked.is_answer()), (ECHO, false));
    wire.send(&[Command { opaque: asked.opaque, ..Command::success().with_body(&b"!"[..]) }]).await;
    let answer = wire.next().await.expect("and answers");
    assert_eq!((answer.opaque, &answer.body.to_bytes()[..]), (70, &b"!"[..]));
}

#[tokio::test]
async fn a_client_reconnects_and_names_the_address_it_cannot_reach() {
    let service = Arc::new(Echo::default());
    let listener = server::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let tasks = base::Tasks::default();
    tasks.spawn("listener", server::serve(listener, service.clone(), Limits::default(), tasks.clone()));
    let client = Client::asking();
    let wait = Duration::from_secs(20);
    for _ in 0..2 {
        let answer = client.call(&addr.to_string(), Command::request(ECHO).with_body(&b"x"[..]), wait).await;
        assert_eq!(&answer.expect("answered").body.to_bytes()[..], b"x");
        client.peer(&addr.to_string()).await.expect("connected").close();
    }
    let unanswered = client.call(&addr.to_string(), Command::request(NEVER), Duration::from_millis(20)).await;
    assert!(matches!(unanswered, Err(Error::TimedOut { .. })), "{unanswered:?}");
    assert!(tasks.stop(wait).await);
    let noticed = async {
        while !client.connected().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(wait, noticed).await.expect("the client notices that the server is gone");
    let refused = client.call(&addr.to_string(), Command::request(ECHO), wait).await;
    assert!(matches!(&refused, Err(Error::Connect { addr: tried, .. }) if *tried == addr.to_string()), "{refused:?}");
}
