//! `rmq store`: tools for a store directory that need no broker: what is there, is it sound, what does it hold, mend it.

mod dump;
mod ls;
mod progress;
mod repair;
mod verify;

use crate::{
    failure::{Failure, Kind},
    log, server,
};
use ::broker::config::BrokerConfig;
use ::store::{Offline, StoreConfig, StoreError};
use std::path::{Path, PathBuf};

/// Look into a store directory: list, verify, dump, repair
///
/// Works on the files, without a broker, on the directories of Apache RocketMQ 4.9 too. Nothing but `repair --execute`
/// changes anything, and the others may be pointed at the store of a running broker.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Ls(ls::Arguments),
    Verify(verify::Arguments),
    Dump(dump::Arguments),
    Repair(repair::Arguments),
}

/// Which store is meant.
#[derive(Debug, clap::Args)]
struct Place {
    /// The store's directory, where commitlog and consumequeue lie [default: storePathRootDir of the settings]
    dir: Option<PathBuf>,
    /// The settings of its broker, where maxHashSlotNum, maxIndexNum or messageDelayLevel are not the usual ones, or
    /// storePathCommitLog is elsewhere
    #[arg(short, long, value_name = "FILE", alias = "configFile")]
    config: Option<PathBuf>,
}

/// How lists are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// One JSON object a line.
    Jsonl,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::Ls(arguments) => arguments.prints_json(),
            What::Verify(arguments) => arguments.output != Output::Table,
            What::Repair(arguments) => arguments.output != Output::Table,
            What::Dump(_) => false,
        }
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    log::begin(log_level, log::Level::COMMAND);
    match arguments.what {
        What::Ls(arguments) => ls::run(arguments),
        What::Verify(arguments) => verify::run(arguments),
        What::Dump(arguments) => dump::run(arguments),
        What::Repair(arguments) => repair::run(arguments),
    }
}

impl Place {
    fn open(&self) -> Result<Offline, Failure> {
        Offline::open(self.settings()?).map_err(failed)
    }

    fn settings(&self) -> Result<StoreConfig, Failure> {
        if self.dir.is_none() && self.config.is_none() {
            let failure = Failure::new(Kind::Usage, "which store? Neither a directory nor settings are given");
            return Err(failure.hint("name the directory that holds commitlog, or the broker.conf with -c"));
        }
        let (file, text) = server::settings(self.config.as_deref())?;
        let (config, _) = BrokerConfig::load(&file, &text, &[]).map_err(|error| Failure::new(Kind::Usage, error))?;
        let (root_dir, commit_log_dir) = match &self.dir {
            Some(dir) => (dir.clone(), None),
            None => (config.store_path_root_dir, Some(config.store_path_commit_log)),
        };
        Ok(StoreConfig {
            root_dir,
            commit_log_dir,
            message_index_enable: config.message_index_enable,
            max_hash_slot_num: config.max_hash_slot_num,
            max_index_num: config.max_index_num,
            message_delay_level: config.message_delay_level,
            ..StoreConfig::default()
        })
    }
}

/// What the store says, with the exit code that goes with it.
fn failed(error: StoreError) -> Failure {
    match &error {
        StoreError::NoStore { dir, .. } => Failure::not_found(error.to_string()).target(dir.display().to_string()),
        StoreError::InUse { dir, .. } => {
            let target = dir.display().to_string();
            Failure::new(Kind::Failed, &error).code("STORE_IN_USE").target(target).retryable()
        }
        StoreError::Config { .. } => {
            Failure::new(Kind::Usage, &error).hint("give the settings of the store's broker with -c broker.conf")
        }
        _ => Failure::new(Kind::Failed, &error),
    }
}

/// A path as it is shown: below the store's directory, relative to it.
fn shown(path: &Path, dir: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// `DIR` as it must be typed in a shell.
fn typed(dir: &Path) -> String {
    let text = dir.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_directory_or_by_settings() {
        let place = |dir: Option<&str>, config| Place { dir: dir.map(PathBuf::from), config };
        assert!(place(None, None).settings().is_err_and(|failure| failure.kind() == Some(Kind::Usage)));
        let scratch = tempfile::tempdir().unwrap();
        let conf = scratch.path().join("broker.conf");
        std::fs::write(&conf, "storePathRootDir=/a\nstorePathCommitLog=/b\nmaxIndexNum=7\n").unwrap();
        let settings = place(None, Some(conf.clone())).settings().unwrap();
        assert_eq!((settings.root_dir, settings.commit_log_dir), ("/a".into(), Some("/b".into())));
        let settings = place(Some("/c"), Some(conf)).settings().unwrap();
        assert_eq!((settings.root_dir, settings.commit_log_dir, settings.max_index_num), ("/c".into(), None, 7));
        let nothing = place(Some("/no/such/store"), None).open().err().unwrap();
        assert_eq!(nothing.kind(), Some(Kind::NotFound));
    }

    #[test]
    fn a_directory_is_told_as_it_can_be_typed() {
        assert_eq!(typed(Path::new("/a/b-c_1.2")), "/a/b-c_1.2");
        assert_eq!(typed(Path::new("/it's here")), r"'/it'\''s here'");
    }
}
