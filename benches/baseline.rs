//! What one broker does on this machine: sends per second, broker CPU per send, cold start, memory, binary size; and what
//! it costs to check the CRC of what is read.
//!
//! `cargo bench --bench baseline` prints one table. The load is a closed loop over one connection with a fixed number
//! of requests in flight, each a SEND_MESSAGE_V2 (310) as a Java client sends it. CPU is the broker's own, from
//! `/proc`: it moves far less than the rate on a machine that is shared.
//!
//! `cargo bench --bench baseline -- --against PORT PID` loads another broker that runs here in turns with this one:
//! a ratio from one run holds where figures of two runs cannot be compared.

mod load;

use load::{Broker, Sample, Target, median, spread};
use std::{
    fs,
    time::{Duration, Instant},
};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

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
            let cpu = target.cpu_us();
            let mut sample = connection.send(*flight, ROUND);
            sample.cpu_us = (target.cpu_us() - cpu) / sample.messages as f64;
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
            let cpu = broker.target().cpu_us();
            let mut sample = connection.pull(ROUND);
            sample.cpu_us = (broker.target().cpu_us() - cpu) / sample.messages as f64;
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
