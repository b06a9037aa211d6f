//! A cluster's life: up, found running, down, up again with the same data, and what goes wrong on the way.

#![allow(clippy::unwrap_used)]

mod world;

use cluster::{Error, NodeState};
use std::fs;
use world::{AS_NODE, WITHIN, World, check_ports, words};

const SINGLE: &str = include_str!("../../../templates/single.yaml");

#[tokio::test]
async fn a_cluster_comes_up_stays_goes_down_and_comes_back_with_its_data() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let (up, said) = world.up(&cluster, SINGLE).await;
    let up = up.unwrap();
    assert!(!up.ran_already && up.status.is_ready(), "{:?}", up.status);
    let said: Vec<_> = said.iter().filter(|said| !said.ends_with("moves")).collect();
    assert_eq!(said, ["namesrv-1 started", "namesrv-1 ready", "broker-a started", "broker-a ready"]);
    let ports: Vec<_> = up.status.nodes.iter().map(|node| node.node.listen).collect();
    assert_eq!(up.status.namesrv_addr(), ports[0].to_string());
    for pid in up.status.nodes.iter().map(|node| node.state.pid().unwrap()) {
        // What a terminal sends to the processes in its foreground does not reach it.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap();
        assert_eq!(group, pid.to_string());
    }

    let (again, said) = world.up(&cluster, SINGLE).await;
    let again = again.unwrap();
    assert!(again.ran_already && said.is_empty(), "{said:?}");
    assert_eq!(again.status.nodes[1].state, up.status.nodes[1].state);

    let mut said = Vec::new();
    let down = cluster.down(false, |event| said.push(words(&event))).await.unwrap();
    assert_eq!((down.stopped, down.killed.len()), (vec!["broker-a".to_owned(), "namesrv-1".to_owned()], 0));
    assert_eq!(said, ["broker-a stopping", "broker-a stopped", "namesrv-1 stopping", "namesrv-1 stopped"]);
    let status = cluster.status().await.unwrap();
    assert!(status.nodes.iter().all(|node| node.state == NodeState::Stopped) && status.is_down());
    assert!(cluster.down(false, |_| ()).await.unwrap().stopped.is_empty(), "nothing is left to stop");

    let (up, said) = world.up(&cluster, SINGLE).await;
    let up = up.unwrap();
    check_ports(&up.status, &ports, &said);
    let starts = up.status.nodes[1].node.data_dir().join("starts");
    assert_eq!(fs::read(&starts).unwrap(), b"xx", "the second start found what the first left");
    let log = fs::read_to_string(up.status.nodes[1].node.log_file()).unwrap();
    assert_eq!(log.matches("running 1 test").count(), 2, "the log goes on");
    let names: Vec<_> = world.home().list().await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["default"]);
    cluster.down(true, |_| ()).await.unwrap();
    assert!(!cluster.dir().exists());
    assert!(matches!(cluster.down(false, |_| ()).await, Err(Error::Unknown { .. })));
}

#[tokio::test]
async fn a_second_cluster_gets_other_ports_and_says_so() {
    let world = World::new().await;
    let (one, two) = (world.cluster("one"), world.cluster("two"));
    let first = world.up(&one, SINGLE).await.0.unwrap();
    let (second, said) = world.up(&two, SINGLE).await;
    let second = second.unwrap();
    assert!(said.contains(&"broker-a moves".to_owned()), "{said:?}");
    for (a, b) in first.status.nodes.iter().zip(&second.status.nodes) {
        assert!(a.node.listen.port().abs_diff(b.node.listen.port()) >= 10);
    }
    assert!(one.status().await.unwrap().is_ready());
    // After both were down, each has its own ports back.
    one.down(false, |_| ()).await.unwrap();
    two.down(false, |_| ()).await.unwrap();
    let (back, said) = world.up(&two, SINGLE).await;
    let ports: Vec<_> = second.status.nodes.iter().map(|node| node.node.listen).collect();
    check_ports(&back.unwrap().status, &ports, &said);
    two.down(false, |_| ()).await.unwrap();
}

#[tokio::test]
async fn only_what_died_is_started_again() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let template = "name-servers: 2\nbrokers: [{name: a, slaves: 1}, {name: b}]";
    let (up, said) = world.up(&cluster, template).await;
    let up = up.unwrap();
    assert!(up.status.is_ready());
    assert_eq!(said.iter().filter(|said| said.ends_with("ready")).count(), 5);
    let NodeState::Ready { pid } = up.status.nodes[2].state else { panic!("{:?}", up.status) };
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    let died = async {
        while cluster.status().await.unwrap().nodes[2].state != (NodeState::Died { pid }) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, died).await.unwrap();
    let (again, said) = world.up(&cluster, template).await;
    let again = again.unwrap();
    assert_eq!(said, ["a started", "a ready"]);
    assert!(again.status.is_ready() && !again.ran_already);
    assert_eq!(again.status.nodes[4].state, up.status.nodes[4].state);
    let (other, _) = world.up(&cluster, SINGLE).await;
    assert!(matches!(other, Err(Error::OtherTemplate { .. })), "{other:?}");
    cluster.down(false, |_| ()).await.unwrap();
}

#[tokio::test]
async fn a_node_that_fails_is_shown_with_its_last_words_and_nothing_is_left_running() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let this = std::env::current_exe().unwrap();
    world.script(&format!(
        "if [ $1 = broker ]; then echo store is locked by 77; exit 3; fi\n\
         {AS_NODE}=\"$*\" exec '{}' --exact world::node --nocapture",
        this.display()
    ));
    let (up, said) = world.up(&cluster, SINGLE).await;
    let error = up.unwrap_err().to_string();
    assert!(error.starts_with("broker-a did not come up: it ended by itself (exit status: 3)"), "{error}");
    assert!(error.ends_with("\n  | store is locked by 77"), "{error}");
    assert!(said.ends_with(&["namesrv-1 stopping".to_owned(), "namesrv-1 stopped".to_owned()]), "{said:?}");
    assert!(!cluster.dir().exists(), "what never was up is not there");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let world = World::new().await;
    fs::remove_file(world.exe()).unwrap();
    let error = world.up(&world.cluster("default"), SINGLE).await.0.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot start {}: ", world.exe().display())), "{error}");
}

#[tokio::test]
async fn a_node_that_does_not_end_when_asked_is_killed() {
    let world = World::new().await;
    let cluster = world.cluster("default");
    let this = std::env::current_exe().unwrap();
    // What the shell ignores, the program it turns into ignores as well.
    world.script(&format!(
        "if [ $1 = broker ]; then trap '' TERM; fi\n{AS_NODE}=\"$*\" exec '{}' --exact world::node --nocapture",
        this.display()
    ));
    world.up(&cluster, SINGLE).await.0.unwrap();
    // Simulated time: 30 s pass at once.
    tokio::time::pause();
    let down = cluster.down(false, |_| ()).await.unwrap();
    assert_eq!(down.killed, ["broker-a"]);
}
