//! From the file to the `Config`: every section is read, all faults are told at once.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use toml::de::DeTable;

use super::admin::{self, Admin};
use super::auth::{self, Auth};
use super::defense::{self, Defense};
use super::dpop::{self, Dpop};
use super::fault::{Fault, Faults, Warning};
use super::identity::{self, Identity};
use super::keys::{self, Keys};
use super::log::{self, Log};
use super::outbound::{self, Outbound};
use super::policy::{self, Policy};
use super::proxy::{self, Proxy};
use super::route;
use super::route::Route;
use super::routes::{self, Routes};
use super::section::{Report, Section, Weight};
use super::server::{self, Server};
use super::shape::Shape;
use super::store::{self, Store};
use super::telemetry::{self, Telemetry};
use super::tls::{self, Tls};
use super::upstream::{self, Upstream};
use super::value::Complaint;

/// What the configuration file means. One that exists has no fault; what a file's meaning hangs on outside of it
/// (whether the store is a development one) is asked with `unfit_for`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub source: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[tls]`.
    pub tls: Tls,
    /// `[proxy]`.
    pub proxy: Proxy,
    /// `[auth]`.
    pub auth: Auth,
    /// `[store]`.
    pub store: Store,
    /// `[keys]`.
    pub keys: Keys,
    /// `[policy]`.
    pub policy: Policy,
    /// `[dpop]`.
    pub dpop: Dpop,
    /// `[defense]`.
    pub defense: Defense,
    /// `[identity]`.
    pub identity: Identity,
    /// `[outbound]`.
    pub outbound: Outbound,
    /// `[admin]`.
    pub admin: Admin,
    /// `[log]`.
    pub log: Log,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// `[[upstream]]`, in the order of the file.
    pub upstreams: Vec<Upstream>,
    /// `[[route]]`.
    pub routes: Routes,
    /// What deserves a second look.
    pub warnings: Vec<Warning>,
    unfit_for_production: Vec<Fault>,
    unfit_for_development: Vec<Fault>,
}

/// What kind of store the gateway runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// The store was made by `demo` or seeded with plaintext secrets.
    Development,
    /// Any other.
    Production,
}

impl Deployment {
    /// By whether the store is marked as one for development.
    #[must_use]
    pub const fn of(development: bool) -> Self {
        if development {
            Self::Development
        } else {
            Self::Production
        }
    }
}

pub(super) const SHAPE: Shape = Shape {
    name: "",
    meaning: "Configuration of Countersign.",
    repeated: false,
    keys: &[],
    sections: &[
        &server::SHAPE,
        &tls::SHAPE,
        &proxy::SHAPE,
        &auth::SHAPE,
        &store::SHAPE,
        &keys::SHAPE,
        &policy::SHAPE,
        &dpop::SHAPE,
        &defense::SHAPE,
        &identity::SHAPE,
        &outbound::SHAPE,
        &admin::SHAPE,
        &log::SHAPE,
        &telemetry::SHAPE,
        &upstream::SHAPE,
        &route::SHAPE,
    ],
};

/// Largest configuration file, in bytes: some ten thousand routes.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Reads a configuration file, and the certificates of the authorities it names.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let whole_file = |problem: String| {
        let remedy = "name the file with --config, or make one with countersign init".to_owned();
        Faults::new(
            path,
            vec![Fault {
                position: None,
                key: String::new(),
                problem,
                remedy,
            }],
        )
    };
    let text = read_file(path).map_err(|error| whole_file(format!("the file cannot be read: {error}")))?;
    let absolute = env::current_dir().map_or_else(|_| path.to_owned(), |folder| folder.join(path));
    parse(&text, &absolute).map_err(|found| Faults::new(path, found))
}

impl Config {
    /// What speaks against running with this kind of store; empty when nothing does.
    pub fn unfit_for(&self, deployment: Deployment) -> Option<Faults> {
        let faults = match deployment {
            Deployment::Development => &self.unfit_for_development,
            Deployment::Production => &self.unfit_for_production,
        };
        (!faults.is_empty()).then(|| Faults::new(&self.source, faults.clone()))
    }

    /// The upstream of that name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }

    /// Authority of the login, consent and account pages.
    pub fn auth_host(&self) -> &str {
        self.auth
            .host
            .as_deref()
            .unwrap_or_else(|| self.server.public_url.authority())
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() > FILE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    fs::read_to_string(path)
}

/// Reads the text of a configuration file that lies at `source`.
pub(super) fn parse(text: &str, source: &Path) -> Result<Config, Vec<Fault>> {
    let folder = source.parent().unwrap_or(Path::new("/"));
    let (document, syntax) = DeTable::parse_recoverable(text);
    let report = Report::new(text, folder);
    if !syntax.is_empty() {
        // What follows a syntax error is guesswork: keys would be told that are right.
        for error in syntax {
            let complaint = Complaint::new(
                error.message(),
                "correct the TOML; the keys are checked after that",
            );
            report.add(Weight::Fault, error.span(), String::new(), complaint);
        }
        return Err(report.into_found().faults);
    }
    let config = read(&Section::root(&SHAPE, document.get_ref(), &report), source);
    let found = report.into_found();
    match config {
        Some(config) if found.faults.is_empty() => Ok(Config {
            warnings: found.warnings,
            unfit_for_production: found.unfit_for_production,
            unfit_for_development: found.unfit_for_development,
            ..config
        }),
        _ => Err(found.faults),
    }
}

fn read(root: &Section<'_>, source: &Path) -> Option<Config> {
    let server = root.section("server").and_then(|section| server::read(&section));
    let tls = root.section("tls").and_then(|section| tls::read(&section));
    let proxy = root.section("proxy").and_then(|section| proxy::read(&section));
    let auth = root.section("auth").and_then(|section| auth::read(&section));
    let store = root.section("store").and_then(|section| store::read(&section));
    let keys = root.section("keys").and_then(|section| keys::read(&section));
    let policy = root.section("policy").and_then(|section| policy::read(&section));
    let dpop = root.section("dpop").and_then(|section| dpop::read(&section));
    let defense = root
        .section("defense")
        .and_then(|section| defense::read(&section));
    let identity = root
        .section("identity")
        .and_then(|section| identity::read(&section));
    let outbound = root
        .section("outbound")
        .and_then(|section| outbound::read(&section));
    let admin = root.section("admin").and_then(|section| {
        let listens = server
            .as_ref()
            .is_some_and(|server| !server.admin_listen.is_empty());
        admin::check_listener(&section, listens);
        admin::read(&section)
    });
    let telemetry = root
        .section("telemetry")
        .and_then(|section| telemetry::read(&section));
    let log = root.section("log").map(|section| log::read(&section));
    let upstreams = read_upstreams(root);
    let host = server.as_ref().map(|server| server.public_url.authority());
    let largest_body = defense.as_ref().map(defense::Defense::largest_body);
    let routes = read_routes(root, host, upstreams.as_deref(), largest_body);
    if let (Some(host), Some(auth), Some(routes)) = (host, &auth, &routes) {
        check_auth_host(root, auth.host.as_deref().unwrap_or(host), routes);
    }
    Some(Config {
        source: source.to_owned(),
        server: server?,
        tls: tls?,
        proxy: proxy?,
        auth: auth?,
        store: store?,
        keys: keys?,
        policy: policy?,
        dpop: dpop?,
        defense: defense?,
        identity: identity?,
        outbound: outbound?,
        admin: admin?,
        log: log?,
        telemetry: telemetry?,
        upstreams: upstreams?,
        routes: routes?,
        warnings: Vec::new(),
        unfit_for_production: Vec::new(),
        unfit_for_development: Vec::new(),
    })
}

fn read_upstreams(root: &Section<'_>) -> Option<Vec<Upstream>> {
    let mut names: Vec<String> = Vec::new();
    let read = root.sections("upstream")?.into_iter().map(|section| {
        let upstream = upstream::read(&section)?;
        if names.contains(&upstream.name) {
            let problem = format!("two upstreams are named {}", upstream.name);
            section.fault("name", problem, "give each a name of its own");
        }
        names.push(upstream.name.clone());
        Some(upstream)
    });
    read.collect::<Vec<_>>().into_iter().collect()
}

/// Reads the routes. Their upstreams are looked up only when all upstreams could be read, so that a fault in one is not
/// told a second time at each of its routes.
fn read_routes(
    root: &Section<'_>,
    host: Option<&str>,
    upstreams: Option<&[Upstream]>,
    largest_body: Option<u64>,
) -> Option<Routes> {
    let read: Vec<(Section<'_>, Option<Route>)> = root
        .sections("route")?
        .into_iter()
        .map(|section| {
            let route = route::read(&section, host);
            (section, route)
        })
        .collect();
    routes::check_apart(&read);
    for (section, route) in &read {
        if let (Some(route), Some(upstreams)) = (route, upstreams) {
            check_upstream(section, &route.upstream, upstreams);
        }
        if let (Some(route), Some(largest)) = (route, largest_body) {
            check_body_limit(section, route.body_limit, largest);
        }
    }
    let routes = read
        .into_iter()
        .map(|(_, route)| route)
        .collect::<Option<Vec<_>>>()?;
    Some(Routes::new(routes))
}

fn check_upstream(section: &Section<'_>, name: &str, upstreams: &[Upstream]) {
    if upstreams.iter().any(|upstream| upstream.name == name) {
        return;
    }
    let known = upstreams
        .iter()
        .map(|upstream| upstream.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let remedy = if known.is_empty() {
        "add [[upstream]]".to_owned()
    } else {
        format!("known: {known}")
    };
    section.fault("upstream", format!("there is no upstream {name}"), remedy);
}

/// A body that one source has no room for is refused each time, however often it is sent.
fn check_body_limit(section: &Section<'_>, limit: u64, largest: u64) {
    if limit > largest {
        let problem =
            format!("no body larger than {largest} bytes is ever read: one source has no room for it");
        let remedy = "lower it, or set [defense] buffered_bytes to four times the largest body_limit";
        section.fault("body_limit", problem, remedy);
    }
}

/// A backend's page must never share an origin with the pages on which customers enter their credentials.
fn check_auth_host(root: &Section<'_>, auth_host: &str, routes: &Routes) {
    if let (true, Some(section)) = (routes.has_host(auth_host), root.section("auth")) {
        let problem = format!("the login pages share the host {auth_host} with a route");
        section.add(
            Weight::UnfitForProduction,
            "host",
            problem,
            "give the login pages a host of their own",
        );
    }
}
