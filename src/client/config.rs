//! What every producer and consumer needs to know to take part.

use std::time::Duration;

/// How to reach a cluster. The defaults are those of Apache RocketMQ's `ClientConfig`.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Name servers: `host:port;host:port`, or the `http://` URL of an address server that lists them.
    pub names: String,
    /// How long one question to a name server or broker may take, the connection included. Default 3 s.
    pub request_timeout: Duration,
    /// How long one connection attempt may take. Default 3 s.
    pub connect_timeout: Duration,
    /// How often the routes of the topics in use are asked again. Default 30 s.
    pub route_period: Duration,
    /// How often the brokers in use are told about the client's groups. Default 30 s.
    pub heartbeat_period: Duration,
    /// What follows the address in the client's id, `ip@INSTANCE`: no two clients of a group on one machine may have the
    /// same. Default: the process id and the time, so that no two are alike.
    pub instance: Option<String>,
}

impl ClientConfig {
    /// The defaults, with these name servers.
    pub fn new(names: impl Into<String>) -> Self {
        Self {
            names: names.into(),
            request_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(3),
            route_period: Duration::from_secs(30),
            heartbeat_period: Duration::from_secs(30),
            instance: None,
        }
    }
}
