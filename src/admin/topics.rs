//! Topics: which there are, where they live, creating, changing and deleting them.
//!
//! Source: `TopicListSubCommand`, `UpdateTopicSubCommand`, `DeleteTopicSubCommand` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, PerBroker, groups::Nothing};
use protocol::{
    Command,
    code::request,
    route::TopicRoute,
    topic::{AUTO_CREATE_TOPIC, CreateTopic, NamedTopic, TopicConfig, TopicList, TopicTable, check_topic},
};
use std::{collections::BTreeMap, fmt};

/// Which masters an order is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// All of them.
    Everywhere,
    /// Those of a cluster.
    Cluster(String),
    /// One broker, by its name or its address.
    Broker(String),
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("any cluster"),
            Self::Cluster(name) => write!(f, "cluster {name}"),
            Self::Broker(name) => write!(f, "broker {name}"),
        }
    }
}

/// What became of an order to delete a topic.
#[derive(Debug)]
pub struct Deleted {
    /// At the brokers.
    pub brokers: PerBroker<()>,
    /// At each name server, by its address.
    pub name_servers: Vec<(String, Result<(), Error>)>,
}

impl Deleted {
    /// Whether all of them did it.
    pub fn is_complete(&self) -> bool {
        self.brokers.is_complete() && self.name_servers.iter().all(|(_, result)| result.is_ok())
    }
}

impl Admin {
    /// Every topic the name servers know, in order.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn topics(&self) -> Result<Vec<String>, Error> {
        let list: TopicList = self.ask_names_for(Command::request(request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await?;
        let mut topics = list.topic_list;
        topics.sort_unstable();
        Ok(topics)
    }

    /// Where a topic lives.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`], or that of asking.
    pub async fn route(&self, topic: &str) -> Result<TopicRoute, Error> {
        let route = self.client.query_route(topic).await?;
        Ok(route.ok_or_else(|| client::Error::TopicNotFound { topic: topic.to_owned() })?)
    }

    /// Creates a topic, or changes it where it exists.
    ///
    /// # Errors
    /// If the name is none, or `place` means no broker. What each broker did is in the answer.
    pub async fn create_topic(&self, topic: &TopicConfig, place: &Where) -> Result<PerBroker<()>, Error> {
        check_topic(&topic.topic_name).map_err(client::Error::from)?;
        self.order(place, &put(topic)).await
    }

    /// Sets topics that exist, each broker's by itself: they may differ from broker to broker.
    pub async fn put_topics(&self, topics: impl IntoIterator<Item = (BrokerRef, TopicConfig)>) -> PerBroker<()> {
        let topics: BTreeMap<BrokerRef, TopicConfig> = topics.into_iter().collect();
        let ask = |broker: BrokerRef| {
            let request = topics.get(&broker).map(put);
            async move {
                if let Some(request) = request {
                    self.client.ask(&broker.addr, request).await?;
                }
                Ok(())
            }
        };
        PerBroker::ask(topics.keys().cloned().collect(), ask).await
    }

    /// Deletes a topic at the brokers, with its messages, and then at every name server.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`], or if `place` means no broker. What each did is in the answer.
    pub async fn delete_topic(&self, topic: &str, place: &Where) -> Result<Deleted, Error> {
        self.route(topic).await?;
        let cluster_name = match place {
            Where::Cluster(name) => Some(name.clone()),
            Where::Everywhere | Where::Broker(_) => None,
        };
        let header = NamedTopic { topic: topic.to_owned(), cluster_name };
        let brokers =
            self.order(place, &Command::request(request::DELETE_TOPIC_IN_BROKER).with_header(&header)).await?;
        let mut name_servers = Vec::new();
        // Deleted at one broker only, the topic still lives at the others and the broker's next report tells.
        if !matches!(place, Where::Broker(_)) {
            for addr in self.client.name_servers().await? {
                let request = Command::request(request::DELETE_TOPIC_IN_NAMESRV).with_header(&header);
                let result = self.client.ask(&addr, request).await.map(drop).map_err(Error::from);
                name_servers.push((addr, result));
            }
        }
        Ok(Deleted { brokers, name_servers })
    }

    /// How each master holds its topics.
    ///
    /// # Errors
    /// If no name server answers, or `place` means no broker.
    pub async fn topic_settings(&self, place: &Where) -> Result<PerBroker<TopicTable>, Error> {
        self.of_masters(place, request::GET_ALL_TOPIC_CONFIG, &Nothing {}).await
    }

    pub(crate) async fn order(&self, place: &Where, request: &Command) -> Result<PerBroker<()>, Error> {
        let ask = |broker: crate::BrokerRef| async move {
            self.client.ask(&broker.addr, request.clone()).await?;
            Ok(())
        };
        self.ask_masters(place, ask).await
    }
}

/// The order to create a topic, or to change it where it exists.
fn put(topic: &TopicConfig) -> Command {
    let header = CreateTopic {
        topic: topic.topic_name.clone(),
        default_topic: AUTO_CREATE_TOPIC.to_owned(),
        read_queue_nums: topic.read_queue_nums,
        write_queue_nums: topic.write_queue_nums,
        perm: topic.perm,
        topic_filter_type: Some(topic.topic_filter_type.clone()),
        topic_sys_flag: Some(topic.topic_sys_flag),
        order: topic.order,
    };
    Command::request(request::UPDATE_AND_CREATE_TOPIC).with_header(&header)
}
