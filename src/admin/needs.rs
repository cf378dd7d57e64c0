//! What this door asks of the rest of the gateway: a decision, a picture of what is in force, a reload.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use countersign_jose::Thumbprint;

use crate::base::{AdminName, Fault};

/// What can be asked of the policies here; the names are those of the policy schema.
pub mod action {
    /// Read what is in force.
    pub const GATEWAY_INSPECT: &str = "gateway_inspect";
    /// Read configuration, certificates and policies anew.
    pub const GATEWAY_RELOAD: &str = "gateway_reload";
    /// See who is banned.
    pub const BAN_LIST: &str = "ban_list";
    /// End a ban before its time.
    pub const BAN_LIFT: &str = "ban_lift";
    /// List keys; see what a rotation would do.
    pub const KEYS_LIST: &str = "keys_list";
    /// Begin a rotation.
    pub const KEYS_ROTATE: &str = "keys_rotate";
    /// Mark a key compromised.
    pub const KEYS_REVOKE: &str = "keys_revoke";
    /// Read the audit log.
    pub const AUDIT_READ: &str = "audit_read";
    /// See which policies are in force.
    pub const POLICY_LIST: &str = "policy_list";
}

/// What the policies know of an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminFacts {
    /// The registered name.
    pub name: AdminName,
    /// The person behind it: two names of one person are not four eyes.
    pub person: String,
    /// What the registration allows.
    pub roles: Vec<String>,
    /// The certificate they came with.
    pub certificate: Thumbprint,
    /// Where they came from.
    pub ip: IpAddr,
}

/// Decides what an admin may do.
pub trait Authorize: Send + Sync {
    /// Whether `admin` may do `action` now.
    ///
    /// # Errors
    /// The fault to answer with when not, or when no decision could be made.
    fn decide(&self, admin: &AdminFacts, action: &'static str) -> Result<(), Fault>;
}

/// What is in force at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The version of the policies.
    pub policy_version: String,
    /// SHA-256 of the charter, the gate-relevant part of the configuration, in base64url.
    pub charter: String,
    /// Whether the store bears the development mark.
    pub development: bool,
}

/// Knows what is in force.
pub trait Running: Send + Sync {
    /// The picture at this moment.
    fn in_force(&self) -> InForce;
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReloadReport {
    /// The version of the policies now in force.
    pub policy_version: String,
    /// What is another than before, such as `policies`, `certificates` or the name of a configuration key.
    pub changed: Vec<String>,
}

/// A reload under way.
pub type Reloading<'a> = Pin<Box<dyn Future<Output = Result<ReloadReport, Vec<String>>> + Send + 'a>>;

/// Reads configuration, certificates and policies anew: all of it takes effect, or nothing.
pub trait Reload: Send + Sync {
    /// What changed, or every reason why nothing did, each with file and line.
    ///
    /// Outside development a reload that changes the charter must name it: `accepted_charter` is its SHA-256 in hexadecimal
    /// digits.
    fn reload(&self, accepted_charter: Option<String>) -> Reloading<'_>;
}
