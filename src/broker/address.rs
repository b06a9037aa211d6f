//! The address a broker tells to others when `brokerIP1` does not say it: the choice of Apache RocketMQ's
//! `RemotingUtil.getLocalAddress`, so that a broker that moves here stays where clients look for it.

use std::net::IpAddr;
use std::path::Path;

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name, such as `eth0`.
    pub name: String,
    /// The address.
    pub address: IpAddr,
    /// Whether the interface is a bridge, such as `docker0`: its address is for guests of this machine alone.
    pub is_bridge: bool,
}

/// The address at which others reach this machine, as it stands before `:port`: an IPv6 address in brackets.
pub fn advertised_address() -> String {
    let mut interfaces: Vec<_> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .map(|interface| Interface {
            address: interface.ip(),
            is_bridge: Path::new("/sys/class/net").join(&interface.name).join("bridge").exists(),
            name: interface.name,
        })
        .collect();
    // Java lists interfaces last to first.
    interfaces.reverse();
    match choose(&interfaces).unwrap_or(IpAddr::from([127, 0, 0, 1])) {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Chooses among the addresses of a machine: the first IPv4 address outside 192.168/16, else the last IPv4 address,
/// else the first IPv6 address; never a loopback address or one of a bridge.
pub fn choose(interfaces: &[Interface]) -> Option<IpAddr> {
    let reachable = || {
        interfaces
            .iter()
            .filter(|interface| !interface.is_bridge && !interface.address.is_loopback())
            .map(|interface| interface.address)
    };
    let is_home_network = |address: &IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[..2] == [192, 168]);
    reachable()
        .find(|address| address.is_ipv4() && !is_home_network(address))
        .or_else(|| reachable().rfind(IpAddr::is_ipv4))
        .or_else(|| reachable().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(interfaces: &[(&str, &str)]) -> Option<String> {
        let interfaces: Vec<_> = interfaces
            .iter()
            .map(|(name, address)| Interface {
                name: (*name).to_owned(),
                address: address.parse().unwrap(),
                is_bridge: name.starts_with("docker"),
            })
            .collect();
        choose(&interfaces).map(|address| address.to_string())
    }

    #[test]
    fn the_first_address_outside_a_home_network_is_chosen() {
        let interfaces = [("wlan0", "192.168.0.7"), ("eth1", "10.0.0.5"), ("eth0", "172.20.0.3"), ("lo", "127.0.0.1")];
        assert_eq!(chosen(&interfaces).unwrap(), "10.0.0.5");
    }

    #[test]
    fn of_home_networks_the_last_is_chosen() {
        let interfaces = [("wlan0", "192.168.0.7"), ("eth0", "192.168.1.9"), ("lo", "127.0.0.1")];
        assert_eq!(chosen(&interfaces).unwrap(), "192.168.1.9");
        assert_eq!(chosen(&[("eth0", "192.167.1.9"), ("wlan0", "192.168.0.7")]).unwrap(), "192.167.1.9");
    }

    #[test]
    fn a_bridge_is_never_chosen() {
        assert_eq!(chosen(&[("docker0", "172.17.0.1"), ("eth0", "192.168.1.9")]).unwrap(), "192.168.1.9");
        assert_eq!(chosen(&[("docker0", "172.17.0.1"), ("lo", "127.0.0.1")]), None);
    }

    #[test]
    fn ipv6_is_chosen_only_where_there_is_no_ipv4() {
        let interfaces = [("eth0", "fe80::1"), ("eth0", "fd00::2"), ("lo", "::1"), ("lo", "127.0.0.1")];
        assert_eq!(chosen(&interfaces).unwrap(), "fe80::1");
        assert_eq!(chosen(&[("eth0", "fd00::2"), ("eth0", "192.168.1.9")]).unwrap(), "192.168.1.9");
    }

    #[test]
    fn a_machine_without_a_network_reaches_itself() {
        assert_eq!(chosen(&[("lo", "127.0.0.1"), ("lo", "::1")]), None);
        assert_eq!(chosen(&[]), None);
        assert!(!advertised_address().is_empty());
    }
}
