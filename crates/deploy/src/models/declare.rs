//! What a statement says of a model, resolved against the relations that its query reads.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_query::model::{Model, Seat, Task};
use headwater_query::relation::{Relations, resolve as relation, store};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{CreateModel, CreateView, Expression, Learned, Method, Name, Training as Written};
use headwater_sql::settings::{CatchUp, Learner, RunSettings};
use headwater_sql::sqlparser::ast::{Expr, Visit, Visitor};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Options, Parsed, SourceText};

use super::columns::feature_type;
use super::{Declared, From, Training, metrics};
use crate::Result;
use crate::schedule::Schedule;

/// What a declared model means.
///
/// # Errors
/// Columns that its query does not have, or that are of types that it can't learn from.
pub fn resolve(create: &CreateModel, parsed: &Parsed, relations: &Relations, generation: u64) -> Result<Declared> {
    let name = create.name.value.clone();
    let (model, from, schedule, runs) = match &create.from {
        Learned::Rows(written) => {
            let view = CreateView {
                name: create.name.clone(),
                existing: create.existing,
                columns: Vec::new(),
                query: written.query.query.clone(),
                query_span: written.query.span,
                query_text: written.query.text.clone(),
            };
            let rows = relation::plain_view(relations, &view, &parsed.source)?;
            let found = Resolving { written, schema: &rows.schema, source: &parsed.source }.resolve(&name)?;
            let schedule = match &written.retrain {
                Some(schedule) => Schedule::resolve(schedule, &parsed.source)?,
                None => Schedule::Manual,
            };
            let runs = found.1.settings.runs.clone();
            (found.0, From::Rows(Box::new(found.1)), schedule, runs)
        }
        Learned::Onnx(options) => {
            let (model, from) = of_file(&name, options)?;
            (model, from, Schedule::Manual, usual_runs())
        }
    };
    Ok(Declared {
        model: Arc::new(model),
        from,
        store: store(&name, generation),
        text: headwater_sql::canonical(&parsed.text).map_err(Diagnostics::from)?,
        schedule,
        runs,
        after: Vec::new(),
        reads: BTreeSet::new(),
        checked: BTreeSet::new(),
    })
}

fn usual_runs() -> RunSettings {
    RunSettings {
        retries: 0,
        retry_delay: std::time::Duration::from_secs(60),
        timeout: None,
        catch_up: CatchUp::Latest,
        pool: None,
    }
}

const TASKS: [(&str, bool); 2] = [("classification", true), ("regression", false)];

/// A model in a file: `(PATH '…', COLUMNS 'a, b', TASK 'classification')`.
fn of_file(name: &str, options: &Options) -> Result<(Model, From), Diagnostics> {
    let mut options = options.clone();
    let path = options.take_text("path")?;
    let path = path.ok_or_else(|| options.missing("path", "PATH 'models/churn.onnx'"))?;
    let columns = options.take_text("columns")?;
    let columns =
        columns.ok_or_else(|| options.missing("columns", "COLUMNS 'tenure, charges', in the file's order"))?;
    let is_class = options.take_choice("task", &TASKS)?;
    let is_class = is_class.ok_or_else(|| options.missing("task", "TASK 'classification' or TASK 'regression'"))?;
    options.finish()?;
    let columns = columns.split(',').map(|column| Field::new(column.trim(), DataType::Float64, true));
    let task = if is_class { Task::Classification(DataType::Utf8View) } else { Task::Regression };
    let model = Model { name: name.to_owned(), inputs: columns.collect(), target: None, task, seat: Seat::default() };
    Ok((model, From::Onnx { path }))
}

struct Resolving<'a> {
    written: &'a Written,
    schema: &'a SchemaRef,
    source: &'a SourceText,
}

impl Resolving<'_> {
    fn resolve(&self, name: &str) -> Result<(Model, Training)> {
        let settings = self.written.settings()?;
        let target = self.written.predict.as_ref().map(|name| self.column(name)).transpose()?;
        let option = |wanted: &Option<String>| wanted.as_ref().map(|name| self.named(name)).transpose();
        let exclude = settings.exclude.iter().map(|name| self.named(name)).collect::<Result<Vec<_>>>()?;
        let time = match option(&settings.time_column)? {
            Some(time) => Some(self.time(time)?),
            None => self.only_time(&exclude),
        };
        let weight = option(&settings.weight_column)?;
        let taken = |at: usize| Some(at) == target || Some(at) == time || Some(at) == weight || exclude.contains(&at);
        let others: Vec<usize> = (0..self.schema.fields().len()).filter(|at| !taken(*at)).collect();
        let mut training = Training {
            query: self.written.query.text.clone(),
            features: others,
            target,
            time,
            weight,
            user: None,
            strength: None,
            promote: None,
            settings,
        };
        let task = self.task(target)?;
        if let Learner::Factorization { user_column, strength_column, .. } = &training.settings.learner {
            let strength = match option(strength_column)? {
                Some(strength) => Some(strength),
                None => training.features.iter().copied().find(|at| self.schema.field(*at).name() == "strength"),
            };
            let user = match option(user_column)? {
                Some(user) => Some(user),
                None => training.features.iter().copied().find(|at| Some(*at) != strength),
            };
            (training.user, training.strength) = (user, strength);
            training.features = user.into_iter().collect();
            self.check_recommendation(&training)?;
        }
        if training.settings.threshold.is_some() && task != Task::Classification(DataType::Boolean) {
            let message = "threshold says from which probability on something is true; PREDICT is no BOOLEAN";
            return Err(Diagnostics::from(self.refuse(self.written.options.span, message)).into());
        }
        training.promote = self.promote(&task)?;
        let inputs = self.inputs(&training, &task)?;
        let target = target.map(|at| self.schema.field(at).name().clone());
        Ok((Model { name: name.to_owned(), inputs, target, task, seat: Seat::default() }, training))
    }

    fn refuse(&self, span: headwater_sql::Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source.clone(), span, message)
    }

    fn column(&self, name: &Name) -> Result<usize> {
        self.schema.index_of(&name.value).map_err(|_| {
            let refused = self.refuse(name.span, format!("the query has no column {name}")).with_fault(Fault::NoColumn);
            let columns = self.schema.fields().iter().map(|field| field.name().as_str());
            Diagnostics::from(match headwater_sql::nearest(&name.value, columns) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused,
            })
            .into()
        })
    }

    /// A column that an option names.
    fn named(&self, name: &str) -> Result<usize> {
        self.column(&Name { value: name.to_owned(), span: self.written.options.span })
    }

    fn time(&self, at: usize) -> Result<usize> {
        let field = self.schema.field(at);
        if matches!(field.data_type(), DataType::Timestamp(..) | DataType::Date32) {
            return Ok(at);
        }
        let message = format!("{} is of type {}, and a time is wanted", field.name(), sql_name(field.data_type()));
        Err(Diagnostics::from(self.refuse(self.written.options.span, message).with_fault(Fault::Types)).into())
    }

    /// The one column with times; none where there are several, which are told to be no features.
    fn only_time(&self, exclude: &[usize]) -> Option<usize> {
        let is_time = |at: &usize| {
            matches!(self.schema.field(*at).data_type(), DataType::Timestamp(..) | DataType::Date32)
                && !exclude.contains(at)
        };
        let mut times = (0..self.schema.fields().len()).filter(is_time);
        times.next().filter(|_| times.next().is_none())
    }

    fn task(&self, target: Option<usize>) -> Result<Task> {
        let of_target = target.map(|at| self.schema.field(at).data_type());
        let refuse = |message: String, hint: &str| -> Result<Task> {
            let span = self.written.predict.as_ref().map_or(self.written.method_span, |name| name.span);
            Err(Diagnostics::from(self.refuse(span, message).with_fault(Fault::Types).with_hint(hint)).into())
        };
        let name = self.written.predict.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        let is_text = |of: &DataType| matches!(of, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
        match (self.written.method, of_target) {
            (Method::MatrixFactorization, None) => {
                refuse("what is recommended is not said".to_owned(), "add PREDICT and the column with the items")
            }
            (Method::MatrixFactorization, Some(_)) => Ok(Task::Recommendation),
            (Method::RandomCutForest, None | Some(DataType::Boolean)) => Ok(Task::Anomaly),
            (Method::RandomCutForest, Some(_)) => refuse(
                format!("{name} doesn't say of a row whether it is an anomaly"),
                "PREDICT a BOOLEAN to judge the model by, or nothing",
            ),
            (_, Some(of)) if *of == DataType::Boolean || is_text(of) => match self.written.method {
                Method::LinearRegression => {
                    refuse(format!("{name} is no number"), "USING logistic_regression tells classes")
                }
                _ => Ok(Task::Classification(feature_type(of).unwrap_or(DataType::Utf8View))),
            },
            (Method::LogisticRegression, Some(of)) if of.is_integer() => Ok(Task::Classification(of.clone())),
            (Method::LogisticRegression, Some(_)) => {
                refuse(format!("{name} is a number, and no class"), "USING linear_regression, or CAST it")
            }
            (_, Some(of)) if of.is_numeric() => Ok(Task::Regression),
            _ => refuse(format!("{name} is of a type that can't be learnt"), "PREDICT a number, a text or a BOOLEAN"),
        }
    }

    fn check_recommendation(&self, training: &Training) -> Result<()> {
        let refuse = |message: &str, hint: &str| {
            let refused = self.refuse(self.written.query.span, message);
            Err(Diagnostics::from(refused.with_hint(hint)).into())
        };
        if training.user.is_none() {
            return refuse("the query has no column with users", "SELECT the user, the item and maybe a strength");
        }
        match training.strength.map(|at| self.schema.field(at).data_type()) {
            Some(of) if !of.is_numeric() => refuse("the strength is no number", "leave it out, or count"),
            _ => Ok(()),
        }
    }

    fn inputs(&self, training: &Training, task: &Task) -> Result<Vec<Field>> {
        if training.features.is_empty() {
            let refused = self.refuse(self.written.query.span, "there is nothing to learn from");
            return Err(Diagnostics::from(refused.with_hint("SELECT more columns than the one that is learnt")).into());
        }
        let (mut inputs, mut refused) = (Vec::new(), Vec::new());
        for at in &training.features {
            let field = self.schema.field(*at);
            let of = match task {
                // Whoever a user is, its text tells.
                Task::Recommendation => Some(DataType::Utf8View),
                _ => feature_type(field.data_type()),
            };
            match of {
                Some(of) => inputs.push(Field::new(field.name(), of, true)),
                None => {
                    let message =
                        format!("{} is of type {}, which is no feature", field.name(), sql_name(field.data_type()));
                    let hint = match field.data_type() {
                        DataType::Timestamp(..) | DataType::Date32 => {
                            "say which time tells how old a row is: WITH (time_column = '…'); leave the others out"
                        }
                        _ => "CAST it to a number or a text, or leave it out: WITH (exclude = '…')",
                    };
                    refused
                        .push(self.refuse(self.written.query.span, message).with_fault(Fault::Types).with_hint(hint));
                }
            }
        }
        Diagnostics::check(refused)?;
        Ok(inputs)
    }

    fn promote(&self, task: &Task) -> Result<Option<String>> {
        let Some(Expression { expression, text, span }) = &self.written.promote else { return Ok(None) };
        let mut unknown = Unknown { known: metrics(task), found: Vec::new() };
        let _ = expression.visit(&mut unknown);
        let Some(name) = unknown.found.first() else { return Ok(Some(text.clone())) };
        let refused = self.refuse(*span, format!("there is no metric {name}")).with_fault(Fault::NoColumn);
        let known = metrics(task).join(", ");
        Err(Diagnostics::from(match headwater_sql::nearest(name, metrics(task).iter().copied()) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused
                .with_hint(format!("there are {known}, and those of the champion, like champion.{}", metrics(task)[0])),
        })
        .into())
    }
}

/// Names in a condition that are no metrics.
struct Unknown {
    known: &'static [&'static str],
    found: Vec<String>,
}

impl Visitor for Unknown {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(one) => Some(one.value.to_ascii_lowercase()),
            Expr::CompoundIdentifier(parts) => match &parts[..] {
                [of, metric] if of.value.eq_ignore_ascii_case("champion") => Some(metric.value.to_ascii_lowercase()),
                parts => Some(parts.iter().map(|part| part.value.clone()).collect::<Vec<_>>().join(".")),
            },
            _ => None,
        };
        self.found.extend(name.filter(|name| !self.known.contains(&name.as_str())));
        ControlFlow::Continue(())
    }
}
