//! The demonstration's certificates, all from one private authority made for this run.

use std::path::{Path, PathBuf};

use super::people::{ADMIN, Authentication, People};
use crate::base::Timestamp;
use crate::cli::console::CliError;
use crate::pki::{Ca, IssuedPaths, Profiles, Purpose};

/// Where they lie.
pub(super) struct Certificates {
    /// What those trust who call the gateway.
    pub(super) root: PathBuf,
    /// Who vouches for backends, and for the gateway towards them.
    pub(super) backends_ca: PathBuf,
    /// The gateway's towards backends.
    pub(super) gateway: IssuedPaths,
    /// The bank's.
    pub(super) bank: IssuedPaths,
    /// The merchant's.
    pub(super) merchant: IssuedPaths,
    /// The administrator's.
    pub(super) admin: IssuedPaths,
    /// Those of client apps, by client.
    pub(super) clients: Vec<(&'static str, IssuedPaths)>,
}

/// The name in the certificate that the gateway shows to backends.
pub(super) const GATEWAY: &str = "gateway";

impl Certificates {
    /// Makes the authority in `folder` and issues every certificate.
    ///
    /// # Errors
    /// What the authority says.
    pub(super) fn issue(folder: &Path, people: &People, now: Timestamp) -> Result<Self, CliError> {
        let profiles = Profiles::built_in().map_err(CliError::failed)?;
        let ca = Ca::create(folder, &profiles, now).map_err(CliError::failed)?;
        let issue = |purpose, name, hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
            ca.issue(purpose, name, &hosts, now).map_err(CliError::failed)
        };
        let here = ["localhost", "127.0.0.1", "::1"];
        let mut clients = Vec::new();
        for client in &people.clients {
            if let Authentication::Certificate { host } = client.authentication {
                clients.push((
                    client.client_id,
                    issue(Purpose::Client, client.client_id, &[host])?,
                ));
            }
        }
        issue(Purpose::Server, "localhost", &here)?;
        Ok(Self {
            gateway: issue(Purpose::Backend, GATEWAY, &[])?,
            bank: issue(Purpose::Backend, "bank", &here)?,
            merchant: issue(Purpose::Backend, "merchant", &here)?,
            admin: issue(Purpose::Admin, ADMIN, &[])?,
            clients,
            root: ca.root_path(),
            backends_ca: ca.trust_anchor_path(Purpose::Backend),
        })
    }
}
