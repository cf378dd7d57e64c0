//! What a backend has received: one JSON line a request, on disk before the answer leaves.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;

/// Lines that may wait for the disk; beyond that, requests wait for their place.
const WAITING: usize = 1024;

/// The journal. Lines that arrive while the disk is busy are written down together, by one write and one flush.
#[derive(Clone)]
pub(super) struct Journal {
    lines: mpsc::SyncSender<Line>,
}

struct Line {
    text: String,
    written: oneshot::Sender<io::Result<()>>,
}

impl Journal {
    /// Appends to the file at `path`, which only its owner may read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = File::options().create(true).append(true).mode(0o600).open(path)?;
        let (lines, waiting) = mpsc::sync_channel(WAITING);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(&file, &waiting))?;
        Ok(Self { lines })
    }

    /// Writes `line` and waits until it lies on the disk.
    ///
    /// # Errors
    /// What the operating system said; the line may then be missing.
    pub(super) async fn write(&self, line: &Value) -> io::Result<()> {
        let (written, outcome) = oneshot::channel();
        let line = Line {
            text: format!("{line}\n"),
            written,
        };
        let lines = self.lines.clone();
        let gone = || io::Error::other("the journal has ended");
        let sent = tokio::task::spawn_blocking(move || lines.send(line).is_ok());
        if !sent.await.unwrap_or(false) {
            return Err(gone());
        }
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn write_all(file: &File, waiting: &mpsc::Receiver<Line>) {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Line> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let text: String = batch.iter().map(|line| line.text.as_str()).collect();
        let mut to = file;
        let outcome = to.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        for line in batch {
            let told = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            // Whoever does not wait any more need not know.
            drop(line.written.send(told));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_line_is_there_when_its_write_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.log");
        let journal = Journal::open(&path).unwrap();
        let writes = (0..20).map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.write(&Value::from(n)).await.unwrap() })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.unwrap();
        }
        let mut lines: Vec<u32> = std::fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| line.parse().unwrap())
            .collect();
        lines.sort_unstable();
        assert_eq!(lines, (0..20).collect::<Vec<_>>());
    }
}
