//! `rmq group delete`: brokers forget a group.

use crate::{
    answer::Style,
    failure::{Failure, Kind},
    places::{self, At},
    reach::Reach,
};
use admin::{Error, Outcome, PerBroker, Where};
use futures_util::future::join_all;
use protocol::topic::GroupTable;

/// Let brokers forget a group
///
/// Its dead letters stay where they are: see `rmq dlq`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its name
    group: String,
    /// Also how far it has come: one of that name begins anew
    #[arg(long)]
    offsets: bool,
    /// Also while members are connected, who make it anew if brokers allow that
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Does it.
///
/// # Errors
/// If there is no such group, it has members, or some broker does not do it.
pub async fn delete(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, offsets, force, at, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let deleted = reach.within(async {
        let place = at.place();
        let everywhere = Where::Everywhere;
        let (settings, members) = tokio::try_join!(admin.group_settings(&place), admin.consumers(&group, &everywhere))?;
        let is_known = settings.answers().any(|(_, table)| table.subscription_group_table.contains_key(&group));
        if !is_known && settings.is_complete() {
            return Err(Failure::no_group(&group));
        }
        let connected = members.answers().filter_map(|(_, members)| members.as_ref());
        let connected = connected.flat_map(|members| &members.connection_set).map(|member| &member.client_id);
        if let (Some(member), false) = (connected.min(), force) {
            let failure = Failure::new(Kind::Failed, format!("group {group} has members: {member} is connected"));
            return Err(failure.code("GROUP_HAS_MEMBERS").target(&group).hint("stop them first, or give --force"));
        }
        // A broker that has not answered is not asked again: there is no time left for it.
        let order = |outcome: Outcome<GroupTable>| async {
            let Outcome { broker, result } = outcome;
            let place = Where::Broker(broker.addr.clone());
            let result = match result {
                Ok(_) => admin.delete_group(&group, offsets, &place).await.and_then(only),
                Err(error) => Err(error),
            };
            Outcome { broker, result }
        };
        Ok(PerBroker(join_all(settings.0.into_iter().map(order)).await))
    });
    let deleted = deleted.await?;
    places::answer("group", &group, "deleted", &places::at_brokers(&deleted)).print(style)
}

/// What the one broker that was asked did.
fn only(done: PerBroker<()>) -> Result<(), Error> {
    done.0.into_iter().try_for_each(|outcome| outcome.result)
}
