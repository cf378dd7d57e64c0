//! The shipped policies, and what no policy can make the engine do.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn shipped_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

#[test]
fn shipped_policies_decide_their_tables() {
    let bundle = Bundle::load(&shipped_folder()).unwrap();
    let tables = Tables::load(&shipped_folder()).unwrap();
    let broken: Vec<_> = tables
        .run(&bundle)
        .into_iter()
        .filter(|case| case.problem.is_some())
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let proof = prove(&bundle, &tables);
    assert_eq!(proof.faults, []);
    assert_eq!(proof.unreached, []);
    let _ = fs::read_dir(".");
}
