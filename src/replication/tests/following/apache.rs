//! Master and slave as Apache RocketMQ 4.9.8 behaves on the wire (`HAConnection`, `HAClient`), as far as ours must get along
//! with them.

use crate::stage::*;
use std::{io, sync::Arc};
use store::MessageStore;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex, split},
    time::timeout,
};

/// Sends the log as Apache's master does: from its last file on to who asks for byte 0, and nothing but heartbeats to who
/// asks for what was deleted. It keeps no count of what is acknowledged.
pub async fn serve<S: AsyncRead + AsyncWrite>(store: Arc<MessageStore>, stream: S) -> io::Result<()> {
    let (mut read, mut write) = split(stream);
    let asked = read.read_u64().await?;
    let reports = async {
        loop {
            read.read_u64().await?;
        }
    };
    let frames = async {
        let size = store.log_file_size() as u64;
        let end = store.written().get();
        let mut next = if asked == 0 { end - end % size } else { asked };
        // A connection that was silent gets a heartbeat before what is next.
        let mut beat = true;
        loop {
            let body = store.copy_from(next, 32 << 10).filter(|_| !beat).unwrap_or_default();
            beat = false;
            write.write_u64(next).await?;
            write.write_u32(body.len() as u32).await?;
            write.write_all(&body).await?;
            next += body.len() as u64;
            if store.copy_from(next, 1).is_none() {
                let wakes = if next < store.written().get() { u64::MAX } else { next + 1 };
                _ = timeout(5 * SECOND, store.written().reached(wakes)).await;
            }
        }
    };
    tokio::select! {
        end = reports => end,
        end = frames => end,
    }
}

/// A slave like Apache's: it asks for the log from its end on, and takes a frame only if it begins there, or has nothing yet.
#[tokio::test(start_paused = true)]
async fn a_slave_like_apaches_gets_the_whole_log_and_is_counted() {
    let dir = witness::scratch::folder();
    let store = open(dir.path());
    fill(&store, 200_000);
    delete_files(&store);
    fill(&store, 400_000);
    let min = store.min_physical() as u64;
    let master = master_of(&store);
    let mut copy = Vec::new();
    for end in [500_000, 600_000] {
        let (mut slave, theirs) = duplex(10_000);
        let serving = tokio::spawn({
            let master = master.clone();
            async move { master.serve("10.0.0.7:4711".parse().unwrap(), theirs).await }
        });
        let own = |copy: &[u8]| if copy.is_empty() { 0 } else { min + copy.len() as u64 };
        slave.write_u64(own(&copy)).await.unwrap();
        fill(&store, end);
        while own(&copy) < store.written().get() {
            let (at, bytes) = frame(&mut slave).await;
            assert!(own(&copy) == 0 || at == own(&copy), "it would close the connection");
            copy.extend(bytes);
            slave.write_u64(own(&copy)).await.unwrap();
        }
        master.replicated().reached(store.written().get()).await;
        serving.abort();
    }
    assert!(copy == log(&store));
}
