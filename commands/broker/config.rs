//! `rmq broker config`: the settings of a broker that runs.

use super::asked::find;
use crate::{
    answer::{Answer, Column, Style, column},
    failure::{Failure, Kind},
    places::{self, CHANGES},
    reach::Reach,
    watch::Shown,
};
use admin::{Admin, BrokerRef, BrokerSettings, Where};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Show the settings of a broker that runs, and change those that may change meanwhile
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Get(Get),
    Set(Set),
}

/// Show settings
#[derive(Debug, clap::Args)]
struct Get {
    /// The broker's name, which means its master, or its address
    broker: String,
    /// Only these
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

/// Change settings of a broker, or of every master of a cluster: at each of them all that are given, or none
///
/// Prints what each broker says before and after. A broker of rmq never takes paths, addresses, ports, names or roles in this
/// way. A slave is changed by its address.
#[derive(Debug, clap::Args)]
#[command(override_usage = "rmq broker config set [OPTIONS] <BROKER|--cluster <CLUSTER>> <KEY=VALUE>...")]
#[command(after_help = "\
Examples:
  rmq broker config set broker-a fileReservedTime=48
  rmq broker config set 10.0.0.7:10911 brokerPermission=4
  rmq broker config set --cluster DefaultCluster fileReservedTime=48     exit code 6 if only some brokers took it")]
struct Set {
    /// The broker's name, which means its master, or its address; and what to change
    #[arg(value_name = "BROKER KEY=VALUE", required = true)]
    words: Vec<String>,
    /// Instead of a broker: every master of this cluster
    #[arg(long)]
    cluster: Option<String>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    reach: Reach,
}

impl Set {
    /// Where, and what.
    fn said(&self) -> Result<(Where, Vec<(String, String)>), Failure> {
        let usage = |message: String| Failure::new(Kind::Usage, message).hint("rmq broker config set --help");
        let (place, words) = match (&self.cluster, &self.words[..]) {
            (Some(cluster), words) => (Where::Cluster(cluster.clone()), words),
            (None, [broker, words @ ..]) if !broker.contains('=') => (Where::Broker(broker.clone()), words),
            (None, _) => return Err(usage("which broker? Name one before the settings, or give --cluster".to_owned())),
        };
        let pair = |word: &String| super::pair(word).map_err(|expected| usage(format!("{word:?}: {expected}")));
        let changes: Vec<_> = words.iter().map(pair).collect::<Result<_, _>>()?;
        match changes.is_empty() {
            true => Err(usage("say what to change: KEY=VALUE".to_owned())),
            false => Ok((place, changes)),
        }
    }
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::Get(get) => get.shown.style,
            What::Set(set) => set.style,
        }
        .is_json()
    }
}

/// Does what is asked.
///
/// # Errors
/// If there is no such broker or setting, or the broker refuses.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Get(arguments) => get(arguments).await,
        What::Set(arguments) => set(arguments).await,
    }
}

const VALUES: &[Column] = &[column("KEY", "key"), column("VALUE", "value")];

async fn get(arguments: Get) -> Result<(), Failure> {
    let Get { broker, keys, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = &reach.admin()?;
    let (broker, keys) = (&broker, &keys);
    let ask = async || {
        let found = find(admin, broker).await?;
        let settings = admin.settings(&found.addr).await?;
        keys.iter().try_for_each(|key| known(&settings, key, broker))?;
        let wanted = settings.values.iter().filter(|(key, _)| keys.is_empty() || keys.contains(key));
        let rows = wanted.map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let about = json!({ "broker": found.name, "address": found.addr });
        Ok(Answer::within(about).with("settings", VALUES, rows))
    };
    shown.show(&reach, ask).await
}

async fn set(arguments: Set) -> Result<(), Failure> {
    let (place, changes) = arguments.said()?;
    let Set { style, reach, .. } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let answer = reach.within(async {
        let brokers = match &place {
            Where::Broker(name) => vec![find(&admin, name).await?],
            place => admin.masters(place).await?,
        };
        let about = match (&place, &brokers[..]) {
            (Where::Cluster(cluster), _) => json!({ "cluster": cluster }),
            (_, [one]) => json!({ "broker": one.name, "address": one.addr }),
            (_, several) => json!({ "brokers": several.len() }),
        };
        let set = brokers.iter().map(|broker| set_at(&admin, broker, &changes));
        let (mut rows, mut lacks) = (Vec::new(), Vec::new());
        for (broker, outcome) in brokers.iter().zip(join_all(set).await) {
            match outcome {
                Ok((changed, ignored)) => {
                    rows.extend(changed);
                    lacks.extend(ignored.map(|failure| (broker.to_string(), failure)));
                }
                Err(failure) => lacks.push((broker.to_string(), failure)),
            }
        }
        let any = !rows.is_empty();
        let answer = Answer::within(about).with("changes", CHANGES, rows).named_by("key").lacking(brokers.len(), lacks);
        Ok(if any { answer.even_so() } else { answer })
    });
    answer.await?.print(style)
}

/// Sets them at one broker; each as the broker tells it before and after.
async fn set_at(
    admin: &Admin,
    broker: &BrokerRef,
    changes: &[(String, String)],
) -> Result<(Vec<Value>, Option<Failure>), Failure> {
    let before = admin.settings(&broker.addr).await?;
    changes.iter().try_for_each(|(key, _)| known(&before, key, &broker.name))?;
    admin.change_settings(&broker.addr, changes).await?;
    let after = admin.settings(&broker.addr).await?;
    let row = |key: &String| {
        let value = |settings: &BrokerSettings| Some(settings.values.get(key).cloned());
        places::change(broker, key, value(&before), value(&after))
    };
    // Apache RocketMQ takes what it cannot read for done, and leaves the setting as it was.
    let ignored = changes.iter().filter(|(key, value)| {
        let (before, after) = (before.values.get(key), after.values.get(key));
        before == after && after.is_none_or(|after| !means_the_same(after, value))
    });
    let ignored: Vec<String> = ignored.map(|(key, value)| format!("{key}={value}")).collect();
    let failure = (!ignored.is_empty()).then(|| {
        let told = format!("it said yes to {} and did not change it", ignored.join(", "));
        Failure::new(Kind::Failed, told).target(ignored.join(", "))
    });
    Ok((changes.iter().map(|(key, _)| row(key)).collect(), failure))
}

/// Whether a broker shows as `shown` what was given as `given`: numbers and truth values in a form of its own.
fn means_the_same(shown: &str, given: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    shown.eq_ignore_ascii_case(given.trim()) || number(shown).is_some_and(|shown| number(given) == Some(shown))
}

/// That there is such a setting.
fn known(settings: &BrokerSettings, key: &str, broker: &str) -> Result<(), Failure> {
    if settings.values.contains_key(key) {
        return Ok(());
    }
    let failure = Failure::new(Kind::NotFound, format!("broker {broker} has no setting {key}"));
    Err(failure.code("SETTING_NOT_EXIST").target(key).hint(format!("rmq broker config get {broker}")))
}
