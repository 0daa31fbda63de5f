//! Random views of the kinds that can be kept up to date, each over the stream or over one before it.

use headwater_base::random::Random;

use super::expression::{Column, Expressions, Kind, pick};

/// Where a query names the relation that it reads.
pub const RELATION: &str = "{relation}";
/// Around a window function, for what batch must leave out.
pub const WINDOWS: [&str; 2] = ["{windows}", "{end of windows}"];

/// A view of a story.
#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    pub reads: String,
    /// With [`RELATION`] for what it reads.
    pub query: String,
    /// What kind of query it is.
    pub what: &'static str,
    columns: Vec<Column>,
    /// Its rows are rows of the stream, with `id` and `at`: windows may be laid over it.
    is_stream: bool,
    /// Its rows name windows by this column: windows may be laid over that.
    edge: Option<String>,
    /// It may have many more rows than what it reads.
    is_large: bool,
    /// It tells windows once, when the watermark comes so to their end.
    closes: Option<&'static str>,
    /// For how many seconds more it takes late rows.
    lateness_s: u64,
    /// For how many seconds rows of the stream count.
    retention_s: Option<u64>,
    /// It tells its changes so often only.
    every_ms: Option<u64>,
}

impl View {
    /// What it reads in batch: the rows that count at a watermark, less those that came too late.
    pub fn remaining(&self, late: &[String], watermark_us: i64) -> Option<String> {
        let late = (!late.is_empty()).then(|| format!("id NOT IN ({})", late.join(",")));
        let retained = self.retention_s.map(|seconds| {
            let from_us = watermark_us.saturating_sub(seconds as i64 * 1_000_000);
            format!("CAST(at AS BIGINT) >= {from_us}")
        });
        let conditions: Vec<String> = late.into_iter().chain(retained).collect();
        (!conditions.is_empty()).then(|| format!("SELECT * FROM {} WHERE {}", self.reads, conditions.join(" AND ")))
    }

    /// How it is kept, beside by its query.
    pub fn ways(&self) -> impl Iterator<Item = &'static str> {
        let (retention, pace) = (self.retention_s.map(|_| "retention"), self.every_ms.map(|_| "pace"));
        retention.into_iter().chain(pace)
    }

    /// Its query in batch, less the windows that a watermark has not closed.
    pub fn closed(&self, query: String, watermark_us: i64) -> String {
        match (self.closes, &self.edge) {
            (Some(compared), Some(edge)) => {
                let until_us = watermark_us.saturating_sub(self.lateness_s as i64 * 1_000_000);
                format!("SELECT * FROM ({query}) AS q WHERE CAST({edge} AS BIGINT) {compared} {until_us}")
            }
            _ => query,
        }
    }

    pub fn declaration(&self) -> String {
        let plain = WINDOWS.iter().fold(self.query.clone(), |query, mark| query.replace(mark, ""));
        let emit = match (self.closes, self.every_ms) {
            (Some(_), _) => " EMIT ON WINDOW CLOSE".to_owned(),
            (None, Some(every_ms)) => format!(" EMIT CHANGES EVERY INTERVAL '{every_ms} ms'"),
            (None, None) => String::new(),
        };
        let with = match (self.lateness_s, self.retention_s) {
            (0, None) => String::new(),
            (_, Some(seconds)) => format!(" WITH (state_retention = '{seconds} seconds')"),
            (seconds, _) => format!(" WITH (lateness = '{seconds} seconds')"),
        };
        format!("CREATE MATERIALIZED VIEW {}{with} AS {}{emit};\n", self.name, plain.replace(RELATION, &self.reads))
    }
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), kind, is_inexact: false }
}

/// The stream of the tests as something to read.
fn events() -> View {
    let columns = vec![
        column("id", Kind::Integer),
        column("at", Kind::Time),
        column("k", Kind::Text),
        column("g", Kind::Integer),
        column("v", Kind::Integer),
        column("price", Kind::Decimal),
        column("x", Kind::Float),
    ];
    View {
        name: "events".to_owned(),
        reads: String::new(),
        query: String::new(),
        what: "stream",
        columns,
        is_stream: true,
        edge: None,
        is_large: false,
        closes: None,
        lateness_s: 0,
        retention_s: None,
        every_ms: None,
    }
}

/// The table of the tests as something to read.
fn things() -> View {
    let columns = vec![
        column("id", Kind::Integer),
        column("k", Kind::Text),
        column("g", Kind::Integer),
        column("price", Kind::Decimal),
    ];
    View { name: "things".to_owned(), what: "table", columns, is_stream: false, ..events() }
}

/// Some views; each may be read by those after it.
pub fn views(random: &mut Random) -> Vec<View> {
    let mut views = vec![events(), things()];
    for number in 0..3 + random.below(4) {
        let over = if random.chance(1, 3) { 0 } else { random.below(views.len() as u64) as usize };
        let mut view = Generator { random, number, over: &views[over], has_order: false }.view();
        let may_retain = views[over].is_stream && view.closes.is_none() && !view.what.ends_with("sessions");
        if may_retain && random.chance(1, 5) {
            view.retention_s = Some(5 + random.below(60));
            (view.lateness_s, view.is_stream) = (0, false);
        }
        views.push(view);
    }
    views.drain(..2);
    let names: Vec<String> = views.iter().map(|view| view.reads.clone()).collect();
    // What is told late closes no windows of others.
    for view in views.iter_mut().filter(|view| !view.is_stream && view.closes.is_none()) {
        view.every_ms = (!names.contains(&view.name) && random.chance(1, 5)).then(|| 1 + random.below(40));
    }
    views
}

struct Generator<'a> {
    random: &'a mut Random,
    number: u64,
    over: &'a View,
    /// Batch sorts by the order of one aggregate only, so a query has one.
    has_order: bool,
}

/// A column of a SELECT, and its expression.
struct Item {
    column: Column,
    expression: String,
}

impl Generator<'_> {
    fn view(mut self) -> View {
        // Most of the others name a column that can be compared.
        if self.exact().is_empty() {
            return self.grouped(false);
        }
        match self.random.below(26) {
            0 | 1 => self.projection(),
            2 => self.distinct(),
            8 => self.union(),
            // Pairs of pairs of pairs are too many.
            9 | 10 if !self.over.is_large => self.join(),
            19 | 20 if !self.over.is_large => self.subquery(),
            21 if self.over.is_stream && !self.over.is_large => self.versions(),
            22 | 23 if !self.over.is_large => self.lookup(),
            24 | 25 if self.over.is_stream || self.over.edge.is_some() => self.ranked_windows(),
            17 | 18 if self.over.is_stream && !self.over.is_large => self.timed_join(),
            3..6 | 11 if self.over.is_stream || self.over.edge.is_some() => self.grouped(true),
            12 if self.over.is_stream => self.sessions(),
            13 | 14 => self.over(),
            15 => self.first_of_each(),
            16 => self.first_of_all(),
            _ => self.grouped(false),
        }
    }

    fn expression(&mut self, kind: Kind, depth: u32) -> String {
        // What differs in its last digits may only be handed on.
        let columns: Vec<Column> = self.over.columns.iter().filter(|each| !each.is_inexact).cloned().collect();
        Expressions { random: self.random, columns: &columns }.of(kind, depth)
    }

    fn filter(&mut self, word: &str) -> String {
        if self.random.chance(1, 2) {
            return String::new();
        }
        format!(" {word} {}", self.expression(Kind::Boolean, 3))
    }

    fn item(&mut self, at: usize, kinds: &[Kind]) -> Item {
        let kind = pick(self.random, kinds);
        let depth = 1 + self.random.below(3) as u32;
        let column = Column { is_inexact: false, ..column(&format!("c{}_{at}", self.number), kind) };
        Item { expression: self.expression(kind, depth), column }
    }

    /// What rows are grouped by. Batch can't have two keys that differ in nothing but a cast, so that is not asked for.
    fn key(&mut self, at: usize, is_only_one: bool) -> Item {
        loop {
            let key = self.item(at, KEYS);
            if is_only_one || !(key.expression.starts_with("CAST(") || key.expression.starts_with("TRY_CAST(")) {
                return key;
            }
        }
    }

    fn made(&self, what: &'static str, query: String, columns: Vec<Column>, is_stream: bool) -> View {
        let (name, reads) = (format!("view_{}", self.number), self.over.name.clone());
        View {
            name,
            reads,
            query,
            what,
            columns,
            is_stream,
            edge: None,
            is_large: self.over.is_large,
            closes: None,
            lateness_s: 0,
            retention_s: None,
            every_ms: None,
        }
    }

    /// Rows one by one. Over a stream they keep `id` and `at`, over groups their exact columns come first: rows are
    /// sorted to be compared.
    fn projection(&mut self) -> View {
        let kept: Vec<Column> = if self.over.is_stream {
            self.over.columns.iter().take(2).cloned().collect()
        } else {
            self.over.columns.clone()
        };
        let mut items: Vec<Item> =
            kept.into_iter().map(|column| Item { expression: column.name.clone(), column }).collect();
        for at in 0..1 + self.random.below(4) as usize {
            let kinds = [Kind::Integer, Kind::Decimal, Kind::Float, Kind::Text, Kind::Boolean, Kind::Time];
            items.push(self.item(at, &kinds));
        }
        items.sort_by_key(|item| item.column.is_inexact);
        let filter = self.filter("WHERE");
        let from = if self.random.chance(1, 4) {
            let inner = self.filter("WHERE");
            format!("(SELECT * FROM {RELATION}{inner}) AS inner_rows")
        } else {
            RELATION.to_owned()
        };
        let (list, columns) = listed(items);
        let made = self.made("projection", format!("SELECT {list} FROM {from}{filter}"), columns, self.over.is_stream);
        View { edge: self.over.edge.clone(), ..made }
    }

    /// Rows of a relation with those of the same one, all ways of joining them.
    fn join(&mut self) -> View {
        let exact = self.exact();
        let (left, right) = (side(&exact, "l"), side(&exact, "r"));
        let both = [left.clone(), right.clone()].concat();
        let kind =
            pick(self.random, &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]);
        let mut on = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let of = pick(self.random, KEYS);
            let sides = [&left, &right].map(|columns| Expressions { random: self.random, columns }.of(of, 1));
            on.push(format!("{} = {}", sides[0], sides[1]));
        }
        if self.random.chance(1, 2) {
            on.push(Expressions { random: self.random, columns: &both }.of(Kind::Boolean, 2));
        }
        let shown = if kind.contains("SEMI") || kind.contains("ANTI") { &left } else { &both };
        let mut items = Vec::new();
        for at in 0..1 + self.random.below(4) as usize {
            let of = pick(self.random, &[Kind::Integer, Kind::Decimal, Kind::Text, Kind::Boolean, Kind::Time]);
            let expression = Expressions { random: self.random, columns: shown }.of(of, 1);
            items.push(Item { column: column(&format!("c{}_{at}", self.number), of), expression });
        }
        let (list, columns) = listed(items);
        let from = format!("{RELATION} AS l {kind} {RELATION} AS r ON {}", on.join(" AND "));
        View { is_large: true, ..self.made("join", format!("SELECT {list} FROM {from}"), columns, false) }
    }

    /// Rows of a relation with those of the table.
    fn lookup(&mut self) -> View {
        let kind = pick(self.random, &["JOIN", "LEFT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]);
        let (left, right) = (side(&self.exact(), "l"), side(&things().columns, "r"));
        let both = [left.clone(), right.clone()].concat();
        let of = pick(self.random, &[Kind::Integer, Kind::Text]);
        let [one, other] = [&left, &right].map(|columns| Expressions { random: self.random, columns }.of(of, 1));
        let shown = if kind.contains("SEMI") || kind.contains("ANTI") { &left } else { &both };
        let mut items = Vec::new();
        for at in 0..1 + self.random.below(4) as usize {
            let of = pick(self.random, &[Kind::Integer, Kind::Decimal, Kind::Text, Kind::Boolean]);
            let expression = Expressions { random: self.random, columns: shown }.of(of, 1);
            items.push(Item { column: column(&format!("c{}_{at}", self.number), of), expression });
        }
        let (list, columns) = listed(items);
        let from = format!("{RELATION} AS l {kind} things AS r ON {one} = {other}");
        View { is_large: true, ..self.made("lookup", format!("SELECT {list} FROM {from}"), columns, false) }
    }

    /// Rows of a stream, each with the last one of another key before it.
    fn versions(&mut self) -> View {
        let exact = self.exact();
        let (left, right) = (side(&exact, "l"), side(&exact, "r"));
        let both = [left.clone(), right.clone()].concat();
        let of = pick(self.random, KEYS);
        let keys = [&left, &right].map(|columns| Expressions { random: self.random, columns }.of(of, 1));
        let edge = format!("w{}", self.number);
        let mut items = vec![Item { column: column(&edge, Kind::Time), expression: "l.at".to_owned() }];
        for (at, each) in both.iter().enumerate() {
            let column = Column { name: format!("c{}_{at}", self.number), ..each.clone() };
            items.push(Item { column, expression: each.name.clone() });
        }
        let (list, columns) = listed(items);
        let compared = pick(self.random, &[">=", ">"]);
        let filter = self.filter("WHERE");
        // What is inexact stays out: it would decide between rows of one time.
        let names: Vec<&str> = exact.iter().map(|each| each.name.as_str()).collect();
        let inner = format!("(SELECT {} FROM {RELATION}{filter}) AS r", names.join(", "));
        let from = format!("{RELATION} AS l ASOF JOIN {inner} MATCH_CONDITION (l.at {compared} r.at)");
        let made =
            self.made("versions", format!("SELECT {list} FROM {from} ON {} = {}", keys[0], keys[1]), columns, false);
        View { edge: Some(edge), lateness_s: self.lateness(), ..made }
    }

    /// Rows of a relation that others of it say something about.
    fn subquery(&mut self) -> View {
        let exact = self.exact();
        let (outer, inner) = (side(&exact, "l"), side(&exact, "r"));
        let of = pick(self.random, KEYS);
        let [value, other] = [&outer, &inner].map(|columns| Expressions { random: self.random, columns }.of(of, 1));
        let mut filter = Expressions { random: self.random, columns: &inner }.of(Kind::Boolean, 2);
        if self.random.chance(1, 3) {
            filter = format!("{filter} AND r.{0} = l.{0}", exact[0].name);
        }
        let inner_from = format!("FROM {RELATION} AS r WHERE {filter}");
        let condition = match self.random.below(5) {
            0 => format!("{value} IN (SELECT {other} {inner_from})"),
            1 => format!("{value} NOT IN (SELECT {other} {inner_from})"),
            2 => {
                let word = pick(self.random, &["EXISTS", "NOT EXISTS"]);
                format!("{word} (SELECT 1 {inner_from} AND {value} = {other})")
            }
            3 => {
                let or = Expressions { random: self.random, columns: &outer }.of(Kind::Boolean, 2);
                format!("(EXISTS (SELECT 1 {inner_from} AND {value} = {other}) OR {or})")
            }
            _ => {
                let function = pick(self.random, &["min", "max", "count"]);
                let compared = if function == "count" { "1".to_owned() } else { value };
                format!("{compared} <= (SELECT {function}({other}) {inner_from})")
            }
        };
        let mut items = Vec::new();
        for (at, each) in outer.iter().enumerate() {
            let column = Column { name: format!("c{}_{at}", self.number), ..each.clone() };
            items.push(Item { column, expression: each.name.clone() });
        }
        let (list, columns) = listed(items);
        self.made("subquery", format!("SELECT {list} FROM {RELATION} AS l WHERE {condition}"), columns, false)
    }

    /// Rows of a stream that come together: within some time of each other, or in one window.
    fn timed_join(&mut self) -> View {
        let exact = self.exact();
        let (left, right) = (side(&exact, "l"), side(&exact, "r"));
        let both = [left.clone(), right.clone()].concat();
        let kind = pick(self.random, &["JOIN", "LEFT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]);
        let of = pick(self.random, KEYS);
        let sides = [&left, &right].map(|columns| Expressions { random: self.random, columns }.of(of, 1));
        let mut on = vec![format!("{} = {}", sides[0], sides[1])];
        if self.random.chance(1, 3) {
            on.push(Expressions { random: self.random, columns: &both }.of(Kind::Boolean, 2));
        }
        let (from, time) = if self.random.chance(1, 2) {
            let windows = self.windows();
            on.push("l.window_start = r.window_start AND l.window_end = r.window_end".to_owned());
            let one = |name: &str| format!("(SELECT * FROM {windows}) AS {name}");
            (format!("{} {kind} {}", one("l"), one("r")), "l.window_end")
        } else {
            let (before, after) = (self.random.below(20), self.random.below(30));
            on.push(format!("r.at BETWEEN l.at - INTERVAL '{before} seconds' AND l.at + INTERVAL '{after} seconds'"));
            (format!("{RELATION} AS l {kind} {RELATION} AS r"), "l.at")
        };
        let shown = if kind.contains("SEMI") || kind.contains("ANTI") { &left } else { &both };
        let edge = format!("w{}", self.number);
        let mut items = vec![Item { column: column(&edge, Kind::Time), expression: time.to_owned() }];
        for at in 0..1 + self.random.below(3) as usize {
            let of = pick(self.random, &[Kind::Integer, Kind::Decimal, Kind::Text, Kind::Boolean, Kind::Time]);
            let expression = Expressions { random: self.random, columns: shown }.of(of, 1);
            items.push(Item { column: column(&format!("c{}_{at}", self.number), of), expression });
        }
        let (list, columns) = listed(items);
        let made =
            self.made("timed join", format!("SELECT {list} FROM {from} ON {}", on.join(" AND ")), columns, false);
        View { edge: Some(edge), is_large: true, lateness_s: self.lateness(), ..made }
    }

    /// Rows of several queries over one relation. Over a stream they keep `id` and `at`, so that windows can be laid over
    /// them.
    fn union(&mut self) -> View {
        let all = [Kind::Integer, Kind::Decimal, Kind::Float, Kind::Text, Kind::Boolean, Kind::Time];
        let kinds: Vec<Kind> = (0..1 + self.random.below(3)).map(|_| pick(self.random, &all)).collect();
        let is_distinct = self.random.chance(1, 3);
        let kept = if self.over.is_stream && !is_distinct { 2 } else { 0 };
        let mut columns = Vec::new();
        let parts: Vec<String> = (0..2 + self.random.below(2))
            .map(|_| {
                let kept = self.over.columns.iter().take(kept).cloned();
                let mut items: Vec<Item> =
                    kept.map(|column| Item { expression: column.name.clone(), column }).collect();
                items.extend(kinds.iter().enumerate().map(|(at, kind)| self.item(at, &[*kind])));
                let filter = self.filter("WHERE");
                let list;
                (list, columns) = listed(items);
                format!("SELECT {list} FROM {RELATION}{filter}")
            })
            .collect();
        let mut parts = parts;
        if kept == 0 && self.random.chance(1, 3) {
            let rows = (0..1 + self.random.below(2)).map(|_| {
                let values = kinds.iter().map(|kind| Expressions { random: self.random, columns: &[] }.of(*kind, 1));
                format!("({})", values.collect::<Vec<_>>().join(", "))
            });
            let rows: Vec<String> = rows.collect();
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            parts.push(format!("SELECT * FROM (VALUES {}) AS v({})", rows.join(", "), names.join(", ")));
        }
        let word = if is_distinct { " UNION " } else { " UNION ALL " };
        self.made("union", parts.join(word), columns, kept > 0)
    }

    fn distinct(&mut self) -> View {
        let count = 1 + self.random.below(2) as usize;
        let items = (0..count).map(|at| self.key(at, count == 1)).collect();
        let filter = self.filter("WHERE");
        let (list, columns) = listed(items);
        self.made("distinct", format!("SELECT DISTINCT {list} FROM {RELATION}{filter}"), columns, false)
    }

    fn grouped(&mut self, windowed: bool) -> View {
        let mut items = Vec::new();
        let mut keys = Vec::new();
        let mut from = RELATION.to_owned();
        let (mut named_edge, mut closes) = (None, None);
        if windowed {
            from = self.windows();
            if self.over.is_stream && self.random.chance(1, 3) {
                closes = Some("<=");
            }
            let edges: &[&str] = if closes.is_some() { &["window_end"] } else { &["window_start", "window_end"] };
            let edge = pick(self.random, edges);
            let renamed = column(&format!("w{}", self.number), Kind::Time);
            named_edge = Some(renamed.name.clone());
            items.push(Item { column: renamed, expression: edge.to_owned() });
            keys.extend(["window_start".to_owned(), "window_end".to_owned()]);
        }
        let named = self.random.below(3) as usize;
        for at in 0..named {
            items.push(self.key(at, named == 1));
            keys.push(items.len().to_string());
        }
        if named > 0 && self.random.chance(1, 4) {
            keys.truncate(keys.len() - named);
            let last: Vec<String> = items[items.len() - named..].iter().map(|item| item.expression.clone()).collect();
            let last = last.join(", ");
            keys.push(match self.random.below(3) {
                0 => format!("ROLLUP ({last})"),
                1 => format!("CUBE ({last})"),
                _ => format!("GROUPING SETS (({last}), ())"),
            });
        }
        for at in 0..1 + self.random.below(5) as usize {
            items.push(self.call(named + at));
        }
        items.sort_by_key(|item| item.column.is_inexact);
        let filter = self.filter("WHERE");
        let group = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        let having = if keys.is_empty() || self.random.chance(2, 3) { String::new() } else { self.having() };
        let (list, columns) = listed(items);
        let made = self.made(
            if windowed { "windows" } else { "groups" },
            format!("SELECT {list} FROM {from}{filter}{group}{having}"),
            columns,
            false,
        );
        let lateness_s = if windowed && self.over.is_stream { self.lateness() } else { 0 };
        View { edge: named_edge, closes, lateness_s, ..made }
    }

    fn lateness(&mut self) -> u64 {
        if self.random.chance(1, 3) { 1 + self.random.below(40) } else { 0 }
    }

    /// A window function over the relation's time.
    fn windows(&mut self) -> String {
        let time = self.over.edge.clone().unwrap_or_else(|| "at".to_owned());
        let (step, steps) = (1 + self.random.below(40), 1 + self.random.below(4));
        let call = match self.random.below(5) {
            0 | 1 => format!("TUMBLE({RELATION}, {time}, INTERVAL '{step} seconds')"),
            2 | 3 => {
                let size = (step * steps).saturating_sub(self.random.below(3)).max(1);
                format!("HOP({RELATION}, {time}, INTERVAL '{step} seconds', INTERVAL '{size} seconds')")
            }
            _ => {
                let size = step * steps;
                format!("CUMULATE({RELATION}, {time}, INTERVAL '{step} seconds', INTERVAL '{size} seconds')")
            }
        };
        let [begin, end] = WINDOWS;
        format!("{begin}{call}{end}")
    }

    /// Groups of rows that follow each other.
    fn sessions(&mut self) -> View {
        let exact = self.over.columns.iter().filter(|each| !each.is_inexact && KEYS.contains(&each.kind));
        let mut keys: Vec<Column> = exact.filter(|each| each.name != "id").cloned().collect();
        keys.truncate(self.random.below(3) as usize);
        let gap = 1 + self.random.below(50);
        let mut items: Vec<Item> =
            keys.iter().map(|key| Item { expression: key.name.clone(), column: key.clone() }).collect();
        items.push(Item {
            column: column(&format!("s{}", self.number), Kind::Time),
            expression: "window_start".to_owned(),
        });
        items.push(Item {
            column: column(&format!("w{}", self.number), Kind::Time),
            expression: "window_end".to_owned(),
        });
        let is_of_rows = self.random.chance(1, 3);
        for at in 0..1 + self.random.below(4) as usize {
            items.push(if is_of_rows {
                self.item(at, &[Kind::Integer, Kind::Text, Kind::Decimal])
            } else {
                self.call(at)
            });
        }
        items.sort_by_key(|item| item.column.is_inexact);
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let parted = if names.is_empty() { String::new() } else { format!(", PARTITION BY {}", names.join(", ")) };
        let filter = self.filter("WHERE");
        let from = format!("SESSION((SELECT * FROM {RELATION}{filter}), at, INTERVAL '{gap} seconds'{parted})");
        // Some sessions are of several groups, or several of one, or seen in part.
        let part = if self.random.chance(1, 4) { self.filter("WHERE") } else { String::new() };
        let mut groups: Vec<&str> = names.iter().copied().chain(["window_start", "window_end"]).collect();
        if self.random.chance(1, 4) {
            items.retain(|item| !names.contains(&item.expression.as_str()) || item.expression == names[0]);
            groups.retain(|group| !names.contains(group) || *group == names[0]);
        }
        let halves = self.over.columns.iter().any(|each| each.name == "g");
        if halves && !is_of_rows && self.random.chance(1, 4) {
            groups.push("g % 2");
        }
        let (list, columns) = listed(items);
        let grouped = if is_of_rows { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) };
        let what = if is_of_rows { "rows of sessions" } else { "sessions" };
        let made = self.made(what, format!("SELECT {list} FROM {from}{part}{grouped}"), columns, false);
        let closes = self.random.chance(1, 3).then_some("<");
        View { edge: Some(format!("w{}", self.number)), closes, lateness_s: self.lateness(), ..made }
    }

    fn exact(&self) -> Vec<Column> {
        self.over.columns.iter().filter(|each| !each.is_inexact).cloned().collect()
    }

    /// An order of rows in which equal ones are equal in all that is shown. Nothing else may depend on it.
    fn total_order(&mut self) -> String {
        let first = self.expression(Kind::Integer, 1);
        let how = pick(self.random, &["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        let all: Vec<String> = self.exact().into_iter().map(|each| each.name).collect();
        format!("{first} + 0{how}, {}", all.join(", "))
    }

    fn partition(&mut self) -> String {
        if self.random.chance(1, 4) {
            return String::new();
        }
        let kind = pick(self.random, KEYS);
        format!("PARTITION BY {} ", self.expression(kind, 1))
    }

    /// Functions over the rows of a partition.
    fn over(&mut self) -> View {
        let kept = self.exact().into_iter();
        let mut items: Vec<Item> = kept.map(|column| Item { expression: column.name.clone(), column }).collect();
        let (partition, order) = (self.partition(), self.total_order());
        for at in 0..1 + self.random.below(3) as usize {
            let (kind, call) = self.over_call();
            let frame = match self.random.below(4) {
                0 => " ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING",
                1 => " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                2 => " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                _ => "",
            };
            let column = column(&format!("c{}_{at}", self.number), kind);
            items.push(Item { column, expression: format!("{call} OVER ({partition}ORDER BY {order}{frame})") });
        }
        // The same whichever of equal rows comes first, and by another order.
        let loose = self.expression(Kind::Integer, 1);
        let function = pick(self.random, &["rank()", "dense_rank()", "count(*)", "sum(1)"]);
        let expression = format!("CAST({function} OVER ({partition}ORDER BY {loose} + 0) AS BIGINT)");
        items.push(Item { column: column(&format!("r{}", self.number), Kind::Integer), expression });
        let (list, columns) = listed(items);
        let filter = self.filter("WHERE");
        self.made("over", format!("SELECT {list} FROM {RELATION}{filter}"), columns, false)
    }

    fn over_call(&mut self) -> (Kind, String) {
        let kind = pick(self.random, &[Kind::Integer, Kind::Text, Kind::Decimal, Kind::Time]);
        let of = self.expression(kind, 1);
        match self.random.below(8) {
            0 => (kind, format!("lag({of})")),
            1 => (kind, format!("lead({of}, 2)")),
            2 => (kind, format!("first_value({of})")),
            3 => (kind, format!("nth_value({of}, 2)")),
            4 => (Kind::Integer, format!("sum({})", self.expression(Kind::Integer, 1))),
            5 => (kind, format!("{}({of})", pick(self.random, &["min", "max"]))),
            6 => (Kind::Integer, format!("count({of})")),
            _ => (Kind::Text, format!("max({})", self.expression(Kind::Text, 2))),
        }
    }

    /// The first rows of each partition.
    fn first_of_each(&mut self) -> View {
        let columns = self.exact();
        let names: Vec<&str> = columns.iter().map(|each| each.name.as_str()).collect();
        let (partition, order) = (self.partition(), self.total_order());
        let number = 1 + self.random.below(4);
        let compared = pick(self.random, &["<=", "=", "<"]);
        let list = names.join(", ");
        let ranked = format!("SELECT {list}, row_number() OVER ({partition}ORDER BY {order}) AS rn FROM {RELATION}");
        let shown = columns.iter().map(|each| format!("{} AS f{}_{}", each.name, self.number, each.name));
        let shown: Vec<String> = shown.collect();
        let renamed =
            columns.iter().map(|each| Column { name: format!("f{}_{}", self.number, each.name), ..each.clone() });
        let renamed = renamed.collect();
        let query = format!("SELECT {} FROM ({ranked}) AS ranked WHERE rn {compared} {number}", shown.join(", "));
        self.made("first of each", query, renamed, false)
    }

    /// The first rows of each window, and of each key in it.
    fn ranked_windows(&mut self) -> View {
        let windows = self.windows();
        let renamed = column(&format!("w{}", self.number), Kind::Time);
        let edge = renamed.name.clone();
        let mut items = vec![Item { column: renamed, expression: "window_end".to_owned() }];
        for (at, each) in self.exact().into_iter().enumerate() {
            let column = Column { name: format!("c{}_{at}", self.number), ..each.clone() };
            items.push(Item { column, expression: each.name });
        }
        let order = self.total_order();
        let key = if self.random.chance(1, 2) {
            let kind = pick(self.random, KEYS);
            format!(", {}", self.expression(kind, 1))
        } else {
            String::new()
        };
        let filter = self.filter("WHERE");
        let number = 1 + self.random.below(4);
        let ranked = format!(
            "SELECT *, row_number() OVER (PARTITION BY window_start, window_end{key} ORDER BY {order}) AS rn FROM {windows}{filter}"
        );
        let closes = (self.over.is_stream && self.random.chance(1, 2)).then_some("<=");
        let lateness_s = if self.over.is_stream { self.lateness() } else { 0 };
        let (list, columns) = listed(items);
        let query = format!("SELECT {list} FROM ({ranked}) AS ranked WHERE rn <= {number}");
        let made = self.made("ranked windows", query, columns, false);
        View { edge: Some(edge), closes, lateness_s, ..made }
    }

    fn first_of_all(&mut self) -> View {
        let columns = self.exact();
        let (list, columns) =
            listed(columns.into_iter().map(|column| Item { expression: column.name.clone(), column }).collect());
        let (order, number) = (self.total_order(), 1 + self.random.below(6));
        let limit = match self.random.below(4) {
            0 => format!("LIMIT {number} OFFSET {}", 1 + self.random.below(5)),
            1 => format!("OFFSET {}", self.random.below(9)),
            _ => format!("LIMIT {number}"),
        };
        let query = format!("SELECT {list} FROM {RELATION} ORDER BY {order} {limit}");
        self.made("first of all", query, columns, false)
    }

    fn having(&mut self) -> String {
        let number = self.random.below(20);
        match self.random.below(4) {
            0 => format!(" HAVING count(*) > {}", number / 4),
            1 => format!(" HAVING sum({}) >= {number}", self.expression(Kind::Integer, 2)),
            2 => format!(" HAVING count({}) % 2 = 0", self.expression(Kind::Text, 1)),
            _ => format!(" HAVING sum({}) IS NOT NULL OR count(*) < {number}", self.expression(Kind::Decimal, 1)),
        }
    }

    /// An aggregate function. Sums of floats depend on their order in the last digits.
    fn call(&mut self, at: usize) -> Item {
        let (call, kind) = match self.random.below(16) {
            0 => ("count(*)".to_owned(), Kind::Integer),
            1 => {
                let counted = pick(self.random, &[Kind::Integer, Kind::Text, Kind::Boolean, Kind::Time, Kind::Float]);
                (format!("count({})", self.expression(counted, 2)), Kind::Integer)
            }
            2 | 3 => (format!("sum({})", self.expression(Kind::Integer, 2)), Kind::Integer),
            4 => (format!("sum({})", self.expression(Kind::Decimal, 2)), Kind::Decimal),
            5 => (format!("avg({})", self.expression(Kind::Integer, 2)), Kind::Float),
            6 => (format!("avg({})", self.expression(Kind::Decimal, 2)), Kind::Decimal),
            7..9 => {
                let function = pick(self.random, &["sum", "avg", "stddev", "var_pop"]);
                (format!("{function}({})", self.expression(Kind::Float, 2)), Kind::Float)
            }
            9..13 => {
                let of = pick(self.random, &[Kind::Integer, Kind::Text, Kind::Time, Kind::Decimal, Kind::Float]);
                let function = pick(self.random, &["min", "max"]);
                let distinct = pick(self.random, &["", "", "DISTINCT "]);
                let call = format!("{function}({distinct}{})", self.expression(of, 2));
                return self.filtered(at, call, of, false);
            }
            13 => {
                let of = pick(self.random, &[Kind::Integer, Kind::Text, Kind::Boolean, Kind::Time, Kind::Decimal]);
                (format!("count(DISTINCT {})", self.expression(of, 2)), Kind::Integer)
            }
            14 if self.random.chance(1, 2) => {
                let of = pick(self.random, &[Kind::Integer, Kind::Text]);
                (format!("approx_distinct({})", self.expression(of, 2)), Kind::Decimal)
            }
            14 => {
                let function = pick(self.random, &["sum(DISTINCT ", "median(", "bit_xor(", "bit_and("]);
                let kind = if function == "median(" { Kind::Float } else { Kind::Integer };
                (format!("{function}{})", self.expression(Kind::Integer, 2)), kind)
            }
            _ if self.has_order => (format!("bool_and({})", self.expression(Kind::Boolean, 2)), Kind::Boolean),
            _ => self.of_ordered_values(),
        };
        self.filtered(at, call, kind, kind == Kind::Float)
    }

    /// A function whose result follows from the order of values: they are ordered by all that it sees of them.
    fn of_ordered_values(&mut self) -> (String, Kind) {
        self.has_order = true;
        let (text, number) = (self.expression(Kind::Text, 2), self.expression(Kind::Integer, 2));
        let order = pick(self.random, &["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        match self.random.below(2) {
            0 => (format!("string_agg({text}, '-' ORDER BY {text}{order})"), Kind::Text),
            _ => (format!("first_value({text} ORDER BY {number} + 0{order}, {text})"), Kind::Text),
        }
    }

    fn filtered(&mut self, at: usize, call: String, kind: Kind, is_inexact: bool) -> Item {
        let filter = if self.random.chance(1, 3) {
            format!(" FILTER (WHERE {})", self.expression(Kind::Boolean, 2))
        } else {
            String::new()
        };
        let column = Column { is_inexact, ..column(&format!("a{}_{at}", self.number), kind) };
        Item { column, expression: format!("{call}{filter}") }
    }
}

/// Types by which rows are grouped.
const KEYS: &[Kind] = &[Kind::Text, Kind::Integer, Kind::Boolean, Kind::Decimal];

fn listed(items: Vec<Item>) -> (String, Vec<Column>) {
    let list = items.iter().map(|item| format!("{} AS {}", item.expression, item.column.name)).collect::<Vec<_>>();
    (list.join(", "), items.into_iter().map(|item| item.column).collect())
}

/// Columns as those of a side of a join.
fn side(columns: &[Column], name: &str) -> Vec<Column> {
    columns.iter().map(|each| Column { name: format!("{name}.{}", each.name), ..each.clone() }).collect()
}
