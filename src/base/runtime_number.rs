//! Which of a process's runtimes a thread drives, so that what each runtime keeps for itself is found without a lock that
//! others wait for.

use std::cell::Cell;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The number of a runtime: 0 for that of the process, and for any whose thread was given none; those that carry
/// connections count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeNumber(pub usize);

impl RuntimeNumber {
    /// That of the runtime whose thread calls.
    #[must_use]
    pub fn current() -> Self {
        Self(NUMBER.get())
    }

    /// Gives it to the thread that calls, for good.
    pub fn assign(self) {
        NUMBER.set(self.0);
    }
}
