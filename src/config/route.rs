//! `[[route]]`: what may be asked of which backend, by whom, and how much of it.

use std::time::Duration;

use http::{HeaderName, Method};

use super::answer_headers;
use super::path_pattern::PathPattern;
use super::public_url::read_authority;
use super::quantity::{duration_within, size_within};
use super::rate::{Rate, rate};
use super::section::{Section, Weight};
use super::shape::{Key, Kind, Shape, words};
use super::transaction::{self, Transaction};
use super::value::{self, Complaint, Parsed, Value};

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name for policies, logs and metrics.
    pub name: String,
    /// Authority it belongs to, as in the `Host` header; by default that of `public_url`.
    pub host: String,
    /// Methods it takes.
    pub methods: Methods,
    /// Paths it takes.
    pub path: PathPattern,
    /// Name of the backend.
    pub upstream: String,
    /// What a caller must prove.
    pub access: Access,
    /// Scope tokens the caller's token must hold, all of them.
    pub scope: Vec<String>,
    /// Least authentication context class, 1 to 3 (`urn:countersign:acr:N`); `None` leaves it to the policies.
    pub acr: Option<u8>,
    /// Largest request body, in bytes.
    pub body_limit: u64,
    /// Largest answer body where answers are buffered, in bytes.
    pub answer_limit: u64,
    /// Fields of answers that pass although they act on the whole origin, sorted.
    pub answer_headers: Vec<HeaderName>,
    /// Longest wait for a complete answer; `None`: that of the upstream.
    pub timeout: Option<Duration>,
    /// Requests on it, of all callers together; `None`: as many as come.
    pub rate: Option<Rate>,
    /// Whether requests carry an `Idempotency-Key` and are executed at most once.
    pub idempotency: Idempotency,
    /// Where the body states what the customer must agree to; present on routes that move money.
    pub transaction: Option<Transaction>,
}

/// The methods of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods {
    /// `["*"]`.
    Any,
    /// These, at least one.
    Only(Vec<Method>),
}

words! {
    /// What a caller must prove.
    pub enum Access {
        /// Nothing.
        Public = "public",
        /// A token, and possession of the key it is bound to.
        Proof = "proof",
        /// That, and a signature over the request.
        Signed = "signed",
    }
}

words! {
    /// Whether requests are executed at most once per key.
    pub enum Idempotency {
        /// An `Idempotency-Key` is required.
        Required = "required",
        /// None is looked at.
        Off = "off",
    }
}

pub(super) const SHAPE: Shape = Shape {
    name: "route",
    meaning: "What may be asked of which backend, by whom, and how much of it.",
    repeated: true,
    keys: &[
        Key::required("name", Kind::Text, "Name for policies, logs and metrics."),
        Key::optional(
            "host",
            Kind::Text,
            "Host it belongs to; by default that of public_url.",
        ),
        Key::required(
            "methods",
            Kind::List(&Kind::Text),
            "Methods it takes; [\"*\"] for all, on public routes only.",
        ),
        Key::required(
            "path",
            Kind::Text,
            "Paths it takes: segments, {name}, and a final {rest...}.",
        ),
        Key::required("upstream", Kind::Text, "Name of the backend."),
        Key::required(
            "access",
            Kind::Word(Access::WORDS),
            "What a caller must prove: nothing, possession of the token's key, or that and a signature.",
        ),
        Key::optional(
            "scope",
            Kind::List(&Kind::Text),
            "Scopes the caller's token must hold, all of them.",
        ),
        Key::optional(
            "acr",
            Kind::Integer { least: 1, most: 3 },
            "Least authentication context class; left to the policies by default.",
        ),
        Key::with_default(
            "body_limit",
            Kind::Size,
            "\"256KiB\"",
            "Largest request body; up to 64MiB.",
        ),
        Key::with_default(
            "answer_limit",
            Kind::Size,
            "\"1MiB\"",
            "Largest answer body where answers are buffered; up to 64MiB.",
        ),
        answer_headers::KEY,
        Key::optional(
            "timeout",
            Kind::Duration,
            "Longest wait for a complete answer, 100ms to 5m; by default that of the upstream.",
        ),
        Key::optional(
            "rate",
            Kind::Text,
            "Requests on it, of all callers together, such as \"100/s burst 200\"; as many as come by default.",
        ),
        Key::optional(
            "idempotency",
            Kind::Word(Idempotency::WORDS),
            "Whether an Idempotency-Key is required; \"required\" with [route.transaction], else \"off\".",
        ),
    ],
    sections: &[&transaction::SHAPE],
};

const BODY_MOST: u64 = 64 << 20;

/// Reads one route; `host` is the authority of `public_url`.
pub(super) fn read(section: &Section<'_>, host: Option<&str>) -> Option<Route> {
    let name = section.value("name", value::name);
    let own_host = section.optional("host", read_authority);
    let methods = read_methods(section);
    let path = section.value("path", PathPattern::read);
    let upstream = section.value("upstream", value::name);
    let access = section.value("access", Access::read);
    let scope = section.list("scope", read_scope_token);
    let acr = section.optional("acr", |value| value.integer(1, 3));
    let body_limit = section.value("body_limit", size_within(0, BODY_MOST));
    let answer_limit = section.value("answer_limit", size_within(0, BODY_MOST));
    let answer_headers = section.list("answer_headers", answer_headers::read);
    let timeout = section.optional(
        "timeout",
        duration_within(Duration::from_millis(100), Duration::from_secs(300)),
    );
    let rate = section.optional("rate", rate);
    let idempotency = section.optional("idempotency", Idempotency::read);
    let moves_money = section.has("transaction");
    let transaction = moves_money
        .then(|| transaction::read(&section.section("transaction")?))
        .flatten();
    check_access(section, access, methods.as_ref());
    check_transaction(section, access, methods.as_ref(), idempotency);
    let default = if moves_money {
        Idempotency::Required
    } else {
        Idempotency::Off
    };
    Some(Route {
        name: name?,
        host: own_host.or_else(|| host.map(str::to_owned))?,
        methods: methods?,
        path: path?,
        upstream: upstream?,
        access: access?,
        scope: scope?,
        acr: acr.and_then(|acr| u8::try_from(acr).ok()),
        body_limit: body_limit?,
        answer_limit: answer_limit?,
        answer_headers: answer_headers.map(answer_headers::sorted)?,
        timeout,
        rate: rate.flatten(),
        idempotency: idempotency.unwrap_or(default),
        transaction,
    })
}

fn read_methods(section: &Section<'_>) -> Option<Methods> {
    // `None` stands for the asterisk.
    let mut written: Vec<Option<Method>> = section.list("methods", read_method)?;
    if written.is_empty() {
        section.fault("methods", "the route takes no method", "name at least one");
        return None;
    }
    if written.iter().any(Option::is_none) {
        if written.len() > 1 {
            section.fault(
                "methods",
                "\"*\" beside other methods",
                "write [\"*\"] or the methods alone",
            );
            return None;
        }
        return Some(Methods::Any);
    }
    written.sort_by(|a, b| {
        a.as_ref()
            .map(Method::as_str)
            .cmp(&b.as_ref().map(Method::as_str))
    });
    written.dedup();
    Some(Methods::Only(written.into_iter().flatten().collect()))
}

fn read_method(value: &Value<'_>) -> Parsed<Option<Method>> {
    match value.text()? {
        "*" => Ok(None),
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => {
            Method::from_bytes(method.as_bytes())
                .map(Some)
                .map_err(|_| value.not_one_of(&METHODS))
        }
        _ => Err(value.not_one_of(&METHODS)),
    }
}

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*"];

/// One scope token (RFC 6749 section 3.3).
fn read_scope_token(value: &Value<'_>) -> Parsed<String> {
    let text = value.text()?;
    let token = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if text.bytes().all(token) {
        return Ok(text.to_owned());
    }
    let problem = format!("{} is no scope", value.quoted());
    Err(Complaint::new(
        problem,
        "write each scope as its own text, such as [\"accounts\", \"payments\"]",
    ))
}

fn check_access(section: &Section<'_>, access: Option<Access>, methods: Option<&Methods>) {
    if access == Some(Access::Public) {
        for name in ["scope", "acr"] {
            if section.has(name) {
                let problem = "a public route knows no caller to demand this of";
                section.fault(
                    name,
                    problem,
                    "leave the key out, or write access = \"proof\" or \"signed\"",
                );
            }
        }
        return;
    }
    let changes = |method: &Method| !method.is_safe();
    match methods {
        Some(Methods::Any) => {
            section.fault(
                "methods",
                "\"*\" stands on public routes only",
                "name the methods",
            );
        }
        Some(Methods::Only(methods)) if access == Some(Access::Proof) && methods.iter().any(changes) => {
            let problem = "access = \"proof\" lets a method change things without a signed request";
            section.add(
                Weight::Warning,
                "methods",
                problem,
                "write access = \"signed\" where money or consent changes",
            );
        }
        _ => {}
    }
}

fn check_transaction(
    section: &Section<'_>,
    access: Option<Access>,
    methods: Option<&Methods>,
    idempotency: Option<Idempotency>,
) {
    if !section.has("transaction") {
        return;
    }
    if access.is_some_and(|access| access != Access::Signed) {
        section.fault(
            "access",
            "the route moves money without a signed request",
            "write access = \"signed\"",
        );
    }
    if idempotency == Some(Idempotency::Off) {
        let problem = "the route moves money, and a repeated request would move it twice";
        section.fault("idempotency", problem, "write \"required\" or leave the key out");
    }
    let has_body = |method: &Method| [Method::POST, Method::PUT, Method::PATCH].contains(method);
    if let Some(Methods::Only(methods)) = methods
        && !methods.iter().all(has_body)
    {
        let problem = "a method without a body on a route whose body states the payment";
        section.fault("methods", problem, "write POST, PUT or PATCH");
    }
}

impl Methods {
    /// Whether `method` is one of them.
    pub fn contains(&self, method: &Method) -> bool {
        match self {
            Methods::Any => true,
            Methods::Only(methods) => methods.contains(method),
        }
    }

    /// The methods by name; none when any is taken.
    pub fn named(&self) -> &[Method] {
        match self {
            Methods::Any => &[],
            Methods::Only(methods) => methods,
        }
    }

    pub(super) fn overlap(&self, other: &Methods) -> bool {
        match (self, other) {
            (Methods::Any, _) | (_, Methods::Any) => true,
            (Methods::Only(own), Methods::Only(their)) => own.iter().any(|method| their.contains(method)),
        }
    }
}

impl std::fmt::Display for Methods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Methods::Any => f.write_str("*"),
            Methods::Only(methods) => {
                f.write_str(&methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
