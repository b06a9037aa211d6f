//! Tables that speak of more than the slave's log has, as they do whenever the master is a moment ahead; and those of a master
//! that tells less than rmq's.

use crate::{
    asked::text,
    stage::{Asked, PATIENCE, Stage, commit, folder, plain, same_log, send, until},
};
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    inspect::KvTable,
    registration::Register,
};
use remoting::{Answers, Client, Limits, Peer, Receipt, Service, client::NoService, server};
use std::{net::Ipv4Addr, sync::Arc};
use tokio::net::TcpListener;

/// Stands between a slave and its master, and changes what the master tells.
struct Between {
    master: String,
    client: Client<NoService>,
    change: fn(&mut Command, i32),
    asked: Mutex<Vec<i32>>,
}

struct Passing(Arc<Between>);

impl Service for Passing {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let (between, code) = (self.0.clone(), request.code);
            answers.later(Receipt::of(&request), async move {
                let mut answer = between.client.call(&between.master, request, PATIENCE).await.ok()?;
                (between.change)(&mut answer, code);
                between.asked.lock().push(code);
                Some(answer)
            });
        }
    }
}

/// Has the name server take whoever changes what `master` tells for the master.
async fn stand_between(stage: &Stage, master: &Asked, change: fn(&mut Command, i32)) -> (Arc<Between>, base::Tasks) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    let (client, asked) = (Client::asking(), Mutex::default());
    let between = Arc::new(Between { master: master.broker.advertised(), client, change, asked });
    let tasks = base::Tasks::default();
    let service = Arc::new(Passing(between.clone()));
    tasks.spawn("between", server::serve(listener, service, Limits::default(), tasks.clone()));
    let config = master.broker.config();
    let register = Command::request(request::REGISTER_BROKER).with_header(&Register {
        broker_name: config.broker_name.clone(),
        broker_addr: addr,
        cluster_name: config.broker_cluster_name.clone(),
        ha_server_addr: format!("127.0.0.1:{}", config.ha_listen_port),
        broker_id: 0,
        compressed: false,
        body_crc32: 0,
    });
    let names = stage.names.addr().to_string();
    assert_eq!(between.client.call(&names, register, PATIENCE).await.expect("answered").code, response::SUCCESS);
    (between, tasks)
}

/// The log's end, as the master tells it, is a thousand bytes too far.
fn further(answer: &mut Command, code: i32) {
    if code == request::GET_BROKER_RUNTIME_INFO {
        let mut info: KvTable = answer.json().expect("a table");
        let end = info.table.get_mut("commitLogMaxOffset").expect("told");
        *end = (end.parse::<u64>().expect("a number") + 1000).to_string();
        answer.body = Command::success().with_json(&info).body;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_speak_of_records_count_only_once_the_slave_has_those() {
    let stage = Stage::set().await;
    let master = Asked::start_in(folder(), stage.clock.clone(), plain).await;
    send(&master, "T", "one", 5).await;
    commit(&master, "T", "G", 3).await;
    let (between, tasks) = stand_between(&stage, &master, further).await;
    let slave = stage.slave(folder(), plain).await;
    let asked = |code| between.asked.lock().iter().filter(|asked| **asked == code).count();
    // Once to connect, and once more when all tables were told.
    until("the end", async || (asked(request::GET_BROKER_RUNTIME_INFO) >= 2).then_some(())).await;
    same_log(&master, &slave).await;
    send(&master, "T", "two", 1).await;
    same_log(&master, &slave).await;
    assert!(slave.broker.topics().find("T").is_some(), "topics count at once");
    assert_eq!(slave.broker.offsets().get("T", "G", 0), None);
    send(&master, "T", &"long".repeat(300), 1).await;
    until("the offset", async || slave.broker.offsets().get("T", "G", 0)).await;
    tasks.stop(PATIENCE).await;
    slave.stop().await;
    master.stop().await;
}

/// What only rmq tells is left out, and the rest is as Apache RocketMQ writes it; of delayed messages nothing is told.
fn as_apache(answer: &mut Command, code: i32) {
    answer.fields = Default::default();
    match code {
        request::GET_ALL_DELAY_OFFSET => {
            *answer = Command::refusal(response::SYSTEM_ERROR, "No delay offset in this broker")
        }
        request::GET_ALL_CONSUMER_OFFSET => {
            answer.body = b"{\n\t\"offsetTable\":{\n\t\t\"T@G\":{0:3\n\t\t}\n\t}\n}".to_vec().into();
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_an_apache_master_are_enough() {
    let stage = Stage::set().await;
    let master = Asked::start_in(folder(), stage.clock.clone(), plain).await;
    send(&master, "T", "one", 5).await;
    master.send("T", "later", &text(&[("DELAY", "1")])).await;
    let (_between, tasks) = stand_between(&stage, &master, as_apache).await;
    let slave = stage.slave(folder(), plain).await;
    until("the offset", async || slave.broker.offsets().get("T", "G", 0).filter(|offset| *offset == 3)).await;
    same_log(&master, &slave).await;
    assert_eq!(slave.broker.topics().snapshot(), master.broker.topics().snapshot());
    tasks.stop(PATIENCE).await;
    slave.stop().await;
    master.stop().await;
}
