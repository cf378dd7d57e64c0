use super::*;

/// Valid in strict mode and yet an error for every amount above zero: Cedar checks types, not ranges.
const OVERFLOWS: &str = "context.amount * 9223372036854775807 == 1 && context.amount > 1";

const PAY: &str =
    r#"@id("pay") permit (principal, action == Action::"pay", resource) when { context.amount > 0 };"#;

fn forbid(id: &str, remedy: &str, condition: &str) -> String {
    let remedy = if remedy.is_empty() {
        String::new()
    } else {
        format!("@remedy(\"{remedy}\")")
    };
    format!(
        "@id(\"{id}\") @reason(\"Reason of {id}.\") {remedy}
         forbid (principal, action == Action::\"pay\", resource) when {{ {condition} }};"
    )
}

fn alarms(decision: Decision) -> Vec<(Option<String>, &'static str)> {
    let denial = denial(decision);
    assert!(denial.alarm());
    denial
        .alarms
        .into_iter()
        .map(|alarm| (alarm.policy.map(|id| id.to_string()), alarm.cause))
        .collect()
}

#[test]
fn nothing_is_permitted_by_nothing() {
    let empty = Bundle::from_sources(Vec::new(), &shipped_schema()).unwrap();
    for action in Action::all() {
        let mut facts = approved(Facts { action, ..payment(1) }, ApprovalFactor::Passkey);
        facts.admin = Some(Admin {
            name: "ada",
            roles: &["operator"],
        });
        let refused = denial(empty.decide(&facts));
        assert!(!refused.alarm());
        assert_eq!(&*refused.reason, "No policy permits this request.");
    }
}

/// Cedar skips a policy that fails: a forbid would lose its effect, so the whole answer is a denial.
#[test]
fn a_forbid_that_fails_to_evaluate_is_a_denial_and_an_alarm() {
    let bundle = bundle_of(&format!("{PAY} {}", forbid("broken", "", OVERFLOWS)));
    let found = alarms(bundle.decide(&payment(2)));
    assert_eq!(found, [(Some("broken".to_owned()), "integer overflow")]);
}

#[test]
fn a_permit_that_fails_is_a_denial_even_beside_one_that_permits() {
    let broken = format!(
        "@id(\"broken\") permit (principal, action == Action::\"pay\", resource) when {{ {OVERFLOWS} }};"
    );
    let bundle = bundle_of(&format!("{PAY} {broken}"));
    assert_eq!(
        alarms(bundle.decide(&payment(2))),
        [(Some("broken".to_owned()), "integer overflow")]
    );
    permit(bundle.decide(&payment(1)));
}

#[test]
fn a_failing_exemption_is_a_denial_and_not_merely_no_exemption() {
    let exempt = format!(
        "@id(\"broken\") @exemption(\"tra\")
         permit (principal, action == Action::\"exempt\", resource) when {{ {OVERFLOWS} }};"
    );
    let refusal = forbid("ask", "approve:passkey", "!(context has approval)");
    let bundle = bundle_of(&format!("{PAY} {refusal} {exempt}"));
    assert_eq!(
        alarms(bundle.decide(&payment(2))),
        [(Some("broken".to_owned()), "integer overflow")]
    );
}

#[test]
fn a_policy_that_fails_only_once_the_remedy_is_taken_is_found_before_the_customer_is_asked() {
    let ask = forbid("ask", "approve:passkey", "!(context has approval)");
    let broken = forbid("broken", "", &format!("context has approval && {OVERFLOWS}"));
    let bundle = bundle_of(&format!("{PAY} {ask} {broken}"));
    assert_eq!(
        alarms(bundle.decide(&payment(2))),
        [(Some("broken".to_owned()), "integer overflow")]
    );
}

#[test]
fn a_client_reads_nothing_about_a_failure() {
    let bundle = bundle_of(&format!("{PAY} {}", forbid("broken", "", OVERFLOWS)));
    assert_eq!(
        &*denial(bundle.decide(&payment(2))).reason,
        "This request cannot be decided at the moment."
    );
}

#[test]
fn a_missing_fact_is_a_denial_and_an_alarm_not_an_absent_condition() {
    let bundle = shipped();
    let read = facts(Action::Read);
    for (facts, missing) in [
        (
            Facts {
                payment: None,
                ..payment(1)
            },
            "payment",
        ),
        (
            Facts {
                customer: None,
                ..payment(1)
            },
            "customer",
        ),
        (
            Facts {
                route: None,
                ..payment(1)
            },
            "route",
        ),
        (Facts { route: None, ..read }, "route"),
        (
            Facts {
                customer: None,
                ..facts(Action::Login)
            },
            "customer",
        ),
        (facts(Action::Approve), "approval"),
        (facts(Action::Admin(AdminAction::KeysRotate)), "admin"),
    ] {
        assert_eq!(alarms(bundle.decide(&facts)), [(None, missing)]);
    }
}

/// A remedy is a promise about the whole decision: where something else would still refuse, nothing is asked.
#[test]
fn no_challenge_when_the_cured_request_would_not_be_permitted() {
    let ask = forbid("ask", "approve:passkey", "!(context has approval)");
    let narrow = PAY.replace("> 0", "> 0 && context.amount < 10");
    let bundle = bundle_of(&format!("{narrow} {ask}"));
    challenge(bundle.decide(&payment(9)));
    let refused = denial(bundle.decide(&payment(10)));
    assert_eq!(&*refused.reason, "Reason of ask.");

    let alone = bundle_of(&ask);
    denial(alone.decide(&payment(9)));
}

#[test]
fn one_incurable_forbid_makes_it_a_denial_with_its_own_reason() {
    let ask = forbid("ask", "approve:passkey", "!(context has approval)");
    let stop = forbid("stop", "", "context.amount > 100");
    let bundle = bundle_of(&format!("{PAY} {ask} {stop}"));
    let refused = denial(bundle.decide(&payment(101)));
    assert_eq!(&*refused.reason, "Reason of stop.");
    assert_eq!(
        refused.policies.iter().map(PolicyId::as_str).collect::<Vec<_>>(),
        ["ask", "stop"]
    );
}

#[test]
fn a_remedy_that_does_not_silence_its_forbid_is_never_offered() {
    let bundle = bundle_of(&format!(
        "{PAY} {}",
        forbid("stop", "approve:passkey", "context.amount > 100")
    ));
    denial(bundle.decide(&payment(101)));
}

/// The cure is hypothetical: it decides what to ask for and is never itself a permission.
#[test]
fn deciding_again_gives_the_same_challenge_until_the_fact_is_there() {
    let bundle = shipped();
    for _ in 0..3 {
        challenge(bundle.decide(&payment(25_000)));
    }
    permit(bundle.decide(&approved(payment(25_000), ApprovalFactor::Device)));
}

#[test]
fn several_logins_join_to_the_strongest_and_the_freshest() {
    let stronger = forbid("stronger", "login:acr3", "context.authn.acr < 3");
    let fresher = forbid("fresher", "login:acr1,max_age=300", "context.authn.age > 300");
    let bundle = bundle_of(&format!("{PAY} {fresher} {stronger}"));
    let facts = Facts {
        authn: Authn {
            acr: 2,
            age_seconds: 301,
            ..Authn::default()
        },
        ..payment(1)
    };
    let asked = challenge(bundle.decide(&facts));
    assert_eq!(
        asked.remedy,
        Remedy::Login {
            acr: 3,
            max_age: Some(300)
        }
    );
    assert_eq!(&*asked.reason, "Reason of stronger.");
}

/// A login without `max_age` may be an old one, so it promises nothing about age.
#[test]
fn a_login_without_max_age_cures_no_stale_login() {
    let stale = forbid("stale", "login:acr2", "context.authn.age > 300");
    let bundle = bundle_of(&format!("{PAY} {stale}"));
    let facts = Facts {
        authn: Authn {
            acr: 2,
            age_seconds: 301,
            ..Authn::default()
        },
        ..payment(1)
    };
    denial(bundle.decide(&facts));
}

#[test]
fn identification_by_video_comes_before_an_approval() {
    let video = forbid("video", "video", "!(context has video)");
    let ask = forbid(
        "ask",
        "approve:device",
        "!(context has approval && context.approval.factor == \"device\")",
    );
    let bundle = bundle_of(&format!("{PAY} {ask} {video}"));
    assert_eq!(challenge(bundle.decide(&payment(1))).remedy, Remedy::Video);
    let identified = Facts {
        video_age_seconds: Some(10),
        ..payment(1)
    };
    let asked = challenge(bundle.decide(&identified));
    assert_eq!(
        asked.remedy,
        Remedy::Approve {
            factor: ApprovalFactor::Device
        }
    );
    assert_eq!(
        asked.factors,
        [ApprovalFactor::Device],
        "a passkey would not pass"
    );
}

#[test]
fn an_exemption_that_does_not_help_is_not_used_up() {
    let exempt = r#"@id("own") @exemption("own-account")
        permit (principal, action == Action::"exempt", resource) when { context.amount > 0 };"#;
    let unneeded = bundle_of(&format!("{PAY} {exempt}"));
    assert_eq!(
        permit(unneeded.decide(&payment(1))).exemption,
        None,
        "it was permitted without"
    );
    let ask = forbid("ask", "approve:passkey", "!(context has approval)");
    let deaf = bundle_of(&format!("{PAY} {exempt} {ask}"));
    challenge(deaf.decide(&payment(1)));
}

#[test]
fn a_forbid_of_exempt_withholds_every_exemption() {
    let withheld = "@id(\"withheld\") @reason(\"No exemption at this risk.\")
        forbid (principal, action == Action::\"exempt\", resource)
        when { context.risk has score && context.risk.score > 50 };";
    let bundle = shipped_with("30-exemptions.cedar", |text| Some(format!("{text}\n{withheld}")));
    permit(bundle.decide(&payment(1250)));
    challenge(bundle.decide(&Facts {
        risk: Risk {
            score: Some(51),
            reasons: &[],
        },
        ..payment(1250)
    }));
}

/// Ids are data: whatever they hold, they are equal to themselves only and never become part of a policy.
#[test]
fn hostile_ids_are_ids() {
    let bundle = bundle_of(
        r#"@id("alice") permit (principal == Customer::"alice", action == Action::"pay", resource == Route::"payments")
        when { context.client.id == Client::"app" && context.payee.id == Payee::"DE89370400440532013000" };"#,
    );
    permit(bundle.decide(&payment(1)));
    let long = "a".repeat(100_000);
    let hostile = [
        "",
        "alice\"",
        "alice\0",
        " alice",
        "Alice",
        "Customer::\"alice\"",
        "alice\"; permit (principal, action, resource); //",
        "al\u{200d}ice",
        "\u{430}lice",
        "alice\n",
        "\\u{61}lice",
        &long,
    ];
    for id in hostile {
        for facts in [
            Facts {
                customer: Some(id),
                ..payment(1)
            },
            Facts {
                route: Some(Route {
                    name: id,
                    access: "signed",
                    acr: 0,
                }),
                ..payment(1)
            },
            Facts {
                client: Client { id, profile: id },
                ..payment(1)
            },
        ] {
            let refused = denial(bundle.decide(&facts));
            assert!(!refused.alarm(), "{id:?} is not an evaluation error");
        }
    }
}

#[test]
fn amounts_and_counters_beyond_cedars_integers_are_the_largest_it_has() {
    let bundle = shipped();
    let mut facts = payment(u64::MAX);
    facts.counters = Some(Counters {
        low_value_count: u64::MAX,
        low_value_sum_minor: u64::MAX,
    });
    facts.now = u64::MAX;
    challenge(bundle.decide(&facts));
    permit(bundle.decide(&approved(facts, ApprovalFactor::Passkey)));
}

#[test]
fn networks_hours_and_weekdays_are_facts_in_utc() {
    let bundle = bundle_of(
        r#"@id("office") permit (principal, action == Action::"keys_rotate", resource) when {
            context.network has ip && context.network.ip.isInRange(ip("10.0.0.0/8")) &&
            context.time.hour >= 8 && context.time.hour < 18 && context.time.weekday <= 5
        };"#,
    );
    let admin = Facts {
        admin: Some(Admin {
            name: "ada",
            roles: &[],
        }),
        network: Network {
            ip: Some([10, 1, 2, 3].into()),
            country: None,
        },
        // Friday 2023-11-17 17:59:59 UTC.
        now: 1_700_243_999,
        ..facts(Action::Admin(AdminAction::KeysRotate))
    };
    permit(bundle.decide(&admin));
    denial(bundle.decide(&Facts {
        now: admin.now + 1,
        ..admin
    }));
    denial(bundle.decide(&Facts {
        now: admin.now + 86_400,
        ..admin
    }));
    denial(bundle.decide(&Facts {
        network: Network::default(),
        ..admin
    }));
    // As a socket for both families reports the same peer.
    let mapped = Network {
        ip: Some(std::net::Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped().into()),
        country: None,
    };
    permit(bundle.decide(&Facts {
        network: mapped,
        ..admin
    }));
    let elsewhere = Network {
        ip: Some([11, 1, 2, 3].into()),
        country: None,
    };
    denial(bundle.decide(&Facts {
        network: elsewhere,
        ..admin
    }));
}

#[test]
fn a_bundle_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>(_: &T) {}
    shareable(&shipped());
}

#[test]
fn facts_print_what_is_asked_and_nobody_it_is_about() {
    let shown = format!("{:?}", payment(12_345));
    assert_eq!(shown, "Facts { action: Pay, .. }");
}
