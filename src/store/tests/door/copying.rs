//! Giving out the log as it is, for those who copy it.

use crate::support::*;

#[test]
fn the_log_is_given_out_in_pieces_that_end_with_what_is_written_or_with_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.copy_from(0, 100), None);
    let body = [b'x'; 1000];
    for _ in 0..40 {
        put(&store, message("T", &body));
    }
    let (end, size) = (store.max_physical() as u64, store.log_file_size() as u64);
    assert!(end > 2 * size && end < 3 * size);
    for max in [1, 700, 1 << 14, usize::MAX] {
        let (mut at, mut copied) = (0, Vec::new());
        while let Some(some) = store.copy_from(at, max) {
            assert!(!some.is_empty() && some.len() <= max);
            let last = at + some.len() as u64 - 1;
            assert_eq!(at / size, last / size, "bytes of one file only");
            copied.extend_from_slice(&some);
            at += some.len() as u64;
        }
        let mut log = Vec::new();
        for name in files(&dir.path().join("commitlog")) {
            log.extend(std::fs::read(dir.path().join("commitlog").join(name)).unwrap());
        }
        assert_eq!(at, end);
        assert!(copied == log[..end as usize]);
    }
    assert_eq!(store.copy_from(0, 0), None);
    assert_eq!((store.copy_from(end, 1), store.copy_from(u64::MAX, 1)), (None, None));
    delete(&store, &EVERYTHING);
    assert_eq!(store.copy_from(0, 1), None, "deleted");
    assert!(store.copy_from(store.min_physical() as u64, 1).is_some());
}
