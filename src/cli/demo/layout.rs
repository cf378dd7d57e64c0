//! Writes everything the gateway and its backends need into the demonstration's folder.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::Value;
use zeroize::Zeroizing;

use super::certificates::{Certificates, GATEWAY};
use super::configuration::{self, BANK_DOMAIN, MERCHANT_DOMAIN};
use super::description;
use super::folder::{DESCRIPTION, Folder};
use super::people::{Authentication, People};
use super::ports::{Ports, Turn};
use super::seed;
use super::settings::BackendSettings;
use crate::base::{Clock, Entropy};
use crate::cli::console::CliError;
use crate::cli::init::POLICIES;

/// A demonstration that can be started: all its files are there.
pub(super) struct Layout {
    pub(super) folder: Folder,
    pub(super) ports: Ports,
    pub(super) people: People,
    pub(super) certificates: Certificates,
}

impl Layout {
    /// Makes it in `path`; whoever has the `turn` keeps it until the ports are bound.
    ///
    /// # Errors
    /// A folder that is somebody else's, or files that cannot be written.
    pub(super) fn make(
        path: &Path,
        turn: &Turn,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, CliError> {
        let folder = Folder::take(path)?;
        // A start that fails half-way leaves a folder that can be started over.
        folder.write_secret(DESCRIPTION, "{}\n")?;
        let people = People::invent(entropy)?;
        let certificates = Certificates::issue(&folder.at("certs"), &people, clock.now())?;
        let layout = Self {
            folder,
            ports: Ports::find(turn)?,
            people,
            certificates,
        };
        layout.write(entropy)?;
        Ok(layout)
    }

    /// `https://localhost` with the gateway's public port.
    pub(super) fn public_url(&self) -> String {
        format!("https://localhost:{}", self.ports.public)
    }

    fn write(&self, entropy: &dyn Entropy) -> Result<(), CliError> {
        let Self {
            folder,
            ports,
            people,
            certificates,
        } = self;
        let key = Zeroizing::new(entropy.bytes::<32>());
        folder.write_secret("master.key", &Zeroizing::new(BASE64.encode(key.as_ref())))?;
        for (path, text) in POLICIES {
            folder.write(&format!("policies/{path}"), text)?;
        }
        for client in &people.clients {
            if let Authentication::PrivateKeyJwt { private, .. } = &client.authentication {
                folder.write_secret(&description::jwk_file(client), private)?;
            }
        }
        let [alice, _] = &people.customers;
        folder.write_secret("clients/alice.password", &alice.password)?;
        folder.write_secret("seed.toml", &seed::text(people, &certificates.admin.chain)?)?;
        folder.write("countersign.toml", &configuration::text(ports))?;
        for settings in self.backends() {
            folder.write(&BackendSettings::file(&settings.name), &settings.text()?)?;
        }
        folder.write_secret("bank.log", "")?;
        folder.write_secret("merchant.log", "")?;
        Ok(())
    }

    /// Writes `demo.json` for scripts, in place of the empty one; `log_vkey` is what the gateway publishes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn describe(&self, log_vkey: Option<Value>) -> Result<(), CliError> {
        let text = format!("{:#}\n", description::document(self, log_vkey));
        let partial = self.folder.write_secret("demo.json.new", &text)?;
        std::fs::rename(partial, self.folder.at(DESCRIPTION)).map_err(CliError::failed)
    }

    /// What each backend is told: where it listens, and of the gateway its URL, its CA and its name, nothing else.
    fn backends(&self) -> [BackendSettings; 2] {
        let Self {
            folder, certificates, ..
        } = self;
        let backend = |name: &str, port: u16, domain: &str, pair: &crate::pki::IssuedPaths| BackendSettings {
            name: name.to_owned(),
            port,
            gateway_url: self.public_url(),
            gateway_ca: certificates.root.clone(),
            trust_domain: domain.to_owned(),
            certificate: pair.chain.clone(),
            key: pair.key.clone(),
            caller: GATEWAY.to_owned(),
            caller_ca: certificates.backends_ca.clone(),
            log: folder.at(&format!("{name}.log")),
        };
        [
            backend("bank", self.ports.bank, BANK_DOMAIN, &certificates.bank),
            backend(
                "merchant",
                self.ports.merchant,
                MERCHANT_DOMAIN,
                &certificates.merchant,
            ),
        ]
    }
}
