//! What somebody tries who wants to get past the gate: each test is an attack, told from the attacker's side.

mod answers;
mod body;
mod counters;
mod floods;
mod frames;
mod framing;
mod overload;
mod possession;
mod rates;
mod replay;
mod spending;
mod untaken;
