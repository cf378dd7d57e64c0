//! Whether the gateway is fit to take requests: named checks, and the marks an operator must not overlook.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Longest time one check may take; a check that hangs has failed.
const CHECK_TIME: Duration = Duration::from_secs(2);

const DEVELOPMENT_WARNING: &str =
    "DEVELOPMENT STORE: made with secrets that others know; never put real customers or money behind it";

/// One thing that must work before the gateway takes requests.
pub trait Check: Send + Sync {
    /// Its name, as `/readyz` shows it: `store`.
    fn name(&self) -> &'static str;

    /// Looks. The error says what is wrong to an operator; it must hold nothing about a person and no secret.
    fn run(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

/// The health of one gateway.
pub struct Health {
    checks: Vec<Arc<dyn Check>>,
    check_time: Duration,
    development: bool,
    draining: AtomicBool,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health")
            .field("development", &self.development)
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// `ready`, `unready` or `draining`.
    pub status: &'static str,
    /// Whether the store is one for development only.
    pub development: bool,
    /// Said loudly where `development` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// Every check by name: `ok`, or what is wrong.
    pub checks: serde_json::Map<String, serde_json::Value>,
}

impl Readiness {
    /// Whether requests may be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status == "ready"
    }
}

impl Health {
    /// With these checks; `development` is the mark of the store.
    #[must_use]
    pub fn new(checks: Vec<Arc<dyn Check>>, development: bool) -> Self {
        Self {
            checks,
            check_time: CHECK_TIME,
            development,
            draining: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says that the gateway is going away, so that load balancers stop sending.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Runs every check, one after the other.
    pub async fn readiness(&self) -> Readiness {
        let mut checks = serde_json::Map::new();
        let mut all_well = true;
        for check in &self.checks {
            let outcome = self.outcome(check.as_ref()).await;
            all_well &= outcome.is_ok();
            let text = outcome.map_or_else(|cause| cause, |()| "ok".to_owned());
            checks.insert(check.name().to_owned(), text.into());
        }
        Readiness {
            status: self.status(all_well),
            development: self.development,
            warning: self.development.then_some(DEVELOPMENT_WARNING),
            checks,
        }
    }

    async fn outcome(&self, check: &dyn Check) -> Result<(), String> {
        tokio::time::timeout(self.check_time, check.run())
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    fn status(&self, all_well: bool) -> &'static str {
        match (self.draining.load(Ordering::Acquire), all_well) {
            (true, _) => "draining",
            (false, true) => "ready",
            (false, false) => "unready",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static str, Result<(), &'static str>);
    impl Check for Fixed {
        fn name(&self) -> &'static str {
            self.0
        }
        fn run(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
            Box::pin(async { self.1.map_err(str::to_owned) })
        }
    }

    struct Hanging;
    impl Check for Hanging {
        fn name(&self) -> &'static str {
            "store"
        }
        fn run(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn one_failed_check_makes_it_unready_and_is_named() {
        let checks: Vec<Arc<dyn Check>> = vec![
            Arc::new(Fixed("store", Ok(()))),
            Arc::new(Fixed("policy", Err("no version is in force"))),
        ];
        let readiness = Health::new(checks, false).readiness().await;
        assert_eq!(readiness.status, "unready");
        assert_eq!(readiness.checks["store"], "ok");
        assert_eq!(readiness.checks["policy"], "no version is in force");
    }

    #[tokio::test]
    async fn a_check_that_hangs_has_failed() {
        let mut health = Health::new(vec![Arc::new(Hanging)], false);
        health.check_time = Duration::from_millis(5);
        let readiness = health.readiness().await;
        assert!(!readiness.is_ready());
        assert_eq!(readiness.checks["store"], "no answer in time");
    }

    #[tokio::test]
    async fn draining_is_not_ready_and_development_is_said_loudly() {
        let health = Health::new(Vec::new(), true);
        let readiness = health.readiness().await;
        assert!(readiness.is_ready() && readiness.development);
        assert!(readiness.warning.unwrap().starts_with("DEVELOPMENT STORE"));
        health.drain();
        assert_eq!(health.readiness().await.status, "draining");
    }
}
