//! What a payment is, whether it is permitted, and its durable writes.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use countersign::base::event::Digest;
use countersign::base::{Event, RouteName, TransactionId};
use countersign::identity::session;
use countersign::policy::{Action, Authn, Client, Decision, Facts, Network, Payee, Payment, Route};
use countersign::store::Batch;
use countersign::telemetry::{Label, Metrics, names};
use countersign::transaction::extract;
use countersign::transaction::idempotency::{
    self, Fingerprint, Key, Outcome as Concluded, Reservation, Scope,
};
use http::HeaderMap;
use tokio::task::JoinSet;

use super::Step;
use crate::Outcome;
use crate::home::TRUSTED_PAYEE;
use crate::request::Kind;
use crate::workbench::Workbench;

/// Bytes of what is kept sealed of a request and of its answer.
const SEALED: usize = 700;
/// Payments whose writes are under way at once.
const TOGETHER: usize = 16;

pub(super) fn steps(bench: &Rc<Workbench>) -> Outcome<Vec<Step>> {
    let mut steps = intents(bench)?;
    steps.extend(decisions(bench));
    steps.extend(writes(bench));
    let metrics = Metrics::default();
    let labels = || ["payments", "signed", "-", "2xx"].map(Label::from);
    steps.push(Step::stage(
        "metrics: a request counted and timed",
        1.0,
        move || {
            let [route, access, code, status] = labels();
            metrics.count(&names::REQUESTS, [route.clone(), access.clone(), code, status]);
            metrics.observe(
                &names::REQUEST_SECONDS,
                [route, access],
                Duration::from_micros(700),
            );
            Ok(())
        },
    ));
    Ok(steps)
}

fn intents(bench: &Rc<Workbench>) -> Outcome<Vec<Step>> {
    let (_, body) = bench.request(Kind::Payment)?;
    let route = bench
        .config
        .routes
        .by_name("payments")
        .ok_or("a payment's route")?;
    let transaction = route.transaction.as_ref().ok_or("its transaction")?;
    let mapping = extract::mapping(transaction).map_err(|faults| format!("{faults:?}"))?;
    let intent = extract::extract(&body, &mapping).map_err(|fault| fault.to_string())?;
    Ok(vec![
        Step::stage("intent extracted from the body", 1.0, move || {
            black_box(extract::extract(&body, &mapping).map_err(|fault| fault.to_string())?);
            Ok(())
        }),
        // In the record, in the Txn-Token, and in the receipt.
        Step::stage("intent's digest", 3.0, move || {
            black_box(intent.digest());
            Ok(())
        }),
    ])
}

fn decisions(bench: &Rc<Workbench>) -> Vec<Step> {
    let asked = [
        ("Cedar: read", 0.0, Action::Read, "accounts", "proof"),
        ("Cedar: call", 0.0, Action::Call, "messages", "signed"),
        (
            "Cedar: pay, to a trusted payee",
            1.0,
            Action::Pay,
            "payments",
            "signed",
        ),
    ];
    let step = |(name, of_a_payment, action, route, access)| {
        let bench = Rc::clone(bench);
        Step::stage(name, of_a_payment, move || {
            decide(&bench, action, (route, access))
        })
    };
    asked.into_iter().map(step).collect()
}

fn decide(bench: &Workbench, action: Action, (name, access): (&str, &str)) -> Outcome<()> {
    let session = bench.session()?;
    let client = Client {
        id: session.client.as_str(),
        profile: "first-party",
    };
    let mut facts = Facts::new(action, client, u64::try_from(bench.now.seconds())?);
    facts.customer = Some(session.customer.as_str());
    facts.route = Some(Route { name, access, acr: 0 });
    facts.authn = Authn {
        acr: 2,
        amr: &["pwd", "otp", "mfa"],
        age_seconds: 30,
        strongest_acr: None,
    };
    facts.network = Network {
        ip: Some([127, 0, 0, 1].into()),
        country: None,
    };
    facts.payment = (action == Action::Pay).then_some(Payment {
        amount_minor: 1250,
        currency: "EUR",
        payee: Payee {
            id: TRUSTED_PAYEE,
            trusted: true,
            age_days: Some(3),
        },
    });
    match bench.bundle.decide(black_box(&facts)) {
        Decision::Permit(permit) => {
            black_box(permit);
            Ok(())
        }
        _ => Err("the policies do not permit it".into()),
    }
}

/// A payment's record, under a key that is free.
struct Record {
    scope: Scope,
    fingerprint: Fingerprint,
    transaction: TransactionId,
}

impl Record {
    fn fresh(bench: &Workbench) -> Outcome<Self> {
        let session = bench.session()?;
        let mut headers = HeaderMap::new();
        headers.insert(
            "idempotency-key",
            format!("\"{}\"", bench.entropy.token(16)).parse()?,
        );
        let key = Key::read(&headers).map_err(|fault| fault.to_string())?;
        let route = RouteName::new("payments");
        Ok(Self {
            scope: Scope::of(&session.client, &session.customer, &route, &key),
            fingerprint: Fingerprint::of("POST", "/payments", &bench.entropy.bytes(), b"application/json"),
            transaction: TransactionId::fresh(bench.now, &*bench.entropy),
        })
    }

    /// The Sealed write: session, key, nonce and event, as the gate's is.
    fn sealed(&self, bench: &Workbench) -> Outcome<Batch> {
        let session = bench.session()?;
        let mut batch = Batch::new();
        session::live_guard(
            &mut batch,
            &session.id,
            &session.client,
            &session.customer,
            bench.now,
        );
        let reservation = Reservation {
            scope: &self.scope,
            fingerprint: &self.fingerprint,
            customer: &session.customer,
            transaction: &self.transaction,
            likeness: Some(bench.entropy.bytes()),
            upstream: "bank",
            settlement_order: bench.keys.seal("bench", &[7; SEALED], &*bench.entropy)?,
        };
        idempotency::reserve(&mut batch, reservation, bench.now);
        batch.one_row(
            "the nonce is fresh",
            "INSERT INTO used_nonce (until, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            vec![bench.now.into(), bench.entropy.bytes::<32>().to_vec().into()],
        );
        batch.record(bench.now, &*bench.entropy, &self.permitted(bench)?);
        Ok(batch)
    }

    fn permitted(&self, bench: &Workbench) -> Outcome<Event> {
        let session = bench.session()?;
        let digest = Digest::new(&bench.entropy.bytes());
        Ok(Event::Permitted {
            customer: session.customer.clone(),
            client: session.client.clone(),
            session: session.id.clone(),
            route: RouteName::new("payments"),
            transaction: self.transaction.clone(),
            intent: Some(digest),
            content: digest,
            exemption: Some("trusted-payee".to_owned()),
            policy_version: bench.bundle.version().to_owned(),
        })
    }

    /// What became of it.
    fn outcome(&self, bench: &Workbench) -> Outcome<Batch> {
        let mut batch = Batch::new();
        let answer = bench.keys.seal("bench", &[7; SEALED], &*bench.entropy)?;
        let concluded = Concluded::Answered(answer);
        idempotency::conclude(&mut batch, &self.scope, &self.transaction, &concluded, bench.now);
        let event = Event::Answered {
            transaction: self.transaction.clone(),
            status: Some(201),
            refused: None,
            content: Some(Digest::new(&bench.entropy.bytes())),
            receipt: None,
        };
        batch.record(bench.now, &*bench.entropy, &event);
        Ok(batch)
    }
}

fn writes(bench: &Rc<Workbench>) -> Vec<Step> {
    let [sought, recorded, written] = std::array::from_fn(|_| Rc::clone(bench));
    vec![
        Step::stage("idempotency record looked up", 1.0, move || {
            let record = Record::fresh(&sought)?;
            let found = sought
                .runtime
                .block_on(idempotency::find(&sought.db, &record.scope))?;
            found.map_or(Ok(()), |_| Err("a free key is taken".into()))
        }),
        Step::stage("audit event added to a batch", 0.0, move || {
            let event = Record::fresh(&recorded)?.permitted(&recorded)?;
            black_box(Batch::new().record(recorded.now, &*recorded.entropy, &event));
            Ok(())
        }),
        Step::stage(
            "durable writes of 16 payments at once: Sealed write, then outcome",
            1.0 / TOGETHER as f64,
            move || write(&written),
        ),
    ]
}

/// As under load, payments share commits; each waits for its first before it makes its second.
fn write(bench: &Workbench) -> Outcome<()> {
    let mut all = JoinSet::new();
    for _ in 0..TOGETHER {
        let record = Record::fresh(bench)?;
        let (sealed, outcome) = (record.sealed(bench)?, record.outcome(bench)?);
        let db = bench.db.clone();
        let payment = async move {
            db.commit(sealed).await?;
            db.commit(outcome).await
        };
        all.spawn_on(payment, bench.runtime.handle());
    }
    bench.runtime.block_on(async {
        while let Some(written) = all.join_next().await {
            written??;
        }
        Ok(())
    })
}
