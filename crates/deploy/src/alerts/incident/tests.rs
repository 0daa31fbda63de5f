//! The same rows give the same incidents, however they come.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const MINUTE: i64 = 60_000_000;
const RULE: Rule =
    Rule { hold_us: 0, resolve_after_us: 5 * MINUTE, cool_down_us: 0, max_age_us: None, send_resolved: true };

fn row(group: u8, minute: i64) -> Row {
    let labels = format!("{{\"group\":\"{group}\"}}");
    Row { labels, time_us: minute * MINUTE, content: json!({"group": group, "minute": minute}) }
}

fn told(row: &Value, labels: &str) -> String {
    format!("{} in {labels}", row["minute"])
}

fn meaning(rule: &Rule, now_us: i64) -> Meaning<'_> {
    Meaning { rule, message: &told, now_us }
}

/// As people would tell it.
fn shown(outcome: &Outcome) -> Vec<String> {
    let show = |event: &Event| {
        let Incident { number, began_us, last_us, rows, .. } = &event.incident;
        let why = event.suppressed.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{:?} {number}: {} to {}, {rows} rows{why}", event.kind, began_us / MINUTE, last_us / MINUTE)
    };
    outcome.events.iter().map(show).collect()
}

fn take(incidents: &mut Incidents, rule: &Rule, rows: Vec<Row>, watermark: Option<i64>) -> Vec<String> {
    let watermark_us = Some(watermark.map_or(i64::MIN, |minute| minute * MINUTE));
    shown(&incidents.take(Rows::New(rows), watermark_us, &meaning(rule, 0)))
}

#[test]
fn an_incident_ends_when_the_watermark_has_passed_its_last_row() {
    let mut all = Incidents::default();
    assert_eq!(take(&mut all, &RULE, vec![row(1, 10)], Some(9)), ["Firing 0: 10 to 10, 1 rows"]);
    assert!(take(&mut all, &RULE, vec![row(1, 15)], Some(14)).is_empty(), "five minutes apart is one incident");
    assert!(take(&mut all, &RULE, Vec::new(), Some(20)).is_empty(), "a row may still come at minute 20");
    assert_eq!(take(&mut all, &RULE, Vec::new(), Some(21)), ["Resolved 0: 10 to 15, 2 rows"]);
    assert!(take(&mut all, &RULE, Vec::new(), Some(90)).is_empty(), "it is told once");
}

#[test]
fn one_tick_that_covers_hours_finds_every_incident_in_order() {
    let rows = vec![row(1, 100), row(2, 3), row(1, 0), row(1, 4)];
    let all = &mut Incidents::default();
    let expect = [
        "Firing 1: 0 to 4, 2 rows",
        "Firing 2: 3 to 3, 1 rows",
        "Resolved 2: 3 to 3, 1 rows",
        "Resolved 1: 0 to 4, 2 rows",
        "Firing 3: 100 to 100, 1 rows",
    ];
    let told = take(all, &RULE, rows, Some(104));
    let without_numbers = |line: &str| line.split_once(' ').map(|(kind, rest)| (kind.to_owned(), rest[2..].to_owned()));
    let (told, expect): (Vec<_>, Vec<_>) = (
        told.iter().map(|line| without_numbers(line)).collect(),
        expect.iter().map(|line| without_numbers(line)).collect(),
    );
    assert_eq!(told, expect);
}

#[test]
fn a_row_between_joins_incidents_and_a_late_one_begins_none() {
    let mut all = Incidents::default();
    take(&mut all, &RULE, vec![row(1, 0), row(1, 8)], None);
    assert_eq!(all.iter().count(), 2);
    assert!(take(&mut all, &RULE, vec![row(1, 4)], None).is_empty());
    assert_eq!(all.iter().count(), 1);
    assert_eq!(take(&mut all, &RULE, Vec::new(), Some(30)), ["Resolved 0: 0 to 8, 3 rows"]);
    assert!(take(&mut all, &RULE, vec![row(1, 10)], Some(31)).is_empty());
    let only = all.iter().next().unwrap();
    assert_eq!((only.last_us / MINUTE, only.rows, only.state), (10, 4, State::Resolved));
}

#[test]
fn what_is_short_old_or_soon_after_is_not_told() {
    let rule = Rule { hold_us: 2 * MINUTE, cool_down_us: 60 * MINUTE, max_age_us: Some(500 * MINUTE), ..RULE };
    let now = meaning(&rule, 1000 * MINUTE);
    let mut all = Incidents::default();
    let mut step = |rows: &[i64], watermark: i64| {
        let rows = rows.iter().map(|minute| row(1, *minute)).collect();
        shown(&all.take(Rows::New(rows), Some(watermark * MINUTE), &now))
    };
    assert!(step(&[100], 101).is_empty(), "not for long enough yet");
    assert_eq!(step(&[102], 102), ["Firing 0: 100 to 102, 2 rows (it is older than max_age)"]);
    assert!(step(&[], 200).is_empty(), "nobody knows that it began");
    assert!(step(&[600], 700).is_empty(), "over before it was told");
    assert_eq!(step(&[900, 902], 950), ["Firing 2: 900 to 902, 2 rows", "Resolved 2: 900 to 902, 2 rows"]);
    let why = "(cool_down: incident 2 was told before it)";
    assert_eq!(step(&[955, 957], 990), [format!("Firing 3: 955 to 957, 2 rows {why}")]);
    assert_eq!(step(&[991, 993], 994), ["Firing 4: 991 to 993, 2 rows"]);
}

#[test]
fn an_old_incident_that_goes_on_until_now_is_told() {
    let rule = Rule { max_age_us: Some(60 * MINUTE), ..RULE };
    let now = meaning(&rule, 100 * MINUTE);
    let mut all = Incidents::default();
    let mut step = |minute| shown(&all.take(Rows::New(vec![row(1, minute)]), Some(minute * MINUTE), &now));
    assert_eq!(step(30), ["Firing 0: 30 to 30, 1 rows (it is older than max_age)"]);
    assert!(step(35).is_empty());
    assert_eq!(step(40), ["Firing 0: 30 to 40, 3 rows"]);
    assert!(step(45).is_empty());
}

#[test]
fn rows_without_times_last_while_they_are_there() {
    let rule = Rule { hold_us: 10, resolve_after_us: 5, ..RULE };
    let mut all = Incidents::default();
    let mut look = |rows: &[Row], now_us| {
        let outcome = all.look(rows, &meaning(&rule, now_us));
        outcome.events.iter().map(|event| (event.kind, event.incident.last_us)).collect::<Vec<_>>()
    };
    assert!(look(&[row(1, 0)], 100).is_empty());
    assert!(look(&[row(1, 0)], 109).is_empty());
    assert_eq!(look(&[row(1, 0), row(1, 1)], 110), [(Kind::Firing, 110)]);
    assert!(look(&[], 120).is_empty());
    assert!(look(&[row(1, 0)], 124).is_empty(), "it is back");
    assert!(look(&[], 130).is_empty());
    assert_eq!(look(&[], 135), [(Kind::Resolved, 130)]);
    assert!(look(&[], 200).is_empty());
}

#[test]
fn rows_that_are_seen_once_more_are_the_same_incident() {
    let mut all = Incidents::default();
    let rows = || Rows::All(vec![row(1, 0), row(1, 3), row(1, 90)]);
    let first = all.take(rows(), Some(50 * MINUTE), &meaning(&RULE, 0));
    assert_eq!(first.events.len(), 3);
    let again = all.take(rows(), Some(50 * MINUTE), &meaning(&RULE, 0));
    assert_eq!(again, Outcome::default());
    let kept: Vec<Incident> = all.iter().cloned().collect();
    let mut restored = Incidents::restore(kept, all.next());
    assert_eq!(restored.take(rows(), Some(50 * MINUTE), &meaning(&RULE, 0)), Outcome::default());
}

/// Everything that must not depend on how rows came, sorted.
fn essence(all: &Incidents) -> Vec<(String, i64, i64, u64, State, Told)> {
    let of = |one: &Incident| (one.labels.clone(), one.began_us, one.last_us, one.rows, one.state, one.told);
    let mut all: Vec<_> = all.iter().map(of).collect();
    all.sort_by_key(|one| (one.0.clone(), one.1));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Rows up to `disorder` behind the newest, cut into ticks at random, with a restart from what was kept at some of
    /// them, against all of them at once.
    #[test]
    fn any_cut_into_ticks_gives_the_same_incidents(
        steps in proptest::collection::vec((0u8..3, 0i64..12, 0i64..3), 1..80),
        cuts in proptest::collection::vec((any::<bool>(), any::<bool>()), 80),
        hold in 0i64..4,
        cool_down in prop_oneof![Just(0i64), Just(30)],
        max_age in prop_oneof![Just(None), (50i64..300).prop_map(Some)],
    ) {
        let rule = Rule {
            hold_us: hold * MINUTE,
            cool_down_us: cool_down * MINUTE,
            max_age_us: max_age.map(|age| age * MINUTE),
            ..RULE
        };
        let (mut newest, mut rows) = (0, Vec::new());
        for (group, ahead, behind) in steps {
            newest += ahead;
            // Where one that was told keeps the next from being told, it matters whether that began a moment sooner.
            let behind = if cool_down > 0 { 0 } else { behind };
            rows.push((row(group, newest - behind), newest - 3));
        }
        let end = Some((newest - 3) * MINUTE);
        let now = meaning(&rule, 400 * MINUTE);
        let mut whole = Incidents::default();
        whole.take(Rows::New(rows.iter().map(|(row, _)| row.clone()).collect()), end, &now);
        let mut pieces = Incidents::default();
        let mut kept: std::collections::BTreeMap<u64, Incident> = Default::default();
        let mut tick = Vec::new();
        for ((row, watermark), (cut, restart)) in rows.into_iter().zip(cuts) {
            tick.push(row);
            if !cut {
                continue;
            }
            let outcome = pieces.take(Rows::New(std::mem::take(&mut tick)), Some(watermark * MINUTE), &now);
            outcome.removed.iter().for_each(|number| drop(kept.remove(number)));
            kept.extend(outcome.changed.into_iter().map(|incident| (incident.number, incident)));
            if restart {
                pieces = Incidents::restore(kept.values().cloned(), pieces.next());
            }
        }
        pieces.take(Rows::New(tick), end, &now);
        prop_assert_eq!(essence(&pieces), essence(&whole));
    }
}
