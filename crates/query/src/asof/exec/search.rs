//! Binary searches within the rows of a key, many at one time, and rows of many keys in turns.

use std::ops::Range;

/// Rows that are worked on before others have their turn on this thread: milliseconds. As many fit a core's cache.
pub const TURN: usize = 1 << 16;

/// Searches that go on at one time: each of them waits for memory more than it computes, and others need not wait for it.
const SIDE_BY_SIDE: usize = 16;

/// For each of some rows, by the numbers of their keys and a time: where the rows of its key stand, and the first of them
/// that is not before it (else where they end). `starts` says where those of each key begin, and where the last end; what
/// has another number than these finds nothing, which is the range from 0 to 0.
pub fn search(
    starts: &[usize],
    (keys, times_us): (&[usize], &[i64]),
    is_before: impl Fn(usize, i64) -> bool,
    mut each: impl FnMut(Range<usize>, usize),
) {
    for (keys, times_us) in keys.chunks(SIDE_BY_SIDE).zip(times_us.chunks(SIDE_BY_SIDE)) {
        let of = |at: usize| keys.get(at).map_or(0..0, |key| of_key(starts, *key));
        let mut left: [Range<usize>; SIDE_BY_SIDE] = std::array::from_fn(of);
        let mut longest = left.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        while longest > 0 {
            for (left, time_us) in left.iter_mut().zip(times_us) {
                let middle = left.start + (left.end - left.start) / 2;
                let is_before = middle < left.end && is_before(middle, *time_us);
                *left = if is_before { middle + 1..left.end } else { left.start..middle };
            }
            longest /= 2;
        }
        for (at, left) in left.into_iter().enumerate().take(keys.len()) {
            each(of(at), left.start);
        }
    }
}

fn of_key(starts: &[usize], key: usize) -> Range<usize> {
    if key < starts.len() - 1 { starts[key]..starts[key + 1] } else { 0..0 }
}

/// The keys from one on whose rows are one turn: of many keys, or of one that has more.
pub fn turn(starts: &[usize], from: usize) -> Range<usize> {
    let most = starts[from] + TURN;
    from..from + 1 + starts[from + 2..].partition_point(|end| *end <= most)
}
