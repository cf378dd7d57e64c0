//! Paying, and what became of it.

use std::time::Duration;

use crate::challenge::Challenge;
use crate::client::Client;
use crate::error::Error;
use crate::oauth::retry_after;
use crate::payment::Order;
use crate::problem::{ApprovalDemand, Problem};
use crate::session::Session;
use crate::transport::Answer;

/// What became of a payment. Every variant comes from an answer that the gateway signed for exactly this order.
#[derive(Clone, Debug)]
pub enum PaymentOutcome {
    /// The backend executed it.
    Executed(Executed),
    /// The customer has to approve it; then pay the same order again.
    ApprovalRequired {
        /// What is asked.
        approval: Option<ApprovalDemand>,
        /// The gateway's words.
        problem: Problem,
    },
    /// A stronger or fresher login is needed (RFC 9470); then pay the same order again.
    LoginRequired {
        /// The class that suffices, such as `urn:countersign:acr:2`.
        acr_values: Option<String>,
        /// The age in seconds the login may have.
        max_age: Option<u64>,
        /// The gateway's words.
        problem: Problem,
    },
    /// It is not known yet whether it was executed. Never pay anew: pay the same order again to learn it.
    Unknown {
        /// How long to wait.
        retry_after: Option<Duration>,
        /// The gateway's words.
        problem: Problem,
    },
    /// The gateway refused it; the backend has not executed it.
    Refused(Problem),
    /// The backend itself refused it.
    RefusedByBackend(Answer),
}

/// A payment that was executed.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The backend's answer.
    pub answer: Answer,
    /// Where the receipt stands, relative to the gateway's URL.
    pub receipt: Option<String>,
    /// Whether this is the stored answer of an earlier time the same order was sent.
    pub replayed: bool,
}

impl Client {
    /// Pays `order`: sends it signed, verifies the answer's signature, and says what became of it.
    ///
    /// # Errors
    /// As [`Client::send_signed`]. After an error whose advice says so, pay the same order again.
    pub async fn pay(&self, session: &Session, order: &Order) -> Result<PaymentOutcome, Error> {
        self.send_signed(session, &order.0).await.map(PaymentOutcome::of)
    }
}

impl PaymentOutcome {
    fn of(answer: Answer) -> Self {
        if answer.status.is_success() {
            return Self::Executed(Executed {
                receipt: receipt(&answer),
                replayed: answer.header("idempotency-replayed") == Some("true"),
                answer,
            });
        }
        let Some(problem) = Problem::of(&answer) else {
            return Self::RefusedByBackend(answer);
        };
        match problem.code() {
            "approval-required" => Self::ApprovalRequired {
                approval: problem.approval.clone(),
                problem,
            },
            "login-required" => {
                let challenge = Challenge::of(&answer).unwrap_or_default();
                Self::LoginRequired {
                    acr_values: challenge.get("acr_values").map(str::to_owned),
                    max_age: challenge.get("max_age").and_then(|age| age.parse().ok()),
                    problem,
                }
            }
            "outcome-unknown" | "in-progress" => Self::Unknown {
                retry_after: retry_after(&answer),
                problem,
            },
            _ => Self::Refused(problem),
        }
    }
}

/// The target of the link with the relation `receipt` (RFC 8288).
fn receipt(answer: &Answer) -> Option<String> {
    answer.headers.get_all("link").iter().find_map(|value| {
        let (target, parameters) = value.to_str().ok()?.strip_prefix('<')?.split_once('>')?;
        let is_receipt = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"receipt\"" | "rel=receipt"));
        is_receipt.then(|| target.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: map,
            body: body.to_owned().into(),
        }
    }

    fn problem(status: u16, code: &str, headers: &[(&'static str, &str)]) -> PaymentOutcome {
        let body = format!(r#"{{"type":"urn:countersign:problem:{code}","title":"t","status":{status}}}"#);
        let mut all = vec![("content-type", "application/problem+json")];
        all.extend_from_slice(headers);
        PaymentOutcome::of(answer(status, &all, &body))
    }

    #[test]
    fn an_executed_payment_names_its_receipt() {
        let headers = [
            ("link", "</other>; rel=\"self\""),
            ("link", "</receipts/7>; rel=\"receipt\""),
            ("idempotency-replayed", "true"),
        ];
        let PaymentOutcome::Executed(executed) = PaymentOutcome::of(answer(201, &headers, "{}")) else {
            panic!("executed");
        };
        assert_eq!(
            (executed.receipt.as_deref(), executed.replayed),
            (Some("/receipts/7"), true)
        );
    }

    #[test]
    fn refusals_tell_what_would_cure_them() {
        let header = (
            "www-authenticate",
            r#"DPoP error="insufficient_user_authentication", acr_values="urn:countersign:acr:2""#,
        );
        assert!(matches!(
            problem(401, "login-required", &[header]),
            PaymentOutcome::LoginRequired { acr_values: Some(acr), .. } if acr == "urn:countersign:acr:2"
        ));
        assert!(matches!(
            problem(409, "outcome-unknown", &[("retry-after", "7")]),
            PaymentOutcome::Unknown { retry_after: Some(wait), .. } if wait.as_secs() == 7
        ));
        assert!(matches!(
            problem(401, "approval-required", &[]),
            PaymentOutcome::ApprovalRequired { .. }
        ));
        assert!(matches!(
            problem(403, "policy-denied", &[]),
            PaymentOutcome::Refused(_)
        ));
    }

    #[test]
    fn a_refusal_that_is_not_the_gateways_is_the_backends() {
        let other = answer(
            422,
            &[("content-type", "application/problem+json")],
            r#"{"type":"urn:bank:no-money"}"#,
        );
        assert!(matches!(
            PaymentOutcome::of(other),
            PaymentOutcome::RefusedByBackend(_)
        ));
    }
}
