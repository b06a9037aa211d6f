//! Messages with a time of their own: when they come, what is refused, and what a restart or a crash makes of them.

mod asked;

use asked::{Asked, BEGIN_MS, property, text};
use base::Clock;
use broker::config::BrokerConfig;
use protocol::code::response;

const WAITING: &str = "rmq_sys_wheel_timer";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_at_the_time_it_says_however_it_says_it() {
    let asked = Asked::start().await;
    let at = |ms: i64| (BEGIN_MS + ms).to_string();
    for (body, name, value) in [
        ("fourth", "TIMER_DELIVER_MS", at(2_501)),
        ("third", "TIMER_DELAY_MS", "2500".to_owned()),
        ("second", "TIMER_DELAY_SEC", "2".to_owned()),
        ("first", "__STARTDELIVERTIME", at(1_999)),
        ("at once", "TIMER_DELIVER_MS", at(-5)),
        ("now", "TIMER_DELAY_MS", "0".to_owned()),
        ("before", "TIMER_DELAY_SEC", "-7".to_owned()),
    ] {
        let answer = asked.send("T", body, &text(&[(name, &value), ("TAGS", "t")])).await;
        assert_eq!((answer.code, answer.remark), (response::SUCCESS, None), "{body}");
    }
    let at_once = ["at once", "now", "before"];
    assert_eq!(asked.bodies("T"), at_once);
    let mut expected = at_once.to_vec();
    for (step, body) in [(1_999, "first"), (1, "second"), (500, "third"), (1, "fourth")] {
        asked.clock.advance_ms(step - 1);
        // Whoever looks a millisecond earlier finds nothing: whether the broker has looked, too, the next steps tell.
        assert_eq!(asked.bodies("T"), expected);
        asked.clock.advance_ms(1);
        expected.push(body);
        asked.arrived("T", expected.len() as u64).await;
        assert_eq!(asked.bodies("T"), expected);
    }
    let (parked, copy) = (&asked.records(WAITING, 0)[0], &asked.records("T", 0)[6]);
    assert_eq!(property(copy, "TIMER_OUT_MS"), Some(&*at(2_501)));
    assert_eq!(property(copy, "TIMER_DEQUEUE_MS"), Some(&*at(2_501)));
    assert_eq!((property(copy, "TIMER_DELIVER_MS"), property(copy, "TAGS")), (Some(&*at(2_501)), Some("t")));
    assert_eq!((copy.born_ms, copy.flag, parked.store_ms), (1, 7, BEGIN_MS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_cannot_be_kept_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    let asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), |config| config.timer_max_delay_seconds = 60).await;
    let far = (BEGIN_MS + 60_001).to_string();
    for (properties, why) in [
        (text(&[("TIMER_DELIVER_MS", &far)]), "timerMaxDelaySec"),
        (text(&[("__STARTDELIVERTIME", &far)]), "timerMaxDelaySec"),
        (text(&[("TIMER_DELAY_SEC", "61")]), "timerMaxDelaySec"),
        (text(&[("TIMER_DELAY_SEC", "9223372036854775807")]), "timerMaxDelaySec"),
        (text(&[("TIMER_DELAY_MS", "soon")]), "soon"),
        (text(&[("TIMER_DELAY_MS", "5"), ("TIMER_DEL_UNIQKEY", "u")]), "recall"),
    ] {
        let answer = asked.send("T", "x", &properties).await;
        assert_eq!(answer.code, response::MESSAGE_ILLEGAL, "{properties:?}");
        assert!(answer.remark.is_some_and(|remark| remark.contains(why)), "{properties:?}");
    }
    assert_eq!(asked.send("T", "x", &text(&[("TIMER_DELAY_SEC", "60")])).await.code, response::SUCCESS);
    let asked = asked.restart(|config| config.timer_wheel_enable = false).await;
    let answer = asked.send("T", "x", &text(&[("TIMER_DELAY_SEC", "60")])).await;
    assert_eq!(answer.code, response::SYSTEM_ERROR);
    // What was taken before still comes.
    asked.clock.advance_ms(60_000);
    asked.arrived("T", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_level_overrules_a_time() {
    let asked = Asked::start().await;
    asked.send("T", "x", &text(&[("TIMER_DELAY_SEC", "9"), ("DELAY", "1"), ("TAGS", "t")])).await;
    asked.clock.advance_ms(1_000);
    asked.arrived("T", 1).await;
    assert_eq!(property(&asked.records("T", 0)[0], "TIMER_DELAY_SEC"), None);
    // Sent on as it came, a message that had its time is not held back again.
    let again = text(&[("TIMER_DELAY_SEC", "9"), ("TIMER_OUT_MS", "5")]);
    asked.send("U", "x", &again).await;
    assert_eq!(asked.bodies("U"), ["x"]);
}

/// Only a stop saves the progress.
fn seldom(config: &mut BrokerConfig) {
    config.flush_delay_offset_interval_ms = 3_600_000;
}

/// Messages due in an order of their own, delivered in pieces, with `between` before each piece.
async fn in_pieces<F: Future<Output = Asked>>(between: impl Fn(Asked) -> F) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut asked = Asked::start_in(dir, Clock::manual(BEGIN_MS), seldom).await;
    // 7 and 300 have no common divisor: each second from 0 to 299 has one message.
    let body_at = |second: u64| (second * 43 % 300).to_string();
    for n in 0..300_u64 {
        asked
            .send(
                "T",
                &n.to_string(),
                &text(&[("TIMER_DELIVER_MS", &(BEGIN_MS + 1 + 1000 * (n * 7 % 300) as i64).to_string())]),
            )
            .await;
    }
    let mut due = 0;
    for step in [50_u64, 1, 100, 149] {
        asked = between(asked).await;
        due += step;
        asked.clock.advance_ms(1_000 * step as i64);
        asked.arrived("T", due).await;
        // One that comes late and is due before all that waits.
        asked.send("Late", &due.to_string(), &text(&[("TIMER_DELAY_MS", "500")])).await;
    }
    asked.clock.advance_ms(2_000);
    asked = between(between(asked).await).await;
    asked.send("Last", "x", &text(&[("TIMER_DELAY_MS", "500")])).await;
    asked.clock.advance_ms(500);
    asked.arrived("Last", 1).await;
    assert_eq!(asked.bodies("T"), (0..300).map(body_at).collect::<Vec<_>>());
    assert_eq!(asked.bodies("Late"), ["50", "51", "151", "300"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_neither_loses_nor_doubles_what_waits() {
    in_pieces(|asked| asked.restart(seldom)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_neither_loses_nor_doubles_what_waits() {
    in_pieces(|asked| asked.killed(seldom)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_progress_was_saved_neither_loses_nor_doubles_what_waits() {
    let often = |config: &mut BrokerConfig| config.flush_delay_offset_interval_ms = 1;
    in_pieces(|asked| asked.killed(often)).await;
}
