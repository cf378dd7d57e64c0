//! A customer with one of their apps: a session, a token, and the key it is bound to.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::{ClientId, SessionId};
use countersign::identity::device;
use countersign::identity::session::{self, Confirmation, Session};
use countersign::oauth::access_token::issue;
use countersign::oauth::{Scope, Settings, bound_key};
use countersign::store::Batch;
use countersign_jose::{KeyKind, PrivateKey, Thumbprint};

use super::draft::Draft;
use super::gateway::TestGateway;

/// How a caller came in.
#[derive(Clone, Copy)]
pub(crate) struct Login {
    pub(crate) customer: &'static str,
    pub(crate) client: &'static str,
    pub(crate) acr: u8,
    pub(crate) known_device: bool,
    pub(crate) scope: &'static str,
    pub(crate) key: KeyKind,
    /// A certificate that the token is bound to instead of the key.
    pub(crate) certificate: Option<Thumbprint>,
}

impl Default for Login {
    /// Alice with two factors in the operator's own app, on a device that is known.
    fn default() -> Self {
        Self {
            customer: "alice",
            client: "app",
            acr: 2,
            known_device: true,
            scope: "accounts payments consents orders",
            key: KeyKind::P256,
            certificate: None,
        }
    }
}

/// A caller with a token of the gateway's own making.
pub(crate) struct Caller<'g> {
    pub(crate) gateway: &'g TestGateway,
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) session: Session,
    pub(crate) scope: Scope,
    pub(crate) token: String,
}

impl TestGateway {
    /// Alice, as she usually comes in.
    pub(crate) async fn alice(&self) -> Caller<'_> {
        self.login(Login::default()).await
    }

    /// A session as a login of this kind leaves it, and a token of it.
    pub(crate) async fn login(&self, login: Login) -> Caller<'_> {
        let key = Arc::new(PrivateKey::generate(login.key).unwrap().key);
        let thumbprint = key.public_key().thumbprint();
        let (now, customer, client) = (
            self.now(),
            self.customer(login.customer),
            ClientId::new(login.client),
        );
        let mut batch = Batch::new();
        bound_key::remember(&mut batch, key.public_key());
        let device = login
            .known_device
            .then(|| device::remember(&mut batch, &customer, &client, &thumbprint, now, self.entropy()));
        let session = Session {
            id: SessionId::random(self.entropy()),
            customer,
            client,
            confirmation: login
                .certificate
                .map_or(Confirmation::Jkt(thumbprint), Confirmation::X5t),
            device,
            acr: login.acr,
            amr: ["pwd", "otp", "pop"].map(str::to_owned).to_vec(),
            auth_time: now,
            expires_at: now.plus(Duration::from_secs(12 * 3600)),
            idle_limit: None,
            last_activity: now,
            revoked_at: None,
        };
        session::begin(&mut batch, &session);
        self.services.db.commit(batch).await.unwrap();
        let scope = Scope::parse(login.scope).unwrap();
        let token = self.token(&session, &scope);
        Caller {
            gateway: self,
            key,
            session,
            scope,
            token,
        }
    }

    /// A token of `session`, signed by the key in force.
    pub(crate) fn token(&self, session: &Session, scope: &Scope) -> String {
        let keys = self.services.keyring.current();
        let settings = Settings::new(self.public_url());
        issue(&settings, session, scope, &keys, self.entropy(), self.now())
            .unwrap()
            .token
    }
}

impl<'g> Caller<'g> {
    /// A fresh token of the same session.
    pub(crate) fn renew(&mut self) {
        self.token = self.gateway.token(&self.session, &self.scope);
    }

    /// `GET` with token and proof.
    pub(crate) fn get(&self, target: &str) -> Draft<'g> {
        Draft::new(self.gateway, "GET", target)
            .with_token(self)
            .with_proof(self)
    }

    /// A signed `POST` of JSON, whose signature is the proof.
    pub(crate) fn post(&self, target: &str, body: &str) -> Draft<'g> {
        Draft::new(self.gateway, "POST", target)
            .with_token(self)
            .with_body(body)
            .with_signature(self)
    }

    /// A signed payment under a key of its own.
    pub(crate) fn pay(&self, body: &str) -> Draft<'g> {
        let key = self.gateway.entropy().token(16);
        self.pay_under(&key, body)
    }

    /// A signed payment under this idempotency key.
    pub(crate) fn pay_under(&self, key: &str, body: &str) -> Draft<'g> {
        Draft::new(self.gateway, "POST", "/payments")
            .with_token(self)
            .with_body(body)
            .header("idempotency-key", &format!("\"{key}\""))
            .with_signature(self)
    }
}
