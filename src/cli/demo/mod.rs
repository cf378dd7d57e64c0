//! `countersign demo`: a whole gateway on this machine, two backends, and a story that shows what it is for (12).
//!
//! * `layout` makes everything in a folder: `people` and their secrets, `certificates`, `configuration`, `seed` file,
//!   `description` for scripts;
//! * `processes` starts the backends, each a process of its own: `backends` is its inside, `backend` verifies and writes down
//!   what it receives (`journal`), `bank` and `merchant` are their businesses;
//! * the gateway runs in this process by the product's own path, the one `serve` takes;
//! * `story` plays the steps as a client app, an attacker and an administrator see them, and `screen` shows them.
//!
//! It must never do anything for the gateway or for a backend that they would not do by themselves, show a secret, touch a
//! folder that is not its own, or leave a process behind.

mod backend;
mod backend_server;
mod backends;
mod bank;
mod certificates;
mod command;
mod configuration;
mod description;
mod farewell;
mod folder;
mod gateway;
mod journal;
mod layout;
mod log;
mod merchant;
mod people;
mod ports;
mod processes;
mod screen;
mod seed;
mod settings;
mod story;

pub use command::{DemoArgs, run};
