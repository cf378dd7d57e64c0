//! The gateway's keys as this backend knows them: cached as long as the gateway allows, renewed before that ends,
//! fetched at once when a request names a key that is not known yet, kept for a bounded time when the gateway cannot
//! be reached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign_jose::PublicKey;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::document::{self, PublishedKey, Purpose};
use crate::fetch::{FetchError, FetchKeys, Fetched};
use crate::refusal::Refusal;

/// How long a document is fresh that does not say so, in seconds.
const DEFAULT_MAX_AGE: i64 = 300;
/// Longest freshness that is believed, in seconds: a revoked key must not live on for days.
const LONGEST_MAX_AGE: i64 = 24 * 3600;
/// Fetches in a row that requests with unknown keys may cause, and the seconds after which one more is allowed.
const BURST: i64 = 4;
const REFILL: i64 = 5;
/// How far the times of a key and of a signature may differ, in seconds: a request is under way while keys switch.
const GRACE: i64 = 60;
/// How long one fetch may take, whoever does it.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The cache of one document.
pub(crate) struct KeyCache {
    purpose: Purpose,
    url: String,
    fetcher: Arc<dyn FetchKeys>,
    clock: Arc<dyn Clock>,
    max_stale: i64,
    current: RwLock<Option<Arc<Snapshot>>>,
    /// Held while fetching, so that requests which wait for the same document cause one fetch.
    allowance: Mutex<Allowance>,
    renewing: AtomicBool,
}

struct Snapshot {
    keys: HashMap<String, PublishedKey>,
    fetched_at: i64,
    max_age: i64,
}

/// Bounds how often a stranger's requests make this backend fetch.
struct Allowance {
    fetches: i64,
    refilled_at: i64,
}

impl KeyCache {
    pub(crate) fn new(
        purpose: Purpose,
        gateway_url: &str,
        fetcher: Arc<dyn FetchKeys>,
        clock: Arc<dyn Clock>,
        max_stale: i64,
    ) -> Self {
        let refilled_at = clock.now();
        Self {
            purpose,
            url: format!("{gateway_url}{}", purpose.path()),
            fetcher,
            clock,
            max_stale,
            current: RwLock::new(None),
            allowance: Mutex::new(Allowance {
                fetches: BURST,
                refilled_at,
            }),
            renewing: AtomicBool::new(false),
        }
    }

    /// The key called `keyid` that signs at `moment`.
    pub(crate) async fn find(self: &Arc<Self>, keyid: &str, moment: i64) -> Result<PublicKey, Refusal> {
        let snapshot = self.fresh().await?;
        if let Some(key) = snapshot.key(keyid, moment) {
            return Ok(key);
        }
        // Keys may have been rotated a moment ago.
        let renewed = match self.renew(Some(&snapshot)).await {
            Ok(renewed) => renewed.key(keyid, moment),
            Err(error) => {
                tracing::warn!(url = %self.url, %error, "a request names an unknown key, and the gateway's keys cannot be fetched");
                None
            }
        };
        renewed.ok_or_else(|| Refusal::KeyUnknown {
            purpose: self.purpose.name(),
            keyid: keyid.chars().take(64).collect(),
        })
    }

    /// Fetches the document now.
    pub(crate) async fn warm(&self) -> Result<(), FetchError> {
        let known = self.snapshot();
        self.renew(known.as_ref()).await.map(drop)
    }

    /// A set of keys that may still be used, renewed where that is due.
    async fn fresh(self: &Arc<Self>) -> Result<Arc<Snapshot>, Refusal> {
        let known = self.snapshot();
        let Some(snapshot) = known else {
            return self.renew(None).await.map_err(Refusal::KeysUnavailable);
        };
        let age = self.clock.now().saturating_sub(snapshot.fetched_at);
        if age > snapshot.max_age {
            let usable = age <= snapshot.max_age.saturating_add(self.max_stale);
            // One request waits for the gateway, which may not answer; the others go on with what is known.
            if usable && self.allowance.try_lock().is_err() {
                return Ok(snapshot);
            }
            return match self.renew(Some(&snapshot)).await {
                Err(error) if !usable => Err(Refusal::KeysUnavailable(error)),
                Err(_) => Ok(snapshot),
                Ok(renewed) => Ok(renewed),
            };
        }
        if age > snapshot.max_age / 5 * 4 {
            self.renew_behind(&snapshot);
        }
        Ok(snapshot)
    }

    /// Renews without making the request wait.
    fn renew_behind(self: &Arc<Self>, known: &Arc<Snapshot>) {
        if self.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (cache, known) = (Arc::clone(self), Arc::clone(known));
        tokio::spawn(async move {
            if let Err(error) = cache.renew(Some(&known)).await {
                tracing::warn!(url = %cache.url, %error, "the gateway's keys could not be renewed; the known ones stay in use");
            }
            cache.renewing.store(false, Ordering::Release);
        });
    }

    /// Fetches, unless somebody else replaced `known` meanwhile or the allowance is used up.
    async fn renew(&self, known: Option<&Arc<Snapshot>>) -> Result<Arc<Snapshot>, FetchError> {
        let mut allowance = self.allowance.lock().await;
        if let Some(current) = self.snapshot()
            && known.is_none_or(|known| !Arc::ptr_eq(known, &current))
        {
            return Ok(current);
        }
        let now = self.clock.now();
        if !allowance.take(now) {
            return Err(FetchError::new(
                "the keys were fetched a moment ago; trying again soon",
            ));
        }
        let fetched = tokio::time::timeout(TIME_LIMIT, self.fetcher.fetch(&self.url))
            .await
            .unwrap_or_else(|_| Err(FetchError::new("fetching took too long")))?;
        let snapshot = Arc::new(Snapshot {
            keys: document::read(&fetched.body, self.purpose)?,
            fetched_at: now,
            max_age: max_age(&fetched),
        });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Snapshot {
    fn key(&self, keyid: &str, moment: i64) -> Option<PublicKey> {
        self.keys
            .get(keyid)
            .filter(|key| key.signs_at(moment, GRACE))
            .map(|key| key.key.clone())
    }
}

impl Allowance {
    fn take(&mut self, now: i64) -> bool {
        let earned = now.saturating_sub(self.refilled_at).max(0) / REFILL;
        if earned > 0 {
            self.fetches = self.fetches.saturating_add(earned).min(BURST);
            self.refilled_at = now;
        }
        let allowed = self.fetches > 0;
        self.fetches -= i64::from(allowed);
        allowed
    }
}

/// `max-age` of `Cache-Control`; `no-store` and `no-cache` read as 0 (RFC 9111, section 5.2.2).
fn max_age(fetched: &Fetched) -> i64 {
    let Some(value) = &fetched.cache_control else {
        return DEFAULT_MAX_AGE;
    };
    let mut seconds = DEFAULT_MAX_AGE;
    for directive in value.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return 0;
        }
        if let Some(number) = directive.strip_prefix("max-age=") {
            seconds = number.trim_matches('"').parse().unwrap_or(0);
        }
    }
    seconds.clamp(0, LONGEST_MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_what_the_gateway_says_within_bounds() {
        let age = |cache_control: Option<&str>| {
            max_age(&Fetched {
                body: bytes::Bytes::new(),
                cache_control: cache_control.map(str::to_owned),
            })
        };
        assert_eq!(age(None), DEFAULT_MAX_AGE);
        assert_eq!(age(Some("public, Max-Age=60")), 60);
        assert_eq!(age(Some("max-age=60, no-cache")), 0);
        assert_eq!(age(Some("max-age=-5")), 0);
        assert_eq!(age(Some("max-age=many")), 0);
        assert_eq!(age(Some("max-age=99999999")), LONGEST_MAX_AGE);
    }

    #[test]
    fn the_allowance_refills_with_time_only() {
        let mut allowance = Allowance {
            fetches: BURST,
            refilled_at: 0,
        };
        assert_eq!((0..10).filter(|_| allowance.take(1)).count(), 4);
        assert!(!allowance.take(REFILL - 1));
        assert!(allowance.take(REFILL + 1) && !allowance.take(REFILL + 1));
        assert!(!allowance.take(-100), "a clock that goes back earns nothing");
    }
}
