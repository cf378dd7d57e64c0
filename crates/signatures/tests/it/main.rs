//! The tests of this crate in one binary: published vectors, refusals, properties, and a public peer.

#[cfg(test)]
mod components;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod parsing;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rfc9421;
#[cfg(test)]
mod rfc9530;
#[cfg(test)]
mod support;
