//! A template as files that something else runs: machines of one's own, systemd, compose, Kubernetes.
//!
//! Writes no file and starts nothing; what a cluster on this machine is, is [plan](crate::plan).

mod compose;
mod kubernetes;
mod nodes;
mod properties;
mod systemd;

use crate::Template;
use std::collections::BTreeMap;

/// What runs the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One settings file a node, as `rmq` and Apache RocketMQ read it.
    Properties,
    /// Template units of systemd, and the settings files beside them.
    Systemd,
    /// One file for `docker compose`, 2.23.1 or newer, for it carries the settings files inside.
    Compose,
    /// Manifests for `kubectl apply`.
    Kubernetes,
}

/// What a template does not say. Each field says for which formats it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The template's name, for comments.
    pub template_name: String,
    /// [`Format::Properties`], [`Format::Systemd`]: where a node is reached, by its name. Others are reached by their
    /// name.
    pub hosts: BTreeMap<String, String>,
    /// [`Format::Properties`]: the folder under which each node has one of its name.
    pub data: String,
    /// [`Format::Systemd`]: where `rmq` is installed, an absolute path.
    pub program: String,
    /// [`Format::Compose`], [`Format::Kubernetes`]: the cluster's name.
    pub name: String,
    /// [`Format::Compose`], [`Format::Kubernetes`]: the container image, which has `rmq` on its path.
    pub image: String,
    /// [`Format::Kubernetes`]: the namespace; none leaves it to `kubectl`.
    pub namespace: Option<String>,
    /// [`Format::Kubernetes`]: how large a broker's disk is, as Kubernetes writes sizes.
    pub storage: String,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            template_name: String::new(),
            hosts: BTreeMap::new(),
            data: DATA.to_owned(),
            program: "/usr/local/bin/rmq".to_owned(),
            name: "rmq".to_owned(),
            image: "rmq:latest".to_owned(),
            namespace: None,
            storage: "10Gi".to_owned(),
        }
    }
}

/// One of the files that make up a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its place among the others, relative, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Why there is nothing to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A host for a node that the template has not.
    #[error("there is no node {node:?} in this template; there are: {}", known.join(", "))]
    NoSuchNode {
        /// What was given.
        node: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A value that would break the files.
    #[error("{value:?} is no {what}: {expected}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is one.
        expected: &'static str,
    },
    /// More nodes on one host than it has ports.
    #[error("no port is left on {host} for {node}")]
    NoPort {
        /// The host.
        host: String,
        /// The node.
        node: String,
    },
    /// Brokers whose names Kubernetes cannot tell apart.
    #[error(
        "in Kubernetes {node} would be {name:?}, which {}; give the broker another name in the template, or the cluster by --name",
        if *taken { "another part of the cluster is called already" } else { "is no name there: at most 52 lower-case letters, digits and -, a letter or digit last" }
    )]
    KubernetesName {
        /// The node.
        node: String,
        /// What it would be called.
        name: String,
        /// Whether another has that name.
        taken: bool,
    },
}

/// Where nodes keep what they have, each in a folder of its own.
const DATA: &str = "/var/lib/rmq";

/// The files of a cluster as `template` describes it.
///
/// # Errors
/// If a wish does not fit the template or the format.
pub fn render(format: Format, template: &Template, wishes: &Wishes) -> Result<Vec<File>, RenderError> {
    wishes.check()?;
    match format {
        Format::Properties => properties::files(template, wishes),
        Format::Systemd => systemd::files(template, wishes),
        Format::Compose => Ok(vec![compose::file(template, wishes)]),
        Format::Kubernetes => kubernetes::files(template, wishes),
    }
}

impl Wishes {
    fn check(&self) -> Result<(), RenderError> {
        let refuse = |what, value: &str, expected| Err(RenderError::Value { what, value: value.to_owned(), expected });
        let path = "an absolute path of letters, digits and ./_-";
        for host in self.hosts.values() {
            if !is_host(host) {
                return refuse("address", host, "an address or a host name, without a port; IPv6 in brackets");
            }
        }
        for (what, value) in [("folder", &self.data), ("program", &self.program)] {
            if !is_path(value) {
                return refuse(what, value, path);
            }
        }
        if !is_label(&self.name, 30) {
            return refuse("name", &self.name, "1 to 30 lower-case letters, digits and -, a letter first");
        }
        if self.image.is_empty() || !self.image.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c)) {
            return refuse("image", &self.image, "letters, digits and ._-/:@, such as rmq:latest");
        }
        if let Some(namespace) = &self.namespace
            && !is_label(namespace, 63)
        {
            return refuse("namespace", namespace, "1 to 63 lower-case letters, digits and -, a letter first");
        }
        if !is_size(&self.storage) {
            return refuse("size", &self.storage, "a whole number with Ki, Mi, Gi, Ti, k, M, G or T, such as 10Gi");
        }
        Ok(())
    }

    /// The first lines of a file: what it is and where it comes from.
    fn head(&self, what: &str) -> String {
        let name: String = self.template_name.chars().filter(|c| !c.is_control()).collect();
        format!("# {what}. Written by `rmq cluster render` from the template {name}.\n")
    }
}

/// As YAML, in the order it was made.
fn yaml(value: &serde_json::Value) -> String {
    serde_yaml::to_string(value).expect("maps with texts for keys, texts, numbers and lists can all be written")
}

fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text.len() <= 253
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        }
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c))
}

/// A label of DNS that begins with a letter.
fn is_label(text: &str, max_len: usize) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= max_len
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(fits)
        && !text.ends_with('-')
}

fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    !digits.is_empty()
        && digits.starts_with(|c| c != '0')
        && digits.chars().all(|c| c.is_ascii_digit())
        && ["", "Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(wishes: Wishes) -> String {
        let template = Template::parse("t.yaml", "brokers: [{name: a}]").unwrap();
        render(Format::Properties, &template, &wishes).unwrap_err().to_string()
    }

    #[test]
    fn what_would_break_a_file_is_refused_with_what_is_expected() {
        let wishes = Wishes::default;
        let with_host = |node: &str, host: &str| Wishes { hosts: [(node.into(), host.into())].into(), ..wishes() };
        assert_eq!(
            refused(with_host("b", "10.0.0.1")),
            "there is no node \"b\" in this template; there are: namesrv-1, a"
        );
        for host in ["", "10.0.0.1:10911", "a b", "fd00::2", "[x]", "a\nb=c"] {
            assert!(refused(with_host("a", host)).contains("without a port"), "{host:?}");
        }
        for program in ["rmq", "/opt/my rmq", "/opt/%i", ""] {
            assert!(refused(Wishes { program: program.into(), ..wishes() }).contains("an absolute path"), "{program}");
        }
        for name in ["", "R", "1", "a-", "a_b", "a23456789012345678901234567890x"] {
            assert!(refused(Wishes { name: name.into(), ..wishes() }).contains("lower-case"), "{name}");
        }
        for image in ["", "a b", "$x"] {
            assert!(refused(Wishes { image: image.into(), ..wishes() }).contains("such as rmq:latest"), "{image}");
        }
        for storage in ["", "Gi", "010Gi", "10GiB", "1.5Gi", "-1"] {
            assert!(refused(Wishes { storage: storage.into(), ..wishes() }).contains("such as 10Gi"), "{storage}");
        }
        let namespace = Wishes { namespace: Some("My".into()), ..wishes() };
        assert!(refused(namespace).contains("\"My\" is no namespace"));
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for host in ["10.0.0.1", "broker-a.example.org", "[fd00::2]", "broker_a"] {
            assert!(is_host(host), "{host}");
        }
    }
}
