//! Large and deep texts end in good time, on the stack of an ordinary thread.

use super::*;

fn outcome(text: &str) -> String {
    match parse(&SourceText::new("a.sql", text)) {
        Ok(parsed) => format!("{} statements", parsed.len()),
        Err(wrong) => wrong.0[0].message.clone(),
    }
}

#[test]
fn nesting_is_limited() {
    let repeated = |open: &str, inside: &str, close: &str, times: usize| {
        outcome(&format!("SELECT {}{inside}{}", open.repeat(times), close.repeat(times)))
    };
    let deep = "more than 64 levels of parentheses";
    assert_eq!(repeated("(", "1", ")", 63), "1 statements");
    assert_eq!(repeated("(", "1", ")", 100_000), deep);
    assert_eq!(outcome(&"(".repeat(1_000_000)), deep);
    assert_eq!(repeated("f(", "1", ")", 63), "1 statements");
    assert_eq!(repeated("(SELECT ", "1", ")", 63), "1 statements");
    assert_eq!(repeated("1 + (SELECT a FROM (SELECT ", "1", "))", 31), "1 statements");
    assert_eq!(repeated("ARRAY[", "1", "]", 63), "1 statements");
    assert_eq!(repeated("CASE WHEN a THEN ", "1", " END", 63), "1 statements");
    assert_eq!(repeated("CASE WHEN a THEN ", "1", " END", 1_000), "more than 64 levels of CASE");
    assert_ne!(repeated("NOT ", "a", "", 5_000), "1 statements");
    assert_ne!(repeated("- ", "1", "", 5_000), "1 statements");
    repeated("a -> ", "1", "", 2_000);
    let types = |open: &str, close: &str, times: usize| {
        outcome(&format!("CREATE STREAM s (a {}INT{})", open.repeat(times), close.repeat(times)))
    };
    assert_eq!(types("ARRAY<", ">", 16), "1 statements");
    assert_eq!(types("ARRAY<", ">", 17), "more than 16 levels of types");
    assert_eq!(types("STRUCT<a ", ">", 20_000), "more than 16 levels of types");
    assert_eq!(types("Nullable(", ")", 60), "1 statements");
    assert_eq!(types("", "[]", 100_000), "more than 6000 operators, names and values in one expression");
}

#[test]
fn chains_are_limited() {
    let chain = |piece: &str, times: usize| outcome(&format!("SELECT 1{}", piece.repeat(times)));
    let long = "more than 6000 operators, names and values in one expression";
    for piece in [" + 1", "::int", " IS NULL", " OR a = 1", "[1]", " AT TIME ZONE 'UTC'", " COLLATE x", " -> 1", ".a"] {
        let tokens = tokenize(&Template::verbatim(&SourceText::new("a", piece))).tokens;
        let solid = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
        chain(piece, 5_900 / solid);
        assert_eq!(chain(piece, 50_000), long);
    }
    assert_eq!(chain(" + 1", 2_900), "1 statements");
    assert_eq!(chain(" UNION ALL SELECT 1", 500), "1 statements");
    assert_eq!(chain(" UNION ALL SELECT 1", 50_000), "more than 500 UNION, EXCEPT and INTERSECT in one query");
}

#[test]
fn joins_are_limited() {
    let relations = |between: &str, times: usize| outcome(&format!("SELECT 1 FROM t{}", between.repeat(times)));
    for between in [", t", " CROSS JOIN t", " JOIN t ON a = b"] {
        assert_eq!(relations(between, 200), "1 statements");
        assert_eq!(relations(between, 201), "more than 200 joins in one query");
    }
    assert_eq!(relations(", (SELECT 1 FROM t, t)", 190), "1 statements");
    let compared = format!("SELECT a IS DISTINCT FROM b{} FROM t ORDER BY 1{}", ", c".repeat(300), ", 2".repeat(300));
    assert_eq!(outcome(&compared), "1 statements");
}

#[test]
fn definitions_have_so_many_columns_and_options() {
    let columns = |count: usize| (0..count).map(|at| format!("c{at} INT")).collect::<Vec<_>>().join(", ");
    assert_eq!(outcome(&format!("CREATE STREAM s ({})", columns(4096))), "1 statements");
    assert_eq!(outcome(&format!("CREATE STREAM s ({})", columns(4097))), "more than 4096 columns");
}

/// What is looked at once for each token takes minutes here if it looks at all the others.
#[test]
fn long_texts_take_no_longer_than_they_are() {
    assert_eq!(outcome(&format!("SELECT 1{}", " ".repeat(2_000_000))), "1 statements");
    assert_ne!(outcome(&"TUMBLE(".repeat(200_000)), "1 statements");
    assert_ne!(outcome(&"a".repeat(2_000_000)), "1 statements");
}

#[test]
fn large_texts_are_read() {
    let list = format!("SELECT * FROM t WHERE a IN ({}1)", "'水', ".repeat(150_000));
    assert!(list.len() > 1_000_000);
    assert_eq!(outcome(&list), "1 statements");
    assert_eq!(outcome(&format!("VALUES {}(1)", "(1, 'a'), ".repeat(100_000))), "1 statements");
    assert_eq!(outcome(&format!("SELECT '{}'", "a".repeat(1_000_000))), "1 statements");
    assert_eq!(outcome(&"SELECT 1;\n".repeat(100_000)), "100000 statements");
    let wide = format!("SELECT '{}' FROM t t t", "水".repeat(400_000));
    let wrong = parse(&SourceText::new("a.sql", wide)).unwrap_err();
    assert!(wrong.to_string().chars().count() < 1_000);
}

/// sqlparser tries several readings of a parenthesis, each of which tries the next one.
#[test]
fn nested_alternatives_do_not_explode() {
    for (open, inside, close) in [
        ("SELECT * FROM (", "t", ")"),
        ("(", "SELECT 1", ")"),
        ("(", "SELECT", ")"),
        ("SELECT (", "", ")"),
        ("SELECT (a, ", "", ")"),
        ("SELECT a IN (", "SELECT", ")"),
        ("SELECT CAST(", "a", " AS INT)"),
        ("SELECT CASE (", "", ")"),
        ("SELECT a -> (", "x", ")"),
        ("SELECT * FROM f(", "t", ")"),
        ("SELECT * FROM (a JOIN ", "t", ")"),
        ("SELECT INTERVAL (", "x", ")"),
        ("SELECT {a: ", "x", "}"),
        ("SELECT [", "x", "]"),
    ] {
        let (first, again) =
            open.split_once(['(', '{', '[']).map_or(("", open), |(first, _)| (first, &open[first.len()..]));
        outcome(&format!("{first} {}{inside}{}", again.repeat(60), close.repeat(60)));
        outcome(&format!("{first} {}{inside}", again.repeat(60)));
    }
}
