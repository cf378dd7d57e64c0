//! Digest fields (RFC 9530): `Content-Digest`, `Repr-Digest` and the `Want-` fields that ask for them.
//!
//! Only `sha-256` and `sha-512` count. Every one of them that is listed has to match; the algorithms that RFC 9530
//! calls insecure (`md5`, `sha`, `unixsum`, `unixcksum`, `adler`, `crc32c`) are read over and prove nothing.
//!
//! It must never treat a body as checked because a signature covers the field: only comparing does that
//! (RFC 9421, section 7.2.8).

mod compute;
mod field;
mod want;

pub use compute::{DigestAlgorithm, Digests, Hasher};
pub use field::{
    CONTENT_DIGEST, DigestError, DigestField, REPR_DIGEST, content_digest, repr_digest,
    verify_content_digest, verify_digest, verify_repr_digest,
};
pub use want::{Preferences, WANT_CONTENT_DIGEST, WANT_REPR_DIGEST, WantError};
