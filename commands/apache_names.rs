//! The commands of Apache RocketMQ by which `rmq` may be called through a link, so that the start lines of existing
//! guides run unchanged: `nohup mqbroker -n localhost:9876 -c broker.conf &`.

use std::{ffi::OsString, path::Path};

const NAMES: &[(&str, &str)] = &[("mqnamesrv", "namesrv"), ("mqbroker", "broker")];

/// The command line with the subcommand in words, if the program's name stands for one.
pub fn spelled_out(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let called = words.first().and_then(|program| Path::new(program).file_name()).and_then(|name| name.to_str());
    if let Some((_, subcommand)) = NAMES.iter().find(|(name, _)| Some(*name) == called) {
        words.insert(1, (*subcommand).into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Subcommand};
    use clap::Parser;

    fn parsed(line: &str) -> Subcommand {
        Arguments::parse_from(spelled_out(line.split(' ').map(OsString::from))).subcommand
    }

    #[test]
    fn start_lines_of_existing_guides_mean_the_same() {
        let Subcommand::Broker(broker) = parsed("/opt/bin/mqbroker -n h:9876 -c broker.conf") else { panic!() };
        assert_eq!((broker.namesrv.as_deref(), broker.config.unwrap().to_str()), (Some("h:9876"), Some("broker.conf")));
        let line = "mqbroker --namesrvAddr h:9876;g:9876 --configFile b --printConfigItem --printImportantConfig";
        let Subcommand::Broker(broker) = parsed(line) else { panic!() };
        assert_eq!(broker.namesrv.as_deref(), Some("h:9876;g:9876"));
        assert!(broker.print && broker.print_important);
        let Subcommand::Namesrv(namesrv) = parsed("bin/mqnamesrv -c n.conf -p -n h:1") else { panic!() };
        assert!(namesrv.print && namesrv.config.is_some());
    }

    #[test]
    fn any_other_name_stands_for_nothing() {
        for line in ["rmq broker", "broker", "mqadmin", ""] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(spelled_out(words.clone()), words);
        }
        assert!(spelled_out([]).is_empty());
    }
}
