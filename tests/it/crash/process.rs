//! The two processes, and how they die.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpStream;

use crate::support::in_the_end;

/// A process that is started, killed, and started again.
pub(crate) struct Process {
    make: Box<dyn Fn() -> Command + Send>,
    child: Child,
    port: u16,
}

impl Process {
    /// Starts it, and waits until it listens on `port`.
    pub(crate) async fn start(port: u16, make: impl Fn() -> Command + Send + 'static) -> Self {
        let child = make().spawn().unwrap();
        let mut process = Self {
            make: Box::new(make),
            child,
            port,
        };
        process.listens().await;
        process
    }

    /// SIGKILL, then a new life.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = (self.make)().spawn().unwrap();
        self.listens().await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    async fn listens(&mut self) {
        in_the_end("the process listens", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the process ended by itself: {status}");
            }
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `countersign serve`, as it is built; what it logs goes into a file beside the configuration.
pub(crate) fn gateway(folder: &Path) -> impl Fn() -> Command + Send + 'static {
    let folder: PathBuf = folder.to_owned();
    move || {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("gateway.log"))
            .unwrap();
        // A write beyond a limit of the file size is an error to the gateway, as on a full disk, and not its end.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\""])
            .arg(env!("CARGO_BIN_EXE_countersign"))
            .arg(folder.join("countersign.toml"))
            .stdout(Stdio::null())
            .stderr(log);
        command
    }
}
