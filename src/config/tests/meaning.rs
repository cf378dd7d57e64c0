//! What a sound file means.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use http::Method;

use super::{SOUND, edited, folder, read};
use crate::config::{
    Deployment, DpopNonce, Idempotency, Lookup, Rate, RequestPath, SecretRef, StoreUrl, json_schema,
};

#[test]
fn a_sound_file_means_what_it_says_and_defaults_hold_for_the_rest() {
    let folder = folder();
    let config = read(SOUND, folder.path()).unwrap();
    assert_eq!(config.server.public_url.as_str(), "https://pay.example.com");
    assert_eq!(config.server.mtls_url.as_str(), "https://pay.example.com:8444");
    assert_eq!(config.server.admin_url.as_str(), "https://localhost:9443");
    assert_eq!(config.server.listen.len(), 2);
    assert_eq!(config.keys.kek, SecretRef::File(folder.path().join("master.key")));
    assert_eq!(
        config.store.url,
        StoreUrl::Sqlite(folder.path().join("countersign.sqlite"))
    );
    assert_eq!(config.dpop.nonce, DpopNonce::Token);
    assert_eq!(config.admin.quorum, 2);
    assert_eq!(
        (
            config.identity.password.memory_kib,
            config.identity.password.iterations
        ),
        (19 * 1024, 2)
    );
    let payments = config.routes.by_name("payments").unwrap();
    assert_eq!(payments.host, "pay.example.com");
    assert_eq!(payments.idempotency, Idempotency::Required);
    assert_eq!(
        config.routes.by_name("accounts").unwrap().idempotency,
        Idempotency::Off
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn what_hangs_on_the_kind_of_store_is_told_for_that_kind_only() {
    let folder = folder();
    for (from, to, deployment, key) in [
        (
            "host = \"login.example.com\"",
            "",
            Deployment::Production,
            "auth.host",
        ),
        (
            "login.example.com",
            "pay.example.com",
            Deployment::Production,
            "auth.host",
        ),
        (
            "[admin]",
            "[admin]\nquorum = 1",
            Deployment::Production,
            "admin.quorum",
        ),
        (
            "[[tls.",
            "listen = \"0.0.0.0:8443\"\n[[tls.",
            Deployment::Development,
            "server.listen",
        ),
    ] {
        let config = read(&edited(from, to), folder.path()).unwrap();
        for asked in [Deployment::Production, Deployment::Development] {
            let keys: Vec<String> = config
                .unfit_for(asked)
                .iter()
                .flat_map(|f| f.iter().map(|fault| fault.key.clone()))
                .collect();
            assert_eq!(
                keys.iter().map(String::as_str).collect::<Vec<_>>(),
                if asked == deployment { vec![key] } else { vec![] }
            );
        }
    }
}

#[test]
fn what_deserves_a_second_look_is_a_warning_and_no_fault() {
    let folder = folder();
    for (from, to, key, told) in [
        (
            "\"https://bank.internal:7443\"",
            "\"http://127.0.0.1:7443\"",
            "upstream[0].urls",
            "plain HTTP",
        ),
        (
            "\"https://bank.internal:7443\"",
            "\"http://[::1]:7443\"",
            "upstream[0].urls",
            "plain HTTP",
        ),
        (
            "[\"GET\"]",
            "[\"GET\", \"DELETE\"]",
            "route[0].methods",
            "without a signed request",
        ),
        (
            "[[tls.",
            "ops_listen = \"0.0.0.0:9464\"\n[[tls.",
            "server.ops_listen",
            "plain HTTP",
        ),
    ] {
        let config = read(&edited(from, to), folder.path()).unwrap();
        let [warning] = config.warnings.as_slice() else {
            panic!("{to}: {:?}", config.warnings)
        };
        assert!(
            warning.key == key && warning.problem.contains(told),
            "{warning:?}"
        );
    }
}

#[test]
fn the_strictest_path_decides_whatever_the_method_and_own_paths_lead_nowhere() {
    let folder = folder();
    let open = "[[route]]\nname = \"open\"\nmethods = \"*\"\npath = \"/{rest...}\"\nupstream = \"bank\"\naccess = \"public\"\n";
    let config = read(&format!("{SOUND}{open}"), folder.path()).unwrap();
    let find = |host: &str, method: Method, path: &str| match config.routes.find(
        host,
        &method,
        &RequestPath::parse(path).unwrap(),
    ) {
        Lookup::Found(route) => route.name.clone(),
        Lookup::MethodNotAllowed(methods) => format!(
            "only {}",
            methods.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(" ")
        ),
        Lookup::Unknown => "unknown".to_owned(),
    };
    assert_eq!(find("pay.example.com", Method::POST, "/payments"), "payments");
    assert_eq!(find("pay.example.com", Method::POST, "/p%61yments;x"), "payments");
    assert_eq!(find("pay.example.com", Method::DELETE, "/payments"), "only POST");
    assert_eq!(find("pay.example.com", Method::GET, "/accounts/42"), "accounts");
    assert_eq!(find("pay.example.com", Method::PUT, "/anything/else"), "open");
    assert_eq!(find("pay.example.com", Method::POST, "/oauth/unknown"), "unknown");
    assert_eq!(find("other.example.com", Method::POST, "/payments"), "unknown");
}

#[test]
fn the_charter_follows_every_gate_relevant_key_and_no_other() {
    let folder = folder();
    let charter = |text: &str| read(text, folder.path()).unwrap().charter();
    let sound = charter(SOUND);
    for (from, to) in [
        ("access = \"proof\"", "access = \"signed\""),
        ("scope = [\"accounts\"]", ""),
        ("/accounts/{id}", "/accounts/{rest...}"),
        ("bank.internal:7443", "bank.internal:7444"),
        ("trust_domain = \"bank.internal\"", "trust_domain = \"other\""),
        ("login.example.com", "auth.example.com"),
        ("https://pay.example.com", "https://pay.example.org"),
        ("[admin]", "[admin]\nquorum = 3"),
        ("[keys]", "[dpop]\nnonce = \"off\"\n[keys]"),
        ("trust_domain", "client_evidence = \"signed\"\ntrust_domain"),
        ("trust_domain", "answer_keys = \"bank.jwks.json\"\ntrust_domain"),
        ("trust_domain", "settle = \"retry\"\ntrust_domain"),
        ("payee = \"/payee\"", "payee = \"/payee\"\nalso = [\"/note\"]"),
        ("scope", "answer_headers = \"Set-Cookie\"\nscope"),
        ("[keys]", "[defense]\ntrusted_sources = \"10.0.0.0/8\"\n[keys]"),
        ("[keys]", "[proxy]\ntrusted = \"10.0.0.0/8\"\n[keys]"),
    ] {
        assert_ne!(charter(&edited(from, to)).sha256(), sound.sha256(), "{to}");
    }
    for (from, to) in [
        ("[keys]", "[telemetry]\nlevel = \"debug\"\n[keys]"),
        ("\"POST\"", "[\"POST\"]"),
        (
            "trust_domain",
            "concurrency = 8\npending = 9\ntimeout = \"1s\"\ntrust_domain",
        ),
        ("[server]", "# a comment\n[server]\nthreads = 3"),
    ] {
        assert_eq!(charter(&edited(from, to)), sound, "{to}");
    }
    let other = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    fs::write(folder.path().join("ca.pem"), other.cert.pem()).unwrap();
    assert_ne!(
        charter(SOUND).sha256(),
        sound.sha256(),
        "another authority in the same file"
    );
}

#[test]
fn a_reload_names_the_keys_that_need_a_restart() {
    let folder = folder();
    let running = read(SOUND, folder.path()).unwrap();
    let new = |from, to| running.restart_only_differences(&read(&edited(from, to), folder.path()).unwrap());
    assert_eq!(new("[server]", "[server]\nthreads = 3"), ["server.threads"]);
    assert_eq!(new("file:master.key", "env:MASTER_KEY"), ["keys.kek"]);
    assert_eq!(
        new("[keys]", "[store]\nurl = \"sqlite:other\"\n[keys]"),
        ["store.url"]
    );
    assert_eq!(
        new("[keys]", "[identity]\nsession_lifetime = \"1h\"\n[keys]"),
        ["identity"]
    );
    assert_eq!(
        new("[keys]", "[defense]\nbody_timeout = \"5s\"\n[keys]"),
        ["defense"]
    );
    assert_eq!(
        new("[keys]", "[proxy]\ntrusted = \"10.0.0.0/8\"\n[keys]"),
        ["proxy.trusted"]
    );
    assert!(new("access = \"proof\"", "access = \"signed\"").is_empty());
    let floods = "trusted_sources = \"10.0.0.0/8\"\nsource_rate = \"1/s burst 1\"\nban = \"2s\"\nqueue_target = \"1s\"";
    assert!(new("[keys]", &format!("[defense]\n{floods}\n[keys]")).is_empty());
}

#[test]
fn rates_are_numbers_off_or_the_defaults() {
    let folder = folder();
    let floods = |text: &str| {
        let text = edited("[keys]", &format!("[defense]\n{text}\n[keys]"));
        read(&text, folder.path()).unwrap().defense.floods
    };
    let rate = |millis, burst| {
        let interval = Duration::from_millis(millis);
        Some(Rate { interval, burst })
    };
    let defaults = floods("");
    assert_eq!(defaults.source_rate, rate(5, 1000));
    assert_eq!(defaults.oauth_rate, rate(50, 200));
    assert_eq!(
        (defaults.customer_rate, defaults.client_rate),
        (rate(20, 500), None)
    );
    assert_eq!(defaults.ban_after, rate(100, 600));
    assert_eq!(floods("source_rate = \"off\"").source_rate, None);
    assert_eq!(
        floods("client_rate = \"6/m burst 2\"").client_rate,
        rate(10_000, 2)
    );
    let routed = edited(
        "access = \"signed\"",
        "access = \"signed\"\nrate = \"1/s burst 1\"",
    );
    let routes = read(&routed, folder.path()).unwrap().routes;
    assert_eq!(routes.by_name("payments").unwrap().rate, rate(1000, 1));
    assert_eq!(routes.by_name("accounts").unwrap().rate, None);
}

#[test]
fn a_reload_follows_the_tls_of_doors_that_are_there() {
    let folder = folder();
    let old = read(SOUND, folder.path()).unwrap();
    let new =
        |from: &str, to: &str| old.restart_only_differences(&read(&edited(from, to), folder.path()).unwrap());
    let doors = "[tls]\nmin_version = \"1.2\"\nticket_rotation = \"1h\"\n[auth]";
    assert!(new("[auth]", doors).is_empty());
    assert_eq!(
        new("[auth]", "[tls]\nclient_ca = \"ca.pem\"\n[auth]"),
        ["tls.client_ca"],
        "a door that was not there"
    );
    fs::copy(folder.path().join("ca.pem"), folder.path().join("moved.pem")).unwrap();
    let moved = "[admin]\nclient_ca = \"moved.pem\"\nclient_crl = \"crl.pem\"";
    assert!(new("[admin]\nclient_ca = \"ca.pem\"", moved).is_empty());
}

#[test]
fn a_revocation_list_of_administrators_needs_their_authority() {
    let folder = folder();
    let text = SOUND.replace("[server]", "[server]\nadmin_listen = []");
    let faults = |admin: &str| read(&text.replacen("client_ca = \"ca.pem\"", admin, 1), folder.path()).err();
    assert_eq!(faults("client_ca = \"ca.pem\"\nclient_crl = \"crl.pem\""), None);
    let faults = faults("client_crl = \"crl.pem\"").unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].key, "admin.client_crl");
}

#[test]
fn networks_contain_their_addresses_and_mapped_ones() {
    let folder = folder();
    let text = edited(
        "[keys]",
        "[defense]\ntrusted_sources = [\"10.0.0.0/8\", \"::1\", \"fd00::/8\", \"0.0.0.0/32\"]\n[keys]",
    );
    let networks = read(&text, folder.path()).unwrap().defense.trusted_sources;
    let inside = |address: &str| {
        networks
            .iter()
            .any(|network| network.contains(address.parse::<IpAddr>().unwrap()))
    };
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "::1", "fd12::1", "0.0.0.0"] {
        assert!(inside(address), "{address}");
    }
    for address in ["11.0.0.0", "::2", "fc00::1", "127.0.0.1", "::ffff:11.0.0.1"] {
        assert!(!inside(address), "{address}");
    }
}

#[test]
fn the_schema_knows_every_section_and_the_defaults() {
    let schema = json_schema();
    assert_eq!(
        schema.pointer("/properties/dpop/properties/nonce/default"),
        Some(&serde_json::json!("token"))
    );
    assert_eq!(
        schema.pointer("/properties/route/items/additionalProperties"),
        Some(&serde_json::json!(false))
    );
    assert_eq!(
        schema.pointer("/properties/server/properties/ops_listen/default"),
        Some(&serde_json::json!(["127.0.0.1:9464"]))
    );
    assert!(
        schema
            .pointer("/properties/identity/properties/password/properties/memory/default")
            .is_some()
    );
}

#[test]
fn the_example_names_every_key() {
    let example = include_str!("../../../docs/countersign.example.toml");
    let mut missing = Vec::new();
    missing_keys(&json_schema(), example, &mut missing);
    assert!(
        missing.is_empty(),
        "not in docs/countersign.example.toml: {missing:?}"
    );
}

/// The keys of a section's schema that the example shows in no line, commented out or not.
fn missing_keys(section: &serde_json::Value, example: &str, missing: &mut Vec<String>) {
    let section = section.get("items").unwrap_or(section);
    for (name, schema) in section["properties"].as_object().unwrap() {
        let schema = schema.get("items").unwrap_or(schema);
        if schema.get("properties").is_some() {
            missing_keys(schema, example, missing);
            continue;
        }
        let shown = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
        if !example.lines().any(shown) {
            missing.push(name.clone());
        }
    }
}

#[test]
fn the_published_schema_is_the_one_the_tables_make() {
    let published = include_str!("../../../docs/countersign.schema.json");
    let published: serde_json::Value = serde_json::from_str(published).unwrap();
    assert!(
        published == json_schema(),
        "run: countersign check --schema > docs/countersign.schema.json"
    );
}
