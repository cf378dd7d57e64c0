//! The demonstration's `countersign.toml`: complete, and meant to be read.

use super::ports::{Ports, listen};

/// Trust domain of the bank: the audience of the Txn-Tokens it takes.
pub(super) const BANK_DOMAIN: &str = "bank.demo";
/// Trust domain of the merchant.
pub(super) const MERCHANT_DOMAIN: &str = "merchant.demo";

/// The text of the file. Paths are those of the demonstration's folder.
pub(super) fn text(ports: &Ports) -> String {
    [gateway(ports), backends(ports), ROUTES.to_owned()].concat()
}

fn gateway(ports: &Ports) -> String {
    let Ports { public, .. } = ports;
    format!(
        r#"# The gateway of `countersign demo`. Everything in this folder was made for one run and is thrown away by the next.
# docs/countersign.example.toml explains every key; what differs here is for a demonstration on one machine.

[server]
public_url = "https://localhost:{public}"
listen = {listen}                # apps; never asks for a client certificate
mtls_listen = {mtls}           # its twin for apps that authenticate by certificate
admin_listen = {admin}          # administrators, mutual TLS
ops_listen = {ops}            # /metrics, /livez, /readyz

[tls]
client_ca = "certs/client/ca.pem"

[[tls.certificate]]
chain = "certs/server/localhost.pem"
key = "file:certs/server/localhost.key.pem"

[store]
url = "sqlite:countersign.sqlite"

[keys]
kek = "file:master.key"
publish_ahead = "2s"            # so that a rotation can be watched; minutes elsewhere

[policy]
dir = "policies"

[admin]
client_ca = "certs/admin/ca.pem"
quorum = 1                      # a development store may; elsewhere one person alone could weaken the gate

[defense]
trusted_sources = ["127.0.0.0/8", "::1/128"]
customer_rate = "off"           # one customer of the demonstration stands for many in long runs
"#,
        listen = listen(*public),
        mtls = listen(ports.mtls),
        admin = listen(ports.admin),
        ops = listen(ports.ops),
    )
}

fn backends(ports: &Ports) -> String {
    let backend = |name: &str, port: u16, domain: &str, says: &str, more: &str| {
        format!(
            r#"
# {says}
[[upstream]]
name = "{name}"
urls = ["https://localhost:{port}"]
ca = "certs/backend/ca.pem"
client_certificate = "certs/backend/gateway.pem"
client_key = "file:certs/backend/gateway.key.pem"
trust_domain = "{domain}"
{more}"#
        )
    };
    let bank = backend(
        "bank",
        ports.bank,
        BANK_DOMAIN,
        "The bank, a process of its own; writes bank.log.",
        SETTLEMENT,
    );
    let merchant = backend(
        "merchant",
        ports.merchant,
        MERCHANT_DOMAIN,
        "The merchant, another; writes merchant.log.",
        "",
    );
    bank + &merchant
}

/// The bank can be asked; how, `docs/payments.md` says.
const SETTLEMENT: &str = r#"settle = "probe"                # what became of a payment without an answer, the bank is asked
settle_path = "/payments/{key}"
settle_after = "70s"            # before that, that it knows of none is not believed: it takes nothing older
"#;

const ROUTES: &str = r#"
# Anyone may ask.
[[route]]
name = "public"
methods = ["*"]
path = "/public"
upstream = "bank"
access = "public"

[[route]]
name = "public-below"
methods = ["*"]
path = "/public/{rest...}"
upstream = "bank"
access = "public"

# Reads: a token, and proof of possession of the key it is bound to. Policies ask for two factors.
[[route]]
name = "accounts"
methods = ["GET"]
path = "/accounts"
upstream = "bank"
access = "proof"
scope = ["accounts"]

# Signed, but without money: a message to the bank.
[[route]]
name = "messages"
methods = ["POST"]
path = "/messages"
upstream = "bank"
access = "signed"
scope = ["messages"]
idempotency = "off"

# Money: signed, at most once per Idempotency-Key, and the body is a closed set.
[[route]]
name = "payments"
methods = ["POST"]
path = "/payments"
upstream = "bank"
access = "signed"
scope = ["payments"]
body_limit = "64KiB"

[route.transaction]
type = "payment"
amount = "/amount"
currency = "/currency"
payee = "/payee"
payee_name = "/payee_name"
debtor = "/debtor"
reference = "/reference"

# The merchant's: an order, signed.
[[route]]
name = "orders"
methods = ["POST"]
path = "/orders"
upstream = "merchant"
access = "signed"
scope = ["orders"]
idempotency = "off"
"#;
