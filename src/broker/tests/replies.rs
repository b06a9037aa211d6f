//! Replies: whom they reach, what is stored of them, and which are refused.

#[path = "asked/mod.rs"]
mod asked;

use asked::{Asked, BEGIN_MS, text};
use protocol::{
    Command,
    code::{request, response},
    heartbeat::{Heartbeat, ProducerData},
    properties,
    reply::PushReply,
    send::SendHeader,
};
use remoting::{Answers, Client, Peer, Receipt, Service};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const TOPIC: &str = "DefaultCluster_REPLY_TOPIC";

/// A client that takes every reply, or none.
struct Waits {
    takes: bool,
    got: UnboundedSender<Command>,
}

impl Service for Waits {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let answer = if self.takes { Command::success() } else { Command::refusal(1, "not mine") };
            answers.now(Receipt::of(&request), answer);
            let _ = self.got.send(request);
        }
    }
}

/// The client `me`, known to the broker as long as it is kept.
async fn waits(asked: &Asked, takes: bool) -> (Client<Waits>, UnboundedReceiver<Command>) {
    let (got, gets) = unbounded_channel();
    let client = Client::new(Arc::new(Waits { takes, got }));
    let heartbeat = Heartbeat {
        client_id: "me".into(),
        producer_data_set: vec![ProducerData { group_name: "P".into() }],
        consumer_data_set: vec![],
    };
    let heard = Command::request(request::HEART_BEAT).with_json(&heartbeat);
    let answer = client.call(&asked.broker.advertised(), heard, asked::PATIENCE).await.expect("answered");
    assert_eq!(answer.code, response::SUCCESS);
    (client, gets)
}

fn reply(topic: &str, properties: &str) -> Command {
    let header = SendHeader {
        producer_group: "R",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: 0,
        sys_flag: 0,
        born_ms: 5,
        flag: 3,
        properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    };
    let request = Command::request(request::SEND_REPLY_MESSAGE_V2);
    Command { fields: header.write("b"), ..request }.with_body(b"pong".to_vec())
}

fn to(client: &str) -> String {
    text(&[("MSG_TYPE", "reply"), ("REPLY_TO_CLIENT", client), ("CORRELATION_ID", "c1")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_reaches_the_client_it_names_and_is_stored_if_that_is_wanted() {
    for stored in [true, false] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let clock = base::Clock::manual(BEGIN_MS);
        let asked = Asked::start_in(dir, clock, |config| config.store_reply_message_enable = stored).await;
        let (_me, mut gets) = waits(&asked, true).await;
        let answer = asked.ask(reply(TOPIC, &to("me"))).await;
        assert_eq!((answer.code, answer.fields.get("queueOffset")), (response::SUCCESS, Some("0")));
        assert_eq!(answer.fields.get("msgId").is_some_and(|id| id != "0"), stored);
        let pushed = gets.recv().await.expect("a reply");
        assert_eq!((pushed.code, pushed.is_one_way()), (request::PUSH_REPLY_MESSAGE_TO_CLIENT, false));
        let header: PushReply = pushed.header().expect("a header");
        let said = header.properties.expect("properties");
        assert_eq!((&*header.topic, header.flag, header.born_timestamp), (TOPIC, 3, 5));
        assert_eq!(properties::get(&said, "CORRELATION_ID"), Some("c1"));
        assert_eq!(properties::get(&said, "PUSH_REPLY_TIME"), Some(&*BEGIN_MS.to_string()));
        assert_eq!(pushed.body.to_bytes(), b"pong"[..]);
        assert_eq!(asked.bodies(TOPIC).len(), usize::from(stored));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_reaches_nobody_is_told_and_stored_all_the_same() {
    let asked = Asked::start().await;
    let (_me, _gets) = waits(&asked, false).await;
    let lost = [
        (text(&[("CORRELATION_ID", "c1")]), "REPLY_TO_CLIENT"),
        (to("nobody"), "<nobody> not found"),
        (to("me"), "not mine"),
    ];
    for (at, (properties, why)) in lost.iter().enumerate() {
        let answer = asked.ask(reply(TOPIC, properties)).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR);
        assert!(answer.remark.as_deref().is_some_and(|remark| remark.contains(why)), "{:?}", answer.remark);
        assert_eq!(asked.bodies(TOPIC).len(), at + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_topic_that_is_not_one_of_replies_to_write_is_refused() {
    let asked = Asked::start().await;
    let (_me, mut gets) = waits(&asked, true).await;
    let wrong = [("missing", response::TOPIC_NOT_EXIST), ("SCHEDULE_TOPIC_XXXX", response::NO_PERMISSION)];
    for (topic, code) in wrong {
        assert_eq!(asked.ask(reply(topic, &to("me"))).await.code, code, "{topic}");
    }
    let mut far = reply(TOPIC, &to("me"));
    far.fields.set("e", "7");
    assert_eq!(asked.ask(far).await.code, response::SYSTEM_ERROR);
    assert!(gets.try_recv().is_err() && asked.bodies(TOPIC).is_empty());
}
