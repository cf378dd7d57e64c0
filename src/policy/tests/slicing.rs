//! What a lane leaves out changes nothing: against Cedar's own authorizer, which is given every policy.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cedar_policy::{Authorizer, Decision as Effect, EntityUid, Policy, PolicySet, Request, Schema};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::policy::lane::Lane;
use crate::policy::mentions::Mentions;
use crate::policy::question::{Question, Vocabulary};
use crate::policy::rule::{Part, Rule};

/// What was said: allowed or not, by which policies, and which of them failed.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    allowed: bool,
    by: BTreeSet<String>,
    failed: BTreeSet<String>,
}

const QUESTIONS: [Question; 6] = [
    Question::Asked(Action::Login),
    Question::Asked(Action::Read),
    Question::Asked(Action::Call),
    Question::Asked(Action::Pay),
    Question::Asked(Action::Approve),
    Question::Exempt,
];

/// The schema's actions, read once for all cases.
static ACTIONS: LazyLock<cedar_policy::Entities> = LazyLock::new(|| {
    let (schema, _) = Schema::from_cedarschema_str(&shipped_schema()).unwrap();
    schema.action_entities().unwrap()
});

/// Tests that name somebody: those that a policy is filed by.
const NAMING: [&str; 8] = [
    r#"principal == Customer::"a""#,
    r#"Customer::"b" == principal"#,
    r#"resource == Route::"a""#,
    r#"Client::"b" == resource"#,
    r#"context.client.id == Client::"a""#,
    r#"Client::"b" == context.client.id"#,
    r#"context.payee.id == Payee::"a""#,
    r#"Payee::"b" == context.payee.id"#,
];

/// Tests that look like them, tests that fail for some requests or all, and tests of other kinds.
const OTHERS: [&str; 19] = [
    r#"context.device.id == Device::"a""#,
    "principal == context.client.id",
    r#"principal != Customer::"a""#,
    r#"!(resource == Route::"b")"#,
    r#"principal in Customer::"b""#,
    "principal is Client",
    r#"context has payee && context.payee.id == Payee::"a""#,
    r#"context.payee == { id: Payee::"a", trusted: true }"#,
    "context.amount * 9223372036854775807 > 1",
    "context.approval.age < 100",
    "context.nothing == 1",
    "context has nothing",
    "context.authn.acr",
    r#"context.authn == { acr: 2, age: 60, amr: ["otp", "pwd"], strongest: 2 }"#,
    "{ here: context }.here.authn.acr > 1",
    "context.network has ip || context.device has id",
    "context has approval",
    "context.authn.acr >= 2",
    "true",
];

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![select(&NAMING[..]), select(&OTHERS[..])].prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            2 => pair.clone().prop_map(|(a, b)| format!("({a}) && ({b})")),
            2 => pair.clone().prop_map(|(a, b)| format!("({a}) || ({b})")),
            1 => pair.prop_map(|(a, b)| format!("if ({a}) then ({b}) else context.authn.acr >= 1")),
            1 => inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn policy() -> impl Strategy<Value = String> {
    let principal = [
        "principal",
        "principal",
        "principal is Customer",
        r#"principal == Customer::"a""#,
        r#"principal == Customer::"b""#,
        r#"principal == Client::"a""#,
        r#"principal in Customer::"a""#,
        r#"principal is Customer in Customer::"b""#,
    ];
    let resource = [
        "resource",
        "resource",
        "resource is Route",
        r#"resource == Route::"a""#,
        r#"resource == Route::"b""#,
        r#"resource == Client::"a""#,
        r#"resource in Route::"b""#,
    ];
    let action = [
        "action",
        "action",
        r#"action == Action::"pay""#,
        r#"action == Action::"call""#,
        r#"action in [Action::"read", Action::"pay", Action::"exempt"]"#,
        r#"action in [Action::"login", Action::"call", Action::"approve"]"#,
    ];
    let clause = (select(vec!["when", "unless"]), condition());
    (
        select(vec!["permit", "forbid"]),
        select(principal.to_vec()),
        select(action.to_vec()),
        select(resource.to_vec()),
        prop::collection::vec(clause, 0..3),
    )
        .prop_map(|(effect, principal, action, resource, clauses)| {
            let clauses: String = clauses
                .iter()
                .map(|(word, condition)| format!(" {word} {{ {condition} }}"))
                .collect();
            format!("{effect} ({principal}, {action}, {resource}){clauses};")
        })
}

fn request() -> impl Strategy<Value = (Question, Facts<'static>)> {
    let who = || select(vec!["a", "b", "c"]);
    (
        select(QUESTIONS.to_vec()),
        [who(), who(), who(), who()],
        subsequence(vec!["customer", "payment", "approval", "device"], 0..=4),
        0..4_u8,
        0..3_u64,
    )
        .prop_map(
            |(question, [customer, client, route, payee], with, acr, amount_minor)| {
                let action = match question {
                    Question::Asked(action) => action,
                    Question::Exempt => Action::Pay,
                };
                let always = |name: &str| with.contains(&name) || question.is_about_a_payment();
                let mut facts = facts(action);
                let acts_for_itself =
                    matches!(action, Action::Read | Action::Call) && !with.contains(&"customer");
                facts.customer = Some(customer).filter(|_| !acts_for_itself);
                facts.client.id = client;
                facts.route = facts.route.map(|before| Route {
                    name: route,
                    ..before
                });
                facts.authn.acr = acr;
                facts.device.id = with.contains(&"device").then_some("a");
                facts.payment = always("payment").then_some(Payment {
                    amount_minor,
                    currency: "EUR",
                    payee: Payee {
                        id: payee,
                        trusted: true,
                        age_days: None,
                    },
                });
                let approved = with.contains(&"approval") || action == Action::Approve;
                facts.approval = approved.then_some(Approval {
                    factor: ApprovalFactor::Device,
                    age_seconds: 50,
                });
                (question, facts)
            },
        )
}

/// The policies by themselves, valid or not: a lane relies on nothing that validation would have found.
fn policies(texts: &[String]) -> Vec<(Policy, Arc<Rule>)> {
    let named = texts.iter().enumerate().map(|(order, text)| {
        let id = format!("p{order}");
        let policy = Policy::parse(Some(cedar_policy::PolicyId::new(&id)), text).unwrap();
        let part = match policy.effect() {
            cedar_policy::Effect::Permit => Part::Permits,
            cedar_policy::Effect::Forbid => Part::Forbids {
                reason: Arc::from(""),
                remedy: None,
            },
        };
        let rule = Rule {
            id: PolicyId::new(&id),
            order,
            file: Arc::from(""),
            line: 0,
            part,
        };
        (policy, Arc::new(rule))
    });
    named.collect()
}

fn by_lane(
    policies: &[(Policy, Arc<Rule>)],
    entities: &cedar_policy::Entities,
    question: Question,
    facts: &Facts<'_>,
) -> Said {
    let vocabulary = Vocabulary::new().unwrap();
    let lane = Lane::new(question, &vocabulary, entities, policies);
    let parties = vocabulary.parties(question, facts).unwrap();
    let context = vocabulary
        .context(question, facts, &parties, None, lane.mentions())
        .unwrap();
    let answers = lane.ask(&parties, context, entities);
    let allowed = answers.forbids.is_empty() && !answers.permits.is_empty();
    let determining = if allowed {
        &answers.permits
    } else {
        &answers.forbids
    };
    Said {
        allowed,
        by: determining.iter().map(|rule| rule.id.to_string()).collect(),
        failed: answers
            .failed
            .iter()
            .map(|(rule, _)| rule.id.to_string())
            .collect(),
    }
}

fn by_cedar(
    policies: &[(Policy, Arc<Rule>)],
    entities: &cedar_policy::Entities,
    question: Question,
    facts: &Facts<'_>,
) -> Said {
    let vocabulary = Vocabulary::new().unwrap();
    let parties = vocabulary.parties(question, facts).unwrap();
    let context = vocabulary
        .context(question, facts, &parties, None, Mentions::ALL)
        .unwrap();
    let [principal, action, resource] = [
        &parties.principal,
        &vocabulary.action(question),
        &parties.resource,
    ]
    .map(|entity| EntityUid::from(entity.as_ref().clone()));
    let request = Request::new(principal, action, resource, context.into(), None).unwrap();
    let set = PolicySet::from_policies(policies.iter().map(|(policy, _)| policy.clone())).unwrap();
    let response = Authorizer::new().is_authorized(&request, &set, entities);
    let diagnostics = response.diagnostics();
    Said {
        allowed: response.decision() == Effect::Allow,
        by: diagnostics.reason().map(ToString::to_string).collect(),
        failed: diagnostics
            .errors()
            .map(|error| {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                error.policy_id().to_string()
            })
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_lane_says_what_cedar_says_of_all_policies(
        texts in prop::collection::vec(policy(), 1..12),
        requests in prop::collection::vec(request(), 8..16),
    ) {
        let policies = policies(&texts);
        for (question, facts) in requests {
            prop_assert_eq!(
                by_lane(&policies, &ACTIONS, question, &facts),
                by_cedar(&policies, &ACTIONS, question, &facts),
                "{:?}", question
            );
        }
    }
}

#[test]
fn policies_about_somebody_else_are_not_evaluated() {
    let vocabulary = Vocabulary::new().unwrap();
    let pay = |principal: &str, resource: &str, when: &str| {
        format!(r#"forbid ({principal}, action == Action::"pay", {resource}) when {{ {when} }};"#)
    };
    let texts = [
        pay(r#"principal == Customer::"bob""#, "resource", "true"),
        pay("principal", r#"resource == Route::"cards""#, "true"),
        pay(
            "principal",
            "resource",
            r#"principal == Customer::"bob" && context.amount > 1"#,
        ),
        pay(
            "principal",
            "resource",
            r#"context.client.id == Client::"shop" && context.amount > 1"#,
        ),
        pay("principal", "resource", r#"Payee::"rent" == context.payee.id"#),
        pay(
            "principal",
            "resource",
            r#"context.amount > 1 && principal == Customer::"bob""#,
        ),
        pay("principal", "resource", "context.amount > 1"),
    ];
    let policies = policies(&texts);
    let question = Question::Asked(Action::Pay);
    let lane = Lane::new(question, &vocabulary, &ACTIONS, &policies);
    let parties = vocabulary.parties(question, &payment(5)).unwrap();
    let met: Vec<_> = lane.met_by(&parties).collect();
    assert_eq!(met.len(), 2, "only the two that begin with the amount: {met:?}");
}
