//! What becomes of a payment for each way in which its sending can end.

use http::{HeaderMap, Request, StatusCode};

use super::super::forward::{fault_of, outcome};
use super::world;
use crate::base::{Code, SystemEntropy, TransactionId};
use crate::transaction::idempotency::Outcome;
use crate::upstream::{Answer, SendError};

/// Every end of a sending but an answer.
fn ends() -> Vec<SendError> {
    let text = || "as asked".to_owned();
    vec![
        SendError::Unsent(text()),
        SendError::Timeout { sent: false },
        SendError::Timeout { sent: true },
        SendError::Cut(text()),
        SendError::Garbage(text()),
        SendError::Unproven(text()),
        SendError::HeadersTooLarge,
        SendError::TooLarge {
            status: StatusCode::CREATED,
            digest: None,
        },
    ]
}

/// IDEM-08
#[tokio::test]
async fn only_a_proven_answer_or_provably_nothing_sent_settles_a_payment() {
    let world = world().await;
    let request = Request::post("/payments").header("host", "pay.example.com");
    let exchange = world.admit(request).unwrap();
    let transaction = TransactionId::new("txn-1");
    let judge = |sent| {
        let (outcome, _, verdict) = outcome(&exchange, &transaction, sent, &SystemEntropy::default());
        (outcome, verdict.map(drop).map_err(|fault| fault.code))
    };
    for end in ends() {
        let expected = match &end {
            SendError::Unsent(_) | SendError::Timeout { sent: false } => {
                (Outcome::Unsent, Err(Code::UpstreamUnavailable))
            }
            SendError::TooLarge { .. } => {
                let (recorded, told) = judge(Err(end));
                assert!(matches!(recorded, Outcome::Answered(sealed) if !sealed.is_empty()));
                assert_eq!(told, Err(Code::AnswerTooLarge));
                continue;
            }
            _ => (Outcome::Unknown, Err(Code::OutcomeUnknown)),
        };
        let name = format!("{end:?}");
        assert_eq!(judge(Err(end)), expected, "{name}");
    }
    let answer = Answer {
        status: StatusCode::CREATED,
        headers: HeaderMap::new(),
        body: "{}".into(),
    };
    let (recorded, told) = judge(Ok(answer));
    assert!(matches!(recorded, Outcome::Answered(sealed) if !sealed.is_empty()) && told.is_ok());
}

#[test]
fn where_no_money_moves_the_client_hears_what_was_wrong() {
    let heard: Vec<Code> = ends().into_iter().map(|end| fault_of(end).code).collect();
    assert_eq!(
        heard,
        [
            Code::UpstreamUnavailable,
            Code::UpstreamTimeout,
            Code::UpstreamTimeout,
            Code::AnswerInvalid,
            Code::AnswerInvalid,
            Code::AnswerInvalid,
            Code::AnswerTooLarge,
            Code::AnswerTooLarge,
        ]
    );
}
