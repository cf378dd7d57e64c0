//! Measures Countersign on the machine at hand: what `make bench` runs, and what its programs share.
//!
//! * `machine` describes it, pins processes to cores and says how much of the time belonged to somebody else,
//!   `awake` keeps those cores from sleeping, `stalls` tells how often they were not there;
//! * `home` makes a gateway's folder with customers by its `configuration`, `residents` are in its store before it starts,
//!   `gateway` and `origin` run a release build in front of a plain backend;
//! * `callers` are logged in by the reference client; `request` signs every request afresh; `load` sends them, in a closed
//!   loop or at a rate, and counts latencies from the moment a request was due;
//! * `growth` lets a log grow by the product's own store and sequencer, `ceiling` measures what the disk allows;
//! * `payments`, `tree`, `restart`, `compare` with its `contests`, `peers` and `calm`, `scale` and `soak` are the measurements;
//!   `goals` says what they reached of what was to be reached; `document`, `plot` and `bars` write tables and plots into the
//!   docs.
//!
//! It must never measure with anything of the gateway switched off, print a ratio of figures that were not taken in turns,
//! or leave a process behind.

pub mod awake;
pub mod bars;
pub mod callers;
pub mod calm;
pub mod ceiling;
pub mod compare;
pub mod configuration;
pub mod contests;
pub mod document;
pub mod gateway;
pub mod goals;
pub mod growth;
pub mod histogram;
pub mod home;
pub mod load;
pub mod machine;
pub mod origin;
pub mod payments;
pub mod peers;
pub mod plot;
pub mod process;
pub mod request;
pub mod residents;
pub mod restart;
pub mod scale;
pub mod soak;
pub mod stage;
pub mod stalls;
pub mod statistics;
pub mod steps;
pub mod tree;
pub mod whereabouts;
pub mod wire;
pub mod workbench;

/// What a measurement comes to; an error ends it and says why.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
