//! What belongs together in rendered files is there, and meets: services and pods, settings and mounts, masters and the
//! slaves that must not share a machine with them. Whether the files are well-formed is tested end to end.

#![allow(clippy::unwrap_used)]

use base::properties::Properties;
use cluster::{
    Template,
    render::{File, Format, RenderError, Wishes, render},
};
use serde::Deserialize;
use serde_json::Value;

const TEMPLATE: &str = "name-servers: 2\nbrokers: [{name: a, slaves: 2}, {name: B_1, slaves: 1}, {name: c}]";

fn rendered(format: Format, text: &str) -> Result<Vec<File>, RenderError> {
    render(format, &Template::parse("t.yaml", text).unwrap(), &Wishes::default())
}

/// All objects of all manifests.
fn objects() -> Vec<Value> {
    let files = rendered(Format::Kubernetes, TEMPLATE).unwrap();
    let documents = files.iter().flat_map(|file| serde_yaml::Deserializer::from_str(&file.text));
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &Value) -> &'a Value {
    of_kind(objects, kind).into_iter().find(|object| object["metadata"]["name"] == *name).unwrap()
}

/// Whether a selector takes pods with these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
}

fn labels(set: &Value) -> &Value {
    &set["spec"]["template"]["metadata"]["labels"]
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn each_stateful_set_has_its_service_its_settings_and_pods_of_its_own() {
    let objects = objects();
    let sets = of_kind(&objects, "StatefulSet");
    let names: Vec<_> = sets.iter().map(|set| set["metadata"]["name"].as_str().unwrap()).collect();
    let expected = ["rmq-namesrv", "rmq-a", "rmq-b-1", "rmq-c", "rmq-a-slave-1", "rmq-a-slave-2", "rmq-b-1-slave-1"];
    assert_eq!(names, expected);
    for set in &sets {
        let service = named(&objects, "Service", &set["spec"]["serviceName"]);
        assert_eq!(service["spec"]["clusterIP"], "None");
        assert!(selects(&service["spec"]["selector"], labels(set)), "{set:#}");
        let taken: Vec<_> =
            sets.iter().filter(|other| selects(&set["spec"]["selector"]["matchLabels"], labels(other))).collect();
        assert_eq!(taken, [set], "no set takes the pods of another");
        let budgets = of_kind(&objects, "PodDisruptionBudget");
        let guarded = |budget: &&&Value| selects(&budget["spec"]["selector"]["matchLabels"], labels(set));
        assert_eq!(budgets.iter().filter(guarded).count(), 1, "two budgets for a pod let none go: {set:#}");

        let pod = &set["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let [settings] = &pod["volumes"].as_array().unwrap()[..] else { panic!("{pod:#}") };
        let config = named(&objects, "ConfigMap", &settings["configMap"]["name"]);
        let (file, text) = config["data"].as_object().unwrap().iter().next().unwrap();
        let command = words(&container["command"]);
        let mounted = container["volumeMounts"].as_array().unwrap();
        let folder = mounted.iter().find(|mount| mount["name"] == settings["name"]).unwrap();
        assert_eq!(command[3], format!("{}/{file}", folder["mountPath"].as_str().unwrap()));

        // What it keeps lies on its disk.
        let text = Properties::parse(text.as_str().unwrap()).unwrap();
        let kept = text.get(if command[1] == "broker" { "storePathRootDir" } else { "kvConfigPath" }).unwrap();
        let disk =
            mounted.iter().find(|mount| mount["name"] == set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);
        assert!(kept.starts_with(disk.unwrap()["mountPath"].as_str().unwrap()), "{kept}");

        // What is checked is what it listens on.
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let check = words(&container[probe]["exec"]["command"]);
            assert_eq!(check[..3], ["rmq", "check", command[1]]);
            assert_eq!(check[4], format!("127.0.0.1:{}", text.get("listenPort").unwrap()));
        }
    }
}

#[test]
fn brokers_ask_the_name_servers_that_there_are() {
    let objects = objects();
    for config in of_kind(&objects, "ConfigMap") {
        let Some(text) = config["data"]["broker.conf"].as_str() else { continue };
        let names = Properties::parse(text).unwrap().get("namesrvAddr").unwrap().to_owned();
        let (pod, service) = ("rmq-namesrv", "rmq-namesrv-headless");
        assert_eq!(names, format!("{pod}-0.{service}:9876;{pod}-1.{service}:9876"));
        assert_eq!(named(&objects, "StatefulSet", &pod.into())["spec"]["replicas"], 2);
        assert_eq!(named(&objects, "StatefulSet", &pod.into())["spec"]["serviceName"], service);
    }
}

#[test]
fn a_broker_never_shares_a_machine_with_another_of_its_name() {
    let objects = objects();
    for set in of_kind(&objects, "StatefulSet") {
        let rules = &set["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
        let Some(rule) = rules.get("requiredDuringSchedulingIgnoredDuringExecution") else {
            assert_eq!(set["metadata"]["name"], "rmq-namesrv");
            continue;
        };
        for other in of_kind(&objects, "StatefulSet") {
            let same = labels(set).get("broker") == labels(other).get("broker");
            assert_eq!(selects(&rule[0]["labelSelector"]["matchLabels"], labels(other)), same);
        }
    }
}

#[test]
fn only_a_master_with_slaves_waits_for_them_before_it_goes() {
    let objects = objects();
    let waits = |name: &str| {
        let set = named(&objects, "StatefulSet", &name.into());
        let container = &set["spec"]["template"]["spec"]["containers"][0];
        container.get("lifecycle").map(|lifecycle| words(&lifecycle["preStop"]["exec"]["command"])[..3].to_vec())
    };
    let replication = Some(vec!["rmq", "check", "replication"]);
    let all = ["rmq-a", "rmq-b-1", "rmq-c", "rmq-a-slave-1", "rmq-namesrv"].map(waits);
    assert_eq!(all, [replication.clone(), replication, None, None, None]);
}

#[test]
fn names_that_kubernetes_cannot_tell_apart_are_refused() {
    for (brokers, why) in [
        ("[{name: a-b}, {name: A_b}]", "called already"),
        ("[{name: namesrv}]", "called already"),
        ("[{name: broker}]", "called already"),
        ("[{name: a_}]", "no name there"),
        ("[{name: a123456789012345678901234567890123456789012345678}]", "no name there"),
    ] {
        let refused = rendered(Format::Kubernetes, &format!("brokers: {brokers}")).unwrap_err().to_string();
        assert!(refused.contains(why), "{brokers}: {refused}");
        assert!(rendered(Format::Properties, &format!("brokers: {brokers}")).is_ok());
    }
}

#[test]
fn compose_starts_name_servers_then_masters_then_slaves_with_what_they_need() {
    let [file] = &rendered(Format::Compose, TEMPLATE).unwrap()[..] else { panic!("more than a file") };
    let compose: Value = serde_yaml::from_str(&file.text).unwrap();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), 8);
    for (name, service) in services {
        let before = service.get("depends_on").and_then(Value::as_object);
        let before: Vec<_> = before.into_iter().flatten().map(|(name, _)| &**name).collect();
        let expected: &[&str] = match &**name {
            "namesrv-1" | "namesrv-2" => &[],
            "a-slave-1" | "a-slave-2" => &["namesrv-1", "namesrv-2", "a"],
            "B_1-slave-1" => &["namesrv-1", "namesrv-2", "B_1"],
            _ => &["namesrv-1", "namesrv-2"],
        };
        assert_eq!(before, expected, "{name}");
        let (config, volume) = (&service["configs"][0], &service["volumes"][0]);
        assert!(compose["volumes"].get(volume["source"].as_str().unwrap()).is_some());
        let text = compose["configs"][config["source"].as_str().unwrap()]["content"].as_str().unwrap();
        let text = Properties::parse(text).unwrap();
        assert_eq!(service["entrypoint"][3], config["target"]);
        let port = text.get("listenPort").unwrap();
        assert_eq!(words(&service["healthcheck"]["test"])[5], format!("127.0.0.1:{port}"));
        if let Some(address) = text.get("brokerIP1") {
            assert_eq!((address, text.get("namesrvAddr")), (&**name, Some("namesrv-1:9876;namesrv-2:9876")));
        }
    }
}

#[test]
fn compose_replaces_nothing_in_a_value() {
    let template = "brokers: [{name: a, properties: {regionId: '$HOME ${x}'}}]";
    let [file] = &rendered(Format::Compose, template).unwrap()[..] else { panic!("more than a file") };
    assert!(file.text.contains("regionId=$$HOME $${x}\n"), "{}", file.text);
}
