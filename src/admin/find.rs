//! Messages of a topic by their key: what the brokers' index is for.
//!
//! Source: `MQAdminImpl.queryMessage` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, PerBroker, admin::malformed};
use client::Received;
use protocol::{
    Command,
    code::{request, response},
    pull::QueryMessage,
    record,
};
use std::sync::Arc;

/// Which messages are looked for.
#[derive(Clone, Debug)]
pub struct KeyQuery {
    /// Topic.
    pub topic: String,
    /// Key.
    pub key: String,
    /// Stored at or after, ms.
    pub from_ms: i64,
    /// Stored at or before, ms.
    pub to_ms: i64,
    /// At most so many of each broker.
    pub max: i32,
}

impl KeyQuery {
    /// All messages of a topic with a key, at most 64 of each broker.
    pub fn new(topic: &str, key: &str) -> Self {
        Self { topic: topic.to_owned(), key: key.to_owned(), from_ms: 0, to_ms: i64::MAX, max: 64 }
    }
}

/// What each broker found.
pub type Found = PerBroker<Vec<Received>>;

impl Found {
    /// All messages found, the oldest first.
    pub fn messages(&self) -> Vec<&Received> {
        let mut messages: Vec<&Received> = self.answers().flat_map(|(_, messages)| messages).collect();
        messages.sort_by_key(|message| message.store_ms);
        messages
    }
}

impl Admin {
    /// The messages with a key, asked of one broker of each name that holds the topic.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`], or that of asking for the route. A broker that fails is in the answer.
    pub async fn find(&self, query: &KeyQuery) -> Result<Found, Error> {
        let found = self.query(query, false).await?;
        Ok(PerBroker(
            found
                .0
                .into_iter()
                .map(|mut outcome| {
                    // The index holds hashes: what it finds may have another key, or be of another topic.
                    if let Ok(messages) = &mut outcome.result {
                        messages.retain(|message| {
                            *message.topic == *query.topic && message.keys().any(|key| key == query.key)
                        });
                    }
                    outcome
                })
                .collect(),
        ))
    }

    /// What the brokers find by the hash of a key, or of a unique id.
    pub(crate) async fn query(&self, query: &KeyQuery, unique_key: bool) -> Result<Found, Error> {
        let route = self.route(&query.topic).await?;
        let brokers: Vec<BrokerRef> = route.broker_datas.iter().filter_map(BrokerRef::first_of).collect();
        let header = QueryMessage {
            topic: query.topic.clone(),
            key: query.key.clone(),
            max_num: query.max,
            begin_timestamp: query.from_ms,
            end_timestamp: query.to_ms,
            unique_key,
        };
        let request = Command::request(request::QUERY_MESSAGE).with_header(&header);
        let ask = |broker: BrokerRef| {
            let request = request.clone();
            async move {
                match self.client.ask(&broker.addr, request).await {
                    Ok(answer) => received(answer, &broker),
                    Err(error) if error.refusal_code() == Some(response::QUERY_NOT_FOUND) => Ok(Vec::new()),
                    Err(error) => Err(error.into()),
                }
            }
        };
        Ok(PerBroker::ask(brokers, ask).await)
    }
}

fn received(answer: Command, broker: &BrokerRef) -> Result<Vec<Received>, Error> {
    let records = record::decode_all(answer.body.to_bytes(), true)
        .map_err(|error| malformed(&broker.addr, request::QUERY_MESSAGE, error))?;
    let name: Arc<str> = broker.name.as_str().into();
    Ok(records.into_iter().map(|record| Received::from_record(record, &name)).collect())
}
