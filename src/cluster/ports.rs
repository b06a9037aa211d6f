//! Free ports for nodes of one machine: those everybody knows if they are free, else the next ones, well apart.
//!
//! Never a privileged port, and never one that the system may give to an outgoing connection at any moment. Whoever
//! says where to begin gets the ports from there on, or none.

use std::{collections::BTreeSet, io, net::Ipv4Addr, ops::RangeInclusive};
use tokio::net::TcpSocket;

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
    /// Those of nodes that run: nobody else's.
    kept: BTreeSet<u16>,
    /// Where the only row begins, if that was said.
    base: Option<u16>,
}

/// Why a node gets no port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortError {
    /// All from the usual one upwards are taken or may not be used.
    NoneLeft,
    /// The one it must have is taken, or one beside it that goes with it.
    Taken(u16),
    /// The one it must have may not be used, or one beside it that goes with it: it is privileged, is kept for
    /// outgoing connections, or does not exist.
    NotAllowed(u16),
}

impl Ports {
    /// The ports of this machine.
    pub fn of_this_machine() -> Self {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let ephemeral = range.ok().and_then(|text| parse_range(&text)).unwrap_or(USUAL_EPHEMERAL);
        Self::new(ephemeral, |port| nobody_listens(port).is_ok())
    }

    /// As if every port were free: what nodes hold themselves, or would like to have.
    pub fn all_free() -> Self {
        Self::new(USUAL_EPHEMERAL, |_| true)
    }

    /// The ports of a machine that gives outgoing connections a port of `ephemeral`.
    pub fn new(ephemeral: RangeInclusive<u16>, is_free: impl Fn(u16) -> bool + Send + 'static) -> Self {
        Self { ephemeral, is_free: Box::new(is_free), given: BTreeSet::new(), kept: BTreeSet::new(), base: None }
    }

    /// The same, but nodes get `base`, `base` + 10, `base` + 20 … in the order they ask, whatever they want.
    #[must_use]
    pub fn from_base(self, base: u16) -> Self {
        Self { base: Some(base), ..self }
    }

    /// The same, but whoever wants one of `kept` has it already, and nobody else gets it or one near it.
    #[must_use]
    pub fn keeping(self, kept: impl IntoIterator<Item = u16>) -> Self {
        Self { kept: kept.into_iter().collect(), ..self }
    }

    /// Gives out `wanted` if it and its `neighbours` (distances from it) can be had, else the next one of the row
    /// that starts at `usual`.
    ///
    /// # Errors
    /// If there is none left, or the one that must be taken cannot.
    pub fn take(&mut self, wanted: Option<u16>, usual: u16, neighbours: &[i16]) -> Result<u16, PortError> {
        let port = match self.base {
            _ if wanted.is_some_and(|wanted| self.kept.contains(&wanted)) => wanted.unwrap_or(usual),
            Some(base) => self.next_from(base, neighbours)?,
            None => {
                let row = (0..).map_while(|step: u16| usual.checked_add(step.checked_mul(STEP)?));
                let mut candidates = wanted.into_iter().chain(row);
                candidates.find(|port| self.can_be_had(*port, neighbours)).ok_or(PortError::NoneLeft)?
            }
        };
        self.given.insert(port);
        Ok(port)
    }

    fn next_from(&self, base: u16, neighbours: &[i16]) -> Result<u16, PortError> {
        let step = u16::try_from(self.given.len()).ok().and_then(|given| given.checked_mul(STEP));
        let port = step.and_then(|step| base.checked_add(step)).ok_or(PortError::NotAllowed(base))?;
        for distance in neighbours.iter().chain([&0]) {
            match port.checked_add_signed(*distance) {
                Some(port) if !self.is_allowed(port) => return Err(PortError::NotAllowed(port)),
                Some(port) if !(self.is_free)(port) => return Err(PortError::Taken(port)),
                Some(_) => {}
                None => return Err(PortError::NotAllowed(port)),
            }
        }
        Ok(port)
    }

    fn can_be_had(&self, port: u16, neighbours: &[i16]) -> bool {
        let near = |given: &u16| given.abs_diff(port) < STEP;
        if self.given.iter().chain(&self.kept).any(near) {
            return false;
        }
        let mut all = neighbours.iter().map(|distance| port.checked_add_signed(*distance)).chain([Some(port)]);
        all.all(|port| port.is_some_and(|port| self.is_allowed(port) && (self.is_free)(port)))
    }

    fn is_allowed(&self, port: u16) -> bool {
        port >= FIRST_UNPRIVILEGED && !self.ephemeral.contains(&port)
    }
}

/// Servers listen on all addresses, so that is what must be possible. It is not done: a node of another cluster that
/// listens in that moment would find its port taken.
fn nobody_listens(port: u16) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::UNSPECIFIED, port).into())
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
        assert_eq!(ports.take(None, 9876, &[]), Ok(9876));
        assert_eq!(ports.take(None, 9876, &[]), Ok(9886));
        assert_eq!(ports.take(None, 10911, BROKER), Ok(10911));
        assert_eq!(ports.take(None, 10911, BROKER), Ok(10921));
        assert_eq!(ports.take(Some(20911), 10911, BROKER), Ok(20911));
    }

    #[test]
    fn a_port_is_passed_over_if_it_or_a_neighbour_is_taken() {
        let mut ports = Ports::new(USUAL_EPHEMERAL, |port| ![9876, 10909, 10922].contains(&port));
        assert_eq!(ports.take(None, 9876, &[]), Ok(9886));
        assert_eq!(ports.take(None, 10911, BROKER), Ok(10931));
        assert_eq!(ports.take(Some(9876), 9876, &[]), Ok(9896));
    }

    #[test]
    fn privileged_and_ephemeral_ports_are_never_given() {
        let mut ports = Ports::new(9000..=60999, |_| true);
        assert_eq!(ports.take(Some(80), 9876, &[]), Ok(61006));
        assert_eq!(ports.take(None, 65531, BROKER), Ok(65531));
        assert_eq!(ports.take(None, 65531, BROKER), Err(PortError::NoneLeft));
    }

    #[test]
    fn from_a_base_nodes_get_exactly_the_row_or_are_told_why_not() {
        let ports = |base| Ports::new(USUAL_EPHEMERAL, |port| port != 20_018).from_base(base);
        let mut free = ports(21_000);
        assert_eq!(free.take(Some(9876), 9876, &[]), Ok(21_000));
        assert_eq!(free.take(None, 10911, BROKER), Ok(21_010));
        let mut taken = ports(20_010);
        assert_eq!(taken.take(None, 9876, &[]), Ok(20_010));
        assert_eq!(taken.take(None, 10911, BROKER), Err(PortError::Taken(20_018)));
        assert_eq!(ports(1024).take(None, 10911, BROKER), Err(PortError::NotAllowed(1022)));
        assert_eq!(ports(32_768).take(None, 9876, &[]), Err(PortError::NotAllowed(32_768)));
        assert_eq!(ports(65_535).take(None, 10911, BROKER), Err(PortError::NotAllowed(65_535)));
    }

    #[test]
    fn a_node_that_runs_keeps_its_port_and_no_other_gets_near_it() {
        let mut ports = Ports::new(USUAL_EPHEMERAL, |port| ![10911, 10921].contains(&port)).keeping([10921]);
        assert_eq!(ports.take(Some(10911), 10911, BROKER), Ok(10931));
        assert_eq!(ports.take(Some(10921), 10911, BROKER), Ok(10921));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        // Any address in use will do; the system chooses it.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(nobody_listens(port).is_err());
        drop(listener);
        nobody_listens(port).unwrap();
    }

    #[test]
    fn the_range_of_the_machine_is_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_range("1024 65535"), None);
        assert_eq!(parse_range("x"), None);
    }
}
