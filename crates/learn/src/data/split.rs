//! Which rows learn and which judge.

use headwater_base::random::Random;

use super::Target;
use crate::{Error, Result};

/// Earlier rows to learn from, later ones to judge by. Rows of one time are on one side: the first part ends before
/// the time that the row at `share` of all has, so it may be smaller than the share.
pub fn by_time(times: &[i64], share: f64) -> Result<(Vec<usize>, Vec<usize>)> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::option("share", share, "it lies between 0 and 1"));
    }
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let cut = sorted.get((times.len() as f64 * share) as usize).copied().unwrap_or(i64::MAX);
    let (earlier, later): (Vec<usize>, Vec<usize>) = (0..times.len()).partition(|row| times[*row] < cut);
    if earlier.is_empty() || later.is_empty() {
        let hint = "take another share, or more rows";
        return Err(Error::rows("split by time", "one side has no rows", hint));
    }
    Ok((earlier, later))
}

/// The rows of each of `count` parts, by chance; each class is spread evenly over them.
pub fn folds(target: &Target, count: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    if count < 2 || count > target.len() {
        let problem = format!("there are {} rows, and two folds at least", target.len());
        return Err(Error::option("folds", count, problem));
    }
    let class = |row: usize| match target {
        Target::Number(_) => 0,
        Target::Binary(positives) => u32::from(positives[row]),
        Target::Classes { codes, .. } => codes[row],
    };
    let mut rows: Vec<usize> = (0..target.len()).collect();
    shuffle(&mut rows, &mut Random::new(seed));
    rows.sort_by_key(|row| class(*row));
    let mut folds = vec![Vec::with_capacity(rows.len() / count + 1); count];
    for (place, row) in rows.into_iter().enumerate() {
        folds[place % count].push(row);
    }
    for fold in &mut folds {
        fold.sort_unstable();
    }
    Ok(folds)
}

/// All rows but those of one fold.
pub fn rest(rows: usize, fold: &[usize]) -> Vec<usize> {
    let mut left_out = vec![false; rows];
    for row in fold {
        left_out[*row] = true;
    }
    (0..rows).filter(|row| !left_out[*row]).collect()
}

/// Fisher and Yates.
pub(crate) fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last as u64 + 1) as usize);
    }
}
