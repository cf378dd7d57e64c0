//! How clients prove themselves (RFC 7523, RFC 8705).

use std::time::Duration;

use countersign_jose::{KeyKind, PrivateKey, jws};
use serde_json::{Map, Value, json};

use super::app::{Answer, App, Gateway, ISSUER, Options, START, jwk, post, unique};
use crate::base::{ClientCertificate, Door};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that signs assertions.
struct Confidential<'a> {
    gateway: &'a Gateway,
    key: PrivateKey,
}

impl<'a> Confidential<'a> {
    async fn registered(gateway: &'a Gateway) -> Self {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().key;
        let mut public = jwk(&key);
        public["kid"] = json!("k1");
        let registration = json!({
            "client_id": "signer", "profile": "fapi2-security", "scope": "accounts",
            "token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [public]},
        });
        gateway.register(registration).await;
        Self { gateway, key }
    }

    fn claims(&self) -> Value {
        let now = self.gateway.now().seconds();
        json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": unique(), "iat": now, "exp": now + 60})
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as("JWT", json!({"kid": "k1"}), claims, &self.key)
    }

    fn sign_as(&self, typ: &str, header: Value, claims: &Value, key: &PrivateKey) -> String {
        let header: Map<String, Value> = header.as_object().unwrap().clone();
        jws::sign(typ, header, claims, key).unwrap()
    }

    /// Asks about a token: needs nothing but the client's authentication.
    async fn ask(&self, assertion: &str) -> Answer {
        self.send(&[("client_assertion_type", TYPE), ("client_assertion", assertion)])
            .await
    }

    async fn send(&self, parameters: &[(&str, &str)]) -> Answer {
        let mut all = vec![("token", "x")];
        all.extend_from_slice(parameters);
        self.gateway.send(post("/oauth/introspect", &all)).await
    }
}

/// CAUTH-01, CAUTH-04
#[tokio::test]
async fn a_good_assertion_is_accepted_with_or_without_the_explicit_type() {
    let gateway = Gateway::start().await;
    let client = Confidential::registered(&gateway).await;
    assert_eq!(client.ask(&client.sign(&client.claims())).await.status, 200);
    let explicit = client.sign_as(
        "client-authentication+jwt",
        json!({}),
        &client.claims(),
        &client.key,
    );
    assert_eq!(client.ask(&explicit).await.status, 200);
}

/// CAUTH-01 to CAUTH-03, FAPI-08, FAPI-12
#[tokio::test]
async fn assertions_with_any_fault_are_refused() {
    let gateway = Gateway::start().await;
    let client = Confidential::registered(&gateway).await;
    let now = START.seconds();
    let changed = |name: &str, value: Value| {
        let mut claims = client.claims();
        claims[name] = value;
        client.sign(&claims)
    };
    let stranger = PrivateKey::generate(KeyKind::P256).unwrap().key;
    let edwards = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
    let long = json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": unique(), "iat": now, "exp": now + 301});
    for (fault, assertion) in [
        (
            "the token endpoint as audience",
            changed("aud", json!(format!("{ISSUER}/oauth/token"))),
        ),
        ("an array as audience", changed("aud", json!([ISSUER]))),
        ("a slash too many", changed("aud", json!(format!("{ISSUER}/")))),
        ("another issuer", changed("iss", json!("app"))),
        ("expired", changed("exp", json!(now))),
        ("living too long", client.sign(&long)),
        ("dated ahead", changed("iat", json!(now + 11))),
        ("not valid yet", changed("nbf", json!(now + 61))),
        ("a clock ten minutes slow", {
            let mut claims = client.claims();
            claims["iat"] = json!(now - 600);
            claims["exp"] = json!(now - 540);
            client.sign(&claims)
        }),
        ("without jti", changed("jti", Value::Null)),
        ("an empty jti", changed("jti", json!(""))),
        (
            "an unknown kid",
            client.sign_as("JWT", json!({"kid": "k2"}), &client.claims(), &client.key),
        ),
        (
            "another key",
            client.sign_as("JWT", json!({"kid": "k1"}), &client.claims(), &stranger),
        ),
        (
            "a key it brings along",
            client.sign_as("JWT", json!({"jwk": jwk(&stranger)}), &client.claims(), &stranger),
        ),
        (
            "another algorithm",
            client.sign_as("JWT", json!({"kid": "k1"}), &client.claims(), &edwards),
        ),
        (
            "another type",
            client.sign_as("at+jwt", json!({"kid": "k1"}), &client.claims(), &client.key),
        ),
    ] {
        let answer = client.ask(&assertion).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{fault}");
    }
    for (fault, parameters) in [
        ("nothing but a name", vec![("client_id", "signer")]),
        (
            "no type",
            vec![("client_assertion", "x.y.z"), ("client_id", "signer")],
        ),
        (
            "another type",
            vec![
                ("client_assertion", "x.y.z"),
                ("client_id", "signer"),
                ("client_assertion_type", "saml"),
            ],
        ),
        (
            "a secret",
            vec![("client_id", "signer"), ("client_secret", "hunter2")],
        ),
        (
            "garbage",
            vec![("client_assertion", "garbage"), ("client_assertion_type", TYPE)],
        ),
    ] {
        assert_eq!(
            client.send(&parameters).await.refusal(),
            (401, "invalid_client".to_owned()),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn an_assertion_is_used_once_also_across_a_restart() {
    let gateway = Gateway::start().await;
    let (assertion, again) = {
        let client = Confidential::registered(&gateway).await;
        let assertion = client.sign(&client.claims());
        assert_eq!(client.ask(&assertion).await.status, 200);
        assert_eq!(client.ask(&assertion).await.status, 401);
        let mut later = client.claims();
        later["iat"] = json!(START.seconds() + 3);
        (assertion, client.sign(&later))
    };
    let folder = gateway.stop();
    let now = START.plus(Duration::from_secs(2));
    let options = Options {
        proofs_from: now,
        ..Options::default()
    };
    let restarted = Gateway::start_in(folder, options, now).await;
    let send = async |assertion: &str| {
        let parameters = [
            ("token", "x"),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
        ];
        restarted
            .send(post("/oauth/introspect", &parameters))
            .await
            .status
            .as_u16()
    };
    assert_eq!(send(&assertion).await, 401);
    assert_eq!(send(&again).await, 200);
}

/// CAUTH-03
#[tokio::test]
async fn two_ways_to_authenticate_at_once_are_refused() {
    let gateway = Gateway::start().await;
    let client = Confidential::registered(&gateway).await;
    let assertion = client.sign(&client.claims());
    let both = [
        ("client_id", "app"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    assert_eq!(
        client.send(&both).await.refusal(),
        (400, "invalid_request".to_owned())
    );
    let mut basic = post("/oauth/introspect", &[("client_id", "app"), ("token", "x")]);
    basic
        .headers_mut()
        .insert("authorization", "Basic YXBwOng=".parse().unwrap());
    let answer = gateway.send(basic).await;
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    assert!(answer.headers.contains_key("www-authenticate"));
    let unneeded = App::new(&gateway)
        .post(
            "/oauth/introspect",
            &[("token", "x"), ("client_assertion", "a.b.c")],
        )
        .await;
    assert_eq!(unneeded.refusal(), (401, "invalid_client".to_owned()));
}

/// MTLS-01, MTLS-02
#[tokio::test]
async fn certificates_prove_the_client_that_registered_them() {
    let gateway = Gateway::start().await;
    let own = rcgen::KeyPair::generate().unwrap();
    let certificate = |names: &[&str], key: &rcgen::KeyPair| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = rcgen::CertificateParams::new(names)
            .unwrap()
            .self_signed(key)
            .unwrap();
        ClientCertificate::new(certificate.der())
    };
    let der = certificate(&["x"], &own).der;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    let point = &parsed.public_key().subject_public_key.data;
    let key = countersign_jose::PublicKey::p256_point(point).unwrap();
    let registered = Value::Object(countersign_jose::jwk::Jwk::new(key).to_object());
    let by_name = json!({
        "client_id": "by-name", "profile": "fapi2-security", "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "client.example",
    });
    let by_key = json!({
        "client_id": "by-key", "profile": "fapi2-security",
        "token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": {"keys": [registered]},
    });
    gateway.register(by_name).await;
    gateway.register(by_key).await;
    let other = rcgen::KeyPair::generate().unwrap();
    for (client, certificate, expected) in [
        ("by-name", Some(certificate(&["Client.Example"], &other)), 200),
        (
            "by-name",
            Some(certificate(&["other.example", "client.example"], &other)),
            200,
        ),
        (
            "by-name",
            Some(certificate(&["client.example.evil"], &other)),
            401,
        ),
        ("by-name", Some(certificate(&[], &other)), 401),
        ("by-name", None, 401),
        ("by-key", Some(certificate(&["anything"], &own)), 200),
        ("by-key", Some(certificate(&["anything"], &other)), 401),
        ("by-key", None, 401),
    ] {
        let request = post("/oauth/introspect", &[("client_id", client), ("token", "x")]);
        let answer = gateway.send_over(request, Door::MutualTls, certificate).await;
        assert_eq!(answer.status.as_u16(), expected, "{client}: {}", answer.text);
    }
}
