//! Gradient boosting over the same rows, by us and by LightGBM: an example of `headwater-learn`, then `bench/learn`.

use std::process::Command;

use anyhow::{Context, Result};

use super::{Options, example_command, headline, ratio};
use crate::{clients, shell};

pub fn run(options: &Options) -> Result<()> {
    let python = clients::python()?;
    headline(options, "example train_speed of headwater-learn; beside LightGBM");
    let ours = Trained::by(&mut example_command("headwater-learn", "train_speed"), "learn")?;
    let script = shell::root().join("bench/learn/lightgbm_speed.py");
    let theirs = Trained::by(Command::new(python).arg(script), "lightgbm")?;
    ratio("learn_train", ours.seconds, theirs.seconds);
    ratio("learn_train_auc", ours.auc, theirs.auc);
    Ok(())
}

struct Trained {
    seconds: f64,
    auc: f64,
}

impl Trained {
    fn by(command: &mut Command, who: &str) -> Result<Trained> {
        let mut told = Vec::new();
        shell::run_watched(command, |line| told.push(line.to_owned()))?;
        let figure = |name: &str| -> Result<f64> {
            let line = told.iter().find_map(|line| line.strip_prefix(&format!("figure {name} ")));
            let value = line.and_then(|line| line.split(' ').next()?.parse().ok());
            value.with_context(|| format!("{who} told no {name}"))
        };
        Ok(Trained { seconds: figure(&format!("{who}_train"))?, auc: figure(&format!("{who}_train_auc"))? })
    }
}
