//! Finding messages by key.

use crate::support::*;
use base::Clock;
use protocol::record::decode_all;
use store::MessageStore;

fn find(store: &MessageStore, topic: &str, key: &str) -> Vec<Vec<u8>> {
    let found = store.find(topic, key, 100, 0, i64::MAX).unwrap();
    found.records.into_iter().map(|record| decode_all(record, true).unwrap()[0].body.to_vec()).collect()
}

#[test]
fn messages_are_found_by_each_of_their_keys_and_only_by_those() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // "Aa" and "BB" have one hash.
    put(&store, Message { properties: "KEYS\u{1}Aa x\u{2}UNIQ_KEY\u{1}u1\u{2}", ..message("T", b"1") });
    put(&store, Message { properties: "KEYS\u{1}BB x\u{2}UNIQ_KEY\u{1}u2\u{2}", ..message("T", b"2") });
    put(&store, Message { properties: "KEYS\u{1}x\u{2}", ..message("U", b"3") });
    put(&store, Message { properties: "KEYS\u{1}half", sys_flag: 4, ..message("T", b"4") });
    put(&store, Message { properties: "KEYS\u{1}half", sys_flag: 12, ..message("T", b"5") });
    // So have these two topics.
    put(&store, Message { properties: "KEYS\u{1}x", ..message("Aa", b"6") });
    put(&store, Message { properties: "KEYS\u{1}x", ..message("BB", b"7") });
    let check = |store: &MessageStore| {
        assert_eq!((find(store, "Aa", "x"), find(store, "BB", "x")), (vec![b"6".to_vec()], vec![b"7".to_vec()]));
        assert_eq!(find(store, "T", "x"), [b"1", b"2"]);
        assert_eq!(find(store, "U", "x"), [b"3"]);
        assert_eq!((find(store, "T", "Aa"), find(store, "T", "BB")), (vec![b"1".to_vec()], vec![b"2".to_vec()]));
        assert_eq!((find(store, "T", "u2"), find(store, "T", "half")), (vec![b"2".to_vec()], vec![b"4".to_vec()]));
        assert!(find(store, "T", "nothing").is_empty() && find(store, "V", "x").is_empty());
    };
    check(&store);
    store.close().unwrap();
    check(&store);
    drop(store);
    check(&open(dir.path()));
}

#[test]
fn the_newest_come_first_up_to_the_limit_across_files_and_within_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START_MS);
    let store = open_with(dir.path(), &clock).unwrap();
    for n in 0..300u32 {
        let body = n.to_string();
        put(
            &store,
            Message {
                properties: if n % 2 == 0 { "KEYS\u{1}even" } else { "KEYS\u{1}odd" },
                ..message("T", body.as_bytes())
            },
        );
        clock.advance_ms(10);
    }
    let numbers = |max, begin, end| {
        let found = store.find("T", "even", max, START_MS + begin, START_MS + end).unwrap();
        assert_eq!((found.last_update_ms, found.last_update_offset > 0), (START_MS + 2990, true));
        let body = |record| String::from_utf8(decode_all(record, true).unwrap()[0].body.to_vec()).unwrap();
        found.records.into_iter().map(|record| body(record).parse().unwrap()).collect::<Vec<u32>>()
    };
    let check = || {
        assert_eq!(numbers(3, 0, 10_000), [294, 296, 298]);
        assert_eq!(numbers(1000, 0, 10_000).len(), 64, "maxMsgsNumBatch");
        assert_eq!(numbers(10, 500, 545), [50, 52, 54]);
        assert_eq!(numbers(10, 501, 520), [52]);
        assert!(numbers(10, 5000, 6000).is_empty());
    };
    check();
    store.close().unwrap();
    assert!(files(&dir.path().join("index")).len() >= 300 / 64);
    check();
}
