//! What is asked of a cluster beyond up and down: other settings, ports and numbers, single nodes; and what is refused.

#![allow(clippy::unwrap_used)]

mod world;

use cluster::{Error, Event, NodeState, Template, Upping};
use std::fs;
use world::{WITHIN, World, log_end};

const GROUP: &str = "brokers: [{name: a, slaves: 1, nodes: [{id: 1, properties: {x: 1}}]}]";

#[tokio::test]
async fn what_was_set_is_kept_and_what_contradicts_what_runs_is_refused() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let set = [("x".to_owned(), "2".to_owned()), ("y".to_owned(), "3".to_owned())];
    let two = |how| Upping { name_servers: Some(2), set: &set, ..how };
    let up = world.up_as(&cluster, GROUP, two).await.0.unwrap();
    let config = |up: &cluster::Up, node: usize| fs::read_to_string(up.status.nodes[node].node.config_file()).unwrap();
    assert_eq!(up.status.nodes.len(), 4);
    assert!(config(&up, 3).contains("\nx=2\ny=3\n"), "{}", config(&up, 3));
    assert!(world.up(&cluster, GROUP).await.0.unwrap().ran_already, "the same without a word");
    let other = [("x".to_owned(), "4".to_owned())];
    let error = world.up_as(&cluster, GROUP, |how| Upping { set: &other, ..how }).await.0.unwrap_err();
    assert!(matches!(error, Error::RunsOtherwise { what: "--set", .. }), "{error}");
    let error = world.up_as(&cluster, GROUP, |how| Upping { base_port: Some(25_000), ..how }).await.0.unwrap_err();
    assert!(matches!(error, Error::RunsOtherwise { what: "base port", .. }), "{error}");
    let edited = GROUP.replace("x: 1", "x: 1, z: 5");
    let error = world.up(&cluster, &edited).await.0.unwrap_err();
    assert!(matches!(error, Error::RunsOtherwise { what: "template", .. }), "{error}");
    let error =
        world.up_as(&cluster, &edited, |how| Upping { template_name: "u", ..how }).await.0.unwrap_err().to_string();
    assert!(error.contains("already, made from t;"), "{error}");
    cluster.down(false, |_| ()).await.unwrap();
    let up = world.up_as(&cluster, &edited, |how| Upping { set: &other, ..how }).await.0.unwrap();
    assert!(config(&up, 3).contains("\nx=4\ny=3\nz=5\n"), "{}", config(&up, 3));
    assert_eq!(cluster.template().unwrap(), Some(("t".to_owned(), edited)));
    // What does not come up leaves what is known as it was.
    cluster.down(false, |_| ()).await.unwrap();
    let bad = [("autoCreateTopicEnable".to_owned(), "maybe".to_owned())];
    let error = world.up_as(&cluster, GROUP, |how| Upping { set: &bad, ..how }).await.0.unwrap_err().to_string();
    assert_eq!(error, "a cannot have these settings: yes or no?");
    fs::remove_file(world.exe()).unwrap();
    let failed = [("x".to_owned(), "6".to_owned())];
    world.up_as(&cluster, GROUP, |how| Upping { set: &failed, ..how }).await.0.unwrap_err();
    let kept = fs::read_to_string(cluster.dir().join("cluster.json")).unwrap();
    assert!(kept.contains(r#""x": "4""#), "{kept}");
}

#[tokio::test]
async fn a_single_node_is_stopped_killed_and_started() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let up = world.up(&cluster, GROUP).await.0.unwrap();
    let pids: Vec<_> = up.status.nodes.iter().map(|node| node.state.pid().unwrap()).collect();
    let stopped = cluster.stop(Some("a-slave-1"), |_| ()).await.unwrap().stopped;
    assert_eq!(stopped, ["a-slave-1"]);
    assert_eq!(cluster.kill(Some("a"), |_| ()).await.unwrap().killed, ["a"]);
    let status = cluster.status().await.unwrap();
    assert_eq!(status.nodes[1].state, NodeState::Died { pid: pids[1] });
    assert_eq!(status.nodes[2].state, NodeState::Stopped);
    assert_eq!(status.nodes[0].state, NodeState::Ready { pid: pids[0] });
    // A slave whose master is away is up when it serves.
    let (slave, said) = world.up_as(&cluster, GROUP, |how| Upping { only: Some("a-slave-1"), ..how }).await;
    assert_eq!(slave.unwrap().status.nodes[1].state, NodeState::Died { pid: pids[1] });
    assert_eq!(said, ["a-slave-1 started", "a-slave-1 ready"]);
    world.up_as(&cluster, GROUP, |how| Upping { only: Some("a"), ..how }).await.0.unwrap();
    assert!(cluster.status().await.unwrap().is_healthy());
    let error = cluster.stop(Some("a-slve-1"), |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("did you mean \"a-slave-1\"?"), "{error}");
    assert_eq!(cluster.kill(None, |_| ()).await.unwrap().killed.len(), 3);
}

#[tokio::test]
async fn a_slave_is_waited_for_until_it_has_what_its_master_had() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    world.up(&cluster, GROUP).await.0.unwrap();
    cluster.stop(Some("a-slave-1"), |_| ()).await.unwrap();
    let nodes = cluster.nodes().unwrap();
    fs::write(nodes[1].data_dir().join("log"), "1234567").unwrap();
    let status = world.up(&cluster, GROUP).await.0.unwrap().status;
    assert_eq!(log_end(&nodes[2].data_dir().join("log")), 7);
    assert!(status.is_healthy(), "{status:?}");
    fs::write(nodes[1].data_dir().join("log"), "1234567890").unwrap();
    let status = cluster.status().await.unwrap();
    assert_eq!((status.nodes[2].behind, status.is_ready(), status.is_healthy()), (Some(3), true, false));
    cluster.down(false, |_| ()).await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_way_is_refused_before_anything_is_made() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    fs::create_dir_all(cluster.dir().join("photos")).unwrap();
    assert!(matches!(world.up(&cluster, GROUP).await.0.unwrap_err(), Error::NoCluster { .. }));
    assert!(cluster.dir().join("photos").exists());
    let other = world.cluster("other");
    // The port beside the broker's own, where slaves come.
    let take = |base: u16| std::net::TcpListener::bind(("127.0.0.1", base + 11)).map(|taken| (base, taken));
    let (base, _taken) = (25_000..32_000).step_by(100).find_map(|base| take(base).ok()).unwrap();
    let error = world.up_as(&other, GROUP, |how| Upping { base_port: Some(base), ..how }).await.0.unwrap_err();
    assert!(matches!(error, Error::PortTaken { .. }), "{error}");
    let error = world.up_as(&other, GROUP, |how| Upping { base_port: Some(80), ..how }).await.0.unwrap_err();
    assert!(matches!(error, Error::PortNotAllowed { port: 80, .. }), "{error}");
    assert!(!other.dir().exists());
}

#[tokio::test]
async fn an_interrupted_start_leaves_nothing() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let template = Template::parse("t.yaml", GROUP).unwrap();
    let exe = world.exe();
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let how = Upping {
        template: &template,
        template_name: "t",
        template_text: GROUP,
        name_servers: None,
        set: &[],
        base_port: None,
        only: None,
        check: |_| Ok(()),
        exe: &exe,
        within: WITHIN,
    };
    let mut pids = Vec::new();
    let up = cluster.up(how, async { told.await.unwrap() }, |event| {
        if let Event::Started { node, pid } = event {
            pids.push(pid);
            if node.name == "a" {
                let _ = tell.take().unwrap().send(());
            }
        }
    });
    assert!(matches!(up.await, Err(Error::Interrupted)));
    assert_eq!(pids.len(), 2);
    assert!(!cluster.dir().exists());
    let state = |pid| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    for pid in pids {
        assert!(state(pid).is_empty() || state(pid).contains(") Z "), "{}", state(pid));
    }
}
