//! Borrowed views of the messages that are signed and verified.

use http::HeaderMap;

/// A request, in the parts that a signature can cover.
///
/// The parts are taken as they came over the wire: nothing here decodes, collapses or re-encodes a path or a query
/// (RFC 9421, section 2.2.6).
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, case-sensitive.
    pub method: &'a str,
    /// The scheme of the target URI, `https` or `http`.
    pub scheme: &'a str,
    /// Host and port: `:authority` where there is one, otherwise `Host`.
    pub authority: &'a str,
    /// The raw path; empty reads as `/`; `*` for `OPTIONS *`.
    pub path: &'a str,
    /// The raw query without the question mark; `None` when there is no question mark.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The trailer fields, once they have arrived.
    pub trailers: Option<&'a HeaderMap>,
}

/// A response, in the parts that a signature can cover.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The trailer fields, once they have arrived.
    pub trailers: Option<&'a HeaderMap>,
    /// The request this answers, for components with `;req` (RFC 9421, section 2.4).
    pub request: Option<&'a Request<'a>>,
}

/// What a signature base is built from.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(&'a Request<'a>),
    /// A response.
    Response(&'a Response<'a>),
}

impl<'a> From<&'a Request<'a>> for Message<'a> {
    fn from(request: &'a Request<'a>) -> Self {
        Self::Request(request)
    }
}

impl<'a> From<&'a Response<'a>> for Message<'a> {
    fn from(response: &'a Response<'a>) -> Self {
        Self::Response(response)
    }
}
