//! Users with tastes: what they like is foreseen better than by what all like.

use super::*;
use crate::metrics::ranking;

const USERS: u64 = 300;
const ITEMS: u64 = 60;
const TASTES: u64 = 4;

/// A user and an item.
type Pairs = Vec<(String, String)>;

/// What users did, and one more thing each that is kept back. Each has a taste; an item is liked by those of its own,
/// and some items by more people.
fn made() -> (Pairs, Pairs) {
    let mut random = Random::new(3);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for user in 0..USERS {
        let mut own = Vec::new();
        while own.len() < 8 {
            let item = random.below(ITEMS).min(random.below(ITEMS));
            let fits = item % TASTES == user % TASTES || random.chance(1, 12);
            if fits && !own.contains(&item) {
                own.push(item);
            }
        }
        let pair = |item: &u64| (format!("u{user}"), format!("i{item:02}"));
        test.push(pair(&own[7]));
        train.extend(own[..7].iter().map(pair));
    }
    (train, test)
}

fn trained(options: &Options) -> Factorization {
    let (train, _) = made();
    let users: Vec<&str> = train.iter().map(|(user, _)| user.as_str()).collect();
    let items: Vec<&str> = train.iter().map(|(_, item)| item.as_str()).collect();
    Factorization::train(&users, &items, &vec![1.0; users.len()], options).unwrap()
}

#[test]
fn tastes_beat_popularity() {
    let (train, test) = made();
    let model = trained(&Options { factors: 8, ..Options::default() });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, item) in &train {
        *counts.entry(item).or_default() += 1;
    }
    let mut popular: Vec<&str> = counts.keys().copied().collect();
    popular.sort_by_key(|item| std::cmp::Reverse(counts[item]));
    let code = |item: &str| item[1..].parse::<u32>().unwrap();
    let (mut ours, mut theirs) = (0.0, 0.0);
    for (user, item) in &test {
        let found: Vec<u32> = model.recommend(user, 10, true).iter().map(|(item, _)| code(item)).collect();
        let seen = |item: &str| train.iter().any(|(u, i)| u == user && i == item);
        let others: Vec<u32> = popular.iter().filter(|item| !seen(item)).map(|item| code(item)).collect();
        assert!(found.iter().all(|item| !seen(&format!("i{item:02}"))));
        ours += ranking::recall(&found, &[code(item)], 10) / test.len() as f64;
        theirs += ranking::recall(&others, &[code(item)], 10) / test.len() as f64;
    }
    assert!(ours > theirs + 0.2, "recall at 10 is {ours}, of popular items {theirs}");
    let near = model.similar("i00", 5);
    assert!(near.iter().all(|(item, _)| u64::from(code(item)) % TASTES == 0), "{near:?}");
}

#[test]
fn threads_change_nothing_and_strangers_get_nothing() {
    let one = trained(&Options { iterations: 3, ..Options::default() });
    assert_eq!(one, trained(&Options { iterations: 3, threads: 3, ..Options::default() }));
    assert!(one.recommend("nobody", 5, false).is_empty() && one.similar("nothing", 5).is_empty());
    assert!(one.check().is_ok() && one.score("u1", "i01").is_some());
    assert!(Factorization::train(&["a"], &["b"], &[-1.0], &Options::default()).is_err());
    assert!(Factorization::train(&[], &[], &[], &Options::default()).is_err());
}
