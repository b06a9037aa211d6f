//! Messages as they lie in queues: a page of them from an end, an index or a time on. No group's position is read or moved,
//! nothing is joined.
//!
//! A page of several queues is merged by the time at which their messages were stored. It says where it begins and ends in
//! each queue, so that the pages before and behind it can be asked for: [`Browsed::behind`], [`Browsed::before`].

use crate::{Admin, Error, dead_letters::TOOLS, first_topic, snapshot::Unknown};
use client::{PullConsumer, Queue, Received, Subscription};
use futures_util::{StreamExt, stream};
use protocol::topic::perm;
use serde::{Deserialize, Serialize};

mod lanes;

use lanes::{Direction, Lane, merge};

/// How much of a body is kept, bytes.
pub const BODY_KEPT: usize = 64 * 1024;
/// Most messages of a page.
pub const MOST: usize = 200;
/// Most queues of a topic that are looked at together.
const MOST_QUEUES: usize = 256;
/// Queues asked at the same time.
const AT_ONCE: usize = 32;

/// Where one begins to look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Start {
    /// The newest.
    End,
    /// At an index of the queue, or of each queue.
    Offset(i64),
    /// What was stored from that time on, ms.
    Time(i64),
    /// From these places on. A queue that is not among them is read from its beginning.
    From(Vec<Mark>),
    /// The last ones before these places. A queue that is not among them is read up to its end.
    Before(Vec<Mark>),
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The broker's name.
    pub broker: String,
    /// The queue.
    pub queue: i32,
    /// The index.
    pub offset: i64,
}

/// A message as it lies in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// The topic it lies in.
    pub topic: String,
    /// The broker's name.
    pub broker: String,
    /// The queue.
    pub queue: i32,
    /// Its index there.
    pub offset: i64,
    /// Its byte position in the broker's log.
    pub physical_offset: i64,
    /// The id its producer gave it, else the one its broker gave it.
    pub id: String,
    /// The id its broker gave it: where it lies.
    pub offset_id: String,
    /// When its producer made it, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: String,
    /// When the broker stored it, ms.
    pub store_ms: i64,
    /// The broker that stored it.
    pub store_host: String,
    /// How often it was delivered again.
    pub reconsume_times: i32,
    /// The bits of [`protocol::record::SysFlag`].
    pub sys_flag: i32,
    /// A number of the application's own.
    pub flag: i32,
    /// Its size in the log, bytes.
    pub stored_len: u32,
    /// The topic it was sent to first, if it is one that comes again and says so.
    pub first_topic: Option<String>,
    /// Names and values in order, tag and keys among them.
    pub properties: Vec<(String, String)>,
    /// The body, unfolded: its first [`BODY_KEPT`] bytes.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
    /// How long the body is, bytes.
    pub body_len: usize,
}

impl StoredMessage {
    fn of(received: &Received) -> Self {
        let kept = received.body.len().min(BODY_KEPT);
        Self {
            topic: received.queue.topic.to_string(),
            broker: received.queue.broker.to_string(),
            queue: received.queue.id,
            offset: received.queue_offset,
            physical_offset: received.physical_offset,
            id: received.message_id(),
            offset_id: received.offset_message_id(),
            born_ms: received.born_ms,
            born_host: received.born_host.to_string(),
            store_ms: received.store_ms,
            store_host: received.store_host.to_string(),
            reconsume_times: received.reconsume_times,
            sys_flag: received.sys_flag.0,
            flag: received.flag,
            stored_len: received.stored_len,
            first_topic: first_topic(received).map(str::to_owned),
            properties: received.properties.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            // A copy: a slice would keep all that came with it.
            body: received.body[..kept].to_vec(),
            body_len: received.body.len(),
        }
    }

    /// A property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What was looked at of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The broker's name.
    pub broker: String,
    /// The queue.
    pub queue: i32,
    /// Where the queue begins.
    pub min: i64,
    /// Where it ends: the index its next message will have.
    pub max: i64,
    /// The first index of the page.
    pub first: i64,
    /// The first index behind the page.
    pub next: i64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browsed {
    /// The messages, the oldest first.
    pub messages: Vec<StoredMessage>,
    /// Each queue whose beginning and end are known.
    pub queues: Vec<Stretch>,
    /// Which brokers or queues could not be read, and why.
    pub missing: Vec<(String, Unknown)>,
    /// So many queues were not looked at: there are too many.
    pub left_out: usize,
    /// The page has fewer messages than were asked for, since they are large.
    pub is_short: bool,
}

impl Browsed {
    /// Where the page behind this one begins.
    pub fn behind(&self) -> Start {
        Start::From(self.marks(|stretch| stretch.next))
    }

    /// Where the page before this one ends.
    pub fn before(&self) -> Start {
        Start::Before(self.marks(|stretch| stretch.first))
    }

    /// Whether there are messages behind this page.
    pub fn has_behind(&self) -> bool {
        self.queues.iter().any(|stretch| stretch.next < stretch.max)
    }

    /// Whether there are messages before this page.
    pub fn has_before(&self) -> bool {
        self.queues.iter().any(|stretch| stretch.first > stretch.min)
    }

    /// How many messages all the known queues hold.
    pub fn total(&self) -> i64 {
        self.queues.iter().map(|stretch| (stretch.max - stretch.min).max(0)).sum()
    }

    fn marks(&self, of: impl Fn(&Stretch) -> i64) -> Vec<Mark> {
        let mark =
            |stretch: &Stretch| Mark { broker: stretch.broker.clone(), queue: stretch.queue, offset: of(stretch) };
        self.queues.iter().map(mark).collect()
    }
}

impl Admin {
    /// At most `count` (and [`MOST`]) messages of a queue, given as broker and number, or of all readable queues of a topic.
    /// They are asked of the queue's master, or of a slave while that is away.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`], [`Error::NoBroker`] if the broker does not hold the topic, or that of asking for the
    /// route. A queue that cannot be read is told in the page.
    pub async fn browse(
        &self,
        topic: &str,
        queue: Option<(&str, i32)>,
        start: &Start,
        count: usize,
    ) -> Result<Browsed, Error> {
        let count = count.clamp(1, MOST);
        let route = self.client.fresh_route(topic).await?;
        let mut page = Browsed::default();
        let datas = &route.data().queue_datas;
        if let Some((broker, _)) = queue
            && datas.iter().all(|data| data.broker_name != broker)
        {
            let known = datas.iter().map(|data| data.broker_name.clone()).collect();
            return Err(Error::NoBroker { name: broker.to_owned(), known });
        }
        for data in datas.iter().filter(|data| queue.is_none_or(|(broker, _)| data.broker_name == broker)) {
            if data.perm & perm::READ == 0 {
                let why = format!("it does not let topic {topic} be read (permission {})", data.perm);
                page.missing.push((data.broker_name.clone(), Unknown::because(why)));
            }
        }
        let mut queues = match queue {
            None => route.readable().to_vec(),
            Some(_) if !page.missing.is_empty() => Vec::new(),
            Some((broker, id)) => vec![Queue::new(topic, broker, id)],
        };
        page.left_out = queues.len().saturating_sub(MOST_QUEUES);
        queues.truncate(MOST_QUEUES);
        let asked = stream::iter(queues).map(|queue| async move {
            let begin = self.begin(&queue, start).await;
            (queue, begin)
        });
        let mut lanes = Vec::new();
        for (queue, begin) in asked.buffered(AT_ONCE).collect::<Vec<_>>().await {
            match begin {
                Ok((stretch, from_ms)) => lanes.push(Lane::new(queue, stretch, from_ms)),
                Err(error) => page.missing.push((place(&queue), Unknown::from(&error))),
            }
        }
        let consumer = PullConsumer::on(&self.client, TOOLS)?;
        let everything = Subscription::tags(topic, "*", 0);
        let direction = match start {
            Start::End | Start::Before(_) => Direction::Back,
            Start::Offset(_) | Start::Time(_) | Start::From(_) => Direction::On,
        };
        merge(&consumer, &everything, direction, lanes, count, &mut page).await;
        Ok(page)
    }

    /// Where a queue begins and ends, with an empty stretch where to begin to read; and from which time on.
    async fn begin(&self, queue: &Queue, start: &Start) -> Result<(Stretch, i64), Error> {
        let range = self.range(queue).await?;
        let marked = |marks: &[Mark]| {
            marks.iter().find(|mark| *mark.broker == *queue.broker && mark.queue == queue.id).map(|mark| mark.offset)
        };
        let at = match start {
            Start::End => range.max,
            Start::Offset(offset) => *offset,
            Start::Time(ms) => self.client.offset_at(queue, *ms).await?,
            Start::From(marks) => marked(marks).unwrap_or(range.min),
            Start::Before(marks) => marked(marks).unwrap_or(range.max),
        };
        // Brokers that find no message of a time answer with the nearest one, which may be older.
        let from_ms = if let Start::Time(ms) = start { *ms } else { i64::MIN };
        // A queue that is deleted from meanwhile may begin behind its end.
        let at = at.min(range.max).max(range.min);
        let stretch = Stretch {
            broker: queue.broker.to_string(),
            queue: queue.id,
            min: range.min,
            max: range.max.max(range.min),
            first: at,
            next: at,
        };
        Ok((stretch, from_ms))
    }
}

/// A queue as people call it.
fn place(queue: &Queue) -> String {
    format!("{}/{}", queue.broker, queue.id)
}

/// Bytes as text, for formats without bytes.
mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
