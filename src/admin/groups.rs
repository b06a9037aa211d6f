//! Groups and topics as brokers see them: how far groups have come, where queues end, who is connected, what was counted.
//!
//! A question for all brokers is answered broker by broker; a slave knows the same of groups as its master, so that only
//! masters are asked. Source: `MQAdminExt` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, PerBroker, Where, admin::read};
use protocol::{
    Command,
    ask_client::{ConsumeDirectly, ConsumeResult, RunningInfo, RunningInfoOf},
    code::request,
    connections::{ConsumerConnections, ProducerConnections, ProducerTable, ProducersOf},
    consume_stats::{AllConsumeStats, BrokerConsumeStats, ConsumeStats, ConsumeStatsOf, TimeSpans, TimeSpansOf},
    heartbeat::GroupOf,
    readers::{CloneOffsets, GroupList},
    topic::{DeleteGroup, GroupTable, NamedTopic},
    topic_stats::{StatsData, StatsOf, TopicStats},
};
use serde::{Serialize, de::DeserializeOwned};

impl Admin {
    /// How far a group has come on each master, in one topic or in all that it reads.
    ///
    /// # Errors
    /// If no name server answers, or `place` means no broker.
    pub async fn consume_stats(
        &self,
        group: &str,
        topic: Option<&str>,
        place: &Where,
    ) -> Result<PerBroker<ConsumeStats>, Error> {
        let header = ConsumeStatsOf { consumer_group: group.to_owned(), topic: topic.map(str::to_owned) };
        self.of_masters(place, request::GET_CONSUME_STATS, &header).await
    }

    /// How far all groups of a broker have come.
    ///
    /// # Errors
    /// If it cannot be asked or refuses.
    pub async fn all_consume_stats(&self, addr: &str) -> Result<BrokerConsumeStats, Error> {
        self.of(addr, request::GET_BROKER_CONSUME_STATS, &AllConsumeStats { is_order: false }).await
    }

    /// How late a group is in a topic on each master, by the times of messages.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn time_spans(&self, group: &str, topic: &str, place: &Where) -> Result<PerBroker<TimeSpans>, Error> {
        let header = TimeSpansOf { topic: topic.to_owned(), group: group.to_owned() };
        self.of_masters(place, request::QUERY_CONSUME_TIME_SPAN, &header).await
    }

    /// Where the queues of a topic begin and end on each master.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`]. A master without the topic refuses.
    pub async fn topic_stats(&self, topic: &str, place: &Where) -> Result<PerBroker<TopicStats>, Error> {
        let header = NamedTopic { topic: topic.to_owned(), cluster_name: None };
        self.of_masters(place, request::GET_TOPIC_STATS_INFO, &header).await
    }

    /// The groups that read a topic, or did, as each master knows them.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn readers(&self, topic: &str, place: &Where) -> Result<PerBroker<GroupList>, Error> {
        let header = NamedTopic { topic: topic.to_owned(), cluster_name: None };
        self.of_masters(place, request::QUERY_TOPIC_CONSUME_BY_WHO, &header).await
    }

    /// The consumers of a group that are connected to each master; `None` at those that none is connected to.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn consumers(&self, group: &str, place: &Where) -> Result<PerBroker<Option<ConsumerConnections>>, Error> {
        let header = GroupOf { consumer_group: group.to_owned() };
        let ask = |broker: BrokerRef| {
            let header = header.clone();
            async move {
                match self.of(&broker.addr, request::GET_CONSUMER_CONNECTION_LIST, &header).await {
                    Err(error) if error.refusal_code() == Some(protocol::code::response::CONSUMER_NOT_ONLINE) => {
                        Ok(None)
                    }
                    answered => answered.map(Some),
                }
            }
        };
        self.ask_masters(place, ask).await
    }

    /// The producers of a group that are connected to each master. One that none is connected to refuses.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn producers(&self, group: &str, place: &Where) -> Result<PerBroker<ProducerConnections>, Error> {
        let header = ProducersOf { producer_group: group.to_owned() };
        self.of_masters(place, request::GET_PRODUCER_CONNECTION_LIST, &header).await
    }

    /// The producers of all groups that are connected to each master. Brokers before 4.9.8 do not tell.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn all_producers(&self, place: &Where) -> Result<PerBroker<ProducerTable>, Error> {
        self.of_masters(place, request::GET_ALL_PRODUCER_INFO, &Nothing {}).await
    }

    /// What each master counted: see [`protocol::topic_stats::stats_name`].
    ///
    /// # Errors
    /// As [`Admin::consume_stats`]. A master that counted no such thing refuses.
    pub async fn counted(&self, name: &str, key: &str, place: &Where) -> Result<PerBroker<StatsData>, Error> {
        let header = StatsOf { stats_name: name.to_owned(), stats_key: key.to_owned() };
        self.of_masters(place, request::VIEW_BROKER_STATS_DATA, &header).await
    }

    /// How a consumer that is connected to the broker runs.
    ///
    /// # Errors
    /// If the broker cannot be asked, the consumer is not connected to it, or does not answer.
    pub async fn running_info(&self, addr: &str, group: &str, client_id: &str) -> Result<RunningInfo, Error> {
        let (consumer_group, client_id) = (group.to_owned(), client_id.to_owned());
        let header = RunningInfoOf { consumer_group, client_id, jstack_enable: false };
        self.of(addr, request::GET_CONSUMER_RUNNING_INFO, &header).await
    }

    /// Has a consumer handle a message of the broker now.
    ///
    /// # Errors
    /// As [`Admin::running_info`], and if there is no such message.
    pub async fn consume_directly(
        &self,
        addr: &str,
        group: &str,
        client_id: &str,
        offset_message_id: &str,
    ) -> Result<ConsumeResult, Error> {
        let header = ConsumeDirectly {
            consumer_group: group.to_owned(),
            client_id: Some(client_id.to_owned()),
            msg_id: Some(offset_message_id.to_owned()),
            broker_name: None,
        };
        self.of(addr, request::CONSUME_MESSAGE_DIRECTLY, &header).await
    }

    /// How each master treats its groups.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn group_settings(&self, place: &Where) -> Result<PerBroker<GroupTable>, Error> {
        self.of_masters(place, request::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &Nothing {}).await
    }

    /// Deletes a group at each master, and how far it has come if `with_offsets`. A master without the group does nothing.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`]. What each master did is in the answer.
    pub async fn delete_group(&self, group: &str, with_offsets: bool, place: &Where) -> Result<PerBroker<()>, Error> {
        let header = DeleteGroup { group_name: group.to_owned(), remove_offset: with_offsets };
        self.order(place, &Command::request(request::DELETE_SUBSCRIPTIONGROUP).with_header(&header)).await
    }

    /// Has a group go on where another one is, at each master.
    ///
    /// # Errors
    /// As [`Admin::consume_stats`].
    pub async fn clone_offsets(&self, clone: &CloneOffsets, place: &Where) -> Result<PerBroker<()>, Error> {
        self.order(place, &Command::request(request::CLONE_GROUP_OFFSET).with_header(clone)).await
    }

    pub(crate) async fn of_masters<T: DeserializeOwned>(
        &self,
        place: &Where,
        code: i32,
        header: &impl Serialize,
    ) -> Result<PerBroker<T>, Error> {
        self.ask_masters(place, |broker| async move { self.of(&broker.addr, code, header).await }).await
    }

    pub(crate) async fn of<T: DeserializeOwned>(
        &self,
        addr: &str,
        code: i32,
        header: &impl Serialize,
    ) -> Result<T, Error> {
        let answer = self.client.ask(addr, Command::request(code).with_header(header)).await?;
        read(&answer, addr, code)
    }
}

/// A header without fields.
#[derive(Serialize)]
pub(crate) struct Nothing {}
