//! `rmq cluster render`: what it writes, held against files in the repository, published schemas, and the programs that
//! read it. What belongs together inside the files is tested in `src/cluster/tests/render.rs`.
//!
//! After a change that is meant, `RMQ_TEST_REWRITE=1` writes the files in `tests/e2e/render/` anew.

use crate::{
    clients::{installed, pip, skipped},
    cluster::{free_port, rmq, scratch},
    process::{Background, RMQ, Run, run},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// PyPI: the JSON schemas that Kubernetes publishes, and what it takes to use them.
const KUBERNETES: &str = "kubernetes-validate==1.37.0 jsonschema==4.26.0 jsonschema-specifications==2025.9.1 \
                          referencing==0.37.0 rpds-py==2026.9.1 attrs==26.1.0 importlib-resources==7.1.0 \
                          packaging==26.4 pyyaml==6.0.4 typing-extensions==4.16.0";
/// The oldest of its schemas and the newest.
const KUBERNETES_VERSIONS: [&str; 2] = ["1.25", "1.37"];
/// PyPI: has the JSON schema of compose inside.
const COMPOSE: &str = "check-jsonschema==0.39.0";
const COMPOSE_SCHEMA: &str = "check_jsonschema/builtin_schemas/vendor/compose-spec.json";

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/render").join(name)
}

/// The templates of the project, and the one of these tests.
fn templates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let shipped = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it is readable").path());
    let shipped = shipped.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let all: Vec<_> = shipped.chain([beside("template.yaml")]).collect();
    assert!(all.len() > 1, "no template was found");
    all
}

fn render(to: &str, template: &Path, more: &[&str]) -> Run {
    let home = scratch();
    // By its name alone, so that no path of this machine is in what is written.
    let (folder, name) = (template.parent().expect("it is a file"), template.file_name().expect("it is a file"));
    let mut command = rmq(home.path());
    command.current_dir(folder).args(["cluster", "render", "--to", to, "--template"]).arg(name).args(more);
    run(&mut command, "")
}

fn is_as_kept(to: &str, name: &str, more: &[&str]) {
    let text = render(to, &beside("template.yaml"), more).ok().stdout;
    let path = beside(name);
    if std::env::var_os("RMQ_TEST_REWRITE").is_some_and(|rewrite| rewrite == "1") {
        fs::write(&path, &text).expect("the repository is writable");
    }
    let kept = fs::read_to_string(&path).expect("it is in the repository");
    let differs = kept.lines().zip(text.lines()).position(|(kept, text)| kept != text);
    let line = differs.map_or(0, |line| line + 1);
    assert!(kept == text, "{name} differs, first in line {line}; RMQ_TEST_REWRITE=1 writes it anew:\n{text}");
}

#[test]
fn properties_are_as_they_were() {
    is_as_kept("properties", "properties.txt", &["--host", "broker-a=10.0.0.1", "--host", "Broker_B=10.0.0.1"]);
}

#[test]
fn units_are_as_they_were() {
    is_as_kept("systemd", "systemd.txt", &[]);
}

#[test]
fn a_compose_file_is_as_it_was() {
    is_as_kept("compose", "compose.yaml", &[]);
}

#[test]
fn manifests_are_as_they_were() {
    is_as_kept("kubernetes", "kubernetes.yaml", &["--namespace", "mq", "--name", "one", "--storage", "100Gi"]);
}

/// Where Python finds the schemas and their judge; `None`, after saying why, where they cannot be had.
fn schemas() -> Option<PathBuf> {
    installed("schemas", &format!("{KUBERNETES} {COMPOSE}"), |home| {
        pip(home, &KUBERNETES.split(' ').collect::<Vec<_>>())?;
        pip(home, &[COMPOSE])
    })
}

/// Holds `text` against schemas.
fn validate(schemas: &Path, text: &str, words: &[&str]) -> Run {
    let mut python = Command::new("python3");
    python.arg(beside("validate.py")).args(words).env("PYTHONPATH", schemas).env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut python, text)
}

#[test]
fn manifests_are_what_the_schemas_of_kubernetes_allow() {
    let Some(schemas) = schemas() else { return };
    let words: Vec<_> = ["kubernetes"].into_iter().chain(KUBERNETES_VERSIONS).collect();
    for template in templates() {
        for more in [&[][..], &["--namespace", "mq", "--image", "example.org/rmq:1"]] {
            let text = render("kubernetes", &template, more).ok().stdout;
            let documents = validate(&schemas, &text, &words).ok();
            assert!(documents.stdout.trim().parse::<usize>().is_ok_and(|count| count > 5), "{documents}");
        }
    }
    // The schemas see what is wrong.
    let good = render("kubernetes", &beside("template.yaml"), &[]).ok().stdout;
    for (right, wrong) in [
        ("      containers:\n", "      container:\n"),
        ("failureThreshold:", "failureTreshold:"),
        ("maxUnavailable: 1", "maxUnavailable: [1]"),
        ("containerPort: 10911", "containerPort: '10911'"),
        ("  serviceName:", "  servicename:"),
    ] {
        assert!(good.contains(right), "{right}");
        validate(&schemas, &good.replacen(right, wrong, 1), &words).exit(1);
    }
}

#[test]
fn a_compose_file_is_what_the_schema_of_compose_allows() {
    let Some(schemas) = schemas() else { return };
    let schema = schemas.join(COMPOSE_SCHEMA).display().to_string();
    let words = ["compose", &*schema];
    for template in templates() {
        let text = render("compose", &template, &[]).ok().stdout;
        assert_eq!(validate(&schemas, &text, &words).ok().stdout, "1\n");
    }
    let good = render("compose", &beside("template.yaml"), &[]).ok().stdout;
    for (right, wrong) in
        [("healthcheck:", "healthchek:"), ("service_healthy", "service_well"), ("    content: ", "    contents: ")]
    {
        assert!(good.contains(right), "{right}");
        validate(&schemas, &good.replacen(right, wrong, 1), &words).exit(1);
    }
}

#[test]
fn systemd_takes_the_units_without_a_word() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        skipped::<()>("there is no systemd-analyze to verify units");
        return;
    }
    let dir = scratch();
    // The program must be there, by a path without anything special.
    let program = tempfile::tempdir().expect("the system has temporary files");
    let program = program.path().join("rmq");
    std::os::unix::fs::symlink(RMQ, &program).expect("the directory is writable");
    let out = dir.path().join("units");
    let (out, program) = (out.to_str().expect("it is text"), program.to_str().expect("it is text"));
    render("systemd", &beside("template.yaml"), &["--out", out, "--program", program]).ok();
    let verify = |unit: &Path| {
        let ran = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit), "");
        let name = unit.file_name().expect("it is a file").to_str().expect("it is text");
        // Other units of this machine may be wrong.
        let said = ran.stderr.lines().any(|line| line.contains(name.split('@').next().unwrap_or(name)));
        (ran.status.success() && !said, ran)
    };
    for kind in ["namesrv", "broker"] {
        let unit = Path::new(out).join(format!("rmq-{kind}@.service"));
        let (good, ran) = verify(&unit);
        assert!(good, "{ran}");
        let text = fs::read_to_string(&unit).expect("it was written");
        for (right, wrong) in [("Restart=", "Restrat="), ("Type=notify", "Type=notfy"), (program, "/no/such/rmq")] {
            assert!(text.contains(right), "{right}");
            let bad = dir.path().join(format!("bad-{kind}@.service"));
            fs::write(&bad, text.replacen(right, wrong, 1)).expect("the directory is writable");
            let (good, ran) = verify(&bad);
            assert!(!good, "{wrong}: {ran}");
        }
    }
}

#[test]
fn each_settings_file_is_read_as_it_was_meant() {
    let dir = scratch();
    for template in templates() {
        let out = dir.path().join(template.file_stem().expect("it is a file"));
        render("properties", &template, &["--out", out.to_str().expect("it is text")]).ok();
        let mut seen = 0;
        for node in fs::read_dir(&out).expect("it was made") {
            let node = node.expect("it is readable").path();
            let file =
                fs::read_dir(&node).expect("each node has a folder").next().expect("with a file").expect("in it");
            let server = file.path().file_stem().expect("it is a file").to_string_lossy().into_owned();
            let printed = run(rmq(dir.path()).args([&*server, "-p", "-c"]).arg(file.path()), "").ok();
            assert_eq!(printed.stderr, "", "{}", file.path().display());
            let text = fs::read_to_string(file.path()).expect("it is text");
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                assert!(printed.lines().contains(&line), "{}: {line}: {printed}", file.path().display());
                seen += 1;
            }
        }
        assert!(seen > 8, "{seen}");
    }
}

/// The commands that ask whether something is well, each once.
fn checks(manifests: &str) -> BTreeSet<Vec<&str>> {
    let lines: Vec<_> = manifests.lines().map(str::trim).collect();
    let begin = (0..lines.len()).filter(|at| lines[*at..].starts_with(&["- rmq", "- check"]));
    begin.map(|at| lines[at..].iter().map_while(|line| line.strip_prefix("- ")).skip(1).collect()).collect()
}

#[test]
fn servers_run_from_their_files_and_the_checks_of_the_manifests_find_them_well() {
    let dir = scratch();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/single.yaml");
    let out = dir.path().join("conf").display().to_string();
    let data = tempfile::tempdir().expect("the system has temporary files");
    let data = data.path().to_str().expect("it is text");
    let hosts = ["--host", "namesrv-1=127.0.0.1", "--host", "broker-a=127.0.0.1"];
    render("properties", &template, &[&["--out", &out, "--data", data], &hosts[..]].concat()).ok();
    // Only the ports are others than those everybody knows.
    let [names, broker] = [free_port(), free_port()];
    let file = |name: &str| {
        let path = Path::new(&out).join(name);
        let text = fs::read_to_string(&path).expect("it was written");
        let text = text.replace("9876", &names.to_string()).replace("10911", &broker.to_string());
        fs::write(&path, text.replace("10912", &(broker + 1).to_string())).expect("the directory is writable");
        path
    };
    let start = |kind, name| {
        let server = Background::start(kind, rmq(dir.path()).args([kind, "-c"]).arg(file(name)));
        server.wait_for("boot success");
        server
    };
    let _servers = [start("namesrv", "namesrv-1/namesrv.conf"), start("broker", "broker-a/broker.conf")];
    let manifests = render("kubernetes", &beside("template.yaml"), &[]).ok().stdout;
    let all = checks(&manifests);
    assert_eq!(all.len(), 4, "{all:?}");
    for check in all {
        let here = check.iter().map(|word| match *word {
            "127.0.0.1:10911" => format!("127.0.0.1:{broker}"),
            word if word.contains(":9876") => format!("127.0.0.1:{names}"),
            word => word.to_owned(),
        });
        let mut command = rmq(dir.path());
        command.args(here);
        // How full the disk of this machine is does not matter here.
        if check[1] == "broker" {
            command.args(["--max-disk", "100%"]);
        }
        run(&mut command, "").ok();
    }
    let with_names = |args: &[&str]| {
        let mut command = rmq(dir.path());
        run(command.args(args).env("NAMESRV_ADDR", format!("127.0.0.1:{names}")), "").ok()
    };
    with_names(&["produce", "T", "-m", "kept"]);
    assert_eq!(with_names(&["consume", "T", "-e", "-o", "raw"]).stdout, "kept\n");
    assert!(Path::new(data).join("broker-a/store/commitlog").is_dir());
}

#[test]
fn files_that_are_there_are_kept_unless_it_is_forced() {
    let dir = scratch();
    let out = dir.path().join("out");
    let args = |more: &[&'static str]| [&["--out", out.to_str().expect("it is text")], more].concat();
    let template = beside("template.yaml");
    render("kubernetes", &template, &args(&[])).ok().says(&["6 files in"]);
    let one = out.join("brokers.yaml");
    fs::write(&one, "mine").expect("the directory is writable");
    fs::remove_file(out.join("namesrv.yaml")).expect("it was written");
    render("kubernetes", &template, &args(&[])).exit(1).says(&["brokers.yaml", "--force"]);
    assert_eq!(fs::read_to_string(&one).expect("it is there"), "mine");
    assert!(!out.join("namesrv.yaml").exists(), "nothing is half written");
    render("kubernetes", &template, &args(&["--force"])).ok();
    assert!(fs::read_to_string(&one).expect("it is there").contains("kind: Service"));
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 6);
}

#[test]
fn what_is_said_on_the_command_line_counts_over_the_template() {
    let said = ["--set", "fileReservedTime=24", "--set", "deleteWhen=05", "--namesrvs", "1"];
    let text = render("properties", &beside("template.yaml"), &said).ok().stdout;
    assert_eq!(text.matches("fileReservedTime=24\n").count(), 4, "{text}");
    assert!(!text.contains("deleteWhen=04") && !text.contains("namesrv-2"), "{text}");
}

#[test]
fn what_cannot_be_rendered_is_refused_in_a_line() {
    let template = beside("template.yaml");
    let refused = |to: &str, more: &[&str], words: &[&str]| {
        let refused = render(to, &template, more).exit(2).says(words);
        assert_eq!(refused.stdout, "");
    };
    refused(
        "compose",
        &["--host", "broker-a=10.0.0.1"],
        &["--host is for properties and systemd only, not for compose"],
    );
    refused("properties", &["--host", "broker-b=10.0.0.1"], &["no node \"broker-b\"", "Broker_B"]);
    refused("properties", &["--host", "broker-a=1", "--host", "broker-a=2"], &["--host is there twice for broker-a"]);
    refused("kubernetes", &["--storage", "much"], &["\"much\" is no size", "10Gi"]);
    refused("kubernetes", &["--name", "Big"], &["\"Big\" is no name"]);
    refused("compose", &["--set", "fileReservdTime=24"], &["fileReservedTime"]);
    refused("systemd", &["--program", "rmq"], &["absolute path"]);
}
