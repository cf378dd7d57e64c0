//! Who takes part: two customers, four client apps and an administrator. Their secrets are made for this run.

use countersign_jose::jwk::{Jwk, JwkSet};
use countersign_jose::{KeyKind, PrivateKey, jws};
use data_encoding::BASE32_NOPAD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::base::Entropy;
use crate::cli::console::CliError;

/// Everyone.
pub(super) struct People {
    /// Alice first; `load` second, for long runs.
    pub(super) customers: [Customer; 2],
    /// The first-party app first.
    pub(super) clients: Vec<Client>,
}

/// A customer of the bank.
pub(super) struct Customer {
    pub(super) username: &'static str,
    pub(super) display_name: &'static str,
    pub(super) password: Zeroizing<String>,
    /// Base32, as authenticator apps take it.
    pub(super) totp_secret: Zeroizing<String>,
    pub(super) accounts: &'static [Account],
    /// A payee who is on the customer's list of trusted payees.
    pub(super) trusted_payee: &'static str,
}

/// An account of a customer.
#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) iban: &'static str,
    pub(super) name: &'static str,
    pub(super) currency: &'static str,
}

/// Someone who is paid.
pub(super) struct Payee {
    pub(super) name: &'static str,
    pub(super) iban: &'static str,
}

/// A client app.
pub(super) struct Client {
    pub(super) client_id: &'static str,
    pub(super) name: &'static str,
    pub(super) profile: &'static str,
    pub(super) scope: &'static str,
    pub(super) authentication: Authentication,
}

/// How a client app authenticates.
pub(super) enum Authentication {
    /// Not at all: the customer's own app, bound by the key it makes.
    None,
    /// With assertions signed by this key.
    PrivateKeyJwt {
        /// The private JWK with `kid` and `alg`.
        private: Zeroizing<String>,
        /// What the gateway gets.
        public: JwkSet,
    },
    /// With a certificate that names this host.
    Certificate {
        /// Its DNS name.
        host: &'static str,
    },
}

/// The administrator's name.
pub(super) const ADMIN: &str = "ada";
/// Where browsers are sent back to; nobody needs to listen there.
pub(super) const REDIRECT_URI: &str = "https://ledger.example/callback";
/// Whom the payments of the story go to.
pub(super) const BOOKSHOP: Payee = Payee {
    name: "Corner Bookshop",
    iban: "FR1420041010050500013M02606",
};

const SCOPE: &str = "offline_access accounts payments messages orders";

impl People {
    /// Makes everyone, with new secrets.
    ///
    /// # Errors
    /// When a key cannot be made.
    pub(super) fn invent(entropy: &dyn Entropy) -> Result<Self, CliError> {
        Ok(Self {
            customers: [alice(entropy), load(entropy)],
            clients: vec![
                Client {
                    client_id: "first-party",
                    name: "Alice's banking app",
                    profile: "first-party",
                    scope: SCOPE,
                    authentication: Authentication::None,
                },
                ledger("ledger", "Ledger", "fapi2-security", KeyKind::P256)?,
                ledger(
                    "ledger-signed",
                    "Ledger, signed messages",
                    "fapi2-message-signing",
                    KeyKind::Ed25519,
                )?,
                Client {
                    client_id: "ledger-mtls",
                    name: "Ledger, by certificate",
                    profile: "fapi2-security",
                    scope: SCOPE,
                    authentication: Authentication::Certificate {
                        host: "ledger-mtls.example",
                    },
                },
            ],
        })
    }
}

fn alice(entropy: &dyn Entropy) -> Customer {
    Customer {
        username: "alice",
        display_name: "Alice Abel",
        password: password(entropy),
        totp_secret: totp_secret(entropy),
        accounts: &[
            Account {
                iban: "DE89370400440532013000",
                name: "Everyday",
                currency: "EUR",
            },
            Account {
                iban: "DE75512108001245126199",
                name: "Savings",
                currency: "EUR",
            },
        ],
        trusted_payee: "NL91ABNA0417164300",
    }
}

fn load(entropy: &dyn Entropy) -> Customer {
    Customer {
        username: "load",
        display_name: "Load Runner",
        password: password(entropy),
        totp_secret: totp_secret(entropy),
        accounts: &[Account {
            iban: "AT611904300234573201",
            name: "Everyday",
            currency: "EUR",
        }],
        trusted_payee: "BE68539007547034",
    }
}

/// 144 random bits, 24 characters.
fn password(entropy: &dyn Entropy) -> Zeroizing<String> {
    Zeroizing::new(entropy.token(18))
}

/// 160 random bits, as RFC 4226 section 4 recommends.
fn totp_secret(entropy: &dyn Entropy) -> Zeroizing<String> {
    let bytes = Zeroizing::new(entropy.bytes::<20>());
    Zeroizing::new(BASE32_NOPAD.encode(bytes.as_ref()))
}

fn ledger(
    client_id: &'static str,
    name: &'static str,
    profile: &'static str,
    kind: KeyKind,
) -> Result<Client, CliError> {
    let generated = PrivateKey::generate(kind).map_err(CliError::failed)?;
    let key = generated.key.public_key().clone();
    let public = Jwk {
        kid: Some(key.thumbprint().to_string()),
        alg: Some(jws::algorithm_name(key.algorithm()).to_owned()),
        public_key_use: Some("sig".to_owned()),
        key,
    };
    let mut private = public.to_object();
    private.extend(generated.private_jwk());
    Ok(Client {
        client_id,
        name,
        profile,
        scope: SCOPE,
        authentication: Authentication::PrivateKeyJwt {
            private: Zeroizing::new(Value::Object(private).to_string()),
            public: JwkSet { keys: vec![public] },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn every_run_has_its_own_secrets() {
        let entropy = SystemEntropy::default();
        let (one, two) = (
            People::invent(&entropy).unwrap(),
            People::invent(&entropy).unwrap(),
        );
        for (one, two) in one.customers.iter().zip(&two.customers) {
            assert_ne!(one.password, two.password);
            assert_ne!(one.totp_secret, two.totp_secret);
            assert_eq!(one.totp_secret.len(), 32);
        }
    }

    #[test]
    fn a_private_jwk_has_its_name_and_algorithm() {
        let people = People::invent(&SystemEntropy::default()).unwrap();
        let Authentication::PrivateKeyJwt { private, public } = &people.clients[1].authentication else {
            panic!("ledger has a key");
        };
        let jwk: Value = serde_json::from_str(private).unwrap();
        assert_eq!(jwk["kid"], public.keys[0].kid.clone().unwrap());
        assert_eq!(jwk["alg"], "ES256");
        assert!(jwk["d"].is_string() && public.keys[0].to_object().get("d").is_none());
    }
}
