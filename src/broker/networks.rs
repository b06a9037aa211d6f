//! Networks as the settings list them: addresses and CIDR blocks with `;` between them.

use crate::config_values::list;
use std::net::{IpAddr, Ipv4Addr};

/// One address, or a block of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// Canonical: IPv4 within IPv6 counts as IPv4.
    first: IpAddr,
    /// How many leading bits of an address say that it belongs here.
    prefix: u32,
}

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Reads such a list: `10.0.0.7;10.1.0.0/16;fd00::/8`. An empty text is an empty list. `None` if it is no list.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        list(text).map(Network::parse).collect::<Option<_>>().map(Self)
    }

    /// Whether an address belongs to one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let given: IpAddr = address.parse().ok()?;
        let first = given.to_canonical();
        // The first bits of `::ffff:10.0.0.0/104` are those that make it IPv4.
        let mapping = width(given) - width(first);
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse::<u32>().ok()?.checked_sub(mapping)?
            }
            Some(_) => return None,
            None => width(first),
        };
        (prefix <= width(first)).then_some(Self { first, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // The bits behind the prefix are shifted out; all of them, if there is none.
        let shift = width(self.first) - self.prefix;
        let leading = |address| bits(address).checked_shr(shift).unwrap_or(0);
        address.is_ipv4() == self.first.is_ipv4() && leading(address) == leading(self.first)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { Ipv4Addr::BITS } else { std::net::Ipv6Addr::BITS }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(list: &str, address: &str) -> bool {
        Networks::parse(list).unwrap().contain(address.parse().unwrap())
    }

    #[test]
    fn an_address_belongs_to_its_block_and_no_other() {
        for (list, inside, outside) in [
            ("10.0.0.7", "10.0.0.7", "10.0.0.8"),
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.2.3/16", "10.1.0.0", "10.0.255.255"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("10.0.0.7; 10.0.0.9;", "10.0.0.9", "10.0.0.8"),
        ] {
            assert!(contains(list, inside), "{inside} is in {list}");
            assert!(!contains(list, outside), "{outside} is not in {list}");
        }
    }

    #[test]
    fn ipv4_within_ipv6_counts_as_ipv4() {
        assert!(contains("10.0.0.7", "::ffff:10.0.0.7"));
        assert!(contains("::ffff:10.0.0.7", "10.0.0.7"));
        assert!(contains("::ffff:10.0.0.0/104", "10.9.9.9") && !contains("::ffff:10.0.0.0/104", "11.0.0.0"));
        assert!(!contains("::/0", "::ffff:10.0.0.7"));
    }

    #[test]
    fn an_empty_list_has_no_address() {
        for empty in ["", " "] {
            assert!(!contains(empty, "127.0.0.1") && !contains(empty, "::1"));
        }
    }

    #[test]
    fn what_is_no_list_is_not_read() {
        for bad in [
            ";",
            "10.0.0",
            "10.0.0.1/33",
            "10.0.0.1/",
            "10.0.0.1/+8",
            "10.0.0.1/-1",
            "::1/129",
            "host",
            "10.0.0.1:80",
            "10.0.0.1,10.0.0.2",
            "10.0.0.1;;10.0.0.2",
            "[::1]",
            "::ffff:10.0.0.0/8",
            "10.0.0.0/99999999999",
        ] {
            assert_eq!(Networks::parse(bad), None, "{bad}");
        }
    }
}
