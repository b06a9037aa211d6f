//! Slaves: whether each has what its master has.
//!
//! The ends of the logs are what masters and slaves tell in their runtime info (28), so this works with Apache
//! RocketMQ's brokers as well. The master is asked before and after its slaves: what a slave lacks is counted from the
//! earlier answer, so that messages that come meanwhile are no lag; that it is ahead is told by the later one.

use super::{
    Finding, Health, IDENTITY, Level, Measure, OUT_OF_REACH, SLAVE,
    broker::{Answer, Info},
};
use crate::{Admin, BrokerRef};
use std::collections::{BTreeMap, BTreeSet};

/// What a slave may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationLimits {
    /// How many bytes of its master's log a slave may lack.
    pub max_lag: u64,
    /// How many slaves each broker name has at least.
    pub min_slaves: usize,
}

impl Default for ReplicationLimits {
    fn default() -> Self {
        Self { max_lag: 1 << 20, min_slaves: 0 }
    }
}

/// The ends of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    min: i64,
    max: i64,
    /// What keeps a slave from following, if it says.
    hindered: Option<String>,
}

impl Ends {
    pub(crate) fn of(info: &Info) -> Option<Self> {
        let number = |key| info.get(key).and_then(|text| text.trim().parse::<i64>().ok());
        let (min, max) = (number("commitLogMinOffset")?, number("commitLogMaxOffset")?);
        Some(Self { min, max, hindered: hindered(info) })
    }
}

/// What a slave of rmq says of its connection; Apache's slaves say nothing.
fn hindered(info: &Info) -> Option<String> {
    let why = match (info.get("haRefusal"), info.get("haState")?.as_str()) {
        (_, "FOLLOWING") => return None,
        (Some(why), _) => why,
        (None, "CHECKING") => "it still compares its log with its master's",
        (None, state) => state,
    };
    Some(format!("does not follow its master: {why}"))
}

/// The ends of a broker's log, or what is wrong with it.
type Told = Result<Ends, Finding>;

fn told(answer: Answer<BrokerRef>) -> (BrokerRef, Told) {
    let Answer { broker, said, .. } = answer;
    let ends = match said {
        Ok(info) => Ends::of(&info)
            .ok_or_else(|| Finding::bad(Level::Unknown, SLAVE, &broker, "does not tell where its log begins and ends")),
        Err(error) => Err(Finding::bad(Level::Critical, OUT_OF_REACH, &broker, error.to_string())),
    };
    (broker, ends)
}

/// The brokers of one name.
#[derive(Default)]
struct Group {
    /// As it answered first and last; none if there is no master.
    master: Option<(BrokerRef, Told, Told)>,
    slaves: Vec<(BrokerRef, Told)>,
}

impl Admin {
    /// Whether the slaves of every broker name that these name servers know have what their masters have.
    pub async fn replication_health(&self, name_servers: &[String], limits: &ReplicationLimits) -> Health {
        let census = self.census(name_servers).await;
        let brokers = census.brokers();
        if brokers.is_empty() {
            return census.nobody();
        }
        let (masters, slaves): (BTreeSet<_>, BTreeSet<_>) = brokers.into_iter().partition(BrokerRef::is_master);
        let ends = async |brokers: &BTreeSet<BrokerRef>| -> Vec<(BrokerRef, Told)> {
            self.infos(brokers.iter().cloned()).await.into_iter().map(told).collect()
        };
        let before = ends(&masters).await;
        let of_slaves = ends(&slaves).await;
        // A master that did not answer the first time is not waited for again.
        let answered = before.iter().filter(|(_, told)| told.is_ok()).map(|(master, _)| master.clone()).collect();
        let mut after: BTreeMap<_, _> = ends(&answered).await.into_iter().collect();
        let mut groups = BTreeMap::<String, Group>::new();
        for (master, first) in before {
            let last = after.remove(&master).unwrap_or_else(|| first.clone());
            let group = groups.entry(master.name.clone()).or_default();
            group.master = Some((master, first, last));
        }
        for (slave, ends) in of_slaves {
            let group = groups.entry(slave.name.clone()).or_default();
            group.slaves.push((slave, ends));
        }
        judge(&groups, limits)
    }
}

fn judge(groups: &BTreeMap<String, Group>, limits: &ReplicationLimits) -> Health {
    let mut health = Health::default();
    for (name, Group { master, slaves }) in groups {
        if slaves.len() < limits.min_slaves {
            let says = format!("has {} slaves where there should be {}", slaves.len(), limits.min_slaves);
            health.findings.push(Finding::bad(Level::Critical, SLAVE, name, says));
        }
        let Some((master, first, last)) = master else {
            let says = "has no master: what its slaves have cannot be compared; start its master";
            health.findings.push(Finding::bad(Level::Critical, IDENTITY, name, says));
            continue;
        };
        let (first, last) = match (first, last) {
            (Ok(first), Ok(last)) => (first, last),
            (Err(finding), _) | (_, Err(finding)) => {
                health.findings.push(finding.clone());
                health.measures.extend(slaves.iter().map(|(slave, _)| lag(slave, None, limits)));
                continue;
            }
        };
        if slaves.is_empty() {
            health.findings.push(Finding::ok(master, format!("has no slaves; its log ends at {}", last.max)));
        }
        for (slave, ends) in slaves {
            let (finding, lacks) = match ends {
                Ok(ends) => compare(slave, ends, first, last, limits),
                Err(finding) => (finding.clone(), None),
            };
            health.findings.push(finding);
            health.measures.push(lag(slave, lacks, limits));
        }
    }
    health
}

/// A slave's log beside its master's, and how many bytes it lacks.
pub(crate) fn compare(
    slave: &BrokerRef,
    ends: &Ends,
    first: &Ends,
    last: &Ends,
    limits: &ReplicationLimits,
) -> (Finding, Option<i64>) {
    let critical = |says: String| Finding::bad(Level::Critical, SLAVE, slave, says);
    if ends.max > last.max {
        let ahead = ends.max - last.max;
        let says = format!(
            "is {ahead} bytes ahead of its master: it has messages that the master lost, or another history; \
             look at its log before it is started anew"
        );
        return (critical(says), None);
    }
    // What the master has deleted nobody can copy any more; a new slave begins where the master's log begins.
    let lacks = (first.max - ends.max.max(first.min)).max(0);
    if ends.max > 0 && ends.max < first.min {
        let says = format!(
            "ends at {} and its master begins at {}: it can never catch up; stop it, empty its store and start it",
            ends.max, first.min
        );
        return (critical(says), Some(first.max - ends.max));
    }
    if let Some(says) = &ends.hindered {
        return (critical(says.clone()), Some(lacks));
    }
    let finding = match u64::try_from(lacks) {
        Ok(0) => Finding::ok(slave, "has all that its master has"),
        Ok(lacks) if lacks <= limits.max_lag => Finding::ok(slave, format!("lacks {lacks} bytes")),
        _ => critical(format!("lacks {lacks} bytes, over {}", limits.max_lag)),
    };
    (finding, Some(lacks))
}

fn lag(slave: &BrokerRef, lacks: Option<i64>, limits: &ReplicationLimits) -> Measure {
    let name = format!("lag_{}_{}", slave.name, slave.id);
    let value = lacks.map(|lacks| lacks as f64);
    Measure { critical: Some(limits.max_lag as f64), ..Measure::new(name, "B", value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Ok as Fine, Unknown};

    fn broker(id: i64) -> BrokerRef {
        BrokerRef { cluster: "C".into(), name: "a".into(), id, addr: format!("h:{id}") }
    }

    fn ends(min: i64, max: i64) -> Told {
        Ok(Ends { min, max, hindered: None })
    }

    /// The verdict on a master and the slaves 1, 2, …
    fn verdict(before: Told, after: Told, slaves: Vec<Told>, limits: ReplicationLimits) -> Health {
        let slaves = (1..).zip(slaves).map(|(id, told)| (broker(id), told)).collect();
        judge(&[("a".to_owned(), Group { master: Some((broker(0), before, after)), slaves })].into(), &limits)
    }

    fn levels(health: &Health) -> Vec<Level> {
        health.findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_slave_may_lack_so_much_and_no_more() {
        let limits = ReplicationLimits { max_lag: 10, min_slaves: 0 };
        for (slave, level, lag) in [
            (ends(0, 100), Fine, Some(0.0)),
            (ends(0, 90), Fine, Some(10.0)),
            (ends(0, 89), Critical, Some(11.0)),
            // Messages came between the two answers of the master.
            (ends(0, 120), Fine, Some(0.0)),
            (ends(0, 121), Critical, None),
            // New, and behind what the master still has.
            (ends(0, 0), Critical, Some(60.0)),
            (ends(0, 30), Critical, Some(70.0)),
        ] {
            let health = verdict(ends(40, 100), ends(40, 120), vec![slave.clone()], limits);
            assert_eq!(levels(&health), [level], "{slave:?}: {health:?}");
            assert_eq!(health.measures[0].value, lag, "{slave:?}");
            assert_eq!((&*health.measures[0].name, health.measures[0].critical), ("lag_a_1", Some(10.0)));
        }
    }

    #[test]
    fn each_way_a_slave_is_wrong_is_told_with_what_to_do() {
        let says = |slave: Told| {
            let health = verdict(ends(40, 100), ends(40, 100), vec![slave], ReplicationLimits::default());
            health.troubles().first().map(|finding| (finding.code.unwrap_or_default(), finding.says.clone()))
        };
        let (code, ahead) = says(ends(0, 101)).expect("it is ahead");
        assert!(code == SLAVE && ahead.starts_with("is 1 bytes ahead of its master"), "{ahead}");
        let (_, behind) = says(ends(0, 39)).expect("it is behind");
        assert!(behind.contains("never catch up") && behind.contains("empty its store"), "{behind}");
        assert_eq!(says(ends(0, 100)), None);
    }

    #[test]
    fn a_slave_that_does_not_follow_is_told_with_its_reason() {
        let told = |more: &[(&str, &str)]| {
            let ends = [("commitLogMinOffset", "0"), ("commitLogMaxOffset", "90")];
            let info = ends.iter().chain(more).map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let told = Ok(Ends::of(&info).expect("both ends are told"));
            let health = verdict(ends_of(100), ends_of(100), vec![told], ReplicationLimits::default());
            (health.level(), health.findings[0].says.clone())
        };
        assert_eq!(told(&[]), (Fine, "lacks 10 bytes".to_owned()), "as Apache's slaves");
        assert_eq!(told(&[("haState", "FOLLOWING")]).0, Fine);
        assert_eq!(told(&[("haState", "CHECKING")]).0, Critical, "a send that waits for a slave would fail");
        let (level, says) = told(&[("haState", "CONNECTING")]);
        assert_eq!((level, says.as_str()), (Critical, "does not follow its master: CONNECTING"));
        let (level, says) = told(&[("haState", "REFUSED"), ("haRefusal", "the logs part at 7")]);
        assert_eq!((level, says.as_str()), (Critical, "does not follow its master: the logs part at 7"));
    }

    fn ends_of(max: i64) -> Told {
        ends(0, max)
    }

    #[test]
    fn what_is_not_told_is_unknown_and_no_lag_of_zero() {
        let silent = Err(Finding::bad(Unknown, SLAVE, "s", "does not tell"));
        let health = verdict(ends(0, 1), ends(0, 1), vec![silent.clone(), ends(0, 1)], ReplicationLimits::default());
        assert_eq!((levels(&health), health.level()), (vec![Unknown, Fine], Unknown));
        assert_eq!(health.measures.iter().map(|measure| measure.value).collect::<Vec<_>>(), [None, Some(0.0)]);
        let health = verdict(silent.clone(), silent, vec![ends(0, 1)], ReplicationLimits::default());
        assert_eq!((levels(&health), health.measures[0].value), (vec![Unknown], None));
        assert_eq!(Ends::of(&[("commitLogMaxOffset".to_owned(), "7".to_owned())].into()).map(|ends| ends.max), None);
    }

    #[test]
    fn missing_slaves_and_a_missing_master_are_told() {
        let limits = ReplicationLimits { min_slaves: 1, ..ReplicationLimits::default() };
        let health = verdict(ends(0, 5), ends(0, 5), vec![], limits);
        assert_eq!(levels(&health), [Critical, Fine]);
        assert_eq!(levels(&verdict(ends(0, 5), ends(0, 5), vec![], ReplicationLimits::default())), [Fine]);
        let orphans = Group { master: None, slaves: vec![(broker(1), ends(0, 5))] };
        let health = judge(&[("a".to_owned(), orphans)].into(), &ReplicationLimits::default());
        assert!(health.findings[0].says.starts_with("has no master"), "{health:?}");
        assert_eq!(health.level(), Critical);
    }
}
