//! RFC 9421 signatures of requests, made by hand.

use std::sync::Arc;

use countersign_jose::PrivateKey;
use data_encoding::BASE64;

/// A signature before it is made. Parameters are written as they stand here, in this order.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) label: String,
    pub(crate) components: Vec<String>,
    /// Parameters by name, with their values as structured fields write them.
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) key: Arc<PrivateKey>,
    /// Whether an ECDSA signature is written as DER, which RFC 9421 does not allow.
    pub(crate) der: bool,
}

impl Signature {
    /// Takes a component out.
    pub(crate) fn uncover(&mut self, name: &str) {
        let before = self.components.len();
        self.components.retain(|component| component != name);
        assert!(self.components.len() < before, "{name} was not covered");
    }

    /// Sets a parameter to a raw value.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.unset(name);
        self.parameters.push((name, value.into()));
    }

    /// Sets a parameter to a text.
    pub(crate) fn set_text(&mut self, name: &'static str, value: &str) {
        self.set(name, format!("\"{value}\""));
    }

    /// Takes a parameter out.
    pub(crate) fn unset(&mut self, name: &str) {
        self.parameters.retain(|(known, _)| *known != name);
    }

    /// Whether it is the one that the gate looks for.
    pub(super) fn is_of_the_request(&self) -> bool {
        self.parameters
            .iter()
            .any(|(name, value)| *name == "tag" && value == "\"fapi-2-request\"")
    }

    /// The members for `Signature-Input` and `Signature`; `value` tells what each component is worth.
    pub(super) fn make(&self, value: impl Fn(&str) -> String) -> (String, String) {
        let listed: Vec<String> = self.components.iter().map(|name| format!("\"{name}\"")).collect();
        let mut input = format!("({})", listed.join(" "));
        for (name, value) in &self.parameters {
            input.push_str(&format!(";{name}={value}"));
        }
        let mut base = String::new();
        for name in &self.components {
            base.push_str(&format!("\"{name}\": {}\n", value(name)));
        }
        base.push_str(&format!("\"@signature-params\": {input}"));
        let mut signature = self.key.sign(self.key.default_scheme(), base.as_bytes()).unwrap();
        if self.der {
            signature = der(&signature);
        }
        let label = &self.label;
        (
            format!("{label}={input}"),
            format!("{label}=:{}:", BASE64.encode(&signature)),
        )
    }
}

/// r‖s as an ASN.1 sequence of two integers.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let mut digits: Vec<u8> = half.iter().copied().skip_while(|byte| *byte == 0).collect();
        if digits.first().is_none_or(|byte| *byte >= 0x80) {
            digits.insert(0, 0);
        }
        [&[2, digits.len() as u8], digits.as_slice()].concat()
    };
    let (r, s) = fixed.split_at(32);
    let inner = [integer(r), integer(s)].concat();
    [&[0x30, inner.len() as u8], inner.as_slice()].concat()
}
