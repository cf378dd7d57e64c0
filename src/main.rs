//! Countersign's command line.
fn main() {}
