//! The rows that are served and learnt from, the same for all.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::random::Random;

pub const TRAINING: u64 = 20_000;

/// In `[0, 1)`, with few digits, as clients send numbers.
pub fn unit(random: &mut Random) -> f64 {
    random.below(1_000_000) as f64 / 1e6
}

pub fn write(folder: &Path, asked: u64) -> Result<()> {
    let mut random = Random::new(1);
    let mut text = String::new();
    for user in 0..super::USERS {
        write!(text, "{{\"user_id\":{user},")?;
        for at in 0..8 {
            write!(text, "\"f{at}\":{},", unit(&mut random))?;
        }
        writeln!(text, "\"cnt\":{},\"at\":\"2026-11-01T00:00:00Z\"}}", random.below(100))?;
    }
    std::fs::write(folder.join("users.ndjson"), &text)?;
    text.clear();
    for _ in 0..TRAINING {
        let x: [f64; 10] = std::array::from_fn(|_| unit(&mut random));
        let noise = (unit(&mut random) - 0.5) / 3.0;
        row(&mut text, &x)?;
        writeln!(text, "\"label\":{}}}", x[0] + x[1] * x[2] + noise > 0.8)?;
    }
    std::fs::write(folder.join("training.ndjson"), &text)?;
    text.clear();
    for id in 0..asked {
        row(&mut text, &std::array::from_fn(|_| unit(&mut random)))?;
        writeln!(text, "\"id\":{id}}}")?;
    }
    Ok(std::fs::write(folder.join("asked.ndjson"), &text)?)
}

fn row(text: &mut String, x: &[f64; 10]) -> Result<()> {
    text.push('{');
    for (at, value) in x.iter().enumerate() {
        write!(text, "\"x{at}\":{value},")?;
    }
    Ok(())
}
