//! Name servers, and the cluster as they know it: every one answers, all say the same, every broker is there and every
//! broker name has a master.

use super::{
    Finding, Health, IDENTITY, Level, Measure, NAMES_DIFFER, NO_NAME_SERVER, NO_ROUTE,
    broker::answered,
    census::{Census, Word},
};
use crate::{Admin, BrokerRef};
use std::collections::{BTreeMap, BTreeSet};

impl Admin {
    /// Whether these name servers answer.
    pub async fn name_server_health(&self, addrs: &[String]) -> Health {
        let census = self.census(addrs).await;
        let mut health = Health::default();
        census.0.iter().for_each(|word| health.name_server(word));
        health
    }

    /// Whether every one of these name servers answers and all know the same brokers, each of them answers, and each
    /// broker name has a master. With `at_least`, whether there are so many brokers.
    pub async fn cluster_health(&self, addrs: &[String], at_least: Option<usize>) -> Health {
        let census = self.census(addrs).await;
        let answers = self.infos(census.brokers()).await;
        let mut health = judge(&census, at_least);
        answers.iter().for_each(|answer| health.findings.push(answered(answer)));
        health
    }
}

impl Health {
    fn name_server(&mut self, Word { addr, said, took }: &Word) {
        let about = format!("name server {addr}");
        self.findings.push(match said {
            Ok(brokers) => Finding::ok(about, format!("answers; knows {}", count(brokers.len(), "broker"))),
            Err(error) => Finding::bad(Level::Critical, NO_NAME_SERVER, about, error.to_string()),
        });
        if let Ok(brokers) = said {
            self.measures.push(Measure::seconds(format!("time_{addr}"), *took));
            self.measures.push(Measure::new(format!("brokers_{addr}"), "", Some(brokers.len() as f64)));
        }
    }
}

/// What the name servers' words come to.
fn judge(census: &Census, at_least: Option<usize>) -> Health {
    let mut health = Health::default();
    census.0.iter().for_each(|word| health.name_server(word));
    let brokers = census.brokers();
    let critical =
        |code, about: &dyn ToString, says: String| Finding::bad(Level::Critical, code, about.to_string(), says);
    let words = census.0.iter().filter_map(|word| Some((word.addr.as_str(), word.said.as_ref().ok()?)));
    health.findings.extend(differences(words).into_iter().map(|(_, finding)| finding));
    health.findings.extend(identities(&brokers));
    // With no name server that answers, how many brokers there are is not known.
    if census.0.iter().any(|word| word.said.is_ok()) {
        let there = brokers.iter().map(|broker| (&broker.name, broker.id)).collect::<BTreeSet<_>>().len();
        if there == 0 {
            health.findings.push(critical(NO_ROUTE, &"cluster", "has no broker: none has registered".to_owned()));
        }
        if let Some(wanted) = at_least.filter(|wanted| there < *wanted) {
            let says = format!("has {} where there should be {wanted}", count(there, "broker"));
            health.findings.push(critical(NO_ROUTE, &"cluster", says));
        }
        health.measures.push(Measure::new("brokers", "", Some(there as f64)));
    }
    health
}

/// The brokers that a name server lacks and others know.
pub(crate) fn differences<'a>(
    words: impl Iterator<Item = (&'a str, &'a BTreeSet<BrokerRef>)> + Clone,
) -> Vec<(BrokerRef, Finding)> {
    let all: BTreeSet<&BrokerRef> = words.clone().flat_map(|(_, known)| known).collect();
    let mut found = Vec::new();
    for (addr, known) in words {
        for missing in all.iter().filter(|broker| !known.contains(**broker)) {
            let says = format!("is not registered at the name server {addr}; others know it");
            found.push(((*missing).clone(), Finding::bad(Level::Critical, NAMES_DIFFER, missing, says)));
        }
    }
    found
}

/// Brokers that are one, names in several clusters, and names without a master.
pub(crate) fn identities<'a>(brokers: impl IntoIterator<Item = &'a BrokerRef>) -> Vec<Finding> {
    let critical = |about: &str, says: String| Finding::bad(Level::Critical, IDENTITY, about, says);
    let mut found = Vec::new();
    let mut names = BTreeMap::<&str, BTreeSet<&BrokerRef>>::new();
    let mut addrs = BTreeMap::<&str, BTreeSet<(&str, i64)>>::new();
    for broker in brokers {
        names.entry(&broker.name).or_default().insert(broker);
        addrs.entry(&broker.addr).or_default().insert((&broker.name, broker.id));
    }
    for (addr, who) in addrs.iter().filter(|(_, who)| who.len() > 1) {
        let who: Vec<_> = who.iter().map(|(name, id)| format!("{name}:{id}")).collect();
        found.push(critical(addr, format!("is registered as several brokers: {}", who.join(", "))));
    }
    for (name, members) in &names {
        if !members.iter().any(|broker| broker.is_master()) {
            let slaves = count(members.len(), "slave");
            let says = format!("has no master, only {slaves}: it can be read and takes no messages; start its master");
            found.push(critical(name, says));
        }
        let clusters: BTreeSet<&str> = members.iter().map(|broker| broker.cluster.as_str()).collect();
        if clusters.len() > 1 {
            let clusters: Vec<_> = clusters.into_iter().collect();
            found.push(critical(name, format!("is in several clusters: {}", clusters.join(", "))));
        }
    }
    found
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("one {what}"),
        more => format!("{more} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn broker(name: &str, id: i64) -> BrokerRef {
        BrokerRef { cluster: "C".into(), name: name.into(), id, addr: format!("{name}:{id}") }
    }

    fn word(addr: &str, brokers: &[BrokerRef]) -> Word {
        Word { addr: addr.into(), said: Ok(brokers.iter().cloned().collect()), took: Duration::from_millis(1) }
    }

    fn silent(addr: &str) -> Word {
        let error = client::Error::TopicNotFound { topic: "stands for any error".to_owned() };
        Word { said: Err(error.into()), ..word(addr, &[]) }
    }

    /// What is wrong, as code and text.
    fn troubles(words: Vec<Word>, at_least: Option<usize>) -> Vec<(&'static str, String)> {
        let health = judge(&Census(words), at_least);
        let tell =
            |finding: &Finding| (finding.code.unwrap_or_default(), format!("{} {}", finding.about, finding.says));
        health.troubles().into_iter().map(tell).collect()
    }

    #[test]
    fn a_whole_cluster_that_every_name_server_knows_is_well() {
        let all = [broker("a", 0), broker("a", 1), broker("b", 0)];
        assert_eq!(troubles(vec![word("n:1", &all), word("n:2", &all)], Some(3)), []);
    }

    #[test]
    fn a_name_server_that_knows_less_is_told_with_what_it_lacks() {
        let found =
            troubles(vec![word("n:1", &[broker("a", 0), broker("b", 0)]), word("n:2", &[broker("a", 0)])], None);
        let says = "b:0 (b:0) is not registered at the name server n:2; others know it";
        assert_eq!(found, [(NAMES_DIFFER, says.to_owned())]);
    }

    #[test]
    fn a_broker_at_two_addresses_is_missing_at_either() {
        let moved = BrokerRef { addr: "elsewhere:1".into(), ..broker("a", 0) };
        let found = troubles(vec![word("n:1", &[broker("a", 0)]), word("n:2", &[moved])], None);
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [NAMES_DIFFER; 2]);
    }

    #[test]
    fn slaves_without_a_master_and_brokers_that_are_one_are_told() {
        let found = troubles(vec![word("n:1", &[broker("a", 1), broker("a", 2)])], None);
        assert!(
            matches!(&found[..], [(IDENTITY, says)] if says.starts_with("a has no master, only 2 slaves")),
            "{found:?}"
        );
        let same = BrokerRef { addr: "a:0".into(), ..broker("b", 0) };
        let found = troubles(vec![word("n:1", &[broker("a", 0), same])], None);
        assert_eq!(found, [(IDENTITY, "a:0 is registered as several brokers: a:0, b:0".to_owned())]);
        let other = BrokerRef { cluster: "D".into(), ..broker("a", 1) };
        let found = troubles(vec![word("n:1", &[broker("a", 0), other])], None);
        assert_eq!(found, [(IDENTITY, "a is in several clusters: C, D".to_owned())]);
    }

    #[test]
    fn too_few_brokers_and_silent_name_servers_are_told_and_silence_is_no_zero() {
        assert_eq!(
            troubles(vec![word("n:1", &[])], None),
            [(NO_ROUTE, "cluster has no broker: none has registered".to_owned())]
        );
        let found = troubles(vec![word("n:1", &[broker("a", 0)])], Some(2));
        assert_eq!(found, [(NO_ROUTE, "cluster has one broker where there should be 2".to_owned())]);
        let health = judge(&Census(vec![silent("n:1")]), Some(2));
        assert_eq!((health.findings.len(), health.measures.len()), (1, 0), "{health:?}");
        let found = troubles(vec![silent("n:1"), word("n:2", &[broker("a", 0)])], None);
        assert!(matches!(&found[..], [(NO_NAME_SERVER, _)]), "{found:?}");
    }
}
