//! Who is connected: the consumers of a group (203), the producers of one (204) and of all (328), what a group subscribes to
//! (345), and what is passed on to a consumer: how it runs (307), and to handle a message now (309).
//!
//! Source: `AdminBrokerProcessor` of Apache RocketMQ 4.9.8, for 345 of 5.3.3.

use crate::{broker::Broker, clients::Member, refusal::Refusal, send::unmapped};
use protocol::{
    Command,
    ask_client::{ConsumeDirectly, RunningInfoOf},
    code::{request_title, response},
    connections::{
        Connection, ConsumerConnections, ProducerConnections, ProducerInfo, ProducerTable, ProducersOf,
        SubscriptionAnswer, SubscriptionOf,
    },
    heartbeat::GroupOf,
    record::MessageId,
};
use remoting::{Answers, Error, Peer, Receipt};
use std::{sync::Arc, time::Duration};

type Answered = Result<Command, Refusal>;

/// How long a client may take to answer. Source: `Broker2Client.callClient`.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first version whose consumers answer. Source: `MQVersion.V3_1_8_SNAPSHOT`.
const FIRST_TO_ANSWER: i32 = 62;

fn connection(member: &Member) -> Connection {
    Connection {
        client_addr: unmapped(member.peer.remote()).to_string(),
        client_id: member.client_id.clone(),
        language: member.language.name().to_owned(),
        version: member.version,
    }
}

fn connections<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<Connection> {
    let mut all: Vec<_> = members.map(connection).collect();
    all.sort_unstable();
    all
}

/// The consumers of a group (203).
pub fn consumers(broker: &Broker, request: &Command) -> Answered {
    let GroupOf { consumer_group } = request.header()?;
    let Some(group) = broker.clients().group(&consumer_group) else {
        let remark = format!("the consumer group[{consumer_group}] not online");
        return Err(Refusal::new(response::CONSUMER_NOT_ONLINE, remark));
    };
    Ok(Command::success().with_json(&ConsumerConnections {
        connection_set: connections(group.members()),
        consume_from_where: group.consume_from,
        consume_type: group.consume_type,
        message_model: group.message_model,
        subscription_table: group.subscriptions().map(|said| (said.topic.clone(), said.clone())).collect(),
    }))
}

/// The producers of a group (204).
pub fn producers(broker: &Broker, request: &Command) -> Answered {
    let ProducersOf { producer_group } = request.header()?;
    let members = broker.clients().producers(&producer_group);
    if members.is_empty() {
        let remark = format!("the producer group[{producer_group}] not exist");
        return Err(Refusal::new(response::SYSTEM_ERROR, remark));
    }
    Ok(Command::success().with_json(&ProducerConnections { connection_set: connections(members.iter()) }))
}

/// The producers of all groups (328).
pub fn all_producers(broker: &Broker) -> Answered {
    let info = |member: &Member| ProducerInfo {
        client_id: member.client_id.clone(),
        language: member.language.name().to_owned(),
        last_update_timestamp: member.heard_ms,
        remote_ip: format!("/{}", unmapped(member.peer.remote())),
        version: member.version,
    };
    let groups = broker.clients().all_producers().into_iter();
    let data = groups.map(|(group, members)| (group, members.iter().map(info).collect())).collect();
    Ok(Command::success().with_json(&ProducerTable { data }))
}

/// What a group wants of a topic (345).
pub fn subscription(broker: &Broker, request: &Command) -> Answered {
    let SubscriptionOf { group, topic } = request.header()?;
    let wanted = broker.clients().subscription(&group, &topic).and_then(|(_, wanted)| wanted);
    let subscription_data = wanted.map(|wanted| wanted.said.clone());
    Ok(Command::success().with_json(&SubscriptionAnswer { group, subscription_data, topic }))
}

/// Asks a consumer how it runs (307).
pub fn running_info(broker: &Broker, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let found = || {
        let RunningInfoOf { consumer_group, client_id, .. } = request.header()?;
        find(broker, &consumer_group, &client_id)
    };
    match found() {
        Ok(peer) => pass_on(
            peer,
            Command { fields: request.fields.clone(), ..Command::request(request.code) },
            receipt,
            answers,
        ),
        Err(refusal) => answers.now(receipt, refusal.answer()),
    }
}

/// Has a consumer handle a message now (309).
pub fn consume_directly(broker: &Broker, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let prepare = || {
        let asked: ConsumeDirectly = request.header()?;
        let refuse = |why: String| Refusal::new(response::SYSTEM_ERROR, why);
        let client_id = asked.client_id.as_deref().unwrap_or_default();
        let peer = find(broker, &asked.consumer_group, client_id)?;
        let id = asked.msg_id.as_deref().unwrap_or_default();
        let lies =
            MessageId::parse(id).ok_or_else(|| refuse(format!("{id:?} is not the id of where a message lies")))?;
        let record = broker.store().record_at(lies.physical_offset);
        let record = record
            .ok_or_else(|| refuse(format!("no message begins at offset {} of the commit log", lies.physical_offset)))?;
        let mut fields = request.fields.clone();
        fields.set("brokerName", &broker.config().broker_name);
        Ok((peer, Command { fields, ..Command::request(request.code) }.with_body(record)))
    };
    let prepared: Result<_, Refusal> = prepare();
    match prepared {
        Ok((peer, passed)) => pass_on(peer, passed, receipt, answers),
        Err(refusal) => answers.now(receipt, refusal.answer()),
    }
}

/// The connection of a member that can answer.
fn find(broker: &Broker, group: &str, client_id: &str) -> Result<Arc<Peer>, Refusal> {
    let refuse = |why| Refusal::new(response::SYSTEM_ERROR, why);
    let found = broker.clients().member_of(group, client_id);
    let member = found.ok_or_else(|| refuse(format!("The Consumer <{group}> <{client_id}> not online")))?;
    match member.version {
        FIRST_TO_ANSWER.. => Ok(member.peer),
        version => Err(refuse(format!("the consumer <{client_id}> is too old to answer: its version is {version}"))),
    }
}

/// Asks a client, and answers what it answers.
fn pass_on(peer: Arc<Peer>, request: Command, receipt: Receipt, answers: &mut Answers) {
    answers.later(receipt, async move {
        let what = request_title(request.code);
        Some(match peer.call(request, PATIENCE).await {
            Ok(answer) => answer,
            Err(error @ (Error::TimedOut { .. } | Error::Busy { .. })) => {
                Command::refusal(response::CONSUME_MSG_TIMEOUT, format!("the consumer did not answer {what}: {error}"))
            }
            Err(error) => {
                Command::refusal(response::SYSTEM_ERROR, format!("the consumer cannot be asked {what}: {error}"))
            }
        })
    });
}
