//! One slave's connection at the master: its reports in, frames of the log out.

use crate::{
    Connected, Master, ServeError,
    pulse::{Beat, Pulse},
    wire::{Exactly, FrameHeader, HEADER_LEN, MOST_IN_FRAME, REPORT_LEN},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most frames on their way at a time, and so in one write.
const FRAMES: usize = 16;
/// No further frame is begun while this many bytes are on their way.
const ENOUGH: usize = 1 << 20;

/// A frame on its way out. The bytes of the log are a slice of its file in memory, not a copy.
#[derive(Debug)]
struct Frame {
    at: u64,
    header: [u8; HEADER_LEN],
    body: Bytes,
    /// Bytes of header and body that are out.
    done: usize,
}

impl Frame {
    fn new(at: u64, body: Bytes) -> Self {
        let header = FrameHeader { at, len: body.len() as u32 };
        Self { at, header: header.encode(), body, done: 0 }
    }

    /// Bytes that are not out yet.
    fn left(&self) -> usize {
        HEADER_LEN + self.body.len() - self.done
    }
}

/// What a slave said.
#[derive(Clone, Copy, Debug)]
struct Reported {
    /// What it asked for.
    asked: u64,
    /// Where the log was begun for it.
    began: u64,
    /// What it reported last.
    last: u64,
}

impl Reported {
    /// Up to where it acknowledged what was sent to it, if it did. What it asked for is no more than a claim.
    fn acked(self) -> Option<u64> {
        (self.last > self.began).then_some(self.last)
    }
}

/// What is known of one slave while it is connected.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    master: &'a Master,
    number: u64,
    pulse: Pulse,
    report: Exactly<REPORT_LEN>,
    reported: Option<Reported>,
    frames: VecDeque<Frame>,
    /// Where the next frame starts.
    next: u64,
    /// Up to where the log is out.
    sent: u64,
    flushes: bool,
}

impl<'a> Sending<'a> {
    pub fn new(master: &'a Master, addr: SocketAddr) -> Self {
        let since_ms = master.clock.now_ms();
        let mut slaves = master.slaves.lock();
        let number = slaves.next;
        slaves.next += 1;
        slaves.connected.insert(number, Connected { addr, since_ms, asked: None, sent: 0, acked: None });
        Self {
            master,
            number,
            pulse: Pulse::new(master.rules.heartbeat, master.rules.silence),
            report: Exactly::default(),
            reported: None,
            frames: VecDeque::with_capacity(FRAMES),
            next: 0,
            sent: 0,
            flushes: false,
        }
    }

    /// Reads and writes as much as goes. Reports come first: somebody may wait for what they tell.
    pub fn poll_stream<S>(&mut self, cx: &mut Context<'_>, mut stream: Pin<&mut S>) -> Result<(), ServeError>
    where
        S: AsyncRead + AsyncWrite,
    {
        loop {
            let reports = self.poll_reports(cx, stream.as_mut())?;
            self.fill()?;
            let frames = self.poll_frames(cx, stream.as_mut())?;
            if reports.is_pending() && frames.is_pending() {
                return Ok(());
            }
        }
    }

    /// Where the log must grow for this slave to get more; `None` as long as something else must happen first.
    pub fn lacks(&self) -> Option<u64> {
        (self.reported.is_some() && self.frames.is_empty()).then_some(self.next)
    }

    /// Readies a heartbeat when it is time for one, or fails when the slave is silent.
    pub fn poll_pulse(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServeError>> {
        let can_speak = self.reported.is_some() && self.frames.is_empty();
        Poll::Ready(match ready!(self.pulse.poll(cx, can_speak)) {
            Beat::Silence(silent) => Err(ServeError::Silent(silent)),
            Beat::Speak => {
                self.frames.push_back(Frame::new(self.next, Bytes::new()));
                Ok(())
            }
        })
    }

    fn poll_reports<S>(&mut self, cx: &mut Context<'_>, stream: Pin<&mut S>) -> Result<Poll<()>, ServeError>
    where
        S: AsyncRead,
    {
        let mut bytes = [0; 64 * REPORT_LEN];
        let mut buffer = ReadBuf::new(&mut bytes);
        if stream.poll_read(cx, &mut buffer)?.is_pending() {
            return Ok(Poll::Pending);
        }
        let mut bytes = buffer.filled();
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the slave closed it").into());
        }
        self.pulse.heard();
        while let Some(report) = self.report.take(&mut bytes) {
            self.take_report(u64::from_be_bytes(report))?;
        }
        self.note();
        Ok(Poll::Ready(()))
    }

    fn take_report(&mut self, offset: u64) -> Result<(), ServeError> {
        let Some(Reported { asked, began, last }) = self.reported else {
            let began = self.start(offset)?;
            (self.next, self.sent) = (began, began);
            self.reported = Some(Reported { asked: offset, began, last: offset });
            if began == self.master.store.written().get() {
                // There is nothing to send, of a new cluster for instance: an answer at once tells the slave that it is
                // let in and up to date, which it would else learn from the first heartbeat.
                self.frames.push_back(Frame::new(began, Bytes::new()));
            }
            return Ok(());
        };
        if offset < last {
            return Err(ServeError::Backwards { reported: offset, before: last });
        }
        if offset > self.sent {
            return Err(ServeError::Unsent { reported: offset, sent: self.sent });
        }
        let reported = Reported { asked, began, last: offset };
        self.reported = Some(reported);
        if let Some(acked) = reported.acked() {
            self.master.replicated.advance(acked);
        }
        Ok(())
    }

    /// Where to begin for a slave that asks for `asked`. For 0 that is the first byte there is: all of the log.
    fn start(&self, asked: u64) -> Result<u64, ServeError> {
        let store = &self.master.store;
        let (min, end) = (store.min_physical() as u64, store.written().get());
        match asked {
            0 => Ok(min),
            _ if asked > end => Err(ServeError::Ahead { asked, end }),
            _ if asked < min => Err(ServeError::Deleted { at: asked, min }),
            _ => Ok(asked),
        }
    }

    /// Readies frames of what is written.
    fn fill(&mut self) -> Result<(), ServeError> {
        if self.reported.is_none() {
            return Ok(());
        }
        let store = &self.master.store;
        let most = self.master.rules.frame_bytes.clamp(1, MOST_IN_FRAME);
        let mut bytes: usize = self.frames.iter().map(Frame::left).sum();
        while self.frames.len() < FRAMES && bytes < ENOUGH && self.next < store.written().get() {
            let Some(body) = store.copy_from(self.next, most) else {
                let (at, min) = (self.next, store.min_physical() as u64);
                return Err(if at < min { ServeError::Deleted { at, min } } else { ServeError::Unreadable { at } });
            };
            let frame = Frame::new(self.next, body);
            self.next += frame.body.len() as u64;
            bytes += frame.left();
            self.frames.push_back(frame);
        }
        Ok(())
    }

    /// Ready once some bytes went out, pending if none can.
    fn poll_frames<S>(&mut self, cx: &mut Context<'_>, stream: Pin<&mut S>) -> Result<Poll<()>, ServeError>
    where
        S: AsyncWrite,
    {
        if self.frames.is_empty() {
            if self.flushes && stream.poll_flush(cx)?.is_ready() {
                self.flushes = false;
            }
            return Ok(Poll::Pending);
        }
        let mut slices = [IoSlice::new(&[]); 2 * FRAMES];
        let mut count = 0;
        for frame in &self.frames {
            let header = &frame.header[frame.done.min(HEADER_LEN)..];
            let body = &frame.body[frame.done.saturating_sub(HEADER_LEN)..];
            for part in [header, body].into_iter().filter(|part| !part.is_empty()) {
                slices[count] = IoSlice::new(part);
                count += 1;
            }
        }
        let Poll::Ready(written) = stream.poll_write_vectored(cx, &slices[..count])? else { return Ok(Poll::Pending) };
        if written == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        self.pulse.said();
        self.flushes = true;
        self.went_out(written);
        self.note();
        Ok(Poll::Ready(()))
    }

    fn went_out(&mut self, mut written: usize) {
        while let Some(frame) = self.frames.front_mut() {
            let some = written.min(frame.left());
            written -= some;
            frame.done += some;
            self.sent = self.sent.max(frame.at + frame.done.saturating_sub(HEADER_LEN) as u64);
            if frame.left() > 0 {
                return;
            }
            self.frames.pop_front();
        }
    }

    /// Tells others how far this slave is.
    fn note(&self) {
        let Some(reported) = self.reported else { return };
        if let Some(known) = self.master.slaves.lock().connected.get_mut(&self.number) {
            known.asked = Some(reported.asked);
            known.sent = self.sent;
            known.acked = reported.acked();
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.master.slaves.lock().connected.remove(&self.number);
    }
}
