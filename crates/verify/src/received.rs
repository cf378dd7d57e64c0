//! The request as this backend received it, with the headers that may stand once only.

use countersign_signatures::Request;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, FORWARDED, HOST};
use http::request::Parts;

use crate::forwarded;
use crate::refusal::Refusal;

pub(crate) const TXN_TOKEN: &str = "txn-token";
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
pub(crate) const CONTENT_DIGEST: &str = "content-digest";
pub(crate) const TRACEPARENT: &str = "traceparent";

/// A forwarded request, read but not believed.
pub(crate) struct Received<'r> {
    pub(crate) request: Request<'r>,
    pub(crate) txn_token: &'r str,
    /// The host under which the client called the gateway.
    pub(crate) original_host: String,
    /// The value of `Content-Digest`, as it was sent.
    pub(crate) content_digest: Option<&'r str>,
    /// The value of `Idempotency-Key`, as it was sent.
    idempotency_key: Option<&'r str>,
}

/// A borrowed view of `parts`, as signatures see it. `scheme` is that of the connection, which a server's request line
/// does not say.
pub(crate) fn view<'r>(parts: &'r Parts, scheme: &'r str) -> Result<Request<'r>, Refusal> {
    let authority = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => once(&parts.headers, HOST.as_str())?.ok_or(Refusal::HeaderMissing("host"))?,
    };
    Ok(Request {
        method: parts.method.as_str(),
        scheme: parts.uri.scheme_str().unwrap_or(scheme),
        authority,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        trailers: None,
    })
}

impl<'r> Received<'r> {
    pub(crate) fn read(request: Request<'r>, own_authorities: &[String]) -> Result<Self, Refusal> {
        let authority = normal_authority(request.authority, request.scheme);
        if !own_authorities.contains(&authority) {
            return Err(Refusal::AuthorityForeign(authority.chars().take(255).collect()));
        }
        let headers = request.headers;
        once(headers, CONTENT_TYPE.as_str())?;
        once(headers, TRACEPARENT)?;
        let forwarded = once(headers, FORWARDED.as_str())?.ok_or(Refusal::HeaderMissing("forwarded"))?;
        Ok(Self {
            request,
            txn_token: once(headers, TXN_TOKEN)?.ok_or(Refusal::HeaderMissing(TXN_TOKEN))?,
            original_host: forwarded::host(forwarded).ok_or(Refusal::HeaderMalformed("forwarded"))?,
            content_digest: once(headers, CONTENT_DIGEST)?,
            idempotency_key: once(headers, IDEMPOTENCY_KEY)?,
        })
    }

    /// The idempotency key within its quotes; `None` when there is no key in the form of its standard.
    pub(crate) fn idempotency_key(&self) -> Option<String> {
        text_item(self.idempotency_key?)
    }

    /// The request as the client sent it to the gateway: same method, path and query, but the gateway's host.
    pub(crate) fn as_sent_by_client(&self) -> Request<'_> {
        Request {
            scheme: "https",
            authority: &self.original_host,
            ..self.request
        }
    }
}

/// Lower case, without the scheme's default port (RFC 9110, section 4.2.3).
pub(crate) fn normal_authority(authority: &str, scheme: &str) -> String {
    let default_port = if scheme.eq_ignore_ascii_case("http") {
        ":80"
    } else {
        ":443"
    };
    authority
        .strip_suffix(default_port)
        .unwrap_or(authority)
        .to_ascii_lowercase()
}

/// The value of a header that may stand once.
fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::HeaderRepeated(name));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refusal::HeaderMalformed(name))
}

/// The text of a structured field that is one String without parameters (RFC 9651, section 3.3.3).
fn text_item(value: &str) -> Option<String> {
    let item: sfv::Item = sfv::Parser::new(value).parse().ok()?;
    let text = item.bare_item.as_string()?.as_str();
    (item.params.is_empty() && !text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idempotency_key_is_one_plain_string() {
        assert_eq!(text_item(r#""a b""#).as_deref(), Some("a b"));
        for wrong in [r#""""#, "token", r#""a";x=1"#, r#""a", "b""#, "12", r#"""#, ""] {
            assert_eq!(text_item(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn authorities_compare_without_case_and_default_port() {
        assert_eq!(normal_authority("Bank.Internal:443", "https"), "bank.internal");
        assert_eq!(normal_authority("bank.internal:443", "http"), "bank.internal:443");
        assert_eq!(normal_authority("bank.internal:80", "http"), "bank.internal");
    }
}
