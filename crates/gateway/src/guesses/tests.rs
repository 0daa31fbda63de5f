//! Time stands still but where a test moves it.

use std::net::Ipv4Addr;

use headwater_base::clock::ManualClock;

use super::*;

fn at(last: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + last))
}

fn guesses() -> (Arc<ManualClock>, Guesses) {
    let clock = ManualClock::at(0);
    (Arc::clone(&clock), Guesses::new(clock))
}

fn waits(guesses: &Guesses, name: &str, from: IpAddr, count: usize) -> Vec<u128> {
    (0..count).map(|_| guesses.begin(name, from).map_or(u128::MAX, |wait| wait.as_millis())).collect()
}

#[test]
fn wrong_passwords_are_answered_later_and_later_and_then_not_at_all() {
    let (clock, guesses) = guesses();
    // All come at once, so that each waits for those before.
    assert_eq!(waits(&guesses, "ann", at(1), 12), [0, 0, 0, 0, 0, 250, 750, 1750, 3750, 7750, u128::MAX, u128::MAX]);
    assert!(!guesses.is_free("ann", at(1)));
    assert_eq!(guesses.begin("ann", at(1)), Err(TooMany { after: Duration::from_millis(15_750) }));
    clock.advance(Duration::from_millis(7750));
    // One after the other.
    for _ in 0..20 {
        let wait = guesses.begin("ann", at(1)).unwrap();
        assert_eq!(wait, Duration::from_secs(8));
        clock.advance(wait);
    }
}

#[test]
fn what_was_wrong_is_forgotten() {
    let (clock, guesses) = guesses();
    waits(&guesses, "ann", at(1), 10);
    clock.advance(LEAK * 5);
    assert!(!guesses.is_free("ann", at(1)));
    clock.advance(LEAK);
    assert!(guesses.is_free("ann", at(1)));
    assert_eq!(waits(&guesses, "ann", at(1), 3), [0, 250, 750]);
    clock.advance(LEAK * 100);
    assert_eq!(waits(&guesses, "ann", at(1), 6), [0, 0, 0, 0, 0, 250]);
}

#[test]
fn the_right_password_ends_it() {
    let (_, guesses) = guesses();
    waits(&guesses, "ann", at(1), 8);
    guesses.proved("ann", at(1));
    assert!(guesses.is_free("ann", at(1)));
    assert_eq!(waits(&guesses, "ann", at(1), 6), [0, 0, 0, 0, 0, 250]);
}

#[test]
fn who_is_known_at_an_address_does_not_wait_for_guesses_from_others() {
    let (_, guesses) = guesses();
    guesses.begin("ann", at(1)).unwrap();
    guesses.proved("ann", at(1));
    for attacker in 100..1100 {
        waits(&guesses, "ann", at(attacker), 5);
    }
    assert!(guesses.is_free("ann", at(1)));
    assert_eq!(waits(&guesses, "ann", at(1), 2), [0, 0]);
    // A new place waits, and not long.
    assert_eq!(waits(&guesses, "ann", at(2), 5), [2000; 5]);
    assert!(!guesses.is_free("ann", at(2)));
    assert!(guesses.is_free("bob", at(2)));
}

#[test]
fn many_names_from_one_address_wait_too() {
    let (_, guesses) = guesses();
    for name in 0..20 {
        assert_eq!(waits(&guesses, &format!("user{name}"), at(1), 1), [0]);
    }
    assert_eq!(waits(&guesses, "ann", at(1), 2), [100, 200]);
    // The right password of one name does not pay for guesses of others.
    guesses.proved("ann", at(1));
    assert_eq!(waits(&guesses, "bob", at(1), 1), [200]);
    assert_eq!(waits(&guesses, "bob", at(2), 1), [0]);
}

#[test]
fn one_network_of_ipv6_is_one_address() {
    let (_, guesses) = guesses();
    let from = |text: &str| text.parse::<IpAddr>().unwrap();
    waits(&guesses, "ann", from("2001:db8::1"), 6);
    assert_eq!(waits(&guesses, "ann", from("2001:db8::2"), 1), [750]);
    assert_eq!(waits(&guesses, "ann", from("2001:db8:0:1::1"), 1), [0]);
    waits(&guesses, "bob", at(1), 6);
    assert_eq!(waits(&guesses, "bob", from("::ffff:10.0.0.1"), 1), [750]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let (_, guesses) = guesses();
    waits(&guesses, "ann", at(1), 8);
    for number in 0..ENTRIES_MAX + 50 {
        let name = format!("user{number}");
        guesses.begin(&name, at(2)).unwrap();
        guesses.proved(&name, at(3));
        guesses.begin(&name, at(4)).unwrap();
    }
    let state = guesses.state();
    for entries in [state.pairs.len(), state.names.len(), state.addresses.len(), state.known.len()] {
        assert!(entries <= ENTRIES_MAX, "{entries}");
    }
    drop(state);
    // Who guessed most is not pushed out by others.
    assert!(!guesses.is_free("ann", at(1)));
}
