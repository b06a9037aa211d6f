//! What stands in the way of a cluster: each is a line with the remedy, and leaves nothing behind.

use super::Named;
use crate::{
    cluster::free_port,
    process::{RMQ, Run},
};
use std::{fs, net::TcpListener, path::Path, process::Command};

/// No node runs and no folder is left.
#[track_caller]
fn nothing_is_left(cluster: &Named, run: &Run) {
    let folder = cluster.dir.path().join("clusters").join(cluster.name);
    assert!(!folder.exists(), "{} is left: {run}", folder.display());
}

#[test]
fn a_base_port_is_used_as_it_is_or_refused() {
    let cluster = Named::new("ports");
    let base = free_port();
    let taken = TcpListener::bind(("127.0.0.1", base)).expect("it was free a moment ago");
    let up = cluster.cluster(&["up", "--base-port", &base.to_string()]).exit(1);
    let up = up.says(&[&format!("namesrv-1 needs port {base}, which is taken"), "choose another base port"]);
    assert_eq!(up.stderr.lines().count(), 1, "{up}");
    nothing_is_left(&cluster, &up);
    drop(taken);
    for base in ["80", "65530"] {
        let up = cluster.cluster(&["up", "--base-port", base]).exit(2).says(&["choose another base port"]);
        nothing_is_left(&cluster, &up);
    }
    cluster.cluster(&["up", "--base-port", "70000"]).exit(2);
}

#[test]
fn a_setting_that_is_none_is_refused() {
    let cluster = Named::new("set");
    for (set, words) in [
        ("fileReservdTime=1", "did you mean `fileReservedTime`?"),
        ("fileReservedTime=x", "expected hours"),
        ("listenPort=10911", "is filled in"),
        ("brokerRole=SLAVE", "without a master"),
        ("nothing", "expected KEY=VALUE"),
        ("maxIndexNum=2000000000", "index file below 2 GiB"),
    ] {
        let up = cluster.cluster(&["up", "--set", set]).exit(2).says(&[words]);
        nothing_is_left(&cluster, &up);
    }
}

#[test]
fn a_store_in_use_is_told_and_nothing_goes_on_running() {
    let cluster = Named::new("used");
    cluster.cluster(&["up"]).ok();
    cluster.cluster(&["stop", "broker-a"]).ok();
    // A broker that somebody starts by hand on the same files.
    let dir = cluster.dir.path().join("clusters/used/broker-a");
    let mut by_hand = Command::new(RMQ);
    crate::cluster::at_home(&mut by_hand, cluster.dir.path());
    by_hand.args(["broker", "-c"]).arg(dir.join("broker.conf")).args(["--set", &format!("listenPort={}", free_port())]);
    let mut by_hand = crate::process::Background::start("a broker by hand", &mut by_hand);
    by_hand.wait_for("boot success");
    cluster.cluster(&["up"]).exit(1).says(&["broker-a did not come up", "is in use by process", "the end of"]);
    by_hand.terminate();
    cluster.cluster(&["up"]).ok();
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let cluster = Named::new("photos");
    let folder = cluster.dir.path().join("clusters/photos");
    fs::create_dir_all(folder.join("2019")).expect("the directory is writable");
    cluster.cluster(&["up"]).exit(1).says(&["holds no cluster", "--name"]);
    cluster.cluster(&["down", "--purge"]).exit(3);
    assert!(folder.join("2019").exists());
}

#[test]
fn a_place_where_nothing_can_be_made_is_told() {
    let cluster = Named::new("place");
    let file = cluster.dir.path().join("clusters");
    fs::write(&file, "a file").expect("the directory is writable");
    cluster.cluster(&["up"]).exit(1).says(&["clusters", "Not a directory"]);
    fs::remove_file(&file).expect("it is there");
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped in part: root may write everywhere");
        return;
    }
    fs::create_dir(&file).expect("the directory is writable");
    let locked = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    locked(0o555);
    let up = cluster.cluster(&["up"]);
    locked(0o755);
    up.exit(1).says(&["ermission denied", "--dir"]);
}

#[test]
fn a_disk_without_room_is_told_and_nothing_is_left() {
    let cluster = Named::new("full");
    let clusters = cluster.dir.path().join("clusters");
    fs::create_dir(&clusters).expect("the directory is writable");
    // In a mount namespace of its own, so that nothing is left mounted whatever happens.
    let script = format!(
        "mount -t tmpfs -o size=64k none '{dir}' && exec 9>'{dir}/fill' || exit 77\n\
         head -c 56k /dev/zero >&9; '{RMQ}' cluster up --name full --dir '{dir}'; code=$?; ls '{dir}'; exit $code",
        dir = clusters.display()
    );
    let mut command = Command::new("unshare");
    crate::cluster::at_home(&mut command, cluster.dir.path());
    let may_mount = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) || !Path::new("/bin/bash").exists() {
        eprintln!("skipped: this machine lets no test mount a file system");
        return;
    }
    let up = crate::process::run(command.args(["-rm", "bash", "-c", &script]), "");
    let up = up.exit(1).says(&["o space left"]);
    assert_eq!(up.lines(), ["fill"], "nothing is left: {up}");
}
