//! `countersign policy`: check and test a folder of policies before it is published.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::policy::{Bundle, BundleError, CaseResult, Proof, Tables, prove};

/// The arguments of `countersign policy`.
#[derive(Args, Debug)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand, Debug)]
enum PolicyCommand {
    /// Show that a folder of policies is valid, and that its remedies and limits do what they say
    Check(Folder),
    /// Decide the cases of the folder's decision tables (tests/*.toml)
    Test(Folder),
}

#[derive(Args, Debug)]
struct Folder {
    /// The folder with countersign.cedarschema and the .cedar files
    dir: PathBuf,
    /// Write one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Exit 0 when all is well, 1 when something is wrong with the policies, 2 when there is no such folder.
pub fn run(args: &PolicyArgs) -> ExitCode {
    let (folder, outcome) = match &args.command {
        PolicyCommand::Check(folder) => (folder, in_folder(folder, check)),
        PolicyCommand::Test(folder) => (folder, in_folder(folder, test)),
    };
    let Some(report) = outcome else {
        let line = format!("{} is not a folder\n", folder.dir.display());
        return after(io::stderr().lock().write_all(line.as_bytes()), ExitCode::from(2));
    };
    let mut out = io::stdout().lock();
    let written = if folder.json {
        writeln!(out, "{}", report.json)
    } else {
        out.write_all(report.text.as_bytes())
    };
    after(
        written,
        if report.good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

struct Report {
    good: bool,
    text: String,
    json: Value,
}

fn in_folder(folder: &Folder, command: fn(&Path) -> Result<Report, BundleError>) -> Option<Report> {
    let faulty = |error: BundleError| Report {
        good: false,
        text: format!("{error}\n\n{}\n", count(error.faults.len(), "fault")),
        json: json!({ "faults": error.faults }),
    };
    folder
        .dir
        .is_dir()
        .then(|| command(&folder.dir).unwrap_or_else(faulty))
}

fn check(folder: &Path) -> Result<Report, BundleError> {
    let bundle = Bundle::load(folder)?;
    let tables = Tables::load(folder)?;
    let proof = prove(&bundle, &tables);
    if !proof.faults.is_empty() {
        return Err(BundleError { faults: proof.faults });
    }
    let json = json!({
        "version": bundle.version(),
        "policies": bundle.len(),
        "cases": tables.len(),
        "faults": [],
        "shown": proof.shown,
        "unreached": proof.unreached.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
    });
    Ok(Report {
        good: true,
        text: checked(&bundle, &tables, &proof),
        json,
    })
}

fn checked(bundle: &Bundle, tables: &Tables, proof: &Proof) -> String {
    let mut text = format!(
        "{} valid, version {}\n",
        count_of(bundle.len(), "policy", "policies"),
        bundle.version()
    );
    for shown in &proof.shown {
        let (held, applied) = (shown.held, count(shown.applied, "case"));
        text.push_str(&format!(
            "  {} {} holds in {held} of {applied}\n",
            shown.policy, shown.claim
        ));
    }
    for id in &proof.unreached {
        text.push_str(&format!(
            "  note: {id} decides none of the {}\n",
            count(tables.len(), "case")
        ));
    }
    text
}

fn test(folder: &Path) -> Result<Report, BundleError> {
    let bundle = Bundle::load(folder)?;
    let results = Tables::load(folder)?.run(&bundle);
    let failed = results.iter().filter(|result| result.problem.is_some()).count();
    let json = json!({
        "version": bundle.version(),
        "cases": results.len(),
        "failed": failed,
        "results": results,
    });
    let good = failed == 0 && !results.is_empty();
    Ok(Report {
        good,
        text: tested(&results, failed),
        json,
    })
}

fn tested(results: &[CaseResult], failed: usize) -> String {
    if results.is_empty() {
        return "no decision tables: add tests/NAME.toml with a [[case]]\n".to_owned();
    }
    let mut text = String::new();
    for CaseResult {
        file,
        line,
        name,
        problem,
    } in results
    {
        if let Some(problem) = problem {
            text.push_str(&format!("{file}:{line}: {name}\n    {problem}\n"));
        }
    }
    let held = results.len() - failed;
    text.push_str(&format!("{held} of {} hold\n", count(results.len(), "case")));
    text
}

fn count(number: usize, one: &str) -> String {
    count_of(number, one, &format!("{one}s"))
}

fn count_of(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A reader that hangs up early (`| head`) is no reason to hide what was found.
fn after(_written: io::Result<()>, code: ExitCode) -> ExitCode {
    code
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
    }

    fn report(dir: PathBuf, command: fn(&Path) -> Result<Report, BundleError>) -> Option<Report> {
        in_folder(&Folder { dir, json: false }, command)
    }

    /// The shipped folder with one policy file changed.
    fn changed(file: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("tests")).unwrap();
        for folder in ["", "tests"] {
            for entry in fs::read_dir(shipped().join(folder)).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), copy.path().join(folder).join(entry.file_name())).unwrap();
                }
            }
        }
        let path = copy.path().join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        copy
    }

    #[test]
    fn shipped_policies_pass_both() {
        for command in [check, test] {
            let report = report(shipped(), command).unwrap();
            assert!(report.good, "{}", report.text);
            assert_eq!(report.json["version"].as_str().unwrap().len(), 43);
        }
    }

    #[test]
    fn check_names_file_line_and_policy_of_every_fault() {
        let folder = changed("20-payments.cedar", |text| {
            text.replace("approve:passkey", "approve:anyhow")
        });
        let report = report(folder.path().to_owned(), check).unwrap();
        assert!(!report.good);
        assert!(
            report
                .text
                .starts_with("20-payments.cedar:14: policy `payment-needs-approval`: "),
            "{}",
            report.text
        );
        assert_eq!(report.json["faults"][0]["line"], 14);
    }

    #[test]
    fn check_refuses_a_limit_that_is_not_its_condition() {
        let folder = changed("30-exemptions.cedar", |text| {
            text.replace("count <= 5\"", "count <= 50\"")
        });
        let report = report(folder.path().to_owned(), check).unwrap();
        assert!(!report.good);
        assert!(
            report.text.contains("is not the limit of its condition"),
            "{}",
            report.text
        );
    }

    #[test]
    fn test_names_the_cases_that_a_change_breaks() {
        let folder = changed("30-exemptions.cedar", |text| text.replace("3000", "1000"));
        let report = report(folder.path().to_owned(), test).unwrap();
        assert!(!report.good);
        assert!(
            report.text.contains("expected permit as low-value"),
            "{}",
            report.text
        );
        assert!(report.json["failed"].as_u64().unwrap() > 0);
    }

    #[test]
    fn a_folder_without_tables_has_passed_no_test() {
        let folder = changed("00-baseline.cedar", |text| text);
        fs::remove_dir_all(folder.path().join("tests")).unwrap();
        assert!(!report(folder.path().to_owned(), test).unwrap().good);
        assert!(!report(folder.path().to_owned(), check).unwrap().good);
    }

    #[test]
    fn no_folder_is_a_usage_fault() {
        assert!(report(shipped().join("nowhere"), check).is_none());
    }
}
