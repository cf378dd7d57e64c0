//! Sockets that whoever started the process has bound for it (systemd's socket activation, sd_listen_fds(3)): they stay open
//! over a restart, so that clients wait for the next process instead of being refused.

use std::net::TcpListener;

use listenfd::ListenFd;

/// What a socket can be for: its name in `FileDescriptorName=` (systemd.socket(5)).
const NAMES: [&str; 4] = ["public", "mtls", "admin", "ops"];

/// Sockets by the listener they are for. Where there is none, the gateway binds its own.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For `[server] listen`.
    pub public: Vec<TcpListener>,
    /// For `[server] mtls_listen`.
    pub mutual: Vec<TcpListener>,
    /// For `[server] admin_listen`.
    pub admin: Vec<TcpListener>,
    /// For `[server] ops_listen`.
    pub operations: Vec<TcpListener>,
}

/// What is wrong with the sockets that were handed over. Going on without one would leave clients waiting at it for ever.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// Names are missing, or there are more or fewer than sockets.
    #[error(
        "{sockets} sockets were handed over, but LISTEN_FDNAMES holds {names} names; give each socket unit a FileDescriptorName"
    )]
    Names {
        /// How many sockets there are.
        sockets: usize,
        /// How many names.
        names: usize,
    },
    /// A name that says nothing.
    #[error(
        "a socket named '{0}' was handed over; set FileDescriptorName in its unit to one of public, mtls, admin, ops"
    )]
    Unknown(String),
    /// Not a TCP socket.
    #[error(
        "the socket named '{name}' cannot be used: {cause}; its unit needs ListenStream= with an address and a port"
    )]
    Kind {
        /// Its name.
        name: String,
        /// What is wrong with it.
        cause: std::io::Error,
    },
}

impl Inherited {
    /// Takes them from this process's environment, which says nothing of them afterwards: processes that we start do not
    /// take them for theirs. To be called before there are threads.
    ///
    /// # Errors
    /// Something was handed over that cannot be used.
    pub fn from_environment() -> Result<Self, InheritedError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut sockets = ListenFd::from_env();
        let names = split_names(&names, sockets.len())?;
        let mut inherited = Self::default();
        for (place, name) in names.into_iter().enumerate() {
            let taken = sockets.take_tcp_listener(place);
            let taken = taken.map_err(|cause| InheritedError::Kind {
                name: name.to_owned(),
                cause,
            })?;
            inherited.of(name)?.extend(taken);
        }
        Ok(inherited)
    }

    fn of(&mut self, name: &str) -> Result<&mut Vec<TcpListener>, InheritedError> {
        match name {
            "public" => Ok(&mut self.public),
            "mtls" => Ok(&mut self.mutual),
            "admin" => Ok(&mut self.admin),
            "ops" => Ok(&mut self.operations),
            _ => Err(InheritedError::Unknown(name.to_owned())),
        }
    }
}

/// The name of each socket.
fn split_names(names: &str, sockets: usize) -> Result<Vec<&str>, InheritedError> {
    if sockets == 0 {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    if names.len() != sockets {
        return Err(InheritedError::Names {
            sockets,
            names: names.len(),
        });
    }
    match names.iter().find(|name| !NAMES.contains(name)) {
        Some(unknown) => Err(InheritedError::Unknown((*unknown).to_owned())),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_a_name_that_says_what_it_is_for() {
        assert_eq!(
            split_names("public:public:ops", 3).unwrap(),
            ["public", "public", "ops"]
        );
        assert_eq!(split_names("left:over", 0).unwrap(), Vec::<&str>::new());
        for (names, sockets) in [("", 1), ("public", 2), ("public:mtls", 1), (":", 2)] {
            let error = split_names(names, sockets).unwrap_err();
            assert!(matches!(error, InheritedError::Names { .. }), "{names}");
        }
        for unknown in ["countersign.socket", "Public", "operations", "unknown"] {
            let error = split_names(unknown, 1).unwrap_err().to_string();
            assert!(
                error.contains(unknown) && error.contains("FileDescriptorName"),
                "{error}"
            );
        }
    }
}
