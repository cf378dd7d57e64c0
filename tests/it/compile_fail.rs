//! What must not compile: an unpermitted request cannot be forwarded, because it cannot be written down.
//!
//! Each program in `tests/compile_fail` says in its first line which error it ends in, or that it compiles. They are
//! compiled against the library that this test was built with; a tool that builds it anew would take minutes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Where the libraries of this build lie: beside the program of this test.
fn libraries() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The newest build of the gateway's library.
fn library() -> PathBuf {
    let built = fs::read_dir(libraries())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let ours = built.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libcountersign-") && name.ends_with(".rlib")
    });
    ours.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .expect("the library is built")
}

/// Compiles a program; returns what the compiler says when it refuses.
fn compile(program: &Path, library: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args([
            "--edition=2024",
            "--emit=metadata",
            "--error-format=human",
            "--color=never",
        ])
        .arg("--out-dir")
        .arg(folder.path())
        .arg("-L")
        .arg(format!("dependency={}", libraries().display()))
        .arg("--extern")
        .arg(format!("countersign={}", library.display()))
        .arg(program)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn an_unpermitted_request_cannot_be_forwarded() {
    let library = library();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut programs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    programs.sort();
    assert!(programs.len() >= 11, "{programs:?}");
    for program in programs {
        let text = fs::read_to_string(&program).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("// ").unwrap();
        let said = compile(&program, &library);
        match expected {
            "compiles" => assert_eq!(said, Ok(()), "{}", program.display()),
            error => {
                let said = said.expect_err(&format!("{} compiled", program.display()));
                let first = said.lines().find(|line| line.starts_with("error")).unwrap();
                assert_eq!(
                    first.replace("countersign::gate::", ""),
                    error,
                    "{}: {said}",
                    program.display()
                );
            }
        }
    }
}
