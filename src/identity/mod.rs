//! Customers and how they prove who they are: NIST SP 800-63B-4, PSD2 RTS on strong customer authentication, RFC 6238,
//! RFC 8176, RFC 9106.
//!
//! * [`customer`] and [`credentials`] keep the records, sealed under each customer's own key;
//! * [`session`] and [`revocation`] say what a login is still worth;
//! * [`password`], [`totp`] are the factors there are; [`throttle`] slows guessing down; [`login`] judges them together;
//! * [`assurance`] turns proven factors into `acr` and `amr`; [`device`] remembers keys that completed a strong login.
//!
//! It must never tell a stranger whether a name exists or which of two factors was wrong, never keep a password or a
//! code, and never let a flood of guesses lock out a device its owner has used before.

pub mod assurance;
pub mod credentials;
pub mod customer;
pub mod device;
pub mod login;
mod normal_form;
pub mod password;
pub mod revocation;
pub mod session;
mod settings;
pub mod throttle;
pub mod totp;

pub use customer::{Account, Customers, Profile, Username};
pub use login::{LoginError, Logins};
pub use password::{Password, Passwords};
pub use revocation::{NotLive, Sessions};
pub use session::{Confirmation, Session};
pub use settings::{PasswordParameters, Settings, ThrottleRule};
pub use throttle::Throttle;
pub use totp::TotpSecret;
