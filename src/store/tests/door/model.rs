//! Random operations against a model: what the store says must be what plain lists say.

use crate::support::*;
use base::Clock;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

type Model = BTreeMap<(usize, i32), Vec<Vec<u8>>>;

const TOPICS: [&str; 3] = ["A", "B", "%RETRY%g"];

fn check(store: &store::MessageStore, model: &Model, rng: &mut StdRng) {
    for (&(topic, queue_id), expected) in model {
        let queue = store.queue(TOPICS[topic], queue_id);
        assert_eq!(queue.map_or(0, |queue| queue.max_offset()) as usize, expected.len());
        let from = rng.random_range(0..=expected.len());
        assert!(bodies(store, TOPICS[topic], queue_id, from as i64) == expected[from..]);
    }
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START_MS);
    let mut store = open_with(dir.path(), &clock).unwrap();
    let mut model = Model::new();
    for _ in 0..120 {
        clock.advance_ms(rng.random_range(0..100));
        match rng.random_range(0..20) {
            0..14 => {
                let bodies: Vec<(usize, i32, Vec<u8>)> = (0..rng.random_range(1..40))
                    .map(|_| {
                        let longest = if rng.random_bool(0.1) { 8000 } else { 200 };
                        let len = rng.random_range(0..longest);
                        (rng.random_range(0..3), rng.random_range(0..3), (0..len).map(|_| rng.random()).collect())
                    })
                    .collect();
                let messages: Vec<_> = bodies
                    .iter()
                    .map(|(topic, queue_id, body)| Message { queue_id: *queue_id, ..message(TOPICS[*topic], body) })
                    .collect();
                let placed = put_all(&store, &messages);
                for ((topic, queue_id, body), at) in bodies.into_iter().zip(placed) {
                    let queue = model.entry((topic, queue_id)).or_default();
                    assert_eq!(at.queue_offset as usize, queue.len());
                    queue.push(body);
                }
            }
            14..16 => check(&store, &model, &mut rng),
            16..18 => {
                store.close().unwrap();
                drop(store);
                store = open_with(dir.path(), &clock).unwrap();
            }
            18 => {
                drop(store);
                store = open_with(dir.path(), &clock).unwrap();
            }
            _ => {
                let topic = rng.random_range(0..3);
                let there = model.keys().any(|(of, _)| *of == topic);
                assert_eq!(store.delete_topic(TOPICS[topic]).unwrap(), there);
                model.retain(|(of, _), _| *of != topic);
                // Until the topic has new messages, a crash may bring the old ones back: they are in the log.
                store.close().unwrap();
                drop(store);
                store = open_with(dir.path(), &clock).unwrap();
                for queue_id in 0..3 {
                    put(&store, Message { queue_id, ..message(TOPICS[topic], b"anew") });
                    model.entry((topic, queue_id)).or_default().push(b"anew".to_vec());
                }
            }
        }
    }
    check(&store, &model, &mut rng);
}

#[test]
fn random_operations_agree_with_a_model() {
    let seeds = match std::env::var("STORE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..5).map(|_| rand::random()).collect(),
    };
    seeds.into_iter().for_each(run);
}
