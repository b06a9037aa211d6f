//! Messages with a delay level: when they are delivered, as what, and what a restart makes of them.

mod asked;

use asked::{Asked, BEGIN_MS, property, text};
use base::Clock;
use protocol::{
    code::{request, response},
    properties,
};

const WAITING: &str = "SCHEDULE_TOPIC_XXXX";

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_message_is_delivered_when_it_is_due_and_not_before() {
    let asked = Asked::start().await;
    let given = text(&[("DELAY", "2"), ("TAGS", "TagA"), ("KEYS", "k"), ("UNIQ_KEY", "u")]);
    let answer = asked.send("T", "late", &given).await;
    assert_eq!((answer.code, answer.remark.as_deref(), answer.fields.get("queueId")), (0, None, Some("0")));
    assert_eq!(asked.send("T", "at once", "").await.code, response::SUCCESS);
    let parked = &asked.records(WAITING, 1)[0];
    assert_eq!((property(parked, "REAL_TOPIC"), property(parked, "REAL_QID")), (Some("T"), Some("0")));
    asked.clock.advance_ms(4_999);
    // A message of a shorter level that was sent later overtakes it, and shows that deliveries were looked at.
    asked.send("Sooner", "x", &text(&[("DELAY", "1")])).await;
    assert_eq!(asked.bodies("T"), ["at once"]);
    asked.clock.advance_ms(1);
    asked.arrived("T", 2).await;
    assert!(asked.records("Sooner", 0).is_empty());
    asked.clock.advance_ms(999);
    asked.arrived("Sooner", 1).await;
    let late = &asked.records("T", 0)[1];
    assert_eq!((&late.body[..], late.flag, late.born_ms, late.store_ms), (&b"late"[..], 7, 1, BEGIN_MS + 5_000));
    assert_eq!(late.properties, parked.properties, "as Apache RocketMQ 4.9.8 leaves them");
    let queue = asked.broker.store().queue("T", 0).expect("a queue");
    assert_eq!(queue.get(1).map(|entry| entry.tag_hash), Some(store::tag_hash("TagA")));
    let found = asked.broker.store().find("T", "k", 10, 0, i64::MAX).expect("an index");
    assert_eq!(found.records.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_above_the_highest_is_the_highest_and_the_answer_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let asked =
        Asked::start_in(dir, Clock::manual(BEGIN_MS), |config| config.message_delay_level = "1s 3s".into()).await;
    let answer = asked.send("T", "x", &text(&[("DELAY", "9")])).await;
    assert_eq!(answer.code, response::SUCCESS);
    assert!(answer.remark.is_some_and(|remark| remark.contains('9') && remark.contains('2')));
    assert_eq!(property(&asked.records(WAITING, 1)[0], properties::DELAY_LEVEL), Some("2"));
    for none in ["0", "-1"] {
        asked.send("T", none, &text(&[("DELAY", none)])).await;
    }
    assert_eq!(asked.bodies("T"), ["0", "-1"], "no delay is none");
    assert_eq!(asked.send("T", "x", &text(&[("DELAY", "two")])).await.code, response::MESSAGE_ILLEGAL);
    asked.clock.advance_ms(3_000);
    asked.arrived("T", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_level_keep_their_order_and_a_restart_neither_loses_nor_doubles_one() {
    let mut asked = Asked::start().await;
    let level = text(&[("DELAY", "1")]);
    for n in 0..600 {
        asked.send("T", &n.to_string(), &level).await;
        asked.clock.advance_ms(1);
    }
    // 300 are due now.
    asked.clock.advance_ms(1_000 - 600 + 299);
    asked.arrived("T", 300).await;
    let expected = |count: i32| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(asked.bodies("T"), expected(300));
    asked = asked.restart(|_| {}).await;
    let saved = std::fs::read_to_string(asked.dir().join("config/delayOffset.json")).expect("the file");
    assert!(saved.starts_with(r#"{"offsetTable":{"1":300}"#), "{saved}");
    let answer = asked.ask_for(request::GET_ALL_DELAY_OFFSET, &[]).await.body.to_bytes();
    assert_eq!(String::from_utf8_lossy(&answer), saved);
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 600).await;
    asked = asked.restart(|_| {}).await;
    asked.send("T", "last", &level).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 601).await;
    assert_eq!(asked.bodies("T")[..600], expected(600));
}

/// Only a stop saves the progress.
fn seldom(config: &mut broker::config::BrokerConfig) {
    config.flush_delay_offset_interval_ms = 3_600_000;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_before_a_crash_is_not_delivered_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), seldom).await;
    let bodies = |count: i32| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    let [soon, later] = ["1", "2"].map(|level| text(&[("DELAY", level), ("TAGS", "t")]));
    for n in 0..40 {
        asked.send("T", &n.to_string(), &soon).await;
        asked.send("U", &n.to_string(), &later).await;
        asked.clock.advance_ms(10);
    }
    asked.clock.advance_ms(800);
    asked.arrived("T", 21).await;
    assert_eq!(asked.bodies("T"), bodies(21));
    // Killed twice: the copies of the first life count in the second and in the third.
    for arrives in [30, 39] {
        asked = asked.killed(seldom).await;
        asked.clock.advance_ms(90);
        asked.arrived("T", arrives).await;
    }
    asked.clock.advance_ms(4_010);
    asked.arrived("T", 40).await;
    asked.arrived("U", 40).await;
    asked = asked.killed(seldom).await;
    asked.send("T", "40", &soon).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 41).await;
    assert_eq!((asked.bodies("T"), asked.bodies("U")), (bodies(41), bodies(40)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_before_a_crash_is_not_delivered_again_though_a_stop_comes_before_that_is_known() {
    let mut asked = Asked::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(BEGIN_MS), seldom).await;
    let [short, long] = ["1", "2"].map(|level| text(&[("DELAY", level)]));
    asked.send("T", "a", &long).await;
    asked.clock.advance_ms(5_000);
    asked.arrived("T", 1).await;
    asked = asked.killed(seldom).await;
    // The clock was set back: its level does not come past the message, while another goes on.
    let dir = asked.stop().await;
    let asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), seldom).await;
    asked.send("U", "other", &short).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("U", 1).await;
    let asked = asked.restart(seldom).await;
    asked.send("T", "b", &long).await;
    asked.clock.advance_ms(5_000);
    asked.arrived("T", 2).await;
    assert_eq!(asked.bodies("T"), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_apaches_file_with_all_that_was_delivered() {
    let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(BEGIN_MS), seldom).await;
    asked.send("T", "a", &text(&[("DELAY", "1")])).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 1).await;
    let asked = asked.restart(|_| {}).await;
    let saved = std::fs::read_to_string(asked.dir().join("config/delayOffset.json")).expect("the file");
    assert!(saved.starts_with(r#"{"offsetTable":{"1":1}"#), "{saved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_message_does_not_hold_up_those_behind_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), seldom).await;
    for n in 0..5 {
        asked.send("T", &n.to_string(), &text(&[("DELAY", "1")])).await;
    }
    let third = asked.records(WAITING, 0)[2].physical_offset;
    let log = asked.dir().join("commitlog/00000000000000000000");
    let mut bytes = std::fs::read(&log).expect("the log");
    // A letter of its body.
    bytes[third as usize + 88] ^= 1;
    use std::os::unix::fs::FileExt;
    let log = std::fs::File::options().write(true).open(log).expect("the log");
    log.write_all_at(&bytes[third as usize + 88..][..1], third as u64 + 88).expect("writable");
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 4).await;
    assert_eq!(asked.bodies("T"), ["0", "1", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_deleted_topic_are_passed_over() {
    let asked = Asked::start().await;
    for topic in ["Deleted", "Kept", "Deleted"] {
        asked.send(topic, "x", &text(&[("DELAY", "1")])).await;
    }
    assert_eq!(asked.ask_for(request::DELETE_TOPIC_IN_BROKER, &[("topic", "Deleted")]).await.code, response::SUCCESS);
    asked.send("Kept", "y", &text(&[("DELAY", "1")])).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("Kept", 2).await;
    assert!(asked.broker.store().queue("Deleted", 0).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_progress_that_apaches_broker_saved_is_gone_on_from() {
    let dir = tempfile::tempdir().expect("a folder");
    let asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), seldom).await;
    for n in 0..3 {
        asked.send("T", &n.to_string(), &text(&[("DELAY", "2")])).await;
    }
    let dir = asked.stop().await;
    let file = dir.path().join("config/delayOffset.json");
    std::fs::write(&file, "{\n\t\"offsetTable\":{2:1,3:9\n\t}\n}").expect("writable");
    let asked = Asked::start_in(dir, Clock::manual(BEGIN_MS + 5_000), seldom).await;
    asked.arrived("T", 2).await;
    assert_eq!(asked.bodies("T"), ["1", "2"]);
    // Level 3 never had a message: what it says of it does not hold up the next one.
    asked.send("U", "x", &text(&[("DELAY", "3")])).await;
    asked.clock.advance_ms(10_000);
    asked.arrived("U", 1).await;
    let info: protocol::inspect::KvTable =
        asked.ask_for(request::GET_BROKER_RUNTIME_INFO, &[]).await.json().expect("a table");
    assert_eq!(info.table.get("scheduleMessageOffset_2").map(String::as_str), Some("3,3"));
}
