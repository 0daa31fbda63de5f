//! What people see when something goes wrong, and the log lines of a node.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// Log lines go to standard error, from warnings on; `HEADWATER_LOG` chooses others.
pub fn start_logging() {
    let filter = EnvFilter::try_from_env("HEADWATER_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,headwater=info,delta_kernel=error,buoyant_kernel=error"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
}

/// Prints an error with its causes and, where one says so, what to do.
pub fn error(error: &anyhow::Error) {
    // Nothing can be told to anyone if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{}", text(error));
}

/// An error with its causes and, where one says so, what to do.
pub fn text(error: &anyhow::Error) -> String {
    // Diagnostics that point into a text open with their own word.
    let shown = error.to_string();
    let mut text = if shown.starts_with("error") { shown } else { format!("error: {shown}") };
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Wrappers that show their cause in their own text would say it twice.
        if !text.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
    }
    if let Some(hint) = hint(error) {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

fn hint(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| {
        let deploy = cause.downcast_ref::<headwater_deploy::Error>().and_then(headwater_deploy::Error::hint);
        let stream = cause.downcast_ref::<headwater_stream::Error>().and_then(headwater_stream::Error::hint);
        let gateway = cause.downcast_ref::<headwater_gateway::Error>().and_then(headwater_gateway::Error::hint);
        let folder = cause.downcast_ref::<crate::folder::InUse>().map(crate::folder::InUse::hint);
        let storage = cause.downcast_ref::<crate::storage::Unusable>().map(crate::storage::Unusable::hint);
        deploy.or(stream).or(gateway).or(folder).or(storage)
    })
}
