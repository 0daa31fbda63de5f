//! What clients send, and what is read in it.

use super::*;

fn read(text: &str) -> String {
    let parsed = parse(&SourceText::new("query", text), |name| name == "server_version");
    match parsed {
        Ok(commands) => {
            let each = commands.iter().map(|command| match command {
                Command::Ours(parsed) => format!("ours: {}", parsed.text),
                Command::Session(Statement::Declare { name, query, .. }, _) => {
                    format!("declare {name}: {}", query.text)
                }
                Command::Session(Statement::Copy(copy), _) => {
                    let subject = match &copy.subject {
                        CopySubject::Query(query) => query.text.clone(),
                        CopySubject::Relation { name, columns } => format!("{name:?} {columns:?}"),
                    };
                    format!("{:?} {subject} {:?}", copy.direction, copy.format)
                }
                Command::Session(other, _) => format!("{other:?}"),
            });
            each.collect::<Vec<_>>().join("; ")
        }
        Err(errors) => format!("error: {}", errors.0[0].message),
    }
}

#[test]
fn reads_what_clients_send() {
    let cases = [
        (
            "begin; select 1; commit",
            "Transaction(Begin { isolation: None }); ours: select 1; Transaction(Commit { chain: false })",
        ),
        (
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY",
            "Transaction(Begin { isolation: Some(\"READ COMMITTED\") })",
        ),
        ("ROLLBACK TO SAVEPOINT a", "Transaction(RollbackTo(\"a\"))"),
        ("SET extra_float_digits = 3", "Set { name: \"extra_float_digits\", value: Value(\"3\"), local: false }"),
        ("SET TIME ZONE 'UTC'", "Set { name: \"timezone\", value: Value(\"UTC\"), local: false }"),
        ("SET LOCAL search_path TO a, b", "Set { name: \"search_path\", value: Value(\"a, b\"), local: true }"),
        ("SHOW server_version", "Show(\"server_version\")"),
        ("SHOW TRANSACTION ISOLATION LEVEL", "Show(\"transaction_isolation\")"),
        ("DISCARD ALL", "Discard(\"ALL\")"),
        ("DECLARE \"C\" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT 1", "declare C: SELECT 1"),
        ("FETCH FORWARD 10 FROM c", "Fetch { name: \"c\", count: Rows(10), moves: false }"),
        ("FETCH BACKWARD 1 FROM c", "error: FETCH BACKWARD is not built: rows are read once, forward"),
        ("LISTEN x", "Refused(\"LISTEN\")"),
        ("COPY (SELECT (1)) TO STDOUT", "Out SELECT (1) Text { delimiter: 9, null: \"\\\\N\", header: No }"),
        (
            "COPY orders (a, b) FROM STDIN WITH (FORMAT csv, HEADER)",
            "In [\"orders\"] [\"a\", \"b\"] Csv { delimiter: 44, null: \"\", header: Yes, quote: 34, escape: 34 }",
        ),
        ("COPY orders TO STDOUT (FORMAT csv, HEADER MATCH)", "error: HEADER MATCH belongs to COPY FROM"),
        ("COPY orders TO '/etc/passwd'", "error: expected STDOUT, found '/etc/passwd'"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn places_are_in_the_whole_text() {
    let errors = parse(&SourceText::new("query", "begin; SET x y"), |_| false).unwrap_err();
    assert_eq!(errors.0[0].span.start, 13);
}
