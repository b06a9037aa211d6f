//! One connection, served by one task.
//!
//! The task takes all frames that have arrived, hands their requests over together, and writes all answers that are
//! ready with one write. Answers that take longer are futures kept aside until they wake; a long poll is one of them.
//! It stops reading while too much is unanswered or unsent, so a peer that does not read costs a bounded amount.

use crate::{Answers, Peer, Service, outbound::Outbound, service::Later};
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use protocol::{Command, frame};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What a connection may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Closed when nothing came or went for so long.
    pub idle: Duration,
    /// Stops reading while so many requests are unanswered.
    pub unanswered: usize,
    /// Stops reading while so many bytes are unsent.
    pub unsent_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(120), unanswered: 8192, unsent_bytes: 8 * 1024 * 1024 }
    }
}

const FIRST_READ: usize = 2 * 1024;
const MAX_READ: usize = 256 * 1024;
/// How long what is ready may take to be written once the connection is to end.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Serves a connection until either end closes it, `shutdown` is cancelled, or it is idle for too long.
pub async fn run(
    io: impl AsyncRead + AsyncWrite + Send,
    peer: Arc<Peer>,
    mut requests_out: mpsc::Receiver<Command>,
    service: &impl Service,
    limits: Limits,
    shutdown: &CancellationToken,
) {
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut inbound = Inbound::default();
    let mut outbound = Outbound::default();
    let mut pending: FuturesUnordered<Later> = FuturesUnordered::new();
    let mut requests = Vec::new();
    let mut answers = Answers::default();
    let mut last_active = Instant::now();
    let idle = tokio::time::sleep(limits.idle);
    tokio::pin!(idle);
    let ended = loop {
        let may_read = pending.len() < limits.unanswered && outbound.len() < limits.unsent_bytes;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            () = peer.closed.cancelled() => break Ok(()),
            written = async { outbound.write_some(&mut writer).await }, if !outbound.is_empty() => {
                if let Err(error) = written {
                    break Err(error);
                }
                last_active = Instant::now();
            }
            Some(ready) = pending.next(), if !pending.is_empty() => {
                ready.into_iter().for_each(|answer| outbound.push(answer));
                // Whatever else is ready goes out with the same write.
                while let Some(Some(ready)) = pending.next().now_or_never() {
                    ready.into_iter().for_each(|answer| outbound.push(answer));
                }
            }
            Some(request) = requests_out.recv() => {
                outbound.push(request);
                while outbound.len() < limits.unsent_bytes && let Ok(request) = requests_out.try_recv() {
                    outbound.push(request);
                }
            }
            read = inbound.read(&mut reader), if may_read => {
                match read {
                    Ok(0) => break Ok(()),
                    Ok(_) => last_active = Instant::now(),
                    Err(error) => break Err(error),
                }
                let broken = inbound.take_commands(&peer, &mut requests);
                if !requests.is_empty() {
                    service.serve(&peer, &mut requests, &mut answers);
                    requests.clear();
                    answers.now.drain(..).for_each(|answer| outbound.push(answer));
                    pending.extend(answers.later.drain(..));
                }
                if let Some(error) = broken {
                    tracing::warn!(peer = ?peer, %error, "closed a connection that does not speak the protocol");
                    break Ok(());
                }
            }
            () = &mut idle => {
                let due = last_active + limits.idle;
                if Instant::now() >= due {
                    tracing::debug!(peer = ?peer, "closed an idle connection");
                    break Ok(());
                }
                idle.as_mut().reset(due);
            }
        }
    };
    peer.closed.cancel();
    match ended {
        Ok(()) => {
            while let Ok(request) = requests_out.try_recv() {
                outbound.push(request);
            }
            let last_write = async { while !outbound.is_empty() && outbound.write_some(&mut writer).await.is_ok() {} };
            let _ = tokio::time::timeout(LAST_WRITE, last_write).await;
        }
        Err(error) => tracing::debug!(peer = ?peer, %error, "connection lost"),
    }
    service.closed(&peer);
}

/// Bytes on their way in. Never holds more memory than a small factor of what was received.
#[derive(Default)]
struct Inbound {
    bytes: BytesMut,
    /// How much to make room for: grows while reads fill it, shrinks when they do not.
    want: usize,
}

impl Inbound {
    async fn read(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.want = self.want.clamp(FIRST_READ, MAX_READ);
        if self.bytes.capacity() - self.bytes.len() < self.want / 2 {
            // Inside a large frame, room grows with what has come, not with what was announced.
            self.bytes.reserve(self.want.max(self.bytes.len().min(frame::MAX_FRAME_LEN)));
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let read = reader.read_buf(&mut self.bytes).await?;
        self.want = if read == room { self.want * 4 } else { self.want.min((read * 2).max(self.want / 2)) };
        Ok(read)
    }

    /// Takes every whole command: answers go to their callers, requests into `requests`.
    fn take_commands(&mut self, peer: &Peer, requests: &mut Vec<Command>) -> Option<frame::FrameError> {
        loop {
            match frame::decode(&mut self.bytes) {
                Ok(Some(command)) if command.is_answer() => peer.answered(command),
                Ok(Some(command)) => requests.push(command),
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
        if self.bytes.is_empty() && self.want <= FIRST_READ {
            // A quiet connection keeps no buffer; a busy one fills its buffer again.
            self.bytes = BytesMut::new();
        }
        None
    }
}
