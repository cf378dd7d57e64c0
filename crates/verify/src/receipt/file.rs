//! The file: exactly the members of a receipt, each of its form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_intent::json::{self, Limits, Numbers};
use countersign_intent::receipt::{Part, VERSION};
use countersign_jose::jwk::Jwk;
use countersign_tlog::Hash;
use serde_json::{Map, Value};

use super::fault::ReceiptFault;

const MEMBERS: &[&str] = &[
    "version",
    "id",
    "intent",
    "intent_digest",
    "request",
    "payment_signature",
    "decision",
    "answer",
    "leaf",
    "index",
    "proof",
    "checkpoint",
    "cosignatures",
];
const REQUEST: &[&str] = &["method", "target", "content_digest", "idempotency_key"];
const PAYMENT_SIGNATURE: &[&str] = &["base", "signature", "jwk"];
const DECISION: &[&str] = &["policy_version", "approval", "exemption", "mandate"];
const ANSWER: &[&str] = &["status", "content_digest", "at"];

/// Larger than any receipt: an intent of 64 KiB, and a checkpoint with many cosignatures.
const LIMITS: Limits = Limits {
    max_bytes: 1024 * 1024,
    max_depth: 16,
    numbers: Numbers::Interoperable,
};

/// A receipt of the right form, of which nothing is believed yet.
pub(super) struct File {
    pub(super) id: String,
    pub(super) intent_digest: String,
    pub(super) request: Request,
    pub(super) payment: Option<Payment>,
    pub(super) leaf: Vec<u8>,
    pub(super) index: u64,
    pub(super) proof: Vec<Hash>,
    pub(super) checkpoint: String,
    pub(super) cosignatures: Vec<String>,
    members: Map<String, Value>,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// SHA-256 of the body.
    pub(super) content_digest: Vec<u8>,
    pub(super) idempotency_key: String,
}

pub(super) struct Payment {
    pub(super) base: String,
    /// Base64, as it stands in a `Signature` field.
    pub(super) signature: String,
    pub(super) bytes: Vec<u8>,
    pub(super) jwk: Jwk,
}

impl File {
    /// Reads a file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ReceiptFault> {
        let Value::Object(members) = json::parse_closed(bytes, &LIMITS).map_err(ReceiptFault::Unreadable)?
        else {
            return Err(malformed("version"));
        };
        if members.get("version").and_then(Value::as_str) != Some(VERSION) {
            return Err(ReceiptFault::Version);
        }
        let whole = Members {
            at: "",
            members: &members,
        };
        whole.are(MEMBERS)?;
        whole.object("decision")?.are(DECISION)?;
        whole.object("answer")?.are(ANSWER)?;
        Ok(Self {
            id: whole.text("id")?,
            intent_digest: whole.text("intent_digest")?,
            request: request(&whole.object("request")?)?,
            payment: match members.get("payment_signature") {
                Some(Value::Null) => None,
                _ => Some(payment(&whole.object("payment_signature")?)?),
            },
            leaf: whole.base64("leaf")?,
            index: members
                .get("index")
                .and_then(Value::as_u64)
                .ok_or_else(|| malformed("index"))?,
            proof: whole
                .texts("proof")?
                .iter()
                .map(|hash| hash.parse().map_err(|_| malformed("proof")))
                .collect::<Result<_, _>>()?,
            checkpoint: whole.text("checkpoint")?,
            cosignatures: whole.texts("cosignatures")?,
            members,
        })
    }

    /// The value of a part.
    pub(super) fn part(&self, part: Part) -> &Value {
        self.members.get(part.name()).unwrap_or(&Value::Null)
    }

    pub(super) fn answer_status(&self) -> Option<u16> {
        let status = self.part(Part::Answer).get("status")?.as_u64()?;
        u16::try_from(status).ok()
    }

    pub(super) fn recorded_at(&self) -> String {
        let at = self.part(Part::Answer).get("at").and_then(Value::as_str);
        at.unwrap_or_default().to_owned()
    }
}

fn request(members: &Members<'_>) -> Result<Request, ReceiptFault> {
    members.are(REQUEST)?;
    let digest = countersign_jose::from_base64url(&members.text("content_digest")?);
    Ok(Request {
        method: members.text("method")?,
        target: members.text("target")?,
        content_digest: digest
            .filter(|digest| digest.len() == 32)
            .ok_or_else(|| malformed("request.content_digest"))?,
        idempotency_key: members.text("idempotency_key")?,
    })
}

fn payment(members: &Members<'_>) -> Result<Payment, ReceiptFault> {
    members.are(PAYMENT_SIGNATURE)?;
    let jwk = members.object("jwk")?.members;
    Ok(Payment {
        base: members.text("base")?,
        signature: members.text("signature")?,
        bytes: members.base64("signature")?,
        jwk: Jwk::from_object(jwk).map_err(|_| malformed("payment_signature.jwk"))?,
    })
}

/// Members of an object, with the way to it.
struct Members<'f> {
    at: &'static str,
    members: &'f Map<String, Value>,
}

impl<'f> Members<'f> {
    /// Exactly these, and no other.
    fn are(&self, names: &[&str]) -> Result<(), ReceiptFault> {
        let missing = names.iter().find(|name| !self.members.contains_key(**name));
        let foreign = self.members.keys().find(|name| !names.contains(&name.as_str()));
        match missing.copied().or(foreign.map(String::as_str)) {
            Some(name) => Err(self.malformed(name)),
            None => Ok(()),
        }
    }

    fn object(&self, name: &'static str) -> Result<Members<'f>, ReceiptFault> {
        match self.members.get(name) {
            Some(Value::Object(members)) => Ok(Members { at: name, members }),
            _ => Err(self.malformed(name)),
        }
    }

    fn text(&self, name: &str) -> Result<String, ReceiptFault> {
        let text = self.members.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| self.malformed(name))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, ReceiptFault> {
        let items = self.members.get(name).and_then(Value::as_array);
        let items = items.ok_or_else(|| self.malformed(name))?;
        let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.malformed(name))
    }

    fn base64(&self, name: &str) -> Result<Vec<u8>, ReceiptFault> {
        STANDARD
            .decode(self.text(name)?)
            .map_err(|_| self.malformed(name))
    }

    fn malformed(&self, name: &str) -> ReceiptFault {
        if self.at.is_empty() {
            malformed(name)
        } else {
            malformed(&format!("{}.{name}", self.at))
        }
    }
}

/// Names come from the file, so they are cut to what a line can show.
fn malformed(name: &str) -> ReceiptFault {
    ReceiptFault::Member(name.chars().filter(|c| !c.is_control()).take(64).collect())
}
