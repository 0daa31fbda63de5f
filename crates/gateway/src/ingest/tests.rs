//! Records checked against their stream, and rows encoded for it.

use super::*;

#[test]
fn what_to_do_with_broken_rows_is_one_of_three() {
    let cases = [("refuse", OnError::Refuse), ("skip", OnError::Skip), ("quarantine", OnError::Quarantine)];
    for (name, expected) in cases {
        assert_eq!(name.parse(), Ok(expected));
    }
    assert_eq!("drop".parse::<OnError>(), Err("on_error is refuse, skip or quarantine, not 'drop'".to_owned()));
}
