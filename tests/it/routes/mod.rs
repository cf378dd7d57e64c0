//! The gateway's own paths on real sockets, as the tree of URLs has them.

mod oauth;
mod well_known;
