use super::*;

/// The faults of one file over the shipped schema.
fn faults(text: &str) -> Vec<Fault> {
    try_bundle(text)
        .err()
        .map(|error| error.faults)
        .unwrap_or_default()
}

fn refused(text: &str, problem: &str) {
    let found = faults(text);
    assert!(
        found
            .iter()
            .any(|fault| fault.problem.contains(problem) && fault.file == "10-test.cedar" && fault.line > 0),
        "{text}\nwas not refused for {problem:?} but for {found:#?}"
    );
}

const READ: &str =
    r#"permit (principal, action == Action::"read", resource) when { context.authn.acr >= 2 };"#;

#[test]
fn a_plain_valid_policy_is_taken() {
    assert_eq!(faults(&format!("@id(\"read\") {READ}")), []);
}

#[test]
fn every_policy_has_an_id_of_the_plain_form() {
    refused(READ, "has no @id");
    for id in ["", "Read", "read it", "read/it", "r\u{e9}ad", &"r".repeat(65)] {
        refused(&format!("@id(\"{id}\") {READ}"), "cannot be an @id");
    }
}

#[test]
fn an_id_stands_once_in_the_whole_bundle() {
    refused(
        &format!("@id(\"read\") {READ}\n@id(\"read\") {READ}"),
        "taken by the policy at 10-test.cedar:1",
    );
    let twice =
        ["10-one.cedar", "20-two.cedar"].map(|name| (name.to_owned(), format!("@id(\"read\") {READ}")));
    let error = Bundle::from_sources(twice.to_vec(), &shipped_schema()).unwrap_err();
    assert_eq!(error.faults.len(), 1);
    assert_eq!(error.faults[0].file, "20-two.cedar");
}

#[test]
fn annotations_are_a_closed_set() {
    refused(
        &format!("@id(\"read\") @remdy(\"video\") {READ}"),
        "`@remdy` is not an annotation",
    );
}

#[test]
fn a_forbid_needs_a_reason_that_can_be_shown() {
    let forbid = r#"forbid (principal, action == Action::"read", resource) when { context.authn.acr < 2 };"#;
    refused(&format!("@id(\"stop\") {forbid}"), "no usable @reason");
    for reason in [
        "",
        "Short.",
        "No full stop at the end",
        "Bidi \\u{202e} override here.",
        "Line \\n feed in here.",
    ] {
        refused(
            &format!("@id(\"stop\") @reason(\"{reason}\") {forbid}"),
            "no usable @reason",
        );
    }
    let long = "a".repeat(200);
    refused(
        &format!("@id(\"stop\") @reason(\"{long}.\") {forbid}"),
        "no usable @reason",
    );
    assert_eq!(
        faults(&format!(
            "@id(\"stop\") @reason(\"Log in with two factors.\") {forbid}"
        )),
        []
    );
}

#[test]
fn an_unknown_remedy_is_refused() {
    for remedy in ["login", "approve:totp", "pay-later", "login:acr9"] {
        let text = format!(
            "@id(\"stop\") @reason(\"Log in with two factors.\") @remedy(\"{remedy}\")
             forbid (principal, action == Action::\"read\", resource) when {{ context.authn.acr < 2 }};"
        );
        refused(&text, "is not a remedy");
    }
}

#[test]
fn permits_name_their_actions_and_money_needs_a_condition() {
    refused(
        r#"@id("all") permit (principal, action, resource);"#,
        "every action",
    );
    refused(
        r#"@id("pay") permit (principal, action == Action::"pay", resource);"#,
        "without any condition",
    );
    refused(
        r#"@id("pay") permit (principal is Customer, action in [Action::"read", Action::"pay"], resource);"#,
        "without any condition",
    );
    refused(
        &format!("@id(\"read\") @remedy(\"video\") {READ}"),
        "a permit carries @reason or @remedy",
    );
}

/// A group would carry a permit past the rule that money needs a condition.
#[test]
fn permits_name_no_groups() {
    let schema = shipped_schema().replace(
        "action pay, exempt applies",
        "action pay, exempt in [money] applies",
    );
    let group = r#"@id("pay") permit (principal, action in Action::"money", resource);"#;
    let sources = vec![("10-test.cedar".to_owned(), group.to_owned())];
    let error = Bundle::from_sources(sources, &format!("action money;\n{schema}")).unwrap_err();
    assert!(error.to_string().contains("a group of actions"), "{error}");
}

#[test]
fn exemptions_say_which_they_are_and_stand_alone() {
    let exempt = r#"permit (principal, action == Action::"exempt", resource) when { context.amount < 1 };"#;
    let both = r#"permit (principal, action in [Action::"exempt", Action::"pay"], resource) when { context.amount < 1 };"#;
    refused(&format!("@id(\"e\") {exempt}"), "without saying which exemption");
    refused(&format!("@id(\"e\") {both}"), "without saying which exemption");
    refused(
        &format!("@id(\"e\") @exemption(\"because\") {exempt}"),
        "is not an exemption",
    );
    refused(
        &format!("@id(\"e\") @exemption(\"tra\") @consume(\"often\") {exempt}"),
        "is not understood",
    );
    refused(
        &format!("@id(\"e\") @exemption(\"tra\") {both}"),
        "not for the action `exempt` alone",
    );
    refused(
        &format!("@id(\"e\") @exemption(\"tra\") {READ}"),
        "not for the action `exempt` alone",
    );
    refused(
        &format!("@id(\"e\") @consume(\"low-value-count <= 5\") {READ}"),
        "@consume without @exemption",
    );
}

#[test]
fn validation_is_strict() {
    for (condition, problem) in [
        ("context.amuont > 1", "amuont"),
        ("context.authn.acr == \"2\"", "type"),
        ("context.network.country == \"DE\"", "country"),
        ("context.authn.acr < 1 && context.authn == 2", "type"),
    ] {
        let text = format!(
            "\n\n@id(\"read\")\npermit (principal, action == Action::\"read\", resource)\nwhen {{ {condition} }};"
        );
        let found = faults(&text);
        let fault = found.first().unwrap_or_else(|| panic!("{condition} was taken"));
        assert!(fault.problem.contains(problem), "{fault}");
        assert_eq!(
            (fault.policy.as_deref(), fault.file.as_str()),
            (Some("read"), "10-test.cedar")
        );
        assert!(fault.line >= 3, "{fault}");
    }
    let fly = r#"@id("x") @reason("Nobody flies here.")
        forbid (principal, action == Action::"fly", resource) when { 1 == 1 };"#;
    refused(fly, "fly");
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    let never =
        r#"@id("never") permit (principal is Admin, action == Action::"read", resource) when { 1 == 1 };"#;
    assert!(!faults(never).is_empty());
}

#[test]
fn templates_and_broken_text_are_refused_with_their_line() {
    let template = r#"@id("t") permit (principal == ?principal, action == Action::"read", resource);"#;
    assert!(
        faults(template)
            .iter()
            .any(|fault| fault.problem.contains("template"))
    );
    let found = faults("@id(\"read\")\npermit (principal, action == Action::\"read\"\nresource);");
    assert_eq!(found.first().map(|fault| fault.line), Some(3), "{found:?}");
}

#[test]
fn files_have_names_that_give_them_an_order() {
    for name in [
        "policy.cedar",
        "1-one.cedar",
        "10_one.cedar",
        "10-One.cedar",
        "10-.cedar",
        "../10-a.cedar",
    ] {
        let sources = vec![(name.to_owned(), format!("@id(\"read\") {READ}"))];
        let error = Bundle::from_sources(sources, &shipped_schema())
            .err()
            .unwrap_or_else(|| panic!("{name}"));
        assert!(
            error.faults[0].problem.contains("not a policy file's name"),
            "{error}"
        );
    }
}

#[test]
fn all_faults_are_reported_together() {
    let text = format!("{READ}\n@id(\"Read\") {READ}\n@id(\"all\") permit (principal, action, resource);");
    let lines: Vec<usize> = faults(&text).iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 2, 3]);
}

#[test]
fn a_schema_that_does_not_fit_the_facts_is_refused() {
    let schema = shipped_schema();
    for (from, to, action) in [
        ("audit_read\nappliesTo", "audit_rewrite\nappliesTo", "audit_read"),
        ("profile: String", "profile: Long", "login"),
        ("age_days?: Long", "age_days: Long", "pay"),
        ("trusted: Bool, ", "", "pay"),
        ("type Time = {", "type Time = { moon: Long,", "login"),
        ("roles: Set<String>", "roles: String", "keys_list"),
        ("principal: [Customer, Client]", "principal: Customer", "read"),
    ] {
        assert!(schema.contains(from), "{from}");
        let error = Bundle::from_sources(Vec::new(), &schema.replace(from, to)).unwrap_err();
        let named = format!("`{action}`");
        assert!(
            error.faults.iter().any(|fault| fault.problem.contains(&named)),
            "{from}: {error}"
        );
    }
    assert!(Bundle::from_sources(Vec::new(), "entity Customer").is_err());
}

#[test]
fn a_folder_with_a_file_that_would_be_silently_ignored_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    assert!(
        Bundle::load(folder.path())
            .unwrap_err()
            .to_string()
            .contains("schema is missing")
    );
    write("countersign.cedarschema", &shipped_schema());
    write("10-read.cedar", &format!("@id(\"read\") {READ}"));
    write("README.md", "notes");
    assert_eq!(Bundle::load(folder.path()).unwrap().len(), 1);
    write("20-payments.ceder", "");
    assert!(
        Bundle::load(folder.path())
            .unwrap_err()
            .to_string()
            .starts_with("20-payments.ceder: ")
    );
    assert!(Bundle::load(&folder.path().join("nowhere")).is_err());
}

#[test]
fn a_file_larger_than_any_policy_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("countersign.cedarschema"), shipped_schema()).unwrap();
    fs::write(folder.path().join("10-long.cedar"), "/".repeat(256 * 1024 + 1)).unwrap();
    assert!(
        Bundle::load(folder.path())
            .unwrap_err()
            .to_string()
            .contains("larger than")
    );
}

#[test]
fn the_policies_in_the_documentation_are_valid() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md")).unwrap();
    let examples: Vec<_> = text
        .split("```cedar\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        assert_eq!(faults(example), []);
    }
}
