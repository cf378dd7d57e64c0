//! Judges the factors a customer presents, together. Right, wrong and unknown cost the same: one lookup, one counted
//! attempt on disk, one hash, one record of what came of it (RTS article 4(3)(a)).

use std::net::IpAddr;
use std::time::Duration;

use countersign_jose::Thumbprint;

use super::assurance::Factor;
use super::credentials::{self, Credentials};
use super::customer::{Customers, Username};
use super::password::{Caller, Overloaded, Password, Passwords};
use super::throttle::{Attempt, Ledger, Throttle};
use super::totp::{self, TotpSecret};
use crate::base::{ClientId, CustomerId, DeviceId, Entropy, Event, Secret, Timestamp};
use crate::privacy::{Vault, VaultError};
use crate::store::{Batch, Db, StoreError};
use crate::telemetry::{Metrics, names};

/// How long to wait when too many passwords are being checked.
const OVERLOADED_WAIT: Duration = Duration::from_secs(5);

/// Why a login could not be judged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginError {
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Overloaded {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The store failed, or what it holds cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Vault(error.into())
    }
}

/// Factors presented together, and by whom.
#[derive(Debug)]
pub struct Presented<'a> {
    /// The username in its normal form.
    pub username: &'a Username,
    /// The password, when it is to be judged.
    pub password: Option<&'a Password>,
    /// The one-time code, when it is to be judged.
    pub otp: Option<&'a Secret<String>>,
    /// The app that took them.
    pub client: &'a ClientId,
    /// The key that app has proven.
    pub device_key: Thumbprint,
    /// The other end of the connection.
    pub source: IpAddr,
    /// The moment they arrived.
    pub now: Timestamp,
}

/// What came of them.
#[derive(Debug)]
pub enum Outcome {
    /// All of them are right.
    Proven(Proven),
    /// Not all of them are right, or there is no such customer, or it is locked: nobody learns which.
    Refused,
    /// Not judged: too many failures in a row.
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Factors that are right.
#[derive(Debug)]
pub struct Proven {
    /// Whose they are.
    pub customer: CustomerId,
    /// The known device they were presented on.
    pub device: Option<DeviceId>,
    /// The factors.
    pub factors: Vec<Factor>,
    /// What must happen with whatever is granted for them: the code is used up, the throttle forgets. When the commit
    /// fails with [`totp::STEP_IS_UNUSED`], they were not right after all: [`Logins::record_failure`].
    pub effects: Batch,
    /// What the throttle counted for them.
    pub attempt: Attempt,
}

/// The judge of logins.
pub struct Logins {
    db: Db,
    customers: Customers,
    vault: Vault,
    passwords: Passwords,
    throttle: Throttle,
    entropy: std::sync::Arc<dyn Entropy>,
    metrics: Metrics,
    /// Computed with where a customer has no secret, so that the time is the same.
    dummy_totp: TotpSecret,
}

impl Logins {
    /// Over the services it needs. The secret that stands in for those that do not exist is made here.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "20 bytes are within the bounds of a TOTP secret"
    )]
    pub fn new(
        db: Db,
        customers: Customers,
        vault: Vault,
        passwords: Passwords,
        throttle: Throttle,
        entropy: std::sync::Arc<dyn Entropy>,
        metrics: Metrics,
    ) -> Self {
        let dummy_totp = TotpSecret::new(&entropy.bytes::<20>()).expect("20 bytes");
        Self {
            db,
            customers,
            vault,
            passwords,
            throttle,
            entropy,
            metrics,
            dummy_totp,
        }
    }

    /// Whether the key is one of a device that the customer called `username` has used before.
    ///
    /// # Errors
    /// [`LoginError::Vault`].
    pub async fn is_known_device(&self, username: &Username, key: &Thumbprint) -> Result<bool, LoginError> {
        Ok(
            credentials::find(&self.db, &self.vault, self.customers.index(username), key)
                .await?
                .device
                .is_some(),
        )
    }

    /// Forgets what need not be known of failures any more; a job calls it every minute.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        self.throttle.sweep(now).await
    }

    /// Judges what is presented. Unless it is proven, what happened is on disk when this returns.
    ///
    /// # Errors
    /// [`LoginError`]; the attempt then does not count.
    pub async fn judge(&self, presented: &Presented<'_>) -> Result<Outcome, LoginError> {
        let outcome = self.judge_factors(presented).await;
        let label = match &outcome {
            Ok(Outcome::Proven(_)) => "proven",
            Ok(Outcome::Refused) => "refused",
            Ok(Outcome::Throttled { .. }) => "throttled",
            Err(_) => "not-judged",
        };
        self.metrics.count(&names::LOGINS, [label.into()]);
        outcome
    }

    async fn judge_factors(&self, presented: &Presented<'_>) -> Result<Outcome, LoginError> {
        let name = self.customers.index(presented.username);
        let credentials = credentials::find(&self.db, &self.vault, name, &presented.device_key).await?;
        let known = credentials.device.is_some();
        let ledger = if known {
            Ledger::KnownDevices
        } else {
            Ledger::Strangers
        };
        let factors = presented.factors();
        let attempt = match self.throttle.begin(name, ledger, &factors, presented.now).await? {
            Ok(attempt) => attempt,
            Err(throttled) => {
                return Ok(Outcome::Throttled {
                    retry_after: throttled.retry_after,
                });
            }
        };
        let caller = Caller::new(presented.source, known);
        match self.compare(presented, &credentials, caller).await {
            Ok(Some(mut effects)) => {
                let customer = credentials.customer.unwrap_or_else(|| CustomerId::new(""));
                self.throttle.succeeded(&mut effects, &attempt);
                Ok(Outcome::Proven(Proven {
                    customer,
                    device: credentials.device,
                    factors,
                    effects,
                    attempt,
                }))
            }
            Ok(None) => {
                self.record_failure(presented.client, credentials.customer, &attempt, presented.now)
                    .await?;
                Ok(Outcome::Refused)
            }
            Err(Overloaded) => {
                self.throttle.forgive(&attempt).await?;
                Err(LoginError::Overloaded {
                    retry_after: OVERLOADED_WAIT,
                })
            }
        }
    }

    /// What the proven factors use up, or `None` when one of them is wrong. Every factor is computed, whatever came of
    /// the one before.
    async fn compare(
        &self,
        presented: &Presented<'_>,
        credentials: &Credentials,
        caller: Caller,
    ) -> Result<Option<Batch>, Overloaded> {
        let mut effects = Batch::new();
        let mut right = credentials.customer.is_some() && !credentials.locked;
        let mut outdated = None;
        if let Some(password) = presented.password {
            let stored = credentials.password.as_ref();
            let compared = self.passwords.compare(password, stored, caller).await?;
            right &= compared.matches;
            outdated = compared.outdated.then_some(password);
        }
        if let Some(code) = presented.otp {
            let step = self.matching_step(credentials, code.expose(), presented.now);
            right &= step.is_some();
            if let (Some(customer), Some(step)) = (&credentials.customer, step) {
                totp::consume(&mut effects, customer, step);
            }
        }
        if !right {
            return Ok(None);
        }
        if let (Some(password), Some(customer)) = (outdated, &credentials.customer) {
            self.rehash(&mut effects, customer, password, caller, presented.now)
                .await;
        }
        Ok(Some(effects))
    }

    fn matching_step(&self, credentials: &Credentials, code: &str, now: Timestamp) -> Option<i64> {
        let (secret, last_step) = match &credentials.totp {
            Some((secret, last_step)) => (secret, *last_step),
            None => (&self.dummy_totp, i64::MAX),
        };
        secret.matching_step(code, now).filter(|step| *step > last_step)
    }

    /// Makes the hash anew when what is asked of hashes has risen (PWD-06). When there is no room now, the next login
    /// does it.
    async fn rehash(
        &self,
        effects: &mut Batch,
        customer: &CustomerId,
        password: &Password,
        caller: Caller,
        now: Timestamp,
    ) {
        if let Ok(stored) = self.passwords.hash(password, caller).await {
            credentials::replace_password(effects, customer, &stored, now);
        }
    }

    /// Records a refused login, for names that exist and names that do not alike. Whoever grants something for what is
    /// [`Proven`] does it where that was used up meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_failure(
        &self,
        client: &ClientId,
        customer: Option<CustomerId>,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let event = Event::LoginFailed {
            customer: customer.clone(),
            client: client.clone(),
        };
        batch.record(now, self.entropy.as_ref(), &event);
        if let Some(customer) = customer {
            for factor in attempt.would_block() {
                let event = Event::FactorBlocked {
                    customer: customer.clone(),
                    factor: factor.name(),
                    strangers_only: attempt.ledger() == Ledger::Strangers,
                };
                batch.record(now, self.entropy.as_ref(), &event);
            }
        }
        self.db.commit(batch).await
    }
}

impl Presented<'_> {
    fn factors(&self) -> Vec<Factor> {
        let password = self.password.map(|_| Factor::Password);
        let otp = self.otp.map(|_| Factor::Otp);
        password.into_iter().chain(otp).collect()
    }
}
