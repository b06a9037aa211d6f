//! What a service manager such as systemd sees of the servers: when they serve and when they stop, told to a real
//! socket.

use crate::{
    cluster::{broker_conf, free_port, rmq, scratch, start_namesrv},
    process::{Background, PATIENCE},
};
use std::{
    os::linux::net::SocketAddrExt,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// The next word that is told; the test fails if none comes.
#[track_caller]
fn told(socket: &UnixDatagram) -> String {
    let mut word = [0; 64];
    socket.set_read_timeout(Some(PATIENCE)).expect("it is a time");
    let len = socket.recv(&mut word).expect("something is told");
    String::from_utf8_lossy(&word[..len]).into_owned()
}

#[test]
fn a_broker_tells_when_it_serves_and_when_it_stops() {
    let dir = scratch();
    let namesrv_addr = format!("127.0.0.1:{}", free_port());
    let _namesrv = start_namesrv(&namesrv_addr, dir.path());
    let conf = dir.path().join("broker.conf");
    std::fs::write(&conf, broker_conf(dir.path(), free_port())).expect("the directory is writable");
    // The directory may be too deep for the path of a socket.
    let short = tempfile::tempdir().expect("the system has temporary files");
    let path = short.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("the directory is writable");
    let mut command = rmq(dir.path());
    command.args(["broker", "-n", &namesrv_addr, "-c"]).arg(&conf).env("NOTIFY_SOCKET", &path);
    let mut broker = Background::start("the broker", &mut command);
    assert_eq!(told(&socket), "READY=1");
    assert!(broker.log().contains("boot success") || broker.comes_to("boot success"));
    assert!(broker.terminate().success());
    assert_eq!(told(&socket), "STOPPING=1");
}

#[test]
fn a_name_server_tells_a_socket_without_a_file() {
    let dir = scratch();
    let name = format!("rmq-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("it is short");
    let socket = UnixDatagram::bind_addr(&address).expect("no one else has it");
    let mut command = rmq(dir.path());
    command.args(["namesrv", "--listen", &format!("127.0.0.1:{}", free_port())]);
    let mut namesrv = Background::start("the name server", command.env("NOTIFY_SOCKET", format!("@{name}")));
    assert_eq!(told(&socket), "READY=1");
    assert!(namesrv.terminate().success());
    assert_eq!(told(&socket), "STOPPING=1");
}

#[test]
fn a_service_manager_that_is_gone_does_not_stop_a_server() {
    let dir = scratch();
    let mut command = rmq(dir.path());
    command.args(["namesrv", "--listen", &format!("127.0.0.1:{}", free_port())]);
    command.env("NOTIFY_SOCKET", dir.path().join("nobody"));
    let mut namesrv = Background::start("the name server", &mut command);
    namesrv.wait_for("cannot tell the service manager READY=1");
    assert!(namesrv.terminate().success());
}
