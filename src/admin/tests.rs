//! The API as an admin's tool meets it: what it does, what it refuses, and what it leaves on record.

mod audit;
mod bans;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use countersign_jose::Thumbprint;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::answer::Body;
use crate::base::limits::ADMIN_BODY_BYTES;
use crate::base::{
    AdminName, ClientCertificate, Code, Connection, Door, Fault, ManualClock, SystemEntropy, Timestamp,
};
use crate::defense::Defense;
use crate::keys::{Keyring, Purpose, Schedule, SealKey};
use crate::store::{Batch, Db};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ANNA: &[u8] = b"the certificate of anna, DER";
const STRANGER: &[u8] = b"a certificate nobody registered, DER";

/// Permits what is on the list.
struct Roles(&'static [&'static str]);

impl Authorize for Roles {
    fn decide(&self, admin: &AdminFacts, action: &'static str) -> Result<(), Fault> {
        assert_eq!((admin.name.as_str(), admin.person.as_str()), ("anna", "Anna A."));
        if self.0.contains(&action) {
            Ok(())
        } else {
            Err(Fault::new(Code::PolicyDenied).detail("Your roles do not include this."))
        }
    }
}

/// A gateway that reloads as it was told.
struct Gateway(Mutex<Result<ReloadReport, Vec<String>>>);

impl Running for Gateway {
    fn in_force(&self) -> InForce {
        InForce {
            policy_version: "v-7".to_owned(),
            charter: "charter".to_owned(),
            development: true,
        }
    }
}

impl Reload for Gateway {
    fn reload(&self, _: Option<String>) -> Reloading<'_> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }
}

struct World {
    _dir: TempDir,
    db: Db,
    keyring: Arc<Keyring>,
    gateway: Arc<Gateway>,
    clock: Arc<ManualClock>,
    log: Arc<crate::audit::Log>,
    defense: Arc<Defense>,
    router: Router,
}

const EVERYTHING: &[&str] = &[
    action::GATEWAY_INSPECT,
    action::GATEWAY_RELOAD,
    action::BAN_LIST,
    action::BAN_LIFT,
    action::KEYS_LIST,
    action::KEYS_REVOKE,
    action::KEYS_ROTATE,
    action::POLICY_LIST,
    action::AUDIT_READ,
];

async fn world() -> World {
    world_of(EVERYTHING).await
}

async fn world_of(permitted: &'static [&'static str]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("admin.db")).unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let entropy = Arc::new(SystemEntropy::default());
    let schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: None,
    };
    let kek = SealKey::new(&[7; 32]);
    let keyring = Keyring::open(db.clone(), kek, schedule, clock.clone(), entropy.clone())
        .await
        .unwrap();
    let keyring = Arc::new(keyring);
    let mut batch = Batch::new();
    add_to_batch(&mut batch, &anna(), START);
    db.commit(batch).await.unwrap();
    let report = ReloadReport {
        policy_version: "v-8".to_owned(),
        changed: vec!["policies".to_owned()],
    };
    let gateway = Arc::new(Gateway(Mutex::new(Ok(report))));
    let log = Arc::new(crate::audit::Log::new(db.clone(), "gate.example", false));
    let defense = Arc::new(Defense::new(entropy.clone()));
    let router = router(Services {
        db: db.clone(),
        admins: Admins::new(db.clone()),
        keyring: keyring.clone(),
        defense: defense.clone(),
        log: log.clone(),
        readers: Readers::default(),
        authorize: Arc::new(Roles(permitted)),
        running: gateway.clone(),
        reload: gateway.clone(),
        clock: clock.clone(),
        entropy,
        started_at: START,
    });
    World {
        _dir: dir,
        db,
        keyring,
        gateway,
        clock,
        log,
        defense,
        router,
    }
}

fn anna() -> NewAdmin {
    NewAdmin {
        name: AdminName::new("anna"),
        person: "Anna A.".to_owned(),
        roles: vec!["custodian".to_owned()],
        certificate: thumbprint(ANNA),
    }
}

fn thumbprint(der: &[u8]) -> Thumbprint {
    ClientCertificate::new(der).thumbprint
}

fn connection(door: Door, certificate: Option<&[u8]>) -> Arc<Connection> {
    Arc::new(Connection {
        door,
        peer: "127.0.0.1:50000".parse().unwrap(),
        tls_version: "TLSv1_3",
        group: "X25519",
        client_certificate: certificate.map(|der| Arc::new(ClientCertificate::new(der))),
        channel_binding: None,
    })
}

fn request(method: Method, path: &str, body: &str) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path);
    let builder = builder.header("content-type", "application/json");
    builder
        .extension(connection(Door::Admin, Some(ANNA)))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, "")
}

fn post(path: &str, body: &Value) -> Request<Body> {
    request(Method::POST, path, &body.to_string())
}

impl World {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn done(&self, request: Request<Body>) -> Value {
        let response = self.send(request).await;
        let status = response.status();
        let body = json_of(response).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The code and the detail of a refusal.
    async fn refused(&self, request: Request<Body>) -> (String, String) {
        let response = self.send(request).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key("request-id"));
        let status = response.status().as_u16();
        let body = json_of(response).await;
        assert_eq!(body["status"], status);
        let code = body["type"]
            .as_str()
            .unwrap()
            .strip_prefix("urn:countersign:problem:")
            .unwrap();
        (code.to_owned(), body["detail"].as_str().unwrap().to_owned())
    }

    async fn last_event(&self) -> Value {
        let sql = "SELECT body FROM event ORDER BY sequence DESC LIMIT 1";
        let row = self.db.query_one(sql, vec![]).await.unwrap().unwrap();
        serde_json::from_str(row.text(0).unwrap()).unwrap()
    }

    async fn acted(&self, action: &str) -> usize {
        let sql = "SELECT body FROM event WHERE body LIKE '%admin-acted%' AND body LIKE '%' || $1 || '%'";
        self.db.query(sql, vec![action.into()]).await.unwrap().len()
    }
}

async fn json_of(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn status_and_policies_say_what_is_in_force() {
    let world = world().await;
    let status = world.done(get("/admin/v1/status")).await;
    assert_eq!(status["policy_version"], "v-7");
    assert_eq!(status["started_at"], START.to_string());
    assert_eq!(
        (&status["admin"], &status["development"]),
        (&json!("anna"), &json!(true))
    );
    assert_eq!(
        world.done(get("/admin/v1/policies")).await,
        json!({"in_force": {"version": "v-7"}})
    );
    let expected = json!({"kind": "admin-acted", "admin": "anna", "action": "policy_list"});
    assert_eq!(world.last_event().await, expected);
    assert_eq!(world.acted("gateway_inspect").await, 1);
}

#[tokio::test]
async fn the_list_shows_every_key_and_no_secret() {
    let world = world().await;
    let list = world.done(get("/admin/v1/keys")).await;
    let keys = list["keys"].as_array().unwrap();
    assert_eq!(keys.len(), Purpose::ALL.len());
    for key in keys {
        assert_eq!(key["state"], "active");
        assert_eq!(key["active_at"], START.to_string());
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let expected = [
            "active_at",
            "algorithm",
            "created_at",
            "destroy_at",
            "kid",
            "purpose",
            "retired_at",
            "state",
        ];
        assert_eq!(members, expected);
    }
    assert_eq!(world.acted("keys_list").await, 1);
}

/// Token, txn and message are rotated by one admin.
#[tokio::test]
async fn one_admin_rotates_the_signing_keys() {
    let world = world().await;
    for purpose in [Purpose::Token, Purpose::Txn, Purpose::Message] {
        let old = world.keyring.current().signing(purpose).unwrap().kid.clone();
        let order = json!({"purpose": purpose.name(), "immediately": true});
        let answer = world.done(post("/admin/v1/keys/rotate", &order)).await;
        let signer = world.keyring.current().signing(purpose).unwrap().kid.clone();
        assert_eq!(answer["active"], old);
        assert_eq!(answer["next"], signer);
        assert_eq!(answer["dry_run"], false);
        assert!(signer != old && world.keyring.current().verifying(purpose, &old).is_some());
    }
    assert_eq!(world.acted("keys_rotate").await, 3);
}

#[tokio::test]
async fn a_rotation_publishes_first_and_a_second_one_conflicts() {
    let world = world().await;
    let order = json!({"purpose": "token"});
    let answer = world.done(post("/admin/v1/keys/rotate", &order)).await;
    assert_eq!(
        answer["active_at"],
        START.plus(Duration::from_secs(300)).to_string()
    );
    let (code, detail) = world.refused(post("/admin/v1/keys/rotate", &order)).await;
    assert_eq!(code, "conflict");
    assert!(
        detail.starts_with("A rotation of 'token' is under way"),
        "{detail}"
    );
    let expected =
        json!({"kind": "admin-refused", "admin": "anna", "action": "keys_rotate", "code": "conflict"});
    assert_eq!(world.last_event().await, expected);
}

#[tokio::test]
async fn a_dry_run_makes_no_key() {
    let world = world().await;
    let before = world.keyring.list().await.unwrap();
    let order = json!({"purpose": "token", "immediately": true, "dry_run": true});
    let answer = world.done(post("/admin/v1/keys/rotate", &order)).await;
    assert_eq!(
        (&answer["dry_run"], &answer["next"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(world.keyring.list().await.unwrap(), before);
    assert_eq!(
        (world.acted("keys_rotate").await, world.acted("keys_list").await),
        (0, 1)
    );
}

#[tokio::test]
async fn a_revoked_key_is_replaced_and_cannot_be_revoked_again() {
    let world = world().await;
    let kid = world.keyring.current().signing(Purpose::Txn).unwrap().kid.clone();
    let answer = world
        .done(post("/admin/v1/keys/revoke", &json!({"kid": kid})))
        .await;
    let signer = world.keyring.current().signing(Purpose::Txn).unwrap().kid.clone();
    assert_eq!(
        answer,
        json!({"revoked": kid, "purpose": "txn", "active": signer})
    );
    let (code, detail) = world
        .refused(post("/admin/v1/keys/revoke", &json!({"kid": kid})))
        .await;
    assert!(
        code == "route-unknown" && detail.contains(&kid),
        "{code}: {detail}"
    );
}

#[tokio::test]
async fn a_reload_says_what_changed_or_every_reason_why_nothing_did() {
    let world = world().await;
    let empty = request(Method::POST, "/admin/v1/reload", "");
    let answer = world.done(empty).await;
    assert_eq!(answer, json!({"policy_version": "v-8", "changed": ["policies"]}));
    let faults = vec![
        "gateway.toml:3: unknown key".to_owned(),
        "10-login.cedar:7: no such action".to_owned(),
    ];
    *world.gateway.0.lock().unwrap() = Err(faults);
    let (code, detail) = world.refused(post("/admin/v1/reload", &json!({}))).await;
    assert_eq!(code, "configuration-invalid");
    assert!(
        detail.contains("gateway.toml:3") && detail.contains("10-login.cedar:7"),
        "{detail}"
    );
    assert_eq!(world.acted("gateway_reload").await, 2);
}

/// ASVS-06: being on the network is not enough, nor is a certificate; each path needs a permitted action.
#[tokio::test]
async fn every_path_refuses_whoever_may_not() {
    let world = world_of(&[]).await;
    let paths = [
        (get("/admin/v1/status"), "gateway_inspect"),
        (get("/admin/v1/policies"), "policy_list"),
        (get("/admin/v1/bans"), "ban_list"),
        (request(Method::DELETE, "/admin/v1/bans/x", ""), "ban_lift"),
        (get("/admin/v1/keys"), "keys_list"),
        (
            post("/admin/v1/keys/rotate", &json!({"purpose": "token"})),
            "keys_rotate",
        ),
        (post("/admin/v1/keys/revoke", &json!({"kid": "x"})), "keys_revoke"),
        (post("/admin/v1/reload", &json!({})), "gateway_reload"),
    ];
    let before = world.keyring.list().await.unwrap();
    for (request, action) in paths {
        let (code, _) = world.refused(request).await;
        assert_eq!(code, "policy-denied");
        let expected =
            json!({"kind": "admin-refused", "admin": "anna", "action": action, "code": "policy-denied"});
        assert_eq!(world.last_event().await, expected);
    }
    assert_eq!(world.keyring.list().await.unwrap(), before);
}

/// PCI-11, PCI-13: nobody without a registered certificate, and every attempt is written down.
#[tokio::test]
async fn strangers_are_refused_on_record() {
    let world = world().await;
    let doors = [
        (Some(connection(Door::Admin, None)), "client certificate"),
        (
            Some(connection(Door::Admin, Some(STRANGER))),
            "no registered admin",
        ),
        (Some(connection(Door::Public, Some(ANNA))), "admin listener only"),
        (
            Some(connection(Door::MutualTls, Some(ANNA))),
            "admin listener only",
        ),
        (None, "admin listener only"),
    ];
    for (connection, expected) in doors {
        let mut request = get("/admin/v1/keys");
        request.extensions_mut().remove::<Arc<Connection>>();
        request.extensions_mut().extend(
            connection
                .map(|connection| {
                    let mut extensions = http::Extensions::new();
                    extensions.insert(connection);
                    extensions
                })
                .unwrap_or_default(),
        );
        let (code, detail) = world.refused(request).await;
        assert!(
            code == "policy-denied" && detail.contains(expected),
            "{code}: {detail}"
        );
        let event =
            json!({"kind": "admin-refused", "admin": null, "action": "keys_list", "code": "policy-denied"});
        assert_eq!(world.last_event().await, event);
    }
}

#[tokio::test]
async fn a_disabled_admin_is_refused_with_the_next_request() {
    let world = world().await;
    world.done(get("/admin/v1/keys")).await;
    let mut batch = Batch::new();
    batch.one_row(
        "anna",
        "UPDATE admin SET disabled_at = 1 WHERE name = 'anna'",
        vec![],
    );
    world.db.commit(batch).await.unwrap();
    let (code, detail) = world.refused(get("/admin/v1/keys")).await;
    assert!(
        code == "policy-denied" && detail.contains("disabled"),
        "{code}: {detail}"
    );
}

/// A browser attaches the certificate to whatever a site makes it send.
#[tokio::test]
async fn what_another_site_makes_a_browser_send_is_refused() {
    let world = world().await;
    for site in ["cross-site", "same-site", "anything"] {
        let mut request = post("/admin/v1/reload", &json!({}));
        request
            .headers_mut()
            .insert("sec-fetch-site", site.parse().unwrap());
        assert_eq!(world.refused(request).await.0, "policy-denied", "{site}");
    }
    let mut own = post("/admin/v1/reload", &json!({}));
    own.headers_mut()
        .insert("sec-fetch-site", "same-origin".parse().unwrap());
    world.done(own).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_named() {
    let world = world().await;
    let bodies = [
        (r#"{"purpose":"token","force":true}"#, "unknown field"),
        (r#"{"purpose":"token","purpose":"txn"}"#, "duplicate field"),
        (r#"{"immediately":true}"#, "missing field"),
        (r#"{"purpose":7}"#, "invalid type"),
        (
            r#"{"purpose":"tokens"}"#,
            "token, txn, message, log, data, pepper",
        ),
        (r#"{"purpose":"token"} extra"#, "trailing"),
        ("{", "EOF"),
        (r#"["token"]"#, "not an object"),
        ("", "missing field"),
        ("\u{0}", "not an object"),
    ];
    for (body, expected) in bodies {
        let (code, detail) = world
            .refused(request(Method::POST, "/admin/v1/keys/rotate", body))
            .await;
        assert_eq!(code, "request-malformed", "{body}");
        assert!(detail.contains(expected), "{body}: {detail}");
    }
    assert_eq!(world.acted("keys_rotate").await, 0);
}

#[tokio::test]
async fn a_body_must_be_json_and_small() {
    let world = world().await;
    let mut form = post("/admin/v1/keys/rotate", &json!({"purpose": "token"}));
    form.headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    let (code, detail) = world.refused(form).await;
    assert!(
        code == "request-malformed" && detail.contains("application/json"),
        "{code}: {detail}"
    );
    let padded = format!(r#"{{"purpose":"token"{}}}"#, " ".repeat(ADMIN_BODY_BYTES));
    let (code, _) = world
        .refused(request(Method::POST, "/admin/v1/keys/rotate", &padded))
        .await;
    assert_eq!(code, "body-too-large");
    let mut charset = post("/admin/v1/keys/rotate", &json!({"purpose": "token"}));
    charset
        .headers_mut()
        .insert("content-type", "application/json; charset=utf-8".parse().unwrap());
    world.done(charset).await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_problems_too() {
    let world = world().await;
    let response = world.send(get("/admin/v1/keys/rotate")).await;
    assert_eq!(
        (response.status(), &response.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    for path in ["/admin/v1/nothing", "/admin/v1/keys/", "/", "/admin/v2/keys"] {
        assert_eq!(world.refused(get(path)).await.0, "route-unknown", "{path}");
    }
}

#[tokio::test]
async fn no_answer_is_cached_and_each_bears_its_name() {
    let world = world().await;
    for path in ["/admin/v1/keys", "/admin/v1/nothing"] {
        let response = world.send(get(path)).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(response.headers().contains_key("request-id"));
    }
}

#[tokio::test]
async fn an_admin_is_registered_once_and_a_conflict_is_refused() {
    let world = world().await;
    let register = async |admin: NewAdmin, at| {
        let mut batch = Batch::new();
        add_to_batch(&mut batch, &admin, at);
        world.db.commit(batch).await
    };
    register(anna(), START.plus(Duration::from_secs(60)))
        .await
        .unwrap();
    let admins = Admins::new(world.db.clone());
    let stored = admins.by_name(&AdminName::new("anna")).await.unwrap().unwrap();
    assert_eq!(stored.created_at, START, "the second time changed nothing");
    assert_eq!(
        admins.by_certificate(&thumbprint(ANNA)).await.unwrap(),
        Some(stored.clone())
    );
    let conflicts = [
        NewAdmin {
            person: "Another".to_owned(),
            ..anna()
        },
        NewAdmin {
            roles: vec!["operator".to_owned()],
            ..anna()
        },
        NewAdmin {
            certificate: thumbprint(STRANGER),
            ..anna()
        },
        NewAdmin {
            name: AdminName::new("berta"),
            ..anna()
        },
    ];
    for conflict in conflicts {
        assert_eq!(
            register(conflict, START).await.unwrap_err().guard(),
            Some(CONFLICT)
        );
    }
    assert_eq!(
        admins.by_name(&AdminName::new("anna")).await.unwrap(),
        Some(stored)
    );
    assert_eq!(admins.by_name(&AdminName::new("berta")).await.unwrap(), None);
}
