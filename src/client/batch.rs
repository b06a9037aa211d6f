//! Several messages of one topic in one request, stored together in one queue.
//!
//! Source: `MessageBatch`, `DefaultMQProducer.batch` of Apache RocketMQ. The bodies are not compressed, as there.

use crate::{
    error::Error,
    message::{Message, Properties},
    producer::Producer,
    route::Queue,
    sending::{Bounds, Ready, SendResult},
};
use protocol::{
    properties::{DELAY_LEVEL, TRANSACTION_PREPARED, UNIQUE_KEY, WAIT_STORE_MSG_OK},
    send::{BATCH_ITEM_MIN_LEN, push_batch_item},
    topic::RETRY_PREFIX,
};

/// What sending adds to a message's properties: its id and whether to wait, with their separators.
const ADDED_LEN: usize = UNIQUE_KEY.len() + 32 + 2 + WAIT_STORE_MSG_OK.len() + "true".len() + 2;

/// Cuts messages, in their order, into batches of at most `max_bytes`. A message that is larger is one of its own.
pub fn split_batch(messages: impl IntoIterator<Item = Message>, max_bytes: usize) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let len = BATCH_ITEM_MIN_LEN + message.body.len() + message.properties.as_str().len() + ADDED_LEN;
        match batches.last_mut() {
            Some(batch) if bytes + len <= max_bytes => batch.push(message),
            _ => {
                batches.push(vec![message]);
                bytes = 0;
            }
        }
        bytes += len;
    }
    batches
}

impl Producer {
    /// Sends messages of one topic with one request to its next queue, and again to another broker if that fails. They
    /// are stored together or not at all. Returns the result of each, in their order.
    ///
    /// # Errors
    /// As [`Producer::send`]; [`Error::Batch`] if they cannot go together; [`Error::TooLarge`] if they have more bytes
    /// together than one message may: see [`split_batch`].
    pub async fn send_batch(&self, messages: impl IntoIterator<Item = Message>) -> Result<Vec<SendResult>, Error> {
        each(self.send_ready(&self.ready_batch(messages)?).await?)
    }

    /// [`Producer::send_batch`] to one queue, once.
    ///
    /// # Errors
    /// As [`Producer::send_batch`], but [`Error::Unreachable`] for a broker that does not answer.
    pub async fn send_batch_to(
        &self,
        queue: &Queue,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Vec<SendResult>, Error> {
        each(self.send_ready_to(queue, &self.ready_batch(messages)?).await?)
    }

    fn ready_batch(&self, messages: impl IntoIterator<Item = Message>) -> Result<Ready, Error> {
        ready(messages, self.bounds(), self.now_ms())
    }
}

fn ready(messages: impl IntoIterator<Item = Message>, bounds: Bounds, now_ms: i64) -> Result<Ready, Error> {
    let mut body = Vec::new();
    let mut whole: Option<Ready> = None;
    for message in messages {
        let refused = |why: &str| Err(Error::Batch(format!("{why} (topic {})", message.topic)));
        if message.properties.get(DELAY_LEVEL).is_some_and(|level| level != "0") {
            return refused("a delayed message");
        }
        if message.properties.get(TRANSACTION_PREPARED) == Some("true") {
            return refused("a half message of a transaction");
        }
        if message.topic.starts_with(RETRY_PREFIX) {
            return refused("a message for a retry topic");
        }
        let wait = message.properties.get(WAIT_STORE_MSG_OK).unwrap_or("true").to_owned();
        if let Some(whole) = &whole {
            if *whole.topic != *message.topic {
                return refused("a message of another topic than the first");
            }
            if whole.properties().get(WAIT_STORE_MSG_OK) != Some(&wait) {
                return refused("a message that waits for the disk where the first does not, or the other way round");
            }
        }
        let item = Ready::new(message, Bounds { compress_from: usize::MAX, ..bounds }, now_ms)?;
        push_batch_item(item.flag(), item.body(), item.properties().as_str(), &mut body);
        match &mut whole {
            Some(whole) => {
                whole.message_id.push(',');
                whole.message_id.push_str(&item.message_id);
            }
            None => {
                let mut properties = Properties::default();
                properties.put(WAIT_STORE_MSG_OK, &wait);
                whole = Some(item.into_batch(properties));
            }
        }
    }
    let Some(whole) = whole else { return Err(Error::Batch("no message at all".to_owned())) };
    if body.len() > bounds.max_body {
        return Err(Error::TooLarge { what: "batch", len: body.len(), max: bounds.max_body });
    }
    Ok(whole.with_body(body.into()))
}

/// The result of each message from that of the batch, whose ids have commas between.
fn each(whole: SendResult) -> Result<Vec<SendResult>, Error> {
    let ids: Vec<&str> = whole.message_id.split(',').collect();
    let offset_ids: Vec<&str> = whole.offset_message_id.split(',').collect();
    if ids.len() != offset_ids.len() {
        let why =
            format!("{} messages of a batch got {} ids: {}", ids.len(), offset_ids.len(), whole.offset_message_id);
        return Err(Error::Batch(why));
    }
    let result = |(at, (id, offset_id)): (i64, (&&str, &&str))| SendResult {
        message_id: (*id).to_owned(),
        offset_message_id: (*offset_id).to_owned(),
        queue_offset: whole.queue_offset + at,
        ..whole.clone()
    };
    Ok((0..).zip(ids.iter().zip(&offset_ids)).map(result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{code::request, send};

    const BOUNDS: Bounds = Bounds { max_body: 10_000, compress_from: 100 };

    fn message(body: impl Into<bytes::Bytes>) -> Message {
        Message::new("T", body)
    }

    #[test]
    fn a_batch_goes_out_as_apaches_clients_send_it() {
        let tagged = message("one").with_tag("a").unwrap();
        let ready = ready([tagged, message(vec![b'x'; 500])], BOUNDS, 7).unwrap();
        let request = ready.request("G", &Queue::new("T", "b", 1));
        assert_eq!(request.code, request::SEND_BATCH_MESSAGE);
        assert_eq!((request.fields.get("m"), request.fields.get("f")), (Some("true"), Some("0")));
        assert_eq!(request.fields.get("i"), Some("WAIT\u{1}true\u{2}"));
        let items = send::split_batch(request.body.to_bytes()).unwrap();
        let ids: Vec<&str> = ready.message_id.split(',').collect();
        assert_eq!(items[0].properties, format!("TAGS\u{1}a\u{2}UNIQ_KEY\u{1}{}\u{2}WAIT\u{1}true\u{2}", ids[0]));
        assert_eq!((items.len(), ids.len(), items[1].body.len()), (2, 2, 500));
    }

    #[test]
    fn what_cannot_go_together_is_refused() {
        let error = |messages: Vec<Message>| ready(messages, BOUNDS, 7).err().unwrap().to_string();
        assert!(error(vec![]).contains("no message"));
        assert!(error(vec![message("x"), Message::new("U", "x")]).contains("another topic"));
        assert!(error(vec![message("x").with_property("DELAY", "3").unwrap()]).contains("delayed"));
        assert!(error(vec![Message::new("%RETRY%G", "x")]).contains("retry"));
        let hurried = message("x").with_property("WAIT", "false").unwrap();
        assert!(error(vec![message("x"), hurried]).contains("waits"));
        let large = vec![message(vec![0; 6000]), message(vec![0; 6000])];
        assert!(error(large).starts_with("the batch has 12"));
    }

    #[test]
    fn messages_are_cut_into_batches_that_fit() {
        let messages = || (0..100).map(|_| message(vec![0; 900]));
        let batches = split_batch(messages(), 10_000);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 100);
        assert!(batches.len() < 13, "{} batches", batches.len());
        assert!(batches.into_iter().all(|batch| ready(batch, BOUNDS, 7).is_ok()));
        assert_eq!(split_batch(messages(), 10).len(), 100, "what does not fit goes alone");
        assert!(split_batch([], 10).is_empty());
    }

    #[test]
    fn every_message_gets_its_own_result() {
        let whole = SendResult {
            status: crate::SendStatus::Ok,
            message_id: "a,b".into(),
            offset_message_id: "A,B".into(),
            queue: Queue::new("T", "b", 1),
            queue_offset: 7,
            transaction_id: None,
        };
        let results = each(whole.clone()).unwrap();
        let seen: Vec<_> =
            results.iter().map(|it| (&*it.message_id, &*it.offset_message_id, it.queue_offset)).collect();
        assert_eq!(seen, [("a", "A", 7), ("b", "B", 8)]);
        assert!(each(SendResult { offset_message_id: "A".into(), ..whole }).is_err());
    }
}
