#![doc = include_str!("../README.md")]

mod algorithm;
mod append;
mod base;
mod component;
mod derived;
pub mod digest;
mod entry;
mod field;
mod message;
mod parameters;
mod parse;
mod policy;
mod query;
mod rename;
mod sign;
mod structured;
mod verify;

pub use algorithm::{Algorithm, AlgorithmError};
pub use append::{AppendError, Members};
pub use base::{BaseError, BaseFault, signature_base};
pub use component::{Component, ComponentParameter};
pub use entry::{Entry, InputError, MAX_COMPONENTS, MAX_TEXT_BYTES};
pub use message::{Message, Request, Response};
pub use parameters::{ParameterError, ParameterName, Parameters};
pub use parse::{MAX_LABELS, ParseError, SelectError, Signatures};
pub use policy::{Policy, PolicyError};
pub use rename::RenameError;
pub use sign::{SignError, Signed, sign};
pub use structured::FieldType;
pub use verify::VerifyError;

/// The field that holds what each signature covers and its parameters (RFC 9421, section 4.1).
pub const SIGNATURE_INPUT: http::HeaderName = http::HeaderName::from_static("signature-input");
/// The field that holds the signatures (RFC 9421, section 4.2).
pub const SIGNATURE: http::HeaderName = http::HeaderName::from_static("signature");
