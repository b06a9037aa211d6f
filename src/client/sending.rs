//! One message made ready to be sent, and the answer to it: the bytes of sending.
//!
//! Source: `DefaultMQProducerImpl.sendKernelImpl`, `MQClientAPIImpl.processSendResponse`, `Validators` of Apache RocketMQ.

use crate::{
    client::{malformed, refused},
    compression,
    error::Error,
    message::{Message, Properties},
    route::Queue,
    routes::NEW_TOPIC_QUEUES,
    unique_id,
};
use bytes::Bytes;
use protocol::{
    Command,
    code::{request, response},
    properties::{
        MAX_PROPERTIES_LEN, MAX_RECONSUME_TIMES, RECONSUME_TIME, TRANSACTION_PREPARED, UNIQUE_KEY, WAIT_STORE_MSG_OK,
    },
    record::SysFlag,
    send::SendHeader,
    topic::{AUTO_CREATE_TOPIC, RETRY_PREFIX, check_topic, is_closed_to_clients},
};
use std::sync::Arc;

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus {
    /// As far as the broker is set up to take it.
    Ok,
    /// Stored, but not known to be on disk in time.
    FlushDiskTimeout,
    /// Stored, but not known to be on a slave in time.
    FlushSlaveTimeout,
    /// Stored, but there is no slave that could take it.
    SlaveNotAvailable,
}

impl SendStatus {
    /// As Apache's tools write it: `SEND_OK`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }

    fn from_code(code: i32) -> Option<Self> {
        match code {
            response::SUCCESS => Some(Self::Ok),
            response::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            response::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            response::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }
}

/// A message that was stored, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct SendResult {
    /// How far it got.
    pub status: SendStatus,
    /// The id its producer gave it.
    pub message_id: String,
    /// The id the broker gave it: where it lies.
    pub offset_message_id: String,
    /// Its queue.
    pub queue: Queue,
    /// Its index in the queue.
    pub queue_offset: i64,
    /// Its transaction, for half messages.
    pub transaction_id: Option<String>,
}

/// A message as it goes out, the same for every attempt.
pub(crate) struct Ready {
    pub(crate) topic: Arc<str>,
    pub(crate) message_id: String,
    body: Bytes,
    flag: i32,
    sys_flag: i32,
    properties: Properties,
    born_ms: i64,
    reconsume_times: i32,
    max_reconsume_times: Option<i32>,
    batch: bool,
}

/// What a message may be, and when it is compressed.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_body: usize,
    pub(crate) compress_from: usize,
}

impl Ready {
    pub(crate) fn new(message: Message, bounds: Bounds, now_ms: i64) -> Result<Self, Error> {
        let Message { topic, body, flag, mut properties } = message;
        check_topic(&topic)?;
        if is_closed_to_clients(&topic) {
            return Err(Error::TopicReserved(topic.to_string()));
        }
        if body.is_empty() {
            return Err(Error::EmptyBody(topic.to_string()));
        }
        if body.len() > bounds.max_body {
            return Err(Error::TooLarge { what: "body", len: body.len(), max: bounds.max_body });
        }
        let message_id = match properties.get(UNIQUE_KEY) {
            // Given when the message was first sent: it is being sent again.
            Some(id) => id.to_owned(),
            None => {
                let id = unique_id::next(now_ms);
                properties.reserve(UNIQUE_KEY.len() + id.len() + WAIT_STORE_MSG_OK.len() + 10);
                properties.put(UNIQUE_KEY, &id);
                id
            }
        };
        if properties.get(WAIT_STORE_MSG_OK).is_none() {
            properties.put(WAIT_STORE_MSG_OK, "true");
        }
        let (mut reconsume_times, mut max_reconsume_times) = (0, None);
        if topic.starts_with(RETRY_PREFIX) {
            // In a retry topic these stand in the header.
            let mut take = |name: &str| {
                let value = properties.get(name).and_then(|value| value.parse().ok());
                properties.remove(name);
                value
            };
            reconsume_times = take(RECONSUME_TIME).unwrap_or(0);
            max_reconsume_times = take(MAX_RECONSUME_TIMES);
        }
        let len = properties.as_str().len();
        if len > MAX_PROPERTIES_LEN {
            return Err(Error::TooLarge { what: "property string", len, max: MAX_PROPERTIES_LEN });
        }
        let mut sys_flag = 0;
        if properties.get(TRANSACTION_PREPARED) == Some("true") {
            sys_flag |= SysFlag::TRANSACTION_PREPARED;
        }
        let squeezed = if body.len() >= bounds.compress_from { compression::squeeze(&body) } else { None };
        if squeezed.is_some() {
            sys_flag |= SysFlag::COMPRESSED;
        }
        Ok(Self {
            topic,
            message_id,
            body: squeezed.unwrap_or(body),
            flag,
            sys_flag,
            properties,
            born_ms: now_ms,
            reconsume_times,
            max_reconsume_times,
            batch: false,
        })
    }

    /// A batch that begins with this message.
    pub(crate) fn into_batch(self, properties: Properties) -> Self {
        Self { properties, flag: 0, batch: true, ..self }
    }

    pub(crate) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn flag(&self) -> i32 {
        self.flag
    }

    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }

    /// What it is sent as.
    fn code(&self) -> i32 {
        if self.batch { request::SEND_BATCH_MESSAGE } else { request::SEND_MESSAGE_V2 }
    }

    /// The request that stores the message in `queue`.
    pub(crate) fn request(&self, group: &str, queue: &Queue) -> Command {
        let header = SendHeader {
            producer_group: group,
            topic: &self.topic,
            default_topic: AUTO_CREATE_TOPIC,
            default_topic_queue_nums: NEW_TOPIC_QUEUES,
            queue_id: queue.id,
            sys_flag: self.sys_flag,
            born_ms: self.born_ms,
            flag: self.flag,
            properties: self.properties.as_str(),
            reconsume_times: self.reconsume_times,
            unit_mode: false,
            batch: self.batch,
            max_reconsume_times: self.max_reconsume_times,
        };
        let mut request = Command::request(self.code());
        request.fields = header.write(&queue.broker);
        request.body = self.body.clone().into();
        request
    }

    /// What the broker's answer says.
    pub(crate) fn result(&self, addr: &str, queue: &Queue, answer: Command) -> Result<SendResult, Error> {
        let asked = self.code();
        let Some(status) = SendStatus::from_code(answer.code) else {
            return Err(refused(addr, asked, answer));
        };
        let field = |name: &str| answer.fields.get(name).ok_or_else(|| malformed(addr, asked, format!("no {name}")));
        let number = |name: &str| {
            let text = field(name)?;
            text.parse::<i64>().map_err(|_| malformed(addr, asked, format!("{name} is {text:?}")))
        };
        let id = i32::try_from(number("queueId")?).map_err(|_| malformed(addr, asked, "queueId is out of range"))?;
        Ok(SendResult {
            status,
            message_id: self.message_id.clone(),
            offset_message_id: field("msgId")?.to_owned(),
            queue: Queue { id, ..queue.clone() },
            queue_offset: number("queueOffset")?,
            transaction_id: answer.fields.get("transactionId").filter(|id| !id.is_empty()).map(str::to_owned),
        })
    }
}

/// Whether another broker may take what this one refused. Source: `DefaultMQProducer.retryResponseCodes`.
pub(crate) fn may_retry(error: &Error) -> bool {
    match error {
        Error::Unreachable(_) => true,
        Error::Refused { code, .. } => matches!(
            *code,
            response::TOPIC_NOT_EXIST
                | response::SERVICE_NOT_AVAILABLE
                | response::SYSTEM_ERROR
                | response::NO_PERMISSION
                | response::NO_BUYER_ID
                | response::NOT_IN_CURRENT_UNIT
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { max_body: 10_000, compress_from: 4096 };
    const NOW_MS: i64 = 1_795_359_440_477;

    fn ready(message: Message) -> Result<Ready, Error> {
        Ready::new(message, BOUNDS, NOW_MS)
    }

    #[test]
    fn a_message_goes_out_as_apaches_clients_send_it() {
        let message = Message::new("T", "body").with_tag("a").unwrap().with_keys(["k"]).unwrap();
        let ready = ready(message).unwrap();
        let request = ready.request("G", &Queue::new("T", "broker-a", 3));
        let id = &ready.message_id;
        let properties = format!("TAGS\u{1}a\u{2}KEYS\u{1}k\u{2}UNIQ_KEY\u{1}{id}\u{2}WAIT\u{1}true\u{2}");
        let fields: Vec<_> = request.fields.iter().collect();
        let expected = [
            ("a", "G"),
            ("b", "T"),
            ("c", "TBW102"),
            ("d", "4"),
            ("e", "3"),
            ("f", "0"),
            ("g", "1795359440477"),
            ("h", "0"),
            ("i", &properties),
            ("j", "0"),
            ("k", "false"),
            ("m", "false"),
            ("n", "broker-a"),
        ];
        assert_eq!(fields, expected);
        assert_eq!((request.code, request.body.to_bytes()), (310, Bytes::from_static(b"body")));
    }

    #[test]
    fn large_bodies_go_out_compressed_and_flagged() {
        let body = Bytes::from(vec![b'x'; 4096]);
        let large = ready(Message::new("T", body.clone())).unwrap();
        let request = large.request("G", &Queue::new("T", "b", 0));
        assert_eq!(request.fields.get("f"), Some("1"));
        assert_eq!(compression::unfold(&request.body.to_bytes(), SysFlag(1)).unwrap(), body);
        let small = ready(Message::new("T", body.slice(1..))).unwrap();
        assert_eq!(small.request("G", &Queue::new("T", "b", 0)).fields.get("f"), Some("0"));
    }

    #[test]
    fn a_message_for_a_retry_topic_tells_its_times_in_the_header() {
        let message = Message::new("%RETRY%G", "x").with_property(RECONSUME_TIME, "4").unwrap();
        let ready = ready(message.with_property(MAX_RECONSUME_TIMES, "16").unwrap()).unwrap();
        let request = ready.request("P", &Queue::new("%RETRY%G", "b", 0));
        assert_eq!(["j", "l"].map(|name| request.fields.get(name)), [Some("4"), Some("16")]);
        assert!(!request.fields.get("i").unwrap().contains("RECONSUME"));
    }

    #[test]
    fn what_no_broker_would_store_is_refused_here() {
        let error = |message| ready(message).err().unwrap().to_string();
        assert!(error(Message::new("a b", "x")).contains("\"a b\""));
        assert!(error(Message::new("SCHEDULE_TOPIC_XXXX", "x")).contains("SCHEDULE_TOPIC_XXXX"));
        assert!(error(Message::new("T", "")).contains("empty body"));
        assert_eq!(error(Message::new("T", vec![0; 10_001])), "the body has 10001 bytes, the most is 10000");
        let wide = Message::new("T", "x").with_property("p", &"v".repeat(MAX_PROPERTIES_LEN)).unwrap();
        assert!(error(wide).starts_with("the property string has"));
    }

    #[test]
    fn an_answer_says_how_far_the_message_got() {
        let ready = ready(Message::new("T", "x")).unwrap();
        let queue = Queue::new("T", "b", 0);
        let mut answer = Command::answer(response::FLUSH_SLAVE_TIMEOUT);
        answer.fields = [("msgId", "ID"), ("queueId", "2"), ("queueOffset", "7")].into_iter().collect();
        let result = ready.result("addr", &queue, answer.clone()).unwrap();
        assert_eq!(result.status, SendStatus::FlushSlaveTimeout);
        assert_eq!((result.queue.id, result.queue_offset, &*result.offset_message_id), (2, 7, "ID"));
        answer.fields.set("queueOffset", "x");
        assert!(ready.result("addr", &queue, answer).unwrap_err().to_string().contains("queueOffset is \"x\""));
        let no = Command::refusal(response::MESSAGE_ILLEGAL, "too bad");
        let error = ready.result("addr", &queue, no).unwrap_err();
        assert_eq!(error.to_string(), "addr refused SEND_MESSAGE_V2 (310): MESSAGE_ILLEGAL (13): too bad");
        assert!(!may_retry(&error));
    }
}
