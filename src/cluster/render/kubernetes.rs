//! Manifests for Kubernetes: a stateful set a broker with its disk, one for the name servers, and what they need.
//!
//! A broker is known by its pod's address, so that its master knows a slave by the address it comes from.

mod objects;

use super::{DATA, File, RenderError, Wishes, nodes};
use crate::{Role, Template};
use objects::{Objects, Pod};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where a container finds its settings.
const FOLDER: &str = "/etc/rmq";
/// A name server's disk: it keeps what `updateKvConfig` gave it, a few lines.
const NAME_SERVER_STORAGE: &str = "1Gi";
/// Longest name of a stateful set: it makes labels of it and of a hash.
const MAX_NAME_LEN: usize = 52;
/// How long a master's end may wait for its slaves.
const DRAIN: &str = "30s";

pub(super) fn files(template: &Template, wishes: &Wishes) -> Result<Vec<File>, RenderError> {
    let names = Names::new(wishes);
    let nodes = nodes::of(template);
    let brokers: Vec<_> = nodes.iter().filter(|node| !node.is_name_server()).collect();
    let mut taken = BTreeSet::from(["namesrv", "namesrv-headless", "broker"].map(|part| names.of(part)));
    for node in &brokers {
        let name = names.of(&node.name);
        let taken = !taken.insert(name.clone());
        let fits = name.len() <= MAX_NAME_LEN && !name.ends_with('-');
        if taken || !fits {
            return Err(RenderError::KubernetesName { node: node.name.clone(), name, taken });
        }
    }
    let mut files = vec![name_servers(template, wishes, &names), common(wishes, &names)];
    let addresses = names.name_servers(template);
    files.extend(brokers.into_iter().map(|node| broker(template, wishes, &names, node, &addresses)));
    Ok(files)
}

/// What things are called.
struct Names<'a> {
    wishes: &'a Wishes,
}

impl<'a> Names<'a> {
    fn new(wishes: &'a Wishes) -> Self {
        Self { wishes }
    }

    /// The name of a part of the cluster, among those of other clusters.
    fn of(&self, part: &str) -> String {
        format!("{}-{}", self.wishes.name, part.to_ascii_lowercase().replace('_', "-"))
    }

    fn name_servers(&self, template: &Template) -> String {
        let (pod, service) = (self.of("namesrv"), self.of("namesrv-headless"));
        let one = |number: u8| format!("{pod}-{number}.{service}:{}", crate::plan::NAME_SERVER_PORT);
        (0..template.name_servers).map(one).collect::<Vec<_>>().join(";")
    }
}

fn name_servers(template: &Template, wishes: &Wishes, names: &Names<'_>) -> File {
    let name = names.of("namesrv");
    let mut objects = Objects::new(wishes, &[("component", "namesrv")]);
    let port = crate::plan::NAME_SERVER_PORT;
    let ports = json!([{ "name": "namesrv", "port": port }]);
    objects.service(&name, json!({ "ports": ports }));
    // Known before they are ready: each of them is asked by its own name.
    let headless = json!({ "clusterIP": "None", "publishNotReadyAddresses": true, "ports": ports });
    objects.service(&names.of("namesrv-headless"), headless);
    objects.budget(&name);
    let all = nodes::Node { name: name.clone(), role: Role::NameServer, group: None };
    let place = nodes::Place { host: None, port, data: DATA.to_owned() };
    objects.settings(&name, all.file_name(), all.settings(template, wishes, &place, ""));
    objects.stateful_set(Pod {
        name,
        service: names.of("namesrv-headless"),
        replicas: template.name_servers,
        component: "namesrv",
        is_alive: &[],
        command: vec!["rmq".into(), "namesrv".into(), "-c".into(), format!("{FOLDER}/namesrv.conf")],
        env: json!([]),
        ports: vec![("namesrv", port)],
        pre_stop: None,
        // Better apart, but each of them has all there is to know.
        affinity: json!({
            "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": objects.apart(&[("component", "namesrv")]),
            }],
        }),
        requests: json!({ "cpu": "100m", "memory": "64Mi" }),
        storage: NAME_SERVER_STORAGE,
    });
    let for_clients = format!("NAMESRV_ADDR={}:{port} for clients in this namespace", names.of("namesrv"));
    objects.file("namesrv.yaml", &format!("The name servers of {}. {for_clients}", wishes.name))
}

/// What all brokers share.
fn common(wishes: &Wishes, names: &Names<'_>) -> File {
    let mut objects = Objects::new(wishes, &[("component", "broker")]);
    let name = names.of("broker");
    let ports = json!([{ "name": "broker", "port": crate::plan::BROKER_PORT }]);
    objects.service(&name, json!({ "clusterIP": "None", "publishNotReadyAddresses": true, "ports": ports }));
    // At most one of all brokers goes at a time, so that a master and its slave never do.
    objects.budget(&name);
    objects.file("brokers.yaml", &format!("What the brokers of {} share", wishes.name))
}

fn broker(template: &Template, wishes: &Wishes, names: &Names<'_>, node: &nodes::Node<'_>, name_servers: &str) -> File {
    let name = names.of(&node.name);
    let group = node.role.broker().map(|(broker, _)| names.of(broker)).unwrap_or_default();
    let role = if matches!(node.role, Role::Slave { .. }) { "slave" } else { "master" };
    let labels = [("component", "broker"), ("broker", &*group), ("role", role), ("node", &*name)];
    let mut objects = Objects::new(wishes, &labels);
    let port = node.usual_port();
    let place = nodes::Place { host: None, port, data: DATA.to_owned() };
    objects.settings(&name, node.file_name(), node.settings(template, wishes, &place, name_servers));
    let address = |key: &str| ["--set".to_owned(), format!("{key}=$(POD_IP)")];
    let command = ["rmq", "broker", "-c", "/etc/rmq/broker.conf"].map(str::to_owned);
    let has_slaves = role == "master" && node.group.is_some_and(|group| group.slaves > 0);
    objects.stateful_set(Pod {
        service: names.of("broker"),
        replicas: 1,
        component: "broker",
        // A broker with a full disk is not well, but to start it anew would not help.
        is_alive: &["--alive"],
        command: command.into_iter().chain(address("brokerIP1")).chain(address("brokerIP2")).collect(),
        env: json!([{ "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } }]),
        // The one two below is where clients send if they are told to keep apart what they send and what they read.
        ports: vec![("broker", port), ("broker-vip", port - 2), ("replication", port + 1)],
        pre_stop: has_slaves.then(|| drain(name_servers)),
        affinity: json!({
            "requiredDuringSchedulingIgnoredDuringExecution": [objects.apart(&[("broker", &group)])],
        }),
        requests: json!({ "cpu": "250m", "memory": "512Mi" }),
        storage: &wishes.storage,
        name,
    });
    objects.file(&format!("{}.yaml", node.name), &format!("{}: {} of {}", node.name, node.role.title(), wishes.name))
}

/// Waits until slaves have what their masters have, before a master goes; it goes in any case.
fn drain(name_servers: &str) -> Value {
    json!(["rmq", "check", "replication", "--namesrv", name_servers, "--wait", DRAIN])
}
