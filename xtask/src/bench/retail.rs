//! Real sales, repeated to ten million rows, through the whole of examples/retail.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, calendar, figure, headline, usage};
use crate::node::Profile;
use crate::{retail, shell};

const ROWS: u64 = 10_000_000;
const ROWS_OF_THE_ORIGINAL: u64 = 541_909;

/// From the first day of the data to the day after its last.
const DAYS_OF_THE_ORIGINAL: i64 = 374;

const LIMIT: Duration = Duration::from_secs(3600);

/// Long enough for queues, caches and allocators to settle.
const REST: Duration = Duration::from_secs(20);

pub fn run(options: &Options) -> Result<()> {
    let Some(original) = retail::daily_files(options.data.as_deref())? else {
        bail!("bench retail needs the real data: give --data DIR, which holds online_retail");
    };
    let binary = options.which.get(Profile::Release)?;
    let copies = options.rows.unwrap_or(ROWS).div_ceil(ROWS_OF_THE_ORIGINAL);
    let folder = shell::target_dir().join("bench/retail");
    let files = repeated(&original, copies, &folder)?;
    let data_dir = folder.join("data");
    shell::fresh_dir(&data_dir)?;
    headline(options, &format!("examples/retail, 305 daily files {copies} times, one run, the page cache warm"));

    let start = retail::start(&data_dir, Some(&files)).workers(options.workers);
    let mut node = start.clone().until_idle().spawn(&binary)?;
    let took = usage::until_end(&mut node, LIMIT)?;
    let rows: f64 = retail::value(&binary, &data_dir, "SELECT count(*) FROM sales")?.parse()?;
    let wanted = (copies * ROWS_OF_THE_ORIGINAL) as f64;
    if rows != wanted {
        bail!("sales has {rows} rows, should have {wanted}: the figures would mean nothing");
    }
    figure("retail_rows", rows, "rows");
    figure("retail_wall", took.wall_s, "s");
    figure("retail_speed", rows / took.wall_s, "rows/s");
    figure("retail_speed_per_cpu", rows / took.cpu_s, "rows/CPU-s");
    figure("retail_rss_peak", took.rss_peak_mib, "MiB");
    figure("retail_data_dir", mib_below(&data_dir)?, "MiB");

    let mut node = start.spawn(&binary)?;
    let ready = node.wait_ready(LIMIT)?;
    figure("retail_restart_ready", ready.as_secs_f64() * 1000.0, "ms");
    std::thread::sleep(REST);
    let before = usage::now(&node);
    std::thread::sleep(REST);
    let after = usage::now(&node);
    figure("retail_rss_at_rest", after.rss_mib, "MiB");
    figure("retail_cpu_at_rest", (after.cpu_s - before.cpu_s) / REST.as_secs_f64() * 100.0, "%");
    drop(node);

    let empty = folder.join("empty");
    shell::fresh_dir(&empty)?;
    let mut node = retail::start(&empty.join("data"), Some(&files)).workers(options.workers).spawn(&binary)?;
    figure("retail_first_ready", node.wait_ready(LIMIT)?.as_secs_f64() * 1000.0, "ms");
    Ok(())
}

/// Writes the daily files `copies` times, each copy moved into the past by a whole span, so that
/// names sort in the order of event time. The last copy keeps its dates.
fn repeated(original: &Path, copies: u64, folder: &Path) -> Result<PathBuf> {
    let made = folder.join(format!("files-{copies}"));
    let complete = made.join("complete");
    if complete.exists() {
        return Ok(made);
    }
    shell::fresh_dir(&made)?;
    for entry in std::fs::read_dir(original)? {
        let path = entry?.path();
        let Some(day) = path.file_stem().and_then(|s| s.to_str()).and_then(calendar::days) else { continue };
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let old = format!(",{} ", calendar::date(day));
        for copy in 0..copies as i64 {
            let date = calendar::date(day - copy * DAYS_OF_THE_ORIGINAL);
            let mut file = std::fs::File::create(made.join(format!("{date}.csv")))?;
            file.write_all(text.replace(&old, &format!(",{date} ")).as_bytes())?;
        }
    }
    std::fs::write(&complete, "")?;
    Ok(made)
}

fn mib_below(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}
