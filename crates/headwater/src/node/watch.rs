//! What a terminal shows of a running node: rows, rate, lag, age of the checkpoint, and a bar while files load.
//!
//! On a terminal one block of lines is redrawn; elsewhere a line is written now and then, and nothing while nothing
//! changes.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_deploy::running::State;
use headwater_stream::source::runner::Report;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Node;
use super::doors::Doors;

const REDRAW: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows until it is dropped.
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is shown.
struct View {
    doors: Arc<Doors>,
    clock: Arc<dyn Clock>,
    rows_before: u64,
    at: Duration,
    rate: f64,
}

impl Watch {
    pub fn start(node: &Node, http: Option<&str>, postgres: Option<&str>) -> Watch {
        let view = View {
            doors: Arc::clone(&node.doors),
            clock: Arc::clone(&node.clock),
            rows_before: 0,
            at: node.clock.elapsed(),
            rate: 0.0,
        };
        let scheme = if node.access.tls.is_some() { "https" } else { "http" };
        let http = http.map(|address| format!(", HTTP on {scheme}://{address}")).unwrap_or_default();
        let postgres = postgres.map(|address| format!(", PostgreSQL on {address}")).unwrap_or_default();
        eprintln!("headwater is ready: {}{http}{postgres}", node.options.folder.path.display());
        let (stop, stopped) = channel();
        let body = move || {
            if std::io::stderr().is_terminal() { draw(view, &stopped) } else { write_lines(view, &stopped) }
        };
        // Without a thread to show it, the node runs all the same.
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(body).ok();
        Watch { stop: Some(stop), thread }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // What it showed is no concern of the node's.
            let _ = thread.join();
        }
    }
}

impl View {
    /// Sources and sinks that gave up, or try again, each with the reason.
    fn given_up(&self) -> Vec<String> {
        let given_up = |(name, report): (String, Report)| {
            let (message, _) = report.failure?;
            Some(format!("source {name} stopped: {message}"))
        };
        let sources = self.doors.sources().into_iter().filter_map(given_up);
        let sinks =
            self.doors.sinks().into_iter().filter_map(|(name, report)| match (report.failure, report.trouble) {
                (Some((message, _)), _) => Some(format!("sink {name} stopped: {message}")),
                (None, Some(message)) => Some(format!("sink {name} tries again: {message}")),
                (None, None) => None,
            });
        sources.chain(sinks).collect()
    }

    /// A line on the node as a whole, and one for each thing that stopped.
    fn summary(&mut self) -> String {
        let published = self.doors.published();
        let inner = published.lock();
        let lag: i64 = inner.status.partitions.iter().map(|each| (each.stable - each.next).max(0)).sum();
        let streams: std::collections::BTreeSet<&str> =
            inner.status.partitions.iter().map(|each| each.stream.as_str()).collect();
        let rows: u64 = streams.iter().filter_map(|name| inner.status.rows.get(*name)).sum();
        let (dead_letters, checkpoint) = (inner.status.dead_letters, inner.status.checkpoint);
        let stopped = inner.stopped();
        drop(inner);
        let replays = self.doors.replays();
        let now = self.clock.elapsed();
        let seconds = now.saturating_sub(self.at).as_secs_f64();
        if seconds > 0.0 {
            let fresh = rows.saturating_sub(self.rows_before) as f64 / seconds;
            self.rate = if self.rate == 0.0 { fresh } else { self.rate * 0.7 + fresh * 0.3 };
        }
        (self.rows_before, self.at) = (rows, now);
        let age = match checkpoint {
            Some(taken) => {
                let age_us = (self.clock.now_us() - taken.taken_us).max(0);
                format!("{} {:.1} s ago", taken.number, age_us as f64 / 1e6)
            }
            None => "none yet".to_owned(),
        };
        let mut line = format!(
            "{} rows, {}/s, lag {}, {} dead letters, checkpoint {age}",
            grouped(rows),
            grouped(self.rate as u64),
            grouped(lag as u64),
            grouped(dead_letters)
        );
        let replays = replays.iter().filter(|each| each.state == State::Running).map(|each| {
            let (done, total) = (grouped(each.rows_done), grouped(each.rows_total));
            format!("replaying {}: {done} of {total} rows", each.views.join(", "))
        });
        for each in replays.chain(self.given_up()).chain(stopped) {
            line.push_str("\n  ");
            line.push_str(&each);
        }
        line
    }
}

fn draw(mut view: View, stopped: &std::sync::mpsc::Receiver<()>) {
    let screen = MultiProgress::new();
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
    };
    let mut bars: Vec<(String, ProgressBar)> = Vec::new();
    let summary = screen.add(ProgressBar::new_spinner());
    summary.set_style(style("{msg}"));
    while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let sources = view.doors.sources();
        bars.retain(|(name, bar)| {
            let stays = sources.iter().any(|(source, _)| source == name);
            if !stays {
                screen.remove(bar);
            }
            stays
        });
        for (name, report) in sources {
            if !bars.iter().any(|(shown, _)| *shown == name) {
                let bar = screen.insert_before(&summary, ProgressBar::new(0).with_prefix(name.clone()));
                bar.set_style(style("{prefix:16} {bar:32} {percent:>3}%  {msg}"));
                bars.push((name.clone(), bar));
            }
            let Some((_, bar)) = bars.iter().find(|(shown, _)| *shown == name) else { continue };
            bar.set_length(report.status.total.unwrap_or(0).max(report.status.done));
            bar.set_position(report.status.done);
            bar.set_message(match &report.failure {
                Some(_) => "stopped".to_owned(),
                None if report.ended => "read to its end".to_owned(),
                None => report.status.at,
            });
        }
        summary.set_message(view.summary());
    }
    bars.iter().for_each(|(_, bar)| bar.abandon());
    summary.abandon_with_message(view.summary());
}

fn write_lines(mut view: View, stopped: &std::sync::mpsc::Receiver<()>) {
    let mut rows_written = None;
    loop {
        let over = stopped.recv_timeout(LINE_EVERY) != Err(RecvTimeoutError::Timeout);
        let line = view.summary();
        if rows_written != Some(view.rows_before) || over {
            rows_written = Some(view.rows_before);
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        if over {
            return;
        }
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
