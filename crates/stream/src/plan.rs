//! From views' query plans to one dataflow graph, or a refusal that says why a query can't be kept up to date.
//!
//! Views are added in the order of their dependencies. A view over a view reads its steps directly, in memory.

mod aggregate;
mod asof;
mod facts;
mod history;
mod join;
mod over;
mod panes;
mod session;
mod table;
mod unnest;
mod values;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, Union, Unnest};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;
use headwater_format::Format;
use headwater_query::asof::node::AsofJoin;
use headwater_query::model::is_of_model;
use headwater_query::plan::key::output_key;
use headwater_query::plan::{RelationSource, SystemSource, scanned};
use headwater_query::relation::{Emit, Origin, Place, Relation, Stream, View, Watermark};
use headwater_query::window::session::Session;

use crate::graph::{Graph, Kind, Node, Output, Step, Upstream, key};
use crate::operator::late::{self, Until};
use crate::operator::{pace, retain};
use crate::{Error, Result};
use facts::Fact;
pub use history::{History, history_schema};

/// Builds a graph, relation by relation.
#[derive(Debug, Default)]
pub struct Builder {
    inputs: Vec<Arc<Stream>>,
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    relations: HashMap<String, Flow>,
}

/// How a view that never retracts is kept in the log, as far as its declaration says.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    pub format: Option<Format>,
    pub partitions: Option<u32>,
    /// The declaring statement.
    pub definition: String,
    /// Counts the stores of the view's name: one whose content changed has another.
    pub generation: u64,
    /// How often it was told to begin anew.
    pub resets: u64,
    /// Its rows stay as they are.
    pub paused: bool,
}

/// What flows at some place of the graph.
#[derive(Debug, Clone)]
struct Flow {
    from: Upstream,
    schema: SchemaRef,
    /// What is known of each column.
    facts: Vec<Fact>,
    /// Whether rows may be taken back.
    retracts: bool,
    /// The inputs that all comes from: their watermarks are the time of `facts`.
    inputs: Vec<usize>,
    /// Whether the rows still are rows of the inputs, each with its place in the log, so that one can be late.
    is_placed: bool,
}

impl Builder {
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a declared stream.
    pub fn add_stream(&mut self, stream: &Arc<Stream>) {
        let input = self.inputs.len();
        let mut facts = vec![Fact::None; stream.schema.fields().len()];
        if let Some(watermark) = stream.watermark {
            facts[watermark.column] = Fact::EventTime { delay_us: watermark.delay_us, behind_us: 0 };
        }
        let flow = Flow {
            from: Upstream::Input(input),
            schema: SchemaRef::clone(&stream.schema),
            facts,
            retracts: false,
            inputs: vec![input],
            is_placed: true,
        };
        self.relations.insert(stream.name.clone(), flow);
        self.inputs.push(Arc::clone(stream));
    }

    /// Adds a view over what was added before, and says what it is: a stream when it never retracts, else a view with
    /// its key.
    pub fn add_view(&mut self, view: &View, storage: &Storage) -> Result<Relation> {
        let emit_on_close = view.emit == Some(Emit::OnWindowClose);
        if emit_on_close && view.settings.state_retention.is_some() {
            let message = format!("{}: what is told once is not taken back after a time", view.name);
            return Err(Error::invalid(message).with_hint("leave state_retention out, or EMIT ON WINDOW CLOSE"));
        }
        let mut compile = Compile::of(self, view);
        let mut flow = compile.plan(&view.plan)?;
        let (can_be_late, retains) = (compile.can_be_late, compile.retains);
        check_settings(view, can_be_late, retains, &flow)?;
        if !view.rules.is_empty() {
            if flow.retracts {
                return Err(Error::not_built(format!(
                    "rules on {}, whose rows can change, are not built yet",
                    view.name
                ))
                .with_hint("put the rule on the stream or view that it reads"));
            }
            let from = compile.push("rules", vec![flow.from], Step::Rules(Arc::clone(&view.rules)));
            flow.from = from;
        }
        if let Some(Emit::ChangesEvery(every)) = view.emit {
            compile.pace(&mut flow, every)?;
        }
        check_storage(view, storage, flow.retracts)?;
        let fingerprint = compile.builder.fingerprint(view, storage.resets)?;
        if storage.paused
            && !matches!(flow.from, Upstream::Node(node) if compile.builder.nodes[node].relation == view.name)
        {
            // A step of its own, which can stand still.
            flow.from = compile.push("paused", vec![flow.from], Step::Union(SchemaRef::clone(&view.schema)));
        }
        flow.schema = SchemaRef::clone(&view.schema);
        let (kind, relation) = if flow.retracts {
            let key = output_key(&view.plan);
            let kind = Kind::Keyed { schema: SchemaRef::clone(&view.schema), key: key.clone() };
            (kind, Relation::View(Arc::new(View { key, ..view.clone() })))
        } else {
            let stream = Arc::new(self.derived(view, &flow, storage));
            (Kind::Derived(Arc::clone(&stream)), Relation::Stream(stream))
        };
        let Storage { definition, generation, resets, paused, .. } = storage.clone();
        let relation_name = view.name.clone();
        self.outputs.push(Output {
            relation: relation_name,
            from: flow.from,
            kind,
            fingerprint,
            definition,
            generation,
            resets,
            state_limit: view.settings.state_limit,
            paused,
        });
        self.relations.insert(view.name.clone(), flow);
        Ok(relation)
    }

    fn derived(&self, view: &View, flow: &Flow, storage: &Storage) -> Stream {
        let parents = || flow.inputs.iter().filter(|_| flow.is_placed).map(|input| &self.inputs[*input]);
        // As long as the longest; where one has no end, there is none.
        let longest = |of: fn(&Stream) -> Option<Duration>| {
            parents().map(|stream| of(stream)).reduce(|one, other| Some(one?.max(other?))).flatten()
        };
        let watermark = flow.facts.iter().enumerate().find_map(|(column, fact)| match fact {
            Fact::EventTime { delay_us, .. } if flow.is_placed => Some(Watermark { column, delay_us: *delay_us }),
            _ => None,
        });
        Stream {
            name: view.name.clone(),
            schema: SchemaRef::clone(&view.schema),
            format: storage.format.unwrap_or(Format::Json),
            partitions: storage.partitions.or(parents().map(|stream| stream.partitions).max()).unwrap_or(1),
            partition_key: Vec::new(),
            watermark,
            rules: Arc::default(),
            max_future_us: None,
            idle_timeout: longest(|stream| stream.idle_timeout),
            retention: longest(|stream| stream.retention),
            archive_retention: longest(|stream| stream.archive_retention),
            topic: headwater_query::relation::store(&view.name, storage.generation),
            origin: Origin::Derived { view: view.name.clone() },
        }
    }

    /// The plan's text together with what it reads, and what that reads; two equal ones mean the same rows.
    fn fingerprint(&self, view: &View, resets: u64) -> Result<String> {
        let rules: Vec<String> = view
            .rules
            .rules()
            .iter()
            .map(|rule| format!("{} {:?} {}", rule.name, rule.action, rule.condition))
            .collect();
        let mut text =
            format!("{}\n{:?}\n{}\n{:?}", view.plan.display_indent_schema(), view.emit, rules.join("\n"), view.schema);
        // Only where they are given: a view without them is what it was before there were such.
        if let Some(lateness) = view.settings.lateness {
            text.push_str(&format!("\nlateness {lateness:?}"));
        }
        if let Some(retention) = view.settings.state_retention {
            text.push_str(&format!("\nstate retention {retention:?}"));
        }
        if resets > 0 {
            text.push_str(&format!("\nreset {resets} times"));
        }
        if let Some(bytes) = view.settings.state_limit {
            text.push_str(&format!("\nstate limit {bytes}"));
        }
        // State is kept by these names, and laid out by what the functions are.
        for node in self.nodes.iter().filter(|node| node.relation == view.name) {
            text.push_str(&format!("\n{}", node.id));
            node.step.calls().iter().for_each(|call| text.push_str(&format!(" {:?}", call.function)));
            // A plan shows the first five of such rows.
            if let Step::Values(rows) = &node.step
                && rows.num_rows() > 5
            {
                text.push_str(&format!(" {}", node.step.text()?));
            }
        }
        for read in read_by(view) {
            let name = read.name();
            let view = self.outputs.iter().find(|output| output.relation == name).map(|output| &output.fingerprint);
            let store = match &read {
                Relation::Table(table) => match &table.place {
                    Place::Lake(store) => Some(store),
                    Place::Files(files) => Some(&files.location),
                },
                _ => self.inputs.iter().find(|stream| stream.name == name).map(|stream| &stream.topic),
            };
            text.push_str(&format!("\n{name} {:?}", view.or(store)));
        }
        Ok(key::short(&text))
    }

    /// What each step is, with all that it reads.
    fn give_keys(&mut self) -> Result<()> {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let resets =
                self.outputs.iter().find(|output| output.relation == node.relation).map(|output| output.resets);
            let mut text = format!("{}\n{}\n{}", node.id, resets.unwrap_or(0), node.step.text()?);
            for read in &node.reads {
                match read {
                    Upstream::Node(read) => text.push_str(&format!("\n{}", self.nodes[*read].key)),
                    Upstream::Input(input) => {
                        let Stream { topic, schema, watermark, .. } = self.inputs[*input].as_ref();
                        text.push_str(&format!("\n{topic} {} {watermark:?}", key::columns(schema)));
                    }
                }
            }
            self.nodes[at].key = key::short(&text);
        }
        Ok(())
    }

    /// The graph of all that was added.
    pub fn finish(mut self) -> Result<Graph> {
        aggregate::choose_retractions(&mut self.nodes, &self.outputs);
        self.give_keys()?;
        let stages = self.nodes.iter().map(|node| node.stage).max().unwrap_or(0) + 1;
        Ok(Graph { inputs: self.inputs, nodes: self.nodes, outputs: self.outputs, stages })
    }
}

/// Refuses settings that say nothing about the view's query, or contradict it.
fn check_settings(view: &View, can_be_late: bool, retains: bool, flow: &Flow) -> Result<()> {
    let name = &view.name;
    let refuse = |message: String, hint: &str| Err(Error::invalid(message).with_hint(hint));
    if view.settings.lateness.is_some() && !can_be_late {
        return refuse(
            format!("{name}: no row can be late here, so lateness would change nothing"),
            "leave lateness out; it is for windows, sessions and joins bound in time over streams",
        );
    }
    if view.settings.state_retention.is_some() && !retains {
        return refuse(
            format!("{name}: it reads no stream with an event time, so state_retention would change nothing"),
            "leave state_retention out, or declare WATERMARK FOR a column of the stream",
        );
    }
    if read_by(view).is_empty() {
        return refuse(
            format!("{name} reads no stream, no table and no view"),
            "a view of constants alone is CREATE VIEW",
        );
    }
    if view.emit != Some(Emit::OnWindowClose) {
        return Ok(());
    }
    if flow.retracts || flow.is_placed {
        return refuse(
            format!("{name} has no window that could close"),
            "EMIT ON WINDOW CLOSE needs GROUP BY window_start, window_end over TUMBLE(…) or another window, and no view \
             below that tells its changes EVERY so often",
        );
    }
    Ok(())
}

/// The relations that a view's plan names, each as often as it does.
fn read_by(view: &View) -> Vec<Relation> {
    let mut read = Vec::new();
    // The visitor can't fail.
    let _ = view.plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(source) = scan.source.downcast_ref::<RelationSource>()
        {
            read.push(source.relation.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    read
}

/// The compilation of one view.
struct Compile<'a> {
    builder: &'a mut Builder,
    view: &'a str,
    on_close: bool,
    /// How much longer late rows are taken, and whether there is a step that sorts them out.
    lateness_us: i64,
    can_be_late: bool,
    /// How long rows of streams count, and whether there are such.
    retention_us: Option<i64>,
    retains: bool,
    /// The unnesting of windows whose rows are to be combined before.
    panes: Option<*const Unnest>,
    steps: usize,
}

impl<'a> Compile<'a> {
    fn of(builder: &'a mut Builder, view: &'a View) -> Compile<'a> {
        Compile {
            builder,
            view: &view.name,
            on_close: view.emit == Some(Emit::OnWindowClose),
            lateness_us: view.settings.lateness.map_or(0, |lateness| lateness.as_micros() as i64),
            can_be_late: false,
            retention_us: view.settings.state_retention.map(|retention| retention.as_micros() as i64),
            retains: false,
            panes: None,
            steps: 0,
        }
    }

    fn plan(&mut self, plan: &LogicalPlan) -> Result<Flow> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Projection(projection) => {
                let input = self.plan(&projection.input)?;
                let schema = SchemaRef::clone(projection.schema.inner());
                self.project(input, &projection.expr, projection.input.schema(), schema)
            }
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Window(window) => self.over(window, None),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Aggregate(group) => self.aggregate(group),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Values(values) => self.values(&values.values, &values.schema),
            LogicalPlan::EmptyRelation(empty) if empty.schema.fields().is_empty() => {
                self.values(&vec![Vec::new(); usize::from(empty.produce_one_row)], &empty.schema)
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Extension(_) if AsofJoin::of(plan).is_some() => self.asof(plan),
            LogicalPlan::Extension(_) => match Session::of(plan) {
                Some(session) => self.rows_of_sessions(plan, session),
                None => Err(refuse(self.view, plan)),
            },
            other => Err(refuse(self.view, other)),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Flow> {
        let name = scanned(&scan.table_name);
        if scan.source.is::<SystemSource>() {
            let message = format!("{} reads {}, which nothing can follow", self.view, scan.table_name);
            let hint = "what the node tells of itself is looked at: by a view with REFRESH, an alert EVERY so often, a CREATE VIEW";
            return Err(Error::invalid(message).with_hint(hint));
        }
        let Some(flow) = self.builder.relations.get(&name).cloned() else {
            if let Some(RelationSource { relation: Relation::Table(table) }) = scan.source.downcast_ref() {
                return self.table(table, scan);
            }
            return Err(Error::invalid(format!("{} reads {name}, which is no stream or view of this node", self.view)));
        };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return Err(Error::internal("a view's plan has a filter or a limit inside a scan"));
        }
        let all = || (0..flow.schema.fields().len()).collect();
        let wanted: Vec<usize> = scan.projection.clone().unwrap_or_else(all);
        let time = flow.facts.iter().position(|fact| matches!(fact, Fact::EventTime { .. }));
        match (self.retention_us, time) {
            (Some(retention_us), Some(time)) if flow.is_placed => self.retain(flow, wanted, time, retention_us),
            _ => self.columns(flow, &wanted),
        }
    }

    /// Some columns of a flow.
    fn columns(&mut self, flow: Flow, wanted: &[usize]) -> Result<Flow> {
        if wanted.iter().copied().eq(0..flow.schema.fields().len()) {
            return Ok(flow);
        }
        let schema = Arc::new(flow.schema.project(wanted)?);
        let expressions = wanted
            .iter()
            .map(|index| Arc::new(Column::new(flow.schema.field(*index).name(), *index)) as Arc<dyn PhysicalExpr>)
            .collect();
        let facts = wanted.iter().map(|index| flow.facts[*index].clone()).collect();
        let step = Step::Project { expressions, schema: SchemaRef::clone(&schema) };
        let from = self.push("columns", vec![flow.from], step);
        Ok(Flow { from, schema, facts, ..flow })
    }

    /// Rows of a stream that count for a time, which then no step behind has to bound.
    fn retain(&mut self, flow: Flow, wanted: Vec<usize>, time: usize, retention_us: i64) -> Result<Flow> {
        self.retains = true;
        let mut kept = wanted.clone();
        let place = kept.iter().position(|column| *column == time).unwrap_or_else(|| {
            kept.push(time);
            kept.len() - 1
        });
        let mut flow = self.columns(flow, &kept)?;
        let edge = Arc::new(Column::new(flow.schema.field(place).name(), place));
        let late = late::Plan { edge, until: Until::Time, lateness_us: retention_us };
        flow.from = self.push("in-retention", vec![flow.from], Step::Late(late));
        let schema = SchemaRef::clone(&flow.schema);
        let plan = retain::Plan { schema, time: place, retention_us, inputs: flow.inputs.clone() };
        // Equal rows are kept in one place, so that a checkpoint has them once.
        flow.from = self.push("exchange", vec![flow.from], Step::Exchange { keys: kept.len() });
        flow.from = self.push("retain", vec![flow.from], Step::Retain(plan));
        flow.facts.fill(Fact::None);
        (flow.retracts, flow.is_placed) = (true, false);
        self.columns(flow, &(0..wanted.len()).collect::<Vec<_>>())
    }

    /// Holds back what changes, and tells it from time to time.
    fn pace(&mut self, flow: &mut Flow, every: Duration) -> Result<()> {
        if !flow.retracts {
            let message = format!("{}: its rows never change, so each is told when it comes", self.view);
            let hint = "leave EVERY out; it is for views whose rows change, like aggregations";
            return Err(Error::invalid(message).with_hint(hint));
        }
        // What is given and taken back is added up in one place.
        flow.from = self.push("exchange", vec![flow.from], Step::Exchange { keys: flow.schema.fields().len() });
        let step = Step::Pace(pace::Plan { schema: SchemaRef::clone(&flow.schema), every });
        flow.from = self.push("pace", vec![flow.from], step);
        // By when a window has closed says nothing any more about when its last change has come.
        flow.facts.fill(Fact::None);
        flow.is_placed = false;
        Ok(())
    }

    fn union(&mut self, union: &Union) -> Result<Flow> {
        let flows = union.inputs.iter().map(|input| self.plan(input)).collect::<Result<Vec<_>>>()?;
        let schema = SchemaRef::clone(union.schema.inner());
        let retracts = flows.iter().any(|flow| flow.retracts);
        let is_placed = flows.iter().all(|flow| flow.is_placed);
        // Of rows with a place in the log some may be late, which only shows as long as all have theirs.
        let is_timed = is_placed || flows.iter().all(|flow| !flow.is_placed);
        let of_all = |at: usize| facts::of_all(flows.iter().map(|flow| &flow.facts[at]));
        let columns = 0..schema.fields().len();
        let facts = columns.map(|at| if is_timed { of_all(at) } else { Fact::None }).collect();
        let inputs = joined(flows.iter().map(|flow| &flow.inputs));
        let step = Step::Union(SchemaRef::clone(&schema));
        let from = self.push("union", flows.iter().map(|flow| flow.from).collect(), step);
        Ok(Flow { from, schema, facts, retracts, inputs, is_placed })
    }

    /// What a model says of a row is another thing once it was trained anew: a row that it was said of can't be taken back.
    fn check_models<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>, input: &Flow) -> Result<()> {
        let asked = exprs.into_iter().filter(|_| input.retracts).find_map(is_of_model);
        let Some(model) = asked else { return Ok(()) };
        let message = format!("{}: {model} would score rows that can be taken back", self.view);
        Err(Error::invalid(message).with_hint(
            "score rows of a stream, or of a view that never takes one back; what changes is scored when it is asked for: \
             by CREATE VIEW, or a view with REFRESH",
        ))
    }

    fn project(&mut self, input: Flow, list: &[Expr], over: &DFSchema, schema: SchemaRef) -> Result<Flow> {
        self.check_models(list, &input)?;
        let expressions = list.iter().map(|each| physical(each, over)).collect::<Result<Vec<_>>>()?;
        let facts = list.iter().map(|each| facts::of(each, over, &input.facts)).collect();
        let step = Step::Project { expressions, schema: SchemaRef::clone(&schema) };
        let from = self.push("project", vec![input.from], step);
        Ok(Flow { from, schema, facts, ..input })
    }

    /// Sorts out the rows of a flow that come too late.
    fn sort_out(&mut self, what: &str, flow: &mut Flow, edge: Arc<dyn PhysicalExpr>, until: Until) {
        self.can_be_late = true;
        let plan = late::Plan { edge, until, lateness_us: self.lateness_us };
        flow.from = self.push(what, vec![flow.from], Step::Late(plan));
    }

    fn push(&mut self, what: &str, reads: Vec<Upstream>, step: Step) -> Upstream {
        let nodes = &self.builder.nodes;
        let behind = |upstream: &Upstream| match upstream {
            Upstream::Input(_) => 0,
            Upstream::Node(node) => {
                nodes[*node].stage + usize::from(matches!(nodes[*node].step, Step::Exchange { .. }))
            }
        };
        let stage = reads.iter().map(behind).max().unwrap_or(0);
        let id = format!("{}/{}-{what}", self.view, self.steps);
        self.steps += 1;
        self.builder.nodes.push(Node { id, relation: self.view.to_owned(), reads, step, stage, key: String::new() });
        Upstream::Node(self.builder.nodes.len() - 1)
    }
}

/// All inputs of several flows.
fn joined<'a>(inputs: impl Iterator<Item = &'a Vec<usize>>) -> Vec<usize> {
    let all: std::collections::BTreeSet<usize> = inputs.flatten().copied().collect();
    all.into_iter().collect()
}

/// The columns that expressions over others give, without names of their own.
fn columns_of(expressions: &[Arc<dyn PhysicalExpr>], over: &DFSchema) -> Result<SchemaRef> {
    let fields = expressions.iter().enumerate().map(|(at, each)| {
        let (data_type, nullable) = (each.data_type(over.as_arrow())?, each.nullable(over.as_arrow())?);
        Ok(Field::new(format!("column_{at}"), data_type, nullable))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

fn physical(expr: &Expr, over: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    create_physical_expr(expr, over, &ExecutionProps::new(), &PhysicalPlanningContext::default())
        .map_err(|error| Error::not_built(format!("{expr} can't be kept up to date: {}", error.strip_backtrace())))
}

/// Refuses what a view's declaration says of its storage and nothing here would keep.
fn check_storage(view: &View, storage: &Storage, retracts: bool) -> Result<()> {
    if !view.partition_key.is_empty() {
        return Err(Error::not_built(format!("{}: PARTITION KEY on a view is not built yet", view.name))
            .with_hint("leave it out: rows of a derived stream stay in the partition of the row they come from"));
    }
    if retracts && (storage.format.is_some() || storage.partitions.is_some()) {
        return Err(Error::invalid(format!("{} is kept by key, so it has no format and no partitions", view.name))
            .with_hint("leave the options out; they are for views that never take a row back"));
    }
    Ok(())
}

fn refuse(view: &str, plan: &LogicalPlan) -> Error {
    let (what, hint) = match plan {
        LogicalPlan::Sort(_) => ("ORDER BY", "a view is a set of rows; order them in the query that reads it"),
        LogicalPlan::Distinct(_) => ("DISTINCT", "use GROUP BY over the same columns"),
        LogicalPlan::Subquery(_) => {
            ("a subquery in FROM that names what stands before it (LATERAL)", "write it as a join")
        }
        LogicalPlan::RecursiveQuery(_) => ("a recursive query", "run it as a query instead"),
        _ => ("a part", "this part of SQL can't be maintained yet"),
    };
    Error::not_built(format!("{view} can't be kept up to date: its query has {what}")).with_hint(hint)
}
