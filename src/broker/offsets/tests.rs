//! What moves an offset, and what does not.

use super::*;

#[test]
fn offsets_are_kept_and_apaches_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consumerOffset.json");
    base::durable::write(&path, b"{\n\t\"offsetTable\":{\n\t\t\"T@G\":{0:5,1:7\n\t\t}\n\t}\n}").unwrap();
    let offsets = Offsets::open(path.clone().into(), false).unwrap();
    assert_eq!(offsets.get("T", "G", 1), Some(7));
    offsets.commit("T", "G", 1, 9);
    offsets.commit("T", "G", 2, -1);
    offsets.commit("%RETRY%G", "G", 0, 1);
    offsets.save().unwrap();
    let again = Offsets::open(path.into(), false).unwrap();
    assert_eq!((again.get("T", "G", 1), again.get("T", "G", 2)), (Some(9), None));
    assert_eq!(again.get("%RETRY%G", "G", 0), Some(1));
    again.forget_group("G");
    assert_eq!(again.get("T", "G", 1), None);
}

const PLACE: Place<'_> = Place { topic: "T", group: "G", queue_id: 0 };

fn empty(dir: &tempfile::TempDir) -> Offsets {
    Offsets::open(dir.path().join("consumerOffset.json").into(), false).unwrap()
}

#[test]
fn a_pull_never_lowers_an_offset_and_who_means_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let offsets = empty(&dir);
    let now = || offsets.get("T", "G", 0);
    let (one, two, tool) = (1, 2, 3);
    let report = |offset, from| offsets.report(PLACE, offset, from, |who| who != tool).is_ok();
    assert_eq!(offsets.pulled(PLACE, Some(one), None), None);
    assert_eq!((now(), offsets.snapshot().offset_table.len()), (None, 0), "who reads is no offset");
    offsets.pulled(PLACE, Some(one), Some(7));
    offsets.pulled(PLACE, Some(one), Some(5));
    assert_eq!(now(), Some(7));
    assert!(report(5, one), "a seek of whoever reads it");
    assert_eq!(now(), Some(5));
    offsets.pulled(PLACE, Some(two), Some(9));
    assert!(!report(6, one), "the late word of who read it before");
    assert_eq!(now(), Some(9));
    assert!(report(9, one) && report(10, one), "which may still be further");
    assert!(report(2, tool), "a tool is no member");
    assert_eq!(now(), Some(2));
}

#[test]
fn a_reset_counts_until_a_pull_has_heard_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let offsets = empty(&dir);
    let report = |offset, member| offsets.report(PLACE, offset, 1, |_| member).is_ok();
    offsets.commit("T", "G", 0, 50);
    offsets.reset(PLACE, 10);
    assert_eq!((offsets.get("T", "G", 0), offsets.resets().get()), (Some(10), 1));
    assert!(!report(60, true));
    assert_eq!(offsets.pulled(PLACE, Some(1), Some(60)), Some(10));
    assert_eq!(offsets.get("T", "G", 0), Some(10));
    assert_eq!(offsets.pulled(PLACE, Some(1), Some(11)), None);
    assert_eq!(offsets.get("T", "G", 0), Some(11));
    offsets.reset(PLACE, 20);
    assert!(report(30, false), "a tool that sets it anew");
    assert_eq!(offsets.pulled(PLACE, None, None), None);
    assert_eq!(offsets.get("T", "G", 0), Some(30));
}

#[test]
fn an_offset_behind_the_end_of_its_queue_is_lowered_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let offsets = empty(&dir);
    offsets.commit("T", "G", 0, 9);
    offsets.save().unwrap();
    offsets.correct(PLACE, || 9);
    assert_eq!(offsets.get("T", "G", 0), Some(9));
    offsets.correct(PLACE, || 8);
    offsets.correct(Place { queue_id: 1, ..PLACE }, || 8);
    assert_eq!((offsets.get("T", "G", 0), offsets.get("T", "G", 1)), (Some(8), None));
    offsets.commit("U", "G", 3, 100);
    offsets.correct_all(|topic, queue| if (topic, queue) == ("U", 3) { 40 } else { 8 });
    offsets.save().unwrap();
    let again = empty(&dir);
    assert_eq!((again.get("T", "G", 0), again.get("U", "G", 3)), (Some(8), Some(40)));
}

#[test]
fn a_slave_keeps_what_was_committed_there_as_long_as_it_is_further_than_its_master() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Offsets::open(dir.path().join("consumerOffset.json").into(), true).unwrap();
    let masters = |offset| OffsetTable {
        offset_table: [("T@G".to_owned(), [(0, offset), (1, 3)].into())].into(),
        ..OffsetTable::default()
    };
    let offsets = open();
    offsets.copy(masters(5));
    offsets.report(PLACE, 9, 1, |_| true).unwrap();
    offsets.report(Place { topic: "U", ..PLACE }, 1, 1, |_| true).unwrap();
    offsets.copy(masters(7));
    offsets.save().unwrap();
    let offsets = open();
    let now = || (offsets.get("T", "G", 0), offsets.get("T", "G", 1), offsets.get("U", "G", 0));
    assert_eq!(now(), (Some(9), Some(3), Some(1)), "also after a restart");
    offsets.copy(masters(8));
    assert_eq!(now(), (Some(9), Some(3), Some(1)));
    offsets.copy(masters(9));
    offsets.copy(masters(2));
    assert_eq!(now(), (Some(2), Some(3), Some(1)), "the master has been there: it was reset");
    offsets.copy(OffsetTable::default());
    assert_eq!(now(), (None, None, Some(1)));
    offsets.correct_own(|_, _| 0);
    assert_eq!(now().2, Some(0), "what it was for is cut off");
}
