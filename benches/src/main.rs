//! `countersign-bench`: the measurements of `make bench`, each alone or all of them, and the programs they start.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use countersign_bench::document::{Document, print};
use countersign_bench::load::{self, Pace};
use countersign_bench::request::Kind;
use countersign_bench::stage::{self, Effort, Stage, workplace};
use countersign_bench::wire::Protocol;
use countersign_bench::{
    Outcome, awake, calm, ceiling, compare, growth, machine, origin, payments, restart, scale, soak, tree,
    whereabouts,
};

/// Measures Countersign on this machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, print tables, and write them with plots into docs/performance.md
    Measure(Measure),
    /// Put load of one kind on a gateway made for it
    Load(Load),
    /// Let the log of a gateway that is not running grow, by the product's own store and sequencer
    Grow {
        /// The gateway's configuration
        #[arg(long)]
        config: PathBuf,
        /// Entries that it is to have
        #[arg(long)]
        entries: u64,
    },
    /// The plain backend
    #[command(hide = true)]
    Origin {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        chain: PathBuf,
        #[arg(long)]
        key: PathBuf,
    },
    /// Nothing, without sleeping
    #[command(hide = true)]
    Awake {
        #[arg(long)]
        parent: u32,
    },
    /// The group commit's ceiling, as JSON
    #[command(hide = true)]
    Ceiling {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        parallel: usize,
        #[arg(long)]
        seconds: f64,
    },
}

#[derive(Args)]
struct Measure {
    /// What; everything when left out
    parts: Vec<Part>,
    /// The project's folder
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Print only; leave the documentation as it is
    #[arg(long)]
    dry: bool,
    /// Fewer rounds and smaller sizes, to see that it works
    #[arg(long)]
    quick: bool,
    /// How long a soak takes
    #[arg(long, default_value_t = 20.0)]
    minutes: f64,
    /// Of `compare` these lines alone, by their names, printed only: 1 to 8, dpop, h2-public, h2-signed
    #[arg(long)]
    only: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Payments against the disk's ceiling
    Payments,
    /// The log's tree by its size
    Tree,
    /// Starts by the size of the log
    Restart,
    /// nginx, HAProxy and Envoy beside it
    Compare,
    /// Memory of idle connections, beside theirs
    Idle,
    /// Cost of a request while routes, policies, customers, sessions or the log grow a hundred times
    Growth,
    /// Where each microsecond of a signed payment goes
    Stages,
    /// Half load for twenty minutes; only when it is named
    Soak,
    /// The same with the store in memory, where no disk stands still; only when it is named
    SoakInMemory,
}

#[derive(Args)]
struct Load {
    /// What to ask for
    kind: Kind,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Requests a second, evenly; without it each connection asks again when it has its answer
    #[arg(long)]
    rate: Option<f64>,
    /// What is spoken; over HTTP/2 eight requests share a connection
    #[arg(long, default_value = "http1")]
    protocol: Protocol,
    /// How long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The project's folder, where target/bench is used
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Without anyone to read it the exit code has to do.
            let _ = writeln!(std::io::stderr(), "countersign-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(command: Command) -> Outcome<()> {
    match command {
        Command::Measure(arguments) => measure(&arguments).await,
        Command::Load(arguments) => put_load(&arguments).await,
        Command::Grow { config, entries } => {
            let growth = growth::grow(&config, entries).await?;
            print(&format!("{} entries added", growth.entries))
        }
        Command::Awake { parent } => {
            awake::idle(parent);
            Ok(())
        }
        Command::Origin { port, chain, key } => origin::serve(port, &chain, &key).await,
        Command::Ceiling {
            dir,
            parallel,
            seconds,
        } => {
            let span = Duration::from_secs_f64(seconds);
            let found = ceiling::of_commits(&dir, parallel, span / 4, span).await?;
            print(&found.to_json().to_string())
        }
    }
}

/// The gateway beside this program: built by the same command.
fn gateway() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("countersign");
    match program.exists() {
        true => Ok(program),
        false => Err(format!("{} is missing: make bench builds it", program.display()).into()),
    }
}

async fn measure(arguments: &Measure) -> Outcome<()> {
    if cfg!(debug_assertions) && !arguments.dry {
        return Err("figures of a debug build are not written down".into());
    }
    let root = arguments.root.canonicalize()?;
    let (program, within) = (gateway()?, workplace(&root));
    std::fs::create_dir_all(&within)?;
    machine::pin_this_process(machine::Cores::of_this_machine().load)?;
    let document = Document::new(&root, !arguments.dry);
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let effort = match arguments.quick {
        true => Effort {
            rounds: 3,
            span: Duration::from_millis(300),
        },
        false => Effort {
            rounds: 15,
            span: Duration::from_millis(600),
        },
    };
    if wanted(Part::Payments) {
        payments::measure(&program, &within, effort, &document).await?;
    }
    if wanted(Part::Tree) {
        let most = if arguments.quick { 100_000 } else { 10_000_000 };
        tree::measure(most, &within, &document)?;
    }
    if wanted(Part::Restart) {
        let most = if arguments.quick { 10_000 } else { 1_000_000 };
        restart::measure(&program, &within, most, &document).await?;
    }
    if arguments.parts.contains(&Part::Idle) {
        let only = [calm::IDLE_MEMORY.to_owned()];
        compare::measure(&program, &root, &within, (effort, &only), &document).await?;
    }
    if wanted(Part::Compare) {
        compare::measure(&program, &root, &within, (effort, &arguments.only), &document).await?;
    }
    if wanted(Part::Growth) {
        scale::measure(&program, &within, effort, &document).await?;
    }
    if wanted(Part::Stages) {
        whereabouts::measure(&program, &within, effort, &document).await?;
    }
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    if arguments.parts.contains(&Part::Soak) {
        soak::measure(&program, ("soak", &within), (effort, length), &document).await?;
    }
    if arguments.parts.contains(&Part::SoakInMemory) {
        let within = stage::in_memory()?;
        let soak = ("soak-in-memory", within.path());
        soak::measure(&program, soak, (effort, length), &document).await?;
    }
    Ok(())
}

async fn put_load(arguments: &Load) -> Outcome<()> {
    let within: &Path = &workplace(&arguments.root.canonicalize()?);
    std::fs::create_dir_all(within)?;
    machine::pin_this_process(machine::Cores::of_this_machine().load)?;
    let mut stage = Stage::open(&gateway()?, within).await?;
    let pace = arguments.rate.map_or(Pace::Closed, Pace::Rate);
    let span = Duration::from_secs_f64(arguments.seconds);
    let mut plan = stage
        .plan(arguments.kind, arguments.connections, pace, span)
        .await?;
    plan.wire = plan.wire.speaking(arguments.protocol);
    let report = load::run(plan, stage.gateway().id()).await?.without_failures()?;
    let memory = stage.gateway().memory() >> 20;
    stage.close()?;
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| report.latencies.micros(share));
    print(&format!(
        "{:.0} a second; p50 {p50:.0}, p90 {p90:.0}, p99 {p99:.0}, p99.9 {p999:.0} µs; {:.0} µs of processor time each; \
         {memory} MiB resident; {:?}",
        report.rate, report.processor_micros, report.answers
    ))
}
