//! A cluster that stands still: what the screens are drawn from in tests. Times begin at [`BEGIN`].
// Not every test uses all of it.
#![allow(dead_code)]

use admin::{
    BrokerRef, Snapshot,
    snapshot::{BrokerInfo, BrokerView, GroupView, Progress, Unknown},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use protocol::{consume_stats::QueueProgress, lock::QueueName, topic_stats::QueueExtent};
use std::time::Duration;
use tui::{Answer, Effect, Event, GroupDetail, Look, Question, State, TopicDetail};

/// When it begins, ms.
pub const BEGIN: i64 = 1_767_323_045_000;

/// What terminals of today show.
pub const ALL: Look = Look { theme: tui::Theme::Sixteen, ascii: false, lang: tui::Lang::English };

fn broker(name: &str, id: i64) -> BrokerRef {
    BrokerRef { cluster: "shop".into(), name: name.into(), id, addr: format!("10.0.0.{}:10911", id + 1) }
}

/// What a broker says `at` seconds after the begin.
fn told(name: &str, id: i64, at: i64) -> BrokerInfo {
    let put = 1_000_000 + at * 1234;
    let mut all: Vec<(String, String)> = [
        ("brokerVersionDesc", "V4_9_8".to_owned()),
        ("bootTimestamp", (BEGIN - 90_000_000).to_string()),
        ("putMessageTimesTotal", put.to_string()),
        ("putMessageSizeTotal", (put * 512).to_string()),
        ("msgGetTotalTodayNow", (put / 2).to_string()),
        ("msgGetTotalTodayMorning", "1000".to_owned()),
        ("msgPutTotalTodayNow", put.to_string()),
        ("msgPutTotalTodayMorning", "1000".to_owned()),
        ("commitLogMinOffset", "0".to_owned()),
        ("commitLogMaxOffset", (put * 600 - id * 4096).to_string()),
        ("remainHowManyDataToFlush", "12.5 KiB".to_owned()),
        ("dispatchBehindBytes", "0".to_owned()),
        ("sendThreadPoolQueueSize", "3".to_owned()),
        ("sendThreadPoolQueueHeadWaitTimeMills", "12".to_owned()),
        ("pageCacheLockTimeMills", "0".to_owned()),
        ("putLatency99", "4.25".to_owned()),
        ("putMessageDistributeTime", "[<=0ms]:0 [0~10ms]:7 ".to_owned()),
        ("commitLogDiskRatio", if name == "broker-a" { "0.42" } else { "0.91" }.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if name == "broker-a" && id == 0 {
        // This one is a broker of rmq; the others tell what one of Apache RocketMQ does.
        all.extend(
            [
                ("commitLogFlushedOffset", (put * 600 - 12_800).to_string()),
                ("commitLogUnflushedMillis", "180".to_owned()),
                ("flushDiskType", "ASYNC_FLUSH".to_owned()),
                ("commitLogLastFlushTimestamp", (BEGIN + at * 1000 - 320).to_string()),
                ("commitLogLastFlushMicros", "1450".to_owned()),
                ("checkpointLogTimestamp", (BEGIN + at * 1000 - 9_000).to_string()),
                ("checkpointQueuesTimestamp", (BEGIN + at * 1000 - 42_000).to_string()),
                ("checkpointSettledOffset", (put * 600 - 31_000_000).to_string()),
                ("transactionsPending", "2".to_owned()),
                ("timerCongestNum", "41".to_owned()),
                ("scheduleMessageOffset_1", "90,90".to_owned()),
                ("scheduleMessageOffset_3", "120,500".to_owned()),
                ("scheduleMessageOffset_18", "0,7".to_owned()),
                ("residentMemoryBytes", (41 << 20).to_string()),
                ("anonymousMemoryBytes", (9 << 20).to_string()),
                ("haSlaves", "2".to_owned()),
                ("haSlaveSince_10.0.0.2:40000", (BEGIN - 60_000).to_string()),
                ("haSlaveAckOffset_10.0.0.2:40000", (put * 600 - 4096).to_string()),
                ("haSlaveBehindBytes_10.0.0.2:40000", "4096".to_owned()),
                ("haSlaveSince_10.0.0.3:40001", (BEGIN - 1_000).to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    if name == "broker-b" && id == 0 {
        all.push(("refusingWrites".into(), "the disk of /data/commitlog is used to 91 %".into()));
        // A broker that does not measure it.
        all.retain(|(name, _)| name != "dispatchBehindBytes");
    }
    BrokerInfo::of(all.into_iter().collect())
}

fn group(topics: &[(&str, i64, i64)]) -> GroupView {
    let progress = |end: i64, lag: i64| Progress {
        queues: 8,
        end,
        consumed: end - lag,
        lag,
        oldest_consumed_ms: (lag > 0).then_some(BEGIN - 65_000),
    };
    GroupView { topics: topics.iter().map(|(topic, end, lag)| ((*topic).to_owned(), progress(*end, *lag))).collect() }
}

/// Everything `at` seconds after the begin. One broker is silent.
pub fn picture(at: i64) -> Snapshot {
    let asked_ms = BEGIN + at * 1000;
    let groups = [
        ("billing".to_owned(), group(&[("orders", 50_000 + at * 100, 12_345 - at * 20), ("订单", 10, 0)])),
        ("报表-reports".to_owned(), group(&[("orders", 50_000 + at * 100, 200 + at * 100)])),
        ("search".to_owned(), group(&[("orders", 50_000 + at * 100, 0)])),
    ];
    let view = |name: &str, id: i64| BrokerView {
        broker: broker(name, id),
        at_ms: asked_ms,
        info: Ok(told(name, id, at)),
        groups: match (name, id) {
            ("broker-a", 0) => Ok(groups.clone().into()),
            (_, 0) => Ok(Default::default()),
            _ => Err(Unknown::because("only masters are asked for groups")),
        },
    };
    let mut brokers = vec![view("broker-a", 0), view("broker-a", 1), view("broker-b", 0), view("broker-b", 1)];
    brokers[3].info = Err(Unknown::because("cannot connect to 10.0.0.2:10911: refused"));
    Snapshot { asked_ms, brokers, headless: Vec::new() }
}

/// A terminal of that size that has seen two pictures, and time has gone on half a second since.
pub fn seen(look: Look, size: (u16, u16)) -> State {
    let mut state = State::new("10.0.0.9:9876", look, Duration::from_secs(1), size, BEGIN);
    for at in 0..=10 {
        hear(&mut state, picture(at), at * 1000);
    }
    state.update(Event::Tick(BEGIN + 10_500));
    state
}

/// A picture with groups comes in, so long after the begin, ms.
pub fn hear(state: &mut State, picture: Snapshot, at_ms: i64) {
    state.update(Event::Answer(Answer::Picture { groups: true, got: Ok(Box::new(picture)) }, BEGIN + at_ms));
}

/// A key that writes something.
pub fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    keys.chars().flat_map(|c| key(state, KeyCode::Char(c))).collect()
}

/// Any key.
pub fn key(state: &mut State, code: KeyCode) -> Vec<Effect> {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Answers what was asked, but pictures.
pub fn answer(state: &mut State, effects: &[Effect]) {
    for effect in effects {
        let answer = match effect {
            Effect::Ask(Question::Topics) => {
                let names = ["%DLQ%billing", "%RETRY%billing", "TBW102", "audit", "orders", "订单"];
                Answer::Topics(Ok(names.map(str::to_owned).into()))
            }
            Effect::Ask(Question::Topic(name)) => Answer::Topic(name.clone(), Ok(topic())),
            Effect::Ask(Question::Group(name)) => Answer::Group(name.clone(), Ok(members())),
            _ => continue,
        };
        state.update(Event::Answer(answer, BEGIN + 10_600));
    }
}

fn queue(broker: &str, queue_id: i32) -> QueueName {
    QueueName { broker_name: broker.into(), queue_id, topic: "orders".into() }
}

fn topic() -> TopicDetail {
    let extent = |at: i64| QueueExtent {
        min_offset: at * 10,
        max_offset: 6_000 + at,
        last_update_timestamp: [BEGIN, 0, -1][at as usize % 3],
    };
    let queues = (0..4).map(|id| (queue("broker-a", id), extent(i64::from(id)))).collect();
    let missing = vec![("broker-b".into(), Unknown::because("no answer within 5s"))];
    TopicDetail { queues, missing, ..TopicDetail::default() }
}

fn members() -> GroupDetail {
    let at = |at: i64| QueueProgress {
        broker_offset: 6_000 + at,
        consumer_offset: 5_000,
        last_timestamp: if at == 2 { 0 } else { BEGIN - 61_000 },
    };
    let queues = (0..4).map(|id| (queue("broker-a", id), at(i64::from(id)))).collect();
    let member = ("10.0.1.5@4711".to_owned(), ("10.0.1.5:50123".to_owned(), "JAVA 401".to_owned()));
    GroupDetail { queues, members: [member].into(), ..GroupDetail::default() }
}
