//! Problem documents (RFC 9457).

use serde::{Deserialize, Deserializer};

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
    #[serde(default, deserialize_with = "read_approval")]
    pub approval: Option<ApprovalDemand>,
}

/// What the customer has to approve, and where.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ApprovalDemand {
    /// The name of the approval that the gateway waits for; absent when it waits for none.
    pub id: Option<String>,
    /// Where it is read and answered.
    pub href: Option<String>,
    /// How many seconds it waits.
    pub expires_in: Option<u64>,
    /// Two digits to compare when the customer approves on another device.
    #[serde(rename = "match")]
    pub digits: Option<String>,
    /// What the customer is asked to approve.
    pub transaction: Option<serde_json::Value>,
    /// The factors that can approve it.
    pub factors: Vec<String>,
}

/// An extension member in a form that is not known here must not hide the problem itself (RFC 9457, section 3.2).
fn read_approval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ApprovalDemand>, D::Error> {
    let member = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(member).ok())
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

    /// The code, such as `policy-denied`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn read(approval: &str) -> Option<ApprovalDemand> {
        let body = format!(r#"{{"type":"urn:countersign:problem:approval-required","approval":{approval}}}"#);
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            "application/problem+json; charset=utf-8".parse().unwrap(),
        );
        let answer = Answer {
            status: StatusCode::UNAUTHORIZED,
            headers,
            body: body.into(),
        };
        let problem = Problem::of(&answer).unwrap();
        assert_eq!(problem.code(), "approval-required");
        problem.approval
    }

    #[test]
    fn a_problem_is_read_whatever_its_approval_looks_like() {
        let whole = read(
            r#"{"id":"a","href":"/approvals/a","expires_in":300,"match":"42","factors":["passkey"],"new":1}"#,
        )
        .unwrap();
        assert_eq!(
            (whole.id.as_deref(), whole.digits.as_deref(), whole.expires_in),
            (Some("a"), Some("42"), Some(300))
        );
        let partial = read(r#"{"transaction":{"amount":"250.00"},"factors":["passkey"]}"#).unwrap();
        assert_eq!((partial.id, partial.factors), (None, vec!["passkey".to_owned()]));
        assert_eq!(read("[1]"), None);
        assert_eq!(read("null"), None);
    }
}
