//! Drives crates.io `rocketmq-client-v4` for the end-to-end tests: sends messages and consumes them again.
//! Prints one JSON object a received message. It judges nothing. See `tests/e2e/binary_header.rs`.

use rocketmq_client_v4::{
    consumer::{message_handler::MessageHandler, pull_consumer_v2::PullConsumer},
    producer::Producer,
    protocols::body::message_body::MessageBody,
};
use std::{env, sync::Arc, time::Duration};
use tokio::sync::{RwLock, mpsc};

struct Forward(mpsc::UnboundedSender<String>);

impl MessageHandler for Forward {
    async fn handle(&self, message: &MessageBody) {
        let _ = self.0.send(String::from_utf8_lossy(&message.body).into_owned());
    }
}

fn argument(name: &str) -> String {
    let mut args = env::args().skip_while(|arg| arg != name);
    args.nth(1).unwrap_or_else(|| panic!("{name} is missing"))
}

/// `round-trip --namesrv ADDR --topic T --group G --count N`
#[tokio::main]
async fn main() {
    let (namesrv, topic, group) = (argument("--namesrv"), argument("--topic"), argument("--group"));
    let count: usize = argument("--count").parse().expect("a number");
    let mut producer = Producer::new(format!("{group}-producer"), namesrv.clone()).await;
    for at in 0..count {
        let sent = producer.send_message_with_tag(topic.clone(), "red".into(), format!("m{at}").into(), format!("key-{at}"));
        sent.await.expect("it is only queued");
    }
    // The client never tells whether a message arrived; having it back does.
    let (to, mut bodies) = mpsc::unbounded_channel();
    let consumer = PullConsumer::new(namesrv, group, topic);
    consumer.start_consume(Arc::new(Forward(to)), Arc::new(RwLock::new(true))).await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < count {
        let body = tokio::time::timeout(Duration::from_secs(60), bodies.recv()).await;
        let body = body.expect("nothing came for a minute").expect("the consumer ended");
        println!("{{\"body\":\"{body}\"}}");
        seen.insert(body);
    }
    // Its tasks run for ever.
    std::process::exit(0);
}
