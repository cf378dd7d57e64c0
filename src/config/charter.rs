//! The charter: the keys that decide how strict the gate is, as one text of sorted lines and its hash. Two people read
//! the lines that changed; the store and the log keep the hash.

use std::collections::BTreeSet;
use std::fmt;

use data_encoding::HEXLOWER;

use super::load::Config;
use super::route::Route;
use super::settle::Settle;
use super::transaction::Transaction;
use super::trust_anchors::TrustAnchors;
use super::upstream::Upstream;

/// The gate-relevant keys, one `key = value` a line, sorted. Two files with the same charter guard alike, however they
/// are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    text: String,
}

/// Keeps the hash apart from that of any other text.
const DOMAIN: &[u8] = b"countersign/charter/v1\n";

impl Config {
    /// The charter of this configuration.
    pub fn charter(&self) -> Charter {
        let mut lines = Lines::default();
        lines.add("server.public_url", &self.server.public_url);
        lines.add("server.mtls_url", &self.server.mtls_url);
        lines.add("server.admin_url", &self.server.admin_url);
        lines.add("auth.host", self.auth_host());
        lines.add("admin.quorum", self.admin.quorum);
        lines.add_anchors("admin.client_ca", self.admin.client_ca.as_ref());
        lines.add("admin.client_crl", self.admin.client_crl.is_some());
        lines.add("tls.min_version", self.tls.min_version.as_str());
        lines.add_anchors("tls.client_ca", self.tls.client_ca.as_ref());
        lines.add("tls.client_crl", self.tls.client_crl.is_some());
        lines.add("dpop.nonce", self.dpop.nonce.as_str());
        lines.add_all("proxy.trusted", &self.proxy.trusted);
        lines.add_all("defense.trusted_sources", &self.defense.trusted_sources);
        lines.add_all("outbound.allow", &self.outbound.allow);
        self.upstreams
            .iter()
            .for_each(|upstream| lines.add_upstream(upstream));
        self.routes.iter().for_each(|route| lines.add_route(route));
        lines.into_charter()
    }
}

impl Charter {
    /// The charter that was written down as `text`.
    pub fn recorded(text: String) -> Self {
        Self { text }
    }

    /// The keys whose lines differ from those of `other`, each once, in order.
    pub fn differences(&self, other: &Charter) -> Vec<String> {
        let own: BTreeSet<&str> = self.text.lines().collect();
        let theirs: BTreeSet<&str> = other.text.lines().collect();
        let keys = own
            .symmetric_difference(&theirs)
            .map(|line| line.split_once(" = ").map_or(*line, |(key, _)| key));
        // The lines are sorted, and with them their keys: equal ones are neighbours.
        let mut keys: Vec<String> = keys.map(str::to_owned).collect();
        keys.dedup();
        keys
    }

    /// The text that is hashed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// SHA-256 over `countersign/charter/v1`, a line feed, and the text.
    pub fn sha256(&self) -> [u8; 32] {
        countersign_jose::sha256(&[DOMAIN, self.text.as_bytes()].concat())
    }
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    /// Adds a line; the value is quoted so that none can pretend to be two lines.
    fn add(&mut self, key: &str, value: impl fmt::Display) {
        self.0.push(format!("{key} = {:?}\n", value.to_string()));
    }

    fn add_all<T: fmt::Display>(&mut self, key: &str, values: &[T]) {
        values.iter().for_each(|value| self.add(key, value));
    }

    fn add_anchors(&mut self, key: &str, anchors: Option<&TrustAnchors>) {
        self.add(
            key,
            anchors.map_or("none".to_owned(), |anchors| {
                format!("sha256:{}", HEXLOWER.encode(&anchors.sha256()))
            }),
        );
    }

    fn add_upstream(&mut self, upstream: &Upstream) {
        let key = |member: &str| format!("upstream.{}.{member}", upstream.name);
        self.add_all(&key("urls"), &upstream.urls);
        self.add_anchors(&key("ca"), upstream.ca.as_ref());
        self.add(&key("client_certificate"), upstream.client_identity.is_some());
        self.add(&key("trust_domain"), &upstream.trust_domain);
        self.add(&key("client_evidence"), upstream.client_evidence.as_str());
        self.add(&key("answer_keys"), upstream.answer_keys.is_some());
        self.add(&key("settle"), upstream.settle.name());
        if let Settle::Probe { after, path } = &upstream.settle {
            self.add(&key("settle_after"), after.as_secs());
            self.add(&key("settle_path"), path);
        }
    }

    fn add_route(&mut self, route: &Route) {
        let key = |member: &str| format!("route.{}.{member}", route.name);
        self.add(&key("host"), &route.host);
        self.add(&key("methods"), &route.methods);
        self.add(&key("path"), &route.path);
        self.add(&key("upstream"), &route.upstream);
        self.add(&key("access"), route.access.as_str());
        self.add_all(&key("scope"), &route.scope);
        self.add(&key("acr"), route.acr.unwrap_or(0));
        self.add(&key("body_limit"), route.body_limit);
        self.add(&key("answer_limit"), route.answer_limit);
        self.add_all(&key("answer_headers"), &route.answer_headers);
        self.add(&key("idempotency"), route.idempotency.as_str());
        if let Some(transaction) = &route.transaction {
            self.add_transaction(&key("transaction"), transaction);
        }
    }

    fn add_transaction(&mut self, key: &str, transaction: &Transaction) {
        self.add(&format!("{key}.type"), &transaction.kind);
        for (member, pointer) in [
            ("amount", Some(&transaction.amount)),
            ("currency", Some(&transaction.currency)),
            ("payee", Some(&transaction.payee)),
            ("payee_name", transaction.payee_name.as_ref()),
            ("debtor", transaction.debtor.as_ref()),
            ("reference", transaction.reference.as_ref()),
            ("execution_date", transaction.execution_date.as_ref()),
        ] {
            if let Some(pointer) = pointer {
                self.add(&format!("{key}.{member}"), pointer);
            }
        }
        self.add_all(&format!("{key}.also"), &transaction.also);
    }

    fn into_charter(mut self) -> Charter {
        self.0.sort_unstable();
        self.0.dedup();
        Charter {
            text: self.0.concat(),
        }
    }
}
