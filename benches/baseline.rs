//! What one broker does on this machine: sends per second, broker CPU per send, cold start, memory, binary size; and what
//! it costs to check the CRC of what is read.
//!
//! `cargo bench --bench baseline` prints one table. The load is a closed loop over one connection with a fixed number
//! of requests in flight, each a SEND_MESSAGE_V2 (310) as a Java client sends it. CPU is the broker's own, from
//! `/proc`: it moves far less than the rate on a machine that is shared.
//!
//! `cargo bench --bench baseline -- --against PORT PID` loads another broker that runs here in turns with this one:
//! a ratio from one run holds where figures of two runs cannot be compared.

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
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
/// USER_HZ, 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    // `cargo test --all-targets` runs benches too, with this flag missing: measuring there would only cost time.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("baseline: run it with `cargo bench --bench baseline`");
    }
    let rmq = env!("CARGO_BIN_EXE_rmq");
    println!("binary size            {:>10.1} MiB", fs::metadata(rmq).expect("built").len() as f64 / 1048576.0);
    let starts: Vec<f64> = (0..ROUNDS).map(|_| cold_start(rmq)).collect();
    println!("cold start → first ack {:>10.1} ms   ({})", median(&starts), spread(&starts));

    let dir = tempfile::tempdir().expect("a temporary folder");
    let broker = Broker::start(rmq, dir.path());
    broker.target().connect().send(1, Duration::from_millis(200));
    println!("idle private memory    {:>10.1} MiB", broker.private_kib() as f64 / 1024.0);
    let mut targets = vec![("rmq", broker.target())];
    targets.extend(other().map(|other| ("other", other)));
    let mut rows: Vec<(&str, Target, usize, Vec<Sample>)> = Vec::new();
    for flight in [1, 16, 64] {
        rows.extend(targets.iter().map(|(name, target)| (*name, *target, flight, Vec::new())));
    }
    for _ in 0..ROUNDS {
        // Interleaved, so that a busy minute of the machine falls on all of them.
        for (_, target, flight, samples) in &mut rows {
            let mut connection = target.connect();
            connection.send(*flight, ROUND / 5);
            let cpu = target.cpu_ticks();
            let mut sample = connection.send(*flight, ROUND);
            sample.cpu_us = (target.cpu_ticks() - cpu) as f64 * 1e6 / TICKS_PER_SECOND / sample.messages as f64;
            samples.push(sample);
        }
    }
    println!(
        "{:>9} {:>9} {:>12} {:>12} {:>14} {:>10}",
        "in flight", "broker", "msg/s median", "best", "broker µs/msg", "p50 µs"
    );
    for (name, _, flight, samples) in &rows {
        let of = |what: fn(&Sample) -> f64| samples.iter().map(what).collect::<Vec<_>>();
        let rates = of(|sample| sample.messages as f64 / sample.seconds);
        let best = rates.iter().copied().fold(0.0, f64::max);
        let cpu = of(|sample| sample.cpu_us);
        let p50 = of(|sample| sample.p50_us);
        println!(
            "{flight:>9} {name:>9} {:>12.0} {best:>12.0} {:>14.2} {:>10.0}",
            median(&rates),
            median(&cpu),
            median(&p50)
        );
    }
    println!("private memory after   {:>10.1} MiB", broker.private_kib() as f64 / 1024.0);
    drop(broker);
    reading(rmq);
}

/// Pulls the same messages from a broker that checks them and from one that does not, in turns.
fn reading(rmq: &str) {
    const MESSAGES: u64 = 100_000;
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let brokers = [("checked", "true", &dirs[0]), ("unchecked", "false", &dirs[1])].map(|(name, value, dir)| {
        let broker = Broker::start_with(rmq, dir.path(), &format!("checkCRCOnRead={value}\n"));
        let mut connection = broker.target().connect();
        let mut sent = 0;
        while sent < MESSAGES {
            sent += connection.send(64, ROUND / 5).messages;
        }
        (name, broker, Vec::new())
    });
    let mut brokers = Vec::from(brokers);
    for _ in 0..2 * ROUNDS {
        for (_, broker, samples) in &mut brokers {
            let mut connection = broker.target().connect();
            connection.pull(ROUND / 10);
            let cpu = broker.target().cpu_ticks();
            let mut sample = connection.pull(ROUND);
            sample.cpu_us =
                (broker.target().cpu_ticks() - cpu) as f64 * 1e6 / TICKS_PER_SECOND / sample.messages as f64;
            samples.push(sample);
        }
    }
    println!("{:>19} {:>12} {:>14}", "pulls of 32", "msg/s median", "broker µs/msg");
    for (name, _, samples) in &brokers {
        let rates: Vec<f64> = samples.iter().map(|sample| sample.messages as f64 / sample.seconds).collect();
        let cpu: Vec<f64> = samples.iter().map(|sample| sample.cpu_us).collect();
        println!("{name:>19} {:>12.0} {:>14.3}", median(&rates), median(&cpu));
    }
    let ratios: Vec<f64> =
        brokers[0].2.iter().zip(&brokers[1].2).map(|(with, without)| with.cpu_us / without.cpu_us).collect();
    println!("CPU, checked : unchecked   {:.3}   ({})", median(&ratios), spread(&ratios));
}

/// The broker to compare with, if the command line names one.
fn other() -> Option<Target> {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == "--against")?;
    let number = |offset: usize| args.get(at + offset).and_then(|text| text.parse::<u32>().ok());
    let (port, pid) = number(1).zip(number(2)).expect("--against PORT PID");
    Some(Target { port: port as u16, pid })
}

fn cold_start(rmq: &str) -> f64 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let start = Instant::now();
    let broker = Broker::start(rmq, dir.path());
    broker.target().connect().send(1, Duration::ZERO);
    start.elapsed().as_secs_f64() * 1e3
}

/// A broker of its own, without name servers; killed at the end.
struct Broker {
    process: Child,
    port: u16,
    _stdout: BufReader<ChildStdout>,
}

impl Broker {
    fn start(rmq: &str, dir: &Path) -> Self {
        Self::start_with(rmq, dir, "")
    }

    fn start_with(rmq: &str, dir: &Path, settings: &str) -> Self {
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

    fn target(&self) -> Target {
        Target { port: self.port, pid: self.process.id() }
    }

    fn private_kib(&self) -> u64 {
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

/// A broker to be loaded.
#[derive(Clone, Copy)]
struct Target {
    port: u16,
    pid: u32,
}

impl Target {
    fn connect(self) -> Connection {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Connection { stream, input: BytesMut::new() }
    }

    fn cpu_ticks(self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("it runs");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in parentheses").1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

struct Sample {
    messages: u64,
    seconds: f64,
    p50_us: f64,
    cpu_us: f64,
}

struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    /// Keeps `flight` requests in flight for `time`, at least one.
    fn send(&mut self, flight: usize, time: Duration) -> Sample {
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
    fn pull(&mut self, time: Duration) -> Sample {
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
fn free_port() -> u16 {
    let seed = std::process::id() as u16;
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..500u16)
        .map(|at| 12_000 + seed.wrapping_mul(7).wrapping_add(at * 10) % 18_000)
        .find(|port| free(*port) && free(port - 2) && free(port + 1))
        .expect("free ports")
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> String {
    let (low, high) =
        values.iter().fold((f64::MAX, 0.0), |(low, high): (f64, f64), value| (low.min(*value), high.max(*value)));
    format!("{low:.1}–{high:.1}")
}
