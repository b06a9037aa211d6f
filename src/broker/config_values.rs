//! The forms that values of `broker.conf` take: the kinds its keys share, its two words, and the lists inside a text.

use crate::networks::Networks;
use base::settings::{Kind, Value};

/// 100 years: more than anyone waits, and little enough to add to a clock.
const LONGEST_MS: i64 = 100 * 365 * 24 * 3_600_000;

pub(crate) const PORT: Kind = Kind::number("a port", 1, 65535);
pub(crate) const BYTES: Kind = Kind::number("bytes", 1, i32::MAX as i64);
pub(crate) const BYTES_OR_NEVER: Kind = Kind::number("bytes, 0 for never", 0, i64::MAX);
pub(crate) const MILLIS: Kind = Kind::number("milliseconds", 1, i32::MAX as i64);
pub(crate) const LONG_MILLIS: Kind = Kind::number("milliseconds", 1, LONGEST_MS);
pub(crate) const COUNT: Kind = Kind::number("a number", 1, i32::MAX as i64);
pub(crate) const SECONDS_OR_NEVER: Kind = Kind::number("seconds, 0 for never", 0, i32::MAX as i64);
pub(crate) const PAGES: Kind = Kind::number("pages of 4 KiB", 0, i32::MAX as i64);
pub(crate) const PERCENT: Kind = Kind::number("a percentage", 0, 100);
/// Leaves room to round up to whole entries within Java's int.
pub(crate) const STORE_SIZE: Kind = Kind::number("bytes", 20, i32::MAX as i64 / 20 * 20);
pub(crate) const NAME: Kind = Kind::Form { expected: "a name without blanks", fits: is_name };
pub(crate) const TOPIC: Kind =
    Kind::Form { expected: "a topic: at most 127 letters, digits, %, | , - and _", fits: is_topic };
pub(crate) const HOST: Kind = Kind::Form { expected: "an address or a host name, without a port", fits: is_host };
pub(crate) const HOST_AND_PORT: Kind =
    Kind::Form { expected: "host:port", fits: |text| text.is_empty() || is_host_and_port(text) };
pub(crate) const HOSTS_AND_PORTS: Kind = Kind::Form {
    expected: "host:port, or several with ; between them",
    fits: |text| text.is_empty() || list(text).all(is_host_and_port),
};
pub(crate) const ONE_PATH: Kind = Kind::Form {
    expected: "one directory; several with a comma between them are not supported",
    fits: |text| !text.is_empty() && !text.contains([',', '\0']),
};
pub(crate) const NETWORKS: Kind = Kind::Form {
    expected: "addresses or CIDR blocks with ; between them, such as 10.0.0.7;10.1.0.0/16",
    fits: |text| Networks::parse(text).is_some(),
};
pub(crate) const HOURS: Kind = Kind::Form {
    expected: "hours from 0 to 23 with ; between them, such as 04 or 04;16",
    fits: |text| hours(text).is_some(),
};
pub(crate) const LEVELS: Kind = Kind::Form {
    expected: "delays with blanks between them, each a number and s, m, h or d, such as 1s 5m 2h",
    fits: |text| delay_levels_ms(text).is_some(),
};

/// Whether a broker takes messages or copies them, and for whom an acknowledgement waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BrokerRole {
    /// A master that acknowledges without waiting for slaves.
    AsyncMaster,
    /// A master that acknowledges what a slave has as well.
    SyncMaster,
    /// A copy of a master.
    Slave,
}

/// Whether an acknowledgement waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlushDiskType {
    /// The disk follows when it can.
    Async,
    /// What is acknowledged is on disk.
    Sync,
}

impl BrokerRole {
    /// The words for the roles.
    pub const WORDS: &'static [&'static str] = &["ASYNC_MASTER", "SYNC_MASTER", "SLAVE"];
    const ALL: [Self; 3] = [Self::AsyncMaster, Self::SyncMaster, Self::Slave];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

impl FlushDiskType {
    /// The words for the two.
    pub const WORDS: &'static [&'static str] = &["ASYNC_FLUSH", "SYNC_FLUSH"];
    const ALL: [Self; 2] = [Self::Async, Self::Sync];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

impl Value for BrokerRole {
    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == text)
    }

    fn show(&self) -> String {
        self.word().to_owned()
    }
}

impl Value for FlushDiskType {
    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flush| flush.word() == text)
    }

    fn show(&self) -> String {
        self.word().to_owned()
    }
}

/// The delays that `messageDelayLevel` lists, in milliseconds; the first is that of level 1. `None` if it is no list.
pub fn delay_levels_ms(text: &str) -> Option<Vec<u64>> {
    let levels: Option<Vec<_>> = text.split_ascii_whitespace().map(delay_ms).collect();
    levels.filter(|levels| !levels.is_empty())
}

/// The hours of the day that `deleteWhen` lists. `None` if it is no list.
pub fn hours(text: &str) -> Option<Vec<u8>> {
    list(text).map(|hour| digits(hour).and_then(|hour| u8::try_from(hour).ok()).filter(|hour| *hour < 24)).collect()
}

/// The parts of a list with `;` between them; like Java it does not mind one at the end.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end_matches([';', ' ']).split(';').map(str::trim)
}

fn delay_ms(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    digits(&text[..text.len() - 1])?.checked_mul(unit_ms).filter(|ms| *ms <= LONGEST_MS as u64)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_topic(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"%|-_".contains(&byte);
    !text.is_empty() && text.len() <= 127 && text.bytes().all(allowed)
}

/// An IPv6 address stands in brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => is_name(text) && !text.contains([':', '/', ';', ',']),
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && PORT.fits(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_levels_are_numbers_with_a_unit() {
        assert_eq!(delay_levels_ms("1s 2m  3h 4d 0s"), Some(vec![1_000, 120_000, 10_800_000, 345_600_000, 0]));
        for bad in ["", " ", "1", "s", "1x", "-1s", "+1s", "1s,2s", "1 s", "99999999999999999999d", "9999999d", "1é"] {
            assert_eq!(delay_levels_ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn hours_are_those_of_a_day() {
        assert_eq!(hours("04"), Some(vec![4]));
        assert_eq!(hours("0; 4;23;"), Some(vec![0, 4, 23]));
        for bad in ["", ";", "24", "4;;5", "four", "-1", "4:00", "260"] {
            assert_eq!(hours(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_of_servers_need_a_port_each() {
        for good in ["", "a:1", "10.0.0.1:9876;b.example.org:9877;", "[::1]:9876"] {
            assert!(HOSTS_AND_PORTS.fits(good), "{good}");
        }
        for bad in
            ["a", "a:", ":1", "a:0", "a:65536", "a:1,b:2", "a:1;;b:2", "::1:9876", "[::g]:1", "http://a:1", "a b:1"]
        {
            assert!(!HOSTS_AND_PORTS.fits(bad), "{bad}");
        }
    }

    #[test]
    fn a_host_has_no_port() {
        assert!(HOST.fits("10.0.0.1") && HOST.fits("broker-a.example.org") && HOST.fits("[fd00::2]"));
        for bad in ["", "10.0.0.1:10911", "fd00::2", "a b", "a/b"] {
            assert!(!HOST.fits(bad), "{bad}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in BrokerRole::WORDS {
            assert_eq!(BrokerRole::read(word).map(BrokerRole::word), Some(*word));
        }
        for word in FlushDiskType::WORDS {
            assert_eq!(FlushDiskType::read(word).map(FlushDiskType::word), Some(*word));
        }
        assert_eq!(BrokerRole::read("slave"), None);
    }
}
