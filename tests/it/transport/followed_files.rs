//! Files of certificates, trust and revocation that change beneath a running gateway.

use std::path::Path;

use countersign::admin::ReloadReport;
use countersign::pki::Purpose;
use data_encoding::HEXLOWER;
use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::support::{OpenConnection, Setting, TestGateway, in_the_end, write_private};

const READ: &str = "GET /rates/eur HTTP/1.1\r\nhost: AUTHORITY\r\n\r\n";

/// One request for what is open to everyone, and the status of its answer; none when the connection has ended.
async fn status(connection: &mut OpenConnection, authority: &str) -> Option<u16> {
    connection.status_of(&READ.replace("AUTHORITY", authority)).await
}

/// A list of the clients' intermediate that revokes the certificates in `chains`.
fn revoking(gateway: &TestGateway, chains: &[&Path]) -> String {
    let certs = gateway.home.path("certs");
    let key = std::fs::read_to_string(certs.join("private/client.key.pem")).unwrap();
    let issuer = std::fs::read_to_string(certs.join("client/ca.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&issuer, KeyPair::from_pem(&key).unwrap()).unwrap();
    let revoked = |chain: &&Path| {
        let certificate = CertificateDer::from_pem_file(chain).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(certificate.raw_serial()),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: chains.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}

/// Writes another server certificate over the one in force, and answers with it.
fn renew_server_certificate(gateway: &TestGateway) -> CertificateDer<'static> {
    let issued = gateway
        .home
        .ca
        .issue(
            Purpose::Server,
            "renewed",
            &["localhost".to_owned()],
            gateway.now(),
        )
        .unwrap();
    let key = std::fs::read_to_string(&issued.key).unwrap();
    write_private(&gateway.home.path("certs/server/localhost.key.pem"), &key);
    std::fs::copy(&issued.chain, gateway.home.path("certs/server/localhost.pem")).unwrap();
    CertificateDer::from_pem_file(&issued.chain).unwrap()
}

/// Until the gateway's own look at its files has had that effect: it looks every second.
async fn until(gateway: &TestGateway, metric: &str) {
    in_the_end(metric, async || {
        gateway.services.metrics.render().contains(metric)
    })
    .await;
}

/// TLS-09: without a word to the gateway, and without a connection dropped; what is half written changes nothing.
#[tokio::test]
async fn a_renewed_certificate_takes_effect_by_itself_and_a_broken_one_does_not() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let mut open = gateway.public().open_line().await;
    assert_eq!(status(&mut open, &authority).await, Some(200));
    until(&gateway, "countersign_certificate_files_in_force 1").await;

    let chain = gateway.home.path("certs/server/localhost.pem");
    let whole = std::fs::read(&chain).unwrap();
    std::fs::write(&chain, &whole[..whole.len() / 3]).unwrap();
    until(&gateway, "countersign_certificate_files_in_force 0").await;
    assert!(gateway.reloader.reload_files().await.is_err());
    assert!(gateway.reloader.reload().await.is_err());
    let before = gateway.public().open_line().await.certificate();

    let renewed = renew_server_certificate(&gateway);
    assert_ne!(before, renewed);
    let is_shown = async || gateway.public().open_line().await.certificate() == renewed;
    in_the_end("the renewed certificate is shown", is_shown).await;
    until(&gateway, "countersign_certificate_files_in_force 1").await;
    assert_eq!(status(&mut open, &authority).await, Some(200));
}

/// TLS-10: a list that was not there, then one that names another, then this one; on an open connection and on new ones.
#[tokio::test]
async fn a_revocation_list_that_appears_and_changes_is_followed() {
    let gateway = TestGateway::start().await;
    let twin = gateway.mutual_authority();
    let (corp, other) = (&gateway.home.corp, &gateway.home.other_corp);
    let mut open = gateway.mutual(Some(corp)).open_line().await;
    let mut of_other = gateway.mutual(Some(other)).open_line().await;
    assert_eq!(status(&mut open, &twin).await, Some(200));
    assert_eq!(status(&mut of_other, &twin).await, Some(200));

    let list = gateway.home.path("crl.pem");
    std::fs::write(&list, revoking(&gateway, &[other.chain.as_path()])).unwrap();
    let lists = Setting(
        "client_ca = \"certs/client/ca.pem\"",
        "client_ca = \"certs/client/ca.pem\"\nclient_crl = \"crl.pem\"",
    );
    gateway.home.configure(&gateway.backend, &[lists]);
    let report = reload_with_its_charter(&gateway).await;
    assert_eq!(report.changed, ["tls", "charter"]);
    assert_eq!(status(&mut open, &twin).await, Some(200));
    assert_eq!(status(&mut of_other, &twin).await, Some(403));
    assert_eq!(
        status(&mut of_other, &twin).await,
        None,
        "the connection is closed"
    );

    let both = revoking(&gateway, &[other.chain.as_path(), corp.chain.as_path()]);
    for broken in ["", "no list", &both[..both.len() - 40]] {
        std::fs::write(&list, broken).unwrap();
        assert!(gateway.reloader.reload_files().await.is_err(), "{broken}");
    }
    assert_eq!(status(&mut open, &twin).await, Some(200));
    std::fs::write(&list, both).unwrap();
    gateway.reloader.reload_files().await.unwrap().unwrap();
    assert_eq!(status(&mut open, &twin).await, Some(403));
    let mut refused = gateway.mutual(Some(corp)).open_line().await;
    assert_eq!(status(&mut refused, &twin).await, None);
}

/// As an operator does who has read what changes.
async fn reload_with_its_charter(gateway: &TestGateway) -> ReloadReport {
    let config = countersign::config::load(&gateway.home.path("countersign.toml")).unwrap();
    let charter = HEXLOWER.encode(&config.charter().sha256());
    gateway.reloader.reload_accepting(Some(&charter)).await.unwrap()
}

/// MTLS-01: other authorities under the same path and under another; those of administrators alike.
#[tokio::test]
async fn authorities_change_without_a_restart() {
    let gateway = TestGateway::start().await;
    let twin = gateway.mutual_authority();
    let corp = &gateway.home.corp;
    let admin = gateway
        .home
        .ca
        .issue(Purpose::Admin, "anna", &[], gateway.now())
        .unwrap();
    let mut open = gateway.mutual(Some(corp)).open_line().await;
    let mut of_admin = gateway.admin(&admin).open_line().await;
    assert_eq!(status(&mut open, &twin).await, Some(200));
    let known = status(&mut of_admin, &twin).await;
    assert_ne!(known, None);

    // Nothing has changed: nothing is set up anew.
    assert_eq!(gateway.reloader.reload_files().await.unwrap(), None);
    assert_eq!(gateway.reloader.reload().await.unwrap().changed, [""; 0]);

    let elsewhere = Setting(
        "client_ca = \"certs/admin/ca.pem\"",
        "client_ca = \"certs/backend/ca.pem\"",
    );
    gateway.home.configure(&gateway.backend, &[elsewhere]);
    assert_eq!(
        reload_with_its_charter(&gateway).await.changed,
        ["tls", "charter"]
    );
    let refused = of_admin
        .answer_to(&READ.replace("AUTHORITY", &twin))
        .await
        .unwrap();
    assert!(refused.contains("certificate-refused"), "{refused}");
    assert_eq!(
        status(&mut gateway.admin(&admin).open_line().await, &twin).await,
        None
    );
    assert_eq!(status(&mut open, &twin).await, Some(200));

    let authorities = gateway.home.path("certs/client/ca.pem");
    std::fs::copy(gateway.home.path("certs/backend/ca.pem"), &authorities).unwrap();
    // Whom to believe is of the charter: outside development a file alone does not change it.
    let error = gateway.reloader.reload_files().await.unwrap_err();
    assert!(error.to_string().contains("tls.client_ca"), "{error}");
    assert_eq!(status(&mut open, &twin).await, Some(200));
    // It holds up nothing else.
    let renewed = renew_server_certificate(&gateway);
    gateway.reloader.reload_files().await.unwrap_err();
    assert_eq!(gateway.public().open_line().await.certificate(), renewed);
    assert_eq!(status(&mut open, &twin).await, Some(200));
    assert_eq!(
        reload_with_its_charter(&gateway).await.changed,
        ["tls", "charter"]
    );
    assert_eq!(status(&mut open, &twin).await, Some(403));
}

/// TLS-09, TLS-11: what the gateway shows to a backend is noticed by its contents, the path being the same.
#[tokio::test]
async fn a_renewed_certificate_towards_a_backend_is_noticed() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    let issued = gateway
        .home
        .ca
        .issue(Purpose::Backend, "renewed", &[], gateway.now())
        .unwrap();
    let key = std::fs::read_to_string(&issued.key).unwrap();
    write_private(&gateway.home.path("certs/backend/gateway.key.pem"), &key);
    assert!(
        gateway.reloader.reload_files().await.is_err(),
        "a key without its certificate"
    );
    alice.get("/orders").expect_answer().await;
    std::fs::copy(&issued.chain, gateway.home.path("certs/backend/gateway.pem")).unwrap();
    let report = gateway.reloader.reload_files().await.unwrap().unwrap();
    assert_eq!(report.changed, ["upstream"]);
    alice.get("/orders").expect_answer().await;
}

/// A certificate that ends while its connection is open is noticed, though no file has changed.
#[tokio::test]
async fn a_certificate_that_expires_during_its_connection_is_refused() {
    let gateway = TestGateway::start().await;
    let twin = gateway.mutual_authority();
    let mut open = gateway.mutual(Some(&gateway.home.corp)).open_line().await;
    let mut of_nobody = gateway.mutual(None).open_line().await;
    assert_eq!(status(&mut open, &twin).await, Some(200));
    let certificate = CertificateDer::from_pem_file(&gateway.home.corp.chain).unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let left = certificate.validity().not_after.timestamp() - gateway.now().seconds();
    let left = std::time::Duration::from_secs(u64::try_from(left).unwrap());
    gateway
        .home
        .clock
        .advance(left - std::time::Duration::from_secs(1));
    assert_eq!(status(&mut open, &twin).await, Some(200));
    // The verification of a second ago counts for a minute.
    gateway.home.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(status(&mut open, &twin).await, Some(403));
    assert_eq!(status(&mut of_nobody, &twin).await, Some(200));
}

/// What ends when is in the metrics, with the key of the configuration that leads to it.
#[tokio::test]
async fn the_ends_of_all_certificates_are_in_the_metrics() {
    let gateway = TestGateway::start().await;
    let text = gateway.services.metrics.render();
    let end = |path: &str| {
        let certificate = CertificateDer::from_pem_file(gateway.home.path(path)).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        certificate.validity().not_after.timestamp()
    };
    for (of, path) in [
        ("tls.certificate[0]", "certs/server/localhost.pem"),
        ("tls.client_ca", "certs/client/ca.pem"),
        ("admin.client_ca", "certs/admin/ca.pem"),
        ("upstream.bank.ca", "certs/backend/ca.pem"),
        ("upstream.bank.client_certificate", "certs/backend/gateway.pem"),
    ] {
        let line = format!(
            "countersign_certificate_end_timestamp_seconds{{of=\"{of}\"}} {}",
            end(path)
        );
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}
