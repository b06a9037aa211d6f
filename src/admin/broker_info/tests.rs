//! What is read of what brokers say, and what is not.
#![allow(clippy::unwrap_used)]

use super::*;

fn info(told: &[(&str, &str)]) -> BrokerInfo {
    BrokerInfo::of(told.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn why<T: std::fmt::Debug>(known: Known<T>) -> String {
    known.unwrap_err().to_string()
}

#[test]
fn what_a_broker_does_not_tell_is_unknown_with_the_reason() {
    let told = [
        ("brokerVersionDesc", "V4_9_8"),
        ("putMessageTimesTotal", "many"),
        ("commitLogDiskRatio", "-1.0"),
        ("remainHowManyDataToFlush", "1.5 KiB"),
        ("earliestMessageTimeStamp", "-1"),
        ("msgPutTotalTodayMorning", "9"),
        ("msgPutTotalTodayNow", "4"),
    ];
    let info = BrokerInfo::of(told.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!((info.version.as_deref(), &info.to_flush), (Ok("V4_9_8"), &Ok(1536)));
    let why = |unknown: Unknown| unknown.to_string();
    assert_eq!(info.put.map_err(why).unwrap_err(), "putMessageTimesTotal \"many\" is no number");
    assert_eq!(info.log_max.map_err(why).unwrap_err(), "it does not tell commitLogMaxOffset");
    assert!(info.disk.map_err(why).unwrap_err().contains("could not measure"));
    assert_eq!(info.oldest_ms.map_err(why).unwrap_err(), "it knows no oldest message");
    assert!(info.put_today.map_err(why).unwrap_err().contains("less"));
    assert_eq!((info.refusing, info.got_today.is_err()), (None, true));
    for (said, read) in [
        ("0 B", Some(0)),
        ("1023 B", Some(1023)),
        ("2.0 GiB", Some(2 << 30)),
        ("1.5 kB", Some(1500)),
        ("", None),
        ("5", None),
        ("5 XB", None),
        ("5 KMB", None),
        ("-1 B", None),
        ("NaN B", None),
        ("1e300 EiB", Some(u64::MAX)),
    ] {
        assert_eq!(bytes(said), read, "{said}");
    }
}

#[test]
fn a_broker_of_rmq_tells_how_far_it_is_on_the_disk_and_one_of_apache_does_not() {
    let apache = info(&[("commitLogMaxOffset", "700"), ("remainHowManyDataToFlush", "0 B")]);
    for (said, key) in [
        (why(apache.flushed), "commitLogFlushedOffset"),
        (why(apache.unflushed_ms), "commitLogUnflushedMillis"),
        (why(apache.flush_mode), "flushDiskType"),
        (why(apache.last_sync), "commitLogLastFlushTimestamp"),
        (why(apache.checkpoint), "checkpointSettledOffset"),
        (why(apache.slaves), "haSlaves"),
        (why(apache.transactions), "transactionsPending"),
        (why(apache.resident), "residentMemoryBytes"),
    ] {
        assert_eq!(said, format!("it does not tell {key}"));
    }
    assert_eq!(apache.delay_levels, Ok(Vec::new()));
    let fresh = [("commitLogFlushedOffset", "0"), ("checkpointSettledOffset", "0"), ("flushDiskType", "SYNC_FLUSH")];
    let fresh = info(&fresh);
    assert_eq!(why(fresh.last_sync), "it has had nothing to sync since it started");
    let checkpoint = fresh.checkpoint.unwrap();
    assert_eq!((checkpoint.settled, fresh.flush_mode.as_deref()), (Ok(0), Ok("SYNC_FLUSH")));
    assert_eq!(why(checkpoint.log_ms), "it does not tell checkpointLogTimestamp");
    let flushed = [
        ("commitLogFlushedOffset", "600"),
        ("commitLogLastFlushTimestamp", "5"),
        ("commitLogLastFlushMicros", "1234"),
        ("checkpointLogTimestamp", "4"),
    ];
    let flushed = info(&flushed);
    assert_eq!((flushed.flushed, flushed.last_sync), (Ok(600), Ok(LastSync { at_ms: 5, took_us: 1234 })));
    assert_eq!(flushed.checkpoint.unwrap().log_ms, Ok(4));
}

#[test]
fn a_minute_without_a_send_has_no_latency() {
    let p99 = |ms, ranges| info(&[("putLatency99", ms), ("putMessageDistributeTime", ranges)]).put_p99_ms;
    assert_eq!(p99("0.35", "[<=0ms]:12 [0~10ms]:0 "), Ok(0.35));
    assert_eq!(why(p99("0.00", "[<=0ms]:0 [0~10ms]:0 ")), "it stored nothing in the last minute");
    assert_eq!(why(p99("0.00", "null")), "it has not run for a minute yet");
    assert_eq!(info(&[("putLatency99", "2.00")]).put_p99_ms, Ok(2.0));
    assert_eq!(why(info(&[]).put_p99_ms), "it does not tell putLatency99");
}

#[test]
fn levels_come_in_their_order_and_slaves_with_what_is_known_of_them() {
    let told = [
        ("scheduleMessageOffset_10", "3,3"),
        ("scheduleMessageOffset_2", "5,9"),
        ("haSlaves", "2"),
        ("haSlaveSince_10.0.0.2:5", "7"),
        ("haSlaveAckOffset_10.0.0.2:5", "90"),
        ("haSlaveBehindBytes_10.0.0.2:5", "10"),
        ("haSlaveSince_10.0.0.3:5", "8"),
    ];
    let read = info(&told);
    let levels: Vec<_> = read.delay_levels.unwrap().iter().map(|level| (level.level, level.waiting())).collect();
    assert_eq!(levels, [(2, 4), (10, 0)]);
    let slaves = read.slaves.unwrap();
    assert_eq!(
        (slaves.len(), &*slaves[0].addr, &slaves[0].acked, &slaves[0].behind),
        (2, "10.0.0.2:5", &Ok(90), &Ok(10))
    );
    assert_eq!(why(slaves[1].behind.clone()), "it does not tell haSlaveBehindBytes_10.0.0.3:5");
    assert_eq!(
        why(info(&[("scheduleMessageOffset_x", "1,2")]).delay_levels),
        "scheduleMessageOffset_x \"1,2\" is no level"
    );
    assert_eq!(DelayLevel { level: 1, next: 9, end: 3 }.waiting(), 0);
    assert_eq!(info(&[("haSlaves", "0")]).slaves, Ok(Vec::new()));
}

/// Of what an older program kept, the rest is not known; what it kept otherwise is read from what was sent.
#[test]
fn what_is_kept_is_what_was_sent() {
    let told = info(&[("bootTimestamp", "5"), ("commitLogMaxOffset", "many")]);
    let kept = serde_json::to_value(&told).unwrap();
    assert_eq!(kept, serde_json::json!({ "all": { "bootTimestamp": "5", "commitLogMaxOffset": "many" } }));
    assert_eq!(serde_json::from_value::<BrokerInfo>(kept).unwrap(), told);
    let older = serde_json::json!({ "started_ms": { "Ok": 6 }, "all": { "bootTimestamp": "5" } });
    assert_eq!(serde_json::from_value::<BrokerInfo>(older).unwrap(), info(&[("bootTimestamp", "5")]));
}
