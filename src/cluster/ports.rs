//! Free ports for nodes of one machine: those everybody knows if they are free, else the next ones, well apart.
//!
//! Never a privileged port, and never one that the system may give to an outgoing connection at any moment.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
};

/// The distance between the ports of two nodes: a broker uses three, from two below its own to one above.
const STEP: u16 = 10;
const FIRST_UNPRIVILEGED: u16 = 1024;
/// What Linux has, if the machine does not say.
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// The ports of a machine, and those given out so far.
pub struct Ports {
    ephemeral: RangeInclusive<u16>,
    is_free: Box<dyn Fn(u16) -> bool + Send>,
    /// Without their neighbours, which lie nearer than a step.
    given: BTreeSet<u16>,
}

impl Ports {
    /// The ports of this machine.
    pub fn of_this_machine() -> Self {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let ephemeral = range.ok().and_then(|text| parse_range(&text)).unwrap_or(USUAL_EPHEMERAL);
        // Servers listen on all addresses, so that is what must be possible.
        Self::new(ephemeral, |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok())
    }

    /// As if every port were free: what nodes hold themselves, or would like to have.
    pub fn all_free() -> Self {
        Self::new(USUAL_EPHEMERAL, |_| true)
    }

    /// The ports of a machine that gives outgoing connections a port of `ephemeral`.
    pub fn new(ephemeral: RangeInclusive<u16>, is_free: impl Fn(u16) -> bool + Send + 'static) -> Self {
        Self { ephemeral, is_free: Box::new(is_free), given: BTreeSet::new() }
    }

    /// Gives out `wanted` if it and its `neighbours` (distances from it) can be had, else the next one of the row
    /// that starts at `usual`. `None` if there is none left.
    pub fn take(&mut self, wanted: Option<u16>, usual: u16, neighbours: &[i16]) -> Option<u16> {
        let row = (0..).map_while(|step: u16| usual.checked_add(step.checked_mul(STEP)?));
        let port = wanted.into_iter().chain(row).find(|port| self.can_be_had(*port, neighbours))?;
        self.given.insert(port);
        Some(port)
    }

    fn can_be_had(&self, port: u16, neighbours: &[i16]) -> bool {
        let near = |given: &u16| given.abs_diff(port) < STEP;
        if self.given.iter().any(near) {
            return false;
        }
        let mut all = neighbours.iter().map(|distance| port.checked_add_signed(*distance)).chain([Some(port)]);
        all.all(|port| port.is_some_and(|port| self.is_allowed(port) && (self.is_free)(port)))
    }

    fn is_allowed(&self, port: u16) -> bool {
        port >= FIRST_UNPRIVILEGED && !self.ephemeral.contains(&port)
    }
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ends = text.split_whitespace().map(str::parse);
    let range = ends.next()?.ok()?..=ends.next()?.ok()?;
    // Where everything is ephemeral, nothing could be avoided.
    let leaves_room = *range.start() > FIRST_UNPRIVILEGED + 10_000 || *range.end() < u16::MAX - 10_000;
    leaves_room.then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: &[i16] = &[-2, 1];

    #[test]
    fn the_usual_ports_come_first_and_then_the_next_ones_well_apart() {
        let mut ports = Ports::new(USUAL_EPHEMERAL, |_| true);
        assert_eq!(ports.take(None, 9876, &[]), Some(9876));
        assert_eq!(ports.take(None, 9876, &[]), Some(9886));
        assert_eq!(ports.take(None, 10911, BROKER), Some(10911));
        assert_eq!(ports.take(None, 10911, BROKER), Some(10921));
        assert_eq!(ports.take(Some(20911), 10911, BROKER), Some(20911));
    }

    #[test]
    fn a_port_is_passed_over_if_it_or_a_neighbour_is_taken() {
        let mut ports = Ports::new(USUAL_EPHEMERAL, |port| ![9876, 10909, 10922].contains(&port));
        assert_eq!(ports.take(None, 9876, &[]), Some(9886));
        assert_eq!(ports.take(None, 10911, BROKER), Some(10931));
        assert_eq!(ports.take(Some(9876), 9876, &[]), Some(9896));
    }

    #[test]
    fn privileged_and_ephemeral_ports_are_never_given() {
        let mut ports = Ports::new(9000..=60999, |_| true);
        assert_eq!(ports.take(Some(80), 9876, &[]), Some(61006));
        assert_eq!(ports.take(None, 65531, BROKER), Some(65531));
        assert_eq!(ports.take(None, 65531, BROKER), None);
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        // Any address in use will do; the system chooses it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = Ports::of_this_machine();
        assert!(!(ports.is_free)(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn the_range_of_the_machine_is_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_range("1024 65535"), None);
        assert_eq!(parse_range("x"), None);
    }
}
