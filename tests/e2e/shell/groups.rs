//! `rmq group`: listing, describing, lag, deleting.

use super::{consumed, failure, member, send};
use crate::{
    cluster::{Cluster, rmq},
    process::{Background, run},
};
use serde_json::Value;

#[test]
fn groups_are_listed_with_their_lag_in_every_form() {
    let cluster = Cluster::single();
    consumed(&cluster, 10);
    send(&cluster, 3);
    let list = |form: &str| cluster.rmq(&["group", "list", "-o", form]).ok();
    let rows = list("json").json();
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["group"], &rows[0]["lag"], &rows[0]["end"]), (&"g".into(), &3.into(), &13.into()));
    assert_eq!(list("name").stdout, "g\n");
    let table = list("table");
    let row = table.lines()[1].split_whitespace().collect::<Vec<_>>();
    assert_eq!(row[..4], ["g", "1", "2", "3"], "{table}");
    assert!(table.stderr.contains("more with --system"), "{table}");
    assert!(list("wide").lines()[0].contains("RETRIES"));
    let csv = list("csv");
    assert!(csv.lines()[0].starts_with("group,topics,queues,lag,") && csv.lines()[1].starts_with("g,1,2,3,"), "{csv}");
    assert!(list("yaml").stdout.starts_with("- group: g\n"));
    let all = cluster.rmq(&["group", "list", "--system", "-o", "name"]).ok();
    assert!(all.lines().contains(&"TOOLS_CONSUMER"), "{all}");
}

#[test]
fn the_lag_of_a_group_is_told_queue_by_queue() {
    let cluster = Cluster::single();
    consumed(&cluster, 10);
    send(&cluster, 4);
    let lag = cluster.rmq(&["group", "lag", "g", "-o", "json"]).ok().json();
    assert_eq!((&lag["lag"], lag["queues"].as_array().map(Vec::len)), (&4.into(), Some(2)), "{lag}");
    let sum: i64 = lag["queues"].as_array().unwrap().iter().filter_map(|queue| queue["lag"].as_i64()).sum();
    assert_eq!(sum, 4, "{lag}");
    let table = cluster.rmq(&["group", "lag", "g", "--topic", "orders"]).ok().says(&["4 to consume"]);
    assert_eq!(table.lines()[1].split_whitespace().take(3).collect::<Vec<_>>(), ["orders", "broker-a", "0"], "{table}");
    let other = cluster.rmq(&["group", "lag", "g", "--topic", "missing", "-o", "json"]).exit(3);
    assert_eq!(failure(&other.stderr)["code"], "TOPIC_NOT_EXIST");
}

#[test]
fn a_watched_lag_is_told_again_when_it_changes() {
    let cluster = Cluster::single();
    consumed(&cluster, 2);
    let args = ["group", "lag", "g", "-o", "json", "--watch", "--every", "50ms"];
    let mut watching = Background::start("rmq group lag", &mut cluster.command(&args));
    watching.wait_for("\"lag\":0,\"queues\"");
    send(&cluster, 5);
    watching.wait_for("\"lag\":5,\"queues\"");
    watching.signal(rustix::process::Signal::INT);
    assert!(watching.log().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", watching.log());
}

#[test]
fn a_group_is_described_with_its_members_and_not_deleted_under_them() {
    let cluster = Cluster::single();
    consumed(&cluster, 3);
    let mut member = member(&cluster);
    let described = cluster.rmq(&["group", "describe", "g", "-o", "json"]).ok().json();
    assert_eq!((&described["message_model"], &described["retry_max_times"]), (&"CLUSTERING".into(), &16.into()));
    let topics: Vec<_> = described["topics"].as_array().unwrap().iter().map(|topic| &topic["topic"]).collect();
    assert!(topics.contains(&&"orders".into()), "{described}");
    let client = &described["members"][0]["client"];
    let queues: Vec<&Value> =
        described["queues"].as_array().unwrap().iter().filter(|queue| queue["topic"] == "orders").collect();
    assert_eq!(queues.len(), 2, "{described}");
    for queue in queues {
        assert_eq!((&queue["owner"][0], &queue["lag"]), (client, &0.into()), "{described}");
    }
    let table = cluster.rmq(&["group", "describe", "g"]).ok();
    assert!(table.stdout.contains("message model") && table.stdout.contains("MEMBER"), "{table}");

    let refused = cluster.rmq(&["group", "delete", "g", "-o", "json"]).exit(1);
    assert_eq!(failure(&refused.stderr)["code"], "GROUP_HAS_MEMBERS");
    assert!(member.signal(rustix::process::Signal::INT).success(), "{}", member.log());
    let left = cluster.rmq(&["group", "describe", "g", "-o", "json"]).ok().json();
    assert!(left["queues"].as_array().unwrap().iter().all(|queue| queue.get("owner").is_none()), "{left}");
    let deleted = cluster.rmq(&["group", "delete", "g", "--offsets", "-o", "json"]).ok().json();
    assert_eq!((&deleted["group"], &deleted["places"][0]["done"]), (&"g".into(), &true.into()), "{deleted}");
    for what in ["describe", "delete", "lag"] {
        let gone = cluster.rmq(&["group", what, "g", "-o", "json"]).exit(3);
        let failure = failure(&gone.stderr);
        let told = (&failure["code"], &failure["target"], &failure["retryable"]);
        assert_eq!(told, (&"SUBSCRIPTION_GROUP_NOT_EXIST".into(), &"g".into(), &false.into()), "{what}: {gone}");
    }
}

#[test]
fn a_group_is_created_and_changed_with_what_it_was_before() {
    let cluster = Cluster::single();
    let made = cluster.rmq(&["group", "create", "g", "--retry-max-times", "3", "-o", "json"]).ok().json();
    assert_eq!((&made["places"][0]["result"], made["changes"].as_array().map(Vec::len)), (&"created".into(), Some(8)));
    let of = |told: &Value, key: &str| {
        let changes = told["changes"].as_array().expect("a list");
        changes.iter().find(|change| change["key"] == key).cloned().unwrap_or_default()
    };
    let retries = of(&made, "retryMaxTimes");
    assert_eq!((&retries["before"], &retries["after"]), (&Value::Null, &3.into()), "{made}");
    let all = [
        ("--consume-enable", "false", "consumeEnable"),
        ("--consume-from-min-enable", "false", "consumeFromMinEnable"),
        ("--consume-broadcast-enable", "false", "consumeBroadcastEnable"),
        ("--retry-queue-nums", "2", "retryQueueNums"),
        ("--retry-max-times", "5", "retryMaxTimes"),
        ("--broker-id", "1", "brokerId"),
        ("--which-broker-when-consume-slowly", "2", "whichBrokerWhenConsumeSlowly"),
        ("--notify-consumer-ids-changed", "false", "notifyConsumerIdsChangedEnable"),
    ];
    for (option, value, key) in all {
        let told = cluster.rmq(&["group", "update", "g", option, value, "-o", "json"]).ok().json();
        assert_eq!(told["changes"].as_array().map(Vec::len), Some(1), "{option}: {told}");
        assert_eq!(of(&told, key)["after"].to_string(), value, "{option}: {told}");
    }
    let table = cluster.rmq(&["group", "update", "g", "--retry-max-times", "6"]).ok();
    assert_eq!(
        table.lines()[4].split_whitespace().collect::<Vec<_>>(),
        ["broker-a", "retryMaxTimes", "5", "6"],
        "{table}"
    );
    let group = cluster.rmq(&["group", "describe", "g", "-o", "json"]).ok().json();
    assert_eq!((&group["retry_max_times"], &group["consume_enable"]), (&6.into(), &false.into()), "{group}");
    // Set anew: what is not said is as in a new one.
    let anew = cluster.rmq(&["group", "create", "g", "-o", "json"]).ok().json();
    assert_eq!(
        (&of(&anew, "consumeEnable")["after"], &of(&anew, "brokerId")["after"]),
        (&true.into(), &0.into()),
        "{anew}"
    );

    let missing = cluster.rmq(&["group", "update", "nobody", "--retry-max-times", "1", "-o", "json"]).exit(3);
    assert_eq!(failure(&missing.stderr)["code"], "SUBSCRIPTION_GROUP_NOT_EXIST");
    assert!(!cluster.rmq(&["group", "list"]).ok().stdout.contains("nobody"), "nothing was made");
    cluster.rmq(&["group", "update", "g"]).exit(2);
    cluster.rmq(&["group", "create", "a b"]).exit(2);
    cluster.rmq(&["group", "create", "g2", "--broker", "broker-x"]).exit(3).says(&["broker-a"]);
}

#[test]
fn wrong_usage_is_told_as_json_where_json_was_asked_for() {
    let dir = crate::cluster::scratch();
    for args in [
        &["group", "lag", "-o", "json"][..],
        &["offset", "reset", "--output=json"],
        &["topic", "route", "--no", "-ojson"],
    ] {
        let refused = run(rmq(dir.path()).args(args), "").exit(2);
        assert_eq!(failure(&refused.stderr)["code"], "USAGE", "{refused}");
    }
}
