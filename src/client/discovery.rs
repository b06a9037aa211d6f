//! Asking the name servers: whichever answers.
//!
//! The one that answered last is asked first. When it fails, or has not answered for a second, the next is asked as
//! well, so a name server that hangs costs a second and not a time-out.

use crate::{
    client::{Client, succeeded},
    error::Error,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use protocol::Command;
use std::{sync::atomic::Ordering, time::Duration};

/// How long a name server may take before the next is asked as well.
const PATIENCE: Duration = Duration::from_secs(1);

impl Client {
    /// `host:port` of each name server, asked from the address server first if there is one and it has not told yet.
    ///
    /// # Errors
    /// [`Error::Names`] if the address server does not tell.
    pub async fn name_servers(&self) -> Result<Vec<String>, Error> {
        let names = &self.shared().names;
        let known = names.all();
        if !known.is_empty() {
            return Ok(known);
        }
        names.refresh().await?;
        Ok(names.all())
    }

    /// Asks the name servers; any answer but success is an error.
    ///
    /// # Errors
    /// [`Error::NamesUnreachable`] with every address tried, [`Error::Refused`], [`Error::Names`].
    pub async fn ask_names(&self, request: Command) -> Result<Command, Error> {
        let (addr, answer) = self.call_names(&request).await?;
        succeeded(&addr, request.code, answer)
    }

    /// Asks the name servers and gives back the first answer, whatever it is, and who gave it.
    async fn call_names(&self, request: &Command) -> Result<(String, Command), Error> {
        if self.shutdown_token().is_cancelled() {
            return Err(Error::ShutDown);
        }
        let addrs = self.name_servers().await?;
        let favourite = self.shared().favourite.load(Ordering::Relaxed);
        let mut order = (0..addrs.len()).map(|at| favourite.wrapping_add(at) % addrs.len());
        let mut asked = FuturesUnordered::new();
        let mut tried = Vec::new();
        loop {
            let more = order.next();
            if let Some(at) = more {
                let (addr, remoting) = (&addrs[at], &self.shared().remoting);
                let timeout = self.config().request_timeout;
                asked.push(async move { (at, remoting.call(addr, request.clone(), timeout).await) });
            }
            tokio::select! {
                outcome = asked.next() => match outcome {
                    Some((at, Ok(answer))) => {
                        self.shared().favourite.store(at, Ordering::Relaxed);
                        return Ok((addrs[at].clone(), answer));
                    }
                    Some((_, Err(error))) => tried.push(error),
                    None => return Err(Error::NamesUnreachable(tried)),
                },
                () = tokio::time::sleep(PATIENCE), if more.is_some() => {}
            }
        }
    }
}
