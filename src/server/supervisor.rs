//! Telling whoever started the process how it is (sd_notify(3)): a datagram to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// Whoever started the process and wants to know; most often nobody.
#[derive(Debug, Default)]
pub struct Supervisor(Option<(UnixDatagram, SocketAddr)>);

impl Supervisor {
    /// The one that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self(None);
        };
        match connect(&name) {
            Ok(found) => Self(Some(found)),
            Err(error) => {
                tracing::warn!(%error, "NOTIFY_SOCKET cannot be used; nobody is told how the gateway is");
                Self(None)
            }
        }
    }

    /// Every listener is open.
    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// The configuration is being read again; [`Supervisor::ready`] follows.
    pub fn reloading(&self) {
        // systemd orders messages by its own clock (`Type=notify-reload`).
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reading the configuration again"
        ));
    }

    /// Requests finish, no new ones are taken.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing requests");
    }

    fn tell(&self, message: &str) {
        let Some((socket, address)) = &self.0 else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::warn!(%error, "the supervisor could not be told how the gateway is");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        // An abstract name, written with @ for its leading zero byte.
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A supervisor that does not read must not hold up the gateway.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(supervisor: &UnixDatagram) -> String {
        let mut message = [0; 256];
        let count = supervisor.recv(&mut message).unwrap();
        String::from_utf8(message[..count].to_vec()).unwrap()
    }

    #[test]
    fn the_supervisor_hears_how_the_gateway_is_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("countersign-test-{}", std::process::id());
        let sockets = [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap(),
                format!("@{abstract_name}").into(),
            ),
        ];
        for (socket, name) in sockets {
            let supervisor = Supervisor(Some(connect(&name).unwrap()));
            supervisor.ready();
            assert!(heard(&socket).starts_with("READY=1\n"));
            supervisor.reloading();
            assert!(heard(&socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
            supervisor.stopping();
            assert!(heard(&socket).starts_with("STOPPING=1\n"));
            drop(socket);
            supervisor.ready();
        }
        Supervisor::default().ready();
    }
}
