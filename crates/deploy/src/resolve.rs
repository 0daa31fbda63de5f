//! What statements mean together: relations, one dataflow graph, sources and sinks. Pure: no network, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use headwater_catalog::{Definition, Definitions, Graph, Known, Object, Owner};
use headwater_query::relation::{Relation, Relations, resolve as relation, store, table};
use headwater_sql::ast::{
    CreateConnection, CreateDashboard, CreateExperiment, CreateFeatureView, CreateMaterializedView, CreateStream,
    Refresh,
};
use headwater_sql::settings::ViewSettings;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, Span, Statement};
use headwater_stream::graph::Graph as Dataflow;
use headwater_stream::plan::{Builder, Storage};

use crate::alerts;
use crate::charts::{self, Chart};
use crate::expectations::{self, Suites};
use crate::experiments::{self, Exposures};
use crate::refreshes::{self, Order, Refreshes};
use crate::sinks::{self, Outside};
use crate::sources::{self, Declared as DeclaredSource};
use crate::{Error, Result, system};
use crate::{features, models};

/// A statement that defines something, and whose it is.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub parsed: Parsed,
    pub owner: Owner,
    /// As [`headwater_catalog::Definition::comments`].
    pub comments: BTreeMap<String, String>,
}

/// Everything that is declared.
#[derive(Debug, Clone)]
pub struct Declared {
    pub relations: Arc<Relations>,
    pub graph: Arc<Dataflow>,
    /// Enabled or not, in the order of the files.
    pub sources: Vec<DeclaredSource>,
    pub sinks: Vec<sinks::Declared>,
    pub alerts: Vec<Arc<alerts::Declared>>,
    /// Views that runs refresh, each after those that it reads.
    pub refreshes: Vec<Refreshes>,
    pub suites: Vec<Suites>,
    /// Feature views that runs compute.
    pub features: Vec<features::Scheduled>,
    pub models: Vec<models::Declared>,
    pub experiments: Vec<Arc<experiments::Declared>>,
    /// Connections and secrets.
    pub outside: Outside,
    pub charts: Vec<Chart>,
    pub dashboards: Vec<CreateDashboard>,
}

/// Statements whose names are settled, each after all that it depends on.
#[derive(Debug, Clone)]
pub struct Named {
    objects: Vec<Object>,
}

/// Resolves the statements of a project, as if nothing was there yet. All that is wrong with independent statements is
/// reported together.
pub fn resolve(statements: Vec<Parsed>) -> Result<Declared> {
    Named::of(project(statements))?.declare(&Definitions::default())
}

/// Statements as the project's.
pub fn project(statements: Vec<Parsed>) -> Vec<Declaration> {
    let comments = BTreeMap::new();
    statements
        .into_iter()
        .map(|parsed| Declaration { parsed, owner: Owner::Project, comments: comments.clone() })
        .collect()
}

impl Declaration {
    pub fn of(object: &Object) -> Declaration {
        let Object { parsed, definition } = object.clone();
        Declaration { parsed, owner: definition.owner, comments: definition.comments }
    }
}

impl Named {
    /// Settles who reads whom.
    pub fn of(declarations: Vec<Declaration>) -> Result<Named> {
        let mut told: BTreeMap<String, (Owner, BTreeMap<String, String>)> = BTreeMap::new();
        let mut statements = Vec::with_capacity(declarations.len());
        for Declaration { parsed, owner, comments } in declarations {
            if let Some(name) = parsed.statement.defines() {
                told.entry(name.value.clone()).or_insert((owner, comments));
            }
            statements.push(parsed);
        }
        let mut objects = Graph::of(statements, Owner::Project, &Known::default())?.into_objects();
        for Object { definition, .. } in &mut objects {
            let Some((owner, mut comments)) = told.remove(&definition.name) else { continue };
            // What stands among the statements comes after what was said before.
            comments.append(&mut definition.comments);
            (definition.owner, definition.comments) = (owner, comments);
        }
        Ok(Named { objects })
    }

    /// For the catalog.
    pub fn definitions(&self) -> Vec<Definition> {
        self.objects.iter().map(|object| object.definition.clone()).collect()
    }

    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// What they mean, each with the store that `stores` gives it.
    pub fn declare(&self, stores: &Definitions) -> Result<Declared> {
        let mut wrong = Vec::new();
        let mut draft = Draft { relations: Relations::beside(system::relations()), ..Draft::default() };
        let mut failed: Vec<&str> = Vec::new();
        for Object { definition, parsed } in &self.objects {
            let kept = stores.get(&definition.name).map(Kept::of).unwrap_or_default();
            // What reads a broken relation can only be wrong in ways that say nothing new.
            if definition.depends_on.iter().any(|read| failed.contains(&read.as_str())) {
                failed.push(&definition.name);
            } else if let Err(error) = draft.add(parsed, kept) {
                failed.push(&definition.name);
                wrong.extend(diagnostics(error, parsed)?.0);
            } else {
                wrong.extend(comments_on_nothing(definition, parsed, &draft.relations));
            }
        }
        Diagnostics::check(wrong)?;
        let Draft {
            relations,
            builder,
            sources,
            sinks,
            alerts,
            mut refreshes,
            suites,
            mut features,
            mut models,
            mut experiments,
            outside,
            charts,
            dashboards,
        } = draft;
        let runs = refreshes.iter().map(|one| &one.table.name).chain(features.iter().map(|one| &one.view.name));
        let order = Order::of(runs.cloned().collect(), &self.objects);
        for one in &mut refreshes {
            (one.after, one.reads) = order.of_object(&one.table.name);
        }
        for one in &mut features {
            (one.after, one.reads) = order.of_object(&one.view.name);
        }
        for one in &mut models {
            (one.after, one.reads) = order.of_object(&one.model.name);
            one.checked = order.names_of(&one.model.name);
        }
        experiments::order(&mut experiments, &self.objects);
        let (relations, graph) = (Arc::new(relations), Arc::new(builder.finish()?));
        Ok(Declared {
            relations,
            graph,
            sources,
            sinks,
            alerts,
            refreshes,
            suites,
            features,
            models,
            experiments,
            outside,
            charts,
            dashboards,
        })
    }
}

/// Comments on columns that are not there.
fn comments_on_nothing(definition: &Definition, parsed: &Parsed, relations: &Relations) -> Vec<Diagnostic> {
    let Some(relation) = relations.get(&definition.name) else { return Vec::new() };
    let columns = definition.comments.keys().filter(|column| !column.is_empty());
    let missing = columns.filter(|column| relation.schema().index_of(column).is_err());
    let span = parsed.statement.defines().map_or(parsed.span, |name| name.span);
    let refuse = |column: &String| {
        let message = format!("there is a comment on column {column}, which {} does not have", definition.name);
        Diagnostic::new(parsed.source.clone(), span, message).with_fault(Fault::NoColumn)
    };
    missing.map(refuse).collect()
}

/// An error of one statement as diagnostics that point into it; errors that are not the statement's stay errors.
fn diagnostics(error: Error, parsed: &Parsed) -> Result<Diagnostics> {
    match error {
        Error::Sql(diagnostics) | Error::Query(headwater_query::Error::Sql(diagnostics)) => Ok(diagnostics),
        Error::Stream(error @ (headwater_stream::Error::Invalid { .. } | headwater_stream::Error::NotBuilt { .. })) => {
            let fault = match error {
                headwater_stream::Error::NotBuilt { .. } => Fault::NotBuilt,
                _ => Fault::Meaning,
            };
            let hint = error.hint().map(str::to_owned);
            let diagnostic = Diagnostic::new(parsed.source.clone(), query_span(parsed), error.to_string());
            let diagnostic = diagnostic.with_fault(fault);
            Ok(match hint {
                Some(hint) => diagnostic.with_hint(hint).into(),
                None => diagnostic.into(),
            })
        }
        other => Err(other),
    }
}

/// What is declared so far.
#[derive(Default)]
struct Draft {
    relations: Relations,
    builder: Builder,
    sources: Vec<DeclaredSource>,
    sinks: Vec<sinks::Declared>,
    alerts: Vec<Arc<alerts::Declared>>,
    refreshes: Vec<Refreshes>,
    suites: Vec<Suites>,
    features: Vec<features::Scheduled>,
    models: Vec<models::Declared>,
    experiments: Vec<Arc<experiments::Declared>>,
    outside: Outside,
    charts: Vec<Chart>,
    dashboards: Vec<CreateDashboard>,
}

/// What is known of an object beside its statement.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    generation: u64,
    resets: u64,
    paused: bool,
}

impl Kept {
    fn of(stored: &Definition) -> Kept {
        Kept { generation: stored.generation, resets: stored.resets, paused: stored.paused }
    }

    fn storage(self, settings: Option<&ViewSettings>, parsed: &Parsed) -> Storage {
        Storage {
            format: settings.and_then(|settings| settings.format).map(sources::format),
            partitions: settings.and_then(|settings| settings.partitions),
            definition: parsed.text.clone(),
            generation: self.generation,
            resets: self.resets,
            paused: self.paused,
        }
    }
}

impl Draft {
    fn add(&mut self, parsed: &Parsed, kept: Kept) -> Result<()> {
        let generation = kept.generation;
        match &parsed.statement {
            Statement::CreateStream(create) => self.add_stream(create, parsed, generation)?,
            Statement::CreateMaterializedView(create) => match &create.refresh {
                Refresh::Continuous => self.add_view(create, parsed, kept)?,
                Refresh::Scheduled(schedule) => {
                    let refresh = refreshes::resolve(create, schedule, parsed, &self.relations, generation)?;
                    check_columns(&refresh.table.schema, create.query_span, parsed)?;
                    self.relations.add(Relation::Table(Arc::clone(&refresh.table)));
                    self.refreshes.push(Refreshes { is_paused: kept.paused, ..refresh });
                }
            },
            Statement::CreateView(create) => {
                let view = relation::plain_view(&self.relations, create, &parsed.source)?;
                self.relations.add(Relation::PlainView(Arc::new(view)));
            }
            Statement::CreateTable(create) => {
                let table = table::lake(create, generation, &parsed.source)?;
                check_columns(&table.schema, create.name.span, parsed)?;
                self.relations.add(Relation::Table(Arc::new(table)));
            }
            Statement::CreateExternalTable(create) => {
                self.relations.add(Relation::Table(Arc::new(table::external(create, &parsed.source)?)));
            }
            Statement::CreateSource(create) => {
                self.sources.push(sources::resolve(create, parsed, &self.relations)?);
            }
            Statement::CreateSink(create) => {
                self.sinks.push(sinks::resolve(create, parsed, &self.relations, &self.outside)?);
            }
            Statement::CreateAlert(create) => {
                if create.schedule.is_some() {
                    let view = relation::plain_view(&self.relations, &create.as_view(), &parsed.source)?;
                    self.relations.add(Relation::PlainView(Arc::new(view)));
                } else {
                    self.add_view(&create.rows, parsed, kept)?;
                }
                let alert = alerts::resolve(create, parsed, &self.relations, &self.outside)?;
                self.alerts.push(Arc::new(alert));
            }
            Statement::CreateConnection(create) => self.add_connection(create, parsed)?,
            Statement::CreateSecret(create) => {
                self.outside.secrets.insert(create.name.value.clone(), create.from.clone());
            }
            Statement::CreateChart(create) => self.charts.push(charts::resolve(create, parsed, &self.relations)?),
            // The graph has looked up the charts.
            Statement::CreateDashboard(create) => self.dashboards.push(create.clone()),
            Statement::CreateExpectations(create) => {
                self.suites.push(expectations::resolve(create, parsed, &self.relations)?);
            }
            Statement::CreateFeatureView(create) => self.add_feature_view(create, parsed, kept)?,
            Statement::CreateModel(create) => {
                let model = models::resolve(create, parsed, &self.relations, generation)?;
                self.relations.add_model(Arc::clone(&model.model));
                self.models.push(model);
            }
            Statement::CreateExperiment(create) => self.add_experiment(create, parsed, generation)?,
            // The graph has refused what defines nothing.
            _ => {}
        }
        Ok(())
    }

    fn add_connection(&mut self, create: &CreateConnection, parsed: &Parsed) -> Result<()> {
        let name = create.name.value.clone();
        if create.kind.value == "smtp" {
            self.outside.mail.insert(name, alerts::mail(create)?);
        } else {
            self.outside.connections.insert(name, sinks::connection(create, parsed)?);
        }
        Ok(())
    }

    fn add_stream(&mut self, create: &CreateStream, parsed: &Parsed, generation: u64) -> Result<()> {
        let mut stream = relation::stream(create, &parsed.source)?;
        stream.topic = store(&stream.name, generation);
        let stream = Arc::new(stream);
        check_columns(&stream.schema, create.name.span, parsed)?;
        self.builder.add_stream(&stream);
        self.relations.add_stream(stream);
        Ok(())
    }

    fn add_feature_view(&mut self, create: &CreateFeatureView, parsed: &Parsed, kept: Kept) -> Result<()> {
        let settings = match create.rows.refresh {
            Refresh::Continuous => Some(create.rows.settings()?),
            Refresh::Scheduled(_) => None,
        };
        let storage = kept.storage(settings.as_ref(), parsed);
        self.features.extend(features::resolve(create, parsed, &mut self.relations, &mut self.builder, &storage)?);
        Ok(())
    }

    fn add_experiment(&mut self, create: &CreateExperiment, parsed: &Parsed, generation: u64) -> Result<()> {
        let declared = experiments::resolve(create, parsed, &self.relations, &self.experiments, generation)?;
        if let Exposures::Own(stream) = &declared.exposures {
            self.builder.add_stream(stream);
            self.relations.add_stream(Arc::clone(stream));
        }
        self.experiments.push(Arc::new(declared));
        let assigning = self.experiments.iter().map(|experiment| Arc::clone(&experiment.assigning));
        self.relations.add_function(experiments::assign::function(assigning));
        Ok(())
    }

    fn add_view(&mut self, create: &CreateMaterializedView, parsed: &Parsed, kept: Kept) -> Result<()> {
        let view = relation::view(&self.relations, create, &parsed.source)?;
        let storage = kept.storage(Some(&create.settings()?), parsed);
        let added = self.builder.add_view(&view, &storage)?;
        if let Relation::Stream(stream) = &added {
            check_columns(&stream.schema, create.query_span, parsed)?;
        }
        self.relations.add(added);
        Ok(())
    }
}

/// What could not be archived is told before anything is made.
fn check_columns(columns: &SchemaRef, span: Span, parsed: &Parsed) -> Result<()> {
    headwater_lake::check_columns(columns)
        .map_err(|refused| Diagnostics::from(Diagnostic::new(parsed.source.clone(), span, refused.to_string())).into())
}

/// The part of a statement that an engine's refusal is about.
fn query_span(parsed: &Parsed) -> Span {
    match &parsed.statement {
        Statement::CreateMaterializedView(create) => create.query_span,
        Statement::CreateView(create) => create.query_span,
        Statement::CreateAlert(create) => create.rows.query_span,
        Statement::CreateFeatureView(create) => create.rows.query_span,
        _ => parsed.span,
    }
}
