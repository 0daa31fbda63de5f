//! Tests of projects, as they are written.

use super::*;
use crate::ast::{Action, Expected, GivenRows};

fn read(text: &str, expect: Expect) {
    let template = Template::verbatim(&SourceText::new("orders.test.sql", text));
    let (tests, wrong) = parse_project_tests(&template);
    let mut told = String::new();
    for test in &tests {
        assert!(test.source.slice(test.span).starts_with("TEST"));
        writeln!(told, "{}", test.name).unwrap();
        for step in &test.steps {
            let place = test.source.slice(step.span).split_whitespace().next().unwrap();
            let action = match &step.action {
                Action::Given(given) => match &given.rows {
                    GivenRows::Values { columns, values } => {
                        format!("{} {} {}", given.stream, names(columns), values.text)
                    }
                    GivenRows::File { path, format, .. } => format!("{} file {path} {format:?}", given.stream),
                },
                Action::Time(moment) => moment.text.clone(),
                Action::Expect(expect) => {
                    let values = expect.values.as_ref().map_or("nothing", |values| &values.text);
                    match &expect.of {
                        Expected::Relation { relation, columns, condition } => {
                            let condition = condition.as_ref().map(|condition| condition.text.as_str());
                            format!("{relation} {} {condition:?}: {values}", names(columns))
                        }
                        Expected::Query { query, ordered } => format!("{} ordered={ordered}: {values}", query.text),
                        Expected::DeadLetters { of, columns } => {
                            format!("letters of {:?} {}: {values}", of.as_ref().map(|of| &of.value), names(columns))
                        }
                    }
                }
            };
            writeln!(told, "  {place} {action}").unwrap();
        }
    }
    for one in wrong {
        let hint = one.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        writeln!(told, "{} [{}]{hint}", one.message, one.source.slice(one.span)).unwrap();
    }
    expect.assert_eq(&told);
}

#[test]
fn tests_of_a_project() {
    read(
        "-- What the shop promises.
         TEST revenue_by_minute
         GIVEN orders (order_id, amount, ordered_at) VALUES
             (1, 10.5, '2026-01-01 00:00:10'), (2, -4, '2026-01-01 00:00:20')
         GIVEN clicks FROM FILE 'clicks.csv' FORMAT 'csv'
         EXPECT revenue_by_minute EMPTY
         THEN TIME '2026-01-01 00:02:00'
         EXPECT revenue_by_minute (category, revenue) WHERE category <> 'x' VALUES ('a', 10.5), (NULL, 1)
         EXPECT (SELECT a FROM t ORDER BY a) ORDERED VALUES (1), (2)
         EXPECT (SELECT count(*) FROM t) VALUES (2)
         EXPECT DEAD LETTERS OF orders (reason) VALUES ('constraint')
         EXPECT DEAD LETTERS EMPTY;

         TEST 'a late row, and no more' EXPECT system.streams VALUES (1);",
        expect![[r#"
            revenue_by_minute
              GIVEN orders (order_id, amount, ordered_at) VALUES
                         (1, 10.5, '2026-01-01 00:00:10'), (2, -4, '2026-01-01 00:00:20')
              GIVEN clicks file clicks.csv Some("csv")
              EXPECT revenue_by_minute () None: nothing
              THEN 2026-01-01 00:02:00
              EXPECT revenue_by_minute (category, revenue) Some("category <> 'x'"): VALUES ('a', 10.5), (NULL, 1)
              EXPECT (SELECT a FROM t ORDER BY a) ordered=true: VALUES (1), (2)
              EXPECT (SELECT count(*) FROM t) ordered=false: VALUES (2)
              EXPECT letters of Some("orders") (reason): VALUES ('constraint')
              EXPECT letters of None (): nothing
            a late row, and no more
              EXPECT system.streams () None: VALUES (1)
        "#]],
    );
}

#[test]
fn tests_that_are_wrong() {
    read(
        "SELECT 1; TEST; TEST a; TEST a GIVEN s VALUES (1); TEST a GIVEN s (a, a) VALUES (1, 2) EXPECT s EMPTY;
         TEST a GIVEN s SELECT 1; TEST a THEN '2026' EXPECT s EMPTY; TEST a WHEN s EXPECT s EMPTY;
         TEST a EXPECT s; TEST a EXPECT s VALUES (1) LIMIT 1; TEST a EXPECT (SELECT 1) ORDERED;
         TEST a EXPECT DEAD LETTERS VALUES (1); TEST a EXPECT s VALUES (1) FINALLY; TEST a EXPECT s EMPTY VALUES (1)",
        expect![[r#"
            expected TEST, found SELECT [SELECT]; files named *.test.sql hold tests: TEST name GIVEN … EXPECT …
            expected the name of the test, found the end of the statement []
            test a expects nothing [a]; a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)
            test a expects nothing [a]; a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)
            column a stands twice [a]
            expected VALUES or FROM FILE, found SELECT [SELECT]
            expected TIME, found '2026' ['2026']; write THEN TIME '2026-01-01 00:02:00'
            expected GIVEN, THEN TIME or EXPECT, found WHEN [WHEN]; a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)
            expected VALUES or EMPTY, found the end of the statement []
            only VALUES stand here [VALUES (1) LIMIT 1]; a query is expected in parentheses: EXPECT (SELECT …) VALUES …
            expected VALUES or EMPTY, found the end of the statement []
            expected columns or EMPTY, found VALUES [VALUES]; name what is compared: EXPECT DEAD LETTERS (relation, reason) VALUES …
            expected GIVEN, THEN TIME, EXPECT or the end of the test, found FINALLY [FINALLY]; a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)
            expected GIVEN, THEN TIME, EXPECT or the end of the test, found VALUES [VALUES]; a test has steps: GIVEN stream VALUES (…), THEN TIME '…', EXPECT relation VALUES (…)
        "#]],
    );
}
