//! Which bytes of a record may change without anyone noticing, because no checksum covers them.
//!
//! With a CRC over the whole record (`enabled_append_prop_crc`) there are none. Without it, what is read through a queue
//! is held against the queue's entry, what is found by a key must have it, and what is read by its place alone is held
//! against nothing but that place.

/// How a record was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    Queue,
    Key,
    Place,
}

/// Whether the two records differ at most where it may go unnoticed.
pub fn same(stored: &[u8], read: &[u8], by: By, sealed: bool) -> bool {
    stored == read
        || !sealed && stored.len() == read.len() && {
            let may = mask(stored, by);
            stored.iter().zip(read).zip(may).all(|((a, b), may)| (a ^ b) & !may == 0)
        }
}

/// The bits of each byte that may differ.
pub fn mask(record: &[u8], by: By) -> Vec<u8> {
    let mut may = vec![0u8; record.len()];
    let mut free = |from: usize, to: usize| may[from..to].fill(0xFF);
    let number = |at: usize, len: usize| record[at..at + len].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    // The application's flag; born time and host; store time and host; times redelivered; offset of the half message.
    free(16, 20);
    free(40, 84);
    if by != By::Queue {
        // Queue id and queue offset.
        free(12, 16);
        free(20, 28);
    }
    let topic = 84 + 4 + number(84, 4) + 1;
    let properties = topic + number(topic - 1, 1) + 2;
    if by == By::Place {
        free(topic, properties - 2);
    }
    free(properties, record.len());
    // The system flag, but for the two bits that say how long the hosts are.
    may[36..40].copy_from_slice(&[0xFF, 0xFF, 0xFF, !0x30]);
    if by == By::Queue {
        // The tag, from the end of the property before it to its own end.
        let text = &record[properties..];
        if let Some(at) = text.windows(5).position(|part| part == b"TAGS\x01") {
            let len = text[at..].iter().position(|byte| *byte == 2).map_or(text.len() - at, |end| end + 1);
            may[properties + at.saturating_sub(1)..properties + at + len].fill(0);
        }
    }
    may
}
