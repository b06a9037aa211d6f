//! What a slave answers: reads and questions as its master would, and refusals that name the master.

use crate::{
    asked::{send_header, text},
    stage::{Asked, Stage, commit, same_log, send, until},
};
use protocol::{
    Command,
    code::{request, response},
    heartbeat::{ConsumerData, Heartbeat, Subscription},
    pull::PullAnswer,
};

async fn pull(at: &Asked, offset: i64, flags: i32) -> (i32, PullAnswer) {
    let (offset, flags) = (offset.to_string(), flags.to_string());
    let fields = [
        ("consumerGroup", "G"),
        ("topic", "T"),
        ("queueId", "0"),
        ("queueOffset", &*offset),
        ("maxMsgNums", "32"),
        ("sysFlag", &*flags),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", "15000"),
        ("subscription", "*"),
        ("subVersion", "0"),
        ("expressionType", "TAG"),
    ];
    let answer = at.ask_for(request::PULL_MESSAGE, &fields).await;
    let header = answer.header().unwrap_or_else(|error| panic!("{error}: {:?}", answer.remark));
    (answer.code, header)
}

/// The subscription comes with the pull.
const SAYS: i32 = 4;
/// It may wait for messages.
const WAITS: i32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_stores_nothing_and_says_who_would() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 3).await;
    same_log(&master, &slave).await;
    let named = master.broker.advertised();
    let end = slave.broker.store().max_physical();
    let single = |code| {
        let header = send_header("T", "");
        Command { fields: header.write("b"), ..Command::request(code) }.with_body(b"x".to_vec())
    };
    let back = [("offset", "0"), ("group", "G"), ("delayLevel", "0"), ("originMsgId", "x"), ("originTopic", "T")];
    let back = Command { fields: back.into_iter().collect(), ..Command::request(request::CONSUMER_SEND_MSG_BACK) };
    let stores = [single(request::SEND_MESSAGE_V2), single(request::SEND_BATCH_MESSAGE), back];
    for command in stores {
        let answer = slave.ask(command).await;
        assert_eq!(answer.code, response::SERVICE_NOT_AVAILABLE, "{:?}", answer.remark);
        let remark = answer.remark.unwrap_or_default();
        assert!(remark.contains(&named), "{remark}");
    }
    let delayed = slave.send("T", "x", &text(&[("DELAY", "1")])).await;
    assert_eq!(delayed.code, response::SERVICE_NOT_AVAILABLE);
    let half = slave.send("T", "x", &text(&[("TRAN_MSG", "true"), ("PGROUP", "P")])).await;
    assert_eq!(half.code, response::SERVICE_NOT_AVAILABLE);
    let fields = [
        ("producerGroup", "P"),
        ("tranStateTableOffset", "0"),
        ("commitLogOffset", "0"),
        ("commitOrRollback", "8"),
        ("fromTransactionCheck", "false"),
        ("msgId", "x"),
    ];
    let ended = slave.ask_for(request::END_TRANSACTION, &fields).await;
    assert_eq!(ended.code, response::SLAVE_NOT_AVAILABLE);
    // It has nothing to do: its master does it.
    assert_eq!(slave.ask_for(request::CLEAN_UNUSED_TOPIC, &[]).await.code, response::SUCCESS);
    for code in [request::UPDATE_AND_CREATE_TOPIC, request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP] {
        let answer = slave.ask_for(code, &[]).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR, "{code}");
        assert!(answer.remark.unwrap_or_default().contains(&named), "{code}");
    }
    assert_eq!(slave.broker.store().max_physical(), end);
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_get_from_a_slave_what_it_has_and_are_told_to_go_back_to_the_master() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 5).await;
    same_log(&master, &slave).await;
    until("the topic", async || slave.broker.topics().find("T")).await;
    let (code, told) = pull(&slave, 2, SAYS).await;
    // slaveReadEnable is false: who comes all the same, for the master is gone, is served.
    assert_eq!((code, told.next_begin_offset, told.suggest_which_broker_id), (response::SUCCESS, 5, 0));
    assert!(slave.broker.groups().find("G").is_none(), "groups are made by the master");
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_further_than_the_slave_keeps_its_offset() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 5).await;
    same_log(&master, &slave).await;
    until("the topic", async || slave.broker.topics().find("T")).await;
    for flags in [SAYS, SAYS | WAITS] {
        let (code, told) = pull(&slave, 9, flags).await;
        assert_eq!((code, told.next_begin_offset), (response::PULL_RETRY_IMMEDIATELY, 9), "flags {flags}");
        assert_eq!(told.suggest_which_broker_id, 0, "the master knows");
    }
    // The master corrects.
    assert_eq!(pull(&master, 9, SAYS).await.0, response::PULL_OFFSET_MOVED);
    // Who waits gets what comes.
    let (pulled, ()) = tokio::join!(pull(&slave, 5, SAYS | WAITS), send(&master, "T", "two", 1));
    assert_eq!((pulled.0, pulled.1.next_begin_offset), (response::SUCCESS, 6));
    assert_eq!(slave.change("offsetCheckInSlave", "true").await.code, response::SUCCESS);
    assert_eq!(pull(&slave, 9, SAYS).await.0, response::PULL_OFFSET_MOVED, "if that is wanted");
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_known_at_a_slave_without_changing_its_tables() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 1).await;
    same_log(&master, &slave).await;
    until("the topic", async || slave.broker.topics().find("T")).await;
    let data = ConsumerData {
        consume_from_where: Default::default(),
        consume_type: Default::default(),
        message_model: Default::default(),
        unit_mode: false,
        group_name: "G".into(),
        subscription_data_set: [Subscription::of_type("T", "*", None, 0)].into_iter().collect(),
    };
    let heartbeat = Heartbeat { client_id: "me".into(), consumer_data_set: vec![data], producer_data_set: vec![] };
    let answer = slave.ask(Command::request(request::HEART_BEAT).with_json(&heartbeat)).await;
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    assert_eq!(pull(&slave, 0, 0).await.0, response::SUCCESS, "its subscription is known");
    assert!(slave.broker.groups().find("G").is_none());
    assert!(slave.broker.topics().find("%RETRY%G").is_none());
    assert_eq!(commit(&slave, "T", "G", 1).await.code, response::SUCCESS);
    let fields = [("consumerGroup", "G"), ("topic", "T"), ("queueId", "0")];
    let known = slave.ask_for(request::QUERY_CONSUMER_OFFSET, &fields).await;
    assert_eq!(known.fields.get("offset"), Some("1"));
    slave.stop().await;
    master.stop().await;
}
