//! The record's golden bytes, written out by hand from the layout, and what damage does to them.

use super::*;

fn hello() -> NewRecord<'static> {
    NewRecord {
        topic: "T",
        queue_id: 3,
        flag: 7,
        sys_flag: SysFlag::default(),
        born_ms: 0x0102_0304,
        born_host: "127.0.0.1:4660".parse().unwrap(),
        store_host: "10.0.0.2:10911".parse().unwrap(),
        reconsume_times: 2,
        prepared_transaction_offset: 9,
        body: b"hello",
        properties: "a\u{1}b",
    }
}

fn encoded(record: &NewRecord<'_>) -> Bytes {
    let mut out = Vec::new();
    record.encode(&mut out).unwrap();
    place(&mut out, 5, 4096, 0x0506_0708);
    Bytes::from(out)
}

#[test]
fn a_record_has_the_bytes_of_the_public_layout() {
    // CRC-32 of "hello" is 0x3610A686, whose highest bit is clear already.
    let golden = concat!(
        "00000064",
        "daa320a7",
        "3610a686",
        "00000003",
        "00000007",
        "0000000000000005",
        "0000000000001000",
        "00000000",
        "0000000001020304",
        "7f000001",
        "00001234",
        "0000000005060708",
        "0a000002",
        "00002a9f",
        "00000002",
        "0000000000000009",
        "00000005",
        "68656c6c6f",
        "01",
        "54",
        "0003",
        "610162",
    );
    let hex: String = encoded(&hello()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden);
}

#[test]
fn a_record_reads_back_with_four_and_sixteen_byte_hosts() {
    for (born, store) in [("1.2.3.4:5", "6.7.8.9:10"), ("[::1]:5", "6.7.8.9:10"), ("1.2.3.4:5", "[fe80::1]:10")] {
        let new = NewRecord { born_host: born.parse().unwrap(), store_host: store.parse().unwrap(), ..hello() };
        let bytes = encoded(&new);
        assert_eq!(bytes.len(), new.encoded_len());
        let Entry::Message(read) = decode(&bytes, true).unwrap() else { panic!("a message was written") };
        assert_eq!((read.born_host, read.store_host), (new.born_host, new.store_host));
        assert_eq!((read.queue_offset, read.physical_offset, read.store_ms), (5, 4096, 0x0506_0708));
        assert_eq!((&read.body[..], &*read.topic, &*read.properties), (&b"hello"[..], "T", "a\u{1}b"));
        assert_eq!(decode_all([&bytes[..], &bytes[..]].concat().into(), true).unwrap().len(), 2);
    }
}

#[test]
fn every_cut_and_every_flipped_bit_gives_an_error_or_a_record_but_no_panic() {
    let whole = encoded(&hello());
    for end in 0..whole.len() {
        assert!(decode(&whole.slice(..end), true).is_err(), "cut at {end}");
    }
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = decode(&Bytes::from(damaged), true);
    }
}

#[test]
fn a_damaged_body_is_noticed() {
    let mut damaged = encoded(&hello()).to_vec();
    damaged[88] ^= 1;
    assert!(matches!(decode(&Bytes::from(damaged), true), Err(RecordError::Crc { .. })));
}

#[test]
fn what_does_not_fit_the_format_is_refused() {
    let long = "x".repeat(40_000);
    let mut out = Vec::new();
    assert!(NewRecord { topic: &long[..128], ..hello() }.encode(&mut out).is_err());
    assert!(NewRecord { properties: &long, ..hello() }.encode(&mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn a_filler_is_recognised() {
    let mut out = Vec::new();
    encode_blank(1000, &mut out);
    assert_eq!(out, [0, 0, 3, 232, 0xCB, 0xD4, 0x31, 0x94]);
    assert_eq!(decode(&out.into(), true).unwrap(), Entry::Blank(1000));
}

#[test]
fn a_message_id_is_host_port_and_offset_in_hexadecimal() {
    let id = MessageId { host: "127.0.0.1:30911".parse().unwrap(), physical_offset: 0x0086_146D };
    assert_eq!(id.to_string(), "7F000001000078BF000000000086146D");
    assert_eq!(MessageId::parse(&id.to_string()), Some(id));
    let v6 = MessageId { host: "[::1]:1".parse().unwrap(), physical_offset: -1 };
    assert_eq!(MessageId::parse(&v6.to_string()), Some(v6));
    assert_eq!(MessageId::parse("7F00"), None);
    assert_eq!(MessageId::parse(&"é".repeat(16)), None);
}
