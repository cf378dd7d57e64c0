//! The chain on one page.

use std::pin::Pin;
use std::sync::Arc;

use super::access::Noted;
use super::admit::{Arrived, admit};
use super::attest::attest;
use super::forward::{Answered, forward, refuse};
use super::identify::identify;
use super::limits::check_own;
use super::media_type::payment_is_json;
use super::permit::permit;
use super::recall::{Recalled, recall};
use super::refusal::Refused;
use super::seal::seal;
use super::snapshot::Snapshot;
use super::tally;
use super::visitor::visitor;
use crate::answer::{Body, add_security_headers};
use crate::audit::{Passages, Receipts, Refusals};
use crate::base::{Clock, Code, Connection, Entropy, Event, RequestId, SourcePrefix};
use crate::defense::Defense;
use crate::identity::Sessions;
use crate::keys::Keyring;
use crate::oauth::bound_key::BoundKeys;
use crate::oauth::{Clients, Dpop, Verifier};
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, Ephemeral};
use crate::telemetry::{AccessLog, Metrics};
use crate::transaction::underway::Underway;
use arc_swap::ArcSwap;
use http::request::Parts;
use http::{Request, Response};

/// The services the stages ask. Each owns its own data; the gate composes them.
pub struct Services {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What lasts.
    pub db: Db,
    /// Keys.
    pub keyring: Arc<Keyring>,
    /// Reads access tokens.
    pub tokens: Arc<Verifier>,
    /// Reads DPoP proofs.
    pub dpop: Arc<Dpop>,
    /// Knows which sessions have ended.
    pub sessions: Arc<Sessions>,
    /// Knows the registered clients.
    pub clients: Arc<Clients>,
    /// Keeps what customers can show of their payments.
    pub receipts: Arc<Receipts>,
    /// Makes pseudonyms.
    pub pseudonyms: Arc<Pseudonyms>,
    /// Nonces of signatures that moved money; the Sealed write remembers them durably as well.
    pub nonces: Ephemeral<()>,
    /// Which payments this process carries.
    pub underway: Underway,
    /// Permitted requests that write nothing else.
    pub passages: Passages,
    /// Rates, bans and shedding.
    pub defense: Arc<Defense>,
    /// Refusals of callers who are nobody yet.
    pub refusals: Arc<Refusals>,
    /// What is counted.
    pub metrics: Metrics,
    /// A line for each request.
    pub access_log: AccessLog,
    /// Public keys by their thumbprints, for tokens that are bound to them.
    pub bound_keys: BoundKeys,
}

/// The gateway's own resources, for requests that are for none of the routes.
pub trait OwnPaths: Send + Sync {
    /// The name of the resource that a request is for when only the customer whom it is about may read it. The gate then
    /// identifies the caller and asks the policies, as on a `proof` route of that name, and [`super::Visitor`] is among the
    /// request's extensions.
    fn about_a_customer(&self, head: &Parts) -> Option<&'static str>;

    /// Answers an admitted request; `Arc<Connection>` and [`RequestId`] are among its extensions.
    fn answer(&self, request: Request<Body>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>>;
}

/// The gate.
pub struct Gate {
    pub(super) services: Arc<Services>,
    snapshot: ArcSwap<Snapshot>,
    own: Arc<dyn OwnPaths>,
}

impl Gate {
    /// A gate that judges by `snapshot` until another is put in force.
    #[must_use]
    pub fn new(services: Arc<Services>, snapshot: Snapshot, own: Arc<dyn OwnPaths>) -> Self {
        Self {
            services,
            snapshot: ArcSwap::from_pointee(snapshot),
            own,
        }
    }

    /// What is in force, with the keys as they stand.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.snapshot.load_full();
        let keys = self.services.keyring.current();
        if Arc::ptr_eq(&snapshot.keys, &keys) {
            return snapshot;
        }
        let fresh = Arc::new(snapshot.with_keys(keys));
        self.snapshot.compare_and_swap(&snapshot, Arc::clone(&fresh));
        fresh
    }

    /// Puts a new configuration or new policies in force: for every request that arrives from now on.
    pub fn put_in_force(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Takes a request from arrival to answer.
    pub async fn handle(&self, request: Request<Body>, connection: Arc<Connection>) -> Response<Body> {
        let at = self.services.clock.now();
        let id = RequestId::new(at, &*self.services.entropy);
        let noted = Noted::of(&request, &connection, &self.services.access_log);
        let arrived = Arrived::new(request, connection, self.snapshot(), id, at);
        let answered = match self.travel(arrived).await {
            Ok(answered) => answered,
            Err(refused) => self.refuse(refused).await,
        };
        let took = self.services.clock.now().since(at);
        tally::count(&answered, took, &self.services.metrics);
        if let Some(noted) = noted {
            noted.tell(&answered, (id, at, took), &self.services.access_log);
        }
        answered.response
    }

    /// Every step, once, in order.
    async fn travel(&self, arrived: Arrived) -> Result<Answered, Refused> {
        let services = &self.services;
        // Well-formed, for a host and a route of ours, within its limits and rates, while there is room for it.
        let admitted = admit(arrived, &services.defense)?;
        if admitted.is_own() {
            return self.answer_own(admitted).await;
        }
        // Who sends it, and that they hold the key their token is bound to.
        let identified = identify(admitted, services).await?;
        // That exactly this was signed, just now, once.
        let attested = attest(identified, services).await?;
        // Asked before with the same key: answered from the record.
        let attested = match recall(attested, services).await? {
            Recalled::Answered(answered) => return Ok(answered),
            Recalled::New(attested) => *attested,
        };
        // That a backend can read in a payment only what the gate reads.
        let attested = payment_is_json(attested)?;
        // That the policies permit it.
        let permitted = permit(attested, services).await?;
        // What it needs is taken, and what goes out is signed.
        let (sealed, pending) = seal(permitted, &self.snapshot, services).await?;
        // Sent, and what became of it recorded. The doors carry a request to its end whether or not its client waits.
        Ok(forward(sealed, pending, services).await)
    }

    async fn answer_own(&self, admitted: super::Admitted) -> Result<Answered, Refused> {
        let (exchange, body) = admitted.into_parts();
        let resource = self.own.about_a_customer(&exchange.head);
        if let Err(fault) = check_own(&exchange, resource.is_some(), &self.services.defense) {
            return Err(Refused::new(exchange, fault));
        }
        let visitor = match resource {
            None => None,
            Some(resource) => match visitor(&exchange, resource, &self.services).await {
                Ok(visitor) => Some(visitor),
                Err(fault) => return Err(Refused::new(exchange, fault)),
            },
        };
        let id = exchange.id;
        let mut request = Request::from_parts(exchange.head, body);
        request.extensions_mut().insert(exchange.connection);
        request.extensions_mut().insert(id);
        if let Some(visitor) = visitor {
            request.extensions_mut().insert(visitor);
        }
        let mut response = self.own.answer(request).await;
        add_security_headers(response.headers_mut(), id);
        Ok(Answered {
            response,
            code: None,
            route: None,
            client: None,
        })
    }

    async fn refuse(&self, refused: Refused) -> Answered {
        let exchange = &refused.exchange;
        let route = exchange.route.as_ref().map(|route| &route.name);
        let name = route.map_or("-", |route| route.as_str());
        let lines = self.services.defense.lines();
        // What callers who are somebody can cause is bounded by their rate.
        let unwritten = match refused.caller {
            Some(_) => Some(0),
            None => lines.one_more(exchange.at),
        };
        if let Some(unwritten) = unwritten {
            tracing::info!(request = %exchange.id, route = name, fault = %refused.fault, unwritten, "refused");
        }
        self.record(&refused).await;
        if refused.caller.is_none() {
            self.count_malformed(&refused);
            let source = SourcePrefix::of(exchange.connection.peer.ip());
            self.services
                .refusals
                .count(source, refused.fault.code, route, exchange.at);
        }
        refuse(refused, &self.services).await
    }

    /// What is no well-formed request counts against its source: a flood of it is one, a few are not.
    fn count_malformed(&self, refused: &Refused) {
        let exchange = &refused.exchange;
        if refused.fault.code == Code::RequestMalformed {
            let (rules, source) = (&exchange.snapshot.config.defense, exchange.connection.peer.ip());
            self.services.defense.malformed(rules, source, exchange.at);
        }
    }

    /// The refusal of an identified caller by judgement is a decision, and goes on record before the caller hears of it.
    async fn record(&self, refused: &Refused) {
        let (Some((customer, client)), Some(route)) = (&refused.caller, &refused.exchange.route) else {
            return;
        };
        let code = refused.fault.code;
        let version = matches!(
            code,
            Code::PolicyDenied | Code::LoginRequired | Code::ApprovalRequired
        )
        .then(|| refused.exchange.snapshot.policy().version().to_owned());
        let event = Event::refused(
            customer.clone(),
            client.clone(),
            route.name.clone(),
            code,
            version,
        );
        let mut batch = Batch::new();
        batch.record(refused.exchange.at, &*self.services.entropy, &event);
        if let Err(error) = self.services.db.commit(batch).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }
}
