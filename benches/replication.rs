//! What it costs to have each message at a slave before it is acknowledged: `SYNC_MASTER` beside `ASYNC_MASTER`, each
//! with one slave, both flushing asynchronously, in turns.
//!
//! `cargo bench --bench replication` prints the time of a send with one in flight and what sync adds to it, and the rates
//! with 16 and 64 in flight with their ratio.

mod load;

use load::{Broker, NameServer, Sample, median, spread};
use std::{path::Path, time::Duration};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;
/// Of one round, to warm up.
const WARM: Duration = Duration::from_millis(300);

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("replication: run it with `cargo bench --bench replication`");
    }
    let rmq = env!("CARGO_BIN_EXE_rmq");
    let names = NameServer::start(rmq);
    let dirs = [(); 4].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let pairs = [
        Pair::start(rmq, &names, "async", [dirs[0].path(), dirs[1].path()]),
        Pair::start(rmq, &names, "sync", [dirs[2].path(), dirs[3].path()]),
    ];
    println!("{:>9} {:>7} {:>12} {:>9} {:>10}", "in flight", "master", "msg/s median", "p50 µs", "slave µs/msg");
    for flight in [1, 16, 64] {
        let mut samples: [Vec<(Sample, f64)>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            // Interleaved, so that a busy minute of the machine falls on both.
            for (pair, samples) in pairs.iter().zip(&mut samples) {
                samples.push(pair.round(flight));
            }
        }
        for (pair, samples) in pairs.iter().zip(&samples) {
            let rate: Vec<f64> = samples.iter().map(|(sample, _)| rate(sample)).collect();
            let p50: Vec<f64> = samples.iter().map(|(sample, _)| sample.p50_us).collect();
            let slave: Vec<f64> = samples.iter().map(|(_, slave)| *slave).collect();
            let (rate, p50, slave) = (median(&rate), median(&p50), median(&slave));
            println!("{flight:>9} {:>7} {rate:>12.0} {p50:>9.0} {slave:>10.2}", pair.name);
        }
        let of_both = |what: fn(&Sample, &Sample) -> f64| -> Vec<f64> {
            samples[0].iter().zip(&samples[1]).map(|((asynchronous, _), (sync, _))| what(asynchronous, sync)).collect()
        };
        let added = of_both(|asynchronous, sync| sync.p50_us - asynchronous.p50_us);
        let ratio = of_both(|asynchronous, sync| rate(sync) / rate(asynchronous));
        println!("          sync adds {:.0} µs at p50 ({})", median(&added), spread(&added));
        println!("          rate, sync : async {:.2} ({:.2?})", median(&ratio), ratio);
    }
}

fn rate(sample: &Sample) -> f64 {
    sample.messages as f64 / sample.seconds
}

/// A master with its slave.
struct Pair {
    name: &'static str,
    master: Broker,
    slave: Broker,
}

impl Pair {
    fn start(rmq: &str, names: &NameServer, name: &'static str, [master, slave]: [&Path; 2]) -> Self {
        let role = if name == "sync" { "SYNC_MASTER" } else { "ASYNC_MASTER" };
        let names = names.addr.as_str();
        let both = format!("namesrvAddr={names}\nbrokerName=broker-{name}\nflushDiskType=ASYNC_FLUSH\n");
        let master = Broker::start_with(rmq, master, &format!("{both}brokerRole={role}\n"));
        let slave = Broker::start_with(rmq, slave, &format!("{both}brokerRole=SLAVE\nbrokerId=1\n"));
        let pair = Self { name, master, slave };
        pair.until_the_slave_follows();
        pair
    }

    /// Sends until nothing but success is answered, which with `SYNC_MASTER` says that the slave has it.
    fn until_the_slave_follows(&self) {
        let mut connection = self.master.target().connect();
        while connection.send_one() != protocol::code::response::SUCCESS {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn round(&self, flight: usize) -> (Sample, f64) {
        let mut connection = self.master.target().connect();
        connection.send(flight, WARM);
        let before = self.slave.target().cpu_us();
        let sample = connection.send(flight, ROUND);
        let slave = (self.slave.target().cpu_us() - before) / sample.messages as f64;
        (sample, slave)
    }
}
