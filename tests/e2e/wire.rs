//! A connection that sends whatever bytes a test likes and reads the answers: for what no proper client sends.

use crate::process::PATIENCE;
use bytes::BytesMut;
use protocol::{
    Command,
    code::{request, response},
    frame,
    send::SendHeader,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// A raw connection to a server.
pub struct Wire {
    stream: TcpStream,
    input: BytesMut,
    opaque: i32,
    /// Silence counts as the end.
    gives_up: bool,
}

impl Wire {
    pub fn connect(addr: &str) -> Self {
        Self::try_connect(addr).unwrap_or_else(|error| panic!("{addr}: {error}"))
    }

    /// Connects to a server that may be gone.
    pub fn try_connect(addr: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        // Refused only where the other end is gone already, as the next read tells.
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, input: BytesMut::new(), opaque: 0, gives_up: false })
    }

    /// Connects to a server that may be gone, or away: nothing takes longer than `patience`, and what does counts as if
    /// it had hung up.
    pub fn try_connect_within(addr: &str, patience: Duration) -> std::io::Result<Self> {
        let addr = addr.parse().map_err(|_| ErrorKind::InvalidInput)?;
        let stream = TcpStream::connect_timeout(&addr, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, input: BytesMut::new(), opaque: 0, gives_up: true })
    }

    /// Sends bytes as they are. The other end may have hung up already.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that no more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends requests with one write and returns the numbers that their answers will have.
    pub fn submit(&mut self, requests: impl IntoIterator<Item = Command>) -> Vec<i32> {
        let mut bytes = Vec::new();
        let mut number = |mut request: Command| {
            self.opaque += 1;
            request.opaque = self.opaque;
            bytes.extend_from_slice(&frame::encode(&request).expect("it fits in a frame"));
            self.opaque
        };
        let numbers = requests.into_iter().map(&mut number).collect();
        self.raw(&bytes);
        numbers
    }

    /// Sends a request and returns its answer.
    #[track_caller]
    pub fn call(&mut self, request: Command) -> Command {
        let code = request.code;
        self.try_call(request).unwrap_or_else(|| panic!("hung up instead of answering a request {code}"))
    }

    /// The same with a server that may die: `None` if it hung up.
    pub fn try_call(&mut self, request: Command) -> Option<Command> {
        self.submit([request]);
        loop {
            let answer = self.receive()?;
            if answer.is_answer() && answer.opaque == self.opaque {
                return Some(answer);
            }
        }
    }

    /// The next command from the other end, `None` once that has hung up.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Command> {
        loop {
            if let Some(command) = frame::decode(&mut self.input).expect("servers send proper frames") {
                return Some(command);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.input.extend_from_slice(&chunk[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return None;
                }
                Err(_) if self.gives_up => return None,
                Err(error) => panic!("neither an answer nor the end: {error}"),
            }
        }
    }
}

/// Asks to store a message in queue `queue` of `topic`.
pub fn send(topic: &str, queue: i32, properties: &str, body: impl Into<Vec<u8>>) -> Command {
    let header = SendHeader {
        producer_group: "hostile",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: queue,
        sys_flag: 0,
        born_ms: 1_700_000_000_000,
        flag: 0,
        properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    };
    Command { fields: header.write("broker-a"), ..Command::request(request::SEND_MESSAGE_V2) }.with_body(body.into())
}

/// Asks to store a batch whose body is `body`.
pub fn send_batch(topic: &str, body: impl Into<Vec<u8>>) -> Command {
    let mut command = send(topic, 0, "", body);
    command.code = request::SEND_BATCH_MESSAGE;
    command.fields.set("m", "true");
    command
}

/// A request `code` with `fields`.
pub fn ask(code: i32, fields: &[(&str, &str)]) -> Command {
    Command { fields: fields.iter().copied().collect(), ..Command::request(code) }
}

/// Ends of the queues of `topic` that exist, added up: how many messages it holds, if none were deleted.
pub fn messages_in(wire: &mut Wire, topic: &str, queues: i32) -> i64 {
    let end = |queue: i32| {
        let answer = wire.call(ask(request::GET_MAX_OFFSET, &[("topic", topic), ("queueId", &queue.to_string())]));
        answer.fields.get("offset").and_then(|offset| offset.parse::<i64>().ok()).unwrap_or(0)
    };
    (0..queues).map(end).sum()
}

/// Asks for a topic of four queues.
pub fn new_topic(name: &str) -> Command {
    let fields = [
        ("topic", name),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", "4"),
        ("writeQueueNums", "4"),
        ("perm", "6"),
        ("topicFilterType", "SINGLE_TAG"),
        ("topicSysFlag", "0"),
        ("order", "false"),
    ];
    ask(request::UPDATE_AND_CREATE_TOPIC, &fields)
}

/// Makes a topic of four queues at a broker.
#[track_caller]
pub fn make_topic(broker: &str, name: &str) {
    let answer = Wire::connect(broker).call(new_topic(name));
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
}

/// Stores a message, in a topic that is made if there is none.
#[track_caller]
pub fn store(broker: &str, topic: &str, body: &str) {
    let answer = Wire::connect(broker).call(send(topic, 0, "", body));
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
}

/// How a name server answers who serves a topic.
#[track_caller]
pub fn route(namesrv: &str, topic: &str) -> Command {
    Wire::connect(namesrv).call(ask(request::GET_ROUTEINFO_BY_TOPIC, &[("topic", topic)]))
}
