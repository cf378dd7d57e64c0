//! The configuration in the words of the services it is about.

use crate::base::Timestamp;
use crate::config::{Config, DpopNonce};
use crate::identity::{self, PasswordParameters};
use crate::oauth::{self, NoncePolicy};

/// `[identity]` as the customers' services read it. How guessing is slowed down is fixed by SCA-05 and AAL-06, not by the
/// configuration.
#[must_use]
pub fn identity_settings(config: &Config) -> identity::Settings {
    let identity = &config.identity;
    let password = &identity.password;
    identity::Settings {
        password: PasswordParameters {
            memory_kib: password.memory_kib,
            passes: password.iterations,
            lanes: password.parallelism,
        },
        hash_memory: usize::try_from(password.memory_budget).unwrap_or(usize::MAX),
        session_life: identity.session_lifetime,
        session_idle: identity.session_idle,
        ..identity::Settings::default()
    }
}

/// `[identity]`, `[dpop]` and what else the authorization server reads. Proofs dated before `proofs_from` are stale.
#[must_use]
pub fn oauth_settings(config: &Config, proofs_from: Timestamp) -> oauth::Settings {
    let identity = &config.identity;
    let mut scopes: Vec<String> = config
        .routes
        .iter()
        .flat_map(|route| route.scope.iter().cloned())
        .collect();
    scopes.push("offline_access".to_owned());
    scopes.sort_unstable();
    scopes.dedup();
    oauth::Settings {
        mtls_origin: config
            .tls
            .client_ca
            .as_ref()
            .map(|_| config.server.mtls_url.as_str().to_owned()),
        nonce: match config.dpop.nonce {
            DpopNonce::Off => NoncePolicy::Off,
            DpopNonce::Token => NoncePolicy::Token,
            DpopNonce::Always => NoncePolicy::Always,
        },
        proofs_from,
        access_token_life: identity.access_token_lifetime,
        refresh_token_life: identity.refresh_token_lifetime,
        code_life: identity.code_lifetime,
        challenge_life: identity.auth_session_lifetime,
        scopes,
        keys_max_age: config.keys.publish_ahead,
        ..oauth::Settings::new(config.server.public_url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    const FILE: &str = r#"
[server]
public_url = "https://pay.example.com"
admin_listen = []
mtls_url = "https://mtls.example.com"
[[tls.certificate]]
chain = "server.pem"
key = "file:server.key.pem"
[tls]
client_ca = "ca.pem"
[keys]
kek = "file:master.key"
publish_ahead = "7s"
[dpop]
nonce = "always"
[identity]
access_token_lifetime = "31s"
refresh_token_lifetime = "2h"
session_lifetime = "6m"
session_idle = "61s"
auth_session_lifetime = "32s"
code_lifetime = "6s"
[identity.password]
memory = "8MiB"
iterations = 3
parallelism = 4
memory_budget = "9MiB"
[[upstream]]
name = "bank"
urls = "http://127.0.0.1:1"
trust_domain = "bank"
[[route]]
name = "accounts"
methods = "GET"
path = "/accounts"
upstream = "bank"
access = "proof"
scope = ["accounts"]
"#;

    fn config(folder: &Path) -> Config {
        let authority = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(folder.join("ca.pem"), authority.cert.pem()).unwrap();
        std::fs::write(folder.join("countersign.toml"), FILE).unwrap();
        crate::config::load(&folder.join("countersign.toml")).unwrap()
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn every_key_about_logins_arrives_where_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let identity = identity_settings(&config);
        let password = PasswordParameters {
            memory_kib: 8 * 1024,
            passes: 3,
            lanes: 4,
        };
        assert_eq!(identity.password, password);
        assert_eq!(identity.hash_memory, 9 << 20);
        assert_eq!(
            (identity.session_life, identity.session_idle),
            (seconds(360), seconds(61))
        );

        let oauth = oauth_settings(&config, Timestamp::from_seconds(5));
        assert_eq!(
            (oauth.access_token_life, oauth.refresh_token_life),
            (seconds(31), seconds(7200))
        );
        assert_eq!((oauth.code_life, oauth.challenge_life), (seconds(6), seconds(32)));
        assert_eq!(oauth.keys_max_age, seconds(7));
        assert_eq!(
            (oauth.nonce, oauth.proofs_from),
            (NoncePolicy::Always, Timestamp::from_seconds(5))
        );
        assert_eq!(oauth.issuer, "https://pay.example.com");
        assert_eq!(oauth.mtls_origin.as_deref(), Some("https://mtls.example.com"));
        assert_eq!(oauth.scopes, ["accounts", "offline_access"]);
    }
}
