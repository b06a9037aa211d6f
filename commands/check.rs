//! `rmq check`: whether name servers, brokers, a cluster or its replication are well, for probes, monitors and CI.
//!
//! What is asked and how it is judged stands in `admin::health`.

mod limits;
mod show;

use crate::{
    answer::{Form, Style},
    failure::{Failure, Kind},
    log, output, reach,
    watch::{Again, Screen},
    when,
};
use admin::{
    Admin,
    health::{BrokerLimits, Health, Level, ReplicationLimits},
};
use limits::{address, bytes, percent};
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait before looking again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

const EXIT_CODES: &str = "\
Exit codes: 0 healthy (warnings do not change that), 1 not healthy, 2 wrong usage.
With -o nagios those of Nagios plugins: 0 OK, 1 WARNING, 2 CRITICAL (or wrong options), 3 UNKNOWN.";

/// What the codes of findings mean; `admin::health` gives them.
const CODES: &str = "\
Codes: H02 a name server does not answer, H04 a broker does not, H05 there are no brokers or too few, H06 name servers \
     differ, H07 a broker name has no master or two brokers are one, H08 sends wait, H09 a disk is full or messages are \
     refused, H10 a slave lags, is missing or does not follow, H22 records are damaged.";

/// Check whether servers are well: for probes, monitors and CI
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = format!("{EXIT_CODES}\n\n{CODES}"))]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Namesrv(NameServers),
    Broker(Brokers),
    Cluster(Whole),
    Replication(Replication),
}

/// Options of every check.
#[derive(Debug, clap::Args)]
struct How {
    /// Look again and again, for so long, until it is healthy
    #[arg(long, value_name = "TIME", conflicts_with = "watch", value_parser = when::duration)]
    wait: Option<Duration>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How verdicts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Columns.
    Table,
    /// The same, and figures with their limits.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// CSV: findings, an empty line, figures.
    Csv,
    /// What was looked at, one a line.
    Name,
    /// One line and an exit code, as Nagios and its kin read them.
    Nagios,
}

/// Check that name servers answer
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
struct NameServers {
    /// Only this one
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    addr: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Check that brokers answer, take messages and have room
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
struct Brokers {
    /// Only this one; name servers are not asked then
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    addr: Option<String>,
    /// Only whether it answers, whatever it says: for probes that start a broker anew
    #[arg(long)]
    alive: bool,
    /// Warn if a disk is so full
    #[arg(long, value_name = "PERCENT", default_value = "85%", value_parser = percent)]
    warn_disk: f64,
    /// Not healthy if a disk is so full
    #[arg(long, value_name = "PERCENT", default_value = "90%", value_parser = percent)]
    max_disk: f64,
    /// Warn if the first waiting send has waited for longer
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = when::duration)]
    warn_send_wait: Duration,
    #[command(flatten)]
    how: How,
}

/// Check that name servers agree, every broker answers and every broker name has a master
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
struct Whole {
    /// How many brokers there are at least, masters and slaves
    #[arg(long, value_name = "N")]
    brokers: Option<usize>,
    #[command(flatten)]
    how: How,
}

/// Check that slaves have what their masters have
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
struct Replication {
    /// How much of its master's log a slave may lack, in bytes: 0, 4096, 10MiB
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = bytes)]
    max_slave_lag: u64,
    /// How many slaves each master has at least
    #[arg(long, value_name = "N", default_value = "0")]
    min_slaves: usize,
    #[command(flatten)]
    how: How,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        self.what.how().output == Output::Json
    }
}

impl Output {
    /// The form that answers of all kinds have.
    fn form(self) -> Option<Form> {
        Some(match self {
            Self::Table => Form::Table,
            Self::Wide => Form::Wide,
            Self::Json => Form::Json,
            Self::Yaml => Form::Yaml,
            Self::Csv => Form::Csv,
            Self::Name => Form::Name,
            Self::Nagios => return None,
        })
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    let Arguments { what } = arguments;
    reach::run(log_level, async move {
        let (how, form) = (what.how(), what.how().output.form());
        if how.again.watch {
            let mut screen = Screen::new(form);
            let show = |screen: &mut Screen, health: Health| {
                let answer = show::answer(what.title(), &health);
                let text = match form {
                    Some(form) => answer.watched(form)?,
                    None => show::nagios(what.title(), &health),
                };
                // What was found; times and bytes are never the same twice.
                screen.show_if(answer.text(Form::Table)?, &text)
            };
            return how.again.watch(&mut screen, || what.look(), show).await;
        }
        match (what.verdict().await, form) {
            (Ok(health), Some(output)) => {
                show::answer(what.title(), &health).print(Style { output })?;
                what.exit(&health)
            }
            (Ok(health), None) => {
                output::print(show::nagios(what.title(), &health))?;
                match health.level() {
                    Level::Ok => Ok(()),
                    level => Err(Failure::told(show::nagios_code(level))),
                }
            }
            (Err(failure), None) => {
                output::print(show::one_line(Level::Unknown.name(), failure.message()))?;
                Err(Failure::told(show::nagios_code(Level::Unknown)))
            }
            (Err(failure), Some(_)) => Err(failure),
        }
    })
}

impl What {
    fn title(&self) -> &'static str {
        match self {
            Self::Namesrv(_) => "namesrv",
            Self::Broker(_) => "broker",
            Self::Cluster(_) => "cluster",
            Self::Replication(_) => "replication",
        }
    }

    /// What the exit code says.
    fn exit(&self, health: &Health) -> Result<(), Failure> {
        if health.is_healthy() {
            return Ok(());
        }
        let troubles = health.troubles();
        let failure =
            Failure::new(Kind::Failed, format!("{} is not healthy: {}", self.title(), show::summary(&troubles)));
        Err(match troubles.first() {
            Some(worst) => failure.code(worst.code.unwrap_or("UNHEALTHY")).target(&worst.about).retryable(),
            None => failure,
        })
    }

    fn how(&self) -> &How {
        match self {
            Self::Namesrv(NameServers { how, .. })
            | Self::Broker(Brokers { how, .. })
            | Self::Cluster(Whole { how, .. })
            | Self::Replication(Replication { how, .. }) => how,
        }
    }

    /// The verdict, once it is good or there is no more time.
    async fn verdict(&self) -> Result<Health, Failure> {
        let until = self.how().wait.map(|wait| Instant::now() + wait);
        loop {
            let health = self.look().await?;
            let again = Instant::now() + LOOK_AGAIN_AFTER;
            if health.is_healthy() || until.is_none_or(|until| again > until) {
                return Ok(health);
            }
            tokio::time::sleep_until(again).await;
        }
    }

    /// Looks once.
    async fn look(&self) -> Result<Health, Failure> {
        let How { reach, .. } = self.how();
        let settled;
        let reach = match self.address() {
            Some(_) => reach,
            None => {
                settled = reach.clone().settled().await;
                &settled
            }
        };
        // The last question is given up before the time is, so that it is told who did not answer.
        let one = reach.timeout * 9 / 10 / self.questions_in_turn();
        let admin = Admin::on(&reach.client_asking(one)?);
        match tokio::time::timeout(reach.timeout, self.ask(&admin)).await {
            Ok(health) => health,
            Err(_) => Ok(Health::unanswered(self.title(), reach.timed_out().message())),
        }
    }

    fn address(&self) -> Option<&String> {
        match self {
            Self::Namesrv(NameServers { addr, .. }) | Self::Broker(Brokers { addr, .. }) => addr.as_ref(),
            Self::Cluster(_) | Self::Replication(_) => None,
        }
    }

    /// How many questions are asked one after the other.
    fn questions_in_turn(&self) -> u32 {
        match (self, self.address()) {
            (Self::Namesrv(_), _) | (Self::Broker(_), Some(_)) => 1,
            (Self::Broker(_) | Self::Cluster(_), _) => 2,
            // The name servers, the masters, the slaves, the masters again.
            (Self::Replication(_), _) => 4,
        }
    }

    async fn ask(&self, admin: &Admin) -> Result<Health, Failure> {
        let addrs = match self.address() {
            Some(addr) => vec![addr.clone()],
            None => match admin.client().name_servers().await {
                Ok(addrs) => addrs,
                Err(error) => return Ok(Health::unanswered("name servers", error)),
            },
        };
        Ok(match self {
            Self::Namesrv(_) => admin.name_server_health(&addrs).await,
            Self::Broker(brokers) => {
                let limits = BrokerLimits {
                    disk_warning: brokers.warn_disk,
                    disk_critical: brokers.max_disk,
                    send_wait: brokers.warn_send_wait,
                };
                let limits = (!brokers.alive).then_some(&limits);
                match brokers.addr {
                    Some(_) => admin.broker_health_at(&addrs, limits).await,
                    None => admin.broker_health(&addrs, limits).await,
                }
            }
            Self::Cluster(Whole { brokers, .. }) => admin.cluster_health(&addrs, *brokers).await,
            Self::Replication(Replication { max_slave_lag, min_slaves, .. }) => {
                let limits = ReplicationLimits { max_lag: *max_slave_lag, min_slaves: *min_slaves };
                admin.replication_health(&addrs, &limits).await
            }
        })
    }
}
