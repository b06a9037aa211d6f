//! Which queues are this member's: asked regularly, at once when a broker says that members came or went, and soon
//! again while something is missing.
//!
//! Source: `RebalanceImpl`, `RebalancePushImpl` of Apache RocketMQ.

use crate::{
    client::{Client, malformed},
    error::Error,
    groups::Reset,
    member::Member,
    route::Queue,
};
use protocol::{
    Command,
    code::{request, response},
    heartbeat::{GroupMembers, GroupOf},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How soon to look again for a topic or for members that are missing; twice as long each time.
const SOON: Duration = Duration::from_secs(1);

/// Shares out queues until the consumer stops.
pub(crate) async fn run(member: Arc<Member>, mut resets: mpsc::UnboundedReceiver<Reset>) {
    let shutdown = member.tasks.shutdown().clone();
    let period = member.options.rebalance_period;
    let mut soon = SOON;
    // The brokers must know this member before they can name it.
    shutdown.run_until_cancelled(member.client.heartbeat()).await;
    loop {
        let Some(complete) = shutdown.run_until_cancelled(share_out(&member)).await else { return };
        let pause = if complete { period } else { soon.min(period) };
        soon = if complete { SOON } else { (soon * 2).min(period) };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = member.wake.notified() => {}
            // The queues are taken anew at once.
            Some(reset) = resets.recv() => member.reset(&reset).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Returns whether every topic and every list of members was there.
async fn share_out(member: &Arc<Member>) -> bool {
    let topics: Vec<String> = member.subscriptions.lock().keys().cloned().collect();
    let (mut complete, mut changed) = (true, false);
    for topic in &topics {
        match queues_of_me(member, topic).await {
            Ok(Some(mine)) => changed |= assign(member, topic, mine).await,
            Ok(None) => complete = false,
            Err(error) => {
                // A retry topic comes into being after the first heartbeat.
                tracing::debug!(group = member.group, topic, %error, "keeps the queues it has");
                complete = false;
            }
        }
    }
    let dropped: Vec<Queue> = member
        .queues
        .lock()
        .keys()
        .filter(|queue| !topics.iter().any(|topic| **topic == *queue.topic))
        .cloned()
        .collect();
    for queue in &dropped {
        member.release(queue).await;
    }
    if changed || !dropped.is_empty() {
        member.renew_subscriptions();
        member.client.heartbeat().await;
    }
    complete
}

/// This member's queues of a topic; `None` if the brokers do not know this member yet.
async fn queues_of_me(member: &Member, topic: &str) -> Result<Option<Vec<Queue>>, Error> {
    let route = member.client.route(topic).await?;
    if member.options.broadcast {
        return Ok(Some(route.readable().to_vec()));
    }
    let mut members = member.client.members(&member.group, topic).await?;
    members.sort_unstable();
    let me = member.client.id();
    if !members.iter().any(|member| member == me) {
        return Ok(None);
    }
    member.options.allocation.share(topic, route.readable(), &members, me).map(Some)
}

impl Client {
    /// The ids of a group's members, asked of any broker of the topic; none if nobody consumes for it now.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`], or if no broker of the topic can be asked.
    pub async fn members(&self, group: &str, topic: &str) -> Result<Vec<String>, Error> {
        const ASKED: i32 = request::GET_CONSUMER_LIST_BY_GROUP;
        let route = self.route(topic).await?;
        let brokers = &route.data().broker_datas;
        let mut addrs: Vec<&str> = brokers.iter().filter_map(|broker| broker.addr()).collect();
        if !addrs.is_empty() {
            let first: usize = rand::random::<u16>().into();
            let count = addrs.len();
            addrs.rotate_left(first % count);
        }
        // A slave may not have heard of every member yet: it is asked where nobody else answers.
        addrs.extend(brokers.iter().flat_map(|broker| broker.broker_addrs.values().skip(1).map(String::as_str)));
        let header = GroupOf { consumer_group: group.to_owned() };
        let mut last =
            Error::NoQueue { topic: topic.to_owned(), what: "readable", why: "its route names no broker".to_owned() };
        for addr in addrs {
            match self.ask(addr, Command::request(ASKED).with_header(&header)).await {
                Ok(answer) => {
                    let members = answer.json::<GroupMembers>().map_err(|error| malformed(addr, ASKED, error))?;
                    return Ok(members.consumer_id_list);
                }
                // How brokers say that the group has no member.
                Err(error) if error.refusal_code() == Some(response::SYSTEM_ERROR) => return Ok(Vec::new()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Makes `mine` the queues of the topic that this member reads. Returns whether that is a change.
async fn assign(member: &Arc<Member>, topic: &str, mine: Vec<Queue>) -> bool {
    let mine: BTreeSet<Queue> = mine.into_iter().collect();
    let had: BTreeSet<Queue> = member.queues.lock().keys().filter(|queue| *queue.topic == *topic).cloned().collect();
    for queue in had.difference(&mine) {
        member.release(queue).await;
    }
    for queue in mine.difference(&had) {
        member.take(queue.clone(), None);
    }
    let changed = mine != had;
    if changed {
        tracing::info!(group = member.group, topic, had = had.len(), has = mine.len(), "queues were shared out anew");
    }
    changed
}
