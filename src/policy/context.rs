//! Facts as Cedar reads them: the context record, in the shapes that `countersign.cedarschema` declares. Built as values,
//! never from JSON text or expressions that would have to be evaluated first, and only what some policy looks at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{Context, ExtensionFunction, PartialValue, Value};
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::pst::SmolStr;

use super::action::Action;
use super::exemption::ExemptionKind;
use super::facts::{Approval, Counters, Facts, Mandate, Network, Payment};
use super::mentions::{Fact, Mentions};
use super::question::{MissingFact, Parties, Question, Vocabulary};

impl Vocabulary {
    /// The context in which `question` is asked, as far as it is `mentioned`. The schema is not consulted again here: that
    /// these records fit it was shown when the bundle was loaded.
    pub(super) fn context(
        &self,
        question: Question,
        facts: &Facts<'_>,
        parties: &Parties,
        exemption: Option<ExemptionKind>,
        mentioned: Mentions,
    ) -> Result<Context, MissingFact> {
        let mut record = Record::new(mentioned);
        put_network(&mut record, facts.network)?;
        record.put("time", Fact::Time, || time(facts.now));
        if question.is_administrative() {
            let admin = facts.admin.ok_or(MissingFact("admin"))?;
            record.put("roles", Fact::Roles, || texts(admin.roles));
        } else {
            put_customer(&mut record, facts, parties);
            self.put_device(&mut record, facts);
            put_request(&mut record, question, facts, parties, exemption)?;
        }
        Ok(Context::Value(record.done()))
    }

    fn put_device(&self, record: &mut Record, facts: &Facts<'_>) {
        record.nest("device", Mentions::DEVICE, |device| {
            device.put("known", Fact::DeviceKnown, || facts.device.known.into());
            device.put_if("id", Fact::DeviceId, facts.device.id, |id| self.device(id).into());
        });
    }
}

/// What every action of a customer is about: through which client, how surely, how risky.
fn put_customer(record: &mut Record, facts: &Facts<'_>, parties: &Parties) {
    record.nest("client", Mentions::CLIENT, |client| {
        client.put_if("id", Fact::ClientId, parties.client.as_ref(), |id| {
            Arc::clone(id).into()
        });
        client.put("profile", Fact::ClientProfile, || facts.client.profile.into());
    });
    record.nest("authn", Mentions::AUTHN, |authn| {
        let known = facts.authn;
        authn.put("acr", Fact::AuthnAcr, || long(known.acr.into()));
        authn.put("amr", Fact::AuthnAmr, || texts(known.amr));
        authn.put("age", Fact::AuthnAge, || long(known.age_seconds));
        authn.put_if("strongest", Fact::AuthnStrongest, known.strongest_acr, |acr| {
            long(acr.into())
        });
    });
    record.nest("risk", Mentions::RISK, |risk| {
        risk.put_if("score", Fact::RiskScore, facts.risk.score, |score| {
            long(score.into())
        });
        risk.put("reasons", Fact::RiskReasons, || texts(facts.risk.reasons));
    });
    record.put_if("video", Fact::Video, facts.video_age_seconds, video);
}

/// What a request on a route is about.
fn put_request(
    record: &mut Record,
    question: Question,
    facts: &Facts<'_>,
    parties: &Parties,
    exemption: Option<ExemptionKind>,
) -> Result<(), MissingFact> {
    if matches!(question, Question::Asked(Action::Login | Action::Enroll)) {
        return Ok(());
    }
    let route = facts.route.ok_or(MissingFact("route"))?;
    record.nest("route", Mentions::ROUTE, |record| {
        record.put("access", Fact::RouteAccess, || route.access.into());
        record.put("acr", Fact::RouteAcr, || long(route.acr.into()));
    });
    if matches!(question, Question::Asked(Action::Read | Action::Call)) {
        return Ok(());
    }
    if question == Question::Asked(Action::Approve) && facts.approval.is_none() {
        return Err(MissingFact("approval"));
    }
    record.put_if("approval", Fact::Approval, facts.approval, approval);
    match facts.payment {
        Some(payment) => put_payment(record, payment, parties),
        None if question.is_about_a_payment() => return Err(MissingFact("payment")),
        None => {}
    }
    if let (true, Some(payment)) = (question.is_about_a_payment(), facts.payment) {
        record.put_if("mandate", Fact::Mandate, facts.mandate, mandate);
        record.put_if("velocity", Fact::Velocity, facts.counters, |held| {
            velocity(held, payment)
        });
        record.put_if("exemption", Fact::Exemption, exemption, |kind| {
            kind.as_str().into()
        });
    }
    Ok(())
}

fn put_payment(record: &mut Record, payment: Payment<'_>, parties: &Parties) {
    record.put("amount", Fact::Amount, || long(payment.amount_minor));
    record.put("currency", Fact::Currency, || payment.currency.into());
    record.nest("payee", Mentions::PAYEE, |payee| {
        let known = payment.payee;
        payee.put_if("id", Fact::PayeeId, parties.payee.as_ref(), |id| {
            Arc::clone(id).into()
        });
        payee.put("trusted", Fact::PayeeTrusted, || known.trusted.into());
        payee.put_if("age_days", Fact::PayeeAgeDays, known.age_days, |days| {
            long(days.into())
        });
    });
}

fn put_network(record: &mut Record, network: Network<'_>) -> Result<(), MissingFact> {
    // Made first: of all facts it is the only one that can fail.
    let known = network.ip.filter(|_| record.mentioned.has(Fact::NetworkIp));
    let ip = known.map(address).transpose()?;
    record.nest("network", Mentions::NETWORK, |record| {
        record.put_if("ip", Fact::NetworkIp, ip, |ip| ip);
        record.put_if("country", Fact::NetworkCountry, network.country, Value::from);
    });
    Ok(())
}

/// Cedar makes its addresses from text only. An IPv4 address that came in the IPv6 form of a socket for both is the IPv4
/// address it is: ranges of policies would not hold it otherwise, and Cedar refuses its text.
fn address(address: IpAddr) -> Result<Value, MissingFact> {
    static IP: LazyLock<Option<&'static ExtensionFunction>> = LazyLock::new(|| {
        let name = "ip".parse().ok()?;
        Extensions::all_available().func(&name).ok()
    });
    let text = Value::from(address.to_canonical().to_string());
    match IP.map(|ip| ip.call(&[text])) {
        Some(Ok(PartialValue::Value(value))) => Ok(value),
        _ => Err(MissingFact("address")),
    }
}

fn approval(approval: Approval) -> Value {
    let factor = ("factor", approval.factor.as_str().into());
    whole([factor, ("age", long(approval.age_seconds))])
}

fn mandate(mandate: Mandate) -> Value {
    whole([
        ("same_payee", mandate.same_payee.into()),
        ("same_amount", mandate.same_amount.into()),
        ("first", mandate.first.into()),
    ])
}

/// The counters with this payment included. Saturating, so that no amount a caller sends can make a policy overflow.
fn velocity(held: Counters, payment: Payment<'_>) -> Value {
    let sum = held.low_value_sum_minor.saturating_add(payment.amount_minor);
    whole([
        ("low_value_count", long(held.low_value_count.saturating_add(1))),
        ("low_value_sum", long(sum)),
    ])
}

fn video(age_seconds: u64) -> Value {
    whole([("age", long(age_seconds))])
}

/// Hour 0 to 23 and weekday 1 (Monday) to 7 in UTC; 1970-01-01 was a Thursday.
fn time(now: u64) -> Value {
    whole([
        ("unix", long(now)),
        ("hour", long(now % 86_400 / 3_600)),
        ("weekday", long((now / 86_400 + 3) % 7 + 1)),
    ])
}

/// A record under construction. A fact that is absent stays absent; one that no policy mentions is not made.
struct Record {
    /// As Cedar keeps them.
    facts: BTreeMap<SmolStr, Value>,
    mentioned: Mentions,
}

impl Record {
    const fn new(mentioned: Mentions) -> Self {
        Self {
            facts: BTreeMap::new(),
            mentioned,
        }
    }

    fn put(&mut self, name: &'static str, fact: Fact, value: impl FnOnce() -> Value) {
        self.put_if(name, fact, Some(()), |()| value());
    }

    fn put_if<T>(
        &mut self,
        name: &'static str,
        fact: Fact,
        known: Option<T>,
        value: impl FnOnce(T) -> Value,
    ) {
        if let Some(known) = known.filter(|_| self.mentioned.has(fact)) {
            self.facts.insert(SmolStr::new_static(name), value(known));
        }
    }

    /// A record of facts within this one. It is there if any of them is mentioned, though they may all be absent.
    fn nest(&mut self, name: &'static str, facts: Mentions, fill: impl FnOnce(&mut Self)) {
        if self.mentioned.has_any(facts) {
            let mut inner = Self::new(self.mentioned);
            fill(&mut inner);
            let inner = Value::record_arc(inner.done(), None);
            self.facts.insert(SmolStr::new_static(name), inner);
        }
    }

    fn done(self) -> Arc<BTreeMap<SmolStr, Value>> {
        Arc::new(self.facts)
    }
}

fn whole<const N: usize>(facts: [(&'static str, Value); N]) -> Value {
    let mut record = BTreeMap::new();
    for (name, value) in facts {
        record.insert(SmolStr::new_static(name), value);
    }
    Value::record_arc(Arc::new(record), None)
}

fn texts(values: &[&str]) -> Value {
    Value::set(values.iter().copied().map(Value::from), None)
}

/// Cedar's integers end at 2^63 - 1; a larger fact is read as that.
fn long(value: u64) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}
