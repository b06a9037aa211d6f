//! Who this process is on the wire: its address and the id of each client.

use base::Clock;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::OnceLock,
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

/// `ip@instance`; without an instance `ip@pid#nanoseconds`, as Apache RocketMQ's clients name themselves.
pub(crate) fn client_id(instance: Option<&str>) -> String {
    if let Some(instance) = instance {
        return format!("{}@{instance}", local_ip());
    }
    // Below the millisecond at random: two clients made in the same one differ.
    let nanos = Clock::System.now_ms() * 1_000_000 + i64::from(rand::random::<u32>() % 1_000_000);
    format!("{}@{}#{nanos}", local_ip(), std::process::id())
}
