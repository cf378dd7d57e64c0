//! Bodies that are a closed set of members: what is extracted, and every way to hide something that is refused.

use countersign_intent::json::{Limits, Numbers};
use countersign_intent::{ExtractError, Mapping, RawBatchMapping, RawMapping, extract};

const IBAN: &str = "DE89370400440532013000";

fn mapping() -> Mapping {
    let pointer = |text: &str| Some(text.to_owned());
    Mapping::check(&RawMapping {
        r#type: "payment".into(),
        amount: "/instructedAmount/amount".into(),
        currency: "/instructedAmount/currency".into(),
        payee: pointer("/creditor/account/iban"),
        payee_name: pointer("/creditor/name"),
        debtor: pointer("/debtor"),
        reference: pointer("/remittance/0"),
        execution_date: pointer("/date"),
        recurrence: pointer("/series"),
        batch: None,
        also: vec!["/endToEndId".into(), "/meta/trace".into(), "/flags".into()],
    })
    .unwrap()
}

fn refused(body: &str) -> (&'static str, Option<&'static str>) {
    let error = extract(body.as_bytes(), &mapping(), &Limits::default()).expect_err(body);
    (error.name(), error.member().map(countersign_intent::Member::name))
}

fn body(more: &str) -> String {
    format!(
        r#"{{"instructedAmount":{{"amount":"12.50","currency":"EUR"}},"creditor":{{"account":{{"iban":"{IBAN}"}}}}{more}}}"#
    )
}

#[test]
fn mapped_members_make_the_intent() {
    let whole = body(
        r#","debtor":"gb82 west 1234 5698 7654 32","remittance":["Invoice"],"date":"2026-12-31","series":"R/P1M",
           "endToEndId":"e1","meta":{"trace":{"any":[1,null,{"amount":"9.00"}]}},"flags":[true,0.5]"#,
    );
    let intent = extract(whole.as_bytes(), &mapping(), &Limits::default()).unwrap();
    assert_eq!(intent.kind(), "payment");
    assert_eq!((intent.amount_minor(), intent.currency().code()), (1250, "EUR"));
    assert_eq!(intent.payee().unwrap().to_string(), IBAN);
    assert_eq!(intent.debtor().unwrap().to_string(), "GB82WEST12345698765432");
    assert_eq!(intent.reference(), Some("Invoice"));
    assert_eq!(intent.execution_date().unwrap().to_string(), "2026-12-31");
    assert_eq!(intent.recurrence().unwrap().to_string(), "R/P1M");
    let least = extract(body("").as_bytes(), &mapping(), &Limits::default()).unwrap();
    assert_eq!(
        (least.debtor(), least.reference(), least.payee_name()),
        (None, None, None)
    );
}

/// SCA-09: what the customer is not shown does not reach the bank.
#[test]
fn anything_else_anywhere_is_refused() {
    let hidden = [
        r#","amount":"9999.00""#,
        r#","x":1"#,
        r#","":1"#,
        r#","Debtor":"x""#,
        r#","debtor ":"x""#,
        r#","remittance":["Invoice","and another"]"#,
        r#","remittance":["Invoice",{}]"#,
        r#","meta":{"trace":1,"other":2}"#,
        r#","meta":{"other":{}}"#,
        r#","meta":5"#,
        r#","meta":"text""#,
        r#","meta":null"#,
        r#","meta":[1]"#,
        r#","meta/trace":1"#,
    ];
    for more in hidden {
        assert_eq!(refused(&body(more)), ("unknown-member", None), "{more}");
    }
    let beside = body("").replace("\"amount\":", "\"amount2\":\"1.00\",\"amount\":");
    assert_eq!(refused(&beside), ("unknown-member", None));
    let Err(ExtractError::UnknownMember { pointer }) =
        extract(beside.as_bytes(), &mapping(), &Limits::default())
    else {
        panic!("an unknown member")
    };
    assert_eq!(pointer, "/instructedAmount/amount2");
    let long = body(&format!(r#","{}":1"#, "~".repeat(10_000)));
    let Err(ExtractError::UnknownMember { pointer }) =
        extract(long.as_bytes(), &mapping(), &Limits::default())
    else {
        panic!("an unknown member")
    };
    assert_eq!(pointer.chars().count(), 256);
}

#[test]
fn a_member_twice_is_refused_even_below_an_open_one() {
    for more in [
        r#","debtor":"merchant:1","debtor":"merchant:2""#,
        r#","debtor":"merchant:1","\u0064ebtor":"merchant:2""#,
        r#","creditor":{"account":{"iban":"x"}}"#,
        r#","meta":{"trace":{"a":1,"a":2}}"#,
    ] {
        assert_eq!(refused(&body(more)), ("json-duplicate-member", None), "{more}");
    }
}

#[test]
fn mapped_members_are_strings() {
    let good = body("");
    let amount = |value: &str| good.replace("\"12.50\"", value);
    for value in [
        "12.50",
        "1250",
        "null",
        "true",
        "[\"12.50\"]",
        "{\"amount\":\"12.50\"}",
        "{}",
        "[]",
    ] {
        assert_eq!(refused(&amount(value)), ("wrong-type", Some("amount")), "{value}");
    }
    for value in ["1", "null", "[]", "{}"] {
        assert_eq!(
            refused(&body(&format!(r#","debtor":{value}"#))),
            ("wrong-type", Some("debtor")),
            "{value}"
        );
    }
    let whole = |value: &str| {
        format!(r#"{{"instructedAmount":{value},"creditor":{{"account":{{"iban":"{IBAN}"}}}}}}"#)
    };
    for value in ["\"12.50 EUR\"", "12.50", "null"] {
        assert_eq!(refused(&whole(value)), ("wrong-type", Some("amount")), "{value}");
    }
    assert_eq!(refused(&whole("{}")), ("missing", Some("amount")));
    assert_eq!(refused(&whole("[]")), ("missing", Some("amount")));
    assert_eq!(
        refused(&body(r#","remittance":"Invoice""#)),
        ("wrong-type", Some("reference"))
    );
    assert_eq!(
        refused(&body(r#","remittance":{"1":"Invoice"}"#)),
        ("unknown-member", None)
    );
}

#[test]
fn what_is_extracted_is_checked_as_any_intent() {
    let good = body("");
    assert_eq!(
        refused(&good.replace("12.50", "12.5")),
        ("minor-digits", Some("amount"))
    );
    assert_eq!(
        refused(&good.replace("EUR", "eur")),
        ("unknown-currency", Some("currency"))
    );
    assert_eq!(
        refused(&good.replace(IBAN, "DE89370400440532013001")),
        ("iban-checksum", Some("payee"))
    );
    assert_eq!(
        refused(&body(r#","debtor":"Alice""#)),
        ("iban-length", Some("debtor"))
    );
    assert_eq!(
        refused(&body(r#","remittance":["a\u202eb"]"#)),
        ("bidirectional-character", Some("reference"))
    );
    assert_eq!(
        refused(&body(r#","date":"2026-02-30""#)),
        ("execution-date", Some("execution_date"))
    );
}

#[test]
fn what_is_not_an_object_or_not_json_is_refused() {
    for (body, name) in [
        ("", "json-syntax"),
        ("{", "json-syntax"),
        ("{}{}", "json-syntax"),
        ("[]", "not-an-object"),
        ("\"amount\"", "not-an-object"),
        ("null", "not-an-object"),
        ("12.50", "not-an-object"),
        ("{}", "missing"),
    ] {
        assert_eq!(refused(body).0, name, "{body}");
    }
    assert_eq!(refused(&body(r#","flags":1e300"#)).0, "json-number");
    assert_eq!(
        refused(&body(&format!(
            r#","flags":{}1{}"#,
            "[".repeat(16),
            "]".repeat(16)
        )))
        .0,
        "json-too-deep"
    );
    assert_eq!(
        refused(&body(&format!(r#","endToEndId":"{}""#, "x".repeat(65_536)))).0,
        "json-too-large"
    );
    let none = Limits {
        numbers: Numbers::Refused,
        ..Limits::default()
    };
    let numbered = body(r#","flags":1"#);
    assert_eq!(
        extract(numbered.as_bytes(), &mapping(), &none)
            .unwrap_err()
            .name(),
        "json-number"
    );
}

#[test]
fn a_constant_currency_is_not_read_from_the_body() {
    let raw = RawMapping {
        r#type: "payment".into(),
        amount: "/amount".into(),
        currency: "EUR".into(),
        payee: Some("/payee".into()),
        ..RawMapping::default()
    };
    let mapping = Mapping::check(&raw).unwrap();
    let good = format!(r#"{{"amount":"1.00","payee":"{IBAN}"}}"#);
    assert_eq!(
        extract(good.as_bytes(), &mapping, &Limits::default())
            .unwrap()
            .money()
            .to_string(),
        "1.00 EUR"
    );
    let other = format!(r#"{{"amount":"1.00","payee":"{IBAN}","currency":"JPY"}}"#);
    let error = extract(other.as_bytes(), &mapping, &Limits::default()).unwrap_err();
    assert_eq!(error.name(), "unknown-member");
}

fn batch_mapping() -> Mapping {
    Mapping::check(&RawMapping {
        r#type: "batch".into(),
        amount: "/total".into(),
        currency: "EUR".into(),
        batch: Some(RawBatchMapping {
            list: "/payments".into(),
            amount: "/amount/value".into(),
            payee: "/to".into(),
            payee_name: Some("/name".into()),
            reference: None,
        }),
        ..RawMapping::default()
    })
    .unwrap()
}

/// SCA-11
#[test]
fn a_batch_is_its_total_and_its_ordered_payees() {
    let one = format!(r#"{{"amount":{{"value":"1.00"}},"to":"{IBAN}"}}"#);
    let two = r#"{"amount":{"value":"2.00"},"to":"merchant:4711","name":"Shop"}"#;
    let batch = |total: &str, items: &str| {
        let body = format!(r#"{{"total":{total},"payments":{items}}}"#);
        extract(body.as_bytes(), &batch_mapping(), &Limits::default())
    };
    let intent = batch("\"3.00\"", &format!("[{one},{two}]")).unwrap();
    assert_eq!(intent.payees().len(), 2);
    assert_eq!(intent.payees()[1].payee_name(), Some("Shop"));
    let swapped = batch("\"3.00\"", &format!("[{two},{one}]")).unwrap();
    assert_ne!(swapped.digest(), intent.digest(), "the order is agreed to");

    let name = |total: &str, items: &str| batch(total, items).unwrap_err().name();
    assert_eq!(name("\"3.01\"", &format!("[{one},{two}]")), "batch-total");
    assert_eq!(name("\"3.00\"", "[]"), "batch-length");
    assert_eq!(name("\"3.00\"", "{}"), "wrong-type");
    assert_eq!(name("\"3.00\"", "\"x\""), "wrong-type");
    assert_eq!(name("\"3.00\"", "[1]"), "not-an-object");
    assert_eq!(
        name("\"3.00\"", &format!("[{one},{}]", two.replace("name", "alias"))),
        "unknown-member"
    );
    assert_eq!(
        name(
            "\"3.00\"",
            &format!("[{one},{}]", two.replace("\"2.00\"", "2.00"))
        ),
        "wrong-type"
    );
    assert_eq!(
        name("\"3.00\"", &format!("[{}]", vec![two; 101].join(","))),
        "batch-length"
    );
    let missing = br#"{"total":"3.00"}"#;
    assert_eq!(
        extract(missing, &batch_mapping(), &Limits::default())
            .unwrap_err()
            .name(),
        "missing"
    );
    let Err(ExtractError::UnknownMember { pointer }) = batch("\"3.00\"", &format!("[{one},{{\"a/b\":1}}]"))
    else {
        panic!("an unknown member")
    };
    assert_eq!(pointer, "/payments/1/a~1b");
}
