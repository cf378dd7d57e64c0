//! A gateway that cannot start says why, and what to do.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use countersign::server::StartError;
use countersign::store::{Batch, Db};

use crate::support::{Home, Setting, TestGateway, found, write_private};

/// A home that would start, with this change.
async fn refused(settings: &[Setting], change: impl FnOnce(&Home)) -> String {
    let home = Home::new();
    let backend = home.backend().await;
    home.configure(&backend, settings);
    change(&home);
    match home.open().await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_master_key_that_is_missing_is_named() {
    let error = refused(&[], |home| std::fs::remove_file(home.path("master.key")).unwrap()).await;
    assert!(
        error.contains("keys.kek") && error.contains("master.key"),
        "{error}"
    );
}

/// A key that others can read is no secret any more.
#[tokio::test]
async fn a_key_file_that_others_can_read_is_refused() {
    for (file, key) in [
        ("master.key", "keys.kek"),
        ("certs/server/localhost.key.pem", "tls.certificate.key"),
        ("certs/backend/gateway.key.pem", "client_key"),
    ] {
        for mode in [0o644, 0o640, 0o604] {
            let widen = |home: &Home| {
                std::fs::set_permissions(home.path(file), Permissions::from_mode(mode)).unwrap()
            };
            let error = refused(&[], widen).await;
            assert!(error.contains(key) && error.contains(file), "{error}");
            assert!(error.contains("600"), "it says what to do: {error}");
        }
    }
}

/// A folder in the place of a file cannot be read by anyone, root included.
#[tokio::test]
async fn a_key_file_that_cannot_be_read_is_named() {
    let replace = |home: &Home| {
        std::fs::remove_file(home.path("master.key")).unwrap();
        std::fs::create_dir(home.path("master.key")).unwrap();
    };
    let error = refused(&[], replace).await;
    assert!(
        error.contains("keys.kek") && error.contains("master.key"),
        "{error}"
    );
}

#[tokio::test]
async fn a_master_key_of_another_form_is_refused_without_being_shown() {
    for text in [
        "",
        "short",
        "c2VjcmV0",
        "not base64 at all, and long enough to be a key!!",
    ] {
        let error = refused(&[], |home| write_private(&home.path("master.key"), text)).await;
        assert!(error.contains("keys.kek"), "{error}");
        assert!(text.is_empty() || !error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn another_master_key_opens_no_store() {
    let gateway = TestGateway::start().await;
    let (home, _backend) = gateway.stop().await;
    write_private(&home.path("master.key"), &data_encoding::BASE64.encode(&[7; 32]));
    let error = home.open().await.err().expect("it does not start").to_string();
    assert!(error.contains("key"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_missing_or_broken_is_named() {
    let path = "certs/server/localhost.pem";
    let error = refused(&[], |home| std::fs::remove_file(home.path(path)).unwrap()).await;
    assert!(
        error.contains("tls.certificate") && error.contains(path),
        "{error}"
    );
    for text in [
        "",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = refused(&[], |home| std::fs::write(home.path(path), text).unwrap()).await;
        assert!(error.contains("tls.certificate"), "{error}");
    }
    let swapped = |home: &Home| {
        let other = std::fs::read_to_string(home.path("certs/backend/gateway.key.pem")).unwrap();
        write_private(&home.path("certs/server/localhost.key.pem"), &other);
    };
    let error = refused(&[], swapped).await;
    assert!(error.contains("tls.certificate"), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["listen", "mtls_listen", "admin_listen", "ops_listen"] {
        let home = Home::new();
        let backend = home.backend().await;
        home.configure(&backend, &[]);
        let file = home.path("countersign.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((name, _)) if name == key => format!("{key} = [\"{address}\"]"),
            _ => line.to_owned(),
        });
        std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
        let error = home.open().await.err().expect("it does not start");
        assert!(matches!(error, StartError::Bind(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&address) && text.contains(key) && text.contains("taken"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_left_alone() {
    let gateway = TestGateway::start().await;
    let (home, _backend) = gateway.stop().await;
    let db = Db::open(&home.path("countersign.sqlite")).unwrap();
    let mut batch = Batch::new();
    batch.run("UPDATE schema_version SET version = 1000", Vec::new());
    db.commit(batch).await.unwrap();
    drop(db);
    // The threads of the store end after its last handle does.
    let refusal = async || match home.open().await.err().expect("it does not start") {
        StartError::Store(countersign::store::StoreError::InUse(_)) => None,
        error => Some(error.to_string()),
    };
    let error = found("a refusal of the store", refusal).await;
    assert!(error.contains("1000") && error.contains("newer"), "{error}");
}

#[tokio::test]
async fn a_store_that_is_none_is_refused() {
    let error = refused(&[], |home| {
        std::fs::write(home.path("countersign.sqlite"), [b'x'; 4096]).unwrap()
    })
    .await;
    assert!(error.contains("countersign.sqlite"), "{error}");
}

#[tokio::test]
async fn a_store_that_is_served_is_in_use() {
    let gateway = TestGateway::start().await;
    let error = Db::open(&gateway.home.path("countersign.sqlite"))
        .err()
        .expect("it is in use")
        .to_string();
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn policies_that_are_missing_or_broken_are_named() {
    let error = refused(&[], |home| {
        std::fs::remove_dir_all(home.path("policies")).unwrap()
    })
    .await;
    assert!(error.contains("policy.dir"), "{error}");
    let broken = |home: &Home| std::fs::write(home.path("policies/90-x.cedar"), "permit (").unwrap();
    let error = refused(&[], broken).await;
    assert!(error.contains("90-x.cedar"), "{error}");
}

/// All faults at once, each with its line.
#[tokio::test]
async fn a_configuration_with_faults_names_all_of_them() {
    let error = refused(
        &[
            Setting("upstream = \"merchant\"", "upstream = \"marchent\""),
            Setting("nonce = \"token\"", "nonce = \"sometimes\""),
            Setting("[keys]", "[keys]\nperiodd = \"90d\""),
        ],
        |_| {},
    )
    .await;
    for part in ["marchent", "sometimes", "periodd"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// Outside development the login pages share no origin with a backend's page.
#[tokio::test]
async fn a_store_in_production_wants_the_login_pages_apart() {
    let error = refused(
        &[Setting("host = \"login.localhost:", "host = \"localhost:")],
        |_| {},
    )
    .await;
    assert!(error.contains("login pages"), "{error}");
}
