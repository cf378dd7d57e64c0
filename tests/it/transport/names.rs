//! Several certificates at one door, chosen by the name the client asks for.

use countersign::base::Door;
use countersign::config::TlsVersion;
use countersign::edge::{ClientAuthentication, Limits};

use super::certificates::Authority;
use super::client::Client;
use super::gateway::{open, setup};

const NAMES: [(&[&str], u64); 3] = [
    (&["pay.example"], 11),
    (&["login.example", "konto.example"], 12),
    (&["*.bank.example"], 13),
];

/// The serial number of the certificate that a door with all three shows to who asks for `name`.
async fn shown(authority: &Authority, address: std::net::SocketAddr, name: &str) -> Result<u64, String> {
    let client = Client::new(authority, None, &["http/1.1"]);
    let stream = client
        .connect(address, name)
        .await
        .map_err(|error| error.to_string())?;
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    Ok(parsed.serial.to_string().parse().unwrap())
}

/// TLS-07
#[tokio::test]
async fn each_name_gets_its_certificate_and_an_unknown_one_none() {
    let opened = open(Door::Public, &ClientAuthentication::None, Limits::default());
    let issued = NAMES.map(|(names, serial)| opened.authority.issue(names, serial));
    opened
        .tls
        .replace(setup(&issued, &ClientAuthentication::None, TlsVersion::Tls13));
    for (name, serial) in [
        ("pay.example", 11),
        ("PAY.example", 11),
        ("login.example", 12),
        ("konto.example", 12),
        ("api.bank.example", 13),
        ("www.bank.example", 13),
    ] {
        assert_eq!(
            shown(&opened.authority, opened.address, name).await,
            Ok(serial),
            "{name}"
        );
    }
    for unknown in [
        "other.example",
        "bank.example",
        "a.b.bank.example",
        "pay.example.evil.example",
    ] {
        let refused = shown(&opened.authority, opened.address, unknown)
            .await
            .unwrap_err();
        assert!(refused.contains("fatal alert"), "{unknown}: {refused}");
    }
    let text = opened.metrics.render();
    let failed = r#"countersign_tls_handshakes_failed_total{door="public",cause="name-unknown"} 4"#;
    assert!(text.contains(failed), "{text}");
}
