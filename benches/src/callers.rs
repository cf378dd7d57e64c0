//! Customers who are logged in, by the reference client as any app would.

use std::sync::Arc;

use countersign::base::{Clock as _, SystemClock};
use countersign::identity::TotpSecret;
use countersign_client::{Client, ClientKey, Factor, LoginRequest, LoginStep, Secret, Session};
use countersign_jose::{KeyKind, PrivateKey};
use serde_json::Value;

use crate::Outcome;
use crate::home::{CLIENT, Customer, Home, SCOPE};

/// A token with less left than this many seconds is renewed before a measurement.
const LEFT: i64 = 120;

/// A customer's app.
pub struct App {
    client: Client,
    session: Session,
    key: Arc<PrivateKey>,
}

/// What requests are made with: a token, and the key it is bound to.
#[derive(Clone)]
pub struct Caller {
    /// The access token.
    pub token: String,
    /// The key.
    pub key: Arc<PrivateKey>,
    /// Its thumbprint (RFC 7638), which is `keyid` of signatures.
    pub thumbprint: String,
}

/// Logs every customer of a home in, each with a key of its own.
///
/// # Errors
/// A login fails.
pub async fn log_in(home: &Home) -> Outcome<Vec<App>> {
    let ca = std::fs::read(home.path("certs/ca.pem"))?;
    let mut apps = Vec::new();
    for customer in &home.customers {
        apps.push(App::log_in(home, customer, &ca).await?);
    }
    Ok(apps)
}

/// Logs one customer in, with a key that is used for nothing else.
///
/// # Errors
/// The login fails.
pub async fn log_in_once(home: &Home, customer: &Customer) -> Outcome<()> {
    let ca = std::fs::read(home.path("certs/ca.pem"))?;
    App::log_in(home, customer, &ca).await?;
    Ok(())
}

/// Renews the tokens that would not last, and says what to make requests with.
///
/// # Errors
/// A session has ended.
pub async fn ready(apps: &mut [App]) -> Outcome<Vec<Caller>> {
    let mut callers = Vec::new();
    for app in apps {
        if app.session.expires_at() < SystemClock.now().seconds() + LEFT {
            app.session = app.client.refresh(&app.session).await?;
        }
        callers.push(Caller {
            token: app.session.access_token().expose().to_owned(),
            key: Arc::clone(&app.key),
            thumbprint: app.key.public_key().thumbprint().to_string(),
        });
    }
    Ok(callers)
}

impl App {
    async fn log_in(home: &Home, customer: &Customer, ca: &[u8]) -> Outcome<Self> {
        let key = ClientKey::generate(KeyKind::Ed25519)?;
        let jwk: Value = serde_json::from_str(key.private_jwk().expose())?;
        let private = PrivateKey::from_jwk(jwk.as_object().ok_or("a key is an object")?)?;
        let client = Client::builder(home.url())
            .ca_pem(ca)
            .client_id(CLIENT)
            .key(key)
            .connect()
            .await?;
        let request = LoginRequest {
            scope: SCOPE.to_owned(),
            acr_values: Some("urn:countersign:acr:2".to_owned()),
            factors: vec![Factor::Password {
                username: customer.username.clone(),
                password: Secret::new(customer.password.clone()),
            }],
        };
        let code = TotpSecret::from_base32(&customer.totp_secret)?.code(SystemClock.now());
        let session = match client.begin_login(&request).await? {
            LoginStep::Done(session) => session,
            LoginStep::More(pending) => {
                let factor = Factor::Otp(Secret::new(code));
                match client.continue_login(pending, &factor).await? {
                    LoginStep::Done(session) => session,
                    LoginStep::More(pending) => {
                        return Err(format!("more factors: {:?}", pending.factors).into());
                    }
                }
            }
        };
        Ok(Self {
            client,
            session,
            key: Arc::new(private),
        })
    }
}
