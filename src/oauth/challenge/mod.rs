//! Login of a first-party app without a browser (draft-ietf-oauth-first-party-apps).
//!
//! * [`pending`] is a login under way: what it is pinned to and what was presented so far;
//! * [`under_way`] keeps those logins, known devices apart from strangers;
//! * [`endpoint`] takes one step of it;
//! * [`decision`] asks the policies whether it may end with what was proven;
//! * [`grant`] turns proven factors into a session and a code.
//!
//! From a stranger's device nothing is judged before all factors are there, so nobody learns which of them was wrong. It
//! must never look at a credential from a client that is not the operator's own.

mod decision;
mod endpoint;
mod grant;
mod pending;
mod under_way;

pub(super) use under_way::UnderWay;
