//! Joins: each side's keys and columns, an exchange by key, and the join behind them.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, NullEquality};
use datafusion::logical_expr::logical_plan as logical;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::facts::Fact;
use super::{Compile, Flow, physical};
use crate::graph::{Step, Upstream};
use crate::operator::join::{Kind, Plan, check_types};
use crate::{Error, Result};

impl Compile<'_> {
    pub(super) fn join(&mut self, join: &logical::Join) -> Result<Flow> {
        if self.on_close {
            return Err(Error::not_built(format!("{}: EMIT ON WINDOW CLOSE of a join is not built yet", self.view)));
        }
        let kind = self.kind(join)?;
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let left = self.side("left", &join.left, &left_keys)?;
        let right = self.side("right", &join.right, &right_keys)?;
        let pairs = join.left.schema().join(join.right.schema())?;
        let filter = join.filter.as_ref().map(|filter| physical(filter, &pairs)).transpose()?;
        let retracts = left.retracts || right.retracts || kind.changes_its_mind();
        let schema = SchemaRef::clone(join.schema.inner());
        let plan = Plan {
            keys: join.on.len(),
            left: left.columns,
            right: right.columns,
            filter,
            pairs: SchemaRef::clone(pairs.inner()),
            output: SchemaRef::clone(&schema),
            kind,
            null_equals_null: join.null_equality == NullEquality::NullEqualsNull,
            retracts,
        };
        let from = self.push("join", vec![left.from, right.from], Step::Join(plan));
        let facts = vec![Fact::None; schema.fields().len()];
        Ok(Flow { from, schema, facts, retracts, inputs: Vec::new() })
    }

    fn kind(&self, join: &logical::Join) -> Result<Kind> {
        if join.null_aware {
            return Err(self
                .unbuilt("NOT IN over a subquery")
                .with_hint("use NOT EXISTS, or LEFT JOIN … WHERE … IS NULL"));
        }
        Ok(match join.join_type {
            JoinType::Inner => Kind::Pairs { lonely: [false, false] },
            JoinType::Left => Kind::Pairs { lonely: [true, false] },
            JoinType::Right => Kind::Pairs { lonely: [false, true] },
            JoinType::Full => Kind::Pairs { lonely: [true, true] },
            JoinType::LeftSemi => Kind::One { side: 0, meets: true },
            JoinType::LeftAnti => Kind::One { side: 0, meets: false },
            JoinType::RightSemi => Kind::One { side: 1, meets: true },
            JoinType::RightAnti => Kind::One { side: 1, meets: false },
            JoinType::LeftMark | JoinType::RightMark => {
                return Err(self.unbuilt("a subquery that is no condition by itself"));
            }
        })
    }

    /// A side's keys and then all its columns, sent to the workers that own the keys.
    fn side(&mut self, what: &str, plan: &LogicalPlan, keys: &[Expr]) -> Result<Exchanged> {
        let input = self.plan(plan)?;
        let over: &DFSchema = plan.schema();
        let mut expressions = keys.iter().map(|key| physical(key, over)).collect::<Result<Vec<_>>>()?;
        let columns = over.fields().iter().enumerate();
        expressions.extend(columns.map(|(at, field)| Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>));
        let fields = expressions.iter().enumerate().map(|(at, each)| {
            let (data_type, nullable) = (each.data_type(over.as_arrow())?, each.nullable(over.as_arrow())?);
            Ok(Field::new(format!("column_{at}"), data_type, nullable))
        });
        let columns: SchemaRef = Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?));
        check_types(&columns)?;
        let step = Step::Project { expressions, schema: SchemaRef::clone(&columns) };
        let from = self.push(&format!("{what}-columns"), vec![input.from], step);
        let from = self.push(&format!("{what}-exchange"), vec![from], Step::Exchange { keys: keys.len() });
        Ok(Exchanged { from, columns, retracts: input.retracts })
    }
}

struct Exchanged {
    from: Upstream,
    columns: SchemaRef,
    retracts: bool,
}
