//! Prepared queries that are nothing but a lookup: `SELECT columns FROM view WHERE key = $1`, with all columns of the
//! key. They are answered without making a plan for each run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use futures::{StreamExt, stream};

use super::{is_text, row};
use crate::provide::Snapshots;
use crate::provide::view::LiveTable;
use crate::relation::View;
use crate::session::QueryResult;
use crate::{Error, Result};

/// How a query finds its row.
#[derive(Debug)]
pub struct Direct {
    view: Arc<View>,
    /// A value for each column of the key, in its order.
    key: Vec<Given>,
    /// Columns of the view that are shown.
    columns: Vec<usize>,
    schema: SchemaRef,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
enum Given {
    /// Counted from 0.
    Parameter(usize),
    Literal(ScalarValue),
}

impl Direct {
    /// `None`: the query is more than that, or not that.
    pub fn of(plan: &LogicalPlan) -> Option<Direct> {
        let LogicalPlan::Projection(projection) = plan else { return None };
        let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return None };
        let mut input = filter.input.as_ref();
        while let LogicalPlan::SubqueryAlias(alias) = input {
            input = alias.input.as_ref();
        }
        let LogicalPlan::TableScan(scan) = input else { return None };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return None;
        }
        let provider = source_as_provider(&scan.source).ok()?;
        let view = Arc::clone(provider.downcast_ref::<LiveTable>()?.keyed()?);
        let columns = projection.expr.iter().map(|shown| column(shown, &view)).collect::<Option<Vec<_>>>()?;
        let conditions = split_conjunction(&filter.predicate);
        if conditions.len() != view.key.len() {
            return None;
        }
        let given = |column: &usize| conditions.iter().find_map(|condition| given(condition, *column, &view));
        let key = view.key.iter().map(given).collect::<Option<Vec<_>>>()?;
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let types = columns.iter().map(|column| view.schema.field(*column).data_type());
        let same = schema.fields().iter().map(|field| field.data_type()).eq(types);
        same.then_some(Direct { view, key, columns, schema })
    }

    /// The row under a key. `None`: the usual way must be gone, which has the reason.
    pub fn find(&self, snapshots: &dyn Snapshots, parameters: &[ScalarValue]) -> Result<Option<QueryResult>> {
        let mut values = Vec::with_capacity(self.key.len());
        for (given, column) in self.key.iter().zip(&self.view.key) {
            let value = match given {
                Given::Parameter(number) => parameters.get(*number),
                Given::Literal(value) => Some(value),
            };
            let wanted = self.view.schema.field(*column).data_type();
            match value.map(|value| value.cast_to(wanted)) {
                // Nothing equals NULL, and what does not fit is told by the usual way.
                Some(Ok(value)) if !value.is_null() => values.push(value),
                _ => return Ok(None),
            }
        }
        let Some(key) = row(&self.view, &values) else { return Ok(None) };
        let point = snapshots.read_point_of(&self.view.name, &key)?;
        if point.stopped.contains_key(&self.view.name) {
            return Ok(None);
        }
        let mut found = Vec::new();
        for batch in point.views.rows(&self.view.name)? {
            found.extend(
                (0..batch.num_rows()).filter(|at| self.is_it(&batch, *at, &values)).map(|at| batch.slice(at, 1)),
            );
        }
        let shown = found.iter().map(|row| {
            let columns = self.columns.iter().map(|column| Arc::clone(row.column(*column))).collect();
            RecordBatch::try_new(Arc::clone(&self.schema), columns)
        });
        let shown = shown.collect::<Result<Vec<_>, _>>().and_then(|rows| concat_batches(&self.schema, &rows));
        let shown = shown.map_err(|error| Error::Internal(format!("a row of {}: {error}", self.view.name)))?;
        let batches = if shown.num_rows() == 0 { Vec::new() } else { vec![Ok(shown)] };
        Ok(Some(QueryResult {
            schema: Arc::clone(&self.schema),
            epoch: point.epoch,
            as_of_us: point.as_of_us,
            query: None,
            plan: None,
            batches: stream::iter(batches).boxed(),
        }))
    }

    fn is_it(&self, batch: &RecordBatch, row: usize, values: &[ScalarValue]) -> bool {
        self.view.key.iter().zip(values).all(|(column, value)| {
            ScalarValue::try_from_array(batch.column(*column), row).is_ok_and(|found| found == *value)
        })
    }
}

/// The view's column that an expression is and nothing more.
fn column(expr: &Expr, view: &View) -> Option<usize> {
    match expr {
        Expr::Column(Column { name, .. }) => view.schema.index_of(name).ok(),
        Expr::Alias(alias) => column(&alias.expr, view),
        _ => None,
    }
}

/// What a condition says that a column of the key is.
fn given(condition: &Expr, wanted: usize, view: &View) -> Option<Given> {
    let Expr::BinaryExpr(compared) = condition else { return None };
    if compared.op != Operator::Eq {
        return None;
    }
    let field = view.schema.field(wanted);
    // Zero is one number with two encodings.
    if field.data_type().is_floating() {
        return None;
    }
    let (left, right) = (compared.left.as_ref(), compared.right.as_ref());
    [(left, right), (right, left)].into_iter().find_map(|(name, given)| {
        (matches!(name, Expr::Column(_)) && column(name, view) == Some(wanted))
            .then(|| value(given, field.data_type()))?
    })
}

/// A parameter or a literal, perhaps cast to the column's type without loss.
fn value(expr: &Expr, wanted: &DataType) -> Option<Given> {
    match expr {
        Expr::Placeholder(placeholder) => {
            let number = placeholder.id.strip_prefix('$')?.parse::<usize>().ok()?;
            let declared = placeholder.field.as_ref()?.data_type();
            widens(declared, wanted).then_some(Given::Parameter(number.checked_sub(1)?))
        }
        Expr::Literal(literal, _) => widens(&literal.data_type(), wanted).then(|| Given::Literal(literal.clone())),
        Expr::Cast(cast) if cast.field.data_type() == wanted => value(&cast.expr, wanted),
        _ => None,
    }
}

/// Whether every value of one type is one of the other.
fn widens(from: &DataType, to: &DataType) -> bool {
    let signed = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    let place = |kind: &DataType| signed.iter().position(|each| each == kind);
    from == to
        || (is_text(from) && is_text(to))
        || place(from).zip(place(to)).is_some_and(|(narrow, wide)| narrow <= wide)
}
