//! Which queries find their row by its key, and which take a snapshot.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::datatypes::SchemaRef;
use headwater_log::{Isolation, Log};

use super::*;
use crate::Result;
use crate::provide::{ReadPoint, Snapshots, SystemTables, ViewReader};
use crate::relation::Relations;
use crate::session::{Options, Session, Sources};
use crate::testing::memory::{MemoryArchives, MemoryLog};
use crate::testing::{lines, stream, view};

const STREAM: &str = "CREATE STREAM sales (city TEXT, year BIGINT, open BOOLEAN)";
const VIEW: &str = "CREATE MATERIALIZED VIEW totals AS SELECT city, year, count(*) AS n FROM sales GROUP BY city, year";

/// A view whose rows tell how they were found: `n` is 0 in a snapshot and 1 in a lookup.
#[derive(Clone, Copy)]
struct Told(i64);

impl Told {
    fn point(self) -> Arc<ReadPoint> {
        Arc::new(ReadPoint {
            epoch: 7,
            as_of_us: 0,
            streams: HashMap::new(),
            isolation: Isolation::Committed,
            views: Arc::new(self),
            stopped: BTreeMap::new(),
        })
    }
}

impl Snapshots for Told {
    fn read_point(&self) -> Arc<ReadPoint> {
        Told(0).point()
    }

    fn read_point_of(&self, view: &str, key: &RecordBatch) -> Result<Arc<ReadPoint>> {
        assert_eq!((view, key.num_columns(), key.num_rows()), ("totals", 2, 1));
        Ok(Told(1).point())
    }
}

impl ViewReader for Told {
    fn rows(&self, _: &str) -> Result<Vec<RecordBatch>> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("city", Arc::new(StringViewArray::from(vec![Some("Bern"), None]))),
            ("year", Arc::new(Int64Array::from(vec![2024, 2024]))),
            ("n", Arc::new(Int64Array::from(vec![self.0; 2]))),
        ];
        Ok(vec![RecordBatch::try_from_iter(columns).unwrap()])
    }
}

impl SystemTables for Told {
    fn tables(&self) -> Vec<(String, SchemaRef)> {
        Vec::new()
    }

    fn rows(&self, _: &str, _: &ReadPoint) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
}

fn session() -> Session {
    let mut relations = Relations::new();
    relations.add_stream(stream(STREAM));
    relations.add_view(Arc::new(view(&relations, VIEW)));
    let sources = Sources {
        relations: Arc::new(relations),
        log: MemoryLog::new(1) as Arc<dyn Log>,
        archives: Arc::new(MemoryArchives(None)),
        snapshots: Arc::new(Told(0)),
        tables: Arc::new(()),
        system: Arc::new(Told(0)),
    };
    Session::new(sources, Options::default()).unwrap()
}

#[tokio::test]
async fn a_whole_key_alone_is_looked_up() {
    let session = session();
    for (query, expected) in [
        ("SELECT n FROM totals WHERE city = 'Bern' AND year = 2024", "1"),
        ("SELECT n FROM totals t WHERE 2024 = year AND t.city = 'Bern' AND n >= 0", "1"),
        ("SELECT n FROM totals WHERE city IS NULL AND year = 2000 + 24", "1"),
        ("SELECT max(n) + 0 FROM (SELECT * FROM totals) WHERE year = 2024 AND city = 'Bern'", "1"),
        ("WITH t AS (SELECT city AS c, n, year FROM totals) SELECT n FROM t WHERE c = 'Bern' AND year = 2024", "1"),
        // A part of the key, a range, a choice, two readers: all rows are wanted.
        ("SELECT n FROM totals WHERE city = 'Bern'", "0"),
        ("SELECT n FROM totals WHERE city = 'Bern' AND year >= 2024", "0"),
        ("SELECT n FROM totals WHERE city = 'Bern' AND year IN (2023, 2024)", "0"),
        ("SELECT n FROM totals WHERE city = 'Bern' OR year = 2023", "0"),
        ("SELECT n FROM totals WHERE lower(city) = 'bern' AND year = 2024", "0"),
        ("SELECT max(n) FROM totals HAVING count(*) = 2", "0"),
        (
            "SELECT a.n FROM totals a JOIN totals b ON a.n = b.n AND a.city = b.city WHERE a.city = 'Bern' AND a.year = 2024",
            "0",
        ),
        ("SELECT n FROM totals WHERE city = 'Bern' AND year = 2024 AND n NOT IN (SELECT n + 1 FROM totals)", "0"),
        ("SELECT n FROM totals WHERE city = 'Bern' AND year = 2024 AND NOT EXISTS (SELECT 1 FROM sales)", "0"),
    ] {
        let found = session.query(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(found.epoch, 7);
        assert_eq!(lines(&found.collect().await.unwrap()), [expected], "{query}");
    }
}

#[tokio::test]
async fn a_prepared_query_is_looked_up_with_its_values() {
    let session = session();
    let text = "SELECT n FROM totals WHERE city = $1 AND year = $2";
    let prepared = session.prepare(&crate::testing::parsed(text), &[]).unwrap();
    let values =
        |city: Option<&str>| vec![ScalarValue::Utf8View(city.map(str::to_owned)), ScalarValue::Int64(Some(2024))];
    let found = session.run_prepared(&prepared, values(Some("Bern"))).await.unwrap();
    assert_eq!(lines(&found.collect().await.unwrap()), ["1"]);
    let found = session.run_prepared(&prepared, values(None)).await.unwrap();
    assert_eq!(lines(&found.collect().await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn what_is_nothing_but_a_lookup_needs_no_plan() {
    let session = session();
    let (text, small) = (Some(DataType::Utf8View), Some(DataType::Int16));
    for (query, is_lookup) in [
        ("SELECT n FROM totals WHERE city = $1 AND year = $2", true),
        ("SELECT n AS m FROM totals t WHERE $2 = t.year AND t.city = $1", true),
        ("SELECT n FROM totals WHERE city = $1 AND year = $2 AND n > 0", false),
        ("SELECT n + 1 AS n FROM totals WHERE city = $1 AND year = $2", false),
        ("SELECT n FROM totals WHERE city = $1 AND year > $2", false),
        ("SELECT n FROM totals WHERE city = $1 OR year = $2", false),
        ("SELECT n FROM totals WHERE city = $1 AND city = CAST($2 AS TEXT)", false),
        ("SELECT n FROM totals WHERE city = $1 AND year = $2 LIMIT 1", false),
        ("SELECT max(n) AS n FROM totals WHERE city = $1 AND year = $2", false),
    ] {
        let declared = [text.clone(), small.clone()];
        let prepared = session.prepare(&crate::testing::parsed(query), &declared).unwrap();
        assert_eq!(prepared.is_lookup(), is_lookup, "{query}");
        for (city, expected) in [(Some("Bern"), vec!["1"]), (Some("Rom"), vec![]), (None, vec![])] {
            let values = vec![ScalarValue::Utf8View(city.map(str::to_owned)), ScalarValue::Int16(Some(2024))];
            let found = session.run_prepared(&prepared, values).await.unwrap();
            let found = lines(&found.collect().await.unwrap());
            assert!(!is_lookup || found == expected, "{query}: {found:?}");
        }
    }
}
