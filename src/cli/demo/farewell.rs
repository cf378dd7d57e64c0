//! What the screen says when the story is over.

use std::time::Duration;

use serde_json::json;

use super::layout::Layout;
use super::people::{ADMIN, BOOKSHOP};
use super::screen::Screen;
use crate::cli::console::CliError;

/// The end of a demonstration that plays once.
///
/// # Errors
/// When nobody reads any more.
pub(super) fn conclude(failed: &[u8], took: Duration, screen: &mut Screen<'_, '_>) -> Result<(), CliError> {
    screen.document(&json!({ "ok": failed.is_empty(), "failed": failed, "ms": took.as_millis() }))?;
    let said = match failed {
        [] => format!("Every step did what it should, in {:.1} s.", took.as_secs_f64()),
        failed => format!("Not every step did what it should: {failed:?}"),
    };
    screen.lines(&[String::new(), format!("  {said}"), String::new()])
}

/// What to try while the gateway goes on serving. The lines work as they are printed, in the folder it was started in.
///
/// # Errors
/// When nobody reads any more.
pub(super) fn invite(layout: &Layout, screen: &mut Screen<'_, '_>) -> Result<(), CliError> {
    screen.document(&json!({ "serving": layout.public_url(), "demo": layout.folder.at("demo.json") }))?;
    let mut lines = vec![
        String::new(),
        "  The gateway keeps serving until Ctrl-C. Try, in another terminal:".to_owned(),
        String::new(),
    ];
    lines.extend(suggestions(layout)?.into_iter().map(|line| format!("    {line}")));
    lines.push(String::new());
    lines.push(format!(
        "  {} holds what a script needs: URLs, names, passwords, keys.",
        layout.folder.at("demo.json").display()
    ));
    screen.lines(&lines)
}

fn suggestions(layout: &Layout) -> Result<Vec<String>, CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let [alice, _] = &layout.people.customers;
    let debtor = alice.accounts.first().map_or("", |account| account.iban);
    let public = layout.public_url();
    let pay = |amount: &str| {
        format!(
            "$CS pay --session $DEMO/alice.session --route-url {public}/payments --amount {amount} --payee {} \
             --payee-name '{}' --debtor {debtor}",
            BOOKSHOP.iban, BOOKSHOP.name
        )
    };
    Ok(vec![
        format!("CS={} DEMO={}", program.display(), layout.folder.path().display()),
        format!("curl --cacert $DEMO/certs/ca.pem {public}/public/hello"),
        format!("curl --cacert $DEMO/certs/ca.pem {public}/accounts"),
        format!("curl http://127.0.0.1:{}/readyz", layout.ports.ops),
        format!(
            "$CS login --url {public} --ca $DEMO/certs/ca.pem --client-id first-party --username {} --acr 2 --otp $($CS demo otp --dir $DEMO) \
             --password-file $DEMO/clients/alice.password --session $DEMO/alice.session",
            alice.username
        ),
        pay("12.50"),
        pay("250.00"),
        format!(
            "$CS keys list --config $DEMO/countersign.toml --certificate $DEMO/certs/admin/{ADMIN}.pem \
             --key $DEMO/certs/admin/{ADMIN}.key.pem"
        ),
        "tail -f $DEMO/bank.log".to_owned(),
    ])
}
