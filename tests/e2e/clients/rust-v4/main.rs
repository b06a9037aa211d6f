//! Drives crates.io `rocketmq-client-v4` for the end-to-end tests: sends messages, or consumes them.
//! Prints one JSON object a received message. It judges nothing. See `binary_header.rs` and `members.rs` above.

use rocketmq_client_v4::{
    consumer::{message_handler::MessageHandler, pull_consumer_v2::PullConsumer},
    producer::Producer,
    protocols::body::message_body::MessageBody,
};
use std::{collections::HashMap, env, sync::Arc};
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

/// `send --namesrv ADDR --topic T --group G --count N --property NAME=VALUE` or
/// `push --namesrv ADDR --topic T --group G --expect N [--broadcast]`, until it is killed or has so many different bodies
#[tokio::main]
async fn main() {
    let (namesrv, topic, group) = (argument("--namesrv"), argument("--topic"), argument("--group"));
    match env::args().nth(1).as_deref() {
        Some("send") => send(namesrv, topic, group).await,
        Some("push") => push(namesrv, topic, group).await,
        other => panic!("neither send nor push: {other:?}"),
    }
    // Its tasks run for ever.
    std::process::exit(0);
}

async fn send(namesrv: String, topic: String, group: String) {
    let count: usize = argument("--count").parse().expect("a number");
    let property = argument("--property");
    let mut producer = Producer::new(group, namesrv).await;
    for at in 0..count {
        let key = format!("key-{at}");
        let mut properties: HashMap<_, _> = [("TAGS".into(), "red".into()), ("KEYS".into(), key)].into();
        let (name, value) = property.split_once('=').expect("NAME=VALUE");
        properties.insert(name.into(), value.into());
        let sent = producer.send_with_properties(topic.clone(), properties, format!("m{at}").into());
        sent.await.expect("it is only queued");
    }
    // The client never tells whether a message arrived; who has killed this has seen them all.
    println!("{{\"queued\":true}}");
    std::future::pending::<()>().await;
}

async fn push(namesrv: String, topic: String, group: String) {
    let count: usize = argument("--expect").parse().expect("a number");
    let (to, mut bodies) = mpsc::unbounded_channel();
    let consumer = match env::args().any(|arg| arg == "--broadcast") {
        true => PullConsumer::new_broadcast_consumer(namesrv, group, topic),
        false => PullConsumer::new(namesrv, group, topic),
    };
    consumer.start_consume(Arc::new(Forward(to)), Arc::new(RwLock::new(true))).await;
    println!("{{\"started\":true}}");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < count {
        let body = bodies.recv().await.expect("the consumer ended");
        println!("{{\"body\":\"{body}\"}}");
        seen.insert(body);
    }
}
