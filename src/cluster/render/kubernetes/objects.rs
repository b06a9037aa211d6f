//! The objects of Kubernetes that a cluster is made of, as they are written in a manifest.

use super::{DATA, FOLDER};
use crate::render::{File, Wishes};
use serde_json::{Map, Value, json};

/// The account in the container: any but root will do.
const USER: u32 = 10_001;

/// Objects of one file, which have their labels in common.
pub(super) struct Objects<'a> {
    wishes: &'a Wishes,
    labels: Value,
    documents: Vec<Value>,
}

/// What a stateful set runs.
pub(super) struct Pod<'a> {
    pub(super) name: String,
    /// The headless service that names its pods.
    pub(super) service: String,
    pub(super) replicas: u8,
    /// The subcommand that it runs and that checks it.
    pub(super) component: &'static str,
    /// What is added to its check to ask only whether it runs.
    pub(super) is_alive: &'a [&'a str],
    pub(super) command: Vec<String>,
    pub(super) env: Value,
    /// The first is the one that is checked.
    pub(super) ports: Vec<(&'static str, u16)>,
    pub(super) pre_stop: Option<Value>,
    /// Away from which pods.
    pub(super) affinity: Value,
    pub(super) requests: Value,
    pub(super) storage: &'a str,
}

impl<'a> Objects<'a> {
    /// None yet. `labels` tell the pods of these objects from others of the cluster.
    pub(super) fn new(wishes: &'a Wishes, labels: &[(&str, &str)]) -> Self {
        Self { wishes, labels: labels_of(wishes, labels), documents: Vec::new() }
    }

    /// Names for the pods, with `more` in its specification.
    pub(super) fn service(&mut self, name: &str, more: Value) {
        let mut spec = more;
        spec["selector"] = self.labels.clone();
        self.add("v1", "Service", name, "spec", spec);
    }

    /// A settings file.
    pub(super) fn settings(&mut self, name: &str, file: &str, text: String) {
        self.add("v1", "ConfigMap", name, "data", json!({ file: text }));
    }

    /// At most one of the pods is taken away at a time.
    pub(super) fn budget(&mut self, name: &str) {
        let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": self.labels } });
        self.add("policy/v1", "PodDisruptionBudget", name, "spec", spec);
    }

    /// Away from the machines of pods with these labels.
    pub(super) fn apart(&self, labels: &[(&str, &str)]) -> Value {
        let labels = labels_of(self.wishes, labels);
        json!({ "labelSelector": { "matchLabels": labels }, "topologyKey": "kubernetes.io/hostname" })
    }

    /// Pods with a disk each, and with the settings file of the same name.
    pub(super) fn stateful_set(&mut self, pod: Pod<'_>) {
        let spec = json!({
            "serviceName": pod.service,
            "replicas": pod.replicas,
            "podManagementPolicy": "Parallel",
            "selector": { "matchLabels": self.labels },
            "template": {
                "metadata": { "labels": self.labels },
                "spec": {
                    "terminationGracePeriodSeconds": 120,
                    "enableServiceLinks": false,
                    "automountServiceAccountToken": false,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "affinity": { "podAntiAffinity": pod.affinity },
                    "containers": [container(self.wishes, &pod)],
                    "volumes": [{ "name": "settings", "configMap": { "name": pod.name } }],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": pod.storage } },
                },
            }],
        });
        self.add("apps/v1", "StatefulSet", &pod.name, "spec", spec);
    }

    fn add(&mut self, version: &str, kind: &str, name: &str, part: &str, content: Value) {
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = &self.wishes.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata["labels"] = self.labels.clone();
        self.documents.push(json!({ "apiVersion": version, "kind": kind, "metadata": metadata, part: content }));
    }

    /// All of them in one file.
    pub(super) fn file(self, path: &str, what: &str) -> File {
        let documents: Vec<_> = self.documents.iter().map(crate::render::yaml).collect();
        File { path: path.to_owned(), text: self.wishes.head(what) + &documents.join("---\n") }
    }
}

fn labels_of(wishes: &Wishes, more: &[(&str, &str)]) -> Value {
    let all = [("app.kubernetes.io/name", "rmq"), ("app.kubernetes.io/instance", &*wishes.name)];
    let pair = |(key, value): &(&str, &str)| {
        let key = if *key == "component" { "app.kubernetes.io/component" } else { key };
        (key.to_owned(), json!(value))
    };
    all.iter().chain(more).map(pair).collect::<Map<_, _>>().into()
}

fn container(wishes: &Wishes, pod: &Pod<'_>) -> Value {
    let ports = pod.ports.iter().map(|(name, port)| json!({ "name": name, "containerPort": port }));
    let checked = pod.ports.first().map_or(0, |(_, port)| *port);
    let address = format!("127.0.0.1:{checked}");
    let check = ["rmq", "check", pod.component, "--addr", &*address];
    let probe = |more: &[&str], period: u32, failures: u32| {
        json!({
            "exec": { "command": ([&check, more].concat()) },
            "periodSeconds": period,
            "timeoutSeconds": 10,
            "failureThreshold": failures,
        })
    };
    let mut container = json!({
        "name": pod.component,
        "image": wishes.image,
        "command": pod.command,
        "env": pod.env,
        "ports": ports.collect::<Vec<_>>(),
        // Checking a large store after a crash takes its time: an hour.
        "startupProbe": probe(pod.is_alive, 2, 1800),
        "readinessProbe": probe(&[], 5, 2),
        "livenessProbe": probe(pod.is_alive, 10, 6),
        "lifecycle": { "preStop": { "exec": { "command": pod.pre_stop } } },
        "resources": { "requests": pod.requests },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": [
            { "name": "data", "mountPath": DATA },
            { "name": "settings", "mountPath": FOLDER, "readOnly": true },
        ],
    });
    if let Some(fields) = container.as_object_mut() {
        let unused = [("lifecycle", pod.pre_stop.is_none()), ("env", pod.env == json!([]))];
        unused.iter().filter(|(_, unused)| *unused).for_each(|(field, _)| drop(fields.shift_remove(*field)));
    }
    container
}
