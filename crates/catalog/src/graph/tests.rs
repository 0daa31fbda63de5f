//! Statements in, order and dependencies or rendered errors out.

use expect_test::{Expect, expect};
use headwater_sql::{SourceText, parse};

use super::*;

const ORDERS: &str = "CREATE STREAM orders (id BIGINT, at TIMESTAMP);";

fn graph(texts: &[&str]) -> Result<Graph, Diagnostics> {
    let files = texts.iter().enumerate().map(|(at, text)| SourceText::new(format!("{at}.sql"), *text));
    let statements = files.flat_map(|file| parse(&file).unwrap()).collect();
    Graph::of(statements, Owner::Project, &Known::default())
}

fn check(texts: &[&str], expect: Expect) {
    expect.assert_eq(&match graph(texts) {
        Ok(graph) => {
            let lines = graph.definitions().into_iter();
            lines.map(|one| format!("{} {} <- {}\n", one.kind, one.name, one.depends_on.join(", "))).collect()
        }
        Err(wrong) => wrong.to_string(),
    });
}

fn reads(query: &str) -> String {
    let source = SourceText::new("q.sql", query);
    let Statement::Query(query) = parse(&source).unwrap().remove(0).statement else { panic!("not a query") };
    let found = references(&query.query, query.span, &source);
    found.iter().map(|one| format!("{}[{}]", one.parts.join("."), source.slice(one.span))).collect::<Vec<_>>().join(" ")
}

#[test]
fn objects_are_ordered_by_what_they_depend_on() {
    check(
        &[
            "CREATE MATERIALIZED VIEW c AS SELECT * FROM b JOIN archive.orders USING (id), system.streams",
            "CREATE MATERIALIZED VIEW b AS SELECT * FROM TUMBLE(\"orders\", at, INTERVAL '1 minute')",
            "CREATE SOURCE files INTO Orders FROM FILES (PATH 'x');
             CREATE SOURCE own FROM FILES (PATH 'y'); CREATE MATERIALIZED VIEW d AS SELECT * FROM own",
            ORDERS,
        ],
        expect![[r#"
            source own <- 
            materialized view d <- own
            stream orders <- 
            materialized view b <- orders
            source files <- orders
            materialized view c <- b, orders
        "#]],
    );
    let graph =
        graph(&[ORDERS, "CREATE MATERIALIZED VIEW a AS SELECT * FROM orders; CREATE MATERIALIZED VIEW b AS TABLE a"]);
    assert_eq!(graph.unwrap().dependents("orders"), ["a", "b"]);
}

#[test]
fn references_have_scopes_and_places() {
    let all = [
        "SELECT * FROM a, B AS x, \"C\" JOIN s.t ON x.b IN (SELECT y FROM d WHERE EXISTS (SELECT 1 FROM e))",
        "WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x) SELECT * FROM y, z",
        "WITH x AS (SELECT * FROM x) SELECT * FROM x",
        "WITH x AS (SELECT * FROM y), y AS (SELECT 1) SELECT * FROM x, y",
        "WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x) SELECT * FROM x",
        "SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x",
        "WITH X AS (SELECT 1) SELECT * FROM x, \"X\"",
        "WITH x AS (SELECT 1) SELECT * FROM TUMBLE(x, at, i) JOIN HOP(y.z, at, i, j) ON true, SESSION((SELECT * FROM k), at, i)",
        "SELECT * FROM TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND), generate_series(a, b)",
        "SELECT x.y, (SELECT max(v) FROM w) FROM UNNEST(a) AS x UNION ALL SELECT * FROM (b JOIN c ON true) UNION TABLE d",
    ];
    expect![[r#"
        a[a] b[B] C["C"] s.t[s.t] d[d] e[e]
        a[a] z[z]
        x[x]
        y[y]

        x[x]
        X["X"]
        y.z[y.z] k[k]
        bids[bids]
        w[w] b[b] c[c] d[SELECT x.y, (SELECT max(v) FROM w) FROM UNNEST(a) AS x UNION ALL SELECT * FROM (b JOIN c ON true) UNION TABLE d]"#]].assert_eq(&all.map(reads).join("\n"));
}

#[test]
fn missing_relations_are_told_with_the_nearest() {
    check(
        &[
            ORDERS,
            "CREATE MATERIALIZED VIEW a AS\n\tSELECT * FROM ordres JOIN archive.order USING (id) JOIN other.thing USING (id);
             CREATE SOURCE s INTO nowhere FROM FILES (PATH 'x')",
        ],
        expect![[r#"
            error: there is no relation ordres
             --> 1.sql:2:16
              |
            2 |     SELECT * FROM ordres JOIN archive.order USING (id) JOIN other.thing USING (id);
              |                   ^^^^^^
              = hint: did you mean orders?

            error: there is no relation archive.order
             --> 1.sql:2:28
              |
            2 |     SELECT * FROM ordres JOIN archive.order USING (id) JOIN other.thing USING (id);
              |                               ^^^^^^^^^^^^^
              = hint: did you mean orders?

            error: there is no relation other.thing
             --> 1.sql:2:58
              |
            2 |     SELECT * FROM ordres JOIN archive.order USING (id) JOIN other.thing USING (id);
              |                                                             ^^^^^^^^^^^

            error: there is no relation nowhere
             --> 1.sql:3:35
              |
            3 |              CREATE SOURCE s INTO nowhere FROM FILES (PATH 'x')
              |                                   ^^^^^^^
              = hint: declare it with CREATE STREAM or CREATE MATERIALIZED VIEW
        "#]],
    );
}

#[test]
fn circles_are_told_whole() {
    check(
        &[
            "CREATE MATERIALIZED VIEW a AS SELECT * FROM b",
            "CREATE MATERIALIZED VIEW b AS SELECT * FROM orders, c",
            "CREATE MATERIALIZED VIEW c AS\nSELECT * FROM a; CREATE MATERIALIZED VIEW d AS SELECT * FROM d, orders",
            ORDERS,
        ],
        expect![[r#"
            error: these depend on each other: a -> b -> c -> a
             --> 0.sql:1:45
              |
            1 | CREATE MATERIALIZED VIEW a AS SELECT * FROM b
              |                                             ^
              = b depends on c here:
             --> 1.sql:1:53
              |
            1 | CREATE MATERIALIZED VIEW b AS SELECT * FROM orders, c
              |                                                     ^
              = c depends on a here:
             --> 2.sql:2:15
              |
            2 | SELECT * FROM a; CREATE MATERIALIZED VIEW d AS SELECT * FROM d, orders
              |               ^

            error: d depends on itself
             --> 2.sql:2:62
              |
            2 | SELECT * FROM a; CREATE MATERIALIZED VIEW d AS SELECT * FROM d, orders
              |                                                              ^
        "#]],
    );
}

#[test]
fn names_are_unique_and_not_reserved() {
    check(
        &[
            ORDERS,
            "CREATE MATERIALIZED VIEW Orders AS SELECT 1; CREATE STREAM system (a INT); SELECT 1;
             CREATE SOURCE f INTO orders FROM FILES (PATH 'x'); CREATE MATERIALIZED VIEW g AS SELECT * FROM f;
             CREATE SOURCE h INTO g FROM FILES (PATH 'x')",
        ],
        expect![[r#"
            error: there are two objects with the name orders
             --> 1.sql:1:26
              |
            1 | CREATE MATERIALIZED VIEW Orders AS SELECT 1; CREATE STREAM system (a INT); SELECT 1;
              |                          ^^^^^^
              = the stream of that name stands here:
             --> 0.sql:1:15
              |
            1 | CREATE STREAM orders (id BIGINT, at TIMESTAMP);
              |               ^^^^^^

            error: the name system is reserved
             --> 1.sql:1:60
              |
            1 | CREATE MATERIALIZED VIEW Orders AS SELECT 1; CREATE STREAM system (a INT); SELECT 1;
              |                                                            ^^^^^^

            error: SELECT defines nothing
             --> 1.sql:1:76
              |
            1 | CREATE MATERIALIZED VIEW Orders AS SELECT 1; CREATE STREAM system (a INT); SELECT 1;
              |                                                                            ^^^^^^^^
              = hint: a project's files declare; ask questions with headwater sql

            error: f is a source, and its rows are in the stream orders
             --> 1.sql:2:109
              |
            2 |              CREATE SOURCE f INTO orders FROM FILES (PATH 'x'); CREATE MATERIALIZED VIEW g AS SELECT * FROM f;
              |                                                                                                             ^
              = hint: read orders

            error: g is a materialized view, and a source feeds a stream
             --> 1.sql:3:35
              |
            3 |              CREATE SOURCE h INTO g FROM FILES (PATH 'x')
              |                                   ^
              = hint: declare a stream with CREATE STREAM and name it after INTO
        "#]],
    );
}
