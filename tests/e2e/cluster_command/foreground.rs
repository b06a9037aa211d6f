//! `rmq cluster up --foreground`: a cluster that lives as long as the command.

use super::Named;
use rustix::process::Signal;

#[test]
fn it_prints_what_all_nodes_log_until_a_signal_and_stops_them() {
    let cluster = Named::new("front");
    // A script waits for what it has started beside it, and which may not be there yet.
    cluster.cluster(&["status", "--exit-when-healthy", "--timeout", "10ms"]).exit(3).says(&["there is no cluster"]);
    let mut waiter = cluster.background("status", &["status", "--exit-when-healthy"]);
    let mut front = cluster.background("up --foreground", &["up", "--foreground"]);
    front.wait_for("broker-a  | The broker[broker-a");
    front.wait_for("namesrv-1 | ");
    assert!(waiter.wait().success(), "{}", waiter.log());
    cluster.cluster(&["status"]).ok();
    cluster.cluster(&["up", "--foreground"]).exit(1).says(&["runs already", "logs -f"]);
    assert!(front.terminate().success(), "{}", front.log());
    assert!(front.log().contains("namesrv-1 has stopped"), "{}", front.log());
    assert!(cluster.cluster(&["status"]).exit(1).stderr.contains("is down"));
    // Again, on what it has kept; stopped on purpose is not died.
    let mut front = cluster.background("up --foreground", &["up", "--foreground"]);
    front.wait_for("broker-a  | The broker[broker-a");
    cluster.cluster(&["stop", "broker-a"]).ok();
    assert!(front.signal(Signal::INT).success(), "{}", front.log());
    let booted = front.log().matches("broker-a  | The broker[broker-a").count();
    assert_eq!(booted, 1, "only what is logged now: {}", front.log());
}

#[test]
fn a_node_that_dies_is_told_and_is_the_exit_code() {
    let cluster = Named::new("dies");
    let mut front = cluster.background("up --foreground", &["up", "--foreground"]);
    front.wait_for("broker-a  | The broker[broker-a");
    cluster.cluster(&["kill", "broker-a"]).ok();
    front.wait_for("broker-a died (was process");
    assert!(!front.ends_within(std::time::Duration::ZERO), "the others go on");
    assert_eq!(front.terminate().code(), Some(1));
    // When all have died there is nothing to wait for.
    let mut front = cluster.background("up --foreground", &["up", "--foreground"]);
    front.wait_for("broker-a  | The broker[broker-a");
    cluster.cluster(&["kill"]).ok();
    assert_eq!(front.wait().code(), Some(1), "{}", front.log());
}
