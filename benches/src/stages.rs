//! `countersign-stages`: every step by processor time and by allocations, one line of JSON each. A program of its own, because
//! it counts what is allocated, which a gateway or a load under measurement must not pay for.

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use countersign_bench::Outcome;
use countersign_bench::document::{print, progress};
use countersign_bench::process::processor_time;
use countersign_bench::statistics::median;
use countersign_bench::steps::{self, Sort, Step};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds of a step.
const ROUNDS: usize = 7;
/// Of a round.
const SPAN: Duration = Duration::from_millis(100);
/// Before anything is counted, so that buffers and caches are there.
const WARM_UP: usize = 20;
/// Over so many runs allocations are counted: the few that others make meanwhile do not show.
const COUNTED: usize = 200;

#[derive(Parser)]
struct Arguments {
    /// The gateway's program
    #[arg(long)]
    program: PathBuf,
    /// Where a home can be made
    #[arg(long)]
    within: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Without anyone to read it the exit code has to do.
            let _ = writeln!(std::io::stderr(), "countersign-stages: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    for mut step in steps::all(&arguments.program, &arguments.within)? {
        progress(&format!("stages: {}", step.name));
        for _ in 0..WARM_UP {
            once(&mut step)?;
        }
        let region = Region::new(ALLOCATOR);
        for _ in 0..COUNTED {
            once(&mut step)?;
        }
        let change = region.change();
        let each = |count: usize| count as f64 / COUNTED as f64;
        let rounds = (0..ROUNDS)
            .map(|_| micros(&mut step))
            .collect::<Outcome<Vec<_>>>()?;
        let found = json!({
            "name": step.name,
            "is_primitive": step.sort == Sort::Primitive,
            "of_a_payment": step.of_a_payment,
            "micros": median(&rounds),
            "allocations": each(change.allocations + change.reallocations),
            "bytes": each(change.bytes_allocated),
        });
        print(&found.to_string())?;
    }
    Ok(())
}

fn once(step: &mut Step) -> Outcome<()> {
    (step.run)().map_err(|error| format!("{}: {error}", step.name).into())
}

/// Processor time of one run, all threads of the process counted: the store's own are a part of a commit.
fn micros(step: &mut Step) -> Outcome<f64> {
    let (began, before) = (Instant::now(), processor_time(std::process::id()));
    let mut runs = 0;
    while began.elapsed() < SPAN {
        once(step)?;
        runs += 1;
    }
    let took = processor_time(std::process::id()).saturating_sub(before);
    Ok(took.as_secs_f64() * 1e6 / f64::from(runs))
}
