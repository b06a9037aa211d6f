//! Rules over what name servers and brokers tell in each picture: who is there (106), and how each broker is (28).

use super::{About, Alert, BACKLOG, DRIFT, mends, span};
use crate::{
    BrokerRef, Snapshot,
    health::{
        BUSY, BrokerLimits, DAMAGE, DISK, Ends, Finding, Health, IDENTITY, Level, OUT_OF_REACH, ReplicationLimits,
        SLAVE, compare, identities, judge_info, number,
    },
    snapshot::{BrokerInfo, BrokerView},
};
use std::collections::{BTreeMap, BTreeSet};

/// A broker that went away is told of for so long, ms.
const GONE_TOLD_MS: i64 = 15 * 60 * 1000;
/// From here on brokers delete files; Apache's `diskMaxUsedSpaceRatio`. The other limits are those of [`BrokerLimits`].
const DISK_FILLS: f64 = 75.0;
/// Brokers refuse sends while the log has been locked for longer, ms. Source: `osPageCacheBusyTimeOutMills`.
const LOCKED_MS: f64 = 1000.0;
/// A slave that lacks so much does not count for synchronous replication. Source: `haSlaveFallbehindMax`.
const LEFT_BEHIND: u64 = 256 << 20;
/// More than this, twice, is worth a look: bytes a slave lacks, bytes without queue.
const LAGS: i64 = 16 << 20;
/// Bytes not on disk, twice: a disk that does not keep up.
const UNFLUSHED: u64 = 256 << 20;
/// Bytes that wait for the disk for longer are more than the pauses between two flushes, ms.
const UNFLUSHED_MS: f64 = 10_000.0;
/// A disk that is full sooner is worth a word, ms.
const SOON_FULL_MS: f64 = 24.0 * 3_600_000.0;
/// How fast a disk fills is known after so long, ms.
const FILLING_MS: i64 = 60_000;

type Id = (String, String, i64);

/// What was before.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<Id, Before>);

#[derive(Clone, Debug)]
struct Before {
    broker: BrokerRef,
    seen_ms: i64,
    ends: Option<Ends>,
    to_flush: Option<u64>,
    to_dispatch: Option<u64>,
    /// The oldest share of the disk that is known, in percent, and when that was, ms.
    disk: Option<(f64, i64)>,
}

fn id(broker: &BrokerRef) -> Id {
    (broker.cluster.clone(), broker.name.clone(), broker.id)
}

/// Where to look and what to do for a kind of trouble with a broker.
fn of_code(code: &str, broker: &BrokerRef) -> String {
    match code {
        OUT_OF_REACH => mends::check_broker(&broker.addr),
        DISK => mends::settings(&broker.addr, &["fileReservedTime", "deleteWhen"]),
        SLAVE => mends::check_replication(),
        IDENTITY => mends::check_cluster(),
        // What `rmq store verify` is to look into.
        DAMAGE => mends::settings(&broker.addr, &["storePathRootDir"]),
        _ => mends::describe_broker(&broker.addr),
    }
}

/// What this picture, and the ones before, say.
pub fn judge(memory: &mut Memory, picture: &Snapshot) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for finding in identities(picture.brokers.iter().map(|view| &view.broker)) {
        let about = About::Brokers(finding.about.clone());
        alerts.push(told(&finding, about, "106", mends::check_cluster()));
    }
    for view in &picture.brokers {
        match &view.info {
            Err(why) => {
                let evidence = format!("is registered and does not answer (28): {why}");
                alerts.push(about(view, Level::Critical, OUT_OF_REACH, evidence));
            }
            Ok(info) => {
                let before = memory.0.get(&id(&view.broker));
                figures(view, info, before, &mut alerts);
                if !view.broker.is_master() {
                    replication(picture, view, memory, &mut alerts);
                }
            }
        }
    }
    gone(memory, picture, &mut alerts);
    versions(picture, &mut alerts);
    remember(memory, picture);
    alerts
}

fn about(view: &BrokerView, level: Level, code: &'static str, evidence: String) -> Alert {
    Alert::new(level, code, About::Broker(view.broker.clone()), evidence, of_code(code, &view.broker))
}

/// A finding of `rmq check` as an alert, with the request that it comes from.
pub(super) fn told(finding: &Finding, about: About, request: &str, command: String) -> Alert {
    let evidence = format!("{} ({request})", finding.says);
    Alert::new(finding.level, finding.code.unwrap_or(OUT_OF_REACH), about, evidence, command)
}

fn figures(view: &BrokerView, info: &BrokerInfo, before: Option<&Before>, alerts: &mut Vec<Alert>) {
    let mut health = Health::default();
    let limits = BrokerLimits { disk_warning: DISK_FILLS, ..BrokerLimits::default() };
    judge_info(&mut health, "", "", &info.all, &limits);
    for finding in &health.findings {
        let code = finding.code.unwrap_or(OUT_OF_REACH);
        let mut evidence = format!("{} (28)", finding.says);
        if code == DISK
            && let Some(full) = full_in(view, info, before)
        {
            evidence.push_str(&format!("; at 90 % in {}, as it fills now", span(full as i64)));
        }
        alerts.push(about(view, finding.level, code, evidence));
    }
    if !health.findings.iter().any(|finding| finding.code == Some(DISK))
        && let Some(full) = full_in(view, info, before).filter(|full| *full < SOON_FULL_MS)
    {
        let evidence = format!("its disk is at 90 % in {}, as it fills now (28)", span(full as i64));
        alerts.push(about(view, Level::Warning, DISK, evidence));
    }
    let lacking = |code, key: &str| {
        let evidence = format!("cannot be told: the broker does not tell {key} (28)");
        about(view, Level::Unknown, code, evidence)
    };
    let wait = "sendThreadPoolQueueHeadWaitTimeMills";
    if number(&info.all, wait).is_none() {
        alerts.push(lacking(BUSY, wait));
    }
    if let Some(ms) = number(&info.all, "pageCacheLockTimeMills").filter(|ms| *ms > LOCKED_MS) {
        let evidence =
            format!("an append has held the log for {ms:.0} ms, over {LOCKED_MS:.0} ms: sends are refused (28)");
        alerts.push(about(view, Level::Critical, BUSY, evidence));
    }
    if let Some(ms) = number(&info.all, "putLatency99").filter(|ms| *ms > limits.send_wait.as_secs_f64() * 1e3) {
        let evidence = format!("one in a hundred messages takes over {ms:.0} ms to store (28: putLatency99)");
        alerts.push(about(view, Level::Warning, BUSY, evidence));
    }
    let grew = |now: u64, before: Option<u64>, limit: u64| now > limit && before.is_some_and(|then| then > limit);
    match &info.to_flush {
        Ok(now) if grew(*now, before.and_then(|before| before.to_flush), UNFLUSHED) => {
            let evidence = format!("{} MiB of the log are not on the disk, in two pictures (28)", now >> 20);
            alerts.push(about(view, Level::Warning, BACKLOG, evidence));
        }
        Ok(_) => {}
        Err(why) => alerts.push(about(view, Level::Unknown, BACKLOG, format!("cannot be told: {why} (28)"))),
    }
    if let Some(ms) = number(&info.all, "commitLogUnflushedMillis").filter(|ms| *ms > UNFLUSHED_MS) {
        let evidence = format!("what was stored {} ago is not on the disk (28)", span(ms as i64));
        alerts.push(about(view, Level::Warning, BACKLOG, evidence));
    }
    match &info.to_dispatch {
        Ok(now) if grew(*now, before.and_then(|before| before.to_dispatch), LAGS as u64) => {
            let evidence = format!("{} MiB of the log are in no queue yet, in two pictures (28)", now >> 20);
            alerts.push(about(view, Level::Warning, BACKLOG, evidence));
        }
        Ok(_) => {}
        Err(why) => alerts.push(about(view, Level::Unknown, BACKLOG, format!("cannot be told: {why} (28)"))),
    }
}

/// When its disk is so full that messages are refused, in ms, if it fills and that is known.
fn full_in(view: &BrokerView, info: &BrokerInfo, before: Option<&Before>) -> Option<f64> {
    let (then, at_ms) = before?.disk?;
    let now = info.disk.clone().ok()? * 100.0;
    let step = view.at_ms - at_ms;
    let refused = BrokerLimits::default().disk_critical;
    (step >= FILLING_MS && now > then && now < refused).then(|| (refused - now) * step as f64 / (now - then))
}

/// A slave beside its master: as it was in the picture before, beside its master then and now. Both were asked at the same
/// time then, and what came since is no lag.
fn replication(picture: &Snapshot, view: &BrokerView, memory: &Memory, alerts: &mut Vec<Alert>) {
    let slave = &view.broker;
    let told = |info: &BrokerInfo| Ends::of(&info.all);
    let Some(now) = view.info.as_ref().ok().and_then(told) else {
        let evidence = "cannot be told: it does not tell where its log begins and ends (28)".to_owned();
        alerts.push(about(view, Level::Unknown, SLAVE, evidence));
        return;
    };
    let master =
        picture.masters().find(|other| (&other.broker.cluster, &other.broker.name) == (&slave.cluster, &slave.name));
    // Without a master that answers there is another alert.
    let Some(master) = master else { return };
    let Ok(info) = &master.info else { return };
    let Some(last) = told(info) else {
        let evidence = "cannot be told: its master does not tell where its log begins and ends (28)".to_owned();
        alerts.push(about(view, Level::Unknown, SLAVE, evidence));
        return;
    };
    let before = |broker: &BrokerRef| memory.0.get(&id(broker)).and_then(|before| before.ends.clone());
    let (Some(then), Some(first)) = (before(slave), before(&master.broker)) else { return };
    let limits = ReplicationLimits { max_lag: LEFT_BEHIND, min_slaves: 0 };
    let (mut finding, lacked) = compare(slave, &then, &first, &last, &limits);
    let (_, lacks) = compare(slave, &now, &last, &last, &limits);
    if finding.level == Level::Ok && lacked.is_some_and(|lacks| lacks > LAGS) && lacks.is_some_and(|lacks| lacks > LAGS)
    {
        finding.level = Level::Warning;
        finding.says = format!("{} of its master's log, in two pictures", finding.says);
    }
    if finding.level > Level::Ok {
        alerts.push(about(view, finding.level, SLAVE, format!("{} (28)", finding.says)));
    }
}

/// Brokers that were there before.
fn gone(memory: &Memory, picture: &Snapshot, alerts: &mut Vec<Alert>) {
    let names: BTreeSet<_> = picture.brokers.iter().map(|view| (&view.broker.cluster, &view.broker.name)).collect();
    for before in memory.0.values().filter(|before| picture.find(&before.broker).is_none()) {
        let broker = &before.broker;
        let ago = span(picture.asked_ms - before.seen_ms);
        let (level, code, what) = match broker.is_master() {
            false => {
                (Level::Warning, SLAVE, "this slave is registered no longer: it went away or lost the name server")
            }
            // Where slaves are left, that is told with what it means.
            true if names.contains(&(&broker.cluster, &broker.name)) => continue,
            true => {
                (Level::Critical, IDENTITY, "is registered no longer: its messages cannot be read, nor new ones sent")
            }
        };
        let evidence = format!("{what}; last seen {ago} ago (106)");
        alerts.push(Alert::new(level, code, About::Broker(broker.clone()), evidence, mends::check_cluster()));
    }
}

fn versions(picture: &Snapshot, alerts: &mut Vec<Alert>) {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for view in &picture.brokers {
        if let Ok(BrokerInfo { version: Ok(version), .. }) = &view.info {
            versions.entry(version).or_default().push(format!("{}:{}", view.broker.name, view.broker.id));
        }
    }
    if versions.len() > 1 {
        let each: Vec<_> = versions.iter().map(|(version, who)| format!("{version} at {}", who.join(", "))).collect();
        let evidence = format!("brokers of several versions (28): {}", each.join("; "));
        alerts.push(Alert::new(Level::Warning, DRIFT, About::Cluster, evidence, mends::list_brokers()));
    }
}

fn remember(memory: &mut Memory, picture: &Snapshot) {
    memory.0.retain(|_, before| picture.asked_ms - before.seen_ms < GONE_TOLD_MS);
    for view in &picture.brokers {
        let info = view.info.as_ref().ok();
        let disk = info.and_then(|info| Some((info.disk.clone().ok()? * 100.0, view.at_ms)));
        let known = memory.0.get(&id(&view.broker)).and_then(|before| before.disk);
        // A disk that was emptied meanwhile begins anew.
        let oldest = known.filter(|(then, _)| disk.is_none_or(|(now, _)| now >= *then));
        let before = Before {
            broker: view.broker.clone(),
            seen_ms: picture.asked_ms,
            ends: info.and_then(|info| Ends::of(&info.all)),
            to_flush: info.and_then(|info| info.to_flush.clone().ok()),
            to_dispatch: info.and_then(|info| info.to_dispatch.clone().ok()),
            disk: oldest.or(disk),
        };
        memory.0.insert(id(&view.broker), before);
    }
}
