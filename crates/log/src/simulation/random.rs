//! Choices of a simulated caller.

use headwater_base::random::Random;

/// One of the values, if there is any.
pub(super) fn pick<'a, T>(random: &mut Random, values: &'a [T]) -> Option<&'a T> {
    if values.is_empty() {
        return None;
    }
    values.get(random.below(values.len() as u64) as usize)
}

/// A record's content: its name and some bytes that follow from it, few or many.
pub(super) fn content(random: &mut Random, name: u64) -> Vec<u8> {
    let length = match random.below(20) {
        0 => random.below(9_000),
        _ => random.below(300),
    };
    let mut bytes = name.to_be_bytes().to_vec();
    bytes.extend((0..length).map(|index| (name.wrapping_mul(31).wrapping_add(index)) as u8));
    bytes
}

/// The name in a record's content, if the content is what it was.
pub(super) fn name_of(bytes: &[u8]) -> Option<u64> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let name = u64::from_be_bytes(*head);
    let is_whole =
        rest.iter().zip(0u64..).all(|(byte, index)| *byte == name.wrapping_mul(31).wrapping_add(index) as u8);
    is_whole.then_some(name)
}
