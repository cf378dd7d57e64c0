//! Problem documents (RFC 9457).

use serde::Deserialize;

use crate::transport::Answer;

/// The prefix of the types that the gateway uses.
const PREFIX: &str = "urn:countersign:problem:";

/// Why the gateway refused, in its words.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Problem {
    /// The type, `urn:countersign:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in a few words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What to change.
    #[serde(default)]
    pub detail: String,
    /// The request id, for whoever operates the gateway.
    #[serde(default)]
    pub instance: String,
    /// What the customer has to approve, when that is the problem.
    pub approval: Option<ApprovalDemand>,
}

/// An approval that the gateway waits for (design 4.5).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ApprovalDemand {
    /// Its name.
    pub id: String,
    /// Where it is read and answered.
    pub href: String,
    /// How many seconds it waits.
    pub expires_in: u64,
    /// Two digits to compare when the customer approves on another device.
    #[serde(rename = "match")]
    pub digits: Option<String>,
    /// What the customer is asked to approve.
    pub transaction: Option<serde_json::Value>,
    /// The factors that can approve it.
    #[serde(default)]
    pub factors: Vec<String>,
}

impl Problem {
    /// The problem that `answer` is, when it is a problem document of the gateway.
    #[must_use]
    pub fn of(answer: &Answer) -> Option<Self> {
        let content_type = answer.header("content-type")?;
        let media_type = content_type.split(';').next()?.trim();
        if !media_type.eq_ignore_ascii_case("application/problem+json") {
            return None;
        }
        let problem: Self = serde_json::from_slice(&answer.body).ok()?;
        problem.kind.starts_with(PREFIX).then_some(problem)
    }

    /// The code of design 4.3, such as `policy-denied`.
    #[must_use]
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(PREFIX).unwrap_or(&self.kind)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.code(), self.detail)
    }
}
