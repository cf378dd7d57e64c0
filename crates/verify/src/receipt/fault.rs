//! What can be wrong with a receipt.

use countersign_intent::json::JsonError;
use countersign_signatures::PolicyError;
use countersign_tlog::ProofError;

/// What is wrong with a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not JSON that can be read in one way only.
    #[error("the file is not readable: {0}")]
    Unreadable(JsonError),
    /// Of a form that this version does not know.
    #[error("the version is not \"{}\"", countersign_intent::receipt::VERSION)]
    Version,
    /// A member is missing, or not of its form, or there is one too many.
    #[error("the member {0} is missing, malformed or does not belong there")]
    Member(String),
    /// A member is not what it was when the gateway wrote the log entry.
    #[error("the member {0} is not what the log recorded")]
    Changed(&'static str),
    /// The leaf is no log entry, or one about another payment.
    #[error("the leaf is not the log entry of this payment")]
    Leaf,
    /// The leaf stands elsewhere in the log.
    #[error("the index is not the place that the leaf names")]
    Index,
    /// The leaf is not in the tree of the checkpoint: leaf or proof was changed.
    #[error("leaf and proof do not lead to the root in the checkpoint: {0}")]
    Proof(ProofError),
    /// The checkpoint is no signed tree head.
    #[error("the checkpoint is malformed: {0}")]
    Checkpoint(String),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of the log \"{0}\"")]
    Origin(String),
    /// None of the log's known keys has signed the checkpoint.
    #[error("no known key of the log has signed the checkpoint")]
    LogKeyUnknown,
    /// The log's signature does not fit the checkpoint.
    #[error("the log's signature does not fit the checkpoint")]
    CheckpointSignature,
    /// A cosignature is malformed, or a known witness's does not fit the checkpoint.
    #[error("a cosignature is not good: {0}")]
    Cosignature(String),
    /// The client's own signature does not hold.
    #[error("the payment signature is not good: {0}")]
    Payment(PaymentFault),
}

/// What is wrong with the client's own signature in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentFault {
    /// The base is not a signature base (RFC 9421, section 2.5).
    #[error("its base is malformed")]
    Base,
    /// It was made for something else.
    #[error("its tag is not \"countersign-payment\"")]
    Tag,
    /// It covers too little, or lacks a parameter.
    #[error("it covers too little: {0}")]
    TooWeak(PolicyError),
    /// It was made for another request.
    #[error("it was made for another request: {0} differs")]
    OtherRequest(&'static str),
    /// It names another algorithm than the key's.
    #[error("it names another algorithm than its key has")]
    Algorithm,
    /// It does not verify.
    #[error("it does not verify with the key beside it")]
    Invalid,
}

impl ReceiptFault {
    /// The name, for scripts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Version => "unknown-version",
            Self::Member(_) => "malformed-member",
            Self::Changed(_) => "changed-member",
            Self::Leaf => "wrong-leaf",
            Self::Index => "wrong-index",
            Self::Proof(_) => "bad-proof",
            Self::Checkpoint(_) => "bad-checkpoint",
            Self::Origin(_) => "other-origin",
            Self::LogKeyUnknown => "unknown-log-key",
            Self::CheckpointSignature => "bad-checkpoint-signature",
            Self::Cosignature(_) => "bad-cosignature",
            Self::Payment(_) => "bad-payment-signature",
        }
    }

    /// The member of the receipt that is at fault, where it is one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Unreadable(_) => None,
            Self::Version => Some("version"),
            Self::Member(name) => Some(name),
            Self::Changed(name) => Some(name),
            Self::Leaf => Some("leaf"),
            Self::Index => Some("index"),
            Self::Proof(_) => Some("proof"),
            Self::Checkpoint(_) | Self::Origin(_) | Self::LogKeyUnknown | Self::CheckpointSignature => {
                Some("checkpoint")
            }
            Self::Cosignature(_) => Some("cosignatures"),
            Self::Payment(_) => Some("payment_signature"),
        }
    }
}
