//! `tests/vectors/intent.json`, computed a second time by `intent.py` beside it.

use countersign_intent::{ApprovalTerms, Draft, Intent, ListedDraft};
use serde::Deserialize;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../tests/vectors/intent.json");

#[derive(Deserialize)]
struct Vectors {
    valid: Vec<Valid>,
    refused: Vec<Refused>,
    reread_refused: Vec<RereadRefused>,
    approvals: Vec<Approval>,
}

#[derive(Deserialize)]
struct Valid {
    name: String,
    draft: Value,
    intent: Value,
    canonical: String,
    digest: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    draft: Value,
    error: String,
    member: Option<String>,
}

#[derive(Deserialize)]
struct RereadRefused {
    name: String,
    json: Value,
    error: String,
    member: Option<String>,
}

#[derive(Deserialize)]
struct Approval {
    name: String,
    terms: Terms,
    canonical: String,
    challenge: String,
}

#[derive(Deserialize)]
struct Terms {
    approval: String,
    digest: String,
    content_digest: String,
    customer: String,
    client: String,
    route: String,
    rp_id: String,
    nonce: String,
    exp: u64,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member).map(|text| text.as_str().unwrap().to_owned())
}

fn draft(value: &Value) -> Draft {
    let listed = |item: &Value| ListedDraft {
        amount: text(item, "amount"),
        payee: text(item, "payee"),
        payee_name: text(item, "payee_name"),
        reference: text(item, "reference"),
    };
    Draft {
        kind: text(value, "type"),
        amount: text(value, "amount"),
        currency: text(value, "currency"),
        payee: text(value, "payee"),
        payee_name: text(value, "payee_name"),
        debtor: text(value, "debtor"),
        reference: text(value, "reference"),
        execution_date: text(value, "execution_date"),
        recurrence: text(value, "recurrence"),
        payees: value
            .get("payees")
            .map(|list| list.as_array().unwrap().iter().map(listed).collect()),
    }
}

/// SCA-08, SCA-11
#[test]
fn valid_drafts_give_the_intent_its_canonical_bytes_and_its_digest() {
    let vectors = vectors();
    assert!(vectors.valid.len() >= 40);
    for vector in vectors.valid {
        let intent =
            Intent::build(draft(&vector.draft)).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_eq!(intent.to_json(), vector.intent, "{}", vector.name);
        assert_eq!(intent.canonical(), vector.canonical.as_bytes(), "{}", vector.name);
        assert_eq!(intent.digest().to_string(), vector.digest, "{}", vector.name);
        assert_eq!(
            Intent::from_json(&vector.intent).unwrap(),
            intent,
            "{}",
            vector.name
        );
        assert_eq!(
            Intent::parse(vector.canonical.as_bytes()).unwrap(),
            intent,
            "{}",
            vector.name
        );
    }
}

#[test]
fn refused_drafts_name_the_error_and_the_member() {
    let vectors = vectors();
    assert!(
        vectors.refused.len() > 2 * vectors.valid.len(),
        "more refusals than passes"
    );
    for vector in vectors.refused {
        let error = Intent::build(draft(&vector.draft)).expect_err(&vector.name);
        let member = error.member().map(|member| member.name().to_owned());
        assert_eq!(
            (error.name(), member),
            (vector.error.as_str(), vector.member),
            "{}",
            vector.name
        );
        // No message repeats what was written: what a customer pays does not reach a log by way of an error.
        assert!(!error.to_string().contains("Anna"), "{}", vector.name);
    }
}

#[test]
fn json_that_is_no_intent_in_normal_form_is_refused() {
    for vector in vectors().reread_refused {
        let error = Intent::from_json(&vector.json).expect_err(&vector.name);
        let member = error.member().map(|member| member.name().to_owned());
        assert_eq!(
            (error.name(), member),
            (vector.error.as_str(), vector.member),
            "{}",
            vector.name
        );
        assert!(
            serde_json::from_value::<Intent>(vector.json).is_err(),
            "{}",
            vector.name
        );
    }
}

/// SPC-07
#[test]
fn approval_challenges_are_those_of_the_second_implementation() {
    for vector in vectors().approvals {
        let terms = &vector.terms;
        // 32 bytes in base64url have the form of a digest.
        let nonce = *terms
            .nonce
            .parse::<countersign_intent::IntentDigest>()
            .unwrap()
            .as_bytes();
        let terms = ApprovalTerms {
            approval: &terms.approval,
            digest: terms.digest.parse().unwrap(),
            content_digest: &terms.content_digest,
            customer: &terms.customer,
            client: &terms.client,
            route: &terms.route,
            rp_id: &terms.rp_id,
            nonce: &nonce,
            exp: terms.exp,
        };
        assert_eq!(
            terms.canonical().unwrap(),
            vector.canonical.as_bytes(),
            "{}",
            vector.name
        );
        assert_eq!(
            terms.challenge().unwrap().to_string(),
            vector.challenge,
            "{}",
            vector.name
        );
    }
}
