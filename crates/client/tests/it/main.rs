//! The client against a small gateway on loopback that checks what it gets and can be told to misbehave.

#[cfg(test)]
mod gateway;
#[cfg(test)]
mod login;
#[cfg(test)]
mod pay;
#[cfg(test)]
mod read;
