//! Keys that take effect at a start only. A reload that touches one changes nothing and names it.

use super::load::Config;

impl Config {
    /// The keys that differ from `new` and cannot change while the gateway runs, as their paths in the file; a
    /// section's name where that is so of all its keys.
    pub fn restart_only_differences(&self, new: &Config) -> Vec<&'static str> {
        let (own, other) = (&self.server, &new.server);
        [
            ("server.public_url", own.public_url != other.public_url),
            ("server.mtls_url", own.mtls_url != other.mtls_url),
            ("server.admin_url", own.admin_url != other.admin_url),
            ("server.listen", own.listen != other.listen),
            ("server.mtls_listen", own.mtls_listen != other.mtls_listen),
            ("server.admin_listen", own.admin_listen != other.admin_listen),
            ("server.ops_listen", own.ops_listen != other.ops_listen),
            ("server.threads", own.threads != other.threads),
            ("store.url", self.store.url != new.store.url),
            ("store.ephemeral", self.store.ephemeral != new.store.ephemeral),
            ("keys.kek", self.keys.kek != new.keys.kek),
            ("keys.period", self.keys.period != new.keys.period),
            (
                "keys.publish_ahead",
                self.keys.publish_ahead != new.keys.publish_ahead,
            ),
            // With it the twin listens, without it there is none; which authorities they are can change.
            (
                "tls.client_ca",
                self.tls.client_ca.is_some() != new.tls.client_ca.is_some(),
            ),
            (
                "admin.client_ca",
                self.admin.client_ca.is_some() != new.admin.client_ca.is_some(),
            ),
            ("dpop.nonce", self.dpop != new.dpop),
            ("identity", self.identity != new.identity),
            ("proxy.trusted", self.proxy != new.proxy),
            ("defense", !self.defense.follows(&new.defense)),
            ("log.anchor", self.log != new.log),
            ("telemetry.level", self.telemetry.level != new.telemetry.level),
            ("telemetry.format", self.telemetry.format != new.telemetry.format),
            (
                "telemetry.access_log",
                self.telemetry.access_log != new.telemetry.access_log,
            ),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}
