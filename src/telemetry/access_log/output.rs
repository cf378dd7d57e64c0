//! Where the writer writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
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
        let (sink, torn) = sink(&destination)?;
        Ok(Self {
            sink,
            destination,
            torn,
        })
    }

    /// Opens it anew; when that fails, what was open stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        (self.sink, self.torn) = sink(&self.destination)?;
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

/// The destination, and whether what stands in it ends in the middle of a line: a disk was full, or a process was killed.
fn sink(destination: &Destination) -> io::Result<(Box<dyn Write + Send>, bool)> {
    Ok(match destination {
        Destination::Stdout => (Box::new(io::stdout()), false),
        Destination::File(path) => {
            let file = file(path)?;
            let torn = is_torn(&file)?;
            (Box::new(file), torn)
        }
    })
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(MODE)
        .open(path)
}

fn is_torn(file: &File) -> io::Result<bool> {
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Ok(false);
    }
    let Some(last) = facts.len().checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}
