//! The gateways that people would use instead: nginx and HAProxy from Debian, Envoy from PyPI, each with one worker, in front of
//! the same backend, with the same certificates. They forward; HAProxy and Envoy also check an ES256 token below `/token`.
//! They keep access logs: nginx and Envoy into files that they buffer; HAProxy, which has no such file, onto its standard output,
//! which is one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey, jws};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::contests::Rival;
use crate::home::Home;
use crate::machine::{Cores, pinned};
use crate::process::Process;

/// Issuer and audience of the token that HAProxy and Envoy check.
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "bench";
/// How long a peer may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that somebody else made.
pub struct Peer {
    /// What it is called.
    pub name: &'static str,
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub process: Process,
}

/// All of them, and a token that those who check tokens accept.
pub struct Peers {
    /// nginx.
    pub nginx: Peer,
    /// HAProxy.
    pub haproxy: Peer,
    /// Envoy.
    pub envoy: Peer,
    /// Signed with ES256.
    pub token: String,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    nginx: PathBuf,
    haproxy: PathBuf,
    envoy: PathBuf,
}

impl Programs {
    /// Those that `scripts/bench.sh` installs.
    ///
    /// # Errors
    /// One is missing.
    pub fn find(root: &Path) -> Outcome<Self> {
        let found = Self {
            nginx: PathBuf::from("/usr/sbin/nginx"),
            haproxy: PathBuf::from("/usr/sbin/haproxy"),
            envoy: root.join("target/tools/envoy/bin/envoy"),
        };
        for program in [&found.nginx, &found.haproxy, &found.envoy] {
            if !program.exists() {
                return Err(format!(
                    "{} is missing: scripts/bench.sh compare installs it",
                    program.display()
                )
                .into());
            }
        }
        Ok(found)
    }

    /// Their versions, as they tell them.
    #[must_use]
    pub fn versions(&self) -> String {
        let first = |program: &Path, flag: &str| {
            let done = Command::new(program).arg(flag).output().ok()?;
            let text = [done.stdout, done.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            text.lines()
                .map(str::trim)
                .find(|line| !line.is_empty())
                .map(str::to_owned)
        };
        let lines = [
            first(&self.nginx, "-v"),
            first(&self.haproxy, "-v"),
            first(&self.envoy, "--version").map(|line| match line.rsplit_once("version: ") {
                Some((_, version)) => format!("envoy {version}"),
                None => line,
            }),
        ];
        lines.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Peers {
    /// The one that is meant, where it is another gateway.
    #[must_use]
    pub const fn of(&self, rival: Rival) -> Option<&Peer> {
        match rival {
            Rival::Nginx => Some(&self.nginx),
            Rival::HaProxy => Some(&self.haproxy),
            Rival::Envoy => Some(&self.envoy),
            Rival::Itself => None,
        }
    }

    /// Starts them in front of a home's backend, on the gateway's core, where they idle until it is their turn.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start(programs: &Programs, home: &Home, cores: Cores) -> Outcome<Self> {
        let [nginx, haproxy, envoy] = free_ports()?;
        let (token, public) = issue(home)?;
        std::fs::create_dir_all(home.path("peers/nginx"))?;
        write(home, "peers/nginx.conf", &nginx_configuration(home, nginx))?;
        write(home, "peers/haproxy.cfg", &haproxy_configuration(home, haproxy))?;
        write(
            home,
            "peers/envoy.json",
            &envoy_configuration(home, envoy, &public).to_string(),
        )?;
        let key = std::fs::read_to_string(home.path("certs/server/localhost.key.pem"))?;
        let chain = std::fs::read_to_string(home.path("certs/server/localhost.pem"))?;
        write(home, "peers/haproxy.pem", &format!("{chain}\n{key}"))?;
        let start = async |name, program: &Path, port, arguments: &[&str]| {
            let mut command = pinned(cores.server, program);
            command.args(arguments).current_dir(home.path("peers"));
            let log = home.path(&format!("peers/{name}.log"));
            listening(
                Peer {
                    name,
                    port,
                    process: Process::start(command, &log)?,
                },
                &log,
            )
            .await
        };
        let nginx_conf = home.path("peers/nginx.conf").to_string_lossy().into_owned();
        let prefix = home.path("peers/nginx").to_string_lossy().into_owned();
        Ok(Self {
            nginx: start(
                "nginx",
                &programs.nginx,
                nginx,
                &["-p", &prefix, "-c", &nginx_conf],
            )
            .await?,
            haproxy: start(
                "HAProxy",
                &programs.haproxy,
                haproxy,
                &["-db", "-f", "haproxy.cfg"],
            )
            .await?,
            envoy: start(
                "Envoy",
                &programs.envoy,
                envoy,
                &[
                    "-c",
                    "envoy.json",
                    "--concurrency",
                    "1",
                    "--disable-hot-restart",
                    "-l",
                    "warning",
                ],
            )
            .await?,
            token,
        })
    }
}

async fn listening(mut peer: Peer, log: &Path) -> Outcome<Peer> {
    let began = std::time::Instant::now();
    while TcpStream::connect(("127.0.0.1", peer.port)).await.is_err() {
        if peer.process.has_ended() || began.elapsed() > PATIENCE {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{} does not start:\n{said}", peer.name).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(peer)
}

fn write(home: &Home, name: &str, text: &str) -> Outcome<()> {
    Ok(std::fs::write(home.path(name), text)?)
}

fn free_ports() -> Outcome<[u16; 3]> {
    let bind = || std::net::TcpListener::bind("127.0.0.1:0");
    let listeners = [bind()?, bind()?, bind()?];
    let [one, two, three] = listeners.each_ref().map(std::net::TcpListener::local_addr);
    Ok([one?.port(), two?.port(), three?.port()])
}

/// A token of a day, and the public key for those who check it: as PEM in a file for HAProxy, as a JWK for Envoy.
fn issue(home: &Home) -> Outcome<(String, Value)> {
    let generated = PrivateKey::generate(KeyKind::P256)?;
    std::fs::create_dir_all(home.path("peers"))?;
    let (private, public) = (home.path("peers/token.der"), home.path("peers/token.pem"));
    std::fs::write(&private, generated.pkcs8.as_slice())?;
    let done = Command::new("openssl")
        .args(["pkey", "-inform", "DER", "-pubout", "-in"])
        .arg(&private)
        .arg("-out")
        .arg(public)
        .output()
        .map_err(|error| format!("openssl: {error}"))?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
    }
    let now = countersign::base::Clock::now(&countersign::base::SystemClock).seconds();
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 86_400,
        "scope": "accounts payments", "jti": "8f2c1c8e-token", "client_id": "bench" });
    let token = jws::sign("at+jwt", Map::new(), &claims, &generated.key)?;
    Ok((
        token,
        Value::Object(Jwk::new(generated.key.public_key().clone()).to_object()),
    ))
}

fn nginx_configuration(home: &Home, port: u16) -> String {
    let at = |name: &str| home.path(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {};\n", at(&format!("peers/nginx/{kind}"))))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid {pid};\nerror_log stderr error;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n{temporary}  access_log {log} combined buffer=64k flush=1s;\n  keepalive_requests 1000000000;\n\
         \x20 upstream origin {{ server 127.0.0.1:{origin}; keepalive 512; keepalive_requests 1000000000; }}\n\
         \x20 server {{\n    listen 127.0.0.1:{port} ssl http2 backlog=4096;\n\
         \x20   ssl_certificate {chain};\n    ssl_certificate_key {key};\n\
         \x20   ssl_protocols TLSv1.3;\n    ssl_ecdh_curve X25519;\n\
         \x20   location / {{\n      proxy_pass https://origin;\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n      proxy_ssl_protocols TLSv1.3;\n      proxy_ssl_verify on;\n\
         \x20     proxy_ssl_trusted_certificate {ca};\n      proxy_ssl_name localhost;\n    }}\n  }}\n}}\n",
        log = at("peers/nginx/access.log"),
        pid = at("peers/nginx/pid"),
        origin = home.ports.origin,
        chain = at("certs/server/localhost.pem"),
        key = at("certs/server/localhost.key.pem"),
        ca = at("certs/ca.pem"),
    )
}

fn haproxy_configuration(home: &Home, port: u16) -> String {
    let at = |name: &str| home.path(name).display().to_string();
    format!(
        "global\n  nbthread 1\n  maxconn 8000\n  log stdout format raw local0\n\n\
         defaults\n  mode http\n  log global\n  option httplog\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         \x20 option http-keep-alive\n  http-reuse always\n\n\
         frontend door\n  bind 127.0.0.1:{port} ssl crt {pem} ssl-min-ver TLSv1.3 curves X25519 alpn h2,http/1.1\n\
         \x20 acl token path_beg /token\n\
         \x20 http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg') if token\n\
         \x20 http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss') if token\n\
         \x20 http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud') if token\n\
         \x20 http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int') if token\n\
         \x20 http-request set-var(txn.now) date() if token\n\
         \x20 http-request deny if token !{{ var(txn.alg) -m str ES256 }}\n\
         \x20 http-request deny if token !{{ var(txn.iss) -m str {ISSUER} }}\n\
         \x20 http-request deny if token !{{ var(txn.aud) -m str {AUDIENCE} }}\n\
         \x20 http-request deny if token {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n\
         \x20 http-request deny if token !{{ http_auth_bearer,jwt_verify(txn.alg,\"{public}\") -m int 1 }}\n\
         \x20 default_backend origin\n\n\
         backend origin\n  server one 127.0.0.1:{origin} ssl verify required ca-file {ca} verifyhost localhost \
         ssl-min-ver TLSv1.3 pool-max-conn 512\n",
        pem = at("peers/haproxy.pem"),
        public = at("peers/token.pem"),
        origin = home.ports.origin,
        ca = at("certs/ca.pem"),
    )
}

fn envoy_configuration(home: &Home, port: u16, public: &Value) -> Value {
    let at = |name: &str| home.path(name).display().to_string();
    let kind = |name: &str| format!("type.googleapis.com/envoy.extensions.{name}");
    let address = |port: u16| json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
    let versions = json!({ "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3",
        "ecdh_curves": ["X25519"] });
    let keys = json!({ "keys": [public] }).to_string();
    let token_check = json!({ "name": "envoy.filters.http.jwt_authn", "typed_config": {
        "@type": kind("filters.http.jwt_authn.v3.JwtAuthentication"),
        "providers": { "issuer": { "issuer": ISSUER, "audiences": [AUDIENCE], "forward": true,
            "local_jwks": { "inline_string": keys } } },
        "rules": [{ "match": { "prefix": "/token" }, "requires": { "provider_name": "issuer" } }],
    } });
    let router = json!({ "name": "envoy.filters.http.router",
        "typed_config": { "@type": kind("filters.http.router.v3.Router") } });
    let door = json!({
        "@type": kind("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "door", "codec_type": "AUTO",
        "access_log": [{ "name": "envoy.access_loggers.file", "typed_config": {
            "@type": kind("access_loggers.file.v3.FileAccessLog"), "path": at("peers/envoy-access.log") } }],
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "origin" } }] }] },
        "http_filters": [token_check, router],
    });
    let certificate = json!({ "certificate_chain": { "filename": at("certs/server/localhost.pem") },
        "private_key": { "filename": at("certs/server/localhost.key.pem") } });
    json!({ "static_resources": {
        "listeners": [{ "name": "door", "address": address(port), "filter_chains": [{
            "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": {
                "@type": kind("transport_sockets.tls.v3.DownstreamTlsContext"),
                "common_tls_context": { "tls_params": versions, "tls_certificates": [certificate],
                    "alpn_protocols": ["h2", "http/1.1"] } } },
            "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": door }] }] }],
        "clusters": [{ "name": "origin", "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": { "cluster_name": "origin",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(home.ports.origin) } }] }] },
            "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": {
                "@type": kind("transport_sockets.tls.v3.UpstreamTlsContext"), "sni": "localhost",
                "common_tls_context": { "tls_params": versions,
                    "validation_context": { "trusted_ca": { "filename": at("certs/ca.pem") } } } } } }],
    } })
}
