//! A receipt as a page: readable without scripts, on a phone, in the dark and on paper.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The style sheet, in the page itself: a page that was saved or printed looks the same.
const STYLE: &str = include_str!("page.css");

/// A name, and what it is; `exact` is set in a type that tells similar characters apart.
struct Row {
    name: &'static str,
    value: String,
    exact: bool,
}

/// One payment of a batch.
struct Listed {
    amount: String,
    payee: String,
    payee_name: String,
    reference: String,
}

#[derive(Template)]
#[template(path = "api/receipts/receipt.html")]
struct Page {
    style: &'static str,
    amount: String,
    verdict: String,
    payment: Vec<Row>,
    listed: Vec<Listed>,
    evidence: Vec<Row>,
    file: String,
}

#[derive(Template)]
#[template(path = "api/receipts/not_yet.html")]
struct NotYet<'a> {
    style: &'static str,
    id: &'a str,
}

/// The page of a receipt.
pub(super) fn receipt(members: &Map<String, Value>) -> askama::Result<String> {
    let whole = Value::Object(members.clone());
    let page = Page {
        style: STYLE,
        amount: format!(
            "{} {}",
            text(&whole, "/intent/amount"),
            text(&whole, "/intent/currency")
        ),
        verdict: verdict(&whole),
        payment: payment(&whole),
        listed: listed(&whole),
        evidence: evidence(&whole),
        file: serde_json::to_string_pretty(members).unwrap_or_default(),
    };
    page.render()
}

/// The page that asks to come again.
pub(super) fn not_yet(id: &str) -> askama::Result<String> {
    NotYet { style: STYLE, id }.render()
}

/// Nothing from anywhere, and no style but ours.
pub(super) fn content_security_policy() -> String {
    let hash = STANDARD.encode(countersign_jose::sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn verdict(whole: &Value) -> String {
    let at = text(whole, "/answer/at");
    match whole.pointer("/answer/status").and_then(Value::as_u64) {
        Some(status @ 200..=299) => format!("Accepted by the bank (status {status}), recorded {at}."),
        Some(status) => format!("Not accepted: the bank answered with status {status}, recorded {at}."),
        None => format!("Not executed, as was found out later; recorded {at}."),
    }
}

fn payment(whole: &Value) -> Vec<Row> {
    let rows = [
        ("To the account", "/intent/payee", true),
        ("To, as the app named them", "/intent/payee_name", false),
        ("From the account", "/intent/debtor", true),
        ("Reference", "/intent/reference", false),
        ("On the day", "/intent/execution_date", false),
        ("Repeated", "/intent/recurrence", false),
    ];
    present(whole, &rows)
}

fn evidence(whole: &Value) -> Vec<Row> {
    let rows = [
        ("Receipt", "/id", true),
        ("Payment key", "/request/idempotency_key", true),
        ("Policies", "/decision/policy_version", true),
        ("Let pass as", "/decision/exemption", false),
        ("Mandate", "/decision/mandate", false),
        ("Approval", "/decision/approval", false),
    ];
    let mut rows = present(whole, &rows);
    let signed = if whole.get("payment_signature").is_some_and(Value::is_object) {
        "By the customer's app, with its own key"
    } else {
        "No signature of the app over this payment"
    };
    let witnesses = whole
        .get("cosignatures")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let log = text(whole, "/checkpoint")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let index = whole.get("index").map(Value::to_string).unwrap_or_default();
    let witnessed = match witnesses {
        0 => "unwitnessed".to_owned(),
        1 => "one witness".to_owned(),
        several => format!("{several} witnesses"),
    };
    rows.push(row("Signed", signed.to_owned()));
    rows.push(row("In the log", format!("{log}, entry {index}, {witnessed}")));
    rows
}

fn listed(whole: &Value) -> Vec<Listed> {
    let payees = whole.pointer("/intent/payees").and_then(Value::as_array);
    let line = |payment: &Value| Listed {
        amount: text(payment, "/amount"),
        payee: text(payment, "/payee"),
        payee_name: text(payment, "/payee_name"),
        reference: text(payment, "/reference"),
    };
    payees.into_iter().flatten().map(line).collect()
}

fn present(whole: &Value, rows: &[(&'static str, &str, bool)]) -> Vec<Row> {
    let shown = |(name, pointer, exact): &(&'static str, &str, bool)| {
        let value = text(whole, pointer);
        (!value.is_empty()).then_some(Row {
            name,
            value,
            exact: *exact,
        })
    };
    rows.iter().filter_map(shown).collect()
}

fn row(name: &'static str, value: String) -> Row {
    Row {
        name,
        value,
        exact: false,
    }
}

/// A member as text; empty when it is not there.
fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(name: &str) -> String {
        let members = json!({
            "id": "t", "intent": {"amount": "12.50", "currency": "EUR", "payee_name": name},
            "answer": {"status": 201, "at": "2026-01-02T03:04:05Z"}, "cosignatures": [], "index": 7,
            "checkpoint": "localhost\n8\n",
        });
        receipt(members.as_object().unwrap()).unwrap()
    }

    #[test]
    fn what_a_payee_calls_themselves_stays_text() {
        let page = rendered("<script>alert(1)</script>\"'&");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&#60;script&#62;"), "{page}");
    }

    #[test]
    fn the_page_says_what_counts_and_needs_nothing_else() {
        let page = rendered("Bob");
        for part in [
            "12.50 EUR",
            "Bob",
            "status 201",
            "entry 7, unwitnessed",
            "lang=\"en\"",
            "name=\"viewport\"",
        ] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
        assert!(
            page.contains(&format!("<style>{STYLE}</style>")),
            "its hash is in the policy"
        );
        for foreign in ["src=", "href=", "http-equiv", "style=", "onclick"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
