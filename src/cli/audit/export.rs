//! `audit export`: a copy of the log in a folder, laid out as C2SP `tlog-tiles` serves it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_tlog::{BundleId, Checkpoint, Note, Resource, TileId};
use serde_json::json;

use super::failed;
use super::progress::bar;
use crate::audit::verify::TileFolder;
use crate::cli::admin_client::{AdminClient, AdminConnection, ClientError};
use crate::cli::console::{CliError, Console};
use crate::pki::make_folder;

/// The arguments of `audit export`.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// The folder to write to; what is there already and cannot change is not fetched again
    #[arg(long, value_name = "DIR")]
    tiles: PathBuf,
    #[command(flatten)]
    connection: AdminConnection,
}

/// Runs `audit export`. The checkpoint is written last, so a copy that was cut short never claims more than it has.
pub(super) async fn run(args: &ExportArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let client = AdminClient::new(&args.connection)?;
    let folder = TileFolder::new(&args.tiles);
    let fetched = fetch(&client, Resource::Checkpoint).await;
    let signed = fetched.map_err(|error| failed(error, console))?;
    let note = Note::parse(&signed).map_err(CliError::failed)?;
    let checkpoint = Checkpoint::from_note(&note).map_err(CliError::failed)?;
    let resources = resources(checkpoint.size());
    let progress = bar(resources.len() as u64, "files");
    let mut new = 0;
    for resource in resources {
        let place = folder.place(resource);
        if !place.exists() {
            let bytes = fetch(&client, resource).await;
            write(&place, &bytes.map_err(|error| failed(error, console))?)?;
            new += 1;
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    write(&folder.place(Resource::Checkpoint), &signed)?;
    console.line(format_args!(
        "{} entries of {} in {} ({new} files new)",
        checkpoint.size(),
        checkpoint.origin(),
        args.tiles.display()
    ))?;
    console.line(format_args!(
        "  verify them with: countersign audit verify --tiles {} --vkey KEY",
        args.tiles.display()
    ))?;
    console.document(&json!({
        "origin": checkpoint.origin(),
        "size": checkpoint.size(),
        "root": checkpoint.root().to_string(),
        "new_files": new,
    }))
}

/// All that a log of `size` entries consists of, but the checkpoint.
fn resources(size: u64) -> Vec<Resource> {
    let mut resources: Vec<Resource> = BundleId::all(size).map(Resource::Entries).collect();
    for level in 0_u8.. {
        let before = resources.len();
        let tiles = (0..).map_while(|index| TileId::in_tree(level, index, size));
        resources.extend(tiles.map(Resource::Tile));
        if resources.len() == before {
            break;
        }
    }
    resources
}

async fn fetch(client: &AdminClient, resource: Resource) -> Result<Vec<u8>, ClientError> {
    client.get_bytes(&format!("/admin/v1/log/{resource}")).await
}

/// Under another name first, so that a file of this name is always whole.
fn write(place: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let wrong = |error: std::io::Error| CliError::failed(format!("{}: {error}", place.display()));
    if let Some(folder) = place.parent() {
        // Entries say who did what and when: the folder is its owner's, as what the gateway keeps is.
        make_folder(folder).map_err(CliError::failed)?;
    }
    let next = place.with_added_extension("part");
    fs::write(&next, bytes).map_err(wrong)?;
    fs::rename(&next, place).map_err(wrong)
}
