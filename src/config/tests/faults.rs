//! Every fault a file can have: told at its line, with its key and in words that help.

use std::path::Path;

use super::{SOUND, edited, folder, read};
use crate::config::{Faults, load};

/// What is replaced by what; the line the fault is then on (or its beginning), the key, and words of the message.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);
#[rustfmt::skip]
const CASES: &[Case] = &[
    // The file as such.
    ("[keys]", "[keys", "[keys", "", &["correct the TOML"]),
    ("[keys]", "[server]\n[keys]", "[server]\n[keys]", "", &["duplicate"]),
    ("[keys]", "[keyz]\nx = 1\n[keys]", "[keyz]", "keyz", &["unknown key", "did you mean keys?"]),
    ("kek =", "kekk = 1\nkek =", "kekk =", "keys.kekk", &["unknown key", "did you mean kek?"]),
    ("kek =", "zzzzzz = 1\nkek =", "zzzzzz", "keys.zzzzzz", &["unknown key", "known here: kek, period"]),
    ("\n[server]", "store = 1\n[server]", "store = 1", "store", &["expected a section", "[store]"]),
    ("[keys]", "[[store]]\n[keys]", "[[store]]", "store", &["expected a section", "[store]"]),
    ("[[upstream]]", "[upstream]", "[upstream]", "upstream", &["expected a repeated section", "[[upstream]]"]),
    // Kinds of values.
    ("public_url = \"https", "public_url = 8443 # \"", "public_url = 8443", "server.public_url", &["expected text"]),
    ("[auth]", "[server.x]\n[auth]", "[server.x]", "server.x", &["unknown key"]),
    ("[keys]", "[defense]\nconnections = \"many\"\n[keys]", "connections", "defense.connections", &["expected a number"]),
    ("[keys]", "[defense]\nconnections = 0\n[keys]", "connections", "defense.connections", &["out of range", "from 1 to"]),
    ("[keys]", "[defense]\nbody_timeout = 30\n[keys]", "body_timeout", "defense.body_timeout", &["30 without a unit", "30s"]),
    ("[keys]", "[defense]\nbody_timeout = \"1d\"\n[keys]", "body_timeout", "defense.body_timeout", &["out of range", "to 10m"]),
    ("[keys]", "[defense]\nconnections_per_source = 0\n[keys]", "connections_per", "defense.connections_per_source", &["out of range", "from 1 to"]),
    ("[keys]", "[defense]\nbuffered_bytes = 33554432\n[keys]", "buffered", "defense.buffered_bytes", &["33554432 without a unit"]),
    ("[keys]", "[defense]\nbuffered_bytes = \"512KiB\"\n[keys]", "buffered", "defense.buffered_bytes", &["out of range"]),
    ("[keys]", "[defense]\nanswer_timeout = \"11m\"\n[keys]", "answer_timeout", "defense.answer_timeout", &["out of range", "to 10m"]),
    ("scope", "body_limit = \"9MiB\"\nscope", "body_limit", "route[0].body_limit", &["no body larger than 8388608 bytes", "buffered_bytes"]),
    ("[keys]", "[identity.password]\nmemory = \"64MB\"\n[keys]", "memory", "identity.password.memory", &["\"64MB\" is no size", "64KiB"]),
    ("[keys]", "[defense]\nban = \"2h\"\n[keys]", "ban", "defense.ban", &["longer than the longest", "ban_longest"]),
    ("[keys]", "[defense]\nban_longest = \"8d\"\n[keys]", "ban_longest", "defense.ban_longest", &["out of range", "to 7d"]),
    ("[keys]", "[defense]\nsource_rate = 100\n[keys]", "source_rate", "defense.source_rate", &["expected text"]),
    ("[keys]", "[defense]\noauth_rate = \"100/s\"\n[keys]", "oauth_rate", "defense.oauth_rate", &["\"100/s\" is no rate", "100/s burst 200"]),
    ("[keys]", "[defense]\ncustomer_rate = \"1/h burst 25\"\n[keys]", "customer_rate", "defense.customer_rate", &["more than a day"]),
    ("[keys]", "[defense]\nclient_rate = \"0/s burst 1\"\n[keys]", "client_rate", "defense.client_rate", &["is no rate"]),
    ("[keys]", "[defense]\nban_after = \"never\"\n[keys]", "ban_after", "defense.ban_after", &["is no rate", "\"off\""]),
    ("[keys]", "[defense]\nqueue_target = \"0s\"\n[keys]", "queue_target", "defense.queue_target", &["out of range", "from 1ms"]),
    ("access = \"signed\"", "access = \"signed\"\nrate = \"1/d burst 1\"", "rate", "route[1].rate", &["is no rate"]),
    ("[keys]", "[identity]\ncooling_off = \"24h\"\n[keys]", "cooling_off", "identity.cooling_off", &["unknown key"]),
    ("[keys]", "[defense]\ntrusted_sources = [\"10.0.0.1/8\"]\n[keys]", "trusted", "defense.trusted_sources[0]", &["no network", "host bits"]),
    ("[keys]", "[dpop]\nnonce = \"sometimes\"\n[keys]", "nonce", "dpop.nonce", &["\"sometimes\"", "\"off\", \"token\", \"always\""]),
    ("[keys]", "[policy]\ndir = \"\"\n[keys]", "dir", "policy.dir", &["empty"]),
    ("[keys]", "[policy]\ndir = \"a\\u0007b\"\n[keys]", "dir", "policy.dir", &["control characters"]),
    // [server]
    ("public_url = \"https://pay.example.com\"", "threads = 2", "[server]", "server.public_url", &["missing", "[server]"]),
    ("https://pay.example.com", "http://pay.example.com", "public_url", "server.public_url", &["no public URL", "https://"]),
    ("[[tls.", "listen = \"localhost:8443\"\n[[tls.", "listen", "server.listen", &["no address to listen on", "127.0.0.1:8443"]),
    ("[[tls.", "listen = []\n[[tls.", "listen", "server.listen", &["listen nowhere"]),
    ("[[tls.", "ops_listen = \"127.0.0.1:8443\"\n[[tls.", "ops_listen", "server.ops_listen", &["127.0.0.1:8443 is taken by listen"]),
    // [tls]
    ("[[tls.certificate]]\nchain = \"server.pem\"\nkey = \"file:server.key.pem\"", "", "", "tls.certificate", &["no certificate", "certs issue server"]),
    ("chain = \"server.pem\"", "", "[[tls.certificate]]", "tls.certificate[0].chain", &["missing", "[[certificate]]"]),
    ("file:server.key.pem", "server.key.pem", "key =", "tls.certificate[0].key", &["reference, never as its value", "file:PATH"]),
    ("[auth]", "[tls]\nmin_version = \"1.1\"\n[auth]", "min_version", "tls.min_version", &["\"1.2\", \"1.3\""]),
    ("[auth]", "[tls]\nticket_rotation = \"25h\"\n[auth]", "ticket", "tls.ticket_rotation", &["out of range", "1d"]),
    ("[auth]", "[tls]\nclient_ca = \"absent.pem\"\n[auth]", "client_ca = \"absent", "tls.client_ca", &["absent.pem cannot be read", "certs init"]),
    ("[auth]", "[tls]\nclient_ca = \"empty.pem\"\n[auth]", "client_ca = \"empty", "tls.client_ca", &["holds no certificate"]),
    ("[auth]", "[tls]\nclient_ca = \"damaged.pem\"\n[auth]", "client_ca = \"damaged", "tls.client_ca", &["damaged.pem is damaged"]),
    ("[auth]", "[tls]\nclient_ca = \".\"\n[auth]", "client_ca = \".\"", "tls.client_ca", &["not a regular file"]),
    ("[auth]", "[tls]\nclient_crl = \"crl.pem\"\n[auth]", "client_crl", "tls.client_crl", &["without the authority"]),
    // [proxy], [auth], [store], [keys], [log], [outbound], [admin], [identity], [telemetry]
    ("[keys]", "[proxy]\ntrusted = \"10.0.0.1/8\"\n[keys]", "trusted", "proxy.trusted", &["no network", "host bits"]),
    ("[keys]", "[proxy]\ntrusted = [\"balancer\"]\n[keys]", "trusted", "proxy.trusted[0]", &["\"balancer\" is no network"]),
    ("login.example.com", "https://login.example.com", "host =", "auth.host", &["no host", "login.example.com"]),
    ("[keys]", "[store]\nurl = \"postgres://user:hunter2@db/gate\"\n[keys]", "url = \"post", "store.url", &["PostgreSQL is not supported by this version"]),
    ("[keys]", "[store]\nurl = \"countersign.sqlite\"\n[keys]", "url = \"count", "store.url", &["no database", "sqlite:PATH"]),
    ("[keys]", "[store]\nephemeral = \"redis://localhost\"\n[keys]", "ephemeral", "store.ephemeral", &["Redis is not supported by this version"]),
    ("[keys]", "[store]\nephemeral = \"disk\"\n[keys]", "ephemeral", "store.ephemeral", &["memory"]),
    ("file:master.key", "pkcs11:token=gate", "kek", "keys.kek", &["PKCS #11 token is not supported by this version"]),
    ("file:master.key", "c2VjcmV0IHZhbHVlIGhlcmU=", "kek", "keys.kek", &["reference, never as its value"]),
    ("file:master.key", "systemd:../../etc/passwd", "kek", "keys.kek", &["reference, never as its value"]),
    ("kek = \"file:master.key\"", "period = \"80d\"", "[keys]", "keys.kek", &["missing", "[keys]"]),
    ("kek =", "period = \"800d\"\nkek =", "period", "keys.period", &["out of range", "730d"]),
    ("[keys]", "[log]\nanchor = 7\n[keys]", "anchor", "log.anchor", &["text"]),
    ("[keys]", "[log]\nwitnesses = [\"w+1+a\"]\n[keys]", "witnesses", "log.witnesses", &["not supported by this version"]),
    ("[keys]", "[outbound]\nallow = [\"keys.example.com\"]\n[keys]", "allow", "outbound.allow", &["not supported by this version"]),
    ("[keys]", "[outbound]\nallow = [\"a/b\"]\n[keys]", "allow", "outbound.allow[0]", &["no host"]),
    ("client_ca = \"ca.pem\"", "", "[admin]", "admin.client_ca", &["nobody vouches for administrators", "admin_listen = []"]),
    ("[admin]", "[admin]\nquorum = 0", "quorum", "admin.quorum", &["out of range"]),
    ("[keys]", "[identity]\nsession_idle = \"6m\"\n[keys]", "session_idle", "identity.session_idle", &["out of range", "5m"]),
    ("[keys]", "[identity.password]\nmemory_budget = \"16MiB\"\n[keys]", "memory_budget", "identity.password.memory_budget", &["smaller than one hash"]),
    ("[keys]", "[identity.password]\nmemory = \"1MiB\"\n[keys]", "memory", "identity.password.memory", &["out of range"]),
    ("[keys]", "[telemetry]\naccess_log = \"file:\"\n[keys]", "access_log", "telemetry.access_log", &["no place for the access log"]),
    ("[keys]", "[telemetry]\naccess_log = \"/var/log/access\"\n[keys]", "access_log", "telemetry.access_log", &["file:PATH"]),
    ("[keys]", "[telemetry]\naccess_log = true\n[keys]", "access_log", "telemetry.access_log", &["text"]),
    ("[keys]", "[telemetry]\nlevel = \"trace\"\n[keys]", "level", "telemetry.level", &["\"debug\""]),
    // [[upstream]]
    ("name = \"bank\"", "name = \"the bank\"", "name = \"the", "upstream[0].name", &["cannot be used as a name"]),
    ("trust_domain = \"bank.internal\"", "", "[[upstream]]", "upstream[0].trust_domain", &["missing", "[[upstream]]"]),
    ("https://bank.internal:7443", "http://bank.internal:7443", "urls", "upstream[0].urls[0]", &["plain HTTP", "loopback"]),
    ("https://bank.internal:7443", "http://127.0.0.1.example.com", "urls", "upstream[0].urls[0]", &["plain HTTP"]),
    ("https://bank.internal:7443", "https://bank.internal/api", "urls", "upstream[0].urls[0]", &["no address of a backend"]),
    ("https://bank.internal:7443", "ftp://bank.internal", "urls", "upstream[0].urls[0]", &["no address of a backend"]),
    ("[\"https://bank.internal:7443\"]", "[]", "urls", "upstream[0].urls", &["no address", "at least one"]),
    ("internal:7443\"]", "internal\", \"http://[::1]:1\"]", "urls", "upstream[0].urls", &["side by side"]),
    ("ca = \"ca.pem\"\ntrust", "trust", "[[upstream]]", "upstream[0].ca", &["nobody vouches for the backend"]),
    ("trust_domain", "client_certificate = \"c.pem\"\ntrust_domain", "client_certificate", "upstream[0].client_certificate", &["without its key"]),
    ("trust_domain", "client_key = \"file:c.key\"\ntrust_domain", "client_key", "upstream[0].client_key", &["without its certificate"]),
    ("trust_domain", "client_evidence = \"none\"\ntrust_domain", "client_evidence", "upstream[0].client_evidence", &["\"attested\", \"signed\""]),
    ("trust_domain", "settle = \"probe\"\ntrust_domain", "settle", "upstream[0].settle", &["nobody vouches", "answer_keys"]),
    ("trust_domain", "settle = \"hope\"\ntrust_domain", "settle", "upstream[0].settle", &["\"probe\", \"retry\", \"hold\""]),
    ("trust_domain", "settle_after = \"1h\"\ntrust_domain", "settle_after", "upstream[0].settle_after", &["with settle = \"probe\" only"]),
    ("trust_domain", "settle = \"retry\"\nsettle_path = \"/p/{key}\"\ntrust_domain", "settle_path", "upstream[0].settle_path", &["with settle = \"probe\" only"]),
    ("trust_domain", "answer_keys = \"a\"\nsettle = \"probe\"\nsettle_after = \"8d\"\ntrust_domain", "settle_after", "upstream[0].settle_after", &["out of range", "7d"]),
    ("trust_domain", "answer_keys = \"a\"\nsettle = \"probe\"\nsettle_path = \"/payments\"\ntrust_domain", "settle_path", "upstream[0].settle_path", &["no path that names a payment"]),
    ("trust_domain", "answer_keys = \"a\"\nsettle = \"probe\"\nsettle_path = \"p/{key}\"\ntrust_domain", "settle_path", "upstream[0].settle_path", &["no path that names a payment"]),
    ("trust_domain", "answer_keys = \"a\"\nsettle = \"probe\"\nsettle_path = \"/p/{id}/{key}\"\ntrust_domain", "settle_path", "upstream[0].settle_path", &["no path that names a payment"]),
    ("trust_domain", "timeout = \"1h\"\ntrust_domain", "timeout", "upstream[0].timeout", &["out of range", "5m"]),
    ("trust_domain", "concurrency = 0\ntrust_domain", "concurrency", "upstream[0].concurrency", &["out of range", "1 to 65536"]),
    ("trust_domain", "pending = \"many\"\ntrust_domain", "pending", "upstream[0].pending", &["expected a number"]),
    ("[[route]]\nname = \"acc", "[[upstream]]\nname = \"bank\"\nurls = \"http://[::1]:1\"\ntrust_domain = \"b\"\n[[route]]\nname = \"acc", "name = \"bank\"\nurls = \"http", "upstream[1].name", &["two upstreams are named bank"]),
    // [[route]]
    ("access = \"proof\"", "", "[[route]]", "route[0].access", &["missing", "[[route]]"]),
    ("access = \"proof\"", "access = \"open\"", "access", "route[0].access", &["\"public\", \"proof\", \"signed\""]),
    ("access = \"proof\"", "access = \"public\"", "scope", "route[0].scope", &["knows no caller"]),
    ("scope = [\"accounts\"]", "scope = \"a b\"", "scope", "route[0].scope", &["no scope", "its own text"]),
    ("scope", "acr = 4\nscope", "acr", "route[0].acr", &["out of range", "1 to 3"]),
    ("[\"GET\"]", "[]", "methods", "route[0].methods", &["takes no method"]),
    ("[\"GET\"]", "\"get\"", "methods", "route[0].methods", &["\"get\" is not one"]),
    ("[\"GET\"]", "\"CONNECT\"", "methods", "route[0].methods", &["\"CONNECT\" is not one"]),
    ("[\"GET\"]", "\"*\"", "methods", "route[0].methods", &["public routes only"]),
    ("[\"GET\"]", "[\"GET\", \"*\"]", "methods", "route[0].methods", &["beside other methods"]),
    ("\"/accounts/{id}\"", "\"accounts\"", "path", "route[0].path", &["begins with a slash"]),
    ("\"/accounts/{id}\"", "\"/accounts//x\"", "path", "route[0].path", &["empty segment"]),
    ("\"/accounts/{id}\"", "\"/accounts/../x\"", "path", "route[0].path", &["dot segment"]),
    ("\"/accounts/{id}\"", "\"/a%62c\"", "path", "route[0].path", &["does not belong into a path"]),
    ("\"/accounts/{id}\"", "\"/{rest...}/x\"", "path", "route[0].path", &["not the last segment"]),
    ("\"/accounts/{id}\"", "\"/{a}/{a}\"", "path", "route[0].path", &["two parameters have one name"]),
    ("\"/accounts/{id}\"", "\"/{a-b}\"", "path", "route[0].path", &["letters, digits and _"]),
    ("\"/accounts/{id}\"", "\"/{a\"", "path", "route[0].path", &["ends with }"]),
    ("\"/accounts/{id}\"", "\"/oauth/token\"", "path", "route[0].path", &["gateway's own paths"]),
    ("\"/accounts/{id}\"", "\"/.well-known/x\"", "path", "route[0].path", &["gateway's own paths"]),
    ("\"/accounts/{id}\"", "\"/log/{rest...}\"", "path", "route[0].path", &["gateway's own paths"]),
    ("upstream = \"bank\"\naccess = \"proof\"", "upstream = \"blank\"\naccess = \"proof\"", "upstream = \"blank", "route[0].upstream", &["there is no upstream blank", "known: bank"]),
    ("scope", "body_limit = \"65MiB\"\nscope", "body_limit", "route[0].body_limit", &["out of range"]),
    ("scope", "answer_headers = \"alt-svc\"\nscope", "answer_headers", "route[0].answer_headers", &["\"alt-svc\" is not a field", "set-cookie"]),
    ("scope", "answer_headers = [\"set-cookie\", \"request-id\"]\nscope", "answer_headers", "route[0].answer_headers[1]", &["not a field that a route can let through"]),
    ("scope", "answer_headers = \"set cookie\"\nscope", "answer_headers", "route[0].answer_headers", &["not a field"]),
    ("scope", "idempotency = \"maybe\"\nscope", "idempotency", "route[0].idempotency", &["\"required\", \"off\""]),
    ("name = \"payments\"", "name = \"accounts\"", "name = \"accounts\"\nmethods = \"POST", "route[1].name", &["two routes are named accounts"]),
    ("methods = [\"GET\"]\npath = \"/accounts/{id}\"", "methods = [\"GET\", \"POST\"]\npath = \"/payments\"", "path = \"/payments\"\nupstream = \"bank\"\naccess = \"signed", "route[1].path", &["take the same requests", "(accounts)"]),
    ("\"/payments\"", "\"/{x}/42\"", "path = \"/{x}/42", "route[1].path", &["take the same requests"]),
    // [route.transaction]
    ("access = \"signed\"", "access = \"proof\"", "access = \"proof\"\n[route.tr", "route[1].access", &["without a signed request", "\"signed\""]),
    ("access = \"signed\"", "access = \"signed\"\nidempotency = \"off\"", "idempotency", "route[1].idempotency", &["move it twice"]),
    ("methods = \"POST\"", "methods = [\"POST\", \"GET\"]", "methods = [\"POST", "route[1].methods", &["method without a body"]),
    ("amount = \"/amount\"", "", "[route.transaction]", "route[1].transaction.amount", &["missing"]),
    ("amount = \"/amount\"", "amount = \"amount\"", "amount = \"amount", "route[1].transaction.amount", &["no JSON Pointer", "leading slash"]),
    ("payee = \"/payee\"", "payee = \"/payee~2\"", "payee", "route[1].transaction.payee", &["no JSON Pointer"]),
    ("payee = \"/payee\"", "payee = \"/amount\"", "payee", "route[1].transaction.payee", &["same place", "amount"]),
    ("payee = \"/payee\"", "payee = \"/payee\"\nalso = [\"/payee/name\"]", "also", "route[1].transaction.also", &["into each other", "payee"]),
    ("payee = \"/payee\"", "payee = \"/payee\"\npayer = \"/x\"", "payer", "route[1].transaction.payer", &["did you mean payee?"]),
];
#[test]
fn every_fault_is_told_at_its_line_with_its_key_its_cause_and_its_cure() {
    let folder = folder();
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|case| judge(case, folder.path()).err())
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        CASES.len(),
        wrong.join("\n")
    );
}

fn judge((from, to, at, key, told): &Case, folder: &Path) -> Result<(), String> {
    let text = edited(from, to);
    let faults = read(&text, folder)
        .err()
        .ok_or_else(|| format!("{to:?}: no fault"))?;
    let [fault] = faults.as_slice() else {
        return Err(format!("{to:?}: not one fault but {faults:#?}"));
    };
    let message = format!("{}; {}", fault.problem, fault.remedy);
    if let Some(words) = told.iter().find(|words| !message.contains(**words)) {
        return Err(format!("{to:?}: {words:?} is not in {message:?}"));
    }
    let line = (!at.is_empty())
        .then(|| {
            text.find(at)
                .map(|offset| text[..offset].matches('\n').count() + 1)
        })
        .flatten();
    let told = (
        fault.key.as_str(),
        fault.position.map(|position| position.line),
        fault.remedy.is_empty(),
    );
    if told == (*key, line, false) {
        Ok(())
    } else {
        Err(format!("{to:?}: {told:?}, expected {key:?} {line:?}"))
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_lines() {
    let folder = folder();
    let text = SOUND
        .replace("public_url", "pubic_url")
        .replace("file:master.key", "literal")
        .replace("\"proof\"", "\"open\"")
        .replace("/amount", "amount");
    let faults = Faults::new(
        Path::new("countersign.toml"),
        read(&text, folder.path()).unwrap_err(),
    );
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "server.public_url",
            "server.pubic_url",
            "keys.kek",
            "route[0].access",
            "route[1].transaction.amount"
        ]
    );
    let printed = faults.to_string();
    assert!(
        printed.contains("countersign.toml:10:7: keys.kek: a secret stands here as a reference"),
        "{printed}"
    );
}

#[test]
fn no_message_repeats_what_could_be_a_secret() {
    let folder = folder();
    for (from, to) in [
        ("file:master.key", "hunter2-hunter2"),
        ("file:server.key.pem", "-----BEGIN hunter2"),
        (
            "[keys]",
            "[store]\nurl = \"postgres://gate:hunter2@db/gate\"\nephemeral = \"redis://:hunter2@db\"\n[keys]",
        ),
        ("kek =", "password = \"hunter2\"\nkek ="),
    ] {
        let faults = read(&edited(from, to), folder.path()).unwrap_err();
        assert!(
            !faults.is_empty() && !format!("{faults:?}").contains("hunter2"),
            "{faults:?}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_its_name() {
    let folder = folder();
    for name in ["absent.toml", "."] {
        let path = folder.path().join(name);
        let faults = load(&path).unwrap_err().to_string();
        assert!(
            faults.starts_with(&path.display().to_string()) && faults.contains("cannot be read"),
            "{faults}"
        );
    }
}
