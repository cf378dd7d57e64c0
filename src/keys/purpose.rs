//! What a key is for, and where it stands in its life.

use countersign_jose::KeyKind;

/// What a key is for; a key has one purpose only (SP 800-57 part 1, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Signs access tokens.
    Token,
    /// Signs Txn-Tokens.
    Txn,
    /// Signs forwarded requests and answers to clients (RFC 9421).
    Message,
    /// Signs checkpoints of the log.
    Log,
    /// Seals data at rest.
    Data,
    /// The pepper under password hashes.
    Pepper,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] = [
        Self::Token,
        Self::Txn,
        Self::Message,
        Self::Log,
        Self::Data,
        Self::Pepper,
    ];

    /// The name in commands, configuration and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Txn => "txn",
            Self::Message => "message",
            Self::Log => "log",
            Self::Data => "data",
            Self::Pepper => "pepper",
        }
    }

    /// The purpose called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// The kind of key pair, `None` for the symmetric ones. Tokens are ES256 because every JOSE library verifies it;
    /// messages and the log are Ed25519, as docs/keys.md and C2SP fix them.
    #[must_use]
    pub const fn key_kind(self) -> Option<KeyKind> {
        match self {
            Self::Token | Self::Txn => Some(KeyKind::P256),
            Self::Message | Self::Log => Some(KeyKind::Ed25519),
            Self::Data | Self::Pepper => None,
        }
    }

    /// Whether the public key stays published after its destruction, so that old receipts stay verifiable.
    #[must_use]
    pub const fn published_for_ever(self) -> bool {
        matches!(self, Self::Message | Self::Log)
    }

    /// Whether what the key protected lives as long as the store, so the key must stay readable.
    #[must_use]
    pub const fn kept_while_used(self) -> bool {
        matches!(self, Self::Data | Self::Pepper)
    }
}

/// Where a key stands in its life (SP 800-57 part 1, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Published, not used yet.
    PreActive,
    /// Signs or seals.
    Active,
    /// Verifies or opens only.
    Retiring,
    /// The private part is gone.
    Destroyed,
    /// Not to be believed any more, from the moment it was said.
    Compromised,
}

impl State {
    const ALL: [Self; 5] = [
        Self::PreActive,
        Self::Active,
        Self::Retiring,
        Self::Destroyed,
        Self::Compromised,
    ];

    /// The name in answers and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Destroyed => "destroyed",
            Self::Compromised => "compromised",
        }
    }

    /// The state called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether signatures by a key in this state are accepted.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::PreActive | Self::Active | Self::Retiring)
    }
}
