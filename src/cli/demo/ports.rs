//! Which ports the demonstration listens on: the usual ones when they are free, others when they are not.

use std::fs::File;

use crate::cli::console::CliError;
use crate::edge::{Listener, loopback};

/// The ports of all doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// The gateway's public listener.
    pub(super) public: u16,
    /// Its twin that asks for client certificates.
    pub(super) mtls: u16,
    /// Its admin listener.
    pub(super) admin: u16,
    /// Its operations listener.
    pub(super) ops: u16,
    /// The bank.
    pub(super) bank: u16,
    /// The merchant.
    pub(super) merchant: u16,
}

const PUBLIC: u16 = 8443;
const MTLS: u16 = 8444;
const ADMIN: u16 = 9443;
const OPS: u16 = 9464;
const ANY: u16 = 0;

/// The turn to look for ports and to listen on them. Demonstrations of the same program take it one after another, so
/// that none is given a port that another has found and not bound yet.
#[derive(Debug)]
pub(super) struct Turn {
    _held: File,
}

impl Turn {
    /// Waits until it is this process's turn. Dropping it ends the turn.
    ///
    /// # Errors
    /// When this program cannot be found any more.
    pub(super) fn wait() -> Result<Self, CliError> {
        let program = std::env::current_exe()
            .and_then(File::open)
            .map_err(CliError::failed)?;
        // Some network file systems lock nothing. Two demonstrations may meet on a port then, and one says so and ends.
        let _ = program.lock();
        Ok(Self { _held: program })
    }
}

impl Ports {
    /// Finds ports that are free on both loopback addresses. All are held until the last is found, so that no two are
    /// the same; then they are free for those who are to listen there.
    ///
    /// # Errors
    /// When there is no free port at all.
    pub(super) fn find(_turn: &Turn) -> Result<Self, CliError> {
        let mut held = Vec::new();
        let mut find = |usual| {
            let listener = hold(usual).map_err(CliError::failed)?;
            let port = listener.port();
            held.push(listener);
            Ok::<_, CliError>(port)
        };
        Ok(Self {
            public: find(PUBLIC)?,
            mtls: find(MTLS)?,
            admin: find(ADMIN)?,
            ops: find(OPS)?,
            bank: find(ANY)?,
            merchant: find(ANY)?,
        })
    }
}

fn hold(usual: u16) -> Result<Listener, crate::edge::BindError> {
    Listener::bind("demo", &loopback(usual)).or_else(|_| Listener::bind("demo", &loopback(ANY)))
}

/// Both loopback addresses with this port, as TOML.
pub(super) fn listen(port: u16) -> String {
    format!("[\"127.0.0.1:{port}\", \"[::1]:{port}\"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = Listener::bind("test", &loopback(0)).unwrap();
        let found = hold(taken.port()).unwrap();
        assert_ne!(found.port(), taken.port());
    }

    #[test]
    fn all_ports_differ() {
        let ports = Ports::find(&Turn::wait().unwrap()).unwrap();
        let mut all = vec![
            ports.public,
            ports.mtls,
            ports.admin,
            ports.ops,
            ports.bank,
            ports.merchant,
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
