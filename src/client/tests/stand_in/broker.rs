//! The stand-in's broker: queues of encoded records, offsets and group members, all in memory.

use super::Topics;
use base::{Tasks, Watermark};
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    heartbeat::{GroupMembers, GroupOf, Heartbeat, Subscription, Unregister, java_hash},
    inspect::KvTable,
    lock::{LockQueues, LockedQueues, QueueName},
    offset_table::{self, OffsetTable, ResetOf},
    properties,
    pull::{
        OffsetAnswer, Pull, PullAnswer, QueryMessage, QueryMessageAnswer, QueryOffset, QueueOf, UpdateOffset,
        ViewMessage,
    },
    record::{self, MessageId, NewRecord, SysFlag},
    send::{SendAnswer, SendBack, SendHeader},
    topic::{AUTO_CREATE_TOPIC, CreateTopic, NamedTopic, RETRY_PREFIX, retry_topic},
};
use remoting::{Answers, Peer, Receipt, Service};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

pub struct Broker {
    pub name: String,
    pub addr: String,
    pub tasks: Tasks,
    pub state: Mutex<State>,
    topics: Topics,
    /// Moves with every message stored.
    stored: Watermark,
    me: Weak<Broker>,
}

#[derive(Default)]
pub struct State {
    /// (topic, queue) → records.
    queues: BTreeMap<(String, i32), Vec<Vec<u8>>>,
    /// First index of a queue whose start was deleted.
    pub first: BTreeMap<(String, i32), i64>,
    /// (group, topic, queue) → offset.
    pub offsets: BTreeMap<(String, String, i32), i64>,
    /// group → client id → its connection.
    members: BTreeMap<String, BTreeMap<String, Arc<Peer>>>,
    pub producer_groups: BTreeSet<String>,
    /// Answer the next sends with these codes.
    pub send_codes: Vec<i32>,
    /// Leave sends without an answer.
    pub mute: bool,
    /// Messages sent back, as (group, offset message id).
    pub sent_back: Vec<(String, i64)>,
    pub refuse_send_back: bool,
    /// Refuse messages for retry topics.
    pub refuse_retries: bool,
    /// (group, queue) → the client that has locked it. Never expires here.
    pub locks: BTreeMap<(String, QueueName), String>,
    /// How often locks were asked for.
    pub lock_requests: usize,
    /// Answer positions with an error.
    pub refuse_commits: bool,
    /// Answer requests for locks with an error.
    pub refuse_locks: bool,
    pub sends: usize,
    pub pulls: usize,
    /// Whom pulls are told to ask next.
    pub suggested: i64,
    /// Refuses messages, and leaves offsets it does not have to its master.
    pub is_slave: bool,
    /// Says where a queue begins and ends as a master does, although it is a slave.
    pub corrects_offsets: bool,
    /// Leave everything without an answer.
    pub hangs: bool,
    pub hosted_bytes: i64,
}

impl Broker {
    pub async fn start(name: &str, topics: Topics) -> Arc<Self> {
        let tasks = Tasks::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        drop(listener);
        let broker = Arc::new_cyclic(|me| Self {
            name: name.to_owned(),
            addr: addr.clone(),
            tasks: tasks.clone(),
            state: Mutex::default(),
            topics,
            stored: Watermark::new(0),
            me: me.clone(),
        });
        let listener = remoting::server::bind(addr.parse().unwrap()).unwrap();
        let serve = remoting::server::serve(listener, broker.clone(), remoting::Limits::default(), tasks.clone());
        tasks.spawn("stand-in broker", serve);
        broker
    }

    pub fn stored(&self, topic: &str) -> usize {
        let state = self.state.lock();
        state.queues.iter().filter(|((name, _), _)| name == topic).map(|(_, records)| records.len()).sum()
    }

    pub fn committed(&self, group: &str, topic: &str, queue: i32) -> Option<i64> {
        self.state.lock().offsets.get(&(group.into(), topic.into(), queue)).copied()
    }

    pub fn members(&self, group: &str) -> usize {
        self.state.lock().members.get(group).map_or(0, BTreeMap::len)
    }

    /// Takes over all messages of another broker.
    pub fn copy(&self, from: &Self) {
        let (queues, bytes) = {
            let from = from.state.lock();
            (from.queues.clone(), from.hosted_bytes)
        };
        let mut state = self.state.lock();
        (state.queues, state.hosted_bytes) = (queues, bytes);
        drop(state);
        self.stored.advance(bytes as u64);
    }

    /// Tells the members of a group where to go on.
    pub fn reset(&self, group: &str, topic: &str, positions: OffsetTable) {
        let state = self.state.lock();
        for peer in state.members.get(group).into_iter().flat_map(BTreeMap::values) {
            let header = ResetOf { topic: topic.to_owned(), group: group.to_owned() };
            let request = Command::request(request::RESET_CONSUMER_CLIENT_OFFSET).with_header(&header);
            peer.notify(request.with_body(offset_table::write(&positions).unwrap()));
        }
    }

    fn send(&self, request: &Command) -> Command {
        let header = SendHeader::read(&request.fields).unwrap();
        let queues = self.topics.lock().get(header.topic).and_then(|on| on.get(&self.name).copied());
        if queues.is_none() {
            let mut topics = self.topics.lock();
            if !topics.contains_key(AUTO_CREATE_TOPIC) {
                return Command::refusal(response::TOPIC_NOT_EXIST, "no such topic");
            }
            let on = topics.entry(header.topic.to_owned()).or_default();
            on.insert(self.name.clone(), header.default_topic_queue_nums);
        }
        let mut state = self.state.lock();
        state.sends += 1;
        if state.is_slave {
            return Command::refusal(response::SERVICE_NOT_AVAILABLE, "a slave takes no messages");
        }
        if state.refuse_retries && header.topic.starts_with(RETRY_PREFIX) {
            return Command::refusal(response::SYSTEM_ERROR, "as the test wants it");
        }
        let code = if state.send_codes.is_empty() { 0 } else { state.send_codes.remove(0) };
        if !matches!(code, 0 | 10..=12) {
            return Command::refusal(code, "as the test wants it");
        }
        let mut bytes = Vec::new();
        let host = self.addr.parse().unwrap();
        let new = NewRecord {
            topic: header.topic,
            queue_id: header.queue_id,
            flag: header.flag,
            sys_flag: SysFlag(header.sys_flag),
            born_ms: header.born_ms,
            born_host: host,
            store_host: host,
            reconsume_times: header.reconsume_times,
            prepared_transaction_offset: 0,
            body: &request.body.to_bytes(),
            properties: header.properties,
        };
        let len = new.encode(&mut bytes).unwrap() as i64;
        let (offset, physical) = state.push(header.topic, header.queue_id, bytes, len);
        drop(state);
        self.stored.advance(physical as u64 + 1);
        Command::answer(code).with_header(&SendAnswer {
            msg_id: MessageId { host, physical_offset: physical }.to_string(),
            queue_id: header.queue_id,
            queue_offset: offset,
            transaction_id: None,
            region: None,
            trace_on: None,
        })
    }

    /// The answer to a pull, and whether it found nothing new.
    fn pull(&self, pull: &Pull) -> (Command, bool) {
        let state = self.state.lock();
        let key = (pull.topic.clone(), pull.queue_id);
        let records = state.queues.get(&key).map_or(&[][..], |records| records);
        let (min, max) = (state.first.get(&key).copied().unwrap_or(0), records.len() as i64);
        let answer = |code, next| {
            Command::answer(code).with_header(&PullAnswer {
                suggest_which_broker_id: state.suggested,
                next_begin_offset: next,
                min_offset: min,
                max_offset: max,
            })
        };
        if pull.queue_offset < min || pull.queue_offset > max {
            let to = pull.queue_offset.clamp(min, max);
            return match state.is_slave && !state.corrects_offsets {
                // As Apache's slaves do.
                true => (answer(response::PULL_RETRY_IMMEDIATELY, pull.queue_offset), false),
                false => (answer(response::PULL_OFFSET_MOVED, to), false),
            };
        }
        let expression = pull.subscription.clone().unwrap_or_default();
        let wanted = Subscription::tags(&pull.topic, &expression, 0);
        let mut body = Vec::new();
        let mut next = pull.queue_offset;
        for bytes in records.iter().skip(next as usize).take(pull.max_msg_nums as usize) {
            let Ok(record::Entry::Message(record)) = record::decode(&bytes.clone().into(), false) else { panic!() };
            let tag = properties::get(&record.properties, properties::TAGS);
            // By the hash only, as a broker does: the client must look closer.
            if wanted.may_want(tag.map_or(0, |tag| i64::from(java_hash(tag)))) {
                body.extend_from_slice(bytes);
            }
            next += 1;
        }
        match (body.is_empty(), next == pull.queue_offset) {
            (true, true) => (answer(response::PULL_NOT_FOUND, next), true),
            (true, false) => (answer(response::PULL_RETRY_IMMEDIATELY, next), false),
            _ => (answer(response::SUCCESS, next).with_remark("FOUND").with_body(body), false),
        }
    }

    fn heartbeat(&self, peer: &Arc<Peer>, heartbeat: Heartbeat) {
        let mut state = self.state.lock();
        state.producer_groups.extend(heartbeat.producer_data_set.into_iter().map(|data| data.group_name));
        for data in heartbeat.consumer_data_set {
            let on: BTreeMap<String, i32> = [(self.name.clone(), 1)].into();
            self.topics.lock().entry(retry_topic(&data.group_name)).or_insert(on);
            let members = state.members.entry(data.group_name.clone()).or_default();
            if members.insert(heartbeat.client_id.clone(), peer.clone()).is_none() {
                notify(members, &data.group_name);
            }
        }
    }

    fn unregister(&self, header: &Unregister) {
        let mut state = self.state.lock();
        if let Some(group) = &header.producer_group {
            state.producer_groups.remove(group);
        }
        if let Some(group) = &header.consumer_group
            && let Some(members) = state.members.get_mut(group)
        {
            members.remove(&header.client_id);
            notify(members, group);
        }
    }

    fn send_back(&self, header: &SendBack) -> Command {
        let mut state = self.state.lock();
        if state.refuse_send_back {
            return Command::refusal(response::SYSTEM_ERROR, "as the test wants it");
        }
        state.sent_back.push((header.group.clone(), header.offset));
        let found = state.records().find(|record| record.physical_offset == header.offset);
        let Some(record) = found else { return Command::refusal(response::SYSTEM_ERROR, "no such message") };
        let retry = retry_topic(&header.group);
        let mut text = record.properties.clone();
        if properties::get(&text, properties::RETRY_TOPIC).is_none() {
            properties::push(&mut text, properties::RETRY_TOPIC, &record.topic);
        }
        let new = NewRecord {
            topic: &retry,
            queue_id: 0,
            flag: 0,
            sys_flag: record.sys_flag,
            born_ms: record.born_ms,
            born_host: record.born_host,
            store_host: record.store_host,
            reconsume_times: record.reconsume_times + 1,
            prepared_transaction_offset: 0,
            body: &record.body,
            properties: &text,
        };
        let mut bytes = Vec::new();
        let len = new.encode(&mut bytes).unwrap() as i64;
        let (_, physical) = state.push(&retry, 0, bytes, len);
        drop(state);
        self.stored.advance(physical as u64 + 1);
        Command::success()
    }

    fn lock(&self, asked: LockQueues) -> Command {
        let LockQueues { client_id, consumer_group, mq_set } = asked;
        let mut state = self.state.lock();
        state.lock_requests += 1;
        if state.refuse_locks {
            return Command::refusal(response::SYSTEM_ERROR, "as the test wants it");
        }
        let mine = |queue: &QueueName| {
            let holder =
                state.locks.entry((consumer_group.clone(), queue.clone())).or_insert_with(|| client_id.clone());
            *holder == client_id
        };
        let locked = mq_set.into_iter().filter(mine).collect();
        Command::success().with_json(&LockedQueues { locked })
    }

    fn unlock(&self, asked: &LockQueues) -> Command {
        let group = &asked.consumer_group;
        let given_back = |queue: &QueueName| asked.mq_set.contains(queue);
        let mut state = self.state.lock();
        state.locks.retain(|(of, queue), holder| !(of == group && *holder == asked.client_id && given_back(queue)));
        Command::success()
    }

    fn query(&self, query: &QueryMessage) -> Command {
        let state = self.state.lock();
        let body: Vec<u8> = state
            .queues
            .iter()
            .filter(|((topic, _), _)| *topic == query.topic)
            .flat_map(|(_, records)| records)
            .filter(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                text.contains(&query.key)
            })
            .flatten()
            .copied()
            .collect();
        if body.is_empty() {
            return Command::refusal(response::QUERY_NOT_FOUND, "can not find message, maybe time range not correct");
        }
        let header = QueryMessageAnswer { index_last_update_timestamp: 1, index_last_update_phyoffset: 1 };
        Command::success().with_header(&header).with_body(body)
    }

    fn answer(&self, peer: &Arc<Peer>, request: &Command) -> Command {
        let queue = || request.header::<QueueOf>().unwrap();
        let offset = |offset| Command::success().with_header(&OffsetAnswer { offset });
        match request.code {
            request::SEND_MESSAGE_V2 => self.send(request),
            request::GET_MAX_OFFSET => {
                let QueueOf { topic, queue_id } = queue();
                offset(self.state.lock().queues.get(&(topic, queue_id)).map_or(0, Vec::len) as i64)
            }
            request::GET_MIN_OFFSET => {
                let QueueOf { topic, queue_id } = queue();
                let state = self.state.lock();
                let empty = if state.queues.contains_key(&(topic.clone(), queue_id)) { 0 } else { -1 };
                offset(state.first.get(&(topic, queue_id)).copied().unwrap_or(empty))
            }
            request::QUERY_CONSUMER_OFFSET => {
                let QueryOffset { consumer_group, topic, queue_id } = request.header().unwrap();
                match self.state.lock().offsets.get(&(consumer_group, topic, queue_id)) {
                    Some(at) => offset(*at),
                    None => Command::refusal(response::QUERY_NOT_FOUND, "Not found, V3_0_6_SNAPSHOT maybe this group"),
                }
            }
            request::UPDATE_CONSUMER_OFFSET => {
                let UpdateOffset { consumer_group, topic, queue_id, commit_offset } = request.header().unwrap();
                let mut state = self.state.lock();
                if state.refuse_commits {
                    return Command::refusal(response::SYSTEM_ERROR, "as the test wants it");
                }
                state.offsets.insert((consumer_group, topic, queue_id), commit_offset);
                Command::success()
            }
            request::HEART_BEAT => {
                self.heartbeat(peer, request.json().unwrap());
                Command::success()
            }
            request::UNREGISTER_CLIENT => {
                self.unregister(&request.header().unwrap());
                Command::success()
            }
            request::GET_CONSUMER_LIST_BY_GROUP => {
                let group = request.header::<GroupOf>().unwrap().consumer_group;
                let state = self.state.lock();
                let members = state.members.get(&group);
                let consumer_id_list = members.map(|members| members.keys().cloned().collect()).unwrap_or_default();
                Command::success().with_json(&GroupMembers { consumer_id_list })
            }
            request::LOCK_BATCH_MQ => self.lock(request.json().unwrap()),
            request::UNLOCK_BATCH_MQ => self.unlock(&request.json().unwrap()),
            request::CONSUMER_SEND_MSG_BACK => self.send_back(&request.header().unwrap()),
            request::VIEW_MESSAGE_BY_ID => {
                let at = request.header::<ViewMessage>().unwrap().offset;
                let state = self.state.lock();
                let found = state.queues.values().flatten().find(|bytes| bytes[28..36] == at.to_be_bytes());
                match found {
                    Some(bytes) => Command::success().with_body(bytes.clone()),
                    None => {
                        Command::refusal(response::SYSTEM_ERROR, format!("can not find message by the offset, {at}"))
                    }
                }
            }
            request::QUERY_MESSAGE => self.query(&request.header().unwrap()),
            request::UPDATE_AND_CREATE_TOPIC => {
                let topic = request.header::<CreateTopic>().unwrap();
                let mut topics = self.topics.lock();
                topics.entry(topic.topic).or_default().insert(self.name.clone(), topic.write_queue_nums);
                Command::success().with_remark("not set any response code")
            }
            request::DELETE_TOPIC_IN_BROKER => {
                let topic = request.header::<NamedTopic>().unwrap().topic;
                self.state.lock().queues.retain(|(name, _), _| *name != topic);
                Command::success()
            }
            request::GET_BROKER_RUNTIME_INFO => {
                let mut table: BTreeMap<_, _> = [("brokerVersionDesc".to_owned(), "V4_9_8".to_owned())].into();
                table.insert("commitLogMinOffset".to_owned(), "0".to_owned());
                table.insert("commitLogMaxOffset".to_owned(), self.state.lock().hosted_bytes.to_string());
                Command::success().with_json(&KvTable { table })
            }
            request::GET_BROKER_CONFIG => Command::success().with_body(format!("#comment\nbrokerName={}\n", self.name)),
            other => Command::refusal(response::REQUEST_CODE_NOT_SUPPORTED, other.to_string()),
        }
    }
}

impl State {
    fn push(&mut self, topic: &str, queue: i32, mut bytes: Vec<u8>, len: i64) -> (i64, i64) {
        let physical = self.hosted_bytes;
        self.hosted_bytes += len;
        let records = self.queues.entry((topic.to_owned(), queue)).or_default();
        let offset = records.len() as i64;
        record::place(&mut bytes, offset, physical, 1_795_359_440_477 + physical);
        records.push(bytes);
        (offset, physical)
    }

    pub fn records(&self) -> impl Iterator<Item = record::Record> {
        self.queues.values().flatten().map(|bytes| match record::decode(&bytes.clone().into(), true).unwrap() {
            record::Entry::Message(record) => record,
            record::Entry::Blank(_) => panic!("no fillers here"),
        })
    }
}

fn notify(members: &BTreeMap<String, Arc<Peer>>, group: &str) {
    for peer in members.values() {
        let header = GroupOf { consumer_group: group.to_owned() };
        peer.notify(Command::request(request::NOTIFY_CONSUMER_IDS_CHANGED).with_header(&header));
    }
}

impl Service for Broker {
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let receipt = Receipt::of(&request);
            let (mute, hangs) = {
                let mut state = self.state.lock();
                state.pulls += usize::from(request.code == request::PULL_MESSAGE);
                (state.mute, state.hangs)
            };
            if hangs || mute && request.code == request::SEND_MESSAGE_V2 {
                continue;
            }
            if request.code != request::PULL_MESSAGE {
                answers.now(receipt, self.answer(peer, &request));
                continue;
            }
            let pull: Pull = request.header().unwrap();
            let before = self.stored.get();
            let (answer, nothing) = self.pull(&pull);
            if !nothing || pull.sys_flag & protocol::pull::pull_flag::SUSPEND == 0 {
                answers.now(receipt, answer);
                continue;
            }
            let me = self.me.upgrade().unwrap();
            answers.later(receipt, async move {
                let until = tokio::time::Instant::now() + Duration::from_millis(pull.suspend_timeout_millis as u64);
                let mut seen = before;
                loop {
                    let arrived = tokio::time::timeout_at(until, me.stored.reached(seen + 1)).await;
                    let (answer, nothing) = me.pull(&pull);
                    if !nothing || arrived.is_err() {
                        return Some(answer);
                    }
                    seen = me.stored.get();
                }
            });
        }
    }

    fn closed(&self, peer: &Arc<Peer>) {
        let mut state = self.state.lock();
        for (group, members) in &mut state.members {
            let before = members.len();
            members.retain(|_, member| member.id() != peer.id());
            if members.len() != before {
                notify(members, group);
            }
        }
    }
}
