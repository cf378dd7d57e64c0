//! What a customer agreed to, as one value that gateway, clients and backends compute alike.
//!
//! * [`Intent`]: a payment, or a batch of them, checked member by member and brought to one normal form; its
//!   [`IntentDigest`] is what an approval, a token and a receipt point at;
//! * [`Money`] and [`Currency`] (ISO 4217), [`Party`] and [`Iban`] (ISO 13616), [`ExecutionDate`], [`Recurrence`];
//! * [`canonical`]: canonical JSON (RFC 8785);
//! * [`approval`]: the challenge that an approving factor signs, so that its answer fits one amount and one payee
//!   (dynamic linking, Delegated Regulation (EU) 2018/389, article 5);
//! * [`receipt`]: the digests by which a log entry vouches for the parts of a receipt;
//! * [`json`], [`Pointer`], [`Mapping`] and [`extract()`]: how an intent is read from a request body that is a closed
//!   set of members (RFC 8259, RFC 6901).
//!
//! It must never guess or repair: a value that could be read in two ways is refused, with an error that names the
//! member. Nothing here reads a clock, draws randomness or does I/O.
//!
#![doc = include_str!("../README.md")]

pub mod approval;
pub mod batch;
pub mod canonical;
mod currency;
mod date;
mod digest;
mod draft;
mod error;
mod extract;
mod iban;
mod intent;
pub mod json;
mod mapping;
mod members;
mod money;
mod party;
mod pointer;
pub mod receipt;
mod recurrence;
mod text;

pub use approval::{ApprovalChallenge, ApprovalError, ApprovalTerms};
pub use batch::{ListedDraft, ListedPayment};
pub use currency::Currency;
pub use date::ExecutionDate;
pub use digest::{DigestTextError, IntentDigest};
pub use draft::Draft;
pub use error::{IntentError, Member};
pub use extract::{ExtractError, extract};
pub use iban::{Iban, IbanError};
pub use intent::{Intent, ParseError};
pub use mapping::{BatchMapping, Mapping, MappingError, RawBatchMapping, RawMapping};
pub use money::{Money, MoneyError};
pub use party::{Party, PartyError};
pub use pointer::{Pointer, PointerError, WrongType};
pub use recurrence::{Period, Recurrence};
pub use text::TextError;
