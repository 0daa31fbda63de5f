//! Statements that are not built yet, refused by their names.

use super::Cursor;
use crate::Diagnostic;

const WORKS: &str = "statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT";
const CREATED: &str = "STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT";

/// What CREATE, DROP, ALTER and SHOW may be followed by; longer names first.
const OBJECTS: [&[&str]; 37] = [
    &["EXTERNAL", "TABLE"],
    &["MATERIALIZED", "VIEW"],
    &["FEATURE", "VIEW"],
    &["TABLE"],
    &["VIEW"],
    &["STREAM"],
    &["SOURCE"],
    &["SINK"],
    &["DIMENSION"],
    &["CONNECTION"],
    &["SECRET"],
    &["EXPECTATIONS"],
    &["MODEL"],
    &["EXPERIMENT"],
    &["ALERT"],
    &["CHART"],
    &["DASHBOARD"],
    &["FUNCTION"],
    &["SCHEMA"],
    &["DATABASE"],
    &["INDEX"],
    &["ROLE"],
    &["USER"],
    &["TYPE"],
    &["SEQUENCE"],
    &["TRIGGER"],
    &["PROCEDURE"],
    &["EXTENSION"],
    &["DOMAIN"],
    &["POLICY"],
    &["SERVER"],
    &["TABLES"],
    &["COLUMNS"],
    &["STREAMS"],
    &["SOURCES"],
    &["VIEWS"],
    &["FUNCTIONS"],
];

/// Statements of one word, of ours and of SQL.
const OTHERS: [&str; 42] = [
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CACHE",
    "CALL",
    "CLOSE",
    "COMMENT",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DETACH",
    "DISCARD",
    "DO",
    "END",
    "EXECUTE",
    "EXPORT",
    "FETCH",
    "FLUSH",
    "GRANT",
    "IMPORT",
    "INSTALL",
    "KILL",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "PREPARE",
    "RELEASE",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "START",
    "TRUNCATE",
    "USE",
    "VACUUM",
];

/// Why the statement that starts here is not accepted.
pub(super) fn refuse(cursor: &mut Cursor<'_>) -> Diagnostic {
    let start = cursor.position();
    let Some(first) = cursor.word() else { return cursor.expected("a statement").with_hint(WORKS) };
    if !matches!(first.as_str(), "CREATE" | "DROP" | "ALTER" | "SHOW" | "UNDROP") {
        return other(cursor, &first);
    }
    cursor.advance();
    let hint = match first.as_str() {
        "CREATE" | "DROP" => format!("{first} takes {CREATED}"),
        "ALTER" => {
            "ALTER takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, USER; CREATE OR REPLACE \
                    makes the others anew"
                .to_owned()
        }
        _ => WORKS.to_owned(),
    };
    if first == "CREATE" {
        cursor.take(&["OR", "REPLACE"]);
    }
    for word in ["TEMPORARY", "TEMP", "UNLOGGED", "GLOBAL", "LOCAL", "TRANSIENT"] {
        if cursor.take(&[word]) {
            return cursor.not_built(cursor.span_from(start), &format!("{first} {word} is")).with_hint(hint);
        }
    }
    for words in OBJECTS {
        if cursor.take(words) {
            let what = format!("{first} {} is", words.join(" "));
            return cursor.not_built(cursor.span_from(start), &what).with_hint(hint);
        }
    }
    let span = cursor.span_from(start).to(cursor.span());
    match cursor.word() {
        Some(second) => {
            let refused = cursor.error(span, format!("there is no statement {first} {second}"));
            let objects = OBJECTS.iter().map(|words| words[0]).filter(|word| *word != "EXTERNAL" && *word != "FEATURE");
            match crate::nearest(&second, objects) {
                Some("MATERIALIZED") => refused.with_hint(format!("did you mean {first} MATERIALIZED VIEW?")),
                Some(near) => refused.with_hint(format!("did you mean {first} {near}?")),
                None => refused.with_hint(hint),
            }
        }
        None => cursor.expected("the kind of object").with_hint(hint),
    }
}

fn other(cursor: &Cursor<'_>, first: &str) -> Diagnostic {
    let span = cursor.span();
    if OTHERS.contains(&first) {
        return cursor.not_built(span, &format!("{first} is")).with_hint(WORKS);
    }
    let refused = cursor.expected("a statement");
    match crate::nearest(
        first,
        [
            "CREATE", "SELECT", "EXPLAIN", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "DESCRIBE", "SHOW", "ALTER",
            "DROP", "PROFILE",
        ],
    ) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused.with_hint(WORKS),
    }
}
