//! Bytes on their way out of a connection: headers and small bodies in one buffer, large bodies as they are.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protocol::{Command, frame};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Body pieces shorter than this are copied behind their header: cheaper than a slice of their own.
const COPY_BELOW: usize = 2048;
/// Most slices given to one write.
const MAX_SLICES: usize = 64;
/// A buffer larger than this is given back when it has been written.
const KEEP_CAPACITY: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Outbound {
    /// Written first, in order.
    chunks: VecDeque<Bytes>,
    /// What follows them.
    tail: BytesMut,
    chunk_bytes: usize,
}

impl Outbound {
    pub(crate) fn len(&self) -> usize {
        self.chunk_bytes + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a command. One too large for a frame becomes a refusal if it is an answer, else it is left out.
    pub(crate) fn push(&mut self, command: Command) {
        if let Err(error) = frame::encode_head(&command, &mut self.tail) {
            tracing::warn!(code = command.code, %error, "left a command unsent");
            if command.is_answer() {
                let mut refusal = Command::refusal(
                    protocol::code::response::SYSTEM_ERROR,
                    format!("the answer does not fit in a frame: {error}"),
                );
                (refusal.opaque, refusal.encoding) = (command.opaque, command.encoding);
                // A refusal is small: it always fits.
                let _ = frame::encode_head(&refusal, &mut self.tail);
            }
            return;
        }
        for piece in command.body.pieces() {
            if piece.len() < COPY_BELOW {
                self.tail.put_slice(piece);
            } else {
                let before = self.tail.split().freeze();
                for chunk in [before, piece.clone()] {
                    self.chunk_bytes += chunk.len();
                    if !chunk.is_empty() {
                        self.chunks.push_back(chunk);
                    }
                }
            }
        }
    }

    /// Writes once, as much as the socket takes.
    pub(crate) async fn write_some(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let written = if self.chunks.is_empty() {
            to.write(&self.tail).await?
        } else {
            let mut slices: Vec<IoSlice<'_>> =
                self.chunks.iter().take(MAX_SLICES - 1).map(|chunk| IoSlice::new(chunk)).collect();
            if self.chunks.len() < MAX_SLICES {
                slices.push(IoSlice::new(&self.tail));
            }
            to.write_vectored(&slices).await?
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.consume(written);
        Ok(())
    }

    fn consume(&mut self, mut written: usize) {
        while let Some(chunk) = self.chunks.front_mut() {
            let part = written.min(chunk.len());
            chunk.advance(part);
            self.chunk_bytes -= part;
            written -= part;
            if !chunk.is_empty() {
                return;
            }
            self.chunks.pop_front();
        }
        self.tail.advance(written);
        if self.tail.is_empty() {
            if self.tail.capacity() > KEEP_CAPACITY { self.tail = BytesMut::new() } else { self.tail.clear() }
        }
    }
}
