//! Every step and primitive on a request's way, each by itself, as the product's own functions do it: what `cargo bench -p
//! countersign-bench` times by the clock, and `countersign-stages` by processor time, with its allocations.
//!
//! A step that fails ends the measurement: it must never be timed doing something else than it says.

mod callers;
mod doors;
mod messages;
mod payments;
mod primitives;

use std::path::Path;
use std::rc::Rc;

use crate::Outcome;
use crate::workbench::Workbench;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A part of the journey.
    Stage,
    /// Cryptography alone, which stages contain.
    Primitive,
}

/// One thing that is measured.
pub struct Step {
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub sort: Sort,
    /// How often a signed payment has it done, 0 where it does not.
    pub of_a_payment: f64,
    /// Does it once.
    pub run: Box<dyn FnMut() -> Outcome<()>>,
}

impl Step {
    fn stage(name: &'static str, of_a_payment: f64, run: impl FnMut() -> Outcome<()> + 'static) -> Self {
        Self {
            name,
            sort: Sort::Stage,
            of_a_payment,
            run: Box::new(run),
        }
    }

    fn primitive(name: &'static str, of_a_payment: f64, run: impl FnMut() -> Outcome<()> + 'static) -> Self {
        Self {
            sort: Sort::Primitive,
            ..Self::stage(name, of_a_payment, run)
        }
    }
}

/// All of them, in the order of the journey, then the primitives.
///
/// # Errors
/// What they are measured with cannot be made.
pub fn all(program: &Path, within: &Path) -> Outcome<Vec<Step>> {
    let bench = Rc::new(Workbench::open(program, within)?);
    let parts = [
        doors::steps(&bench)?,
        callers::steps(&bench)?,
        messages::steps(&bench)?,
        payments::steps(&bench)?,
        primitives::steps()?,
    ];
    Ok(parts.into_iter().flatten().collect())
}
