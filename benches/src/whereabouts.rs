//! Where each microsecond of a signed payment goes: its steps by themselves, the cryptography in them, and the whole under load.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::Outcome;
use crate::document::{Document, circumstances, progress, table, thousands};
use crate::load::Pace;
use crate::machine::{Cores, Watch, pinned};
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::statistics::median;

/// Payments at a time, as beside the ceiling.
const CONNECTIONS: usize = 32;

/// A step as `countersign-stages` found it.
struct Found {
    name: String,
    is_primitive: bool,
    of_a_payment: f64,
    micros: f64,
    allocations: f64,
    bytes: f64,
}

impl Found {
    fn read(line: &str) -> Outcome<Self> {
        let value: Value = serde_json::from_str(line)?;
        let number = |name: &str| {
            let number = value.get(name).and_then(Value::as_f64);
            number.ok_or_else(|| format!("countersign-stages tells no {name}"))
        };
        Ok(Self {
            name: value
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            is_primitive: value.get("is_primitive").and_then(Value::as_bool) == Some(true),
            of_a_payment: number("of_a_payment")?,
            micros: number("micros")?,
            allocations: number("allocations")?,
            bytes: number("bytes")?,
        })
    }

    fn of_whole(&self) -> f64 {
        self.micros * self.of_a_payment
    }

    fn row(&self) -> Vec<String> {
        let of_a_payment = |text: String| {
            if self.of_a_payment > 0.0 {
                text
            } else {
                String::new()
            }
        };
        vec![
            self.name.clone(),
            format!("{:.2}", self.micros),
            format!("{:.1}", self.allocations),
            thousands(self.bytes),
            of_a_payment(match self.of_a_payment {
                times if times < 1.0 => format!("1/{:.0}", 1.0 / times),
                times => format!("{times:.0}"),
            }),
            of_a_payment(format!("{:.1}", self.of_whole())),
        ]
    }
}

/// Measures, and writes the tables.
///
/// # Errors
/// A step fails, or a payment.
pub async fn measure(program: &Path, within: &Path, effort: Effort, document: &Document) -> Outcome<()> {
    let watch = Watch::start();
    let found = steps(program, within).await?;
    progress("stages: payments under load");
    let mut stage = Stage::open(program, within).await?;
    let mut wholes = Vec::new();
    for _ in 0..effort.rounds {
        let report = stage
            .load(Kind::Payment, CONNECTIONS, Pace::Closed, effort.span)
            .await?;
        wholes.push(report.processor_micros);
    }
    stage.close()?;
    let text = [
        circumstances(&watch, within),
        told(&found, median(&wholes)),
        figures("stage", &found, false),
        figures("primitive", &found, true),
    ];
    document.put("stages", &format!("{}\n", text.join("\n\n")))
}

async fn steps(program: &Path, within: &Path) -> Outcome<Vec<Found>> {
    let counting = std::env::current_exe()?.with_file_name("countersign-stages");
    let mut command = pinned(Cores::of_this_machine().server, &counting);
    command.arg("--program").arg(program).arg("--within").arg(within);
    command.stderr(Stdio::inherit());
    let done = tokio::task::spawn_blocking(move || command.output()).await??;
    if !done.status.success() {
        return Err("countersign-stages failed".into());
    }
    String::from_utf8_lossy(&done.stdout)
        .lines()
        .map(Found::read)
        .collect()
}

fn told(found: &[Found], whole: f64) -> String {
    let sum = |primitives: bool| -> f64 {
        let some = found.iter().filter(|step| step.is_primitive == primitives);
        some.map(Found::of_whole).sum()
    };
    let (stages, cryptography) = (sum(false), sum(true));
    let share = |part: f64| part / whole.max(f64::MIN_POSITIVE) * 100.0;
    let (rest, allocations) = (
        whole - stages,
        found
            .iter()
            .filter(|step| !step.is_primitive)
            .map(|step| step.allocations * step.of_a_payment)
            .sum::<f64>(),
    );
    format!(
        "A signed payment takes {whole:.0} µs of processor time under load, {CONNECTIONS} at a time. Its stages by themselves sum \
         to {stages:.0} µs ({:.0} %) with {allocations:.0} allocations; the cryptography within them to {cryptography:.0} µs \
         ({:.0} %). The other {rest:.0} µs ({:.0} %) are what no stage shows: sockets and the kernel, the runtime, HTTP's \
         parsers on both sides, the threads of the store being woken, and what a cold cache adds.",
        share(stages),
        share(cryptography),
        share(rest)
    )
}

fn figures(sort: &str, found: &[Found], primitives: bool) -> String {
    let rows = found.iter().filter(|step| step.is_primitive == primitives);
    let heads = [
        sort,
        "µs",
        "allocations",
        "bytes",
        "times in a payment",
        "µs of a payment",
    ];
    table(&heads, &rows.map(Found::row).collect::<Vec<_>>())
}
