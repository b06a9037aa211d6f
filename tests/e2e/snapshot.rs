//! One picture of a live cluster, as dashboards ask for it: what brokers tell, how far groups are, and who is away.

use crate::cluster::{Cluster, start_broker};
use admin::{Admin, Snapshot, Where, rates};
use base::Clock;
use protocol::{lock::QueueName, topic_stats::stats_name};
use tokio::runtime::Runtime;

/// The picture as it is now.
async fn look(admin: &Admin) -> Snapshot {
    admin.snapshot(&Clock::System, true).await.expect("the name server answers")
}

fn lag(snapshot: &Snapshot, group: &str) -> Option<i64> {
    let progress = snapshot.groups().known.get(group)?.topics.get("T").copied()?;
    Some(progress.lag)
}

#[test]
fn a_picture_tells_how_groups_and_brokers_stand_and_marks_a_broker_that_comes_and_goes() {
    let mut cluster = Cluster::single();
    cluster.topic("T");
    let produce = |count: &str| cluster.rmq(&["produce", "T", "-m", "x", "--count", count]).ok();
    produce("10");
    cluster.rmq(&["consume", "T", "-g", "G", "--from", "first", "-n", "10"]).ok();
    let runtime = Runtime::new().expect("a runtime");
    let admin = runtime.block_on(Admin::connect(&cluster.namesrv_addr)).expect("a name server's address");
    let now = || runtime.block_on(look(&admin));
    let first = now();
    assert_eq!((lag(&first, "G"), first.brokers.len(), first.lag().is_whole()), (Some(0), 1, true));
    produce("7");
    let second = now();
    assert_eq!(lag(&second, "G"), Some(7));
    let put = |before: &Snapshot, after: &Snapshot| rates::between(before, after).brokers[0].put.clone();
    assert!(put(&first, &second).is_ok_and(|rate| rate > 0.0));
    let info = second.brokers[0].info.as_ref().expect("it told");
    assert_eq!((info.put.clone(), info.put_today.clone()), (Ok(17), Ok(17)));
    assert!(info.log_max.clone().is_ok_and(|end| end > 0) && info.disk.is_ok() && info.refusing.is_none(), "{info:?}");

    let topic = runtime.block_on(admin.topic_stats("T", &Where::Everywhere)).expect("there is a master");
    let (_, stats) = topic.answers().next().expect("it answers");
    assert_eq!(stats.offset_table.values().map(|queue| queue.max_offset).sum::<i64>(), 17);
    let stats = runtime.block_on(admin.consume_stats("G", Some("T"), &Where::Everywhere)).expect("there is a master");
    let (broker, stats) = stats.answers().next().expect("it answers");
    assert_eq!(stats.lag(), 7);
    assert!(stats.offset_table.contains_key(&QueueName {
        broker_name: broker.name.clone(),
        queue_id: 0,
        topic: "T".into()
    }));
    let counted = runtime.block_on(admin.counted(stats_name::GROUP_GET_NUMS, "T@G", &Where::Everywhere));
    assert!(counted.expect("there is a master").answers().next().is_some_and(|(_, data)| data.stats_day.sum >= 10));
    let readers = runtime.block_on(admin.readers("T", &Where::Everywhere)).expect("there is a master");
    assert!(readers.answers().next().is_some_and(|(_, list)| list.group_list == ["G"]));
    let consumers = runtime.block_on(admin.consumers("Nobody", &Where::Everywhere)).expect("there is a master");
    assert!(consumers.is_complete() && consumers.answers().all(|(_, connections)| connections.is_none()));

    assert!(cluster.broker.terminate().success());
    cluster.namesrv.until("the broker is forgotten", || now().brokers.is_empty());
    let away = now();
    assert_eq!(away.gone_since(&second).map(|view| &*view.broker.name).collect::<Vec<_>>(), ["broker-a"]);
    assert!(away.groups().known.is_empty());
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    let back = now();
    assert_eq!(lag(&back, "G"), Some(7));
    assert!(put(&away, &back).is_err_and(|why| why.to_string().contains("not there before")));
    assert!(put(&second, &back).is_err_and(|why| why.to_string().contains("started anew")));
    assert!(put(&back, &now()).is_ok_and(|rate| rate == 0.0));
}
