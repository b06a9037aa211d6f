//! `rmq namesrv`: runs a name server until a signal ends it.

use crate::{
    failure::{Failure, Kind},
    log, server,
};
use ::namesrv::{NameServer, config::NamesrvConfig};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Run a name server, where clients and brokers find each other
///
/// It keeps nothing that brokers do not tell it, knows no other name server, and there may be any number of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq namesrv                              listen on port 9876
  rmq namesrv --listen 127.0.0.1:9876      for this machine only
  rmq namesrv -c namesrv.conf -p           what the settings come to

Standard output says `boot success` once it serves. SIGTERM and SIGINT stop it cleanly.")]
pub struct Arguments {
    /// Where to listen [default: port 9876, or the file's listenPort, on every address]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Settings: the namesrv.conf of Apache RocketMQ
    #[arg(short, long, value_name = "FILE", alias = "configFile")]
    pub config: Option<PathBuf>,
    /// Print every setting with its value and end
    #[arg(short, long, alias = "printConfigItem")]
    pub print: bool,
    /// Taken for Apache's sake, of no use to a name server.
    #[arg(short, long, alias = "namesrvAddr", hide = true)]
    namesrv: Option<String>,
}

/// Runs until a signal comes.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    let (file, text) = server::settings(arguments.config.as_deref())?;
    let port = arguments.listen.map(|listen| listen.port().to_string());
    // A free port is asked for by 0, which is no value of the setting.
    let command_line: Vec<_> =
        port.iter().filter(|port| *port != "0").map(|port| ("listenPort", port.as_str())).collect();
    let (config, notices) =
        NamesrvConfig::load(&file, &text, &command_line).map_err(|error| Failure::new(Kind::Usage, error))?;
    if arguments.print {
        return server::print(config.print());
    }
    let listen = arguments.listen.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, config.listen_port).into());
    server::run(
        log_level,
        &notices,
        async { NameServer::start(config, listen).await.map_err(|error| Failure::new(Kind::Failed, error)) },
        |_| "The Name Server boot success. serializeType=JSON".to_owned(),
        async |_| std::future::pending().await,
        async |server: NameServer| {
            server.stop().await;
            Ok(())
        },
    )
}
