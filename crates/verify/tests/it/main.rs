//! Requests as the gateway forwards them, forged in every part: what verifies and, far more, what does not.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod forger;
#[cfg(test)]
mod https;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod layer;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod token;
