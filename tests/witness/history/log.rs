//! The log by itself: readable, whole, zeros behind its end, and no queue offset given twice or left out.

use super::{
    Kind,
    check::{Facts, place_of},
};
use std::collections::HashMap;

pub(super) fn check(facts: &mut Facts<'_>) {
    let log = &facts.store.log;
    for trouble in &facts.store.troubles {
        facts.violation(Kind::Unreadable, None, trouble.to_string());
    }
    if let Some(behind) = &log.behind {
        let what = format!(
            "{} is not zero at {}; the log ends at {}: {}",
            behind.path.display(),
            behind.at,
            log.end,
            log.end_reason
        );
        facts.violation(Kind::BytesBehindLog, None, what);
    }
    let mut next: HashMap<(&str, i32), i64> = HashMap::new();
    for (at, record) in log.records.iter().enumerate() {
        let id = facts.ids[at].clone();
        if !record.crc_ok {
            let what = format!("the body of {} bytes at {} does not have its CRC", record.body.len(), place_of(record));
            facts.violation(Kind::DamagedRecord, id.as_deref(), what);
        }
        // No CRC covers the properties, but what a cut too early leaves shows.
        if let Some((name, value)) =
            record.properties.iter().find(|(name, value)| (*name).contains('\0') || value.contains('\0'))
        {
            let what = format!("property {name:?} of {} is {value:?}", place_of(record));
            facts.violation(Kind::DamagedRecord, id.as_deref(), what);
        }
        if !record.is_queued() || facts.is_deleted(&record.topic) {
            continue;
        }
        let next = next.entry((&record.topic, record.queue_id)).or_insert_with(|| match log.min {
            0 => 0,
            _ => record.queue_offset,
        });
        let kind = match record.queue_offset {
            offset if offset < *next => Some(Kind::QueueOffsetTaken),
            offset if offset > *next => Some(Kind::QueueOffsetSkipped),
            _ => None,
        };
        if let Some(kind) = kind {
            facts.violation(kind, id.as_deref(), format!("it is at {}, and {next} was to come", place_of(record)));
        }
        *next = (*next).max(record.queue_offset.saturating_add(1));
    }
}
