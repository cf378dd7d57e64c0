//! The published vectors, computed once more by their own program in another language.

use std::path::Path;
use std::process::Command;

/// INT: whoever reads the format, and not our code, comes to the same digests.
#[test]
fn the_vectors_of_intents_are_what_an_independent_program_computes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/intent.py");
    let run = Command::new("python3").arg(&script).output();
    let output = run.unwrap_or_else(|error| {
        panic!("python3 is needed for this test and cannot be run ({error}); `make test` installs it")
    });
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains(" valid ") && told.contains(" refused"), "{told}");
}
