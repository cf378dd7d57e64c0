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
