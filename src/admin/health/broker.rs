//! Brokers: whether they answer, take messages, and have room; by their runtime info (28), of Apache RocketMQ's brokers
//! as well.

use super::{BUSY, DAMAGE, DISK, Finding, Health, Level, Measure, OUT_OF_REACH};
use crate::{Admin, BrokerRef, Error};
use futures_util::future::join_all;
use std::{
    collections::BTreeMap,
    fmt::Display,
    time::{Duration, Instant},
};

/// What a broker says of itself: name → value.
pub(crate) type Info = BTreeMap<String, String>;

/// What one broker answered.
pub(super) struct Answer<B> {
    pub(super) broker: B,
    pub(super) said: Result<Info, Error>,
    pub(super) took: Duration,
}

/// How full, how slow a broker may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrokerLimits {
    /// The share of a disk in use, in percent, from which there is a warning.
    pub disk_warning: f64,
    /// The share from which the broker is not healthy.
    pub disk_critical: f64,
    /// How long the first waiting send may have waited before there is a warning.
    pub send_wait: Duration,
}

impl Default for BrokerLimits {
    /// When Apache's brokers delete files whatever their age, refuse messages, and refuse sends that waited.
    /// Source: `DefaultMessageStore.CleanCommitLogService`, `BrokerConfig.waitTimeMillsInSendQueue`.
    fn default() -> Self {
        Self { disk_warning: 85.0, disk_critical: 90.0, send_wait: Duration::from_millis(200) }
    }
}

impl Admin {
    /// Whether the brokers at these addresses answer; with `limits`, also whether they take messages and keep to them.
    pub async fn broker_health_at(&self, addrs: &[String], limits: Option<&BrokerLimits>) -> Health {
        let brokers = addrs.iter().map(|addr| (format!("broker {addr}"), addr.clone()));
        judge(&self.infos_at(brokers).await, limits)
    }

    /// [`Admin::broker_health_at`] for every broker that these name servers know.
    pub async fn broker_health(&self, name_servers: &[String], limits: Option<&BrokerLimits>) -> Health {
        let census = self.census(name_servers).await;
        let brokers = census.brokers();
        if brokers.is_empty() {
            return census.nobody();
        }
        judge(&self.infos(brokers).await, limits)
    }

    /// What each broker says of itself, all asked at the same time.
    pub(super) async fn infos(&self, brokers: impl IntoIterator<Item = BrokerRef>) -> Vec<Answer<BrokerRef>> {
        self.infos_at(brokers.into_iter().map(|broker| {
            let addr = broker.addr.clone();
            (broker, addr)
        }))
        .await
    }

    async fn infos_at<B>(&self, brokers: impl IntoIterator<Item = (B, String)>) -> Vec<Answer<B>> {
        let asked = brokers.into_iter().map(|(broker, addr)| async move {
            let began = Instant::now();
            let said = self.runtime_info(&addr).await;
            Answer { broker, said, took: began.elapsed() }
        });
        join_all(asked).await
    }
}

/// Whether a broker answered.
pub(super) fn answered<B: Display>(answer: &Answer<B>) -> Finding {
    match &answer.said {
        Ok(info) => {
            let version = info.get("brokerVersionDesc").map(|version| format!(" ({version})")).unwrap_or_default();
            Finding::ok(&answer.broker, format!("answers{version}"))
        }
        Err(error) => Finding::bad(Level::Critical, OUT_OF_REACH, &answer.broker, error.to_string()),
    }
}

fn judge<B: Display>(answers: &[Answer<B>], limits: Option<&BrokerLimits>) -> Health {
    let mut health = Health::default();
    for answer in answers {
        health.findings.push(answered(answer));
        let Ok(info) = &answer.said else { continue };
        let of = if answers.len() == 1 { String::new() } else { format!("_{}", label(&answer.broker)) };
        health.measures.push(Measure::seconds(format!("time{of}"), answer.took));
        if let Some(limits) = limits {
            judge_info(&mut health, &answer.broker.to_string(), &of, info, limits);
        }
    }
    health
}

/// What a broker's name is in a figure's: without the address.
fn label(broker: &impl Display) -> String {
    broker.to_string().split(" (").next().unwrap_or_default().replace([':', ' '], "_")
}

/// What its word on itself comes to. `of` ends the names of its figures.
pub(crate) fn judge_info(health: &mut Health, about: &str, of: &str, info: &Info, limits: &BrokerLimits) {
    if let Some(why) = info.get("refusingWrites") {
        health.findings.push(Finding::bad(Level::Critical, DISK, about, format!("refuses messages: {why}")));
    }
    for (key, name, what) in
        [("commitLogDiskRatio", "disk", "the log"), ("consumeQueueDiskRatio", "queue_disk", "the queues")]
    {
        // Apache's brokers say -1 if they cannot tell.
        let used = number(info, key).filter(|share| *share >= 0.0).map(|share| share * 100.0);
        let (warning, critical) = (limits.disk_warning, limits.disk_critical);
        let level = match used {
            None => Level::Unknown,
            Some(used) if used >= critical => Level::Critical,
            Some(used) if used >= warning => Level::Warning,
            Some(_) => Level::Ok,
        };
        match used {
            // The queues nearly always lie where the log lies; a broker that does not tell of them is no trouble.
            None if name == "queue_disk" => continue,
            None => health.findings.push(Finding::bad(
                level,
                DISK,
                about,
                format!("does not tell how full the disk of {what} is"),
            )),
            Some(used) if level > Level::Ok => {
                let says = format!(
                    "the disk of {what} is {used:.1} % full, over {} %",
                    if level == Level::Critical { critical } else { warning }
                );
                health.findings.push(Finding::bad(level, DISK, about, says));
            }
            Some(_) => {}
        }
        health.measures.push(Measure {
            warning: Some(warning),
            critical: Some(critical),
            ..Measure::new(format!("{name}{of}"), "%", used)
        });
    }
    let waited = number(info, "sendThreadPoolQueueHeadWaitTimeMills").map(|ms| ms / 1e3);
    let limit = limits.send_wait.as_secs_f64();
    if let Some(waited) = waited.filter(|waited| *waited > limit) {
        let says = format!("sends wait for {:.0} ms, over {:.0} ms", waited * 1e3, limit * 1e3);
        health.findings.push(Finding::bad(Level::Warning, BUSY, about, says));
    }
    health.measures.push(Measure { warning: Some(limit), ..Measure::new(format!("send_wait{of}"), "s", waited) });
    if let Some(damaged) = number(info, "damagedRecords").filter(|damaged| *damaged > 0.0) {
        let says = format!("{damaged} records of its log are damaged; `rmq store verify` names them");
        health.findings.push(Finding::bad(Level::Warning, DAMAGE, about, says));
    }
}

/// A figure that a broker tells.
pub(crate) fn number(info: &Info, key: &str) -> Option<f64> {
    info.get(key)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(pairs: &[(&str, &str)]) -> Info {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn verdict(pairs: &[(&str, &str)]) -> Health {
        let answer = Answer { broker: "broker h:1", said: Ok(info(pairs)), took: Duration::from_millis(2) };
        judge(&[answer], Some(&BrokerLimits::default()))
    }

    fn measure(health: &Health, name: &str) -> Option<f64> {
        health.measures.iter().find(|measure| measure.name == name).and_then(|measure| measure.value)
    }

    #[test]
    fn a_disk_is_warned_of_and_then_not_healthy() {
        for (share, level) in [("0.5", Level::Ok), ("0.85", Level::Warning), ("0.9", Level::Critical)] {
            let health = verdict(&[("commitLogDiskRatio", share), ("consumeQueueDiskRatio", "0.1")]);
            assert_eq!(health.level(), level, "{share}: {health:?}");
            assert_eq!(measure(&health, "disk"), share.parse().ok().map(|share: f64| share * 100.0));
        }
        assert_eq!(
            verdict(&[("commitLogDiskRatio", "0.1"), ("consumeQueueDiskRatio", "0.95")]).level(),
            Level::Critical
        );
    }

    #[test]
    fn what_a_broker_does_not_tell_is_unknown() {
        for pairs in [&[][..], &[("commitLogDiskRatio", "-1.0")], &[("commitLogDiskRatio", "NaN")]] {
            let health = verdict(pairs);
            assert_eq!((health.level(), measure(&health, "disk")), (Level::Unknown, None), "{health:?}");
            assert!(health.measures.iter().any(|measure| measure.name == "disk"), "it is told as unknown");
        }
    }

    #[test]
    fn refusing_messages_waiting_sends_and_damage_are_told() {
        let fine = ("commitLogDiskRatio", "0.1");
        let health = verdict(&[fine, ("refusingWrites", "the disk failed")]);
        assert_eq!(health.level(), Level::Critical);
        assert_eq!(health.troubles()[0].says, "refuses messages: the disk failed");
        let wait = "sendThreadPoolQueueHeadWaitTimeMills";
        assert_eq!(verdict(&[fine, (wait, "200")]).level(), Level::Ok);
        assert_eq!(verdict(&[fine, (wait, "201")]).level(), Level::Warning);
        assert_eq!(verdict(&[fine, ("damagedRecords", "2")]).level(), Level::Warning);
    }

    #[test]
    fn a_probe_asks_only_whether_it_answers() {
        let full = info(&[("commitLogDiskRatio", "0.99"), ("refusingWrites", "full")]);
        let answer = |said| [Answer { broker: "broker h:1", said, took: Duration::ZERO }];
        assert_eq!(judge(&answer(Ok(full)), None).level(), Level::Ok);
        let gone = client::Error::TopicNotFound { topic: "stands for any error".to_owned() };
        let health = judge(&answer(Err(gone.into())), None);
        assert_eq!((health.level(), health.findings[0].code), (Level::Critical, Some(OUT_OF_REACH)));
        assert_eq!(health.measures, [], "how long it took to fail is no time to answer");
    }

    #[test]
    fn several_brokers_have_figures_of_their_own() {
        let broker = |id| BrokerRef { cluster: "C".into(), name: "a".into(), id, addr: "h:1".into() };
        let answers = [0, 1].map(|id| Answer { broker: broker(id), said: Ok(Info::new()), took: Duration::ZERO });
        let health = judge(&answers, None);
        assert_eq!(health.measures.iter().map(|measure| &*measure.name).collect::<Vec<_>>(), ["time_a_0", "time_a_1"]);
    }
}
