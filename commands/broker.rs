//! `rmq broker`: runs a broker until a signal ends it; and, of brokers that run: which there are, what they say of
//! themselves, and their settings.

mod asked;
mod config;
mod drain;

use crate::{
    failure::{Failure, Kind},
    log, reach, server,
};
use ::broker::{Broker, Cut, config::BrokerConfig};
use std::{path::PathBuf, sync::Arc};

/// Run a broker, which keeps the messages
///
/// The broker.conf of Apache RocketMQ 4.9 runs unchanged: every key of it is honoured, or said to have no effect here.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  rmq broker -n localhost:9876                  one broker with the defaults, store in ~/store
  rmq broker -n 'a:9876;b:9876' -c broker.conf  two name servers, settings from a file
  rmq broker -c broker.conf -p                  what the settings come to
  rmq broker --set listenPort=10921 --set brokerName=broker-b

  rmq broker list                               which brokers run in a cluster
  rmq broker config get broker-a maxMessageSize
  rmq broker drain broker-a                     producers go elsewhere: before it is stopped

Standard output says `boot success` once it serves. SIGTERM and SIGINT stop it: no new work, flush,
unregister. NAMESRV_ADDR counts where neither -n nor the file names a name server.")]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Name servers to register with
    #[arg(short, long, value_name = "ADDR[;ADDR]", alias = "namesrvAddr")]
    pub namesrv: Option<String>,
    /// Settings: the broker.conf of Apache RocketMQ
    #[arg(short, long, value_name = "FILE", alias = "configFile")]
    pub config: Option<PathBuf>,
    /// A setting that overrules the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Print every setting with its value and end
    #[arg(short, long, alias = "printConfigItem")]
    pub print: bool,
    /// Print the settings that matter most and end
    #[arg(short = 'm', long, alias = "printImportantConfig")]
    pub print_important: bool,
}

/// What to do with brokers that run.
#[derive(Debug, clap::Subcommand)]
enum What {
    List(asked::List),
    Describe(asked::Describe),
    Config(config::Arguments),
    Drain(drain::Drain),
    Undrain(drain::Undrain),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            None => false,
            Some(What::List(arguments)) => arguments.shown.style.is_json(),
            Some(What::Describe(arguments)) => arguments.shown.style.is_json(),
            Some(What::Config(arguments)) => arguments.prints_json(),
            Some(What::Drain(arguments)) => arguments.of.style.is_json(),
            Some(What::Undrain(arguments)) => arguments.of.style.is_json(),
        }
    }
}

/// The keys that `-m` prints: those that Apache RocketMQ marks as important (`@ImportantField`).
const IMPORTANT: &[&str] = &[
    "accessMessageInMemoryMaxRatio",
    "aclEnable",
    "autoCreateSubscriptionGroup",
    "autoCreateTopicEnable",
    "brokerClusterName",
    "brokerIP1",
    "brokerIP2",
    "brokerId",
    "brokerName",
    "brokerRole",
    "cleanFileForciblyEnable",
    "commitIntervalCommitLog",
    "deleteWhen",
    "fetchNamesrvAddrByAddressServer",
    "fileReservedTime",
    "flushCommitLogTimed",
    "flushDiskType",
    "flushIntervalCommitLog",
    "haMasterAddress",
    "maxTransferBytesOnMessageInDisk",
    "maxTransferBytesOnMessageInMemory",
    "maxTransferCountOnMessageInDisk",
    "maxTransferCountOnMessageInMemory",
    "messageIndexEnable",
    "messageIndexSafe",
    "msgTraceTopicName",
    "namesrvAddr",
    "rejectTransactionMessage",
    "storePathCommitLog",
    "storePathDLedgerCommitLog",
    "storePathRootDir",
    "traceTopicEnable",
    "transactionCheckInterval",
    "transactionCheckMax",
    "transactionTimeOut",
    "transientStorePoolEnable",
];

/// Runs a broker until a signal comes, or asks others.
pub fn run(mut arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    match arguments.what.take() {
        None => serve(arguments, log_level),
        Some(What::List(arguments)) => reach::run(log_level, asked::list(arguments)),
        Some(What::Describe(arguments)) => reach::run(log_level, asked::describe(arguments)),
        Some(What::Config(arguments)) => reach::run(log_level, config::run(arguments)),
        Some(What::Drain(arguments)) => reach::run(log_level, drain::drain(arguments)),
        Some(What::Undrain(arguments)) => reach::run(log_level, drain::undrain(arguments)),
    }
}

/// Runs until a signal comes.
fn serve(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    let (file, text) = server::settings(arguments.config.as_deref())?;
    let set = arguments.set.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let namesrv = arguments.namesrv.iter().map(|namesrv| ("namesrvAddr", namesrv.as_str()));
    let command_line: Vec<_> = set.chain(namesrv).collect();
    let (config, notices) =
        BrokerConfig::load(&file, &text, &command_line).map_err(|error| Failure::new(Kind::Usage, error))?;
    if arguments.print {
        return server::print(config.print());
    }
    if arguments.print_important {
        return server::print(config.print().into_iter().filter(|(key, _)| IMPORTANT.contains(&key.as_str())));
    }
    let names_at = config.namesrv_addr.clone().or_else(|| config.address_server_url());
    let name = config.broker_name.clone();
    let start = Start { config, names_at: names_at.clone(), disk: disk()? };
    // A mistake in the list is told before anything is opened.
    start.names()?;
    server::run(
        log_level,
        &notices,
        start.start(),
        |broker: &Arc<Broker>| boot_line(&name, &broker.advertised().to_string(), names_at.as_deref()),
        async |broker: &mut Arc<Broker>| loop {
            let cut = broker.must_be_cut().await;
            match start.start_again(broker, cut).await {
                Ok(again) => *broker = again,
                Err(failure) => return failure,
            }
        },
        async |broker: Arc<Broker>| stop(&broker).await,
    )
}

/// All that a broker is started from.
struct Start {
    config: BrokerConfig,
    names_at: Option<String>,
    disk: base::Disk,
}

impl Start {
    fn names(&self) -> Result<Option<remoting::Names>, Failure> {
        let names = self.names_at.as_deref().map(remoting::Names::parse).transpose();
        names.map_err(|error| Failure::new(Kind::Usage, error))
    }

    async fn start(&self) -> Result<Arc<Broker>, Failure> {
        let broker = Broker::start(self.config.clone(), self.names()?, base::Clock::System, &self.disk).await;
        broker.map_err(|error| Failure::new(Kind::Failed, error))
    }

    /// Stops a slave that has what its master never had, cuts that off its log, and starts it again.
    async fn start_again(&self, broker: &Broker, cut: Cut) -> Result<Arc<Broker>, Failure> {
        stop(broker).await?;
        let failed = |error| Failure::new(Kind::Failed, format!("the slave's log could not be cut: {error}"));
        Broker::cut(&self.config, &self.disk, cut).map_err(failed)?;
        self.start().await
    }
}

async fn stop(broker: &Broker) -> Result<(), Failure> {
    let stopped = broker.stop().await;
    stopped.map_err(|error| Failure::new(Kind::Failed, format!("the stop was not clean: {error}")))
}

/// The file system; in builds for tests with what a test plants there.
fn disk() -> Result<base::Disk, Failure> {
    #[cfg(debug_assertions)]
    return crate::crash_points::disk();
    #[cfg(not(debug_assertions))]
    Ok(base::Disk::default())
}

/// What Apache RocketMQ prints, word by word: scripts wait for it.
fn boot_line(name: &str, address: &str, names: Option<&str>) -> String {
    let names = names.map(|names| format!(" and name server is {names}")).unwrap_or_default();
    format!("The broker[{name}, {address}] boot success. serializeType=JSON{names}")
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_most_is_among_the_settings() {
        let all = BrokerConfig::default().print();
        for key in IMPORTANT {
            assert!(all.iter().any(|(known, _)| known == key), "{key}");
        }
    }

    #[test]
    fn the_boot_line_has_the_words_of_apache() {
        let line = boot_line("broker-a", "10.0.0.1:10911", Some("h:9876"));
        assert_eq!(
            line,
            "The broker[broker-a, 10.0.0.1:10911] boot success. serializeType=JSON and name server is h:9876"
        );
        assert!(boot_line("b", "a", None).ends_with("serializeType=JSON"));
    }
}
