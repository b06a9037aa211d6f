//! What all formats share: which nodes a template has, and what their settings files say.

use super::{RenderError, Wishes};
use crate::{
    Ports, Role, Template,
    plan::{BROKER_NEIGHBOURS, BROKER_PORT, NAME_SERVER_PORT, broker_settings},
    template::{BrokerGroup, name_server_name},
};
use base::properties;
use std::collections::BTreeMap;

/// One process, wherever it runs.
pub(super) struct Node<'a> {
    /// Its name, unique in the cluster.
    pub(super) name: String,
    pub(super) role: Role,
    /// Which brokers it is one of.
    pub(super) group: Option<&'a BrokerGroup>,
}

/// Where a node is.
pub(super) struct Place {
    /// Where others reach it; without one the broker finds its address itself.
    pub(super) host: Option<String>,
    pub(super) port: u16,
    /// The folder that is its own.
    pub(super) data: String,
}

impl Node<'_> {
    pub(super) fn is_name_server(&self) -> bool {
        self.role == Role::NameServer
    }

    /// Its settings file, by the name operators know.
    pub(super) fn file_name(&self) -> &'static str {
        if self.is_name_server() { "namesrv.conf" } else { "broker.conf" }
    }

    pub(super) fn usual_port(&self) -> u16 {
        if self.is_name_server() { NAME_SERVER_PORT } else { BROKER_PORT }
    }

    /// What runs it.
    pub(super) fn command(&self) -> &'static str {
        if self.is_name_server() { "namesrv" } else { "broker" }
    }

    /// What its settings file says.
    pub(super) fn settings(&self, template: &Template, wishes: &Wishes, place: &Place, name_servers: &str) -> String {
        let head = wishes.head(&format!("{}: {}", self.name, self.role.title()));
        let Some(group) = self.group else {
            let kv = format!("{}/kvConfig.json", place.data);
            return head + &properties::render([("listenPort", place.port.to_string()), ("kvConfigPath", kv)]);
        };
        let mut settings = broker_settings(template, group, &self.role);
        if let Some(host) = &place.host {
            settings.extend([("brokerIP1", host.clone()), ("brokerIP2", host.clone())]);
        }
        settings.extend([
            ("listenPort", place.port.to_string()),
            ("haListenPort", (place.port + 1).to_string()),
            ("namesrvAddr", name_servers.to_owned()),
            ("storePathRootDir", format!("{}/store", place.data)),
        ]);
        head + &properties::render(settings)
    }
}

/// The nodes of a template: name servers, masters, slaves.
pub(super) fn of(template: &Template) -> Vec<Node<'_>> {
    let name_servers = (1..=template.name_servers).map(|number| Node {
        name: name_server_name(number),
        role: Role::NameServer,
        group: None,
    });
    let masters = template.brokers.iter().map(|group| Node {
        name: group.node_name(0),
        role: Role::Master { broker: group.name.clone() },
        group: Some(group),
    });
    let slaves = template.brokers.iter().flat_map(|group| {
        (1..=group.slaves).map(move |id| Node {
            name: group.node_name(id),
            role: Role::Slave { broker: group.name.clone(), id: i64::from(id) },
            group: Some(group),
        })
    });
    name_servers.chain(masters).chain(slaves).collect()
}

/// The settings file of every node on machines: `data` is the folder of all of them on each machine. Nodes that share
/// a machine get ports well apart.
///
/// # Errors
/// A host for a node that is not there, or too many nodes on one.
pub(super) fn on_machines<'a>(
    template: &'a Template,
    wishes: &Wishes,
    data: &str,
) -> Result<Vec<(Node<'a>, String)>, RenderError> {
    let nodes = of(template);
    if let Some(node) = wishes.hosts.keys().find(|host| nodes.iter().all(|node| node.name != **host)) {
        let known = nodes.iter().map(|node| node.name.clone()).collect();
        return Err(RenderError::NoSuchNode { node: node.clone(), known });
    }
    let mut ports: BTreeMap<String, Ports> = BTreeMap::new();
    let mut places = Vec::new();
    for node in &nodes {
        let host = wishes.hosts.get(&node.name).unwrap_or(&node.name).clone();
        let neighbours = if node.is_name_server() { &[] } else { BROKER_NEIGHBOURS };
        let port = ports.entry(host.clone()).or_insert_with(Ports::all_free).take(None, node.usual_port(), neighbours);
        let port = port.map_err(|_| RenderError::NoPort { host: host.clone(), node: node.name.clone() })?;
        places.push(Place { data: format!("{data}/{}", node.name), host: Some(host), port });
    }
    let addresses = nodes.iter().zip(&places).filter(|(node, _)| node.is_name_server());
    let addresses = addresses.map(|(_, place)| format!("{}:{}", place.host.as_deref().unwrap_or_default(), place.port));
    let name_servers = addresses.collect::<Vec<_>>().join(";");
    let settings = |(node, place): (Node<'a>, Place)| {
        let text = node.settings(template, wishes, &place, &name_servers);
        (node, text)
    };
    Ok(nodes.into_iter().zip(places).map(settings).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::properties::Properties;

    #[test]
    fn nodes_that_share_a_machine_do_not_share_a_port() {
        let text = "name-servers: 2\nbrokers: [{name: a, slaves: 1}, {name: b, slaves: 1}]";
        let template = Template::parse("t.yaml", text).unwrap();
        let hosts = [("a", "h1"), ("b-slave-1", "h1"), ("namesrv-1", "h1"), ("b", "h2"), ("a-slave-1", "h2")];
        let hosts = hosts.map(|(node, host)| (node.to_owned(), host.to_owned())).into();
        let wishes = Wishes { hosts, ..Wishes::default() };
        let nodes = on_machines(&template, &wishes, "/d").unwrap();
        let get = |name: &str, key: &str| {
            let (_, text) = nodes.iter().find(|(node, _)| node.name == name).unwrap();
            Properties::parse(text).unwrap().get(key).map(str::to_owned)
        };
        assert_eq!(get("a", "listenPort").unwrap(), "10911");
        assert_eq!(get("b", "listenPort").unwrap(), "10911");
        assert_eq!(get("b-slave-1", "listenPort").unwrap(), "10921");
        assert_eq!(get("b-slave-1", "haListenPort").unwrap(), "10922");
        assert_eq!(get("b-slave-1", "brokerIP1").unwrap(), "h1");
        assert_eq!(get("b-slave-1", "storePathRootDir").unwrap(), "/d/b-slave-1/store");
        assert_eq!(get("a-slave-1", "namesrvAddr").unwrap(), "h1:9876;namesrv-2:9876");
        assert_eq!(get("namesrv-2", "kvConfigPath").unwrap(), "/d/namesrv-2/kvConfig.json");
    }

    #[test]
    fn a_line_break_in_a_name_begins_no_line() {
        let template = Template::parse("t.yaml", "brokers: [{name: a, properties: {x: \"1\\nbrokerId=7\"}}]").unwrap();
        let wishes = Wishes { template_name: "t\nbrokerId=9".into(), ..Wishes::default() };
        let nodes = on_machines(&template, &wishes, "/d").unwrap();
        assert_eq!(Properties::parse(&nodes[1].1).unwrap().get("brokerId"), Some("0"));
    }
}
