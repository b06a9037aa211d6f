//! Traces: what `--trace` tells the topic of traces, and that nothing depends on whether it can be told.

use crate::cluster::Cluster;

const TRACES: &str = "RMQ_SYS_TRACE_TOPIC";

/// The fields of each record in the topic of traces.
fn records(cluster: &Cluster) -> Vec<Vec<String>> {
    let bodies = cluster.rmq(&["consume", TRACES, "-e", "-o", "jsonl"]).ok().json_lines();
    let text: String = bodies.iter().map(|message| message["body"].as_str().expect("it is text")).collect();
    text.split_terminator('\u{2}').map(|record| record.split('\u{1}').map(str::to_owned).collect()).collect()
}

#[test]
fn a_send_and_the_calls_that_consume_it_can_be_found_in_the_topic_of_traces() {
    let cluster = Cluster::with("traceTopicEnable=true\n");
    cluster.topic("T");
    let produce = ["produce", "T", "-m", "hello", "-k", "order-7", "--tag", "red", "--trace", "-o", "json"];
    let sent = cluster.rmq(&produce).ok().json_lines();
    let id = sent[0]["id"].as_str().expect("it has an id");
    let published = records(&cluster);
    assert_eq!(published.len(), 1, "the trace itself has none: {published:?}");
    let known = [(0, "Pub"), (2, "DefaultRegion"), (3, "rmq-produce"), (4, "T"), (5, id), (6, "red"), (7, "order-7")];
    let known = known.into_iter().chain([(8, &*cluster.broker_addr), (9, "5"), (11, "0"), (13, "true")]);
    for (at, field) in known {
        assert_eq!(published[0][at], field, "field {at} of {:?}", published[0]);
    }

    assert_eq!(cluster.rmq(&["consume", "T", "--group", "g", "-n", "1", "--trace"]).ok().stdout, "hello\n");
    let all = records(&cluster);
    let [_, before, after] = &all[..] else { panic!("{all:?}") };
    assert_eq!(
        (&*before[0], &*before[3], &before[5..]),
        ("SubBefore", "g", &[id, "0", "order-7"].map(str::to_owned)[..])
    );
    assert_eq!((&*after[0], &after[1]), ("SubAfter", &before[4]), "one call");
    assert_eq!((&*after[2], &*after[4], &*after[5], &*after[6], &*after[8]), (id, "true", "order-7", "0", "g"));

    // By the id, and by the keys.
    for key in [id, "order-7"] {
        let found = cluster.rmq(&["message", "find", "-t", TRACES, "-k", key, "-o", "jsonl"]).ok();
        assert!(found.lines().len() >= 2, "of the send and of the call: {found}");
    }
}

#[test]
fn a_call_that_failed_is_told_as_one() {
    let cluster = Cluster::with("traceTopicEnable=true\nmessageDelayLevel=1s 1s 1s 1s\n");
    cluster.topic("T");
    cluster.rmq(&["produce", "T", "-m", "hello"]).ok();
    let failing = ["consume", "T", "--group", "g", "--fail-every", "1", "--max-retries", "1", "--trace"];
    let mut member = crate::process::Background::start("rmq consume", &mut cluster.command(&failing));
    member.wait_for("came again 1 times before");
    assert!(member.terminate().success(), "{}", member.log());
    let all = records(&cluster);
    let before: Vec<_> = all.iter().filter(|record| record[0] == "SubBefore").map(|record| &*record[6]).collect();
    assert_eq!(before, ["0", "1"], "it came twice: {all:?}");
    let after: Vec<_> = all.iter().filter(|record| record[0] == "SubAfter").collect();
    assert!(!after.is_empty() && after.iter().all(|record| record[4] == "false" && record[6] == "4"), "{all:?}");
}

#[test]
fn messages_are_sent_and_consumed_where_there_is_no_topic_of_traces() {
    let cluster = Cluster::with("autoCreateTopicEnable=false\n");
    cluster.topic("T");
    let sent = cluster.rmq(&["produce", "T", "-m", "hello", "--trace"]).ok();
    sent.says(&["traces are lost", TRACES]);
    assert_eq!(cluster.rmq(&["consume", "T", "--group", "g", "-n", "1", "--trace"]).ok().stdout, "hello\n");
    let refused = ["produce", "T", "-m", "x", "--trace", "--mode", "oneway"];
    cluster.rmq(&refused).exit(2).says(&["--trace", "oneway"]);
}
