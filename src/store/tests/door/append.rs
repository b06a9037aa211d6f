//! Records in, records out.

use crate::support::*;
use protocol::record::{BLANK_MAGIC, Entry, decode};
use store::StoreError;

#[test]
fn a_batch_is_placed_in_order_with_offsets_per_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let messages =
        [message("A", b"1"), message("B", b"2"), Message { queue_id: 3, ..message("A", b"3") }, message("A", b"4")];
    let placed = put_all(&store, &messages);
    assert_eq!(placed.iter().map(|at| at.queue_offset).collect::<Vec<_>>(), [0, 0, 0, 1]);
    for (at, message) in placed.iter().zip(&messages) {
        assert_eq!(at.store_ms, START_MS);
        let bytes = store.record_at(at.physical_offset).unwrap();
        assert_eq!(store.read(at.physical_offset, at.size as usize).unwrap(), bytes);
        let Entry::Message(record) = decode(&bytes, true).unwrap() else { panic!("a message") };
        assert_eq!(
            (record.physical_offset, record.queue_offset, record.store_ms),
            (at.physical_offset, at.queue_offset, START_MS)
        );
        assert_eq!(
            (&record.body[..], &*record.topic, record.queue_id),
            (message.body, message.topic, message.queue_id)
        );
    }
    assert_eq!(store.max_physical() as u64, placed[3].end());
    assert_eq!(store.written().get(), placed[3].end());
    let queue = store.queue("A", 0).unwrap();
    assert_eq!((queue.min_offset(), queue.end().get()), (0, 2));
    assert_eq!(queue.get(1).unwrap().physical_offset, placed[3].physical_offset);
    assert_eq!((queue.get(2), queue.get(-1)), (None, None));
    assert!(store.queue("A", 1).is_none() && store.queue("C", 0).is_none());
    assert_eq!(store.record_at(placed[0].physical_offset + 1), None);
    assert_eq!(store.topics().iter().map(|topic| &**topic).collect::<Vec<_>>(), ["A", "B"]);
}

#[test]
fn a_record_that_does_not_fit_with_a_filler_goes_to_the_next_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let file_len = 16 << 10;
    // The first record leaves exactly what the second and a filler take.
    let overhead = message("T", b"").record().encoded_len();
    let first = vec![b'a'; file_len - overhead - (overhead + 100) - 8];
    let placed = put_all(&store, &[message("T", &first), message("T", &[b'b'; 100]), message("T", b"c")]);
    assert_eq!(placed[1].end() as usize, file_len - 8);
    assert_eq!(placed[2].physical_offset as usize, file_len);
    let filler = store.read(placed[1].end() as i64, 8).unwrap();
    assert_eq!(filler[..], [8u32.to_be_bytes(), BLANK_MAGIC.to_be_bytes()].concat());
    // One byte more, and the second record goes to the next file, behind a long filler.
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let placed = put_all(&store, &[message("T", &first), message("T", &[b'b'; 101])]);
    assert_eq!(placed[1].physical_offset as usize, file_len);
    let filler = store.read(placed[0].end() as i64, 8).unwrap();
    assert_eq!(filler[..4], ((file_len as u64 - placed[0].end()) as u32).to_be_bytes());
    assert_eq!(files(&dir.path().join("commitlog")), ["00000000000000000000", "00000000000000016384"]);
}

#[test]
fn half_messages_and_rollbacks_have_a_place_in_the_log_but_none_in_a_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, message("T", b"plain"));
    let placed: Vec<_> = [4, 12, 8].map(|sys_flag| put(&store, Message { sys_flag, ..message("T", b"tx") })).into();
    assert_eq!(placed.iter().map(|at| at.queue_offset).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(store.queue("T", 0).unwrap().max_offset(), 2);
    assert!(placed.iter().all(|at| store.record_at(at.physical_offset).is_some()));
}

#[test]
fn a_batch_that_is_stopped_by_the_disk_keeps_its_first_part_and_gives_the_rest_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // In the way of the second file.
    let obstacle = dir.path().join("commitlog/00000000000000016384");
    std::fs::create_dir(&obstacle).unwrap();
    let body = [b'x'; 1000];
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    for n in 0..30 {
        batch.push(&Message { queue_id: n % 2, ..message("T", &body) }.record()).unwrap();
    }
    let error = store.append(&mut batch, &mut placed).unwrap_err();
    assert!(error.to_string().contains("commitlog/00000000000000016384"), "{error}");
    assert!(batch.is_empty() && placed.len() == 14, "{}", placed.len());
    let ends = || [0, 1].map(|id| store.queue("T", id).unwrap().max_offset());
    assert_eq!((ends(), store.max_physical() as u64), ([7, 7], placed[13].end()));
    assert_eq!(store.stats().put_failures, 1);
    // Nothing but that is lost, and no offset is used up.
    assert_eq!(put(&store, message("T", b"small")).queue_offset, 7);
    std::fs::remove_dir(obstacle).unwrap();
    assert_eq!(put_all(&store, &[message("T", &body), message("T", &body)])[1].queue_offset, 9);
    assert_eq!(ends(), [10, 7]);
    drop(store);
    assert_eq!(bodies(&open(dir.path()), "T", 0, 0).len(), 10);
}

#[test]
fn readers_see_whole_records_only_while_others_append() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    const EACH: usize = 2000;
    std::thread::scope(|scope| {
        for writer in 0..2u8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EACH / 4 {
                    let body = vec![writer; 50 + n % 300];
                    put_all(store, &[message("T", &body); 4]);
                }
            });
        }
        for _ in 0..2 {
            let store = &store;
            scope.spawn(move || {
                let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
                let mut seen = 0;
                while seen < 2 * EACH {
                    assert!(std::time::Instant::now() < deadline, "{seen} messages in a minute");
                    let some = bodies(store, "T", 0, seen as i64);
                    assert!(some.iter().all(|body| body.iter().all(|byte| *byte == body[0])));
                    seen += some.len();
                }
            });
        }
    });
    assert_eq!(store.queue("T", 0).unwrap().max_offset() as usize, 2 * EACH);
}

#[test]
fn what_cannot_be_stored_is_refused_before_it_is_in_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = store.batch();
    for topic in ["", ".", "..", "a/b", "../x", "a\0b"] {
        assert!(matches!(batch.push(&message(topic, b"").record()), Err(StoreError::Name { .. })), "{topic:?}");
    }
    let long = "x".repeat(128);
    assert!(matches!(batch.push(&message(&long, b"").record()), Err(StoreError::Record(_))));
    assert!(matches!(
        batch.push(&Message { queue_id: -1, ..message("T", b"") }.record()),
        Err(StoreError::Name { .. })
    ));
    let body = vec![0; 16 << 10];
    assert!(matches!(batch.push(&message("T", &body).record()), Err(StoreError::TooLarge { .. })));
    let properties = "p".repeat(40_000);
    assert!(batch.push(&Message { properties: &properties, ..message("T", b"") }.record()).is_err());
    assert!(batch.is_empty() && batch.byte_len() == 0);
    assert_eq!(batch.push(&message("T", b"fine").record()).unwrap(), 0);
    let mut placed = Vec::new();
    store.append(&mut batch, &mut placed).unwrap();
    assert_eq!(placed.len(), 1);
}

#[test]
fn a_queue_longer_than_its_memory_and_its_files_is_read_from_any_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all: Vec<Vec<u8>> = (0..3000).map(|n| format!("body {n}").into_bytes()).collect();
    for some in all.chunks(100) {
        put_all(&store, &some.iter().map(|body| message("T", body)).collect::<Vec<_>>());
    }
    let queue = store.queue("T", 0).unwrap();
    let mut entries = Vec::new();
    assert_eq!(queue.read(10, 2500, &mut entries).unwrap(), 2500, "across files and memory");
    assert!(entries.windows(2).all(|two| two[0].physical_offset < two[1].physical_offset));
    assert_eq!(queue.read(2999, 10, &mut entries).unwrap(), 1);
    assert_eq!(queue.read(3000, 10, &mut entries).unwrap(), 0);
    for offset in [0, 1, 39, 40, 41, 1999, 2487, 2488, 2990, 2999] {
        assert!(bodies(&store, "T", 0, offset as i64) == all[offset..]);
    }
}
