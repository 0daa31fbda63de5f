//! Typed getters, hints and durations.

use std::time::Duration;

use crate::ast::Origin;
use crate::{Options, SourceText, Statement, duration_text, parse, parse_duration};

fn files(options: &str) -> Options {
    let source = SourceText::new("a.sql", format!("CREATE SOURCE s FROM FILES ({options})"));
    match parse(&source).unwrap().remove(0).statement {
        Statement::CreateSource(create) => match create.from {
            Origin::Files(options) => options,
            Origin::Generator(_) => panic!("not files"),
        },
        _ => panic!("not a source"),
    }
}

#[test]
fn options_are_taken_by_type() {
    let mut options = files("a 'x', b -5, c true, d '1 hour 30 minutes', e (f = 1, \"G\" 'y'), h 2.5");
    assert_eq!(options.take_text("a").unwrap().as_deref(), Some("x"));
    assert_eq!(options.take_integer("b").unwrap(), Some(-5));
    assert_eq!(options.take_boolean("c").unwrap(), Some(true));
    assert_eq!(options.take_duration("d").unwrap(), Some(Duration::from_secs(5400)));
    let nested = options.take_list("e").unwrap().unwrap().into_entries();
    assert_eq!(nested.iter().map(|entry| entry.name.value.as_str()).collect::<Vec<_>>(), ["f", "G"]);
    assert_eq!(options.take_number("h").unwrap(), Some(2.5));
    assert_eq!(options.take_text("absent").unwrap(), None);
    options.finish().unwrap();
}

#[test]
fn wrong_types_and_unread_options_are_refused() {
    let mut options = files("path 5, folow true, zzz 1");
    let wrong = options.take_text("path").unwrap_err();
    assert_eq!(wrong.message, "option path must be a text in single quotes, not the number 5");
    assert_eq!(wrong.source.slice(wrong.span), "5");
    options.take_boolean("follow").unwrap();
    let wrong = options.finish().unwrap_err();
    assert_eq!(wrong.0[0].message, "unknown option folow");
    assert_eq!(wrong.0[0].hint.as_deref(), Some("did you mean follow?"));
    assert_eq!(wrong.0[1].hint.as_deref(), Some("the options here are path, follow"));
}

#[test]
fn durations() {
    let us = |text: &str| parse_duration(text).map(|duration| duration.as_micros());
    assert_eq!(us("5 seconds"), Ok(5_000_000));
    assert_eq!(us(" 500ms "), Ok(500_000));
    assert_eq!(us("1 day 2 Hours 3 min"), Ok(93_780_000_000));
    assert_eq!(us("2 years"), Ok(2 * 365 * 86_400_000_000));
    assert_eq!(us("0 s"), Ok(0));
    for text in ["2 days", "1 hour", "90 minutes", "1 second", "1500000 microseconds", "0 microseconds"] {
        assert_eq!(parse_duration(text).map(duration_text), Ok(text.to_owned()));
    }
    for wrong in
        ["", "5", "days", "1.5 days", "-1 day", "1 month", "1 fortnight", "300000 years", "99999999999999999999 s"]
    {
        assert!(us(wrong).is_err(), "{wrong}");
    }
}
