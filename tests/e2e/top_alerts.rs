//! Alerts, clients and owners in `rmq top`, against a live cluster.

use crate::{
    cluster::Cluster,
    process::Background,
    top::{Top, lag},
};
use rustix::process::Signal;

#[test]
fn a_group_that_stands_still_and_a_silent_broker_are_alerts_and_go_when_it_is_mended() {
    let cluster = Cluster::single();
    cluster.topic("orders");
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "4"]).ok();
    let mut top = Top::of(&cluster);
    top.shows(&["broker-a:0", " ok "]);
    top.press("3");
    // What was read last may not have been noted before its reader left.
    top.until("what is left of them", |screen| lag(screen).is_some_and(|lag| (16..=20).contains(&lag)));
    // It has looked once; what comes now and is not consumed is the difference.
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(100)).ok();
    top.until("what has come since", |screen| lag(screen).is_some_and(|lag| lag >= 116));
    top.press("6");
    top.shows(&["H15", "billing in orders "]);
    cluster.broker.tell(Signal::STOP);
    top.shows(&["! critical", "H04", "broker-a:0"]);
    cluster.broker.tell(Signal::CONT);
    cluster.rmq(&["consume", "orders", "--group", "billing", "-e"]).ok();
    // What is left is that there is one name server only, and perhaps that the machine is busy.
    top.until("both alerts to go", |screen| {
        let shown = screen.contents();
        shown.contains("~ warning") && shown.contains("H28") && !shown.contains("H15") && !shown.contains("H04")
    });
    top.press("q");
    top.ends();
}

#[test]
fn members_that_want_different_things_are_an_alert_and_each_is_shown_with_what_it_holds() {
    let cluster = Cluster::single();
    cluster.topic("orders");
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    let all = ["consume", "orders", "--group", "shipping"];
    let paid = ["consume", "orders", "--group", "shipping", "--tag", "paid"];
    let members = [&all[..], &paid].map(|words| Background::start("rmq consume", &mut cluster.command(words)));
    members[0].until("both are members", || {
        cluster.rmq(&["client", "list", "--group", "shipping"]).stdout.matches("shipping").count() == 2
    });
    let mut top = Top::of(&cluster);
    top.shows(&["broker-a:0", " ok "]);
    top.press("6");
    top.shows(&["! critical", "H12", "shipping", "rmq client list"]);
    top.press("4");
    top.shows(&["clients: 2 in consumer groups, 0 in producer groups"]);
    let pid = members[0].pid();
    top.press(&format!("/@{pid}#\r"));
    top.shows(&[": 1 of 2 match"]);
    top.press("\r");
    top.shows(&["wants of orders", "all"]);
    top.shows(&["orders broker-a/", "at ", " cached", "pulled ?"]);
    top.press(":group shipping\r");
    top.shows(&["group shipping: ", "2 members"]);
    top.press(":topic orders\r");
    top.shows(&["└ shipping"]);
    top.press("q");
    top.ends();
}
