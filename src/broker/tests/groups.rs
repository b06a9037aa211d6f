//! Consumer groups over a real socket: how they are configured, what their members disagree about, and their offsets.

mod asked;
mod reader;

use protocol::{
    Command,
    code::{request, response},
    heartbeat::{
        MessageModel::{Broadcasting, Clustering},
        Subscription,
    },
    pull::{Pull, PullAnswer, pull_flag},
    reset::ResetOffset,
    topic::GroupConfig,
};
use reader::{Reader, all_from, bodies, commit_request, from, heartbeat, next, pull_request, sql, waiting};

async fn configure(reader: &Reader, group: GroupConfig) -> Command {
    reader.ask(Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group)).await
}

fn group() -> GroupConfig {
    GroupConfig { group_name: "G".into(), ..GroupConfig::default() }
}

fn all(topic: &str) -> Vec<Subscription> {
    vec![Subscription::tags(topic, "*", 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_may_be_barred_from_consuming_at_all_or_by_broadcast() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "x", "").await;
    let by_request = all_from("T", 0);
    configure(&reader, GroupConfig { consume_enable: false, ..group() }).await;
    assert_eq!(reader.pull(&by_request).await.code, response::NO_PERMISSION);
    configure(&reader, GroupConfig { consume_broadcast_enable: false, ..group() }).await;
    reader.ask(heartbeat("c", Clustering, all("T"))).await;
    assert_eq!(bodies(&reader.pull(&by_request).await), ["x"]);
    reader.ask(heartbeat("c", Broadcasting, all("T"))).await;
    for pull in [by_request, from("T", 0)] {
        let answer = reader.pull(&pull).await;
        assert_eq!(answer.code, response::NO_PERMISSION);
        assert!(answer.remark.is_some_and(|remark| remark.contains("broadcast")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_gets_the_retry_queues_it_is_configured_with() {
    let reader = Reader::start(|_| {}).await;
    for queues in [-1, i32::MAX] {
        let answer = configure(&reader, GroupConfig { retry_queue_nums: queues, ..group() }).await;
        assert!(answer.remark.is_some_and(|remark| remark.contains("retryQueueNums")), "{queues}");
    }
    let beat = || heartbeat("c", Clustering, all("T"));
    configure(&reader, GroupConfig { retry_queue_nums: 0, ..group() }).await;
    reader.ask(beat()).await;
    assert!(reader.broker.topics().find("%RETRY%G").is_none());
    configure(&reader, GroupConfig { retry_queue_nums: 3, ..group() }).await;
    reader.ask(beat()).await;
    let retry = reader.broker.topics().find("%RETRY%G").expect("a retry topic");
    assert_eq!((retry.read_queue_nums, retry.write_queue_nums), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_groups_may_consume_as_long_as_they_are_created_by_themselves() {
    let reader = Reader::start(|config| config.auto_create_subscription_group = false).await;
    reader.send("T", "x", "").await;
    let pull = all_from("T", 0);
    assert_eq!(reader.pull(&pull).await.code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
    reader.set("autoCreateSubscriptionGroup=true").await;
    assert_eq!(bodies(&reader.pull(&pull).await), ["x"]);
    reader.set("autoCreateSubscriptionGroup=false").await;
    assert_eq!(bodies(&reader.pull(&pull).await), ["x"], "it is known now");
    let other = Pull { consumer_group: "H".into(), ..pull };
    assert_eq!(reader.pull(&other).await.code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_behind_memory_is_sent_where_its_group_says_if_slaves_may_be_read() {
    // No message counts as in memory but the last.
    let reader = Reader::start(|config| config.access_message_in_memory_max_percent = 0).await;
    for at in 0..3 {
        reader.send("T", &at.to_string(), "").await;
    }
    configure(&reader, GroupConfig { broker_id: 0, which_broker_when_consume_slowly: 7, ..group() }).await;
    let pull = Pull { max_msg_nums: 1, ..all_from("T", 0) };
    let suggested = async || reader.pull(&pull).await.header::<PullAnswer>().expect("offsets").suggest_which_broker_id;
    assert_eq!(suggested().await, 0);
    reader.set("slaveReadEnable=true").await;
    assert_eq!(suggested().await, 7);

    let reader = Reader::start(|config| config.slave_read_enable = true).await;
    reader.send("T", "x", "").await;
    configure(&reader, GroupConfig { broker_id: 2, which_broker_when_consume_slowly: 7, ..group() }).await;
    let near = reader.pull(&all_from("T", 0)).await;
    assert_eq!(near.header::<PullAnswer>().expect("offsets").suggest_which_broker_id, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_disagree_are_accepted_and_noted_until_they_agree() {
    let reader = Reader::start(|_| {}).await;
    let conflicts = || reader.broker.clients().conflicts("G");
    assert_eq!(reader.ask(heartbeat("one", Clustering, vec![Subscription::tags("T", "a || b", 1)])).await.code, 0);
    let same = heartbeat("two", Clustering, vec![Subscription::tags("T", "b||a", 2)]);
    let other = reader.another();
    let answer = other.ask(same).await;
    assert_eq!((answer.code, conflicts().len()), (0, 0));
    reader.ask(heartbeat("one", Clustering, vec![sql("T", "a > 1", 3), Subscription::tags("U", "*", 3)])).await;
    let found = conflicts();
    assert_eq!(found.iter().map(|found| found.topic.as_deref()).collect::<Vec<_>>(), [Some("T"), Some("U")]);
    let sides: Vec<_> = found[0].sides.iter().map(|(says, who)| (says.as_str(), who.len())).collect();
    assert_eq!(sides, [("SQL92 a > 1", 1), ("tags a || b", 1)]);
    assert!(found[1].sides["nothing"].contains("two"));
    drop(other);
    let gone = async {
        while !conflicts().is_empty() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("who is left agrees with itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_never_lowers_an_offset_and_a_commit_does() {
    let reader = Reader::start(|_| {}).await;
    for at in 0..10 {
        reader.send("T", &at.to_string(), "").await;
    }
    let commit = |commit_offset| {
        let pull = all_from("T", 0);
        Pull { sys_flag: pull.sys_flag | pull_flag::COMMIT_OFFSET, commit_offset, ..pull }
    };
    reader.pull(&commit(8)).await;
    reader.pull(&commit(3)).await;
    assert_eq!(reader.offset("T"), Some(8));
    reader.commit("T", 3).await;
    assert_eq!(reader.offset("T"), Some(3));
    reader.pull(&commit(4)).await;
    assert_eq!(reader.offset("T"), Some(4));
    reader.commit("T", -1).await;
    assert_eq!(reader.offset("T"), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_of_who_has_lost_the_queue_is_left_out() {
    let reader = Reader::start(|_| {}).await;
    for at in 0..10 {
        reader.send("T", &at.to_string(), "").await;
    }
    let (other, tool) = (reader.another(), reader.another());
    reader.ask(heartbeat("first", Clustering, all("T"))).await;
    reader.pull(&all_from("T", 0)).await;
    reader.commit("T", 4).await;
    other.ask(heartbeat("second", Clustering, all("T"))).await;
    other.ask(pull_request(&all_from("T", 4))).await;
    assert_eq!(other.ask(commit_request("T", 9)).await.code, 0);
    let late = reader.ask(commit_request("T", 6)).await;
    assert!(late.remark.is_some_and(|remark| remark.contains("another member")));
    assert_eq!((late.code, reader.offset("T")), (0, Some(9)));
    assert_eq!(other.ask(commit_request("T", 7)).await.remark, None, "who reads it may go back");
    assert_eq!(reader.offset("T"), Some(7));
    assert_eq!(tool.ask(commit_request("T", 1)).await.remark, None, "and so may tools");
    assert_eq!(reader.offset("T"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_reaches_a_reader_that_waits_and_outlives_what_it_said_before() {
    let reader = Reader::start(|_| {}).await;
    for at in 0..10 {
        reader.send("T", &at.to_string(), "").await;
    }
    let tool = reader.another();
    reader.ask(heartbeat("c", Clustering, all("T"))).await;
    reader.commit("T", 10).await;
    let reset = |topic: &str, timestamp: i64, is_force| {
        let (topic, group) = (topic.to_owned(), "G".to_owned());
        let header = ResetOffset { topic, group, timestamp, is_force, queue_id: -1, offset: None };
        Command::request(request::INVOKE_BROKER_TO_RESET_OFFSET).with_header(&header)
    };
    let pull = waiting(all_from("T", 10));
    let waits = reader.pull(&pull);
    tokio::pin!(waits);
    tokio::select! {
        biased;
        _ = &mut waits => panic!("answered though there is nothing new"),
        // Answered on the same connection, so the pull has been looked at.
        _ = reader.ask(heartbeat("c", Clustering, all("T"))) => {}
    }
    let answer = tool.ask(reset("T", 0, true)).await;
    let moved = waits.await;
    let body = String::from_utf8(answer.body.to_bytes().to_vec()).expect("text");
    let queue = format!(r#"{{"brokerName":"{}","queueId":0,"topic":"T"}}:0"#, reader.broker.config().broker_name);
    assert!(answer.code == 0 && body.contains(&queue), "{body}");
    assert_eq!((moved.code, next(&moved)), (response::PULL_OFFSET_MOVED, 0));
    assert_eq!(bodies(&reader.pull(&all_from("T", 0)).await).len(), 10);
    reader.commit("T", 10).await;

    tool.ask(reset("T", 0, true)).await;
    reader.commit("T", 10).await;
    assert_eq!(reader.offset("T"), Some(0), "it has not heard of the reset");
    assert_eq!(bodies(&reader.pull(&all_from("T", 0)).await).len(), 10, "it is where it shall be");
    reader.commit("T", 10).await;
    assert_eq!(reader.offset("T"), Some(10));

    reader.commit("T", 3).await;
    tool.ask(reset("T", -1, false)).await;
    assert_eq!(reader.offset("T"), Some(3), "not forwards without force");
    tool.ask(reset("T", -1, true)).await;
    assert_eq!(reader.offset("T"), Some(10));
    assert_eq!(tool.ask(reset("U", 0, true)).await.code, response::TOPIC_NOT_EXIST);
    let one = |queue_id, offset| {
        let header =
            ResetOffset { topic: "T".into(), group: "G".into(), timestamp: 0, is_force: true, queue_id, offset };
        Command::request(request::INVOKE_BROKER_TO_RESET_OFFSET).with_header(&header)
    };
    assert_eq!(tool.ask(one(0, Some(6))).await.code, response::SUCCESS);
    assert_eq!(reader.offset("T"), Some(6));
    for (queue_id, offset) in [(0, Some(11)), (0, Some(-2)), (i32::MAX, None)] {
        assert_eq!(tool.ask(one(queue_id, offset)).await.code, response::SYSTEM_ERROR);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_behind_the_end_is_lowered_to_it_so_that_nothing_new_is_skipped() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "0", "").await;
    reader.commit("T", 50).await;
    let stray = reader.pull(&all_from("T", 99)).await;
    assert_eq!((stray.code, next(&stray), reader.offset("T")), (response::PULL_OFFSET_MOVED, 1, Some(1)));
    reader.commit("T", 0).await;
    reader.pull(&all_from("T", 99)).await;
    assert_eq!(reader.offset("T"), Some(0), "a stray reader says nothing about the group's offset");
    // As after a crash that cost the log its end.
    reader.commit("T", 50).await;
    let reader = reader.restart().await;
    assert_eq!(reader.offset("T"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_broker_moves_its_own_groups() {
    let reader = Reader::start(|_| {}).await;
    reader.send("T", "x", "").await;
    let own = "CID_RMQ_SYS_TRANS";
    let place = [("consumerGroup", own), ("group", own), ("groupName", own), ("topic", "T"), ("queueId", "0")];
    let more = [("commitOffset", "1"), ("timestamp", "0"), ("isForce", "true"), ("removeOffset", "true")];
    let codes =
        [request::UPDATE_CONSUMER_OFFSET, request::INVOKE_BROKER_TO_RESET_OFFSET, request::DELETE_SUBSCRIPTIONGROUP];
    reader.broker.offsets().commit("T", own, 0, 0);
    for code in codes {
        let answer = reader.ask_for(code, &[&place[..], &more].concat()).await;
        let refused = (answer.code, answer.remark.is_some_and(|remark| remark.contains("the broker's own")));
        assert_eq!(refused, (response::NO_PERMISSION, true), "{code}");
    }
    let pull =
        Pull { consumer_group: own.into(), sys_flag: pull_flag::COMMIT_OFFSET, commit_offset: 1, ..from("T", 0) };
    let sys_flag = pull.sys_flag | pull_flag::SUBSCRIPTION;
    reader.pull(&Pull { sys_flag, subscription: Some("*".into()), ..pull }).await;
    assert_eq!(reader.broker.offsets().get("T", own, 0), Some(0));
}
