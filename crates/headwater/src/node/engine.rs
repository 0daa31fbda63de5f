//! The loop that drives the engine, on the node's own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{TrySendError, sync_channel};
use std::time::Duration;

use anyhow::{Result, anyhow};
use headwater_stream::engine::Step;

use super::Node;

/// Steps until a signal comes or, if so told, until there is nothing more to do; then makes all of it last.
pub fn run(node: &mut Node, interrupted: &AtomicBool) -> Result<()> {
    let (wake, woken) = sync_channel(1);
    let _subscription = node.log.on_change(Box::new(move || {
        // A full channel is a wake-up that is on its way already.
        if let Err(TrySendError::Full(())) | Ok(()) = wake.try_send(()) {}
    }));
    while !interrupted.load(Ordering::Acquire) {
        // Asked before the step: rows that a source gave before it was over are then seen by the step.
        let over =
            node.options.until_idle && node.sources.iter().all(headwater_stream::source::runner::Running::is_over);
        if let Step::Idle(time) = node.engine.step()? {
            if over && node.engine.is_settled()? {
                break;
            }
            // Both outcomes mean to look again.
            let _ = woken.recv_timeout(time.min(Duration::from_millis(100)));
        }
    }
    let failures: Vec<String> = failures(node);
    node.sources.clear();
    node.engine.settle()?;
    node.engine.flush_archives()?;
    if node.options.until_idle && !failures.is_empty() {
        return Err(anyhow!("{}", failures.join("\n")));
    }
    Ok(())
}

/// What stopped before its end, each with the reason: sources, views, and readers of streams.
fn failures(node: &Node) -> Vec<String> {
    let reports = node.sources.iter().map(|source| (source.name().to_owned(), source.report()));
    let sources = reports.filter_map(|(name, report)| {
        let (message, hint) = report.failure?;
        let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        Some(format!("source {name} stopped: {message}{hint}"))
    });
    sources.chain(node.engine.published().lock().stopped()).collect()
}
