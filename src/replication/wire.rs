//! The bytes between master and slave, as Apache RocketMQ 4.9.8 has them (`HAConnection`, `HAClient`). All big endian.
//!
//! ```text
//! slave → master    report   offset (8)
//! master → slave    frame    offset of its first byte (8)  length (4)  bytes of the log
//! ```
//!
//! The first report says where the slave wants the log from, each later one up to where it has it. A frame without bytes is
//! a heartbeat. No frame has bytes of two files of the log.

/// Bytes of a report.
pub(crate) const REPORT_LEN: usize = 8;
/// Bytes of a frame before those of the log.
pub(crate) const HEADER_LEN: usize = 12;
/// Most bytes of the log in one frame: an Apache slave has 4 MiB for all of a frame.
pub(crate) const MOST_IN_FRAME: usize = (4 << 20) - HEADER_LEN;

/// What a slave says.
pub(crate) fn report(offset: u64) -> [u8; REPORT_LEN] {
    offset.to_be_bytes()
}

/// What stands before the bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Where in the log the bytes start; of a heartbeat, where the next will.
    pub at: u64,
    /// How many follow.
    pub len: u32,
}

impl FrameHeader {
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&self.at.to_be_bytes());
        bytes[8..].copy_from_slice(&self.len.to_be_bytes());
        bytes
    }

    /// `None` if offset or length are negative as Java reads them.
    pub fn decode(bytes: [u8; HEADER_LEN]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let (at, len) = (i64::from_be_bytes([a, b, c, d, e, f, g, h]), i32::from_be_bytes(rest));
        Some(Self { at: at.try_into().ok()?, len: len.try_into().ok()? })
    }
}

/// Collects `N` bytes that belong together, however they arrive.
#[derive(Debug)]
pub(crate) struct Exactly<const N: usize> {
    bytes: [u8; N],
    filled: usize,
}

impl<const N: usize> Default for Exactly<N> {
    fn default() -> Self {
        Self { bytes: [0; N], filled: 0 }
    }
}

impl<const N: usize> Exactly<N> {
    /// Takes what it lacks off the front of `from`; the `N` bytes once they are there, and then it begins anew.
    pub fn take(&mut self, from: &mut &[u8]) -> Option<[u8; N]> {
        let (some, rest) = from.split_at((N - self.filled).min(from.len()));
        self.bytes[self.filled..self.filled + some.len()].copy_from_slice(some);
        self.filled += some.len();
        *from = rest;
        (self.filled == N).then(|| {
            self.filled = 0;
            self.bytes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_and_headers_are_these_bytes() {
        assert_eq!(report(0x0102_0304_0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(report(0), [0; 8]);
        let header = FrameHeader { at: 1 << 30, len: 32 << 10 };
        let bytes = [0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0x80, 0];
        assert_eq!((header.encode(), FrameHeader::decode(bytes)), (bytes, Some(header)));
        let heartbeat = FrameHeader { at: 0x0011_2233_4455_6677, len: 0 };
        let bytes = [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0, 0, 0, 0];
        assert_eq!((heartbeat.encode(), FrameHeader::decode(bytes)), (bytes, Some(heartbeat)));
    }

    #[test]
    fn negative_numbers_are_no_header() {
        assert_eq!(FrameHeader::decode([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(FrameHeader::decode([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn what_arrives_in_pieces_is_put_together() {
        let mut part = Exactly::<REPORT_LEN>::default();
        let mut first = &[0, 0, 0][..];
        assert_eq!(part.take(&mut first), None);
        let mut rest = &[0, 0, 0, 1, 2, 9, 9][..];
        assert_eq!(part.take(&mut rest), Some(report(0x102)));
        assert_eq!((rest, part.take(&mut rest)), (&[9, 9][..], None));
    }
}
