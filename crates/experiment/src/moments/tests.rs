//! Sums against whole numbers that are exact, and against themselves in other orders.

use headwater_base::random::Random;

use super::*;

fn of(units: &[Unit]) -> Moments {
    let mut moments = Moments::default();
    units.iter().for_each(|unit| moments.push(*unit).unwrap());
    moments
}

fn shuffle(units: &mut [Unit], random: &mut Random) {
    for place in (1..units.len()).rev() {
        units.swap(place, random.below(place as u64 + 1) as usize);
    }
}

const ALL: [Of; 3] = [Of::Value, Of::Denominator, Of::Covariate];

fn figures(moments: &Moments) -> Vec<f64> {
    let means = ALL.into_iter().map(|of| moments.mean(of));
    let pairs = ALL.into_iter().flat_map(|left| ALL.into_iter().map(move |right| (left, right)));
    means.chain(pairs.map(|(left, right)| moments.covariance(left, right))).collect()
}

/// Values around 10^9 whose spread is about 1, and values over twelve orders of magnitude.
#[test]
fn order_and_parts_make_no_difference() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut units: Vec<Unit> = (0..3000)
            .map(|_| {
                let value = if seed % 2 == 0 { 1e9 + random.unit() } else { 10f64.powf(12.0 * random.unit() - 6.0) };
                Unit::new(value).over(1.0 + random.below(7) as f64).with_covariate(value * random.unit())
            })
            .collect();
        let wanted = figures(&of(&units));
        shuffle(&mut units, &mut random);
        let mut parts: Vec<Moments> = Vec::new();
        let mut rest = &units[..];
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(1 + random.below(500) as usize));
            parts.push(of(part));
            rest = later;
        }
        while parts.len() > 1 {
            let one = parts.swap_remove(random.below(parts.len() as u64) as usize);
            let place = random.below(parts.len() as u64) as usize;
            parts[place].merge(&one);
        }
        for (found, wanted) in figures(&parts[0]).into_iter().zip(wanted) {
            assert!((found - wanted).abs() <= 1e-12 * wanted.abs(), "seed {seed}: {found:e} and {wanted:e}");
        }
    }
}

/// Whole numbers far from zero: their sums are exact in 128 bits.
#[test]
fn variances_far_from_zero_are_right() {
    let mut random = Random::new(5);
    let numbers: Vec<i128> = (0..10_000).map(|_| 1_000_000_000 + i128::from(random.below(10))).collect();
    let units: Vec<Unit> = numbers.iter().map(|number| Unit::new(*number as f64)).collect();
    let count = numbers.len() as i128;
    let (sum, squares): (i128, i128) = (numbers.iter().sum(), numbers.iter().map(|number| number * number).sum());
    let wanted = (count * squares - sum * sum) as f64 / (count * (count - 1)) as f64;
    let found = of(&units).covariance(Of::Value, Of::Value);
    assert!((found - wanted).abs() < 1e-12 * wanted, "{found} {wanted}");
    assert_eq!(of(&units[..1]).mean(Of::Value), numbers[0] as f64);
    assert_eq!(of(&[Unit::new(0.1); 7]).covariance(Of::Value, Of::Value), 0.0);
}

#[test]
fn counts_and_sums_are_the_units() {
    let units: Vec<Unit> = (0..10).map(|unit| Unit::new(f64::from(u8::from(unit < 3)))).collect();
    assert_eq!(Moments::of_counts(3, 10).unwrap(), of(&units));
    assert!(of(&units).is_proportion() && of(&units).is_plain());
    assert!(!of(&[Unit::new(0.5)]).is_proportion() && !of(&[Unit::new(0.0).over(2.0)]).is_plain());
    assert!(Moments::of_counts(4, 3).is_err());
    let units: Vec<Unit> = (0..5).map(|unit| Unit::new(f64::from(unit)).with_covariate(2.0)).collect();
    let sums = Sums::of_values(5, 10.0, 30.0).with_covariates(10.0, 20.0, 20.0);
    assert_eq!(Moments::from_sums(&sums).unwrap(), of(&units));
    assert!(Moments::from_sums(&Sums { covariates: 6, ..sums }).is_err());
}

#[test]
fn what_is_not_finite_is_refused() {
    for wrong in [
        Unit::new(f64::NAN),
        Unit::new(1e150),
        Unit::new(1.0).over(f64::INFINITY),
        Unit::new(1.0).with_covariate(f64::NAN),
    ] {
        let mut moments = Moments::default();
        assert!(moments.push(wrong).is_err());
        assert_eq!(moments, Moments::default());
    }
}

#[test]
fn caps_are_values_of_the_nearest_rank() {
    let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
    assert_eq!(cap(&mut values, 0.99), Some(198.0));
    assert_eq!(cap(&mut values, 1.0), Some(200.0));
    assert_eq!(cap(&mut [], 0.99), None);
    assert_eq!(Unit::new(700.0).capped(198.0).value, 198.0);
}
