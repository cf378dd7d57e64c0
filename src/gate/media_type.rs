//! What a payment's body says it is. The intent is read from JSON in UTF-8; a body under another name could be read by a
//! backend as something else than what the customer was shown.

use http::header::CONTENT_TYPE;

use super::attest::Attested;
use super::exchange::Exchange;
use super::refusal::Refused;
use crate::base::{Code, Fault};

/// Refuses a payment whose `Content-Type` is not JSON.
pub(super) fn payment_is_json(attested: Attested) -> Result<Attested, Refused> {
    let (exchange, facts) = attested.into_parts();
    if !exchange.moves_money() || is_json(&exchange) {
        return Ok(Attested::again(exchange, facts));
    }
    let fault = Fault::new(Code::TransactionInvalid)
        .detail("A payment is JSON in UTF-8: send it with Content-Type application/json.");
    let refused = Refused::new(exchange, fault);
    Err(match &facts.caller {
        Some(caller) => refused.of(&caller.token.subject, &caller.token.client),
        None => refused,
    })
}

fn is_json(exchange: &Exchange) -> bool {
    let text = exchange.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let text = text.to_ascii_lowercase();
    let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
    is_json_type(essence.trim()) && matches!(parameters.trim(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

/// `application/json`, or a type of its structure (RFC 6839, section 3.1).
fn is_json_type(essence: &str) -> bool {
    let Some(subtype) = essence.strip_prefix("application/") else {
        return false;
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.".contains(&byte);
    let structured = |subtype: &str| {
        let kind = subtype.strip_suffix("+json");
        kind.is_some_and(|kind| !kind.is_empty() && kind.bytes().all(name))
    };
    subtype == "json" || structured(subtype)
}
