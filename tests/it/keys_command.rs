//! The command against an admin listener of its own: real sockets, real TLS, real certificates, a real keyring.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Parser;
use http::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use countersign::admin::{
    self, AdminFacts, Admins, Authorize, InForce, NewAdmin, Reload, ReloadReport, Reloading, Running,
    Services,
};
use countersign::answer::Body;
use countersign::base::{
    AdminName, ClientCertificate, Clock as _, Connection, Door, Fault, SystemClock, SystemEntropy, Timestamp,
};
use countersign::cli::console::{CliError, Console};
use countersign::cli::keys::{KeysArgs, run};
use countersign::config::TlsVersion;
use countersign::defense::Defense;
use countersign::edge::{
    Certificates, ClientAuthentication, DoorTls, Drain, Edge, Limits, Listener, NotCounted, OpenDoor, Serve,
    ServerCertificate, TlsInForce, TlsSettings, TrustAnchors, loopback,
};
use countersign::keys::{Keyring, Purpose, Schedule, SealKey};
use countersign::pki::{Ca, IssuedPaths, Profiles, Purpose as CertificatePurpose};
use countersign::store::{Batch, Db};
use countersign::telemetry::Metrics;

/// Permits everything, reloads nothing: what the policies say is tried elsewhere.
struct Open;

impl Authorize for Open {
    fn decide(&self, _: &AdminFacts, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }
}

impl Running for Open {
    fn in_force(&self) -> InForce {
        InForce {
            policy_version: String::new(),
            charter: String::new(),
            development: true,
        }
    }
}

impl Reload for Open {
    fn reload(&self, _: Option<String>) -> Reloading<'_> {
        Box::pin(async { Ok(ReloadReport::default()) })
    }
}

struct Behind(Router);

impl Serve for Behind {
    fn serve(
        &self,
        connection: Arc<Connection>,
        mut request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        request.extensions_mut().insert(connection);
        let router = self.0.clone();
        Box::pin(async move { router.oneshot(request).await.unwrap() })
    }
}

struct World {
    dir: TempDir,
    ca: Ca,
    url: String,
    anna: IssuedPaths,
    keyring: Arc<Keyring>,
    drain: Drain,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    keys: KeysArgs,
    #[arg(long, global = true)]
    json: bool,
}

struct Outcome {
    code: u8,
    out: String,
    errors: String,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = now();
        let ca = Ca::create(&dir.path().join("certs"), &Profiles::built_in().unwrap(), now).unwrap();
        let server = ca
            .issue(
                CertificatePurpose::Server,
                "gateway",
                &["localhost".to_owned()],
                now,
            )
            .unwrap();
        let anna = ca.issue(CertificatePurpose::Admin, "anna", &[], now).unwrap();
        let (router, keyring) = admin_router(dir.path(), &anna).await;
        let listener = Listener::bind("admin_listen", &loopback(0)).unwrap();
        let url = format!("https://localhost:{}", listener.port());
        let drain = open(&ca, &server, listener, router);
        Self {
            dir,
            ca,
            url,
            anna,
            keyring,
            drain,
        }
    }

    async fn keys(&self, command: &[&str]) -> Outcome {
        self.keys_as(&self.anna, &self.url, &self.ca.root_path(), command)
            .await
    }

    async fn keys_as(&self, who: &IssuedPaths, url: &str, ca: &Path, command: &[&str]) -> Outcome {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (ca, chain, key) = (text(ca), text(&who.chain), text(&who.key));
        let flags = ["--url", url, "--ca", &ca, "--certificate", &chain, "--key", &key];
        run_line([&["keys"], command, &flags].concat()).await
    }

    fn signer(&self, purpose: Purpose) -> String {
        self.keyring.current().signing(purpose).unwrap().kid.clone()
    }

    async fn end(self) {
        self.drain.finish(Duration::from_secs(5)).await;
    }
}

async fn run_line(words: Vec<&str>) -> Outcome {
    let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    let ended = run(&line.keys, &mut Console::new(&mut out, line.json)).await;
    Outcome {
        code: ended.as_ref().map_or_else(CliError::exit_code, |()| 0),
        out: String::from_utf8(out).unwrap(),
        errors: ended.err().map(|error| error.to_string()).unwrap_or_default(),
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

async fn admin_router(dir: &Path, anna: &IssuedPaths) -> (Router, Arc<Keyring>) {
    let db = Db::open(&dir.join("keys.db")).unwrap();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
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
    let admin = NewAdmin {
        name: AdminName::new("anna"),
        person: "Anna A.".to_owned(),
        roles: vec!["custodian".to_owned()],
        certificate: ClientCertificate::new(&leaf(&anna.chain)).thumbprint,
    };
    admin::add_to_batch(&mut batch, &admin, clock.now());
    db.commit(batch).await.unwrap();
    let router = admin::router(Services {
        admins: Admins::new(db.clone()),
        defense: Arc::new(Defense::new(entropy.clone())),
        log: Arc::new(countersign::audit::Log::new(db.clone(), "gate.example", false)),
        readers: admin::Readers::default(),
        db,
        keyring: keyring.clone(),
        authorize: Arc::new(Open),
        running: Arc::new(Open),
        reload: Arc::new(Open),
        started_at: clock.now(),
        clock,
        entropy,
    });
    (router, keyring)
}

fn leaf(chain: &Path) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_file(chain).unwrap().to_vec()
}

fn open(ca: &Ca, server: &IssuedPaths, listener: Listener, router: Router) -> Drain {
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let certificate = ServerCertificate::from_pem(&read(&server.chain), &read(&server.key)).unwrap();
    let admins = leaf(&ca.trust_anchor_path(CertificatePurpose::Admin)).into();
    let settings = TlsSettings {
        certificates: &Certificates::new(&[certificate]).unwrap(),
        clients: &ClientAuthentication::Required(TrustAnchors::new(&[admins], None).unwrap()),
        oldest: TlsVersion::Tls13,
        ticket_rotation: Duration::from_secs(3600),
    };
    let tls = TlsInForce::new(&settings, Arc::new(SystemClock)).unwrap();
    let tls = Arc::new(DoorTls::new(tls));
    let drain = Drain::default();
    let entropy = Arc::new(SystemEntropy::default());
    let edge = Edge::new(
        Limits::default(),
        drain.clone(),
        Arc::new(SystemClock),
        entropy,
        Metrics::default(),
        Arc::new(NotCounted),
    );
    let serve = Arc::new(Behind(router));
    edge.open(OpenDoor {
        door: Door::Admin,
        listener,
        tls,
        serve,
    })
    .unwrap();
    drain
}

#[tokio::test]
async fn keys_are_listed_rotated_and_revoked_over_mutual_tls() {
    let world = World::new().await;
    let listed = world.keys(&["list"]).await;
    assert_eq!(listed.code, 0, "{}", listed.errors);
    assert_eq!(
        listed.out.lines().count(),
        1 + Purpose::ALL.len(),
        "{}",
        listed.out
    );
    let old = world.signer(Purpose::Token);
    assert!(
        listed
            .out
            .contains(&format!("token    active      ES256     {old}")),
        "{}",
        listed.out
    );

    let dry = world.keys(&["rotate", "token", "--dry-run"]).await;
    assert!(
        dry.out.contains("would sign from") && dry.out.contains("nothing was changed"),
        "{}",
        dry.out
    );
    assert_eq!(world.signer(Purpose::Token), old);

    let rotated = world.keys(&["rotate", "token", "--now"]).await;
    let next = world.signer(Purpose::Token);
    assert!(
        next != old && rotated.out.starts_with(&format!("token: {next} signs from")),
        "{}",
        rotated.out
    );

    let revoked = world.keys(&["revoke", &next]).await;
    assert!(
        revoked
            .out
            .contains(&format!("{} signs", world.signer(Purpose::Token))),
        "{}",
        revoked.out
    );
    let listed = world.keys(&["list"]).await;
    assert!(
        listed.out.contains("retiring") && listed.out.contains("compromised"),
        "{}",
        listed.out
    );
    world.end().await;
}

#[tokio::test]
async fn json_is_one_object_a_line_refusals_included() {
    let world = World::new().await;
    let rotated = world.keys(&["rotate", "txn", "--json"]).await;
    let answer: Value = serde_json::from_str(&rotated.out).unwrap();
    assert_eq!(
        (&answer["purpose"], &answer["dry_run"]),
        (&json!("txn"), &json!(false))
    );
    let again = world.keys(&["--json", "rotate", "txn"]).await;
    assert_eq!(again.code, 1);
    let problem: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(problem["type"], "urn:countersign:problem:conflict");
    world.end().await;
}

#[tokio::test]
async fn a_refusal_says_what_to_change_and_exits_with_1() {
    let world = World::new().await;
    let refused = world.keys(&["revoke", "-no-such-key"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(
        refused.errors.contains("no key called '-no-such-key'"),
        "{}",
        refused.errors
    );
    world.end().await;
}

/// PCI-11: a certificate of another purpose is no admin's, and an admin certificate that is not registered opens nothing.
#[tokio::test]
async fn other_certificates_do_not_get_in() {
    let world = World::new().await;
    let client = world
        .ca
        .issue(CertificatePurpose::Client, "app", &[], now())
        .unwrap();
    let outcome = world
        .keys_as(&client, &world.url, &world.ca.root_path(), &["list"])
        .await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.errors.contains("cannot be reached"), "{}", outcome.errors);
    let berta = world
        .ca
        .issue(CertificatePurpose::Admin, "berta", &[], now())
        .unwrap();
    let outcome = world
        .keys_as(&berta, &world.url, &world.ca.root_path(), &["list"])
        .await;
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.errors.contains("belongs to no registered admin"),
        "{}",
        outcome.errors
    );
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_another_authority_vouches_for_is_not_talked_to() {
    let world = World::new().await;
    let other = Ca::create(
        &world.dir.path().join("other"),
        &Profiles::built_in().unwrap(),
        now(),
    )
    .unwrap();
    let outcome = world
        .keys_as(&world.anna, &world.url, &other.root_path(), &["list"])
        .await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.errors.contains("certificate"), "{}", outcome.errors);
    world.end().await;
}

#[tokio::test]
async fn nobody_at_the_url_is_said_plainly() {
    let world = World::new().await;
    let free = Listener::bind("admin_listen", &loopback(0)).unwrap().port();
    let url = format!("https://localhost:{free}");
    let outcome = world
        .keys_as(&world.anna, &url, &world.ca.root_path(), &["list"])
        .await;
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.errors.contains(&url) && outcome.errors.contains("refused"),
        "{}",
        outcome.errors
    );
    world.end().await;
}

#[tokio::test]
async fn flags_that_cannot_be_used_exit_with_2_and_name_the_flag() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    let missing = IssuedPaths {
        chain: world.dir.path().join("none.pem"),
        key: world.anna.key.clone(),
    };
    let swapped = IssuedPaths {
        chain: world.anna.chain.clone(),
        key: world.anna.chain.clone(),
    };
    let open = IssuedPaths {
        chain: world.anna.chain.clone(),
        key: world.dir.path().join("open.pem"),
    };
    std::fs::copy(&world.anna.key, &open.key).unwrap();
    std::fs::set_permissions(&open.key, PermissionsExt::from_mode(0o644)).unwrap();
    let empty = world.dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let root = world.ca.root_path();
    let cases = [
        (&missing, world.url.as_str(), &root, "--certificate"),
        (&swapped, &world.url, &root, "--key"),
        (&open, &world.url, &root, "everyone can read it"),
        (&world.anna, &world.url, &empty, "--ca"),
        (&world.anna, "http://localhost:1", &root, "--url"),
        (&world.anna, "localhost", &root, "--url"),
    ];
    for (who, url, ca, expected) in cases {
        let outcome = world.keys_as(who, url, ca, &["list"]).await;
        assert_eq!(outcome.code, 2, "{expected}");
        assert!(
            outcome.errors.contains(expected),
            "{expected}: {}",
            outcome.errors
        );
    }
    world.end().await;
}

/// The file leads to the admin listener, and to the authority beside it.
#[tokio::test]
async fn a_configuration_file_is_enough_to_find_the_gateway() {
    let world = World::new().await;
    let config = world.dir.path().join("countersign.toml");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (file, chain, key) = (text(&config), text(&world.anna.chain), text(&world.anna.key));
    let words = vec![
        "keys",
        "list",
        "--config",
        &file,
        "--certificate",
        &chain,
        "--key",
        &key,
    ];

    let missing = run_line(words.clone()).await;
    assert_eq!(missing.code, 2);
    assert!(missing.errors.contains("countersign.toml"), "{}", missing.errors);

    let server = format!(
        "[server]\npublic_url = \"https://localhost:8443\"\nadmin_url = \"{}\"\n",
        world.url
    );
    let rest = "[store]\nurl = \"sqlite:gateway.db\"\n[keys]\nkek = \"env:KEK\"\n[policy]\ndir = \"policies\"\n\
                [admin]\nclient_ca = \"certs/ca.pem\"\n[[tls.certificate]]\nchain = \"a\"\nkey = \"file:b\"\n";
    std::fs::write(&config, server + rest).unwrap();
    let listed = run_line(words).await;
    assert_eq!(listed.code, 0, "{}", listed.errors);
    world.end().await;
}

#[test]
fn wrong_words_are_refused_before_anything_is_sent() {
    let flags = [
        "--url",
        "https://localhost",
        "--ca",
        "c",
        "--certificate",
        "c",
        "--key",
        "k",
    ];
    let lines: [&[&str]; 6] = [
        &["keys", "rotate", "tokens"],
        &["keys", "rotate"],
        &["keys", "revoke"],
        &["keys", "list", "--config", "file"],
        &["keys", "list", "--now"],
        &["keys"],
    ];
    for words in lines {
        assert!(
            Line::try_parse_from(words.iter().chain(&flags)).is_err(),
            "{words:?}"
        );
    }
    let neither = ["keys", "list", "--certificate", "c", "--key", "k"];
    assert!(Line::try_parse_from(neither).is_err());
}
