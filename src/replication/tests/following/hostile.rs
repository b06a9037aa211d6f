//! Bytes that no master and no slave sends: nothing is appended for them, nothing is credited, and nothing panics.

use crate::stage::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use replication::Ends;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    time::timeout,
};

#[tokio::test(start_paused = true)]
async fn random_bytes_to_a_master_credit_nothing() {
    let seed = witness::loops::seed("bytes to a master");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = witness::scratch::folder();
    let store = open(dir.path());
    fill(&store, 50_000);
    let end = store.written().get();
    for _ in 0..300 {
        let master = master_of(&store);
        let (ours, theirs) = duplex(1 << 20);
        let serving = timeout(100 * SECOND, master.serve("10.0.0.7:1".parse().unwrap(), theirs));
        let mut bytes = vec![];
        for _ in 0..rng.random_range(1..20) {
            match rng.random_range(0..4) {
                // Never lower than 2^56, so never something that was sent.
                0 => bytes.extend((rng.random::<u64>() | 1 << 56).to_be_bytes()),
                1 => bytes.extend(end.to_be_bytes()),
                2 => bytes.extend((end + 1).to_be_bytes()),
                _ => bytes.extend((0..rng.random_range(0..20)).map(|_| rng.random_range(1..=u8::MAX))),
            }
        }
        // It asks for the end first, so nothing is ever sent to it.
        let (mut read, mut write) = split(ours);
        let hostile = async {
            write.write_u64(end).await.unwrap();
            _ = write.write_all(&bytes).await;
            _ = read.read_to_end(&mut Vec::new()).await;
        };
        let served = async {
            assert!(serving.await.expect("it ends").is_err());
        };
        tokio::join!(served, async { _ = timeout(200 * SECOND, hostile).await });
        assert_eq!((master.replicated().get(), master.slaves()), (0, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn random_bytes_to_a_slave_append_nothing() {
    let seed = witness::loops::seed("bytes to a slave");
    let mut rng = StdRng::seed_from_u64(seed);
    let (dir, empty_dir) = (witness::scratch::folder(), witness::scratch::folder());
    let (filled, empty) = (open(dir.path()), open(empty_dir.path()));
    fill(&filled, 100_000);
    let own = log(&filled);
    for store in [&filled, &empty] {
        for _ in 0..300 {
            let end = store.written().get();
            let slave = slave_of(store);
            let (mut ours, theirs) = duplex(1 << 22);
            let following = slave.follow(theirs, Ends { min: 0, max: end + rng.random_range(0..2) * 5000 });
            let hostile = async {
                let asked = ours.read_u64().await.unwrap();
                let mut next = asked;
                // What it has already is sent as it is, now and then, so that what follows counts.
                if rng.random_bool(0.7) && asked < end {
                    send_frame(&mut ours, asked, &own[asked as usize..asked as usize - asked as usize % FILE + FILE])
                        .await;
                    next = asked - asked % FILE as u64 + FILE as u64;
                    while next < end {
                        let to = own.len().min(next as usize + FILE);
                        send_frame(&mut ours, next, &own[next as usize..to]).await;
                        next = to as u64;
                    }
                }
                let len = rng.random_range(0..3000);
                let mut bytes: Vec<u8> = (0..len).map(|_| rng.random()).collect();
                match rng.random_range(0..4) {
                    0 => ours.write_all(&bytes).await.unwrap(),
                    1 => send_frame(&mut ours, next, &bytes).await,
                    _ => {
                        // The head of a record of this place.
                        let head = [&(len as u32).to_be_bytes()[..], &[0xda, 0xa3, 0x20, 0xa7]].concat();
                        let head = &head[..head.len().min(bytes.len())];
                        bytes[..head.len()].copy_from_slice(head);
                        if bytes.len() >= 36 {
                            bytes[28..36].copy_from_slice(&next.to_be_bytes());
                        }
                        send_frame(&mut ours, next, &bytes).await;
                    }
                }
                drop(ours);
            };
            let (followed, ()) =
                tokio::join!(async { timeout(100 * SECOND, following).await.expect("it ends") }, hostile);
            assert!(followed.is_err());
            assert_eq!(store.written().get(), end);
        }
    }
}

/// Bytes of a file of the log.
const FILE: usize = 16 << 10;
