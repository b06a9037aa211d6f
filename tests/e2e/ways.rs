//! The ways of `rmq produce` and `rmq consume`: in order, in batches, later, to every member, and failing until dead.

use crate::{
    cluster::Cluster,
    process::{Background, Run},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Level 1 is a second, as usual; a first retry is level 3.
const SHORT_LEVELS: &str = "messageDelayLevel=1s 1s 1s 1s 1s 1s\n";

fn lines(count: usize, prefix: &str) -> String {
    (0..count).map(|at| format!("{prefix}{at}\n")).collect()
}

/// Which queues and offsets the messages of a `rmq produce -o json` got.
fn places(produced: &Run) -> Vec<(i64, i64)> {
    let number = |value: &serde_json::Value| value.as_i64().expect("it is a number");
    produced.json_lines().iter().map(|line| (number(&line["queue"]), number(&line["offset"]))).collect()
}

#[test]
fn messages_with_one_order_key_lie_in_one_queue_in_order() {
    let cluster = Cluster::single();
    cluster.topic("T");
    let produced = cluster.rmq_with(&["produce", "T", "--order-key", "order-7", "-o", "json"], &lines(9, "")).ok();
    let got = places(&produced);
    assert!(got.iter().enumerate().all(|(at, place)| *place == (got[0].0, at as i64)), "{got:?}");
    // Others with the same key find the same queue.
    let again = cluster.rmq(&["produce", "T", "--order-key", "order-7", "-m", "x", "-o", "json"]).ok();
    assert_eq!(places(&again), [(got[0].0, 9)]);
    let oneway = ["produce", "T", "--order-key", "order-7", "-m", "y", "--mode", "oneway"];
    cluster.rmq(&oneway).ok();
    let found = cluster.rmq(&["consume", "T", "--group", "g", "-n", "11", "-f", "%p %k %s\\n"]).ok();
    assert!(found.lines().iter().all(|line| line.starts_with(&got[0].0.to_string())), "{found}");
}

#[test]
fn each_line_may_bring_its_own_order_key() {
    let cluster = Cluster::single();
    cluster.topic("T");
    let input: String = (0..30).map(|at| format!("key-{}:{at}\n", at % 5)).collect();
    cluster.rmq_with(&["produce", "T", "--order-by", ":"], &input).ok();
    let found = cluster.rmq(&["consume", "T", "-e", "-f", "%p %o %s\\n"]).ok();
    let mut queues = std::collections::BTreeMap::<&str, std::collections::BTreeSet<&str>>::new();
    let mut last = std::collections::BTreeMap::<&str, i64>::new();
    for line in found.lines() {
        let words: Vec<&str> = line.split([' ', ':']).collect();
        let [queue, _, key, number] = words[..] else { panic!("{line}") };
        queues.entry(key).or_default().insert(queue);
        let number: i64 = number.parse().expect("it was sent");
        assert!(last.insert(key, number).is_none_or(|before| before < number), "{found}");
    }
    assert!(queues.len() == 5 && queues.values().all(|of_key| of_key.len() == 1), "{queues:?}");
    assert!(queues.values().flatten().collect::<std::collections::BTreeSet<_>>().len() > 1, "{queues:?}");
    let refused = cluster.rmq_with(&["produce", "T", "--order-by", ":"], "a:1\nno key\nb:2\n").exit(1);
    refused.says(&["line 2", "order key", "sent 2 messages"]);
}

#[test]
fn a_batch_is_one_request_and_each_message_of_it_is_told() {
    let cluster = Cluster::single();
    cluster.topic("T");
    let batched = ["produce", "T", "--batch", "4", "-k", "order-7", "-o", "json"];
    let produced = cluster.rmq_with(&batched, &lines(10, "m")).ok().says(&["sent 10 messages"]);
    let got = places(&produced);
    for batch in got.chunks(4) {
        let expected: Vec<_> = (0..).zip(batch).map(|(at, _)| (batch[0].0, batch[0].1 + at)).collect();
        assert_eq!(batch, expected, "a batch lies in one queue");
    }
    assert_eq!(got.len(), 10);
    let sent: std::collections::BTreeSet<String> =
        produced.json_lines().iter().map(|line| line["id"].to_string()).collect();
    let found = cluster.rmq(&["consume", "T", "-e", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(found.iter().map(|message| message["id"].to_string()).collect::<std::collections::BTreeSet<_>>(), sent);
    assert!(found.iter().all(|message| message["keys"][0] == "order-7"));
    cluster.rmq_with(&["produce", "T", "--batch", "3", "--order-key", "k", "-o", "json"], &lines(6, "o")).ok();
    cluster.rmq_with(&["produce", "T", "--batch", "3", "--mode", "async"], &lines(6, "a")).ok();
    assert_eq!(cluster.rmq(&["consume", "T", "-e"]).ok().lines().len(), 22);
}

#[test]
fn a_delayed_message_is_not_seen_before_its_time() {
    let cluster = Cluster::with("messageDelayLevel=1s 3s\n");
    cluster.topic("T");
    cluster.rmq(&["produce", "T", "-m", "later", "--delay", "2"]).ok();
    cluster.rmq(&["produce", "T", "-m", "now"]).ok();
    let found = cluster.rmq(&["consume", "T", "-n", "2", "-o", "jsonl"]).ok().json_lines();
    assert_eq!((&found[0]["body"], &found[1]["body"]), (&"now".into(), &"later".into()));
    let number = |name: &str| found[1][name].as_i64().expect("it is a number");
    assert!(number("stored_ms") - number("born_ms") >= 3000, "{}", found[1]);
}

#[test]
fn a_message_for_a_time_of_its_own_is_not_seen_before() {
    let cluster = Cluster::single();
    cluster.topic("T");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_millis();
    let at_ms = (now_ms + 2500).to_string();
    cluster.rmq(&["produce", "T", "-m", "at", "--delay", &at_ms]).ok();
    cluster.rmq(&["produce", "T", "-m", "after", "--delay", "1500ms"]).ok();
    cluster.rmq(&["produce", "T", "-m", "now"]).ok();
    let found = cluster.rmq(&["consume", "T", "-n", "3", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(found.iter().map(|message| &message["body"]).collect::<Vec<_>>(), ["now", "after", "at"]);
    let number = |at: usize, name: &str| found[at][name].as_i64().expect("it is a number");
    assert!(number(1, "stored_ms") - number(1, "born_ms") >= 1500, "{}", found[1]);
    assert!(u128::from(number(2, "stored_ms").unsigned_abs()) >= now_ms + 2500, "{}", found[2]);
}

#[test]
fn an_ordered_member_gets_the_messages_of_a_queue_as_they_were_sent_also_when_it_fails() {
    let cluster = Cluster::single();
    cluster.topic("T");
    cluster.rmq_with(&["produce", "T", "--order-key", "a"], &lines(6, "a")).ok();
    let ordered = ["consume", "T", "--group", "g", "--ordered", "--fail-every", "3", "-n", "6"];
    let consumed = cluster.rmq(&ordered).ok().says(&["--fail-every", "is to come again"]);
    assert_eq!(consumed.stdout, lines(6, "a"), "what failed came again in its place");
    // Where it stopped is known.
    cluster.rmq_with(&["produce", "T", "--order-key", "a"], &lines(2, "b")).ok();
    let rest = cluster.rmq(&["consume", "T", "--group", "g", "--ordered", "-n", "2"]).ok();
    assert_eq!(rest.stdout, lines(2, "b"));
}

#[test]
fn every_broadcast_member_gets_everything_and_goes_on_where_it_was() {
    let cluster = Cluster::single();
    cluster.topic("T");
    cluster.rmq_with(&["produce", "T"], &lines(5, "a")).ok();
    let member = |name: &str, count: &str| {
        let args = ["consume", "T", "--group", "g", "--broadcast", "--instance", name, "-n", count];
        let consumed = cluster.rmq(&args).ok();
        let mut lines: Vec<String> = consumed.lines().iter().map(|line| (*line).to_owned()).collect();
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!(member("one", "5"), "a0 a1 a2 a3 a4");
    assert_eq!(member("two", "5"), "a0 a1 a2 a3 a4");
    cluster.rmq_with(&["produce", "T"], &lines(2, "b")).ok();
    assert_eq!(member("one", "2"), "b0 b1", "it had the others");
    let from = ["consume", "T", "--group", "g", "--broadcast", "--from", "3"];
    cluster.rmq(&from).exit(2).says(&["--broadcast"]);
    cluster.rmq(&["consume", "missing", "--group", "g", "--broadcast"]).exit(3).says(&["missing"]);
}

#[test]
fn what_a_group_fails_on_comes_again_and_then_is_a_dead_letter() {
    let cluster = Cluster::with(SHORT_LEVELS);
    cluster.topic("T");
    let sent = cluster.rmq(&["produce", "T", "-m", "poison", "-o", "json"]).ok().json_lines();
    let failing = ["consume", "T", "--group", "g", "--fail-every", "1", "--max-retries", "1"];
    let mut member = Background::start("rmq consume", &mut cluster.command(&failing));
    member.wait_for("came again 1 times before");
    // Its first delivery and one retry; the broker then has it as a dead letter.
    member.until("had a dead letter", || {
        cluster.rmq(&["dlq", "list", "g"]).stdout.contains("broker-a:0  RW-   0      1")
    });
    let dead = cluster.rmq(&["dlq", "peek", "g", "-o", "jsonl"]).ok().json_lines();
    assert_eq!((&dead[0]["id"], &dead[0]["body"]), (&sent[0]["id"], &"poison".into()));
    // Ends as a member that has told how far it came.
    assert!(member.terminate().success(), "{}", member.log());
    cluster.rmq(&["dlq", "resend", "g"]).ok().says(&["sent 1 dead letter"]);
    let healed = cluster.rmq(&["consume", "T", "--group", "g", "-n", "1", "-o", "jsonl"]).ok().json_lines();
    assert_eq!((&healed[0]["id"], &healed[0]["reconsume_times"]), (&sent[0]["id"], &0.into()), "{}", healed[0]);
}

#[test]
fn a_message_that_failed_comes_again_later_and_is_printed_once() {
    let cluster = Cluster::with(SHORT_LEVELS);
    cluster.topic("T");
    cluster.rmq_with(&["produce", "T"], &lines(4, "m")).ok();
    let failing = ["consume", "T", "--group", "g", "--fail-every", "2", "-n", "4", "-f", "%s %r\\n"];
    let consumed = cluster.rmq(&failing).ok();
    let mut got: Vec<&str> = consumed.lines().iter().map(|line| &line[..2]).collect();
    got.sort_unstable();
    assert_eq!(got, ["m0", "m1", "m2", "m3"], "{consumed}");
    assert!(consumed.lines().iter().any(|line| !line.ends_with(" 0")), "it came again: {consumed}");
}

#[test]
fn looking_moves_no_offset() {
    let cluster = Cluster::single();
    cluster.rmq(&["produce", "T", "-m", "x"]).ok();
    assert_eq!(cluster.rmq(&["consume", "T", "--no-group", "-e"]).ok().stdout, "x\n");
    assert_eq!(cluster.rmq(&["consume", "T", "--group", "g", "-n", "1"]).ok().stdout, "x\n");
}

#[test]
fn options_that_contradict_each_other_are_told() {
    let cluster = Cluster::single();
    for (args, words) in [
        (&["consume", "T", "--ordered"][..], &["--group"][..]),
        (&["consume", "T", "--broadcast"], &["--group"]),
        (&["consume", "T", "--fail-every", "2"], &["--group"]),
        (&["consume", "T", "--group", "g", "--no-group"], &["--no-group", "--group"]),
        (&["consume", "T", "--group", "g", "--ordered", "-e"], &["--ordered", "--end"]),
        (&["consume", "T", "--group", "g", "--broadcast", "--fail-every", "2"], &["--broadcast", "--fail-every"]),
        (&["consume", "T", "--group", "g", "--instance", "x"], &["--broadcast"]),
        (&["consume", "T", "--group", "g", "--fail-every", "0"], &["--fail-every"]),
        (&["produce", "T", "-m", "x", "--delay", "19"], &["19s"]),
        (&["produce", "T", "-m", "x", "--delay", "2001-01-01T00:00:00Z"], &["past"]),
        (&["produce", "T", "-m", "x", "--delay", "1", "--batch", "2"], &["--delay", "--batch"]),
        (&["produce", "T", "-m", "x", "--batch", "2", "--mode", "oneway"], &["--batch", "oneway"]),
        (&["produce", "T", "-m", "x", "--order-key", "k", "--mode", "async"], &["--order-key", "async"]),
        (&["produce", "T", "-m", "x", "--order-key", "k", "--order-by", ":"], &["--order-key", "--order-by"]),
    ] {
        let refused = cluster.rmq(args).exit(2).says(words);
        assert_eq!(refused.stdout, "", "{refused}");
    }
}
