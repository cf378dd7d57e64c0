use super::*;

/// A folder of one policy file and one decision table over the shipped schema.
fn folder(policies: &str, table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("countersign.cedarschema"), shipped_schema()).unwrap();
    fs::write(folder.path().join("10-test.cedar"), policies).unwrap();
    fs::create_dir(folder.path().join("tests")).unwrap();
    fs::write(folder.path().join("tests/table.toml"), table).unwrap();
    folder
}

fn proof(policies: &str, table: &str) -> Proof {
    let folder = folder(policies, table);
    prove(
        &Bundle::load(folder.path()).unwrap(),
        &Tables::load(folder.path()).unwrap(),
    )
}

fn problems(proof: &Proof) -> Vec<&str> {
    proof.faults.iter().map(|fault| fault.problem.as_str()).collect()
}

fn table_error(table: &str) -> String {
    Tables::load(folder("", table).path())
        .map(|_| "taken".to_owned())
        .unwrap_or_else(|error| error.to_string())
}

const PAID: &str = r#"
    [[case]]
    name = "paid"
    action = "pay"
    given = { customer = "alice", amount = 200, authn = { acr = 2 }, counters = { low_value_count = 1 } }
    expect = "deny"
"#;

fn forbid(remedy: &str, condition: &str) -> String {
    format!(
        "@id(\"stop\") @reason(\"A reason for all.\") @remedy(\"{remedy}\")
         forbid (principal, action == Action::\"pay\", resource) when {{ {condition} }};"
    )
}

fn exempt(consume: &str, condition: &str) -> String {
    format!(
        "@id(\"small\") @exemption(\"low-value\") {consume}
         permit (principal, action == Action::\"exempt\", resource)
         when {{ context has velocity && context.amount < 1000 && {condition} }};"
    )
}

#[test]
fn a_remedy_that_never_silences_its_forbid_fails() {
    let found = proof(&forbid("approve:passkey", "context.amount > 100"), PAID);
    assert!(
        problems(&found)[0].contains("never silences"),
        "{:?}",
        problems(&found)
    );
    assert_eq!(
        (found.faults[0].file.as_str(), found.faults[0].line),
        ("10-test.cedar", 1)
    );
    let other = proof(&forbid("login:acr2", "context.authn.acr < 3"), PAID);
    assert!(problems(&other)[0].contains("never silences"));
}

#[test]
fn a_remedy_that_no_case_tries_is_unproved() {
    let found = proof(
        &forbid("login:acr3", "context.amount > 10000 && context.authn.acr < 3"),
        PAID,
    );
    assert!(problems(&found)[0].contains("unproved"), "{:?}", problems(&found));
}

#[test]
fn a_max_age_that_is_above_the_condition_fails_and_the_condition_itself_holds() {
    let table = PAID.replace("acr = 2", "acr = 2, age = 900");
    let wide = proof(
        &forbid("login:acr2,max_age=301", "context.authn.age > 300"),
        &table,
    );
    assert!(problems(&wide)[0].contains("never silences"));
    assert_eq!(
        problems(&proof(
            &forbid("login:acr2,max_age=300", "context.authn.age > 300"),
            &table
        )),
        [""; 0]
    );
}

#[test]
fn the_limit_in_consume_is_the_limit_in_the_condition() {
    let count = |limit: u8, condition: &str| {
        proof(
            &exempt(&format!("@consume(\"low-value-count <= {limit}\")"), condition),
            PAID,
        )
    };
    assert_eq!(
        problems(&count(5, "context.velocity.low_value_count <= 5")),
        [""; 0]
    );
    for (limit, condition) in [
        (5, "context.velocity.low_value_count <= 4"),
        (5, "context.velocity.low_value_count < 5"),
        (5, "context.velocity.low_value_count <= 6"),
        (5, "context.currency == \"EUR\""),
    ] {
        let found = count(limit, condition);
        assert!(
            problems(&found)[0].contains("not the limit of its condition"),
            "{condition}"
        );
    }
}

/// SCA-19 (EBA Q&A 2018_4225): one counter type, either amount or count.
#[test]
fn an_exemption_looks_only_at_the_counter_it_uses_up() {
    let by_sum = exempt(
        "@consume(\"low-value-sum <= 10000\")",
        "context.velocity.low_value_sum <= 10000",
    );
    assert_eq!(problems(&proof(&by_sum, PAID)), [""; 0]);
    let both = exempt(
        "@consume(\"low-value-sum <= 10000\")",
        "context.velocity.low_value_sum <= 10000 && context.velocity.low_value_count <= 5",
    );
    assert!(problems(&proof(&both, PAID))[0].contains("low-value-count, which it does not use up"));
    let unconsumed = exempt("", "context.velocity.low_value_count <= 5");
    assert!(problems(&proof(&unconsumed, PAID))[0].contains("does not use up"));
}

#[test]
fn policies_that_no_case_reaches_are_named() {
    let text = r#"@id("read") permit (principal, action == Action::"read", resource) when { context.authn.acr > 1 };"#;
    let unreached = proof(text, PAID).unreached;
    assert_eq!(
        unreached.iter().map(PolicyId::as_str).collect::<Vec<_>>(),
        ["read"]
    );
}

#[test]
fn a_case_that_expects_otherwise_fails_and_says_what_was_decided() {
    let run = |expect: &str| {
        let table = PAID.replace("expect = \"deny\"", expect);
        let tables = Tables::load(folder("", &table).path()).unwrap();
        tables.run(&shipped()).remove(0)
    };
    let counted = run("expect = \"permit\"\nexemption = \"low-value\"\npolicy = \"pay\"");
    assert_eq!(counted.problem.as_deref(), None);
    for wrong in [
        "expect = \"permit\"",
        "expect = \"permit\"\nexemption = \"trusted-payee\"",
        "expect = \"permit\"\nexemption = \"low-value\"\npolicy = \"other\"",
        "expect = \"deny\"",
        "expect = \"deny\"\nalarm = true",
        "expect = \"challenge\"\nremedy = \"approve:passkey\"",
    ] {
        let result = run(wrong);
        assert!(
            result
                .problem
                .unwrap()
                .ends_with("got permit as low-value by pay"),
            "{wrong}"
        );
        assert_eq!((result.file.as_str(), result.line), ("tests/table.toml", 3));
    }
}

#[test]
fn tables_that_mean_nothing_are_refused_with_their_line() {
    for (from, to, problem) in [
        ("[[case]]", "", "tests/table.toml:"),
        (
            "action = \"pay\"",
            "action = \"fly\"",
            "tests/table.toml:3: \"fly\" is not an action",
        ),
        ("amount = 200", "amuont = 200", "unknown field `amuont`"),
        ("amount = 200", "amount = -1", "tests/table.toml:"),
        (
            "expect = \"deny\"",
            "expect = \"maybe\"",
            "unknown variant `maybe`",
        ),
        ("expect = \"deny\"", "expect = \"challenge\"", "cannot have"),
        (
            "expect = \"deny\"",
            "expect = \"permit\"\nremedy = \"video\"",
            "cannot have",
        ),
        (
            "expect = \"deny\"",
            "expect = \"challenge\"\nremedy = \"wait\"",
            "is not a remedy",
        ),
        (
            "expect = \"deny\"",
            "expect = \"permit\"\nexemption = \"luck\"",
            "is not an exemption",
        ),
        (
            "expect = \"deny\"",
            "expect = \"deny\"\nabsent = [\"counters\"]",
            "is not in the table's [given]",
        ),
    ] {
        let error = table_error(&PAID.replacen(from, to, 1));
        assert!(error.contains(problem), "{to}: {error}");
    }
    assert!(table_error("").contains("holds no [[case]]"));
}

#[test]
fn the_table_in_the_documentation_holds() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md")).unwrap();
    let table = text
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let results = Tables::load(folder("", table).path()).unwrap().run(&shipped());
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|case| case.problem.is_none()), "{results:?}");
}
