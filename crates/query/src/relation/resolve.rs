//! From declarations to resolved relations.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use headwater_format::Format;
use headwater_sql::ast::{self, CreateMaterializedView, CreateStream, CreateView, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText, settings};
use sqlparser::ast::{BinaryOperator, Expr as SqlExpr, Ident};

use super::{Origin, PlainView, Relations, Stream, View, Watermark, timestamp_type};
use crate::plan::key::output_key;
use crate::plan::scope::Scope;
use crate::plan::{Place, diagnose, plan_plain_view, plan_refreshed_view, plan_view};
use crate::rule::RuleSet;
use crate::session::state::planning;
use crate::sqltype::{column_type, sql_name};
use crate::window::interval_us;
use crate::window::relation::constant;
use crate::{Error, Result};

/// Resolves a declared stream.
pub fn stream(create: &CreateStream, source: &SourceText) -> Result<Stream> {
    let settings = create.settings()?;
    let schema = columns(&create.columns, source)?;
    let watermark = match &create.watermark {
        Some(declared) => Some(watermark(declared, &schema, source)?),
        None => None,
    };
    Ok(Stream {
        name: create.name.value.clone(),
        format: match settings.format {
            settings::Format::Json => Format::Json,
            settings::Format::Csv => Format::Csv,
        },
        partitions: settings.partitions,
        partition_key: indices(&create.partition_key, &schema, source)?,
        watermark,
        rules: Arc::new(RuleSet::resolve(&create.rules, &schema, source)?),
        max_future_us: settings.max_future.map(micros),
        idle_timeout: settings.idle_timeout,
        retention: settings.retention,
        archive_retention: settings.archive_retention,
        topic: create.name.value.clone(),
        origin: Origin::Declared,
        schema,
    })
}

/// Plans a view and resolves what stands around its query.
pub fn view(relations: &Relations, create: &CreateMaterializedView, source: &SourceText) -> Result<View> {
    let plan = plan_view(relations, create, source)?;
    let fields = plan
        .schema()
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(View {
        name: create.name.value.clone(),
        key: output_key(&plan),
        rules: Arc::new(RuleSet::resolve(&create.rules, &schema, source)?),
        partition_key: indices(&create.partition_key, &schema, source)?,
        emit: create.emit,
        settings: create.settings()?,
        plan,
        schema,
    })
}

/// As [`columns_of_query`], as a schema.
pub fn columns_of_refreshed(
    relations: &Relations,
    create: &CreateMaterializedView,
    source: &SourceText,
) -> Result<SchemaRef> {
    Ok(Arc::new(Schema::new(columns_of_query(relations, create, source)?)))
}

/// The columns of a view that runs refresh. Any may be NULL: another query of the same columns fits the same table.
pub(super) fn columns_of_query(
    relations: &Relations,
    create: &CreateMaterializedView,
    source: &SourceText,
) -> Result<Vec<Field>> {
    let plan = plan_refreshed_view(relations, create, source)?;
    let fields = plan.schema().fields().iter();
    Ok(fields.map(|field| Field::new(field.name(), field.data_type().clone(), true)).collect())
}

pub(super) fn columns(declared: &[ast::Column], source: &SourceText) -> Result<SchemaRef> {
    let (mut fields, mut refused) = (Vec::with_capacity(declared.len()), Vec::new());
    for column in declared {
        let refuse = |message: String| Diagnostic::new(source.clone(), column.data_type_span, message);
        match column_type(&column.data_type) {
            Ok(Some(arrow)) => fields.push(Field::new(&column.name.value, arrow, !column.not_null)),
            Ok(None) => refused.push(refuse(format!("a column cannot be of type {}", column.data_type)).with_hint(
                "the types are BOOLEAN, SMALLINT, INT, BIGINT, REAL, DOUBLE, DECIMAL(p, s), VARCHAR, DATE and TIMESTAMP",
            )),
            Err(why) => refused.push(refuse(why).with_fault(Fault::NotBuilt)),
        }
    }
    Diagnostics::check(refused)?;
    Ok(Arc::new(Schema::new(fields)))
}

pub(super) fn indices(names: &[Name], schema: &SchemaRef, source: &SourceText) -> Result<Vec<usize>> {
    let (mut found, mut refused) = (Vec::with_capacity(names.len()), Vec::new());
    for name in names {
        match schema.index_of(&name.value) {
            Ok(index) => found.push(index),
            Err(_) => refused.push(no_column(name, schema, source)),
        }
    }
    Diagnostics::check(refused)?;
    Ok(found)
}

fn no_column(name: &Name, schema: &SchemaRef, source: &SourceText) -> Diagnostic {
    let refused = Diagnostic::new(source.clone(), name.span, format!("there is no column {name}"));
    let refused = refused.with_fault(Fault::NoColumn);
    match headwater_sql::nearest(&name.value, schema.fields().iter().map(|field| field.name().as_str())) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused,
    }
}

/// `column`, or `column - INTERVAL 'constant'`. Anything else is refused: a watermark that is no fixed delay behind
/// its column would need a proof that it never goes back.
fn watermark(declared: &ast::Watermark, schema: &SchemaRef, source: &SourceText) -> Result<Watermark> {
    let name = &declared.column;
    let column = schema.index_of(&name.value).map_err(|_| no_column(name, schema, source))?;
    let found = schema.field(column).data_type();
    if *found != timestamp_type() {
        let message = format!("a watermark needs a TIMESTAMP; {name} is of type {}", sql_name(found));
        return Err(Diagnostic::new(source.clone(), name.span, message).with_fault(Fault::Types).into());
    }
    let place = Place::new(source, declared.expression_span);
    let shape = || {
        place
            .refuse("a watermark is its column, or its column less a constant interval")
            .with_hint(format!("write {name} - INTERVAL '5 seconds'"))
    };
    let delay_us = match unnested(&declared.expression) {
        SqlExpr::Identifier(ident) if is_column(ident, name) => 0,
        SqlExpr::BinaryOp { left, op: BinaryOperator::Minus, right } => match unnested(left) {
            SqlExpr::Identifier(ident) if is_column(ident, name) => delay_us(right, &place)?,
            _ => return Err(shape().into()),
        },
        _ => return Err(shape().into()),
    };
    Ok(Watermark { column, delay_us })
}

fn unnested(expr: &SqlExpr) -> &SqlExpr {
    match expr {
        SqlExpr::Nested(inner) => unnested(inner),
        other => other,
    }
}

fn is_column(ident: &Ident, name: &Name) -> bool {
    Name::fold(&ident.value, ident.quote_style.is_some()) == name.value
}

fn delay_us(interval: &SqlExpr, place: &Place<'_>) -> Result<i64> {
    let relations = Relations::new();
    let planned = Scope::new(planning(), &relations).expression(interval.clone(), &DFSchema::empty());
    let planned = planned.map_err(|error| diagnose::planning(&error, place))?;
    let refuse = |message: String| Error::from(place.refuse(format!("the delay of a watermark: {message}")));
    let constant = constant(&planned).ok_or_else(|| refuse("it must be a constant INTERVAL".to_owned()))?;
    match interval_us(&constant).map_err(refuse)? {
        delay_us if delay_us >= 0 => Ok(delay_us),
        _ => Err(refuse("it must not be negative".to_owned())),
    }
}

/// Plans what a view stands for. Its columns may be renamed from the first on.
pub fn plain_view(relations: &Relations, create: &CreateView, source: &SourceText) -> Result<PlainView> {
    let plan = plan_plain_view(relations, create, source)?;
    let schema = Arc::new(plan.schema().as_arrow().clone());
    Ok(PlainView { name: create.name.value.clone(), schema, plan })
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
