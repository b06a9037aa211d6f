//! Pictures from what brokers send, and rates between them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::rates::{self, BrokerRates, Rates};
use protocol::route::BrokerData;

fn names(of: &[(&str, &[i64])]) -> ClusterInfo {
    let mut info = ClusterInfo::default();
    for (name, ids) in of {
        let data = BrokerData {
            cluster: "C".into(),
            broker_name: (*name).into(),
            broker_addrs: ids.iter().map(|id| (*id, format!("{name}:{id}"))).collect(),
            ..BrokerData::default()
        };
        info.broker_addr_table.insert((*name).into(), data);
    }
    info
}

/// What broker `name` says, with a group that reads 2 queues.
fn view(name: &str, id: i64, at_ms: i64, put: u64, (end, consumed): (i64, i64)) -> BrokerView {
    let told = [
        ("bootTimestamp", "5".to_owned()),
        ("putMessageTimesTotal", put.to_string()),
        ("putMessageSizeTotal", (put * 100).to_string()),
        ("msgGetTotalTodayNow", (put / 2).to_string()),
        ("msgGetTotalTodayMorning", "1".to_owned()),
    ];
    let all = told.map(|(name, value)| (name.to_owned(), value)).into();
    let stats = format!(
        concat!(
            r#"{{"brokerAddr":"x","consumeStatsList":[{{"G":[{{"consumeTps":0.0,"offsetTable":{{"#,
            r#"{{"brokerName":"b","queueId":0,"topic":"T"}}:{{"brokerOffset":{},"consumerOffset":{},"lastTimestamp":9}},"#,
            r#"{{"brokerName":"b","queueId":1,"topic":"T"}}:{{"brokerOffset":3,"consumerOffset":5,"lastTimestamp":7}}}}}}]}}],"#,
            r#""totalDiff":0}}"#
        ),
        end, consumed
    );
    let groups = match id {
        0 => Ok(sums::by_group(stats.as_bytes()).unwrap()),
        _ => Err(Unknown::because("only masters are asked for groups")),
    };
    let broker = BrokerRef { cluster: "C".into(), name: name.into(), id, addr: format!("{name}:{id}") };
    BrokerView { broker, at_ms, info: Ok(BrokerInfo::of(all)), groups }
}

fn one(at_ms: i64, put: u64, at: (i64, i64)) -> Snapshot {
    Snapshot::of(&names(&[("a", &[0])]), at_ms, vec![view("a", 0, at_ms, put, at)])
}

fn put(rates: &Rates) -> Result<f64, String> {
    rates.brokers[0].put.clone().map_err(|why| why.to_string())
}

fn consumed(rates: &Rates) -> Result<f64, String> {
    rates.groups["G"].consumed.clone().map_err(|why| why.to_string())
}

#[test]
fn groups_are_summed_over_masters_and_what_lacks_is_told() {
    let info = names(&[("a", &[0, 1]), ("b", &[0]), ("c", &[1]), ("d", &[0])]);
    let mut away = view("d", 0, 1000, 0, (0, 0));
    (away.info, away.groups) = (Err(Unknown::because("away")), Err(Unknown::because("away")));
    let views = vec![
        view("b", 0, 1000, 0, (20, 5)),
        away,
        view("a", 1, 1000, 0, (0, 0)),
        view("c", 1, 1000, 0, (0, 0)),
        view("a", 0, 1000, 0, (10, 4)),
    ];
    let snapshot = Snapshot::of(&info, 1000, views);
    let order: Vec<_> = snapshot.brokers.iter().map(|view| &*view.broker.addr).collect();
    assert_eq!(order, ["a:0", "a:1", "b:0", "c:1", "d:0"]);
    let groups = snapshot.groups();
    let progress = groups.known["G"].topics["T"];
    let wanted = Progress { queues: 4, end: 36, consumed: 19, lag: 21, oldest_consumed_ms: Some(7) };
    assert_eq!((progress, groups.known["G"].total()), (wanted, wanted));
    let lag = snapshot.lag();
    assert_eq!((lag.known, lag.is_whole()), (21, false));
    let missing: Vec<_> = lag.missing.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(missing, ["c: no master of c is registered", "d: away"]);
}

#[test]
fn a_rate_is_what_a_counter_grew_by_in_the_time_between() {
    let (before, after) = (one(1000, 100, (50, 10)), one(3000, 160, (70, 40)));
    let rates = rates::between(&before, &after);
    assert_eq!(rates.brokers, [BrokerRates { put: Ok(30.0), put_bytes: Ok(3000.0), got: Ok(15.0) }]);
    let group = &rates.groups["G"];
    assert_eq!((&group.put, &group.consumed), (&Ok(10.0), &Ok(15.0)));
    assert_eq!(group.drained_in(30), Ok(Some(6.0)));
    assert_eq!(group.drained_in(0), Ok(Some(0.0)));
    let slower = rates::between(&before, &one(2000, 100, (90, 11)));
    assert_eq!(slower.groups["G"].drained_in(79), Ok(None));
    let total = rates.total(&after, |broker| &broker.put);
    assert_eq!((total.known, total.is_whole()), (30.0, true));
}

#[test]
fn a_restart_a_reset_and_a_clock_set_back_give_no_rate_and_no_spike() {
    let before = one(1000, 100, (50, 40));
    let back = rates::between(&before, &one(2000, 7, (60, 10)));
    assert!(put(&back).unwrap_err().contains("went back"));
    assert!(consumed(&back).unwrap_err().contains("went back"));
    assert_eq!(back.groups["G"].put, Ok(10.0));
    // It has already more than before.
    let mut anew = one(2000, 1_000_000, (60, 50));
    anew.brokers[0].info.as_mut().unwrap().started_ms = Ok(1500);
    let rates = rates::between(&before, &anew);
    assert!(put(&rates).unwrap_err().contains("started anew"));
    assert_eq!(consumed(&rates), Ok(10.0), "what groups did is on the disk");
    assert_eq!(
        put(&rates::between(&anew, &{
            let mut next = one(3000, 1_000_010, (60, 50));
            next.brokers[0].info.as_mut().unwrap().started_ms = Ok(1500);
            next
        })),
        Ok(10.0),
        "the step after it has one again"
    );
    for at_ms in [1000, 500] {
        let still = rates::between(&before, &one(at_ms, 200, (60, 50)));
        assert!(put(&still).unwrap_err().contains("no time") && consumed(&still).unwrap_err().contains("no time"));
    }
}

#[test]
fn who_came_or_went_meanwhile_has_no_rate_for_that_step() {
    let whole = one(1000, 100, (50, 10));
    let nobody = Snapshot::of(&names(&[]), 1000, Vec::new());
    let came = rates::between(&nobody, &one(2000, 100, (50, 10)));
    assert!(put(&came).unwrap_err().contains("not there before"));
    assert!(consumed(&came).unwrap_err().contains("not there before"));
    let gone: Vec<_> = nobody.gone_since(&whole).map(|view| &*view.broker.name).collect();
    assert_eq!((gone, whole.gone_since(&whole).count()), (vec!["a"], 0));
    let mut away = one(1000, 0, (0, 0));
    (away.brokers[0].info, away.brokers[0].groups) = (Err(Unknown::because("away")), Err(Unknown::because("away")));
    let back = rates::between(&away, &one(2000, 100, (50, 10)));
    assert_eq!(put(&back).unwrap_err(), "before: away");
    assert_eq!(consumed(&back).unwrap_err(), "broker a: away");
    away.asked_ms = 2000;
    let gone = rates::between(&whole, &away);
    assert_eq!((put(&gone).unwrap_err().as_str(), gone.groups.len()), ("away", 0));
    let total = gone.total(&away, |broker| &broker.put);
    assert_eq!((total.known, total.missing.len()), (0.0, 1));
    // A topic more: its messages are not a rate.
    let mut more = one(2000, 200, (50, 10));
    let group = more.brokers[0].groups.as_mut().unwrap().get_mut("G").unwrap();
    group.topics.insert("U".into(), Progress { queues: 1, end: 1_000_000, ..Progress::default() });
    assert!(consumed(&rates::between(&whole, &more)).unwrap_err().contains("other queues"));
}
