//! `rmq group create` and `update`: how brokers are to treat a group.

use crate::{
    answer::Style,
    failure::Failure,
    places::{self, At},
    reach::Reach,
};
use admin::{GROUP_SETTINGS, GroupSet, GroupSettings, Outcome, PerBroker};
use serde_json::{Map, Value};

/// Create a group, or set it anew where it exists
///
/// What is not said is as in a group that brokers make by themselves: it may consume and broadcast, and is given a message
/// 16 times more before that is a dead letter.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq group create billing
  rmq group create billing --retry-max-times 3 --consume-broadcast-enable false
  rmq group create billing --broker broker-a")]
pub struct Create {
    /// Its name
    group: String,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Change a group where it exists; what is not said stays as it is at each broker
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq group update billing --consume-enable false      it gets no messages until that is true again
  rmq group update billing --retry-max-times 3 --cluster DefaultCluster")]
pub struct Update {
    /// Its name
    group: String,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Each by its name in `mqadmin updateSubGroup` too.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Settings {
    /// Whether it may consume
    #[arg(long, value_name = "BOOL", alias = "consumeEnable")]
    consume_enable: Option<bool>,
    /// Whether it may begin at the first message: kept by brokers, used by none
    #[arg(long, value_name = "BOOL", alias = "consumeFromMinEnable")]
    consume_from_min_enable: Option<bool>,
    /// Whether its members may each consume everything
    #[arg(long, value_name = "BOOL", alias = "consumeBroadcastEnable")]
    consume_broadcast_enable: Option<bool>,
    /// How many queues its topic of retries has on each broker; none: what it fails on is lost
    #[arg(long, value_name = "N", alias = "retryQueueNums", value_parser = clap::value_parser!(i32).range(0..=65535))]
    retry_queue_nums: Option<i32>,
    /// How often it is given a message again before that is a dead letter
    #[arg(long, value_name = "N", alias = "retryMaxTimes", allow_hyphen_values = true)]
    retry_max_times: Option<i32>,
    /// The broker of each name that it reads from: 0 is the master
    #[arg(long, value_name = "ID", alias = "brokerId", value_parser = clap::value_parser!(i64).range(0..))]
    broker_id: Option<i64>,
    /// The one that it reads from when it lags far behind
    #[arg(long, value_name = "ID", alias = "whichBrokerWhenConsumeSlowly", value_parser = clap::value_parser!(i64).range(0..))]
    which_broker_when_consume_slowly: Option<i64>,
    /// Whether members are told at once when one comes or goes
    #[arg(long, value_name = "BOOL", alias = "notifyConsumerIdsChanged")]
    notify_consumer_ids_changed: Option<bool>,
}

impl From<Settings> for GroupSettings {
    fn from(said: Settings) -> Self {
        Self {
            consume_enable: said.consume_enable,
            consume_from_min_enable: said.consume_from_min_enable,
            consume_broadcast_enable: said.consume_broadcast_enable,
            retry_queue_nums: said.retry_queue_nums,
            retry_max_times: said.retry_max_times,
            broker_id: said.broker_id,
            which_broker_when_consume_slowly: said.which_broker_when_consume_slowly,
            notify_consumer_ids_changed_enable: said.notify_consumer_ids_changed,
        }
    }
}

/// Creates a group.
///
/// # Errors
/// If the name is none, or some broker does not do it.
pub async fn create(arguments: Create) -> Result<(), Failure> {
    let Create { group, settings, at, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let set = reach.within(async { Ok(admin.create_group(&group, &settings.into(), &at.place()).await?) }).await?;
    told(&group, "created", set, style)
}

/// Changes a group.
///
/// # Errors
/// If nothing is to be changed, there is no such group, or some broker does not do it.
pub async fn update(arguments: Update) -> Result<(), Failure> {
    let Update { group, settings, at, style, reach } = arguments;
    let settings = GroupSettings::from(settings);
    if settings == GroupSettings::default() {
        let failure = Failure::new(crate::failure::Kind::Usage, "say what to change of the group");
        return Err(failure.target(&group).hint("rmq group update --help lists what can be"));
    }
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let mut set = reach.within(async { Ok(admin.update_group(&group, &settings, &at.place()).await?) }).await?;
    let has_none = |outcome: &Outcome<GroupSet>| outcome.result.as_ref().is_ok_and(|set| set.before.is_none());
    if set.0.iter().all(has_none) {
        return Err(Failure::no_group(&group));
    }
    set.0.retain(|outcome| !has_none(outcome));
    told(&group, "changed", set, style)
}

fn told(group: &str, done: &str, set: PerBroker<GroupSet>, style: Style) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for (broker, set) in set.answers() {
        let value = |side: &Option<Map<String, Value>>, key| side.as_ref().map(|side| side.get(key).cloned());
        for key in GROUP_SETTINGS {
            let (before, after) = (value(&set.before, key), value(&set.after, key));
            if before != after {
                changes.push(places::change(broker, key, before, after));
            }
        }
    }
    let set = PerBroker(
        set.0.into_iter().map(|Outcome { broker, result }| Outcome { broker, result: result.map(drop) }).collect(),
    );
    places::answer("group", group, done, &places::at_brokers(&set))
        .with("changes", places::CHANGES, changes)
        .print(style)
}
