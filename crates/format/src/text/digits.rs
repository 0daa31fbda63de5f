//! Runs of digits, eight bytes at a time and without a branch for each: how long a run is can't be predicted.

/// Ten to the power of the index.
pub(crate) const POWERS: [u64; 19] = {
    let mut powers = [1u64; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// More digits than this are not read here.
pub(crate) const DIGITS_MAX: usize = 18;

/// The digits that begin at a position: their value and their number. Past [`DIGITS_MAX`] the number is still right,
/// and the value is none.
#[inline]
pub(crate) fn run(bytes: &[u8], at: usize) -> (u64, usize) {
    let (value, count) = up_to_eight(bytes, at);
    if count < 8 { (value, count) } else { long_run(bytes, at, value) }
}

fn long_run(bytes: &[u8], at: usize, first: u64) -> (u64, usize) {
    let (second, count) = up_to_eight(bytes, at + 8);
    let mut value = first * POWERS[count] + second;
    let mut end = at + 8 + count;
    if count == 8 {
        while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            end += 1;
        }
    }
    (value, end - at)
}

#[inline]
fn up_to_eight(bytes: &[u8], at: usize) -> (u64, usize) {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(chunk) => of_word(u64::from_le_bytes(*chunk)),
        None => of_rest(bytes.get(at..).unwrap_or_default()),
    }
}

/// At the end of a record.
fn of_rest(rest: &[u8]) -> (u64, usize) {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (rest[..count].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), count)
}

/// Source of the multiplications: Johnny Lee, "Fast numeric string to int", as simdjson has them.
#[inline]
fn of_word(word: u64) -> (u64, usize) {
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte above nine gets its high bit; a carry could only come from a byte that has it already.
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // The digits move to the end of the word, with zeros before them.
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    const EVEN: u64 = 0x0000_00FF_0000_00FF;
    let high = (pairs & EVEN).wrapping_mul(0x000F_4240_0000_0064);
    let low = ((pairs >> 16) & EVEN).wrapping_mul(0x0000_2710_0000_0001);
    (high.wrapping_add(low) >> 32, count)
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn runs_of_every_length_before_anything() {
        let digits = "123456789012345678901234";
        for length in 0..=24 {
            for after in ["", ",", "/", ":", "\u{ff}", "e5", "          "] {
                for before in ["", "x"] {
                    let text = format!("{before}{}{after}", &digits[..length]);
                    let (value, count) = run(text.as_bytes(), before.len());
                    assert_eq!(count, length, "{text}");
                    if length <= 18 {
                        assert_eq!(value, digits[..length].parse().unwrap_or(0), "{text}");
                    }
                }
            }
        }
    }
}
