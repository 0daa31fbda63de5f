//! How good lists of recommendations are.

/// Discounted gain of the first `k` places by that of the best order; 0 where nothing is relevant. Gains are those of
/// the items in the order that was recommended, `best` those of all items that could have been.
pub fn ndcg(gains: &[f64], best: &[f64], k: usize) -> f64 {
    let sum = |gains: &[f64]| {
        let places = gains.iter().take(k).enumerate();
        places.map(|(place, gain)| gain / (place as f64 + 2.0).log2()).sum::<f64>()
    };
    let mut sorted = best.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let ideal = sum(&sorted);
    if ideal > 0.0 { sum(gains) / ideal } else { 0.0 }
}

/// The share of what is relevant that the first `k` places hold; 0 where nothing is relevant.
pub fn recall(recommended: &[u32], relevant: &[u32], k: usize) -> f64 {
    if relevant.is_empty() {
        return 0.0;
    }
    let found = recommended.iter().take(k).filter(|item| relevant.contains(item)).count();
    found as f64 / relevant.len() as f64
}
