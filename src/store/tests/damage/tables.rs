//! A table in JSON, as the broker keeps its topics and offsets: every beginning of it, or of its `.bak`, with something
//! else behind it. What is read is the table or the one before it, whole.

use base::durable::DurableFile;
use serde_json::{Value, json};
use std::{fs, io, path::Path};
use witness::{loops, scratch};

fn table(generation: u64) -> Value {
    let offsets: Vec<_> = (0..20).map(|queue| json!({ "queue": queue, "offset": generation * 1000 + queue })).collect();
    json!({ "generation": generation, "offsetTable": offsets })
}

fn text(generation: u64) -> Vec<u8> {
    serde_json::to_vec_pretty(&table(generation)).unwrap()
}

/// The generation that is read; the content must be whole.
fn read(path: &Path) -> u64 {
    let accept = |content: &[u8]| serde_json::from_slice::<Value>(content).map_err(io::Error::other);
    let value = DurableFile::from(path.to_owned()).read(accept).unwrap().unwrap();
    let generation = value["generation"].as_u64().unwrap();
    assert_eq!(value, table(generation));
    generation
}

#[test]
fn of_a_torn_table_the_one_before_it_is_read() {
    let seed = loops::seed("table");
    let (phase, stride) = loops::steps(seed, 7);
    let mut cases = 0;
    for torn in ["table.json", "table.json.bak", "table.json.tmp"] {
        let whole = text(if torn == "table.json.bak" { 2 } else { 3 });
        for at in (phase as usize + 1..whole.len()).step_by(stride as usize) {
            let zeros = vec![0; whole.len() - at];
            let ones = vec![0xFF; whole.len() - at];
            let random: Vec<u8> = (at..whole.len()).map(|byte| loops::mixed(seed, byte as u64) as u8).collect();
            // Of an older table, but from its beginning: what fits exactly, no reader could tell.
            let stale = text(1)[..whole.len() - at].to_vec();
            for filler in [Vec::new(), zeros, ones, random, stale] {
                let dir = scratch::folder();
                let path = dir.path().join("table.json");
                fs::write(&path, text(3)).unwrap();
                fs::write(dir.path().join("table.json.bak"), text(2)).unwrap();
                let content = [&whole[..at], &filler].concat();
                fs::write(dir.path().join(torn), &content).unwrap();
                let expected = if torn == "table.json" && content != whole { 2 } else { 3 };
                let told = format!("{torn} cut at {at}, {:?}… behind", filler.first());
                assert_eq!((read(&path), read(&path)), (expected, expected), "{told}");
                DurableFile::from(path.clone()).write(&text(4)).unwrap();
                assert_eq!(read(&path), 4, "{told}");
                // Neither the one before that was written, nor the torn one, is lost or in its place.
                fs::remove_file(&path).unwrap();
                let before = if expected == 2 { 2 } else { 3 };
                assert_eq!(read(&path), before, "{told}");
                cases += 1;
            }
        }
    }
    println!("table: {cases} cases");
}
