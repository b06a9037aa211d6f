//! `rmq broker drain` and `undrain`: producers go to other brokers, consumers stay until everything is read.

use crate::{answer::Style, failure::Failure, places, reach::Reach};
use admin::{Error, Where};

/// Send producers to other brokers, so that this one can be stopped once it is read
///
/// Every name server takes its queues out of writing; producers notice within 30 s. It lasts until `rmq broker undrain`, a
/// start of the name servers, or a change of the broker's topics.
#[derive(Debug, clap::Args)]
pub struct Drain {
    #[command(flatten)]
    pub(super) of: Of,
}

/// Let producers send to a broker again
#[derive(Debug, clap::Args)]
pub struct Undrain {
    #[command(flatten)]
    pub(super) of: Of,
}

#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The broker's name
    broker: String,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Takes a broker out of writing.
///
/// # Errors
/// If there is no such master, or some name server does not do it.
pub async fn drain(arguments: Drain) -> Result<(), Failure> {
    set(arguments.of, false).await
}

/// Puts it back.
///
/// # Errors
/// As [`drain`].
pub async fn undrain(arguments: Undrain) -> Result<(), Failure> {
    set(arguments.of, true).await
}

async fn set(of: Of, writable: bool) -> Result<(), Failure> {
    let Of { broker, style, reach } = of;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let done = reach.within(async {
        // Name servers count the topics of a broker that they do not know, too: none.
        let masters = admin.masters(&Where::Broker(broker.clone())).await?;
        let name = masters.first().map_or(&broker, |master| &master.name);
        Ok(admin.set_writable(name, writable).await?)
    });
    let done: Vec<(String, Result<(), Error>)> =
        done.await?.into_iter().map(|(addr, result)| (addr, result.map(drop))).collect();
    let places: Vec<_> = places::at_name_servers(&done).collect();
    places::answer("broker", &broker, if writable { "undrained" } else { "drained" }, &places).print(style)
}
