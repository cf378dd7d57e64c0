//! What holds for every intent.

use countersign_intent::json::Limits;
use countersign_intent::{Currency, Draft, ExecutionDate, Intent, Mapping, Money, RawMapping, extract};
use proptest::prelude::*;
use proptest::sample::select;

const IBANS: [&str; 4] = [
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
];

fn money() -> impl Strategy<Value = Money> {
    let currency = select(vec!["EUR", "JPY", "KWD", "CLF"]);
    (1_u64..1_000_000_000_000_000_000, currency)
        .prop_map(|(minor, code)| Money::from_minor(minor, Currency::from_code(code).unwrap()).unwrap())
}

fn party() -> impl Strategy<Value = String> {
    prop_oneof![
        select(IBANS.to_vec()).prop_map(str::to_owned),
        "[a-h][a-z0-9+.-]{0,10}:[!-~]{1,40}"
    ]
}

/// Visible text of several scripts, some of it decomposed.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9äöüéçñßα-ωא-ת一-龥](\u{301}|[ a-z.,/\"\\\\'-]|[À-ÿ]){0,40}[a-z0-9]"
}

prop_compose! {
    fn drafts()(
        kind in "[a-z][a-z0-9_.-]{0,20}",
        money in money(),
        payee in party(),
        payee_name in proptest::option::of(text()),
        debtor in proptest::option::of(party()),
        reference in proptest::option::of(text()),
        date in proptest::option::of((2000_u16..=9999, 1_u8..=12, 1_u8..=28)),
        recurrence in proptest::option::of("R([2-9]|[1-9][0-9]{1,3})?/P[1-9][0-9]?[DWMY]"),
    ) -> Draft {
        Draft {
            kind: Some(kind),
            amount: Some(money.amount()),
            currency: Some(money.currency().code().to_owned()),
            payee: Some(payee),
            payee_name,
            debtor,
            reference,
            execution_date: date.map(|(year, month, day)| format!("{year}-{month:02}-{day:02}")),
            recurrence,
            payees: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_intent_reads_back_as_itself(draft in drafts()) {
        let intent = Intent::build(draft).unwrap();
        let again = Intent::from_json(&intent.to_json()).unwrap();
        prop_assert_eq!(again.digest(), intent.digest());
        prop_assert_eq!(&again, &intent);
        prop_assert_eq!(&Intent::parse(intent.canonical()).unwrap(), &intent);
        let token = serde_json::to_string_pretty(&intent).unwrap();
        prop_assert_eq!(serde_json::from_str::<Intent>(&token).unwrap().digest(), intent.digest());
    }

    /// SCA-09: whatever changes, changes the digest.
    #[test]
    fn intents_with_different_members_have_different_digests(one in drafts(), other in drafts(), which in 0_usize..9) {
        let mut mixed = one.clone();
        let other_intent = Intent::build(other.clone()).unwrap();
        match which {
            0 => mixed.kind = other.kind,
            1 | 2 => (mixed.amount, mixed.currency) = (other.amount, other.currency),
            3 => mixed.payee = other.payee,
            4 => mixed.payee_name = other.payee_name,
            5 => mixed.debtor = other.debtor,
            6 => mixed.reference = other.reference,
            7 => mixed.execution_date = other.execution_date,
            _ => mixed.recurrence = other.recurrence,
        }
        let (one, mixed) = (Intent::build(one).unwrap(), Intent::build(mixed).unwrap());
        for (a, b) in [(&one, &mixed), (&one, &other_intent), (&mixed, &other_intent)] {
            prop_assert_eq!(a.digest() == b.digest(), a.to_json() == b.to_json());
        }
    }

    /// SCA-09: a cent more or a character else.
    #[test]
    fn a_cent_or_a_character_changes_the_digest(draft in drafts(), at in any::<proptest::sample::Index>()) {
        let intent = Intent::build(draft.clone()).unwrap();
        let cent = Money::from_minor(1, intent.currency()).unwrap();
        if let Ok(more) = intent.money().checked_add(cent) {
            let dearer = Intent::build(Draft { amount: Some(more.amount()), ..draft.clone() }).unwrap();
            prop_assert_ne!(dearer.digest(), intent.digest());
        }
        let mut payee = draft.payee.clone().unwrap();
        let place = at.index(payee.len());
        let character = if &payee[place..=place] == "7" { "8" } else { "7" };
        payee.replace_range(place..=place, character);
        if let Ok(other) = Intent::build(Draft { payee: Some(payee), ..draft }) {
            prop_assert_ne!(other.digest(), intent.digest());
        }
    }

    #[test]
    fn money_reads_what_it_writes(money in money()) {
        prop_assert_eq!(Money::parse(&money.amount(), money.currency().code()), Ok(money));
    }

    #[test]
    fn dates_read_what_they_write(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}") {
        if let Some(date) = ExecutionDate::parse(&text) {
            prop_assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn a_body_gives_the_intent_that_its_members_give(draft in drafts()) {
        let pointer = |text: &str| Some(text.to_owned());
        let mapping = Mapping::check(&RawMapping {
            r#type: draft.kind.clone().unwrap(),
            amount: "/a".into(),
            currency: "/b/0".into(),
            payee: pointer("/c/d"),
            payee_name: pointer("/e"),
            debtor: pointer("/f"),
            reference: pointer("/g"),
            execution_date: pointer("/h"),
            recurrence: pointer("/i"),
            ..RawMapping::default()
        })
        .unwrap();
        let mut body = serde_json::json!({"a": draft.amount, "b": [draft.currency], "c": {"d": draft.payee}});
        let optional =
            [("e", &draft.payee_name), ("f", &draft.debtor), ("g", &draft.reference), ("h", &draft.execution_date), ("i", &draft.recurrence)];
        for (member, text) in optional {
            if let Some(text) = text {
                body[member] = text.clone().into();
            }
        }
        let bytes = serde_json::to_vec(&body).unwrap();
        let extracted = extract(&bytes, &mapping, &Limits::default()).unwrap();
        prop_assert_eq!(extracted, Intent::build(draft).unwrap());
        body["z"] = 1.into();
        let bytes = serde_json::to_vec(&body).unwrap();
        prop_assert_eq!(extract(&bytes, &mapping, &Limits::default()).unwrap_err().name(), "unknown-member");
    }

    #[test]
    fn no_text_makes_building_panic(texts in proptest::collection::vec(proptest::option::of(any::<String>()), 9)) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().flatten();
        let draft = Draft {
            kind: next(),
            amount: next(),
            currency: next(),
            payee: next(),
            payee_name: next(),
            debtor: next(),
            reference: next(),
            execution_date: next(),
            recurrence: next(),
            payees: None,
        };
        if let Ok(intent) = Intent::build(draft) {
            prop_assert!(Intent::from_json(&intent.to_json()).is_ok());
        }
    }
}
