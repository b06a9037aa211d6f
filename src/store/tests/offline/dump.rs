//! Taking records out: the right ones, and those behind damaged places.

use crate::world::*;
use std::ops::ControlFlow;
use store::{Damage, Dumped, Selection};

fn dump(world: &World, selection: &Selection) -> (Vec<Dumped>, Vec<Damage>) {
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    let take = |record| {
        records.push(record);
        ControlFlow::Continue(())
    };
    world.offline().dump(selection, take, |damage| damages.push(damage.clone()), |_| ()).unwrap();
    (records, damages)
}

/// The numbers that the bodies start with.
fn numbers(world: &World, selection: &Selection) -> Vec<usize> {
    let (records, damages) = dump(world, selection);
    assert_eq!(damages, []);
    records.iter().map(number).collect()
}

fn number(record: &Dumped) -> usize {
    let body = std::str::from_utf8(&record.body).unwrap();
    body.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn everything_is_dumped_in_order_with_its_fields() {
    let world = World::new();
    let (records, damages) = dump(&world, &Selection::default());
    assert_eq!((records.len(), damages.len()), (300, 0));
    for (n, (record, (topic, queue_id, at))) in records.iter().zip(&world.placed).enumerate() {
        assert_eq!((number(record), &*record.topic, record.queue_id), (n, *topic, *queue_id));
        assert_eq!((record.physical_offset, record.size), (at.physical_offset as u64, u64::from(at.size)));
        assert_eq!((record.queue_offset, record.store_ms, record.crc_ok), (at.queue_offset, at.store_ms, true));
    }
    let first = &records[0];
    assert_eq!((first.born_host.to_string(), first.store_host.port()), ("127.0.0.1:4000".to_owned(), 10911));
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [property("KEYS", "k0 all"), property("UNIQ_KEY", "u0"), property("TAGS", "tag0")];
    assert_eq!(first.properties, expected);
}

#[test]
fn records_are_selected_by_offset_time_queue_and_key() {
    let world = World::new();
    let all = Selection::default;
    let (from, to) = (Some(world.at(150)), Some(world.at(160)));
    assert_eq!(numbers(&world, &Selection { from, to, ..all() }), (150..160).collect::<Vec<_>>());
    // From the middle of a record on, and up to the middle of one.
    let (from, to) = (from.map(|at| at + 1), to.map(|at| at + 1));
    assert_eq!(numbers(&world, &Selection { from, to, ..all() }), (151..=160).collect::<Vec<_>>());
    let time = |n: usize| Some(world.placed[n].2.store_ms);
    let selection = Selection { from_ms: time(200), to_ms: time(203), ..all() };
    assert_eq!(numbers(&world, &selection), [200, 201, 202, 203]);
    let selection = Selection { topic: Some("T".to_owned()), queue_id: Some(1), to: Some(FILE), ..all() };
    assert!(numbers(&world, &selection).iter().all(|n| n % 4 == 2));
    for key in ["k57", "u57"] {
        assert_eq!(numbers(&world, &Selection { key: Some(key.to_owned()), ..all() }), [57]);
    }
    let selection = Selection { topic: Some(DELAYED.to_owned()), key: Some("k57".to_owned()), ..all() };
    assert!(numbers(&world, &selection).is_empty());
    assert!(numbers(&world, &Selection { from: Some(u64::MAX), ..all() }).is_empty());
}

#[test]
fn it_stops_when_enough_are_taken() {
    let world = World::new();
    let mut taken = 0;
    let take = |_| {
        taken += 1;
        if taken == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    world.offline().dump(&Selection::default(), take, |_| panic!("nothing is damaged"), |_| ()).unwrap();
    assert_eq!(taken, 7);
}

#[test]
fn damaged_places_are_told_and_what_is_behind_them_is_dumped() {
    let world = World::new();
    world.flip(world.at(50) + 88, 1);
    world.flip(world.at(100) + 4, 1);
    world.log(world.at(200), &vec![0xA5; (world.at(203) - world.at(200) + 10) as usize]);
    world.log(world.end() + 5, b"torn");
    let (records, damages) = dump(&world, &Selection::default());
    let missing: Vec<_> =
        (0..300).filter(|n| !records.iter().any(|record| record.physical_offset == world.at(*n))).collect();
    assert_eq!(missing, [100, 200, 201, 202, 203]);
    assert!(records.iter().all(|record| record.crc_ok != (record.physical_offset == world.at(50))));
    let places: Vec<_> = damages.iter().map(|damage| (damage.from, damage.to)).collect();
    let expected = [
        (world.at(50), world.at(51)),
        (world.at(100), world.at(101)),
        (world.at(200), world.at(204)),
        (world.end(), world.end() + 9),
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_record_inside_a_body_is_not_taken_for_one_behind_damage() {
    let world = World::new();
    // A copy of a whole record in the middle of a damaged place: it says that it belongs elsewhere.
    let whole = std::fs::read(world.log_path(0)).unwrap()[..world.at(1) as usize].to_vec();
    world.log(world.at(250), &[0xFF; 60]);
    world.log(world.at(250) + 60, &whole);
    let (records, damages) = dump(&world, &Selection::default());
    assert_eq!((records.len(), damages.len()), (299, 1));
    assert_eq!((damages[0].from, damages[0].to), (world.at(250), world.at(251)));
}
