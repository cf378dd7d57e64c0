//! How the gateway's key documents are fetched: by the ready client of the feature `fetch`, or by the backend's own.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

/// A key document as it was answered with status 200.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The JSON.
    pub body: Bytes,
    /// The value of `Cache-Control`, when there was one (RFC 9111, section 5.2).
    pub cache_control: Option<String>,
}

/// Why a key document could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(String);

impl FetchError {
    /// An error that reads like this.
    #[must_use]
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self(message.to_string())
    }
}

/// A fetch on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// An HTTPS client for one kind of request: `GET` of a key document. It must verify the gateway's certificate,
/// follow no redirects and bound what it reads; statuses other than 200 are errors.
///
/// An async closure `|url: String| async move { … }` is one too.
pub trait FetchKeys: Send + Sync + 'static {
    /// Fetches `url`.
    fn fetch<'a>(&'a self, url: &'a str) -> Fetching<'a>;
}

impl<F, A> FetchKeys for F
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    fn fetch<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        Box::pin(self(url.to_owned()))
    }
}
