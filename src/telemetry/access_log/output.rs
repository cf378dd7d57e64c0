//! Where the writer writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Destination;

/// Whoever collects logs reads them as the file's group; nobody else does.
const MODE: u32 = 0o640;

/// An open destination.
pub(super) struct Output {
    destination: Destination,
    sink: Box<dyn Write + Send>,
    /// Whether a write ended in the middle of a line.
    torn: bool,
}

impl Output {
    /// Opens it.
    pub(super) fn open(destination: Destination) -> io::Result<Self> {
        Ok(Self {
            sink: sink(&destination)?,
            destination,
            torn: false,
        })
    }

    /// Opens it anew; when that fails, what was open stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.sink = sink(&self.destination)?;
        self.torn = false;
        Ok(())
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.torn, true) {
            self.sink.write_all(b"\n")?;
        }
        self.sink.write_all(lines)?;
        self.sink.flush()?;
        self.torn = false;
        Ok(())
    }
}

fn sink(destination: &Destination) -> io::Result<Box<dyn Write + Send>> {
    Ok(match destination {
        Destination::Stdout => Box::new(io::stdout()),
        Destination::File(path) => Box::new(file(path)?),
    })
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(MODE).open(path)
}
