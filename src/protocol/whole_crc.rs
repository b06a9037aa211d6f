//! The CRC over a whole record, which Apache RocketMQ 5 keeps in the record's last property when it is asked to
//! (`enabledAppendPropCRC`); the CRC in the record's head covers the body only.

use crate::{properties, record::body_crc};

/// Bytes of the last property of a record that carries a CRC of its own: `__CRC32#`, separator, ten digits, separator.
pub const WHOLE_CRC_LEN: usize = properties::CRC32.len() + 12;

/// That property before its digits are known, to be appended to the others.
pub const WHOLE_CRC_PLACE: &str = "__CRC32#\u{1}0000000000\u{2}";

/// Writes the CRC of a record whose properties end with [`WHOLE_CRC_PLACE`], once it is placed. Source: `CommitLog` of
/// Apache RocketMQ 5.3 (`enabledAppendPropCRC`): over everything before the property, digits from the last to the first.
pub fn seal(record: &mut [u8]) {
    let Some(end) = record.len().checked_sub(WHOLE_CRC_LEN) else { return };
    let mut crc = body_crc(&record[..end]);
    for digit in &mut record[end + WHOLE_CRC_LEN - 11..end + WHOLE_CRC_LEN - 1] {
        *digit = b'0' + (crc % 10) as u8;
        crc /= 10;
    }
}

/// Whether `record`, whose property string is `properties`, is what the CRC in its last property was computed from;
/// `None` if it has no such property.
pub fn whole_crc(record: &[u8], properties: &[u8]) -> Option<bool> {
    const DIGITS: std::ops::Range<usize> = WHOLE_CRC_LEN - 11..WHOLE_CRC_LEN - 1;
    let last = &properties[properties.len().checked_sub(WHOLE_CRC_LEN)?..];
    let place = WHOLE_CRC_PLACE.as_bytes();
    let as_written = last[..DIGITS.start] == place[..DIGITS.start] && last[DIGITS.end..] == place[DIGITS.end..];
    let says = last[DIGITS]
        .iter()
        .rev()
        .try_fold(0u64, |crc, digit| digit.is_ascii_digit().then(|| crc * 10 + u64::from(digit - b'0')));
    if !as_written && says.is_none() {
        return None;
    }
    let holds = says == Some(body_crc(&record[..record.len() - WHOLE_CRC_LEN]).into());
    // The right digits behind a name that is not quite the property's: that is where the damage is.
    (as_written || holds).then_some(as_written && holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_record_holds_until_a_bit_of_it_changes_and_digits_stand_from_last_to_first() {
        let mut record = b"head bodyTa\x01b\x02".to_vec();
        record.extend_from_slice(WHOLE_CRC_PLACE.as_bytes());
        seal(&mut record);
        let crc = body_crc(&record[..record.len() - WHOLE_CRC_LEN]);
        let digits: String = format!("{crc:010}").chars().rev().collect();
        assert!(record.ends_with(format!("__CRC32#\u{1}{digits}\u{2}").as_bytes()));
        let holds = |record: &[u8]| whole_crc(record, &record[10..]);
        assert_eq!(holds(&record), Some(true));
        for bit in 0..record.len() * 8 {
            record[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(holds(&record), Some(false), "bit {bit}");
            record[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(whole_crc(b"head bodyTa\x01b", b"a\x01b"), None);
        assert_eq!(whole_crc(&[b'7'; 40], &[b'7'; 30]), None);
    }
}
