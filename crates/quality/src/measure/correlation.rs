//! Pearson's correlation of each pair of some columns, over rows where both are there.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::Result;
use crate::column::Batch;

#[derive(Debug)]
pub struct Correlations {
    /// Of the first with the second, the first with the third, …, the second with the third, ….
    pairs: Vec<Pair>,
}

/// Moments of two columns together.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    count: f64,
    means: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Correlations {
    pub fn new(columns: usize) -> Correlations {
        Correlations { pairs: vec![Pair::default(); columns * columns.saturating_sub(1) / 2] }
    }

    pub fn update(&mut self, columns: &[usize], batch: &Batch) -> Result<()> {
        let values = columns.iter().map(|column| Ok(cast(&batch.columns[*column].compared, &DataType::Float64)?));
        let values = values.collect::<Result<Vec<ArrayRef>>>()?;
        let mut pairs = self.pairs.iter_mut();
        for (place, one) in values.iter().enumerate() {
            for (other, pair) in values[place + 1..].iter().zip(pairs.by_ref()) {
                pair.merge(&Pair::of(one, other));
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, later: Correlations) {
        self.pairs.iter_mut().zip(&later.pairs).for_each(|(pair, later)| pair.merge(later));
    }

    /// Of each pair in their order; none where one of the columns does not vary.
    pub fn all(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.pairs.iter().map(|pair| {
            let of = pair.products / (pair.squares[0] * pair.squares[1]).sqrt();
            of.is_finite().then(|| of.clamp(-1.0, 1.0))
        })
    }
}

impl Pair {
    fn of(one: &ArrayRef, other: &ArrayRef) -> Pair {
        let (one, other) = (one.as_primitive::<Float64Type>(), other.as_primitive::<Float64Type>());
        let is_there = |row: &usize| one.is_valid(*row) && other.is_valid(*row);
        let both = || (0..one.len()).filter(is_there).map(|row| [one.value(row), other.value(row)]);
        let (count, sums) =
            both().fold((0.0, [0.0; 2]), |(count, sums), [one, other]| (count + 1.0, [sums[0] + one, sums[1] + other]));
        if count == 0.0 {
            return Pair::default();
        }
        let means = sums.map(|sum| sum / count);
        let (mut squares, mut products) = ([0.0; 2], 0.0);
        for [one, other] in both() {
            let (one, other) = (one - means[0], other - means[1]);
            squares[0] += one * one;
            squares[1] += other * other;
            products += one * other;
        }
        Pair { count, means, squares, products }
    }

    fn merge(&mut self, other: &Pair) {
        if other.count == 0.0 {
            return;
        }
        let all = self.count + other.count;
        let weight = self.count * other.count / all;
        let apart = [0, 1].map(|place| other.means[place] - self.means[place]);
        for (place, apart) in apart.into_iter().enumerate() {
            self.squares[place] += other.squares[place] + apart * apart * weight;
            self.means[place] += apart * other.count / all;
        }
        self.products += other.products + apart[0] * apart[1] * weight;
        self.count = all;
    }
}
