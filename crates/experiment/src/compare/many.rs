//! P values of many comparisons, each raised so that it can be held against alpha as if it were alone.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Correction {
    None,
    /// The chance that any of them is wrong stays below alpha (S. Holm, Scandinavian Journal of Statistics 6, 1979).
    #[default]
    Holm,
    /// Of those that are called different, a share of alpha is wrong (Benjamini and Hochberg, JRSS B 57, 1995).
    BenjaminiHochberg,
}

impl Correction {
    /// In the order of the values.
    pub fn adjusted(self, p_values: &[f64]) -> Vec<f64> {
        let count = p_values.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|left, right| p_values[*left].total_cmp(&p_values[*right]));
        let mut adjusted = p_values.to_vec();
        match self {
            Correction::None => {}
            Correction::Holm => {
                let mut least = 0.0_f64;
                for (rank, place) in order.into_iter().enumerate() {
                    least = least.max(p_values[place] * (count - rank) as f64).min(1.0);
                    adjusted[place] = least;
                }
            }
            Correction::BenjaminiHochberg => {
                let mut most = 1.0_f64;
                for (rank, place) in order.into_iter().enumerate().rev() {
                    most = most.min(p_values[place] * count as f64 / (rank + 1) as f64);
                    adjusted[place] = most;
                }
            }
        }
        adjusted
    }
}
