//! The loop that drives what runs, on the node's own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use anyhow::{Result, anyhow};
use headwater_gateway::Node as _;
use headwater_stream::engine::Step;

use super::Node;

/// Steps until a signal comes or, if so told, until there is nothing more to do; then makes all of it last.
pub fn run(mut node: Node, interrupted: &AtomicBool) -> Result<()> {
    let wake = node.wake.clone();
    let _subscription = node.log.on_change(Box::new(move || {
        // A full channel is a wake-up that is on its way already.
        if let Err(TrySendError::Full(())) | Ok(()) = wake.try_send(()) {}
    }));
    let mut refreshed = false;
    let mut was_settled = false;
    while !interrupted.load(Ordering::Acquire) {
        node.answer_requests()?;
        // Asked before the step: rows that a source gave before it was over are then seen by the step.
        let over =
            node.options.until_idle && node.sources.iter().all(headwater_stream::source::runner::Running::is_over);
        // Its last word is told, too.
        let was_replaying = node.running.is_replaying();
        let stepped = node.running.step()?;
        if node.running.version() != node.shown {
            node.follow_sinks()?;
            node.start_alerts()?;
            node.show()?;
        }
        if was_replaying {
            node.tell_replays();
        }
        if let Step::Idle(time) = stepped {
            if over {
                // Nobody will bring more that a checkpoint could wait for.
                node.running.settle()?;
                if !node.running.is_settled()? {
                    was_settled = false;
                } else if !std::mem::replace(&mut was_settled, true) {
                    node.alerts.unsettle();
                }
                if was_settled
                    && all_finished(&node)
                    && all_refreshed(&node, &mut refreshed)
                    && node.alerts.is_settled(&node.book)
                {
                    break;
                }
            }
            // Both outcomes mean to look again.
            let _ = node.woken.recv_timeout(time.min(Duration::from_millis(100)));
        }
    }
    let failures: Vec<String> = failures(&mut node)?;
    node.sources.clear();
    node.sinks.clear();
    node.alerts.end();
    node.running.close()?;
    if node.options.until_idle && !failures.is_empty() {
        return Err(anyhow!("{}", failures.join("\n")));
    }
    Ok(())
}

/// Once nothing more comes in, asks for a last run of what is not up to date; true when that is over.
fn all_refreshed(node: &Node, asked: &mut bool) -> bool {
    let Some(runs) = &node.known.runs else { return true };
    if !runs.is_idle() {
        return false;
    }
    if !*asked {
        *asked = true;
        return super::runs::finish(runs, node.running.declared(), &node.doors.session()) == 0;
    }
    true
}

/// Hurries every sink; true once all have delivered what there is.
fn all_finished(node: &Node) -> bool {
    node.sinks.iter().filter(|sink| !sink.finish(node.log.as_ref())).count() == 0
}

/// What stopped before its end, each with the reason: sources, views, and readers of streams.
fn failures(node: &mut Node) -> Result<Vec<String>> {
    let reports = node.sources.iter().map(|source| (source.name().to_owned(), source.report()));
    let sources = reports.filter_map(|(name, report)| {
        let (message, hint) = report.failure?;
        let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        Some(format!("source {name} stopped: {message}{hint}"))
    });
    let mut failures: Vec<String> = sources.collect();
    let sinks = node.sinks.iter().map(|sink| (sink.name().to_owned(), sink.report()));
    failures.extend(sinks.filter_map(|(name, report)| {
        let (message, hint) = report.failure?;
        let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        Some(format!("sink {name} stopped: {message}{hint}"))
    }));
    let stopped = node
        .book
        .entries()
        .iter()
        .filter_map(|(name, entry)| Some((name.clone(), entry.stopped.clone()?)))
        .collect::<Vec<_>>();
    failures.extend(stopped.into_iter().map(|(name, reason)| format!("alert {name} stopped: {reason}")));
    failures.extend(node.running.engine()?.published().lock().stopped());
    failures.extend(node.known.runs.iter().flat_map(|runs| super::runs::failures(runs)));
    let missing: Vec<String> = node.running.wanted_only().iter().map(|relation| relation.name().to_owned()).collect();
    let replays = node.running.replays();
    failures.extend(missing.iter().filter_map(|view| {
        let last = replays.iter().rev().find(|each| each.views.contains(view))?;
        Some(format!("view {view} could not be built: {}", last.failure.as_ref()?))
    }));
    Ok(failures)
}
