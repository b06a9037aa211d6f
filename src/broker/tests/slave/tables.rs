//! The tables: copied soon, never older over newer, and nothing of them ahead of the log.

use crate::{
    asked::text,
    stage::{Asked, PATIENCE, Stage, commit, folder, plain, same_log, same_queue, send, state, until},
};
use protocol::{
    Command,
    code::{request, response},
    topic::GroupConfig,
};
use std::fs;

fn offset(of: &Asked, topic: &str) -> Option<i64> {
    of.broker.offsets().get(topic, "G", 0)
}

async fn make_group(at: &Asked, name: &str) {
    let group = GroupConfig { group_name: name.into(), retry_max_times: 5, ..GroupConfig::default() };
    let made = at.ask(Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group)).await;
    assert_eq!(made.code, response::SUCCESS, "{:?}", made.remark);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_groups_and_offsets_are_copied_and_saved() {
    let stage = Stage::set().await;
    let master = stage.master(folder(), plain).await;
    send(&master, "T", "one", 5).await;
    make_group(&master, "G").await;
    commit(&master, "T", "G", 3).await;
    let slave = stage.slave(folder(), plain).await;
    until("the offset", async || offset(&slave, "T").filter(|offset| *offset == 3)).await;
    assert_eq!(slave.broker.topics().snapshot(), master.broker.topics().snapshot());
    assert_eq!(slave.broker.groups().find("G").map(|group| group.retry_max_times), Some(5));
    // And what changes later.
    commit(&master, "T", "G", 2).await;
    make_group(&master, "H").await;
    until("the lower offset", async || offset(&slave, "T").filter(|offset| *offset == 2)).await;
    until("the group", async || slave.broker.groups().find("H")).await;
    let dir = slave.stop().await;
    master.stop().await;
    let alone = Asked::start_in(dir, stage.clock.clone(), plain).await;
    assert_eq!((offset(&alone, "T"), alone.broker.groups().find("H").is_some()), (Some(2), true));
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_topic_is_copied_as_soon_as_it_has_a_message() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    state(&slave, "FOLLOWING").await;
    // More topics than there are copies that come of themselves in this time.
    let all = async {
        for number in 0..20 {
            let topic = format!("T{number}");
            send(&master, &topic, "first", 1).await;
            until("the topic", async || slave.broker.topics().find(&topic)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("each copy brings one of them");
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_is_made_a_master_keeps_topics_that_it_was_not_told_of() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 5).await;
    same_log(&master, &slave).await;
    slave.arrived("T", 5).await;
    let left = slave.stop().await;
    // As if the master had died before the first copy.
    for table in ["topics.json", "topics.json.bak"] {
        let _ = fs::remove_file(left.path().join("config").join(table));
    }
    let old = master.kill().await;
    let slave = stage.slave(left, plain).await;
    until("the topic", async || slave.broker.topics().find("T")).await;
    let promoted = stage.master(slave.stop().await, plain).await;
    let topic = promoted.broker.topics().find("T").expect("the slave has made it");
    assert_eq!((topic.read_queue_nums, promoted.bodies("T").len()), (1, 5));
    let made = promoted.broker.topics().snapshot().topic_config_table;
    assert!(made.keys().all(|name| name == "T" || promoted.broker.topics().is_system(name)), "{made:?}");
    // The old master follows it, and keeps its queues.
    let demoted = stage.slave(old, plain).await;
    until("the tables", async || (demoted.broker.topics().snapshot().topic_config_table == made).then_some(())).await;
    send(&promoted, "T", "two", 1).await;
    same_log(&promoted, &demoted).await;
    same_queue(&promoted, &demoted, "T").await;
    demoted.stop().await;
    promoted.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_groups_commit_at_a_slave_survives_the_masters_return() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 9).await;
    commit(&master, "T", "G", 2).await;
    same_log(&master, &slave).await;
    until("the offset", async || offset(&slave, "T").filter(|offset| *offset == 2)).await;
    let left = master.kill().await;
    commit(&slave, "T", "G", 7).await;
    let master = stage.master(left, plain).await;
    assert_eq!(offset(&master, "T"), Some(7), "the master asked its slave");
    send(&master, "T", "two", 1).await;
    same_log(&master, &slave).await;
    assert_eq!(offset(&slave, "T"), Some(7));
    commit(&master, "T", "G", 8).await;
    until("the newer offset", async || offset(&slave, "T").filter(|offset| *offset == 8)).await;
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_the_master_deletes_goes_with_its_queues() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "old", 4).await;
    send(&master, "U", "kept", 2).await;
    commit(&master, "T", "G", 4).await;
    same_log(&master, &slave).await;
    until("the offset", async || offset(&slave, "T")).await;
    assert_eq!(master.ask_for(request::DELETE_TOPIC_IN_BROKER, &[("topic", "T")]).await.code, response::SUCCESS);
    until("it is gone", async || slave.broker.store().queue("T", 0).is_none().then_some(())).await;
    assert!(slave.broker.topics().find("T").is_none() && offset(&slave, "T").is_none());
    assert_eq!(slave.bodies("U").len(), 2);
    // Made again, its queue begins anew.
    send(&master, "T", "new", 3).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_delivers_no_delayed_message_until_it_is_made_a_master() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    let due = (stage.clock.now_ms() + 5000).to_string();
    let later = (stage.clock.now_ms() + 60_000).to_string();
    send(&master, "T", "at once", 1).await;
    for (body, property) in [
        ("level", ("DELAY", "1")),
        ("timed", ("TIMER_DELIVER_MS", &*due)),
        ("level later", ("DELAY", "5")),
        ("timed later", ("TIMER_DELIVER_MS", &*later)),
    ] {
        let sent = master.send("T", body, &text(&[property])).await;
        assert_eq!(sent.code, response::SUCCESS, "{:?}", sent.remark);
    }
    same_log(&master, &slave).await;
    stage.clock.advance_ms(10_000);
    master.arrived("T", 3).await;
    same_log(&master, &slave).await;
    slave.arrived("T", 3).await;
    let copied = |name: &str| {
        let file = |of: &Asked| fs::read_to_string(of.dir().join("config").join(name)).ok();
        let (masters, slaves) = (file(&master), file(&slave));
        slaves
            .filter(|slaves| slaves.contains(r#""1":1"#) || slaves.contains(r#""read":2"#))
            .map(|slaves| (masters, slaves))
    };
    until("how far the levels are", async || copied("delayOffset.json")).await;
    until("how far the timers are", async || copied("timerProgress.json")).await;
    master.stop().await;
    stage.clock.advance_ms(100_000);
    assert_eq!(slave.bodies("T").len(), 3, "a slave delivers nothing");
    // Made a master, it delivers what is left, and nothing twice.
    let dir = slave.stop().await;
    let promoted = stage.master(dir, plain).await;
    promoted.arrived("T", 5).await;
    let mut bodies = promoted.bodies("T");
    bodies.sort_unstable();
    assert_eq!(bodies, ["at once 0", "level", "level later", "timed", "timed later"]);
    promoted.stop().await;
}
