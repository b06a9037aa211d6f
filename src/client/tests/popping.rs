//! Pop consumers against real brokers and a real name server, by a clock that the test moves.
#![allow(clippy::unwrap_used)]

use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig};
use client::{ClientConfig, Message, PopConsumer, PoppedMessage, Producer, Queue, Subscription};
use namesrv::{NameServer, NamesrvConfig};
use protocol::{
    Command,
    code::{request, response},
};
use remoting::Names;
use std::{sync::Arc, time::Duration};

const INVISIBLE: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(30);

struct World {
    names: String,
    clock: Clock,
    _brokers: Vec<Arc<Broker>>,
    _name_server: NameServer,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start(brokers: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kv_config_path = folder.path().join("kvConfig.json");
        let config = NamesrvConfig { kv_config_path, ..NamesrvConfig::default() };
        let name_server = NameServer::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let names = name_server.addr().to_string();
        let clock = Clock::manual(1_700_000_000_000);
        let mut started = Vec::new();
        for name in brokers {
            let home = folder.path().join(name);
            let config = BrokerConfig {
                listen_port: 0,
                broker_name: (*name).to_owned(),
                store_path_commit_log: home.join("commitlog"),
                store_path_root_dir: home,
                mapped_file_size_commit_log: 1 << 22,
                max_hash_slot_num: 1000,
                max_index_num: 4000,
                ..BrokerConfig::default()
            };
            let names = Names::parse(&names).unwrap();
            let broker = Broker::start(config, Some(names), clock.clone(), &Disk::default()).await.unwrap();
            let create = [("topic", "T"), ("readQueueNums", "1"), ("writeQueueNums", "1"), ("perm", "6")];
            let fields = create.into_iter().collect();
            let create = Command { fields, ..Command::request(request::UPDATE_AND_CREATE_TOPIC) };
            let created = remoting::Client::asking().call(&broker.advertised(), create, WAIT).await.unwrap();
            assert_eq!(created.code, response::SUCCESS);
            started.push(broker);
        }
        Self { names, clock, _brokers: started, _name_server: name_server, _folder: folder }
    }

    fn config(&self) -> ClientConfig {
        ClientConfig::new(&self.names)
    }

    async fn send(&self, broker: &str, bodies: &[&str]) {
        let producer = Producer::start(self.config(), "P").await.unwrap();
        for body in bodies {
            let message = Message::new("T", (*body).to_owned()).with_tag(body).unwrap();
            producer.send_to(&Queue::new("T", broker, 0), message).await.unwrap();
        }
        producer.shutdown().await;
    }
}

fn bodies(popped: &[PoppedMessage]) -> Vec<String> {
    popped.iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_popped_is_acknowledged_put_off_or_comes_back() {
    let world = World::start(&["a"]).await;
    world.send("a", &["one", "two", "three"]).await;
    let consumer = PopConsumer::start(world.config(), "G").await.unwrap();
    let all = Subscription::tags("T", "*", 0);
    let mut popped = consumer.pop(&all, 32, INVISIBLE, Duration::ZERO).await.unwrap();
    assert_eq!(bodies(&popped), ["one", "two", "three"]);
    assert_eq!(popped[0].invisible(), INVISIBLE);
    consumer.ack(&popped[0]).await.unwrap();
    consumer.change_invisible(&mut popped[1], 10 * INVISIBLE).await.unwrap();
    assert_eq!(popped[1].invisible(), 10 * INVISIBLE);
    world.clock.advance_ms(INVISIBLE.as_millis() as i64 + 1);
    let again = consumer.pop(&all, 32, INVISIBLE, WAIT).await.unwrap();
    assert_eq!((bodies(&again), again[0].reconsume_times), (vec!["three".to_owned()], 1));
    assert_eq!(&*again[0].topic, "T");
    let late = consumer.ack(&popped[2]).await.unwrap_err();
    assert_eq!(late.refusal_code(), Some(response::NO_MESSAGE), "{late}");
    for message in [&again[0], &popped[1]] {
        consumer.ack(message).await.unwrap();
    }
    world.clock.advance_ms(20 * INVISIBLE.as_millis() as i64);
    world.send("a", &["four", "five"]).await;
    let wanted = Subscription::tags("T", "five", 0);
    assert_eq!(bodies(&consumer.pop(&wanted, 32, INVISIBLE, WAIT).await.unwrap()), ["five"]);
    consumer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_brokers_of_a_topic_are_asked() {
    let world = World::start(&["a", "b"]).await;
    world.send("a", &["one"]).await;
    world.send("b", &["two"]).await;
    let consumer = PopConsumer::start(world.config(), "G").await.unwrap();
    let all = Subscription::tags("T", "*", 0);
    let mut found = Vec::new();
    for _ in 0..2 {
        let popped = consumer.pop(&all, 32, INVISIBLE, WAIT).await.unwrap();
        assert_eq!(popped.len(), 1);
        consumer.ack(&popped[0]).await.unwrap();
        found.extend(bodies(&popped));
    }
    found.sort();
    assert_eq!(found, ["one", "two"]);
    assert!(consumer.pop(&all, 32, INVISIBLE, Duration::ZERO).await.unwrap().is_empty());
    let missing = Subscription::tags("NoSuchTopic", "*", 0);
    assert!(consumer.pop(&missing, 32, INVISIBLE, Duration::ZERO).await.unwrap_err().is_not_found());
    consumer.shutdown().await;
}
