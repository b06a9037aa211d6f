//! A broker to measure, and the load that is put on it: a closed loop over one connection, as a Java client sends.

#![allow(dead_code, reason = "each bench uses a part")]

use bytes::BytesMut;
use protocol::{
    Command,
    code::request,
    code::response,
    frame,
    heartbeat::java_hash,
    pull::{Pull, PullAnswer, pull_flag},
    send::SendHeader,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command as Process, Stdio},
    time::{Duration, Instant},
};

const BODY_LEN: usize = 1024;
/// USER_HZ, 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// A broker of its own, without name servers; killed at the end.
pub struct Broker {
    process: Child,
    port: u16,
    _stdout: BufReader<ChildStdout>,
}

impl Broker {
    pub fn start(rmq: &str, dir: &Path) -> Self {
        Self::start_with(rmq, dir, "")
    }

    pub fn start_with(rmq: &str, dir: &Path, settings: &str) -> Self {
        let port = free_port();
        let conf = dir.join("broker.conf");
        let store = dir.join("store");
        let text = format!("brokerIP1=127.0.0.1\nlistenPort={port}\nstorePathRootDir={}\n{settings}", store.display());
        fs::write(&conf, text).expect("a writable folder");
        let mut process = Process::new(rmq)
            .args(["broker", "-c"])
            .arg(&conf)
            .env_remove("NAMESRV_ADDR")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rmq starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("boot success") {
            line.clear();
            assert!(stdout.read_line(&mut line).expect("readable") > 0, "the broker ended before it was ready");
        }
        Self { process, port, _stdout: stdout }
    }

    pub fn target(&self) -> Target {
        Target { port: self.port, pid: self.process.id() }
    }

    pub fn private_kib(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process.id())).expect("it runs");
        let of = |name: &str| -> u64 {
            let line = rollup.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
        };
        of("Anonymous:")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A name server of its own; killed at the end.
pub struct NameServer {
    process: Child,
    /// `host:port`.
    pub addr: String,
    _home: tempfile::TempDir,
}

impl NameServer {
    pub fn start(rmq: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let addr = format!("127.0.0.1:{}", free_port());
        let process = Process::new(rmq)
            .args(["namesrv", "--listen", &addr])
            .env("HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rmq starts");
        while TcpStream::connect(&addr).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { process, addr, _home: home }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A broker to be loaded.
#[derive(Clone, Copy)]
pub struct Target {
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub pid: u32,
}

impl Target {
    pub fn connect(self) -> Connection {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Connection { stream, input: BytesMut::new() }
    }

    /// CPU it has used so far, µs.
    pub fn cpu_us(self) -> f64 {
        self.cpu_ticks() as f64 * 1e6 / TICKS_PER_SECOND
    }

    fn cpu_ticks(self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("it runs");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in parentheses").1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

/// What a round came to.
pub struct Sample {
    pub messages: u64,
    pub seconds: f64,
    pub p50_us: f64,
    /// CPU of the broker for each message; filled in by who measures it.
    pub cpu_us: f64,
}

/// A client's connection.
pub struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    /// Sends one message: the code of the answer.
    pub fn send_one(&mut self) -> i32 {
        let mut out = Vec::new();
        push_request(0, 0, &[b'x'; BODY_LEN], &mut out);
        self.stream.write_all(&out).expect("the broker reads");
        self.receive().code
    }

    /// Keeps `flight` requests in flight for `time`, at least one.
    pub fn send(&mut self, flight: usize, time: Duration) -> Sample {
        let body = vec![b'x'; BODY_LEN];
        let mut out = Vec::new();
        let mut sent_at = vec![Instant::now(); flight];
        let mut latencies = Vec::new();
        let start = Instant::now();
        let mut messages = 0u64;
        (0..flight).for_each(|slot| push_request(slot, messages, &body, &mut out));
        let mut in_flight = flight;
        while in_flight > 0 {
            self.stream.write_all(&out).expect("the broker reads");
            out.clear();
            let mut chunk = [0; 65536];
            let read = self.stream.read(&mut chunk).expect("the broker answers");
            assert!(read > 0, "the broker closed the connection");
            self.input.extend_from_slice(&chunk[..read]);
            let now = Instant::now();
            let go_on = now - start < time;
            while let Some(answer) = frame::decode(&mut self.input).expect("well-formed answers") {
                assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
                let slot = answer.opaque as usize;
                latencies.push((now - sent_at[slot]).as_secs_f64() * 1e6);
                messages += 1;
                in_flight -= usize::from(!go_on);
                if go_on {
                    sent_at[slot] = now;
                    push_request(slot, messages, &body, &mut out);
                }
            }
        }
        Sample { messages, seconds: start.elapsed().as_secs_f64(), p50_us: median(&latencies), cpu_us: 0.0 }
    }
}

impl Connection {
    /// Pulls the four queues from front to back, again and again, for `time`.
    pub fn pull(&mut self, time: Duration) -> Sample {
        let (mut messages, mut offsets, start) = (0, [0i64; 4], Instant::now());
        while start.elapsed() < time {
            for (queue, offset) in offsets.iter_mut().enumerate() {
                let header = Pull {
                    consumer_group: "bench".to_owned(),
                    topic: "BenchmarkTest".to_owned(),
                    queue_id: queue as i32,
                    queue_offset: *offset,
                    max_msg_nums: 32,
                    sys_flag: pull_flag::SUBSCRIPTION,
                    commit_offset: 0,
                    suspend_timeout_millis: 0,
                    subscription: Some("*".to_owned()),
                    sub_version: 0,
                    expression_type: None,
                };
                let request = Command::request(request::PULL_MESSAGE).with_header(&header);
                self.stream.write_all(&frame::encode(&request).expect("small")).expect("the broker reads");
                let answer = self.receive();
                let told: PullAnswer = answer.header().expect("an answer to a pull");
                let found = answer.code == response::SUCCESS;
                messages += if found { (told.next_begin_offset - *offset) as u64 } else { 0 };
                *offset = if found && told.next_begin_offset < told.max_offset { told.next_begin_offset } else { 0 };
            }
        }
        Sample { messages, seconds: start.elapsed().as_secs_f64(), p50_us: f64::NAN, cpu_us: 0.0 }
    }

    fn receive(&mut self) -> Command {
        loop {
            if let Some(answer) = frame::decode(&mut self.input).expect("well-formed answers") {
                return answer;
            }
            let mut chunk = [0; 65536];
            let read = self.stream.read(&mut chunk).expect("the broker answers");
            assert!(read > 0, "the broker closed the connection");
            self.input.extend_from_slice(&chunk[..read]);
        }
    }
}

fn push_request(slot: usize, number: u64, body: &[u8], out: &mut Vec<u8>) {
    let unique = format!("7F0000014E5A{:08X}{number:012X}", java_hash("bench"));
    let properties = format!("UNIQ_KEY\u{1}{unique}\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA");
    let header = SendHeader {
        producer_group: "bench",
        topic: "BenchmarkTest",
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: (number % 4) as i32,
        sys_flag: 0,
        born_ms: 1_795_359_440_477,
        flag: 0,
        properties: &properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    };
    let command = Command {
        opaque: slot as i32,
        fields: header.write("broker-a"),
        ..Command::request(request::SEND_MESSAGE_V2).with_body(body.to_vec())
    };
    out.extend_from_slice(&frame::encode(&command).expect("small"));
}

/// A port below the ephemeral range whose neighbours are free too: a broker takes three.
pub fn free_port() -> u16 {
    let seed = std::process::id() as u16;
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..500u16)
        .map(|at| 12_000 + seed.wrapping_mul(7).wrapping_add(at * 10) % 18_000)
        .find(|port| free(*port) && free(port - 2) && free(port + 1))
        .expect("free ports")
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least and the largest.
pub fn spread(values: &[f64]) -> String {
    let (low, high) =
        values.iter().fold((f64::MAX, 0.0), |(low, high): (f64, f64), value| (low.min(*value), high.max(*value)));
    format!("{low:.1}–{high:.1}")
}
