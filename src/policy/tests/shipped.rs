use super::*;

/// SCA-01, SCA-08, SCA-17, SCA-19: the tables hold 30.00 and 30.01, the fifth and the sixth, trusted payees, every
/// level and every role.
#[test]
fn shipped_policies_decide_their_tables() {
    let (bundle, tables) = (shipped(), Tables::load(&shipped_folder()).unwrap());
    let broken: Vec<_> = tables
        .run(&bundle)
        .into_iter()
        .filter(|case| case.problem.is_some())
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(tables.len() > 100, "the tables are thin: {}", tables.len());
}

#[test]
fn shipped_remedies_and_limits_are_proved_and_every_policy_decides_a_case() {
    let proof = prove(&shipped(), &Tables::load(&shipped_folder()).unwrap());
    assert_eq!(proof.faults, []);
    assert_eq!(proof.unreached, []);
}

#[test]
fn low_value_payment_consumes_its_counter_under_the_limit_of_the_policy() {
    let grant = permit(shipped().decide(&payment(1250))).exemption.unwrap();
    assert_eq!(grant.kind, ExemptionKind::LowValue);
    assert_eq!(grant.policy.as_str(), "low-value");
    assert_eq!(
        grant.consumes,
        Some(Consumption {
            counter: Counter::LowValueCount,
            limit: 5
        })
    );
}

#[test]
fn trusted_payee_consumes_nothing() {
    let mut facts = payment(250_000);
    if let Some(payment) = &mut facts.payment {
        payment.payee.trusted = true;
    }
    let grant = permit(shipped().decide(&facts)).exemption.unwrap();
    assert_eq!((grant.kind, grant.consumes), (ExemptionKind::TrustedPayee, None));
}

/// No exemption stands in Rust: without the file there is none.
#[test]
fn without_the_exemptions_file_a_small_payment_asks_for_approval() {
    let bundle = shipped_with("30-exemptions.cedar", |_| None);
    let asked = challenge(bundle.decide(&payment(1250)));
    assert_eq!(
        asked.remedy,
        Remedy::Approve {
            factor: ApprovalFactor::Passkey
        }
    );
    assert_ne!(bundle.version(), shipped().version());
    assert!(
        permit(bundle.decide(&approved(payment(1250), ApprovalFactor::Passkey)))
            .exemption
            .is_none()
    );
}

/// No threshold stands in Rust: the decision follows the number in the file.
#[test]
fn a_lower_threshold_in_the_file_is_the_threshold() {
    let bundle = shipped_with("30-exemptions.cedar", |text| Some(text.replace("3000", "1000")));
    challenge(bundle.decide(&payment(1250)));
    challenge(bundle.decide(&payment(1001)));
    assert!(permit(bundle.decide(&payment(1000))).exemption.is_some());
}

#[test]
fn a_challenge_names_every_factor_that_would_pass_and_a_code_is_none_of_them() {
    let asked = challenge(shipped().decide(&payment(25_000)));
    assert_eq!(asked.factors, [ApprovalFactor::Passkey, ApprovalFactor::Device]);
    assert_eq!(
        asked.policies.iter().map(PolicyId::as_str).collect::<Vec<_>>(),
        ["payment-needs-approval"]
    );
    assert!(asked.reason.ends_with('.'));
    let again = challenge(shipped().decide(&approved(payment(25_000), ApprovalFactor::Totp)));
    assert_eq!(again.remedy, asked.remedy);
}

#[test]
fn login_comes_before_approval_and_says_why() {
    let mut facts = payment(25_000);
    facts.authn.acr = 1;
    let asked = challenge(shipped().decide(&facts));
    assert_eq!(
        asked.remedy,
        Remedy::Login {
            acr: 2,
            max_age: None
        }
    );
    assert_eq!(asked.factors, []);
    assert_eq!(
        &*asked.reason,
        "Log in with two different factors to use this resource."
    );
}

/// Default deny: each file carries its own permits, so leaving one out never opens what it was about.
#[test]
fn leaving_a_file_out_opens_nothing_it_was_about() {
    let admin = Facts {
        admin: Some(Admin {
            name: "ada",
            roles: &["operator", "custodian"],
        }),
        ..facts(Action::Admin(AdminAction::KeysRotate))
    };
    for (file, facts) in [
        ("00-baseline.cedar", facts(Action::Read)),
        ("10-login.cedar", facts(Action::Login)),
        (
            "20-payments.cedar",
            approved(payment(1250), ApprovalFactor::Passkey),
        ),
        ("40-admin.cedar", admin),
    ] {
        permit(shipped().decide(&facts));
        denial(shipped_with(file, |_| None).decide(&facts));
    }
}
