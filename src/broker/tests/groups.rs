//! Consumer groups over a real socket: how they are configured, what their members disagree about, and their offsets.

mod asked;

use asked::{Asked, bodies, from, heartbeat, next, sql, wanting};
use protocol::{
    Command,
    code::{request, response},
    heartbeat::{
        MessageModel::{Broadcasting, Clustering},
        Subscription,
    },
    pull::{Pull, PullAnswer, pull_flag},
    topic::GroupConfig,
};

async fn configure(asked: &Asked, group: GroupConfig) -> Command {
    asked.ask(Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group)).await
}

fn group() -> GroupConfig {
    GroupConfig { group_name: "G".into(), ..GroupConfig::default() }
}

fn all(topic: &str) -> Vec<Subscription> {
    vec![Subscription::tags(topic, "*", 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_may_be_barred_from_consuming_at_all_or_by_broadcast() {
    let asked = Asked::start(|_| {}).await;
    asked.send("T", "x", "").await;
    let by_request = wanting(from("T", 0), "TAG", "*");
    configure(&asked, GroupConfig { consume_enable: false, ..group() }).await;
    assert_eq!(asked.pull(&by_request).await.code, response::NO_PERMISSION);
    configure(&asked, GroupConfig { consume_broadcast_enable: false, ..group() }).await;
    asked.ask(heartbeat("c", Clustering, all("T"))).await;
    assert_eq!(bodies(&asked.pull(&by_request).await), ["x"]);
    asked.ask(heartbeat("c", Broadcasting, all("T"))).await;
    for pull in [by_request, from("T", 0)] {
        let answer = asked.pull(&pull).await;
        assert_eq!(answer.code, response::NO_PERMISSION);
        assert!(answer.remark.is_some_and(|remark| remark.contains("broadcast")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_gets_the_retry_queues_it_is_configured_with() {
    let asked = Asked::start(|_| {}).await;
    for queues in [-1, i32::MAX] {
        let answer = configure(&asked, GroupConfig { retry_queue_nums: queues, ..group() }).await;
        assert!(answer.remark.is_some_and(|remark| remark.contains("retryQueueNums")), "{queues}");
    }
    let beat = || heartbeat("c", Clustering, all("T"));
    configure(&asked, GroupConfig { retry_queue_nums: 0, ..group() }).await;
    asked.ask(beat()).await;
    assert!(asked.broker.topics().find("%RETRY%G").is_none());
    configure(&asked, GroupConfig { retry_queue_nums: 3, ..group() }).await;
    asked.ask(beat()).await;
    let retry = asked.broker.topics().find("%RETRY%G").expect("a retry topic");
    assert_eq!((retry.read_queue_nums, retry.write_queue_nums), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_groups_may_consume_as_long_as_they_are_created_by_themselves() {
    let asked = Asked::start(|config| config.auto_create_subscription_group = false).await;
    asked.send("T", "x", "").await;
    let pull = wanting(from("T", 0), "TAG", "*");
    assert_eq!(asked.pull(&pull).await.code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
    asked.set("autoCreateSubscriptionGroup=true").await;
    assert_eq!(bodies(&asked.pull(&pull).await), ["x"]);
    asked.set("autoCreateSubscriptionGroup=false").await;
    assert_eq!(bodies(&asked.pull(&pull).await), ["x"], "it is known now");
    let other = Pull { consumer_group: "H".into(), ..pull };
    assert_eq!(asked.pull(&other).await.code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_behind_memory_is_sent_where_its_group_says_if_slaves_may_be_read() {
    // No message counts as in memory but the last.
    let asked = Asked::start(|config| config.access_message_in_memory_max_percent = 0).await;
    for at in 0..3 {
        asked.send("T", &at.to_string(), "").await;
    }
    configure(&asked, GroupConfig { broker_id: 0, which_broker_when_consume_slowly: 7, ..group() }).await;
    let pull = Pull { max_msg_nums: 1, ..wanting(from("T", 0), "TAG", "*") };
    let suggested = async || asked.pull(&pull).await.header::<PullAnswer>().expect("offsets").suggest_which_broker_id;
    assert_eq!(suggested().await, 0);
    asked.set("slaveReadEnable=true").await;
    assert_eq!(suggested().await, 7);

    let asked = Asked::start(|config| config.slave_read_enable = true).await;
    asked.send("T", "x", "").await;
    configure(&asked, GroupConfig { broker_id: 2, which_broker_when_consume_slowly: 7, ..group() }).await;
    let near = asked.pull(&wanting(from("T", 0), "TAG", "*")).await;
    assert_eq!(near.header::<PullAnswer>().expect("offsets").suggest_which_broker_id, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_disagree_are_accepted_and_noted_until_they_agree() {
    let asked = Asked::start(|_| {}).await;
    let conflicts = || asked.broker.clients().conflicts("G");
    assert_eq!(asked.ask(heartbeat("one", Clustering, vec![Subscription::tags("T", "a || b", 1)])).await.code, 0);
    let same = heartbeat("two", Clustering, vec![Subscription::tags("T", "b||a", 2)]);
    let (other, answer) = asked.ask_as_another(same).await;
    assert_eq!((answer.code, conflicts().len()), (0, 0));
    asked.ask(heartbeat("one", Clustering, vec![sql("T", "a > 1", 3), Subscription::tags("U", "*", 3)])).await;
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
    let asked = Asked::start(|_| {}).await;
    for at in 0..10 {
        asked.send("T", &at.to_string(), "").await;
    }
    let commit = |commit_offset| {
        let pull = wanting(from("T", 0), "TAG", "*");
        Pull { sys_flag: pull.sys_flag | pull_flag::COMMIT_OFFSET, commit_offset, ..pull }
    };
    asked.pull(&commit(8)).await;
    asked.pull(&commit(3)).await;
    assert_eq!(asked.offset("T"), Some(8));
    asked.commit("T", 3).await;
    assert_eq!(asked.offset("T"), Some(3));
    asked.pull(&commit(4)).await;
    assert_eq!(asked.offset("T"), Some(4));
    asked.commit("T", -1).await;
    assert_eq!(asked.offset("T"), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_behind_the_end_is_lowered_to_it_so_that_nothing_new_is_skipped() {
    let asked = Asked::start(|_| {}).await;
    asked.send("T", "0", "").await;
    asked.commit("T", 50).await;
    let stray = asked.pull(&wanting(from("T", 99), "TAG", "*")).await;
    assert_eq!((stray.code, next(&stray), asked.offset("T")), (response::PULL_OFFSET_MOVED, 1, Some(1)));
    asked.commit("T", 0).await;
    asked.pull(&wanting(from("T", 99), "TAG", "*")).await;
    assert_eq!(asked.offset("T"), Some(0), "a stray reader says nothing about the group's offset");
    // As after a crash that cost the log its end.
    asked.commit("T", 50).await;
    let asked = Asked::start_in(asked.stop().await, |_| {}).await;
    assert_eq!(asked.offset("T"), Some(1));
    asked.stop().await;
}
