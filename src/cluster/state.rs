//! What a cluster consists of, in two small files of its folder: `cluster.json`, and the template it was made from.
//! What runs stands beside each node.

use crate::{Error, Launch, Node, Role};
use base::durable;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

const FILE: &str = "cluster.json";
const TEMPLATE: &str = "template.yaml";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The template's name, for people.
    pub(crate) template: String,
    /// How many name servers, if not as many as the template says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name_servers: Option<u8>,
    /// Settings over those of the template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) set: BTreeMap<String, String>,
    nodes: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    name: String,
    #[serde(flatten)]
    role: Role,
    listen: SocketAddr,
}

impl State {
    pub(crate) fn of(
        template: &str,
        name_servers: Option<u8>,
        set: BTreeMap<String, String>,
        launches: &[Launch],
    ) -> Self {
        let kept = |Launch { node: Node { name, role, listen, .. }, .. }: &Launch| Kept {
            name: name.clone(),
            role: role.clone(),
            listen: *listen,
        };
        Self { template: template.to_owned(), name_servers, set, nodes: launches.iter().map(kept).collect() }
    }

    pub(crate) fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE);
        durable::read(&path, |text| Ok(serde_json::from_slice(text)?)).map_err(failed("read", path))
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        text.and_then(|text| durable::write(&path, &text)).map_err(failed("write", path))
    }

    /// The text of the template; none if this cluster is older than the file.
    pub(crate) fn read_template(dir: &Path) -> Result<Option<String>, Error> {
        let path = dir.join(TEMPLATE);
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).map_err(|_| io::ErrorKind::InvalidData.into());
        durable::read(&path, text).map_err(failed("read", path))
    }

    pub(crate) fn write_template(dir: &Path, text: &str) -> Result<(), Error> {
        let path = dir.join(TEMPLATE);
        durable::write(&path, text.as_bytes()).map_err(failed("write", path))
    }

    /// Its nodes, in the order they start.
    pub(crate) fn nodes(&self, dir: &Path) -> Vec<Node> {
        let node = |Kept { name, role, listen }: &Kept| Node {
            name: name.clone(),
            role: role.clone(),
            listen: *listen,
            dir: dir.join(name),
        };
        self.nodes.iter().map(node).collect()
    }

    pub(crate) fn name_server_addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().filter(|node| node.role == Role::NameServer).map(|node| node.listen).collect()
    }

    pub(crate) fn port_of(&self, name: &str) -> Option<u16> {
        self.nodes.iter().find(|node| node.name == name).map(|node| node.listen.port())
    }

    pub(crate) fn first_port(&self) -> Option<u16> {
        self.nodes.first().map(|node| node.listen.port())
    }

    /// The names of its nodes, to tell one shape from another.
    pub(crate) fn shape(&self) -> String {
        let names: Vec<_> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        names.join(", ")
    }
}

fn failed(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_kept_for_people_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let node = |name: &str, role, port| Launch {
            node: Node {
                name: name.into(),
                role,
                listen: ([127, 0, 0, 1], port).into(),
                dir: folder.path().join(name),
            },
            config_text: String::new(),
            argv: Vec::new(),
        };
        let launches =
            [node("namesrv-1", Role::NameServer, 9876), node("a", Role::Slave { broker: "a".into(), id: 1 }, 1)];
        let state = State::of("single", None, BTreeMap::new(), &launches);
        state.write(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            kept["nodes"][1],
            serde_json::json!({"name": "a", "role": "slave", "broker": "a", "id": 1, "listen": "127.0.0.1:1"})
        );
        assert_eq!(State::read(folder.path()).unwrap().unwrap(), state);
        assert_eq!(state.nodes(folder.path()), launches.map(|launch| launch.node));
        assert_eq!((state.port_of("a"), state.port_of("b")), (Some(1), None));
        assert_eq!(State::read(&folder.path().join("none")).unwrap(), None);
    }
}
