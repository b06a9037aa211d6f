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
