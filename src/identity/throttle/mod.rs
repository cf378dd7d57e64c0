//! How guessing is slowed down (RTS article 4(3)(b); NIST SP 800-63B-4, section 3.2.2).
//!
//! * [`state`] is the rule, pure: failures so far and a moment in, verdict out;
//! * [`ledger`] keeps the failures in the store, one row per name, factor and ledger.
//!
//! There are two ledgers: strangers, and devices the customer has used before, so that a flood of guesses from outside
//! never shuts out the owner. Names that do not exist are kept like names that do. An attempt is counted before it is
//! judged and forgotten when it was right, so a hundred guesses at once are a hundred attempts.

mod ledger;
mod state;

pub use ledger::{Attempt, Ledger, Throttle, Throttled};
pub use state::{State, Verdict};
