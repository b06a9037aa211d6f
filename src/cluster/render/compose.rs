//! One compose file: a service a node, each with its volume and its settings inside the file.

use super::{DATA, File, Wishes, nodes};
use crate::{Role, Template};
use serde_json::{Map, Value, json};

/// Where a container finds its settings.
const FOLDER: &str = "/etc/rmq";

pub(super) fn file(template: &Template, wishes: &Wishes) -> File {
    let nodes = nodes::of(template);
    let (mut services, mut configs, mut volumes) = (Map::new(), Map::new(), Map::new());
    let name_servers = nodes.iter().filter(|node| node.is_name_server());
    let name_servers: Vec<_> = name_servers.map(|node| format!("{}:{}", node.name, node.usual_port())).collect();
    for node in &nodes {
        // In the network of the cluster, a service is reached by its name.
        let place = nodes::Place { host: Some(node.name.clone()), port: node.usual_port(), data: DATA.to_owned() };
        let settings = node.settings(template, wishes, &place, &name_servers.join(";"));
        services.insert(node.name.clone(), service(node, &nodes, wishes));
        configs.insert(node.name.clone(), json!({ "content": as_written(&settings) }));
        volumes.insert(node.name.clone(), json!({}));
    }
    let head = wishes.head(&format!(
        "The cluster {}: docker compose up --wait. Clients are in its network, with NAMESRV_ADDR='{}'",
        wishes.name,
        name_servers.join(";")
    ));
    let cluster = json!({ "name": wishes.name, "services": services, "configs": configs, "volumes": volumes });
    File { path: "compose.yaml".to_owned(), text: head + &super::yaml(&cluster) }
}

fn service(node: &nodes::Node<'_>, all: &[nodes::Node<'_>], wishes: &Wishes) -> Value {
    let file = format!("{FOLDER}/{}", node.file_name());
    let address = format!("127.0.0.1:{}", node.usual_port());
    let mut service = json!({
        "image": wishes.image,
        "entrypoint": ["rmq", node.command(), "-c", file],
        "restart": "unless-stopped",
        "stop_grace_period": "2m",
        "configs": [{ "source": node.name, "target": file }],
        "volumes": [{ "type": "volume", "source": node.name, "target": DATA }],
        "healthcheck": {
            "test": ["CMD", "rmq", "check", node.command(), "--addr", address],
            "interval": "2s",
            "timeout": "10s",
            "retries": 3,
            // Checking a large store after a crash takes its time.
            "start_period": "10m",
        },
        "ulimits": { "nofile": 1_048_576 },
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    });
    let before: Map<_, _> = all
        .iter()
        .filter(|other| comes_before(other, node))
        .map(|other| (other.name.clone(), json!({ "condition": "service_healthy" })))
        .collect();
    if !before.is_empty() {
        service["depends_on"] = before.into();
    }
    service
}

/// Name servers come before brokers, and a master before its slaves.
fn comes_before(other: &nodes::Node<'_>, node: &nodes::Node<'_>) -> bool {
    match (&other.role, &node.role) {
        (Role::NameServer, Role::Master { .. } | Role::Slave { .. }) => true,
        (Role::Master { broker: master }, Role::Slave { broker, .. }) => master == broker,
        _ => false,
    }
}

/// A text in which compose replaces nothing.
fn as_written(text: &str) -> String {
    text.replace('$', "$$")
}
