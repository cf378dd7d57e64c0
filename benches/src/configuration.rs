//! What a measured gateway is configured with: everything switched on, and as many routes and policies as its shape says.

use std::fmt::Write as _;

use crate::home::{BOUND_CLIENT, BOUND_HOST, CLIENT, Customer, Ports, SCOPE, TRUSTED_PAYEE};

/// Routes that the load asks for.
const BENCH_ROUTES: usize = 4;
/// A policy file may not be larger than 256 KiB.
const POLICIES_OF_A_FILE: usize = 500;

/// How much of everything there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Routes, those that the load asks for included.
    pub routes: usize,
    /// Policies beside those that come with the gateway.
    pub policies: usize,
    /// Customers beside those who can log in.
    pub customers: usize,
    /// Sessions that hold, beside those of the logins.
    pub sessions: usize,
    /// Entries of the log.
    pub entries: u64,
}

/// A small operator's gateway.
pub const SMALL: Shape = Shape {
    routes: 10,
    policies: 20,
    customers: 100,
    sessions: 100,
    entries: 10_000,
};

impl Default for Shape {
    /// What the load needs and nothing beside it.
    fn default() -> Self {
        Self {
            routes: BENCH_ROUTES,
            policies: 0,
            customers: 0,
            sessions: 0,
            entries: 0,
        }
    }
}

/// Everything that a gateway in earnest has is switched on: it logs, counts, records, and remembers nonces.
#[must_use]
pub fn configuration(ports: Ports, shape: &Shape) -> String {
    let others: String = (BENCH_ROUTES..shape.routes).map(other_route).collect();
    let Ports {
        public,
        mutual,
        admin,
        operations,
        origin,
    } = ports;
    format!(
        r#"[server]
public_url = "https://localhost:{public}"
listen = ["127.0.0.1:{public}"]
mtls_listen = ["127.0.0.1:{mutual}"]
admin_listen = ["127.0.0.1:{admin}"]
ops_listen = ["127.0.0.1:{operations}"]

[tls]
client_ca = "certs/client/ca.pem"

[[tls.certificate]]
chain = "certs/server/localhost.pem"
key = "file:certs/server/localhost.key.pem"

[auth]
host = "login.localhost:{public}"

[store]
url = "sqlite:countersign.sqlite"

[keys]
kek = "file:master.key"

[policy]
dir = "policies"

[admin]
client_ca = "certs/admin/ca.pem"

# All limits are counted, and none is met: one address and a few customers are the whole load here.
[defense]
source_rate = "1000000/s burst 1000000"
oauth_rate = "1000000/s burst 1000000"
customer_rate = "1000000/s burst 1000000"
client_rate = "1000000/s burst 1000000"
connections_per_source = 20000
buffered_bytes = "256MiB"
queue_target = "10s"

[log]
anchor = "anchor"

[telemetry]
access_log = "file:access.log"

[identity]
session_idle = "5m"

[[upstream]]
name = "bank"
urls = ["https://localhost:{origin}"]
ca = "certs/backend/ca.pem"
client_certificate = "certs/backend/gateway.pem"
client_key = "file:certs/backend/gateway.key.pem"
trust_domain = "bank.internal"
{ROUTES}{others}"#
    )
}

/// The apps, and the customers who can log in.
#[must_use]
pub fn seed(customers: &[Customer]) -> String {
    let mut text = format!(
        "[[client]]\nclient_id = \"{CLIENT}\"\nclient_name = \"Load\"\nprofile = \"first-party\"\n\
         scope = \"{SCOPE}\"\ngrant_types = [\"authorization_code\", \"refresh_token\"]\n\
         token_endpoint_auth_method = \"none\"\n\n\
         [[client]]\nclient_id = \"{BOUND_CLIENT}\"\nclient_name = \"Bound\"\nprofile = \"fapi2-security\"\n\
         scope = \"accounts\"\nredirect_uris = [\"https://{BOUND_HOST}/done\"]\n\
         token_endpoint_auth_method = \"tls_client_auth\"\ntls_client_auth_san_dns = \"{BOUND_HOST}\"\n\
         tls_client_certificate_bound_access_tokens = true\n"
    );
    for customer in customers {
        let Customer {
            username,
            password,
            totp_secret,
        } = customer;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[customer]]\nusername = \"{username}\"\npassword = \"{password}\"\ntotp_secret = \"{totp_secret}\"\n\
             trusted_payees = [{{ payee = \"{TRUSTED_PAYEE}\" }}]\n"
        );
    }
    text
}

/// Policies as an operator adds them: about other routes, and about other clients, each with a condition. Names of files, and
/// their texts.
#[must_use]
pub fn policies(shape: &Shape) -> Vec<(String, String)> {
    let one = |number: usize| {
        let (resource, condition) = match number % 2 {
            0 => (
                format!("resource == Route::\"other-{number}\""),
                "context.authn.acr < 2".to_owned(),
            ),
            _ => (
                "resource".to_owned(),
                format!("context.client.id == Client::\"partner-{number}\" && context.authn.age > 600"),
            ),
        };
        format!(
            "@id(\"operator-{number}\")\n@reason(\"Log in again to use this resource.\")\n\
             forbid (principal is Customer, action in [Action::\"read\", Action::\"call\", Action::\"pay\"], {resource})\n\
             when {{ {condition} }};\n\n"
        )
    };
    let file = |number: usize| {
        let numbers = number * POLICIES_OF_A_FILE..shape.policies.min((number + 1) * POLICIES_OF_A_FILE);
        (
            format!("policies/50-operator-{number}.cedar"),
            numbers.map(one).collect(),
        )
    };
    (0..shape.policies.div_ceil(POLICIES_OF_A_FILE))
        .map(file)
        .collect()
}

fn other_route(number: usize) -> String {
    format!(
        "\n[[route]]\nname = \"other-{number}\"\nmethods = [\"GET\"]\npath = \"/other/{number}\"\nupstream = \"bank\"\n\
         access = \"proof\"\nscope = [\"accounts\"]\n"
    )
}

const ROUTES: &str = r#"
[[route]]
name = "public"
methods = ["GET", "POST"]
path = "/public"
upstream = "bank"
access = "public"

[[route]]
name = "accounts"
methods = ["GET"]
path = "/accounts"
upstream = "bank"
access = "proof"
scope = ["accounts"]

[[route]]
name = "messages"
methods = ["POST"]
path = "/messages"
upstream = "bank"
access = "signed"
scope = ["messages"]
idempotency = "off"

[[route]]
name = "payments"
methods = ["POST"]
path = "/payments"
upstream = "bank"
access = "signed"
scope = ["payments"]

[route.transaction]
type = "payment"
amount = "/amount"
currency = "/currency"
payee = "/payee"
payee_name = "/payee_name"
reference = "/reference"
"#;
