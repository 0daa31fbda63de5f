//! Against values with 40 digits (mpmath) and, in the far tails of t, scipy's.

use super::*;

fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= 1e-12 * wanted.abs(), "{what}: found {found:e}, wanted {wanted:e}");
}

#[test]
fn quantiles_of_the_normal_distribution() {
    let known = [
        (1e-200, 30.20559417957964),
        (1e-10, 6.361340902404057),
        (0.001, 3.0902323061678136),
        (0.025, 1.9599639845400543),
        (0.3, 0.5244005127080408),
        (0.5, 0.0),
        (0.975, -1.9599639845400543),
    ];
    for (tail, z) in known {
        close(normal_quantile(tail), z, "quantile");
        close(normal_tail(z), tail, "tail");
    }
}

#[test]
fn tails_of_student() {
    let known = [
        (1.0, 0.1, 0.4682744825694464),
        (1.0, 2.0, 0.14758361765043326),
        (1.0, 20.0, 0.015902251256176374),
        (2.5, 0.1, 0.4639032720312448),
        (2.5, 2.0, 0.078695747878983),
        (2.5, 20.0, 0.00039969412225121693),
        (30.7, 0.1, 0.4604972549220928),
        (30.7, 5.0, 1.099978473055511e-05),
        (30.7, 20.0, 1.8274197157237195e-19),
        (1000.0, 0.1, 0.46018218451180204),
        (1000.0, 2.0, 0.02288517324662582),
        (1000.0, 20.0, 2.0311442497623856e-75),
        (1e5, 0.1, 0.4601722629533631),
        (1e5, 2.0, 0.022751481728753232),
        (1e5, 5.0, 2.8713508393208365e-07),
        (1e5, 20.0, 4.1117469553271126e-89),
        (1e6, 0.1, 0.46017217274602157),
        (1e6, 2.0, 0.022750266925659603),
        (1e6, 20.0, 2.866543523695134e-89),
        (1e8, 2.0, 0.022750133297953376),
        (1e8, 5.0, 2.866520550633643e-07),
    ];
    for (degrees, t, tail) in known {
        let found = student_tail(t, degrees);
        assert!((found - tail).abs() <= 1e-11 * tail, "{degrees} {t}: found {found:e}, wanted {tail:e}");
        close(student_tail(-t, degrees), 1.0 - tail, "lower tail");
        let again = student_quantile(tail, degrees);
        assert!((again - t).abs() <= 1e-10 * t, "{degrees} {t}: {again}");
    }
    close(student_quantile(0.5, 7.0) + 1.0, 1.0, "median");
}

#[test]
fn tails_of_chi_square() {
    let known = [
        (1.0, 0.01, 0.920344325445942),
        (1.0, 1.0, 0.3173105078629141),
        (1.0, 10.0, 0.0015654022580025497),
        (1.0, 300.0, 3.294362383314041e-67),
        (2.0, 50.0, 1.3887943864964021e-11),
        (5.0, 0.01, 0.9999994699729957),
        (5.0, 10.0, 0.07523524614651218),
        (5.0, 50.0, 1.3857973367009593e-09),
        (40.0, 10.0, 0.999999654786418),
        (40.0, 50.0, 0.1335748340856504),
        (40.0, 300.0, 1.4955969722726266e-41),
    ];
    for (degrees, x, tail) in known {
        close(chi_square_tail(x, degrees), tail, "chi-square");
    }
    assert_eq!(chi_square_tail(0.0, 3.0), 1.0);
}
