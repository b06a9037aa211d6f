//! One message by its id: the one its broker gave it, or the one its producer gave it.
//!
//! The two cannot be told apart by their form. The broker's id names an address: it is taken for one if a broker of
//! the cluster has that address. Source: `QueryMsgByIdSubCommand`, `MQAdminImpl.viewMessage` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, KeyQuery, admin::malformed};
use client::Received;
use futures_util::{StreamExt, stream};
use protocol::{
    Command,
    code::{request, response},
    pull::ViewMessage,
    record::{self, MessageId},
    topic::{RETRY_PREFIX, is_system_topic},
};
use std::sync::Arc;

/// Most topics an id is looked for in when its topic is not given.
const MAX_TOPICS: usize = 1000;
const TOPICS_AT_ONCE: usize = 16;

impl Admin {
    /// The message with this id. A producer's id is looked for in `topic`, or in all topics if it is not given.
    ///
    /// # Errors
    /// [`Error::NoMessage`]; [`Error::NotSure`] if it was not found and some broker could not be asked.
    pub async fn message(&self, id: &str, topic: Option<&str>) -> Result<Received, Error> {
        let id = id.trim();
        if let Some(place) = MessageId::parse(id) {
            let brokers = self.brokers().await?;
            if let Some(broker) = brokers.iter().find(|broker| broker.addr == place.host.to_string()) {
                return self.view(id, place, broker).await;
            }
        }
        let topics = match topic {
            Some(topic) => vec![topic.to_owned()],
            None => self.topics_to_search(id).await?,
        };
        let asked = topics.len();
        let mut searches = stream::iter(topics)
            .map(|topic| async move { self.by_unique_id(id, &topic).await })
            .buffer_unordered(TOPICS_AT_ONCE);
        let (mut failed, mut unreachable) = (Vec::new(), false);
        while let Some(search) = searches.next().await {
            match search {
                Ok(message) => return Ok(message),
                Err(Error::NoMessage { .. }) => {}
                Err(error) if topic.is_some() => return Err(error),
                // Deleted since the list was asked.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    unreachable |= error.is_unreachable();
                    failed.push(error.to_string());
                }
            }
        }
        failed.sort_unstable();
        failed.dedup();
        if failed.is_empty() {
            let why = match topic {
                Some(topic) => format!("no broker of the cluster has its address, and topic {topic} does not hold it"),
                None => format!("no broker of the cluster has its address, and none of {asked} topics holds it"),
            };
            return Err(Error::NoMessage { id: id.to_owned(), why });
        }
        Err(Error::NotSure { id: id.to_owned(), failed, unreachable })
    }

    async fn topics_to_search(&self, id: &str) -> Result<Vec<String>, Error> {
        let mut topics = self.topics().await?;
        topics.retain(|topic| !is_system_topic(topic) && !topic.starts_with(RETRY_PREFIX));
        if topics.len() > MAX_TOPICS {
            let why =
                format!("no broker has its address, and {} topics are too many to search: name one", topics.len());
            return Err(Error::NoMessage { id: id.to_owned(), why });
        }
        Ok(topics)
    }

    async fn view(&self, id: &str, place: MessageId, broker: &BrokerRef) -> Result<Received, Error> {
        const ASKED: i32 = request::VIEW_MESSAGE_BY_ID;
        let missing = |why: String| Error::NoMessage { id: id.to_owned(), why };
        let header = ViewMessage { offset: place.physical_offset };
        let answer = match self.client.ask(&broker.addr, Command::request(ASKED).with_header(&header)).await {
            Ok(answer) => answer,
            // Brokers answer so when nothing begins at that place.
            Err(client::Error::Refused {
                code: response::SYSTEM_ERROR | response::QUERY_NOT_FOUND, remark, ..
            }) => {
                return Err(missing(format!("{broker} says: {remark}")));
            }
            Err(error) => return Err(error.into()),
        };
        let name: Arc<str> = broker.name.as_str().into();
        match record::decode(&answer.body.to_bytes(), true) {
            Ok(record::Entry::Message(record)) if record.physical_offset == place.physical_offset => {
                Ok(Received::from_record(record, &name))
            }
            Ok(_) => Err(missing(format!("no message of {broker} begins at {}", place.physical_offset))),
            Err(error) => Err(malformed(&broker.addr, ASKED, error)),
        }
    }

    async fn by_unique_id(&self, id: &str, topic: &str) -> Result<Received, Error> {
        let query = KeyQuery { max: 32, ..KeyQuery::new(topic, id) };
        let found = self.query(&query, true).await?;
        if let Some(message) = found.messages().into_iter().find(|message| message.message_id() == id) {
            return Ok(message.clone());
        }
        let failed: Vec<String> = found.failures().map(|(broker, error)| format!("{broker}: {error}")).collect();
        if failed.is_empty() {
            return Err(Error::NoMessage { id: id.to_owned(), why: format!("topic {topic} does not hold it") });
        }
        let unreachable = found.failures().any(|(_, error)| error.is_unreachable());
        Err(Error::NotSure { id: id.to_owned(), failed, unreachable })
    }
}
