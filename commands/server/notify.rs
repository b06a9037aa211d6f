//! What a service manager is told, if it listens: systemd's `Type=notify` (sd_notify(3)), one datagram a word.

use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt, os::unix::net::UnixDatagram};

/// Where systemd says it listens: a path, or `@` and a name without a file.
const SOCKET: &str = "NOTIFY_SOCKET";
/// It serves.
pub const READY: &str = "READY=1";
/// It was asked to end.
pub const STOPPING: &str = "STOPPING=1";

/// Tells the service manager, if there is one. That it cannot be told is logged, and does not stop a server.
pub fn tell(word: &str) {
    let Some(socket) = std::env::var_os(SOCKET).filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket, word) {
        tracing::warn!(?socket, %error, "cannot tell the service manager {word}");
    }
}

fn send(socket: &OsStr, word: &str) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => datagram.send_to_addr(word.as_bytes(), &without_a_file(name)?)?,
        None => datagram.send_to(word.as_bytes(), socket)?,
    };
    Ok(())
}

#[cfg(target_os = "linux")]
fn without_a_file(name: &[u8]) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn without_a_file(_name: &[u8]) -> io::Result<std::os::unix::net::SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has sockets without a file"))
}
