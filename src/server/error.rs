//! Why a gateway does not start, or does not take a changed configuration.

use super::charter::CharterError;
use super::inherited::InheritedError;
use crate::config::secret_ref::SecretError;
use crate::config::{AnchorsError, Faults};
use crate::edge::{AdoptError, BindError, TlsError};
use crate::gate::SnapshotError;
use crate::identity::password::PhcError;
use crate::keys::{KekError, KeyError};
use crate::policy::BundleError;
use crate::privacy::VaultError;
use crate::store::StoreError;
use crate::upstream::ClusterError;

/// Why a gateway does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has faults.
    #[error("{0}")]
    Config(#[from] Faults),
    /// A file the configuration names cannot be read.
    #[error("{key}: {path} cannot be read: {cause}")]
    File {
        /// The key that names it.
        key: String,
        /// The file.
        path: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The access log cannot be written.
    #[error("telemetry.access_log cannot be opened: {0}")]
    AccessLog(std::io::Error),
    /// Trust anchors cannot be read again.
    #[error(transparent)]
    Anchors(#[from] AnchorsError),
    /// A secret cannot be had.
    #[error("{key}: {cause}")]
    Secret {
        /// The key that refers to it.
        key: String,
        /// What is wrong.
        cause: SecretError,
    },
    /// Certificates or trust anchors cannot be used.
    #[error("{key}: {cause}")]
    Tls {
        /// The key that names them.
        key: String,
        /// What is wrong.
        cause: TlsError,
    },
    /// The key-encryption key has the wrong form.
    #[error("keys.kek: {0}")]
    Kek(#[from] KekError),
    /// The keyring cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store cannot be opened or used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealed records cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The password parameters cannot be used.
    #[error("identity.password: {0}")]
    Password(#[from] PhcError),
    /// The policies have faults.
    #[error("policy.dir: {0}")]
    Policy(#[from] BundleError),
    /// A route cannot be made ready.
    #[error(transparent)]
    Route(#[from] SnapshotError),
    /// A backend's settings cannot be used.
    #[error(transparent)]
    Upstream(#[from] ClusterError),
    /// A port is taken, or an address is not this machine's.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Sockets were handed over that cannot be used.
    #[error(transparent)]
    Inherited(#[from] InheritedError),
    /// Sockets were handed over that are not where the configuration says.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// A reload touched keys that take effect at a start only.
    #[error("these keys take effect at a start only: {}; restart the gateway, or put them back", .0.join(", "))]
    RestartOnly(Vec<&'static str>),
    /// Outside development, the charter is another one.
    #[error(transparent)]
    Charter(#[from] CharterError),
    /// Sockets or threads could not be had.
    #[error("the operating system refused: {0}")]
    System(#[from] std::io::Error),
}
