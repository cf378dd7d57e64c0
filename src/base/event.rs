//! The closed list of audit events.
//!
//! A field is an identifier of ours, a digest, a code, a count or a time; none can hold a name, an account, an amount, an
//! address or a credential, so the log holds no personal data in the clear.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::ser::{Error as _, Serializer};

use super::fault::Code;
use super::id::{AdminName, ClientId, CustomerId, RouteName, SessionId, TransactionId};

/// A digest; as text base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// Characters of 32 bytes in base64url without padding.
const DIGEST_CHARACTERS: usize = 43;

impl Digest {
    /// From the bytes of a hash.
    #[must_use]
    pub const fn new(hash: &[u8; 32]) -> Self {
        Self(*hash)
    }

    /// Written into `space`; 32 bytes always fit.
    fn written<'s>(&self, space: &'s mut [u8; DIGEST_CHARACTERS]) -> Option<&'s str> {
        let length = URL_SAFE_NO_PAD.encode_slice(self.0, space).ok()?;
        std::str::from_utf8(space.get(..length)?).ok()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = [0; DIGEST_CHARACTERS];
        formatter.write_str(self.written(&mut space).ok_or(fmt::Error)?)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut space = [0; DIGEST_CHARACTERS];
        let text = self.written(&mut space);
        serializer.serialize_str(text.ok_or_else(|| S::Error::custom("a digest has one length"))?)
    }
}

/// How often callers from one network were refused for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalCount {
    /// A keyed pseudonym of the network; absent for what came when too many were counted at once.
    pub source: Option<String>,
    /// Why: the code of the refusal.
    pub code: &'static str,
    /// On which route; absent when it was none.
    pub route: Option<RouteName>,
    /// How often.
    pub count: u64,
}

/// How often one app passed the gate in one session on one route.
#[derive(Clone, Debug, Serialize)]
pub struct PassageCount {
    /// Whose session.
    pub customer: CustomerId,
    /// By which app.
    pub client: ClientId,
    /// In which session.
    pub session: SessionId,
    /// On which route, or to which resource of our own.
    pub route: RouteName,
    /// How often.
    pub count: u64,
}

/// What an entry vouches for of a payment's receipt: a digest of each part of it (see
/// [`countersign_intent::receipt::Part`]).
#[derive(Clone, Debug, Serialize)]
pub struct ReceiptDigests {
    /// Of what the backend answered.
    pub answer: Digest,
    /// Of which policies decided.
    pub decision: Digest,
    /// Of what the customer agreed to.
    pub intent: Digest,
    /// Of the client's own signature.
    pub payment_signature: Digest,
    /// Of the request.
    pub request: Digest,
}

/// What happened. The name of the variant in kebab case is the member `kind`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The gateway opened the store and serves.
    Started {
        /// The version of the policies in force.
        policy_version: String,
        /// SHA-256 of the charter, the gate-relevant part of the configuration.
        charter: Digest,
    },
    /// The configuration or the policies were read again and took effect.
    Reloaded {
        /// The version of the policies in force.
        policy_version: String,
        /// SHA-256 of the charter.
        charter: Digest,
    },
    /// An operator started the gateway with another charter than was in force last, and named it.
    CharterAccepted {
        /// SHA-256 of the charter that was in force.
        from: Digest,
        /// SHA-256 of the one that is now.
        to: Digest,
    },
    /// A customer logged in.
    LoginSucceeded {
        /// Who.
        customer: CustomerId,
        /// With which app.
        client: ClientId,
        /// The session that began.
        session: SessionId,
        /// The authentication context class, 1 to 3.
        acr: u8,
        /// The methods (RFC 8176).
        amr: Vec<&'static str>,
    },
    /// A login was refused. The customer is absent when the name is not known.
    LoginFailed {
        /// Whose factor was wrong.
        customer: Option<CustomerId>,
        /// With which app.
        client: ClientId,
    },
    /// A factor was blocked after too many failures.
    FactorBlocked {
        /// Whose factor.
        customer: CustomerId,
        /// Which factor.
        factor: &'static str,
        /// Whether only strangers are blocked, not known devices.
        strangers_only: bool,
    },
    /// A device proved its key for the first time with a login of two factors.
    DeviceRemembered {
        /// Whose device.
        customer: CustomerId,
        /// With which app.
        client: ClientId,
    },
    /// Tokens were issued or refreshed.
    TokenIssued {
        /// For which session.
        session: SessionId,
        /// To which app.
        client: ClientId,
        /// Whether by a refresh token.
        refreshed: bool,
    },
    /// A session was ended, with every token of it.
    SessionRevoked {
        /// Which session.
        session: SessionId,
        /// Why: `client`, `code-reuse`, `refresh-reuse`, `admin`.
        reason: &'static str,
    },
    /// A signed request was permitted, and what it needed was taken.
    Permitted {
        /// Whose request.
        customer: CustomerId,
        /// By which app.
        client: ClientId,
        /// In which session.
        session: SessionId,
        /// On which route.
        route: RouteName,
        /// The transaction at the backend.
        transaction: TransactionId,
        /// What the customer agreed to, on routes with a transaction.
        intent: Option<Digest>,
        /// Digest of the request's body.
        content: Digest,
        /// The exemption that was used.
        exemption: Option<String>,
        /// The policies that decided.
        policy_version: String,
    },
    /// Requests that were permitted and have no event of their own, in a moment that ended when this was written.
    Passed {
        /// The policies that decided.
        policy_version: String,
        /// The counts.
        counts: Vec<PassageCount>,
        /// How many more there were than `counts` tells.
        beyond: u64,
    },
    /// What became of a permitted request.
    Answered {
        /// Which transaction.
        transaction: TransactionId,
        /// The backend's status, absent when it gave none.
        status: Option<u16>,
        /// The code the client read instead, absent when the backend's answer was passed on.
        refused: Option<&'static str>,
        /// Digest of the answer's body.
        content: Option<Digest>,
        /// What the receipt says, where money was to move and the outcome is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<ReceiptDigests>,
    },
    /// The unknown outcome of a payment became known.
    Settled {
        /// Which transaction.
        transaction: TransactionId,
        /// How: `probe`, `retry` or `hold`.
        by: &'static str,
        /// Whether it was executed: its backend said so with a status of success, and did not refuse it.
        executed: bool,
        /// The status of the backend's word, absent where it knew of no payment.
        status: Option<u16>,
        /// Digest of its body.
        content: Option<Digest>,
        /// What the receipt says.
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<ReceiptDigests>,
    },
    /// An identified caller was refused.
    Refused {
        /// Whose request.
        customer: CustomerId,
        /// By which app.
        client: ClientId,
        /// On which route.
        route: RouteName,
        /// Why.
        code: &'static str,
        /// The policies that decided, when it was their decision.
        policy_version: Option<String>,
    },
    /// Callers who were not identified were refused in one second.
    RefusalsCounted {
        /// Which second, since 1970.
        second: i64,
        /// The counts, the largest first.
        counts: Vec<RefusalCount>,
        /// How many more refusals there were than `counts` tells.
        beyond: u64,
    },
    /// A source was banned for flooding.
    Banned {
        /// A keyed pseudonym of the wider network it is in, as in the counts of refusals.
        source: String,
        /// The name of the ban.
        ban: String,
        /// For what: `rate`, `connections`, `framing`.
        cause: &'static str,
        /// For how long.
        seconds: u64,
        /// How many bans of this source it is since the last long peace.
        times: u32,
    },
    /// A key changed its state.
    KeyChanged {
        /// The key's name.
        kid: String,
        /// What it is for.
        purpose: &'static str,
        /// The state it is in now.
        state: &'static str,
    },
    /// An admin did something.
    AdminActed {
        /// Who.
        admin: AdminName,
        /// What: the name of the policy action.
        action: &'static str,
    },
    /// An admin, or someone who is none, was refused on the admin listener.
    AdminRefused {
        /// Who; absent when no registered admin came.
        admin: Option<AdminName>,
        /// What they wanted: the name of the policy action.
        action: &'static str,
        /// Why.
        code: &'static str,
    },
    /// Clients, customers and admins were written by `seed`.
    Seeded {
        /// How many clients are new.
        clients: usize,
        /// How many customers are new.
        customers: usize,
        /// How many admins are new.
        admins: usize,
    },
}

impl Event {
    /// The transaction it is about, where it is about one.
    #[must_use]
    pub const fn transaction(&self) -> Option<&TransactionId> {
        match self {
            Self::Permitted { transaction, .. }
            | Self::Answered { transaction, .. }
            | Self::Settled { transaction, .. } => Some(transaction),
            _ => None,
        }
    }

    /// An identified caller's refusal.
    #[must_use]
    pub fn refused(
        customer: CustomerId,
        client: ClientId,
        route: RouteName,
        code: Code,
        policy_version: Option<String>,
    ) -> Self {
        Self::Refused {
            customer,
            client,
            route,
            code: code.name(),
            policy_version,
        }
    }
}
