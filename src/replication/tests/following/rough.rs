//! A stream in memory that behaves like a bad network: it reads and writes less than it could, delays, and breaks off at any
//! byte. It loses and changes nothing before that.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    time::{Sleep, sleep},
};

/// How bad it is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Bytes, in both directions together, after which it breaks off; `None` if it does not.
    pub breaks_after: Option<i64>,
    /// Most time that one delay takes; zero if there are none.
    pub delay: Duration,
    /// Reads and writes are split.
    pub splits: bool,
    /// Bytes on their way in each direction.
    pub room: usize,
}

/// What both ends of a connection share.
#[derive(Debug)]
struct Line {
    left: AtomicI64,
    broken: AtomicBool,
}

/// One end.
#[derive(Debug)]
pub struct Rough {
    inner: DuplexStream,
    line: Arc<Line>,
    weather: Weather,
    rng: StdRng,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

/// Both ends of a connection.
pub fn pair(weather: Weather, seed: u64) -> (Rough, Rough) {
    let left = AtomicI64::new(weather.breaks_after.unwrap_or(i64::MAX));
    let line = Arc::new(Line { left, broken: AtomicBool::new(false) });
    let (one, other) = duplex(weather.room);
    let end = |inner, seed| Rough {
        inner,
        line: line.clone(),
        weather,
        rng: StdRng::seed_from_u64(seed),
        reading: None,
        writing: None,
    };
    (end(one, seed), end(other, !seed))
}

impl Rough {
    /// Waits now and then.
    fn poll_delay(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<io::Result<()>> {
        let broken = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
        if self.line.broken.load(Ordering::Relaxed) {
            return Poll::Ready(broken());
        }
        let most = self.weather.delay;
        let delay = if reads { &mut self.reading } else { &mut self.writing };
        if delay.is_none() && !most.is_zero() && self.rng.random_ratio(1, 20) {
            *delay = Some(Box::pin(sleep(most.mul_f64(self.rng.random()))));
        }
        if let Some(sleep) = delay {
            ready!(sleep.as_mut().poll(cx));
            *delay = None;
        }
        Poll::Ready(Ok(()))
    }

    /// How many of `most` bytes go at once; an error once it breaks off.
    fn some(&mut self, most: usize) -> io::Result<usize> {
        let most = match self.weather.splits && self.rng.random_bool(0.5) {
            true => self.rng.random_range(1..=most.clamp(1, 100)).min(most),
            false => most,
        };
        let left = self.line.left.load(Ordering::Relaxed);
        if left <= 0 {
            self.line.broken.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(most.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    fn went(&self, bytes: usize) {
        self.line.left.fetch_sub(bytes as i64, Ordering::Relaxed);
    }
}

impl AsyncRead for Rough {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_delay(cx, true))?;
        let most = buffer.remaining().min(self.weather.room);
        let some = self.some(most)?;
        let mut bytes = vec![0; some];
        let mut part = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rough {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_delay(cx, false))?;
        let some = self.some(bytes.len())?;
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &bytes[..some]))?;
        self.went(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut all = Vec::new();
        for slice in slices {
            all.extend_from_slice(&slice[..slice.len().min(self.weather.room - all.len())]);
        }
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
