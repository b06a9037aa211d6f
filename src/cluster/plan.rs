//! From a template to the nodes of one machine: names, ports, directories, and the file each is started with.

use crate::{
    Error, Ports, Template,
    template::{BrokerGroup, name_server_name},
};
use base::properties;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub(crate) const NAME_SERVER_PORT: u16 = 9876;
pub(crate) const BROKER_PORT: u16 = 10911;
/// A broker also listens two ports below its own, and on the next one above for its slaves.
pub(crate) const BROKER_NEIGHBOURS: &[i16] = &[-2, 1];

/// What a node does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// It knows who serves which topic.
    NameServer,
    /// It takes messages.
    Master {
        /// The broker's name.
        broker: String,
    },
    /// It follows the master of that name.
    Slave {
        /// The broker's name.
        broker: String,
        /// Its id, from 1.
        id: i64,
    },
}

/// One process of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name, unique in the cluster.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Where it is reached.
    pub listen: SocketAddr,
    /// The folder that holds all it has.
    pub dir: PathBuf,
}

/// A node and how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The node.
    pub node: Node,
    /// What its settings file says.
    pub config_text: String,
    /// The program and its arguments.
    pub argv: Vec<OsString>,
}

impl Role {
    /// The broker's name and id, if it is a broker.
    pub fn broker(&self) -> Option<(&str, i64)> {
        match self {
            Self::NameServer => None,
            Self::Master { broker } => Some((broker, 0)),
            Self::Slave { broker, id } => Some((broker, *id)),
        }
    }

    /// Its usual port, and the distances from it to others that go with it.
    pub(crate) fn ports(&self) -> (u16, &'static [i16]) {
        match self {
            Self::NameServer => (NAME_SERVER_PORT, &[]),
            Self::Master { .. } | Self::Slave { .. } => (BROKER_PORT, BROKER_NEIGHBOURS),
        }
    }

    /// In words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::NameServer => "name server",
            Self::Master { .. } => "master",
            Self::Slave { .. } => "slave",
        }
    }
}

impl Node {
    /// Its settings, by the name operators know.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join(if self.role == Role::NameServer { "namesrv.conf" } else { "broker.conf" })
    }

    /// What it wrote on standard output and standard error.
    pub fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// What it keeps.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("store")
    }

    pub(crate) fn process_file(&self) -> PathBuf {
        self.dir.join("process.json")
    }
}

/// The nodes of `template` under `dir`, name servers first, then masters, then slaves. `exe` is the program that runs
/// them. A node gets the port that `before` says it had, if it is free.
///
/// # Errors
/// [`Error::NoPort`] if the machine has none left; [`Error::PortTaken`] or [`Error::PortNotAllowed`] if those it must
/// have cannot be had.
pub fn plan(
    template: &Template,
    dir: &Path,
    exe: &Path,
    ports: &mut Ports,
    before: impl Fn(&str) -> Option<u16>,
) -> Result<Vec<Launch>, Error> {
    let mut node = |name: String, role: Role| {
        let (usual, neighbours) = role.ports();
        let port = ports.take(before(&name), usual, neighbours).map_err(|error| Error::of_port(&name, &error))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok::<_, Error>(Node { dir: dir.join(&name), name, role, listen })
    };
    let mut launches = Vec::new();
    for number in 1..=template.name_servers {
        launches.push(name_server(node(name_server_name(number), Role::NameServer)?, exe));
    }
    let addrs: Vec<String> = launches.iter().map(|launch| launch.node.listen.to_string()).collect();
    let addrs = addrs.join(";");
    for group in &template.brokers {
        let role = Role::Master { broker: group.name.clone() };
        launches.push(broker(node(group.node_name(0), role)?, template, group, &addrs, exe));
    }
    for group in &template.brokers {
        for id in 1..=group.slaves {
            let role = Role::Slave { broker: group.name.clone(), id: i64::from(id) };
            launches.push(broker(node(group.node_name(id), role)?, template, group, &addrs, exe));
        }
    }
    Ok(launches)
}

fn name_server(node: Node, exe: &Path) -> Launch {
    let config_text = properties::render([
        ("listenPort", node.listen.port().to_string()),
        ("kvConfigPath", node.data_dir().join("kvConfig.json").display().to_string()),
    ]);
    let listen = ["--listen".into(), node.listen.to_string().into()];
    let argv = argv(exe, "namesrv", &node, listen);
    Launch { node, config_text, argv }
}

fn broker(node: Node, template: &Template, group: &BrokerGroup, name_servers: &str, exe: &Path) -> Launch {
    let mut settings = broker_settings(template, group, &node.role);
    // Last, so that no template can give two nodes the same.
    settings.extend([
        ("brokerIP1", node.listen.ip().to_string()),
        // Where slaves find it.
        ("brokerIP2", node.listen.ip().to_string()),
        ("listenPort", node.listen.port().to_string()),
        ("haListenPort", (node.listen.port() + 1).to_string()),
        ("namesrvAddr", name_servers.to_owned()),
        ("storePathRootDir", node.data_dir().display().to_string()),
    ]);
    let config_text = properties::render(settings);
    let argv = argv(exe, "broker", &node, []);
    Launch { node, config_text, argv }
}

/// What a broker's file says wherever it runs.
pub(crate) fn broker_settings<'a>(
    template: &'a Template,
    group: &'a BrokerGroup,
    role: &Role,
) -> BTreeMap<&'a str, String> {
    let (of_role, word) = match role {
        Role::Slave { .. } => (&template.properties.slave, "SLAVE"),
        Role::Master { .. } | Role::NameServer => (&template.properties.master, "ASYNC_MASTER"),
    };
    let (_, id) = role.broker().unwrap_or_default();
    let mut settings =
        BTreeMap::from([("brokerClusterName", "DefaultCluster".to_owned()), ("brokerRole", word.into())]);
    let of_node = group.nodes.iter().filter(|node| i64::from(node.id) == id).map(|node| &node.properties);
    let common = [&template.properties.all, of_role, &group.properties];
    for properties in common.into_iter().chain(of_node).chain([&template.set]) {
        settings.extend(properties.0.iter().map(|(key, value)| (key.as_str(), value.clone())));
    }
    // What is said for all is said for masters.
    if matches!(role, Role::Slave { .. }) {
        settings.insert("brokerRole", word.to_owned());
    }
    settings.extend([("brokerName", group.name.clone()), ("brokerId", id.to_string())]);
    settings
}

fn argv(exe: &Path, command: &str, node: &Node, more: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let first: [OsString; 4] = [exe.into(), command.into(), "-c".into(), node.config_file().into()];
    first.into_iter().chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str, before: impl Fn(&str) -> Option<u16>) -> Vec<Launch> {
        let template = Template::parse("t.yaml", text).unwrap();
        let mut ports = Ports::new(32768..=60999, |_| true);
        plan(&template, Path::new("/c"), Path::new("/bin/rmq"), &mut ports, before).unwrap()
    }

    fn settings(launch: &Launch) -> properties::Properties {
        properties::Properties::parse(&launch.config_text).unwrap()
    }

    #[test]
    fn the_template_single_is_a_name_server_and_a_broker_on_the_ports_everybody_knows() {
        let launches = planned(include_str!("../../templates/single.yaml"), |_| None);
        let [name_server, broker] = &launches[..] else { panic!("{launches:?}") };
        assert_eq!(name_server.config_text, "listenPort=9876\nkvConfigPath=/c/namesrv-1/store/kvConfig.json\n");
        let argv = ["/bin/rmq", "namesrv", "-c", "/c/namesrv-1/namesrv.conf", "--listen", "127.0.0.1:9876"];
        assert_eq!(name_server.argv, argv);
        assert_eq!(broker.argv, ["/bin/rmq", "broker", "-c", "/c/broker-a/broker.conf"]);
        assert_eq!(
            broker.config_text.lines().collect::<Vec<_>>(),
            [
                "autoCreateTopicEnable=true",
                "brokerClusterName=DefaultCluster",
                "brokerIP1=127.0.0.1",
                "brokerIP2=127.0.0.1",
                "brokerId=0",
                "brokerName=broker-a",
                "brokerRole=ASYNC_MASTER",
                "haListenPort=10912",
                "listenPort=10911",
                "namesrvAddr=127.0.0.1:9876",
                "storePathRootDir=/c/broker-a/store",
            ]
        );
    }

    #[test]
    fn every_node_of_a_larger_template_has_its_own_name_port_and_folder() {
        let launches = planned(
            "name-servers: 2\nproperties: {all: {x: all, y: all, z: all}, slave: {y: slave}}\n\
             brokers:\n  - {name: a, slaves: 2}\n  - {name: b, properties: {z: b, brokerClusterName: C}}",
            |_| None,
        );
        let names: Vec<_> = launches.iter().map(|launch| &*launch.node.name).collect();
        assert_eq!(names, ["namesrv-1", "namesrv-2", "a", "b", "a-slave-1", "a-slave-2"]);
        let ports: std::collections::BTreeSet<_> = launches.iter().map(|launch| launch.node.listen.port()).collect();
        assert_eq!(ports.len(), 6);
        let [master, other, slave] = [&launches[2], &launches[3], &launches[5]].map(settings);
        assert_eq!(master.get("namesrvAddr"), Some("127.0.0.1:9876;127.0.0.1:9886"));
        assert_eq!((slave.get("brokerId"), slave.get("brokerRole")), (Some("2"), Some("SLAVE")));
        assert_eq!((slave.get("brokerName"), slave.get("x"), slave.get("y")), (Some("a"), Some("all"), Some("slave")));
        assert_eq!(
            (other.get("y"), other.get("z"), other.get("brokerClusterName")),
            (Some("all"), Some("b"), Some("C"))
        );
    }

    #[test]
    fn a_node_keeps_the_port_it_had() {
        let launches = planned("brokers: [{name: a}]", |name| (name == "a").then_some(20911));
        assert_eq!(launches[1].node.listen.port(), 20911);
        assert_eq!(launches[0].node.listen.port(), 9876);
    }
}
