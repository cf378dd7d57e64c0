//! Binding the addresses of a door.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that may wait to be accepted, per address.
const BACKLOG: i32 = 1024;
/// How often a free port is looked for that is free on every address.
const FREE_PORT_ATTEMPTS: usize = 16;

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {}", advice(.source))]
pub struct BindError {
    /// The key of the configuration that names the address.
    pub key: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// Why sockets that were handed over are not the ones of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// A socket on an address that the configuration does not name.
    #[error(
        "a socket on {address} was handed over for {key}, which does not name that address or is not open; make both say the same"
    )]
    Elsewhere {
        /// The key of the configuration.
        key: &'static str,
        /// Where the socket is.
        address: SocketAddr,
    },
    /// An address without a socket.
    #[error(
        "{key} names {address}, for which no socket was handed over although others were; add it to the socket unit, or take it out of {key}"
    )]
    Missing {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// A socket of a connection, not one to accept with.
    #[error(
        "the socket on {address} that was handed over for {key} does not listen; its unit needs Accept=no"
    )]
    NotListening {
        /// The key of the configuration.
        key: &'static str,
        /// Where the socket is.
        address: SocketAddr,
    },
    /// A socket that the operating system will not let us use.
    #[error("a socket that was handed over for {key} cannot be used: {cause}")]
    Unusable {
        /// The key of the configuration.
        key: &'static str,
        /// What the operating system says.
        cause: io::Error,
    },
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "the port is already taken; stop the program that holds it, or choose another port".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); grant it, or choose a higher port"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address; use one of its own".to_owned(),
        _ => error.to_string(),
    }
}

/// The addresses of a door, bound: clients can connect from now on, and wait until the door is opened.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// Both loopback addresses with this port.
#[must_use]
pub fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port),
    ]
}

impl Listener {
    /// Binds all `addresses`, named by `key` in the configuration. Port 0 takes a free port, the same on every address
    /// that asks for it. `[::1]` is left out where the machine has no IPv6 and another address was bound.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub fn bind(key: &'static str, addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut attempts_left = FREE_PORT_ATTEMPTS;
        loop {
            match bind_all(key, addresses) {
                Err(error) if wants_free_port(addresses) && is_taken(&error) && attempts_left > 0 => {
                    attempts_left -= 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes `sockets` that are bound and listening already, which have to be those that `key` of the configuration names:
    /// one for each of its `addresses`, port 0 being any.
    ///
    /// # Errors
    /// They are others, or more, or fewer.
    pub fn adopt(
        key: &'static str,
        addresses: &[SocketAddr],
        sockets: Vec<TcpListener>,
    ) -> Result<Self, AdoptError> {
        let mut wanted = addresses.to_vec();
        let mut adopted = Self {
            sockets: Vec::new(),
            addresses: Vec::new(),
        };
        for socket in sockets {
            let unusable = |cause| AdoptError::Unusable { key, cause };
            let address = socket.local_addr().map_err(unusable)?;
            if !SockRef::from(&socket).is_listener().map_err(unusable)? {
                return Err(AdoptError::NotListening { key, address });
            }
            let same = |wanted: &SocketAddr| {
                wanted.ip() == address.ip() && (wanted.port() == address.port() || wanted.port() == 0)
            };
            let place = wanted.iter().position(same);
            wanted.remove(place.ok_or(AdoptError::Elsewhere { key, address })?);
            socket.set_nonblocking(true).map_err(unusable)?;
            adopted.sockets.push(socket);
            adopted.addresses.push(address);
        }
        match wanted.first() {
            Some(&address) => Err(AdoptError::Missing { key, address }),
            None => Ok(adopted),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port of the first address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// The sockets, in the hands of the runtime that calls.
    pub(super) fn into_sockets(self) -> io::Result<Vec<tokio::net::TcpListener>> {
        self.sockets
            .into_iter()
            .map(tokio::net::TcpListener::from_std)
            .collect()
    }
}

fn wants_free_port(addresses: &[SocketAddr]) -> bool {
    addresses.len() > 1 && addresses.iter().any(|address| address.port() == 0)
}

fn is_taken(error: &BindError) -> bool {
    error.source.kind() == ErrorKind::AddrInUse
}

fn bind_all(key: &'static str, addresses: &[SocketAddr]) -> Result<Listener, BindError> {
    let mut bound = Listener {
        sockets: Vec::new(),
        addresses: Vec::new(),
    };
    let mut free_port = 0;
    for &asked in addresses {
        let mut address = asked;
        if address.port() == 0 {
            address.set_port(free_port);
        }
        match bind_one(address) {
            Ok((socket, address)) => {
                if asked.port() == 0 {
                    free_port = address.port();
                }
                bound.sockets.push(socket);
                bound.addresses.push(address);
            }
            Err(source) if !bound.sockets.is_empty() && is_missing_ipv6(address, &source) => {
                tracing::warn!(%address, key, "this machine has no IPv6 loopback address; listening without it");
            }
            Err(source) => return Err(BindError { key, address, source }),
        }
    }
    Ok(bound)
}

/// `EAFNOSUPPORT`, which has no [`ErrorKind`] of its own: the kernel was started without IPv6.
const ADDRESS_FAMILY_UNSUPPORTED: i32 = 97;

fn is_missing_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST)
        && (error.kind() == ErrorKind::AddrNotAvailable
            || error.raw_os_error() == Some(ADDRESS_FAMILY_UNSUPPORTED))
}

fn bind_one(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart does not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is not to take IPv4 as well: each address is bound by its own line.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let holder = Listener::bind("[server] listen", &loopback(0)).unwrap();
        let address = holder.addresses()[0];
        let error = Listener::bind("[server] listen", &[address]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {address} ([server] listen): the port is already taken; stop the program that holds it, \
                 or choose another port"
            )
        );
    }

    #[test]
    fn a_free_port_is_the_same_on_both_loopback_addresses() {
        let listener = Listener::bind("[server] listen", &loopback(0)).unwrap();
        assert_ne!(listener.port(), 0);
        assert!(
            listener
                .addresses()
                .iter()
                .all(|address| address.port() == listener.port())
        );
    }

    #[test]
    fn sockets_that_were_handed_over_are_those_of_the_configuration_or_refused() {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, two) = (bind(), bind());
        let (first, second) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        let any = "127.0.0.1:0".parse().unwrap();
        let adopt = |addresses: &[SocketAddr], sockets: &[&TcpListener]| {
            let sockets = sockets.iter().map(|socket| socket.try_clone().unwrap());
            Listener::adopt("server.listen", addresses, sockets.collect())
        };
        let both = adopt(&[second, first], &[&one, &two]).unwrap();
        assert_eq!(both.addresses(), [first, second]);
        adopt(&[any], &[&one]).unwrap();

        let elsewhere = adopt(&[second], &[&one]).unwrap_err();
        assert!(matches!(elsewhere, AdoptError::Elsewhere { address, .. } if address == first));
        assert!(elsewhere.to_string().contains("server.listen"), "{elsewhere}");
        let twice = adopt(&[first], &[&one, &one]).unwrap_err();
        assert!(matches!(twice, AdoptError::Elsewhere { .. }), "{twice}");
        let closed = adopt(&[], &[&one]).unwrap_err();
        assert!(matches!(closed, AdoptError::Elsewhere { .. }), "{closed}");
        let missing = adopt(&[first, second], &[&one]).unwrap_err();
        assert!(matches!(missing, AdoptError::Missing { address, .. } if address == second));
        let connection = std::net::TcpStream::connect(first).unwrap();
        let at = connection.local_addr().unwrap();
        let connection = TcpListener::from(std::os::fd::OwnedFd::from(connection));
        let deaf = adopt(&[at], &[&connection]).unwrap_err();
        assert!(matches!(deaf, AdoptError::NotListening { .. }), "{deaf}");
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1 (RFC 5737) is nobody's.
        let error =
            Listener::bind("[server] admin_listen", &["192.0.2.1:9443".parse().unwrap()]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("192.0.2.1:9443 ([server] admin_listen)"),
            "{error}"
        );
    }
}
