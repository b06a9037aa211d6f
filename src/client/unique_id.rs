//! The id a producer gives a message before it is sent: 32 hexadecimal digits.
//!
//! ```text
//! bytes  4  IPv4 address of the producer
//!        2  its process id
//!        4  a number of this process (Java: the hash of a class loader)
//!        4  milliseconds since the first day of this month, local time
//!        2  counter
//! ```
//! Source: `MessageClientIDSetter` of Apache RocketMQ, whose tools read address, process and time out of it.

use crate::identity;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::sync::{
    LazyLock,
    atomic::{AtomicI64, AtomicU16, Ordering},
};

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
/// Length of an id in characters.
pub(crate) const LEN: usize = 32;

/// An id that no other message of this process has, made at `now_ms`.
pub(crate) fn next(now_ms: i64) -> String {
    static IDS: LazyLock<Ids> = LazyLock::new(Ids::new);
    IDS.next(now_ms)
}

struct Ids {
    prefix: String,
    month_start_ms: AtomicI64,
    next_month_ms: AtomicI64,
    counter: AtomicU16,
}

impl Ids {
    fn new() -> Self {
        let mut prefix = String::with_capacity(20);
        push_hex(&mut prefix, &identity::local_ip().octets());
        push_hex(&mut prefix, &(std::process::id() as u16).to_be_bytes());
        push_hex(&mut prefix, &rand::random::<u32>().to_be_bytes());
        Self { prefix, month_start_ms: 0.into(), next_month_ms: 0.into(), counter: 0.into() }
    }

    fn next(&self, now_ms: i64) -> String {
        if now_ms >= self.next_month_ms.load(Ordering::Acquire) {
            let (start, next) = month(now_ms);
            self.month_start_ms.store(start, Ordering::Release);
            self.next_month_ms.store(next, Ordering::Release);
        }
        // A clock set back over the start of the month counts from its start.
        let since = (now_ms - self.month_start_ms.load(Ordering::Acquire)).max(0) as u32;
        let mut id = String::with_capacity(LEN);
        id.push_str(&self.prefix);
        push_hex(&mut id, &since.to_be_bytes());
        push_hex(&mut id, &self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        id
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(nibble)]));
        }
    }
}

/// The start of the local month that holds `now_ms`, and of the next, in ms.
fn month(now_ms: i64) -> (i64, i64) {
    let bounds = || {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(TimeZone::system());
        let first = now.first_of_month().ok()?.start_of_day().ok()?;
        let next = first.checked_add(1.month()).ok()?;
        Some((first.timestamp().as_millisecond(), next.timestamp().as_millisecond()))
    };
    // Only times outside the calendar have no month.
    bounds().unwrap_or((now_ms, now_ms.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const NOW_MS: i64 = 1_795_359_440_477;

    #[test]
    fn ids_have_the_public_layout_and_differ() {
        let made = Ids::new();
        let ids: HashSet<String> = (0..1000).map(|_| made.next(NOW_MS)).collect();
        assert_eq!(ids.len(), 1000);
        for id in &ids {
            assert!(id.len() == LEN && id.bytes().all(|digit| DIGITS.contains(&digit)), "{id}");
            let ip: Vec<u8> = (0..4).map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap()).collect();
            assert_eq!(ip, identity::local_ip().octets());
            assert_eq!(u32::from_str_radix(&id[8..12], 16).unwrap(), std::process::id() & 0xFFFF);
        }
    }

    #[test]
    fn a_new_month_starts_from_zero() {
        let ids = Ids::new();
        ids.next(NOW_MS);
        let next_month = month(NOW_MS).1;
        assert_eq!(&ids.next(next_month + 15)[20..28], "0000000F");
    }
}
