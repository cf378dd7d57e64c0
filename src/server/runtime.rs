//! The runtime that a gateway runs on.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::config::Config;

/// A runtime with `[server] threads` workers, or with one a core when that is 0.
///
/// # Errors
/// The operating system gives no threads.
pub fn runtime(config: &Config) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_name("gateway");
    if config.server.threads > 0 {
        builder.worker_threads(config.server.threads);
    }
    builder.build()
}
