//! Nexmark's queries over its events: each view of `examples/nexmark` holds what its query gives in batch.

#[path = "../../../../examples/nexmark/events.rs"]
mod events;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use serde_json::{Value, json};

use crate::node::{Project, root};

const EVENTS: usize = 12_000;
/// Generated events come 10,000 a second; here, 200.
const SLOWER: u64 = 50;

/// Lines of JSON by file: the events, and names for the keys of q13.
fn events() -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::<_, String>::new();
    let mut first_ms = None;
    let mut line = |stream, event: Value| writeln!(files.entry(stream).or_default(), "{event}").unwrap();
    for event in EventGenerator::new(NexmarkConfig::default()).take(EVENTS) {
        let first_ms = *first_ms.get_or_insert(event.timestamp());
        let (stream, event) = events::told(event, |at_ms| events::time_text(at_ms.saturating_sub(first_ms) * SLOWER));
        line(stream, event);
    }
    (1_000..1_400).for_each(|key| line("side_input", json!({"key": key, "value": format!("name of {key}")})));
    files
}

/// Names and queries of the views in a file.
fn queries(text: &str) -> Vec<(&str, &str)> {
    let views = text.split("CREATE MATERIALIZED VIEW ").skip(1);
    views.map(|view| view[..view.find(';').unwrap()].split_once(" AS").unwrap()).collect()
}

/// Equal but for the last digits of numbers.
fn agree(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    let close = |(one, other): (&str, &str)| match (number(one), number(other)) {
        _ if one == other => true,
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => false,
    };
    one.split(',').count() == other.split(',').count() && one.split(',').zip(other.split(',')).all(close)
}

#[test]
fn every_query_gives_what_batch_gives() {
    let project = Project::new();
    let example = root().join("examples/nexmark");
    for name in ["headwater.toml", "streams.sql", "queries.sql"] {
        std::fs::copy(example.join(name), project.path().join(name)).unwrap();
    }
    std::fs::create_dir(project.path().join("events")).unwrap();
    events().iter().for_each(|(stream, lines)| project.write(&format!("events/{stream}s.json"), lines));
    project.run();
    let late = project.sql("SELECT relation, reason, detail FROM system.dead_letters LIMIT 5");
    assert!(late.is_empty(), "{late:?}");
    let text = std::fs::read_to_string(example.join("queries.sql")).unwrap();
    let views = queries(&text);
    assert_eq!(views.len(), 24);
    let node = project.serve();
    for (name, query) in views {
        let (mut kept, mut batch) = (project.sql(&format!("SELECT * FROM {name}")), project.sql(query));
        kept.sort_unstable();
        batch.sort_unstable();
        assert!(!kept.is_empty(), "{name} is empty");
        assert_eq!(kept.len(), batch.len(), "{name}");
        let differs = kept.iter().zip(&batch).find(|(one, other)| !agree(one, other));
        assert_eq!(differs, None, "{name}");
        println!("{name}: {} rows", kept.len());
    }
    drop(node);
}
