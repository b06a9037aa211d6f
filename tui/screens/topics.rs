//! Topics: all of them, and one with its queues and readers.

use super::groups::{age, owner, stale};
use crate::{
    feed::{Spot, Start, TopicReader},
    figures::{count, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::{State, View},
};
use admin::snapshot::{AllGroups, Known, Progress, Unknown};
use protocol::{
    consume_stats::QueueProgress,
    lock::QueueName,
    topic::{DLQ_PREFIX, REPLY_SUFFIX, RETRY_PREFIX, is_system_topic},
};
use std::collections::{BTreeMap, BTreeSet};

/// How fast each topic grows that a group reads, messages a second: from the pictures of groups, so that it costs nothing.
fn topic_rates<'a>(before: &AllGroups, after: &'a AllGroups) -> BTreeMap<&'a str, Known<f64>> {
    let (old, new, ms) = (before.topics(), after.topics(), after.asked_ms - before.asked_ms);
    let rate = |topic: &str, now: &Progress| {
        let then = old.get(topic).ok_or_else(|| Unknown::because("no group read it before"))?;
        if ms <= 0 || now.queues != then.queues || now.end < then.end {
            return Err(Unknown::because("its queues, or the clock, went back or changed"));
        }
        Ok((now.end - then.end) as f64 * 1000.0 / ms as f64)
    };
    new.iter().map(|(topic, now)| (*topic, rate(topic, now))).collect()
}

/// `own`: the names of clusters and brokers, which all have a topic of that name, for probes.
fn kind(topic: &str, own: &BTreeSet<&str>) -> &'static str {
    if topic.starts_with(RETRY_PREFIX) {
        "retry"
    } else if topic.starts_with(DLQ_PREFIX) {
        "dead letters"
    } else if is_system_topic(topic) || topic.ends_with(REPLY_SUFFIX) || own.contains(topic) {
        "system"
    } else {
        "normal"
    }
}

/// All topics. What costs a question a topic is not here, but in the topic.
pub fn all(state: &State) -> Sheet {
    let columns = [
        ("TOPIC", false, 0),
        ("KIND", false, 3),
        ("IN/S", true, 0),
        ("READERS", true, 1),
        ("WORST LAG", true, 0),
        ("WORST GROUP", false, 2),
    ];
    let Some((names, at_ms)) = &state.topics.last else {
        let why = state.topics.trouble.as_ref().map_or_else(|| "no answer yet".to_owned(), ToString::to_string);
        return Sheet::new("topics", &columns, why);
    };
    let stale = stale(state.look.lang, state.now_ms - at_ms, state.topics.trouble.as_ref(), &[]);
    let title = state.look.lang.fill("topics: {}{}; lags{}", &[&names.len(), &stale, &age(state)]);
    let title = title.trim_end_matches(state.look.lang.word("; lags")).to_owned();
    let mut sheet = Sheet::new(title, &columns, "there is no topic");
    let groups = state.groups.as_ref().map(|(groups, _)| &groups.groups().known);
    let rates = match (&state.groups_before, &state.groups) {
        (Some(before), Some((after, _))) => Some(topic_rates(before, after)),
        _ => None,
    };
    let mut readers: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
    for (group, view) in groups.into_iter().flatten() {
        for (topic, progress) in &view.topics {
            readers.entry(topic).or_default().push((group, progress.lag));
        }
    }
    let brokers = state.picture.iter().flat_map(|(snapshot, _)| &snapshot.brokers);
    let own = brokers.flat_map(|view| [&*view.broker.cluster, &*view.broker.name]).collect();
    for name in names {
        let read = readers.get(name.as_str());
        let worst = read.and_then(|groups| groups.iter().max_by_key(|(_, lag)| *lag));
        let unread = || Unknown::because("no group reads it: the topic's own screen tells its queues");
        let rate = match (&rates, read) {
            (_, None) if groups.is_some() => Err(unread()),
            (None, _) | (_, None) => Err(Unknown::because("rates need two pictures of the groups")),
            (Some(rates), Some(_)) => rates.get(name.as_str()).cloned().unwrap_or_else(|| Err(unread())),
        };
        let not_asked = || Cell::unknown(Unknown::because("groups were not asked for yet"));
        let known = groups.is_some();
        sheet.rows.push(Row {
            key: name.clone(),
            cells: vec![
                Cell::text(name.clone()),
                Cell::word(kind(name, &own)),
                Cell::known(rate, count),
                if known { Cell::number(read.map_or(0, Vec::len) as f64, count) } else { not_asked() },
                match worst {
                    Some((_, lag)) => Cell::number(*lag as f64, count),
                    None if known => Cell::none(),
                    None => not_asked(),
                },
                match worst.filter(|(_, lag)| *lag > 0) {
                    Some((group, _)) => Cell::text(*group),
                    None => Cell::none(),
                },
            ],
            opens: Some(View::Topic(name.clone())),
            messages: Some(Spot { topic: name.clone(), queue: None, start: Start::End }),
            ..Row::default()
        });
    }
    sheet
}

/// The queues of a topic, and its readers below them.
pub fn one(state: &State, name: &str) -> Sheet {
    let columns = [
        ("BROKER / GROUP", false, 0),
        ("QUEUE", true, 0),
        ("MIN", true, 5),
        ("MAX", true, 0),
        ("MESSAGES", true, 4),
        ("IN/S", true, 0),
        ("LAG", true, 0),
        ("LAST STORED", true, 1),
        ("CONSUMED", true, 3),
        ("OWNER", false, 2),
    ];
    let heard = &state.topic;
    let Some((detail, at_ms)) = heard.last.as_ref().filter(|_| heard.name == name) else {
        let why = heard.trouble.as_ref().map_or_else(|| "no answer yet".to_owned(), ToString::to_string);
        return Sheet::new(state.look.lang.fill("topic {}", &[&name]), &columns, why);
    };
    let messages: i64 = detail.queues.values().map(|queue| queue.max_offset - queue.min_offset).sum();
    let stale = stale(state.look.lang, state.now_ms - at_ms, heard.trouble.as_ref(), &detail.missing);
    let left = if detail.left_out.is_empty() {
        String::new()
    } else {
        state.look.lang.fill(", {} readers left out", &[&detail.left_out.len()])
    };
    let (lang, queues) = (state.look.lang, detail.queues.len());
    let title =
        lang.fill("topic {}: {} queues, {} messages{}{}", &[&name, &queues, &count(messages as f64), &left, &stale]);
    let mut sheet = Sheet::new(title, &columns, "no broker has this topic");
    for (queue, extent) in &detail.queues {
        let before = heard.before.as_ref().and_then(|(detail, at)| Some((detail.queues.get(queue)?.max_offset, *at)));
        let rate = match before {
            Some((then, at)) if extent.max_offset >= then && *at_ms > at => {
                Ok((extent.max_offset - then) as f64 * 1000.0 / (at_ms - at) as f64)
            }
            Some(_) => Err(Unknown::because("its end, or the clock, went back")),
            None => Err(Unknown::because("rates need a second answer")),
        };
        let last = match extent.last_update_timestamp {
            1.. => Cell::number((at_ms - extent.last_update_timestamp).max(0) as f64, |ms| {
                lang.fill("{} ago", &[&span(ms as i64)])
            }),
            0 => Cell::none(),
            _ => Cell::unknown(Unknown::because("the broker does not tell when its last message was stored")),
        };
        let number = |at: i64| Cell::number(at as f64, |at| at.to_string());
        sheet.rows.push(Row {
            key: format!("{}/{}", queue.broker_name, queue.queue_id),
            cells: vec![
                Cell::text(queue.broker_name.clone()),
                Cell::number(f64::from(queue.queue_id), |id| id.to_string()),
                number(extent.min_offset),
                number(extent.max_offset),
                number(extent.max_offset - extent.min_offset),
                Cell::known(rate, count),
                Cell::none(),
                last,
                Cell::none(),
                Cell::none(),
            ],
            messages: Some(Spot {
                topic: name.to_owned(),
                queue: Some((queue.broker_name.clone(), queue.queue_id)),
                start: Start::End,
            }),
            ..Row::default()
        });
        sheet.rows.extend(detail.readers.iter().filter_map(|reader| reading(state, queue, reader)));
    }
    // Those that were asked about here tell more than the picture: brokers leave out of that what members do not agree on.
    let asked = detail.readers.iter().map(|reader| {
        let lag = reader.missing.clone().map_or_else(|| Ok(reader.lag()), Err);
        (&reader.group, lag, reader.queues.len(), String::new())
    });
    let groups = state.groups.iter().flat_map(|(groups, _)| &groups.groups().known);
    let others = groups.filter(|(group, _)| detail.readers.iter().all(|reader| reader.group != **group));
    let others = others.filter_map(|(group, view)| {
        let progress = view.topics.get(name)?;
        Some((group, Ok(progress.lag), progress.queues, age(state)))
    });
    for (group, lag, queues, age) in asked.chain(others) {
        let mut cells = vec![Cell::text(group.clone())];
        cells.extend((0..5).map(|_| Cell::none()));
        cells.push(Cell::known(lag.map(|lag| lag as f64), count));
        cells.extend((0..3).map(|_| Cell::none()));
        let note = Some(lang.fill("group {} reads {} queues of it{}", &[group, &queues, &age]));
        sheet.rows.push(Row {
            key: format!("group {group}"),
            cells,
            opens: Some(View::Group(group.clone())),
            note,
            ..Row::default()
        });
    }
    sheet
}

/// How far a group is in a queue: a row below the queue's.
fn reading(state: &State, queue: &QueueName, reader: &TopicReader) -> Option<Row> {
    let group = &reader.group;
    let at = match (reader.queues.get(queue), &reader.missing) {
        (Some(at), _) => Ok(at),
        (None, Some(why)) => Err(why),
        // It has not begun to read this queue.
        (None, None) => return None,
    };
    let branch = if state.look.ascii { "`-" } else { "└" };
    let mut cells = vec![
        Cell::text(format!("{branch} {group}")),
        Cell::number(f64::from(queue.queue_id), |id| id.to_string()).tone_if(true, Tone::Faint),
    ];
    cells.extend((0..4).map(|_| Cell::none()));
    let number = |of: &dyn Fn(&QueueProgress) -> i64, shown: &dyn Fn(f64) -> String| match at {
        Ok(at) => Cell::number(of(at) as f64, shown),
        Err(why) => Cell::unknown(why.clone()),
    };
    cells.push(number(&|at| at.lag().max(0), &count));
    cells.push(Cell::none());
    cells.push(number(&|at| at.consumer_offset, &|at| at.to_string()));
    cells.push(owner(&reader.team, queue, reader.team.wants.len()));
    let note = at.ok().map(|at| {
        let whose = match reader.team.owner(queue) {
            Ok(Some(owner)) => state.look.lang.fill(", held by {}", &[&owner]),
            Ok(None) => state.look.lang.word(", held by nobody").to_owned(),
            Err(_) => String::new(),
        };
        state.look.lang.fill("{} consumed to {}: {} behind{}", &[group, &at.consumer_offset, &at.lag().max(0), &whose])
    });
    let spot = |at: &QueueProgress| Spot {
        topic: queue.topic.clone(),
        queue: Some((queue.broker_name.clone(), queue.queue_id)),
        start: Start::Offset(at.consumer_offset),
    };
    Some(Row {
        key: format!("{}/{} {group}", queue.broker_name, queue.queue_id),
        cells,
        opens: Some(View::Group(group.clone())),
        messages: at.ok().map(spot),
        note,
        ..Row::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_brokers_make_for_themselves_are_of_the_system() {
        // Those of a cluster of Apache RocketMQ 4.9.8 in which nobody has made any but `orders`.
        let own = ["apache6", "broker-a"].into();
        let of = |topic| kind(topic, &own);
        let system =
            ["apache6", "broker-a", "apache6_REPLY_TOPIC", "TBW102", "SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRACE_TOPIC"];
        assert_eq!(system.map(of), ["system"; 6]);
        assert_eq!([of("orders"), of("%RETRY%g"), of("%DLQ%g")], ["normal", "retry", "dead letters"]);
    }
}
