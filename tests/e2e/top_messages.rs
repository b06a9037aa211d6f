//! Messages, dead letters and traces in `rmq top`, against a live cluster.

use crate::{cluster::Cluster, process::Background, top::Top};

#[test]
fn a_message_is_found_from_its_topic_and_shown_with_its_properties_and_its_trace() {
    let cluster = Cluster::with("traceTopicEnable=true\n");
    let body = "{\"order\":42,\"item\":\"设计书\"}";
    let produce = ["produce", "orders", "-m", body, "-k", "order-42", "--tag", "paid", "-H", "shop=berlin", "--trace"];
    cluster.rmq(&produce).ok();
    let mut top = Top::of(&cluster);
    // Before that the terminal is not ours yet, and Enter another key.
    top.shows(&["broker-a:0", "master"]);
    top.press("2/orders\r");
    top.shows(&["orders ", "normal"]);
    top.press("m");
    top.shows(&["messages of orders: 1 of 1", "the newest, live"]);
    top.shows(&["broker-a/", "order-42", "{\"order\":42,"]);
    top.press("\r");
    top.shows(&["UNIQ_KEY"]);
    top.shows(&["shop", "berlin"]);
    top.shows(&["\"item\": \"设计书\""]);
    top.press("t");
    top.shows(&["sent", "rmq-produce at 127.0.0.1", "ok"]);
    // Back, and what is new comes by itself.
    top.press("\u{1b}");
    top.shows(&["messages of orders: 1 of 1"]);
    cluster.rmq(&["produce", "orders", "-m", "\u{1b}[2Jsecond"]).ok();
    top.shows(&["broker-a/", r"\u{1b}[2Jsecond"]);
    top.press(":at 2999-01-01\r");
    top.shows(&["there are no messages here"]);
    top.press(":at -10m\r");
    top.shows(&["order-42"]);
    top.press("n");
    top.shows(&["there was nothing newer"]);
    top.press("q");
    top.ends();
}

#[test]
fn dead_letters_are_listed_by_group_and_tell_their_first_topic() {
    let cluster = Cluster::with("messageDelayLevel=1s 1s 1s 1s\n");
    cluster.topic("orders");
    cluster.rmq(&["produce", "orders", "-m", "poison"]).ok();
    let failing = ["consume", "orders", "--group", "billing", "--fail-every", "1", "--max-retries", "0"];
    let mut member = Background::start("rmq consume", &mut cluster.command(&failing));
    let mut top = Top::of(&cluster);
    top.press("5");
    top.shows(&["billing", " 1 ", " ago", "yes"]);
    assert!(member.terminate().success(), "{}", member.log());
    top.press("\r");
    top.shows(&["FIRST TOPIC", "TIMES"]);
    top.shows(&["orders", "poison"]);
    top.press("q");
    top.ends();
}
