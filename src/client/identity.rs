//! Who this process is on the wire: its address and the id of each client.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

/// The first address of this machine that is not a loopback; IPv4 only, so that ids have one length.
pub(crate) fn local_ip() -> Ipv4Addr {
    static IP: OnceLock<Ipv4Addr> = OnceLock::new();
    *IP.get_or_init(|| {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let mut addresses = interfaces.iter().filter(|interface| !interface.is_loopback()).map(|found| found.ip());
        let ipv4 = addresses.find_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        ipv4.unwrap_or(Ipv4Addr::LOCALHOST)
    })
}

/// `ip@pid#nanoseconds`, as Apache RocketMQ's clients name themselves.
pub(crate) fn client_id() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    // Two clients made in the same tick of the clock still differ.
    format!("{}@{}#{}", local_ip(), std::process::id(), nanos + u128::from(rand::random::<u16>()))
}
