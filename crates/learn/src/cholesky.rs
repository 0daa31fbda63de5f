//! Symmetric equations. Unknowns that others already determine are left at zero, so that a constant or doubled column
//! is no failure.

/// A pivot this much smaller than its diagonal says that the column is a sum of others.
const ALIASED: f64 = 1e-11;

/// Solves `matrix · x = right`. The matrix is symmetric without negative eigenvalues, row by row, and is overwritten
/// by its factor; the answer is in `right`.
pub fn solve(matrix: &mut [f64], right: &mut [f64]) {
    let size = right.len();
    assert_eq!(matrix.len(), size * size, "the matrix is square");
    let mut dropped = vec![false; size];
    for column in 0..size {
        let (above, rest) = matrix.split_at_mut((column + 1) * size);
        let pivot_row = &mut above[column * size..];
        let diagonal = pivot_row[column];
        let inner: f64 = pivot_row[..column].iter().map(|value| value * value).sum();
        let pivot = diagonal - inner;
        // Written so that a NaN is dropped, too.
        if !(pivot > ALIASED * diagonal && pivot.is_finite()) {
            dropped[column] = true;
            for row in rest.chunks_exact_mut(size) {
                row[column] = 0.0;
            }
            continue;
        }
        let root = pivot.sqrt();
        pivot_row[column] = root;
        for row in rest.chunks_exact_mut(size) {
            let inner: f64 = row[..column].iter().zip(&pivot_row[..column]).map(|(a, b)| a * b).sum();
            row[column] = (row[column] - inner) / root;
        }
    }
    for row in 0..size {
        let inner: f64 = (0..row).map(|column| matrix[row * size + column] * right[column]).sum();
        right[row] = if dropped[row] { 0.0 } else { (right[row] - inner) / matrix[row * size + row] };
    }
    for row in (0..size).rev() {
        let inner: f64 = (row + 1..size).map(|below| matrix[below * size + row] * right[below]).sum();
        right[row] = if dropped[row] { 0.0 } else { (right[row] - inner) / matrix[row * size + row] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_and_doubled_columns_left_out() {
        let mut right = [4.0, 5.0];
        solve(&mut [2.0, 1.0, 1.0, 3.0], &mut right);
        assert!((right[0] - 1.4).abs() < 1e-15 && (right[1] - 1.2).abs() < 1e-15);
        let mut right = [2.0, 2.0, 3.0];
        solve(&mut [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 3.0], &mut right);
        assert_eq!((right[0], right[1]), (2.0, 0.0));
        assert!((right[2] - 1.0).abs() < 1e-15);
    }
}
