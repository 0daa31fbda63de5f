//! Soup of tokens and damaged statements: any outcome but a panic, and every place within the text.

use proptest::prelude::*;

use super::*;

const WORDS: &[&str] = &[
    "CREATE",
    "STREAM",
    "SOURCE",
    "MATERIALIZED",
    "VIEW",
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "WITH",
    "AS",
    "EMIT",
    "CHANGES",
    "ON",
    "WINDOW",
    "CLOSE",
    "WATERMARK",
    "FOR",
    "CONSTRAINT",
    "EXPECT",
    "VIOLATION",
    "DROP",
    "PARTITION",
    "KEY",
    "REFRESH",
    "CONTINUOUS",
    "INTO",
    "FILES",
    "GENERATOR",
    "EXPLAIN",
    "SHOW",
    "DESCRIBE",
    "STREAMS",
    "COLUMNS",
    "CASCADE",
    "VALUES",
    "TABLE",
    "NOT",
    "NULL",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "INTERVAL",
    "ARRAY",
    "STRUCT",
    "BIGINT",
    "DECIMAL",
    "a",
    "b",
    "\"C\"",
    "orders",
    "1",
    "-2.5e3",
    "'text'",
    "'",
    "\"",
    "(",
    ")",
    ",",
    ";",
    ".",
    "=",
    "<",
    ">",
    "*",
    "+",
    "::",
    "[",
    "]",
    "--",
    "/*",
    "*/",
    "\n",
    "${x}",
    "水",
];

fn valid() -> Vec<&'static str> {
    vec![
        ORDERS,
        "CREATE SOURCE demo INTO s FROM GENERATOR (RATE 1000, FIELDS (id = 'a')) WITH (enabled = true)",
        "CREATE MATERIALIZED VIEW v (CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP) PARTITION KEY (a) AS
         SELECT a, count(*) FROM TUMBLE(t, at, INTERVAL '1 minute') GROUP BY a EMIT ON WINDOW CLOSE WITH (partitions = 2)",
        "WITH x AS (SELECT a FROM t JOIN u USING (a)) SELECT * FROM x WHERE a IN (SELECT 1) ORDER BY 1 LIMIT 5",
    ]
}

fn holds(text: &str) {
    let settings = [("x".to_owned(), "水 + 1".to_owned())].into();
    let source = SourceText::new("a.sql", text);
    let Ok(template) = Template::fill(&source, &settings) else { return };
    let (parsed, wrong) = parse_template_with_recovery(&template);
    for one in &wrong {
        assert!(one.span.start <= one.span.end && one.span.end <= text.len(), "{one:?}");
        assert!(text.is_char_boundary(one.span.start) && text.is_char_boundary(one.span.end), "{one:?}");
        assert!(one.to_string().starts_with("error: "));
    }
    for one in parsed {
        assert!(text.get(one.span.start..one.span.end).is_some());
        // The statement's own text, and its canonical form, say the same again.
        let form = canonical(&one.text).unwrap();
        let again = parse(&SourceText::new("a.sql", form.clone())).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(again.len(), 1);
        assert_eq!(canonical(&again[0].text).unwrap(), form);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup(words in proptest::collection::vec(0..WORDS.len(), 0..40)) {
        let text: Vec<_> = words.iter().map(|word| WORDS[*word]).collect();
        holds(&text.join(" "));
        holds(&text.concat());
    }

    #[test]
    fn any_text(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        match SourceText::from_bytes("a.sql", &bytes) {
            Ok(source) => holds(&source.text),
            Err(wrong) => prop_assert!(!wrong.to_string().is_empty()),
        }
    }

    #[test]
    fn damaged(which in 0usize..4, cuts in proptest::collection::vec((0usize..600, 0usize..12, 0..WORDS.len()), 1..4)) {
        let mut text: Vec<char> = valid()[which].chars().collect();
        for (at, length, word) in cuts {
            let start = at % text.len().max(1);
            let end = (start + length).min(text.len());
            text.splice(start..end, WORDS[word].chars());
        }
        holds(&text.into_iter().collect::<String>());
    }
}
