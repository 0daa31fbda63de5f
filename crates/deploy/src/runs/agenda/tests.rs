//! Tasks and times in, runs out.

use headwater_base::random::Random;
use headwater_sql::{SourceText, Statement, ast};

use super::*;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

fn task(object: &str, schedule: &str, options: &str, after: &[&str]) -> Task {
    let text = format!("CREATE MATERIALIZED VIEW v REFRESH {schedule} WITH ({options}) AS SELECT 1");
    let source = SourceText::new("v.sql", text);
    let parsed = headwater_sql::parse(&source).unwrap().remove(0);
    let Statement::CreateMaterializedView(view) = parsed.statement else { panic!("no view") };
    let settings = view.refresh_settings().unwrap().runs;
    let ast::Refresh::Scheduled(written) = view.refresh else { panic!("no schedule") };
    Task {
        object: object.to_owned(),
        kind: Kind::Refresh,
        schedule: Schedule::resolve(&written, &source).unwrap(),
        settings,
        after: after.iter().map(|name| (*name).to_owned()).collect(),
        fingerprint: "f".to_owned(),
        at_once: false,
        early: false,
    }
}

fn names(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.object.as_str()).collect()
}

fn succeed(agenda: &mut Agenda, runs: &[Run], now_us: i64) {
    for run in runs {
        agenda.ended(run.id, Ok(Outcome::default()), now_us).unwrap();
    }
}

fn fail(agenda: &mut Agenda, run: &Run, now_us: i64) -> Run {
    agenda.ended(run.id, Err(Failure::Failed("no".to_owned())), now_us).unwrap()
}

/// What a node remembers: each run as it was last, in the order in which that was said.
#[derive(Default)]
struct Memory(Vec<Run>);

impl Memory {
    fn note(&mut self, runs: &[Run]) {
        self.0.extend(runs.iter().cloned());
    }
}

#[test]
fn a_run_is_due_at_its_time_and_does_not_overlap_the_next() {
    let mut agenda = Agenda::default();
    agenda.declare(vec![task("a", "EVERY '1 minute'", "", &[])], 5 * SECOND);
    assert_eq!(agenda.next_us(), Some(MINUTE));
    assert!(agenda.begin(MINUTE - 1).is_empty());
    let first = agenda.begin(MINUTE);
    assert_eq!((first[0].due_us, first[0].cause, first[0].state), (MINUTE, Cause::Schedule, State::Running));
    assert!(agenda.begin(2 * MINUTE).is_empty(), "the first still goes on");
    assert!(agenda.begin(4 * MINUTE + 1).is_empty());
    succeed(&mut agenda, &first, 4 * MINUTE + 2);
    let second = agenda.begin(4 * MINUTE + 2);
    assert_eq!(
        second.iter().map(|run| run.due_us).collect::<Vec<_>>(),
        [4 * MINUTE],
        "one for all that came meanwhile"
    );
    succeed(&mut agenda, &second, 4 * MINUTE + 3);
    assert!(agenda.is_idle(4 * MINUTE + 3));
    assert_eq!(agenda.next_us(), Some(5 * MINUTE));
}

#[test]
fn what_reads_waits_for_what_it_reads() {
    let mut agenda = Agenda::default();
    let all = vec![
        task("c", "EVERY '1 minute'", "", &["a", "b"]),
        task("b", "EVERY '1 minute'", "", &["a"]),
        task("a", "EVERY '1 minute'", "", &[]),
    ];
    agenda.declare(all, 0);
    for expected in ["a", "b", "c"] {
        let begun = agenda.begin(MINUTE);
        assert_eq!(names(&begun), [expected]);
        succeed(&mut agenda, &begun, MINUTE);
    }
    assert!(agenda.begin(MINUTE).is_empty());
}

#[test]
fn what_reads_something_that_was_not_made_is_skipped() {
    let mut agenda = Agenda::default();
    let all = vec![
        task("a", "EVERY '1 minute'", "", &[]),
        task("b", "EVERY '1 minute'", "", &["a"]),
        task("c", "EVERY '1 minute'", "", &["a", "b"]),
    ];
    agenda.declare(all, 0);
    let a = agenda.begin(MINUTE);
    assert_eq!(fail(&mut agenda, &a[0], MINUTE + 1).state, State::Failed);
    let skipped = agenda.begin(MINUTE + 1);
    assert_eq!(names(&skipped), ["b", "c"]);
    assert!(skipped.iter().all(|run| run.state == State::Skipped));
    assert_eq!(skipped[0].error.as_deref(), Some("a, which it reads, was not made"));
    let a = agenda.begin(2 * MINUTE);
    succeed(&mut agenda, &a, 2 * MINUTE);
    assert_eq!(names(&agenda.begin(2 * MINUTE)), ["b"], "the next time it is made");
    // Whoever asks decides for himself.
    let asked = Asked { cause: Cause::Manual, range_us: None };
    let mut agenda = Agenda::default();
    agenda.declare(vec![task("a", "MANUAL", "", &[]), task("b", "MANUAL", "", &["a"])], 0);
    agenda.ask("a", asked, 1).unwrap();
    let a = agenda.begin(1);
    fail(&mut agenda, &a[0], 1);
    agenda.ask("b", asked, 2).unwrap();
    assert_eq!(names(&agenda.begin(2)), ["b"]);
    assert_eq!(agenda.ask("x", asked, 2), None);
}

#[test]
fn a_run_that_failed_is_tried_again_each_time_later() {
    let mut agenda = Agenda::default();
    let slow = "retries = 2, retry_delay = '10 seconds'";
    let all = vec![task("a", "EVERY '1 hour'", slow, &[]), task("b", "EVERY '1 hour'", "", &["a"])];
    agenda.declare(all, 0);
    let mut now = 60 * MINUTE;
    for (attempt, delay) in [(1, 10), (2, 20)] {
        let begun = agenda.begin(now);
        assert_eq!((names(&begun), begun[0].attempt, begun[0].due_us), (vec!["a"], attempt, 60 * MINUTE));
        fail(&mut agenda, &begun[0], now);
        assert!(!agenda.is_idle(now));
        assert!(agenda.begin(now + delay * SECOND - 1).is_empty(), "b waits for the next attempt, too");
        now += delay * SECOND;
    }
    let last = agenda.begin(now);
    assert_eq!(last[0].attempt, 3);
    succeed(&mut agenda, &last, now);
    assert_eq!(names(&agenda.begin(now)), ["b"]);
    // A run that is held back is not: what holds it back is looked at again when it is next due.
    let mut agenda = Agenda::default();
    agenda.declare(vec![task("a", "EVERY '1 hour'", slow, &[])], 0);
    let begun = agenda.begin(60 * MINUTE);
    let held = agenda.ended(begun[0].id, Err(Failure::Held("no".to_owned())), 60 * MINUTE).unwrap();
    assert_eq!(held.state, State::Held);
    assert!(agenda.is_idle(60 * MINUTE));
}

#[test]
fn a_new_definition_runs_at_once_and_the_same_one_does_not() {
    let mut agenda = Agenda::default();
    let new = |fingerprint: &str| {
        let task = task("a", "EVERY '1 hour'", "", &[]);
        Task { at_once: true, fingerprint: fingerprint.to_owned(), ..task }
    };
    agenda.declare(vec![new("one")], 5);
    agenda.declare(vec![new("one")], 6);
    let begun = agenda.begin(7);
    assert_eq!((begun.len(), begun[0].cause), (1, Cause::Created));
    succeed(&mut agenda, &begun, 8);
    agenda.declare(vec![new("one")], 9);
    assert!(agenda.begin(9).is_empty());
    agenda.declare(vec![new("two")], 10);
    let begun = agenda.begin(10);
    assert_eq!((begun.len(), begun[0].fingerprint.as_str()), (1, "two"));
}

#[test]
fn what_was_due_while_no_node_was_there() {
    let caught_up = |catch_up: &str| -> Vec<i64> {
        let task = || vec![task("a", "EVERY '1 minute'", &format!("catch_up = '{catch_up}'"), &[])];
        let mut agenda = Agenda::default();
        agenda.declare(task(), 0);
        let begun = agenda.begin(MINUTE);
        succeed(&mut agenda, &begun, MINUTE);
        // It comes back in the sixth minute.
        let mut agenda = Agenda::new(agenda.runs());
        let mut now = 5 * MINUTE + 1;
        agenda.declare(task(), now);
        let mut due = Vec::new();
        loop {
            let begun = agenda.begin(now);
            let Some(run) = begun.first() else { return due };
            assert_eq!(run.cause, Cause::CatchUp);
            due.push(run.due_us);
            now += 1;
            succeed(&mut agenda, &begun, now);
        }
    };
    assert_eq!(caught_up("all"), [2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 5 * MINUTE]);
    assert_eq!(caught_up("latest"), [5 * MINUTE]);
    assert!(caught_up("none").is_empty());
}

#[test]
fn what_an_earlier_node_had_begun_is_done_or_made_again() {
    let task = || vec![task("a", "EVERY '1 minute'", "retries = 1", &[])];
    let mut agenda = Agenda::default();
    agenda.declare(task(), 0);
    let begun = agenda.begin(MINUTE);
    let remembered = agenda.runs();
    for found in [Some(Outcome { rows: Some(3), ..Outcome::default() }), None] {
        let mut agenda = Agenda::new(remembered.clone());
        agenda.declare(task(), MINUTE + 5);
        assert!(!agenda.is_idle(MINUTE + 5));
        let interrupted = agenda.interrupted();
        assert_eq!(interrupted, begun);
        let settled = agenda.settle(interrupted[0].id, found.clone(), MINUTE + 6).unwrap();
        let again = agenda.begin(MINUTE + 6);
        match found {
            Some(found) => {
                assert_eq!((settled.state, settled.outcome), (State::Succeeded, found));
                assert!(again.is_empty());
            }
            None => {
                assert_eq!(settled.state, State::Interrupted);
                assert_eq!((again[0].due_us, again[0].attempt), (MINUTE, 1));
                assert!(again[0].id > settled.id);
            }
        }
    }
}

#[test]
fn a_run_by_hand_that_failed_is_not_made_by_a_node_that_comes_again() {
    let task = || vec![task("a", "MANUAL", "retries = 3", &[])];
    let mut agenda = Agenda::default();
    agenda.declare(task(), 0);
    agenda.ask("a", Asked { cause: Cause::Manual, range_us: None }, 1).unwrap();
    let begun = agenda.begin(1);
    fail(&mut agenda, &begun[0], 2);
    assert!(agenda.is_idle(2));
    let mut agenda = Agenda::new(agenda.runs());
    agenda.declare(task(), 3);
    assert!(agenda.begin(3).is_empty());
}

/// Runs of a task that a node begins up to a time, each of which takes so long: why, and when in seconds.
fn early_runs(agenda: &mut Agenda, until_us: i64, takes_us: i64) -> Vec<(Cause, i64)> {
    let mut found = Vec::new();
    let mut now_us = 0;
    loop {
        for run in agenda.begin(now_us) {
            found.push((run.cause, now_us / SECOND));
            agenda.ended(run.id, Ok(Outcome::default()), now_us + takes_us).unwrap();
        }
        match agenda.next_us().filter(|next_us| *next_us <= until_us) {
            Some(next_us) => now_us = next_us.max(now_us),
            None => return found,
        }
    }
}

#[test]
fn what_is_new_runs_again_at_twice_the_age_until_its_schedule_takes_over() {
    let all = || vec![Task { at_once: true, early: true, ..task("a", "EVERY '10 minutes'", "", &[]) }];
    let mut agenda = Agenda::default();
    agenda.declare(all(), 0);
    let found = early_runs(&mut agenda, 20 * MINUTE, 0);
    let early = |seconds| (Cause::Early, seconds);
    let due = |seconds| (Cause::Schedule, seconds);
    let wanted = [early(30), early(60), early(120), early(240), early(480), due(600), due(1200)];
    assert_eq!((found[0], &found[1..]), ((Cause::Created, 0), &wanted[..]));
    // What takes long is not all that is done.
    let mut agenda = Agenda::default();
    agenda.declare(all(), 0);
    let found = early_runs(&mut agenda, 10 * MINUTE, MINUTE);
    assert_eq!(found, [(Cause::Created, 0), early(120), early(360), due(600)]);
    // Without a schedule it is over as soon as there was something to do.
    let mut agenda = Agenda::default();
    agenda.declare(vec![Task { at_once: true, early: true, ..task("a", "MANUAL", "", &[]) }], 0);
    let made = |version| Outcome { output_version: version, ..Outcome::default() };
    for (at_us, version) in [(0, None), (30 * SECOND, None), (60 * SECOND, Some(1))] {
        assert_eq!(agenda.next_us().unwrap_or(0), at_us);
        let begun = agenda.begin(at_us);
        agenda.ended(begun[0].id, Ok(made(version)), at_us).unwrap();
    }
    assert_eq!(agenda.next_us(), None);
    // A node that comes again goes on with it; what ran to the end of all input is as it is.
    for (cause, wanted) in [(Cause::Manual, Some(150 * SECOND)), (Cause::Final, Some(10 * MINUTE))] {
        let mut agenda = Agenda::default();
        agenda.declare(all(), 0);
        let begun = agenda.begin(0);
        succeed(&mut agenda, &begun, 1);
        agenda.ask("a", Asked { cause, range_us: None }, 50 * SECOND).unwrap();
        let begun = agenda.begin(50 * SECOND);
        succeed(&mut agenda, &begun, 75 * SECOND);
        let mut agenda = Agenda::new(agenda.runs());
        agenda.declare(all(), 80 * SECOND);
        assert_eq!(agenda.next_us(), wanted, "{cause}");
    }
}

#[test]
fn what_has_failed_is_not_made_again_because_something_else_is_declared() {
    let all = || vec![Task { at_once: true, early: true, ..task("a", "MANUAL", "", &[]) }];
    let mut agenda = Agenda::default();
    agenda.declare(all(), 0);
    let begun = agenda.begin(0);
    fail(&mut agenda, &begun[0], 1);
    agenda.declare(all(), 2);
    assert!(agenda.begin(2).is_empty() && agenda.next_us().is_none());
    // What it does is another.
    let changed = all().into_iter().map(|task| Task { fingerprint: "g".to_owned(), ..task }).collect();
    agenda.declare(changed, 3);
    assert_eq!(names(&agenda.begin(3)), ["a"]);
}

#[test]
fn what_is_declared_again_while_it_runs_runs_once() {
    let all = || vec![Task { at_once: true, ..task("a", "EVERY '1 minute'", "", &[]) }];
    let mut agenda = Agenda::default();
    agenda.declare(all(), 0);
    let begun = agenda.begin(0);
    agenda.declare(all(), 1);
    assert!(agenda.begin(1).is_empty(), "it is on its way");
    // Paused and resumed: the run goes on, and no other beside it.
    agenda.declare(Vec::new(), 2);
    agenda.declare(all(), 3);
    assert!(agenda.begin(2 * MINUTE).is_empty());
    succeed(&mut agenda, &begun, 2 * MINUTE);
    assert_eq!(agenda.begin(2 * MINUTE).len(), 1);
}

#[test]
fn what_runs_often_makes_nobody_forget_what_runs_seldom() {
    let all = || vec![task("seldom", "EVERY '1 hour'", "", &[]), task("often", "MANUAL", "", &[])];
    let mut agenda = Agenda::default();
    agenda.declare(all(), 0);
    let begun = agenda.begin(60 * MINUTE);
    succeed(&mut agenda, &begun, 60 * MINUTE);
    for at in 1..=2 * KEPT as i64 {
        agenda.ask("often", Asked { cause: Cause::Manual, range_us: None }, 60 * MINUTE + at).unwrap();
        let begun = agenda.begin(60 * MINUTE + at);
        succeed(&mut agenda, &begun, 60 * MINUTE + at);
    }
    assert!(agenda.runs().len() < 2 * KEPT);
    let mut agenda = Agenda::new(agenda.runs());
    agenda.declare(all(), 200 * MINUTE);
    let missed = agenda.begin(200 * MINUTE);
    assert_eq!((names(&missed), missed[0].due_us), (vec!["seldom"], 180 * MINUTE));
}

#[test]
fn so_many_of_a_pool_run_at_a_time_and_first_what_was_due_first() {
    let places = BTreeMap::from([("narrow".to_owned(), 1), ("refreshes".to_owned(), 2)]);
    let mut agenda = Agenda::default().with_pools(places, 9);
    let narrow = "pool = 'narrow'";
    let mut all: Vec<Task> = ["d", "c", "b"].map(|name| task(name, "EVERY '1 minute'", narrow, &[])).into();
    all.push(task("a", "EVERY '1 minute' OFFSET '1 second'", narrow, &[]));
    // It waits for what it reads, and takes nobody's place meanwhile.
    all.push(task("of_d", "EVERY '1 minute'", narrow, &["d"]));
    all.extend(["x", "y", "z"].map(|name| task(name, "EVERY '1 minute'", "", &[])));
    agenda.declare(all, 2 * SECOND);
    let mut going = agenda.begin(MINUTE + 2 * SECOND);
    assert_eq!(names(&going), ["b", "x", "y"]);
    for expected in [&["c", "z"][..], &["d"], &["of_d"], &["a"], &[]] {
        assert!(agenda.begin(MINUTE + 2 * SECOND).is_empty(), "no place is free");
        succeed(&mut agenda, &going, MINUTE + 2 * SECOND);
        going = agenda.begin(MINUTE + 2 * SECOND);
        assert_eq!(names(&going), expected);
    }
    // What went on when it was declared anew keeps its place.
    let begun = agenda.begin(2 * MINUTE);
    assert_eq!(names(&begun), ["b", "x", "y"]);
    let more = vec![task("b", "EVERY '1 minute'", narrow, &[]), task("c", "EVERY '1 minute'", narrow, &[])];
    agenda.declare(more, 2 * MINUTE);
    assert!(agenda.begin(3 * MINUTE).is_empty());
    succeed(&mut agenda, &begun, 3 * MINUTE);
    assert_eq!(names(&agenda.begin(3 * MINUTE)), ["b"]);
}

#[test]
fn ten_thousand_tasks_are_no_work_while_nothing_is_due() {
    let mut agenda = Agenda::default();
    let all = (0..10_000).map(|at| task(&format!("t{at}"), "EVERY '1 day'", "", &[])).collect();
    agenda.declare(all, 0);
    for now in 0..1000 {
        assert!(agenda.begin(now).is_empty());
    }
    assert_eq!(agenda.begin(24 * 60 * MINUTE).len(), 10_000);
}

/// Whatever happens, and however often the node dies: each time that is due is covered in the end, no two runs of a task
/// go on at one time, and nothing is made before what it reads.
#[test]
fn random_lives() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let catch_up = ["all", "latest"][random.below(2) as usize];
        // All in one place, or each in its own.
        let pool = ["one", "two"][random.below(2) as usize];
        let options = format!("retries = 2, retry_delay = '1 second', catch_up = '{catch_up}', pool = '{pool}'");
        let pools = |agenda: Agenda| agenda.with_pools(BTreeMap::from([("one".to_owned(), 1)]), 5);
        let tasks = || {
            vec![
                task("a", "EVERY '1 minute'", &options, &[]),
                task("b", "EVERY '1 minute'", &options, &["a"]),
                task("c", "EVERY '2 minutes'", &options, &["a", "b"]),
            ]
        };
        let (mut agenda, mut memory, mut now) = (pools(Agenda::default()), Memory::default(), 0);
        agenda.declare(tasks(), now);
        let mut going: Vec<Run> = Vec::new();
        let end = 20 * MINUTE;
        while now < end || !agenda.is_idle(now) {
            now += random.below(20) as i64 * SECOND;
            if now < end && random.chance(1, 15) {
                // What was said is known; what was on its way is lost, or was done and not said.
                agenda = pools(Agenda::new(memory.0.clone()));
                agenda.declare(tasks(), now);
                for run in agenda.interrupted() {
                    let found = random.chance(1, 2).then(Outcome::default);
                    memory.note(&agenda.settle(run.id, found, now).into_iter().collect::<Vec<_>>());
                }
                going.clear();
            }
            let begun = agenda.begin(now);
            memory.note(&begun);
            for run in begun {
                if run.state == State::Running {
                    assert!(going.iter().all(|each| each.object != run.object), "seed {seed}: two of {}", run.object);
                    going.push(run);
                }
            }
            assert!(pool == "two" || going.len() <= 1, "seed {seed}: two in the place of one");
            going.retain(|run| {
                if random.chance(1, 2) {
                    return true;
                }
                let fails = now < end && random.chance(1, 6);
                let done = if fails { Err(Failure::Failed("no".to_owned())) } else { Ok(Outcome::default()) };
                memory.note(&agenda.ended(run.id, done, now).into_iter().collect::<Vec<_>>());
                false
            });
        }
        check(&memory, end, seed);
    }
}

fn check(memory: &Memory, end: i64, seed: u64) {
    let last: BTreeMap<u64, &Run> = memory.0.iter().map(|run| (run.id, run)).collect();
    assert!(last.values().all(|run| run.state.is_over()), "seed {seed}: a run is neither done nor failed");
    for (object, every) in [("a", MINUTE), ("b", MINUTE), ("c", 2 * MINUTE)] {
        let covered = last.values().filter(|run| run.object == object).map(|run| run.due_us).max();
        assert!(covered >= Some(end / every * every), "seed {seed}: {object} is not up to date");
    }
    // Where a run of b succeeded, a had been made for that time, or a later one.
    for run in last.values().filter(|run| run.object == "b" && run.state == State::Succeeded) {
        let made = last.values().any(|of_a| {
            of_a.object == "a"
                && of_a.state == State::Succeeded
                && of_a.due_us >= run.due_us
                && of_a.began_us <= run.began_us
        });
        assert!(made, "seed {seed}: b was made at {} without a", run.due_us);
    }
}
