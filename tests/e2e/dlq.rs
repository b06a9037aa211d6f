//! `rmq dlq`: finding dead letters, reading them, and sending them again.
//!
//! Dead letters are made as brokers make them: in `%DLQ%GROUP`, with the property that says where they came from. That
//! failing messages become such is tested in `ways.rs`.

use crate::cluster::Cluster;

/// A dead letter of `group` that was first sent to `orders`.
fn bury(cluster: &Cluster, group: &str, body: &str, key: &str) -> String {
    let topic = format!("%DLQ%{group}");
    let noted = ["-H", "RETRY_TOPIC=orders", "-H", "ORIGIN_MESSAGE_ID=0A", "-H", "RECONSUME_TIME=16"];
    let args = [&["produce", &topic, "-m", body, "-k", key, "--tag", "paid", "-o", "json"], &noted[..]].concat();
    cluster.rmq(&args).ok().json_lines()[0]["id"].as_str().expect("a message has an id").to_owned()
}

/// A cluster where dead letters lie in one queue, as a broker makes it.
fn cluster(groups: &[&str]) -> Cluster {
    let cluster = Cluster::single();
    for group in groups {
        cluster.rmq(&["topic", "create", &format!("%DLQ%{group}"), "--queues", "1"]).ok();
    }
    cluster.rmq(&["topic", "create", "orders", "--queues", "1"]).ok();
    cluster
}

#[test]
fn dead_letters_are_listed_by_group_and_by_queue() {
    let cluster = cluster(&["billing", "mail"]);
    bury(&cluster, "billing", "a", "order-7");
    bury(&cluster, "billing", "b", "order-8");
    let list = cluster.rmq(&["dlq", "list"]).ok();
    let rows: Vec<Vec<&str>> = list.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["GROUP", "MESSAGES", "LAST", "TOPIC"], "{list}");
    assert_eq!((rows[1][0], rows[1][1], rows[1][3]), ("billing", "2", "%DLQ%billing"), "{list}");
    assert_eq!(rows[2], ["mail", "0", "-", "%DLQ%mail"], "{list}");
    let json = cluster.rmq(&["dlq", "list", "-o", "json"]).ok().json();
    assert_eq!((&json[0]["messages"], &json[1]["messages"]), (&2.into(), &0.into()), "{json}");
    let last = cluster.rmq(&["dlq", "peek", "billing", "--from", "-1", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(json[0]["last_ms"], last[0]["stored_ms"], "the last one counts");
    let one = cluster.rmq(&["dlq", "list", "billing"]).ok();
    let row: Vec<&str> = one.lines()[1].split_whitespace().collect();
    assert_eq!(row[..5], ["broker-a:0", "RW-", "0", "2", "2"], "{one}");
    cluster.rmq(&["dlq", "list", "nobody"]).exit(3).says(&["nobody", "%DLQ%nobody"]);
}

#[test]
fn dead_letters_are_printed_as_messages_are_and_stay() {
    let cluster = cluster(&["billing"]);
    bury(&cluster, "billing", "a", "order-7");
    bury(&cluster, "billing", "b", "order-8");
    bury(&cluster, "billing", "c", "order-9");
    for _ in 0..2 {
        assert_eq!(cluster.rmq(&["dlq", "peek", "billing"]).ok().stdout, "a\nb\nc\n");
    }
    let peek = |args: &[&str]| cluster.rmq(&[&["dlq", "peek", "billing"], args].concat()).ok();
    assert_eq!(peek(&["-n", "1"]).stdout, "a\n");
    assert_eq!(peek(&["--from", "-1"]).stdout, "c\n");
    assert_eq!(peek(&["--from", "2200-01-01T00:00:00Z"]).stdout, "");
    assert_eq!(peek(&["-f", "%t %k %g\\n", "-n", "1"]).stdout, "%DLQ%billing order-7 paid\n");
    assert_eq!(peek(&["-o", "json"]).json()[0]["properties"]["RETRY_TOPIC"], "orders");
    assert_eq!(peek(&["-o", "jsonl"]).json_lines().len(), 3);
    cluster.rmq(&["dlq", "peek", "nobody"]).exit(3).says(&["nobody"]);
}

#[test]
fn dead_letters_that_may_only_be_written_come_with_the_command_that_opens_them() {
    let cluster = cluster(&["billing"]);
    bury(&cluster, "billing", "a", "order-7");
    cluster.rmq(&["topic", "create", "%DLQ%billing", "--queues", "1", "--perm", "w"]).ok();
    let list = cluster.rmq(&["dlq", "list", "billing"]).exit(5);
    assert_eq!(
        list.lines()[1].split_whitespace().collect::<Vec<_>>(),
        ["broker-a:0", "-W-", "0", "1", "1", "?"],
        "{list}"
    );
    let open = "rmq topic create '%DLQ%billing' --broker broker-a --queues 1 --perm rw";
    for what in ["peek", "resend"] {
        let refused = cluster.rmq(&["dlq", what, "billing"]).exit(5).says(&[open]);
        assert_eq!(refused.stdout, "");
    }
    let words: Vec<&str> = open.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
    cluster.rmq(&words).ok();
    assert_eq!(cluster.rmq(&["dlq", "peek", "billing"]).ok().stdout, "a\n");
}

#[test]
fn dead_letters_are_sent_again_to_their_first_topic_and_stay() {
    let cluster = cluster(&["billing"]);
    let ids = ["a", "b", "c"].map(|body| bury(&cluster, "billing", body, &format!("order-{body}")));
    let dry = cluster.rmq(&["dlq", "resend", "billing", "--dry-run"]).ok().says(&["would send 3 dead letters"]);
    assert_eq!(dry.stdout, ids.each_ref().map(|id| format!("WOULD_SEND {id} orders\n")).concat());
    assert_eq!(cluster.rmq(&["consume", "orders", "-e"]).ok().stdout, "", "nothing was sent");

    let sent = cluster.rmq(&["dlq", "resend", "billing"]).ok().says(&["sent 3 dead letters", "stay in %DLQ%billing"]);
    let expected: Vec<String> =
        ids.iter().enumerate().map(|(at, id)| format!("SEND_OK {id} orders broker-a:0 {at}")).collect();
    assert_eq!(sent.lines(), expected);
    let again = cluster.rmq(&["consume", "orders", "-e", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(again.iter().map(|message| &message["body"]).collect::<Vec<_>>(), ["a", "b", "c"]);
    let first = &again[0];
    assert_eq!(
        (&first["id"], &first["tag"], &first["reconsume_times"]),
        (&ids[0].as_str().into(), &"paid".into(), &0.into())
    );
    assert_eq!(first["properties"]["ORIGIN_MESSAGE_ID"], "0A");
    for gone in ["RETRY_TOPIC", "RECONSUME_TIME"] {
        assert!(first["properties"][gone].is_null(), "{gone} speaks of the deliveries that failed: {first}");
    }
    assert_eq!(cluster.rmq(&["dlq", "peek", "billing"]).ok().lines().len(), 3, "they stay");

    let words: Vec<&str> = sent.stderr.split_whitespace().collect();
    let from = words[words.iter().position(|word| *word == "--from").expect("it says where to go on") + 1];
    let behind = ["dlq", "resend", "billing", "--from", from];
    assert_eq!(cluster.rmq(&behind).ok().stdout, "", "nothing is behind them");
    let last = bury(&cluster, "billing", "d", "order-d");
    assert!(cluster.rmq(&behind).ok().stdout.contains(&last));
}

#[test]
fn what_is_sent_again_is_chosen_by_key_id_start_and_count() {
    let cluster = cluster(&["billing"]);
    let ids = ["a", "b", "c"].map(|body| bury(&cluster, "billing", body, &format!("order-{body}")));
    let resend = |args: &[&str]| {
        let chosen = [&["dlq", "resend", "billing", "--dry-run", "-o", "jsonl"], args].concat();
        let lines = cluster.rmq(&chosen).ok().json_lines();
        lines.into_iter().map(|line| line["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(resend(&["--key", "order-b"]), ids[1..2]);
    assert_eq!(resend(&["--id", &ids[2]]), ids[2..]);
    assert_eq!(resend(&["--from", "1"]), ids[1..]);
    assert_eq!(resend(&["-n", "2"]), ids[..2]);
    assert_eq!(resend(&["--from", "-2", "-n", "1"]), ids[1..2]);
    let other = cluster.rmq(&["produce", "orders", "-m", "x", "-o", "json"]).ok().json_lines();
    let place = other[0]["offset_id"].as_str().expect("it has one").to_owned();
    for none in [["--key", "nothing"], ["--id", &ids[0].replace('0', "1")], ["--id", &place]] {
        cluster.rmq(&[&["dlq", "resend", "billing"], &none[..]].concat()).exit(3).says(&[none[1]]);
    }
    for wrong in [&["--key", "k", "--id", "i"][..], &["--id", "i", "--from", "1"], &["--to", "a b"]] {
        cluster.rmq(&[&["dlq", "resend", "billing"], wrong].concat()).exit(2);
    }
}

#[test]
fn one_that_cannot_be_sent_again_does_not_stop_the_others_but_fails_the_command() {
    let cluster = cluster(&["billing"]);
    let lost = cluster.rmq(&["produce", "%DLQ%billing", "-m", "lost", "-o", "json"]).ok().json_lines();
    let found = bury(&cluster, "billing", "found", "order-7");
    let sent = cluster.rmq(&["dlq", "resend", "billing", "-o", "jsonl"]).exit(1).says(&["1 failed", "--id"]);
    let lines = sent.json_lines();
    assert_eq!((&lines[0]["status"], &lines[0]["id"]), (&"FAILED".into(), &lost[0]["id"]), "{sent}");
    assert!(lines[0]["error"].as_str().is_some_and(|error| error.contains("RETRY_TOPIC")), "{sent}");
    assert_eq!((&lines[1]["status"], &lines[1]["id"]), (&"SEND_OK".into(), &found.as_str().into()), "{sent}");
    let id = lost[0]["id"].as_str().expect("it has one");
    cluster.rmq(&["dlq", "resend", "billing", "--id", id, "--to", "elsewhere"]).ok();
    assert_eq!(cluster.rmq(&["consume", "elsewhere", "-e"]).ok().stdout, "lost\n");
    assert_eq!(cluster.rmq(&["consume", "orders", "-e"]).ok().stdout, "found\n");
}
