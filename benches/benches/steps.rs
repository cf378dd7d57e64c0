//! Every step and primitive of a request's way by the clock: `cargo bench -p countersign-bench`. Needs the gateway's program of
//! the same profile, which `cargo build --release` makes.

use std::path::Path;

use countersign_bench::stage::workplace;
use countersign_bench::steps;
use criterion::{Criterion, criterion_group, criterion_main};

#[expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be measured ends with its reason"
)]
fn every_step(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the project's folder");
    // The program beside the folder `deps` that cargo puts this one into.
    let own = std::env::current_exe().expect("this program has a path");
    let program = own
        .ancestors()
        .nth(2)
        .expect("target/release")
        .join("countersign");
    for step in steps::all(&program, &workplace(root)).expect("`cargo build --release` came before") {
        let (name, mut run) = (step.name, step.run);
        criterion.bench_function(name, |bencher| bencher.iter(|| run().expect(name)));
    }
}

criterion_group!(all, every_step);
criterion_main!(all);
