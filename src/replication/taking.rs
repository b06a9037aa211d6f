//! The slave's side of one connection: frames of the log in, reports out.

use crate::{
    Ends, FollowError, Following, Slave,
    begin::{Begin, Start},
    comparing::Comparing,
    pulse::{Beat, Pulse},
    wire::{Exactly, FrameHeader, HEADER_LEN, REPORT_LEN, report},
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes taken off the connection at a time, and appended together.
const READ: usize = 256 << 10;
/// Memory for bytes that wait for the rest of their record, which is kept while there are none.
const KEPT: usize = 1 << 20;

/// What came, and what was done with it.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    slave: &'a Slave,
    master: Ends,
    pulse: Pulse,
    read: Box<[u8]>,
    header: Exactly<HEADER_LEN>,
    /// Bytes of the frame that are still to come.
    left: u32,
    /// Where the next byte of the log belongs that comes.
    next: u64,
    /// A frame came.
    begun: bool,
    /// Heartbeats since there last were bytes of the log.
    heartbeats: u32,
    start: Start,
    /// Until the slave's last record was found to be the master's.
    comparing: Option<Comparing>,
    /// The end of the slave's log.
    end: u64,
    /// What follows there: less than a record, between two reads.
    tail: Vec<u8>,
    /// What was reported last, and how much of that is out.
    reported: u64,
    out: usize,
    flushes: bool,
}

impl<'a> Taking<'a> {
    pub fn new(slave: &'a Slave, master: Ends) -> Result<Self, FollowError> {
        let store = &slave.store;
        let start = Start::find(store, master, *slave.begin.lock(), slave.begins)?;
        let own_end = store.written().get();
        let comparing = Comparing { start, own_end, master, begins: slave.begins };
        let comparing = (start.to > start.from).then_some(comparing);
        *slave.following.lock() = Some(Following { agreed: false, master_end: master.max });
        Ok(Self {
            slave,
            master,
            pulse: Pulse::new(slave.rules.heartbeat, slave.rules.silence),
            read: vec![0; READ].into(),
            header: Exactly::default(),
            left: 0,
            next: start.asked,
            begun: false,
            heartbeats: 0,
            start,
            end: if comparing.is_some() { own_end } else { start.from },
            tail: if comparing.is_none() && start.asked > start.from { vec![0] } else { Vec::new() },
            comparing,
            reported: start.asked,
            out: 0,
            flushes: true,
        })
    }

    /// Reads, appends and writes as much as goes.
    pub fn poll_stream<S>(&mut self, cx: &mut Context<'_>, mut stream: Pin<&mut S>) -> Result<(), FollowError>
    where
        S: AsyncRead + AsyncWrite,
    {
        loop {
            let frames = self.poll_frames(cx, stream.as_mut())?;
            let report = self.poll_report(cx, stream.as_mut())?;
            if frames.is_pending() && report.is_pending() {
                return Ok(());
            }
        }
    }

    /// Up to where the log must come to the disk for a report of more; `None` as long as nothing is to be reported.
    pub fn waits_for_disk(&self) -> Option<u64> {
        let waits = self.slave.rules.acknowledges_flushed && self.comparing.is_none() && self.out == REPORT_LEN;
        (waits && self.end > self.reported).then_some(self.reported + 1)
    }

    /// Readies a report, if there is more to report than before.
    pub fn report(&mut self) {
        if self.comparing.is_some() || self.out < REPORT_LEN {
            return;
        }
        let on_disk = || self.slave.store.flushed().get().min(self.end);
        let has = if self.slave.rules.acknowledges_flushed { on_disk() } else { self.end };
        if has > self.reported {
            self.reported = has;
            self.out = 0;
        }
    }

    /// Readies a report as a sign of life when it is time for one, or fails when the master is silent.
    pub fn poll_pulse(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FollowError>> {
        Poll::Ready(match ready!(self.pulse.poll(cx, self.out == REPORT_LEN)) {
            Beat::Silence(silent) => Err(timed_out(format!("the master said nothing for {} ms", silent.as_millis()))),
            Beat::Speak => {
                self.out = 0;
                Ok(())
            }
        })
    }

    fn poll_report<S: AsyncWrite>(&mut self, cx: &mut Context<'_>, stream: Pin<&mut S>) -> io::Result<Poll<()>> {
        if self.out == REPORT_LEN {
            if self.flushes && stream.poll_flush(cx)?.is_ready() {
                self.flushes = false;
            }
            return Ok(Poll::Pending);
        }
        let Poll::Ready(written) = stream.poll_write(cx, &report(self.reported)[self.out..])? else {
            return Ok(Poll::Pending);
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.out += written;
        self.flushes = true;
        self.pulse.said();
        // While this went out, there may have come more to report.
        self.report();
        Ok(Poll::Ready(()))
    }

    fn poll_frames<S: AsyncRead>(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut S>,
    ) -> Result<Poll<()>, FollowError> {
        // Taken out while its bytes are used.
        let mut read = std::mem::take(&mut self.read);
        let mut buffer = ReadBuf::new(&mut read);
        let taken = match stream.poll_read(cx, &mut buffer)? {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(()) if buffer.filled().is_empty() => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the master closed it").into())
            }
            Poll::Ready(()) => self.take(buffer.filled()).map(Poll::Ready),
        };
        self.read = read;
        taken
    }

    fn take(&mut self, mut came: &[u8]) -> Result<(), FollowError> {
        self.pulse.heard();
        let result = self.take_frames(&mut came);
        // What came before the mistake is good.
        let appended = self.append();
        self.note();
        result.and(appended)?;
        self.report();
        Ok(())
    }

    fn take_frames(&mut self, came: &mut &[u8]) -> Result<(), FollowError> {
        while !came.is_empty() {
            if self.left == 0 {
                match self.header.take(came) {
                    Some(header) => self.take_header(header)?,
                    None => return Ok(()),
                }
            }
            let (bytes, later) = came.split_at(came.len().min(self.left as usize));
            *came = later;
            self.left -= bytes.len() as u32;
            self.take_log(bytes)?;
        }
        Ok(())
    }

    fn take_header(&mut self, header: [u8; HEADER_LEN]) -> Result<(), FollowError> {
        let Some(FrameHeader { at, len }) = FrameHeader::decode(header) else {
            return Err(FollowError::Garbage(format!("a frame that begins {header:02x?}")));
        };
        if at != self.next {
            if !self.begun && self.comparing.is_none() && self.next == 0 {
                *self.slave.begin.lock() = Begin::SecondByte;
                return Err(FollowError::Again { from: 1 });
            }
            return Err(FollowError::Garbage(format!("bytes from {at} on, where {} was next", self.next)));
        }
        let size = self.slave.store.log_file_size() as u64;
        if len > 0 && at / size != (at + u64::from(len) - 1) / size {
            return Err(FollowError::Garbage(format!(
                "{len} bytes from {at} on, which lie in two files of the log: is mappedFileSizeCommitLog {size} there, too?"
            )));
        }
        self.begun = true;
        self.left = len;
        self.heartbeats = if len > 0 { 0 } else { self.heartbeats + 1 };
        // One may come before the bytes that are due, but not two: a master of Apache that lacks them sends nothing else.
        if self.heartbeats > 1 && self.next < self.master.max {
            let (next, max) = (self.next, self.master.max);
            return Err(timed_out(format!("the master does not send its log from byte {next}, which ends at {max}")));
        }
        self.master.max = self.master.max.max(at + u64::from(len));
        Ok(())
    }

    fn take_log(&mut self, mut bytes: &[u8]) -> Result<(), FollowError> {
        if let Some(comparing) = self.comparing {
            let both = usize::try_from(self.start.to - self.next).unwrap_or(usize::MAX).min(bytes.len());
            let (same, more) = bytes.split_at(both);
            let result = comparing.compare(&self.slave.store, self.next, same);
            self.next += same.len() as u64;
            let result = match result {
                Ok(()) if self.next == self.start.to => comparing.done(&self.slave.store).map(|()| true),
                result => result.map(|()| false),
            };
            let agreed = result.inspect_err(|error| {
                let again = matches!(error, FollowError::Again { .. });
                *self.slave.begin.lock() = if again { Begin::Far } else { Begin::Near };
            })?;
            if agreed {
                self.comparing = None;
                *self.slave.begin.lock() = Begin::Near;
                if self.slave.rules.acknowledges_flushed {
                    self.slave.store.request_flush();
                }
            }
            bytes = more;
        }
        self.tail.extend_from_slice(bytes);
        self.next += bytes.len() as u64;
        Ok(())
    }

    /// Appends what whole records there are.
    fn append(&mut self) -> Result<(), FollowError> {
        let store = &self.slave.store;
        let mut done = 0;
        let mut result = Ok(());
        while done < self.tail.len() && result.is_ok() {
            match store.append_copied(self.end, &self.tail[done..]) {
                Ok(0) => break,
                Ok(some) => {
                    self.end += some as u64;
                    done += some;
                }
                Err(error) => result = Err(error),
            }
        }
        self.tail.drain(..done);
        if self.tail.is_empty() {
            self.tail.shrink_to(KEPT);
        }
        if done > 0 && self.slave.rules.acknowledges_flushed {
            store.request_flush();
        }
        result?;
        let most = store.log_file_size() as u64;
        if self.tail.len() as u64 > most {
            return Err(FollowError::Garbage(format!("a record at {} larger than a file, which is {most}", self.end)));
        }
        Ok(())
    }

    /// Tells others how it is going.
    fn note(&self) {
        let agreed = self.begun && self.comparing.is_none();
        *self.slave.following.lock() = Some(Following { agreed, master_end: self.master.max });
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        *self.slave.following.lock() = None;
    }
}

fn timed_out(what: String) -> FollowError {
    io::Error::new(io::ErrorKind::TimedOut, what).into()
}
