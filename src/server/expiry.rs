//! When the certificates and revocation lists in force end: in the metrics always, in the log 30, 7 and 1 days before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::material::Material;
use crate::base::Timestamp;
use crate::config::{Config, TrustAnchors};
use crate::telemetry::{Label, Metrics, names};
use crate::tls::{Ending, Validity};

/// What ends, with the key of the configuration that leads to it.
pub(super) type Ends = Vec<(Arc<str>, Validity)>;
/// What there is to say about one of them.
type News = (Arc<str>, Validity, Ending);

/// What is in force, and what has been said about it.
pub(super) struct Expiry {
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ends: Ends,
    /// What the log said last, by key and name.
    said: HashMap<(Arc<str>, String), Ending>,
}

impl Expiry {
    pub(super) fn new(metrics: Metrics, ends: Ends, now: Timestamp) -> Self {
        let expiry = Self {
            metrics,
            state: Mutex::default(),
        };
        expiry.replace(ends, now);
        expiry
    }

    /// The ends of everything that `config` names.
    pub(super) fn of(config: &Config, material: &Material) -> Ends {
        let mut ends = Ends::new();
        for (index, pair) in material.server.iter().enumerate() {
            add_chain(&mut ends, &format!("tls.certificate[{index}]"), &pair.chain);
        }
        add_anchors(&mut ends, "tls.client_ca", config.tls.client_ca.as_ref());
        add_lists(&mut ends, "tls.client_crl", material.client_lists.as_deref());
        add_anchors(&mut ends, "admin.client_ca", config.admin.client_ca.as_ref());
        add_lists(&mut ends, "admin.client_crl", material.admin_lists.as_deref());
        for (upstream, material) in config.upstreams.iter().zip(&material.upstreams) {
            let key = |name: &str| format!("upstream.{}.{name}", upstream.name);
            add_anchors(&mut ends, &key("ca"), upstream.ca.as_ref());
            if let Some(own) = &material.client {
                add_chain(&mut ends, &key("client_certificate"), &own.chain);
            }
        }
        ends
    }

    /// Puts others in their place, and says at once what there is to say about them.
    pub(super) fn replace(&self, ends: Ends, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = state.ends.iter().map(|(key, _)| Arc::clone(key));
        let mut first: HashMap<Arc<str>, Option<Timestamp>> = gone.map(|key| (key, None)).collect();
        for (key, validity) in &ends {
            let earliest = first.entry(Arc::clone(key)).or_default();
            let is_earlier = earliest.is_none_or(|other| validity.ends.seconds() < other.seconds());
            *earliest = if is_earlier {
                Some(validity.ends)
            } else {
                *earliest
            };
        }
        for (key, end) in first {
            let labels = [Label::configured(&key)];
            self.metrics.set_time(&names::CERTIFICATE_END, labels, end);
        }
        state.ends = ends;
        log_all(&state.tell(now));
    }

    /// Says what has come nearer since the last time; to be called about every hour.
    pub(super) fn tell(&self, now: Timestamp) {
        let news = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tell(now);
        log_all(&news);
    }
}

impl State {
    /// What is nearer than when it was said last, and is said by nobody else from now on.
    #[must_use]
    fn tell(&mut self, now: Timestamp) -> Vec<News> {
        let (mut said, mut news) = (HashMap::new(), Vec::new());
        for (key, validity) in &self.ends {
            let ending = validity.ending(now);
            let place = (Arc::clone(key), validity.name.clone());
            if ending > self.said.get(&place).copied().unwrap_or(Ending::NotSoon) {
                news.push((Arc::clone(key), validity.clone(), ending));
            }
            said.insert(place, ending);
        }
        // Those that are gone are forgotten with their warnings.
        self.said = said;
        news
    }
}

fn log_all(news: &[News]) {
    for (key, validity, ending) in news {
        log(key, validity, *ending);
    }
}

fn log(key: &str, validity: &Validity, ending: Ending) {
    let (name, ends) = (&validity.name, validity.ends);
    match ending {
        Ending::NotSoon => {}
        Ending::WithinMonth => tracing::warn!(key, name, %ends, "ends within 30 days; renew it"),
        Ending::WithinWeek => tracing::warn!(key, name, %ends, "ends within 7 days; renew it"),
        Ending::WithinDay => tracing::error!(key, name, %ends, "ends within a day; renew it now"),
        Ending::Ended => tracing::error!(key, name, %ends, "has ended; what depends on it is refused"),
    }
}

fn add_chain(ends: &mut Ends, key: &str, pem: &[u8]) {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).flatten().collect();
    add(
        ends,
        key,
        certificates.iter().filter_map(Validity::of_certificate),
    );
}

fn add_anchors(ends: &mut Ends, key: &str, anchors: Option<&TrustAnchors>) {
    let certificates = anchors.map(TrustAnchors::certificates).unwrap_or_default();
    add(
        ends,
        key,
        certificates.iter().filter_map(Validity::of_certificate),
    );
}

fn add_lists(ends: &mut Ends, key: &str, pem: Option<&[u8]>) {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem.unwrap_or_default())
        .flatten()
        .collect();
    add(ends, key, lists.iter().filter_map(Validity::of_list));
}

fn add(ends: &mut Ends, key: &str, validities: impl Iterator<Item = Validity>) {
    let key: Arc<str> = key.into();
    ends.extend(validities.map(|validity| (Arc::clone(&key), validity)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(name: &str, seconds: i64) -> (Arc<str>, Validity) {
        let validity = Validity {
            name: name.to_owned(),
            begins: Timestamp::from_seconds(0),
            ends: Timestamp::from_seconds(seconds),
        };
        ("tls.client_ca".into(), validity)
    }

    fn rendered(metrics: &Metrics) -> String {
        let text = metrics.render();
        let name = "countersign_certificate_end_timestamp_seconds{";
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_earliest_end_of_a_file_is_in_the_metrics_until_it_is_configured_no_more() {
        let metrics = Metrics::default();
        let both = vec![ends("CN=a", 2_000), ends("CN=b", 1_000)];
        let expiry = Expiry::new(metrics.clone(), both, Timestamp::from_seconds(0));
        let line = "countersign_certificate_end_timestamp_seconds{of=\"tls.client_ca\"}";
        assert_eq!(rendered(&metrics), format!("{line} 1000"));
        expiry.replace(vec![ends("CN=a", 3_000)], Timestamp::from_seconds(0));
        assert_eq!(rendered(&metrics), format!("{line} 3000"));
        expiry.replace(Vec::new(), Timestamp::from_seconds(0));
        assert_eq!(rendered(&metrics), format!("{line} NaN"));
    }

    const DAY: i64 = 86_400;

    #[test]
    fn what_comes_nearer_while_the_gateway_runs_is_in_the_log() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(file.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, || {
            let day = |day| Timestamp::from_seconds(day * DAY);
            let expiry = Expiry::new(Metrics::default(), vec![ends("CN=a", 90 * DAY)], day(0));
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "");
            for (now, said) in [(61, "ends within 30 days"), (91, "has ended")] {
                expiry.tell(day(now));
                let log = std::fs::read_to_string(file.path()).unwrap();
                let last = log.lines().last().unwrap();
                assert!(last.contains(said) && last.contains("CN=a"), "{log}");
            }
        });
    }

    #[test]
    fn each_nearer_end_is_said_once() {
        let mut state = State {
            ends: vec![ends("CN=a", 90 * DAY)],
            said: HashMap::new(),
        };
        let mut told = |day: i64| {
            let said = state.tell(Timestamp::from_seconds(day * DAY));
            said.into_iter().map(|(_, _, ending)| ending).collect::<Vec<_>>()
        };
        assert_eq!(told(0), []);
        assert_eq!(told(61), [Ending::WithinMonth]);
        assert_eq!(told(62), []);
        assert_eq!(told(84), [Ending::WithinWeek]);
        assert_eq!(told(89), [Ending::WithinDay]);
        assert_eq!(told(89), []);
        assert_eq!(told(91), [Ending::Ended]);
        assert_eq!(told(92), []);
    }
}
