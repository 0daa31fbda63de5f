//! The whole of examples/shop: from nothing to the last refresh of its 90 days, then its dashboard in a browser.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, figure, headline, usage};
use crate::node::{Profile, Start};
use crate::{console, shell};

const LIMIT: Duration = Duration::from_secs(1800);
const READY: Duration = Duration::from_secs(120);
const LOADS: &str = "10";
const ROWS: &str = "20";

pub fn run(options: &Options) -> Result<()> {
    let binary = options.which.get(Profile::Release)?;
    console::install()?;
    let folder = shell::target_dir().join("bench/shop");
    shell::fresh_dir(&folder)?;
    let data = folder.join("data");
    headline(options, "examples/shop, 90 days and no more, then a start over them and headless Chromium");
    let start = Start::new(shell::root().join("examples/shop"), &data).set("live", "false").workers(options.workers);
    let took = start.clone().until_idle().finish(&binary, LIMIT)?;
    let began = shell::now();
    let mut node = start.spawn(&binary)?;
    node.wait_ready(READY)?;
    let ready = began.elapsed();
    let mut events = 0;
    for stream in ["page_views", "cart_events", "exposures", "orders", "order_items", "payments", "customer_changes"] {
        let rows = binary.sql(&data, &format!("SELECT count(*) FROM {stream}"))?;
        events += rows[0][0].parse::<u64>()?;
    }
    figure("shop_events", events as f64 / 1e6, "million");
    figure("shop_until_idle", took.as_secs_f64(), "s");
    figure("shop_restart_ready", ready.as_secs_f64(), "s");
    let address = node.http().context("the node has announced no address")?;
    let mut dashboard = Command::new("node");
    dashboard.arg(shell::root().join("bench/shop/dashboard.mjs")).args([&address, LOADS, ROWS]);
    let told = shell::output(&mut dashboard)?;
    let paints = numbers(&told, "paint", 0)?;
    figure("shop_dashboard_paint_first", paints[0], "ms");
    figure("shop_dashboard_paint_p50", p50(&paints), "ms");
    figure("shop_dashboard_acknowledged_p50", p50(&numbers(&told, "shown", 0)?), "ms");
    let shown = numbers(&told, "shown", 1)?;
    figure("shop_dashboard_shown_p50", p50(&shown), "ms");
    figure("shop_dashboard_shown_max", shown.iter().copied().fold(0.0, f64::max), "ms");
    figure("shop_rss_peak", usage::now(&node).rss_peak_mib, "MiB");
    node.kill()
}

/// One number of each line that begins with a word.
fn numbers(told: &str, word: &str, at: usize) -> Result<Vec<f64>> {
    let lines = told.lines().filter_map(|line| line.strip_prefix(word));
    let numbers: Vec<f64> = lines.filter_map(|line| line.split_whitespace().nth(at)?.parse().ok()).collect();
    if numbers.is_empty() {
        bail!("the browser told no {word}:\n{told}");
    }
    Ok(numbers)
}

fn p50(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
