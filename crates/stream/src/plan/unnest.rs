//! UNNEST of columns of lists.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::logical_plan as logical;

use super::{Compile, Flow};
use crate::Result;
use crate::graph::Step;
use crate::operator::unnest::{Column, Plan};

impl Compile<'_> {
    pub(super) fn unnest(&mut self, unnest: &logical::Unnest) -> Result<Flow> {
        let mut input = self.plan(&unnest.input)?;
        if self.panes.is_some_and(|panes| std::ptr::eq(panes, unnest)) {
            input = self.panes(unnest, input);
        }
        if !unnest.struct_type_columns.is_empty() {
            return Err(self.unbuilt("UNNEST of a struct"));
        }
        let mut columns = Vec::new();
        for (at, from) in unnest.dependency_indices.iter().copied().enumerate() {
            let name = unnest.schema.field(at).name();
            let unnested = unnest.list_type_columns.iter().find(|(column, _)| *column == from);
            let Some((_, list)) = unnested else {
                columns.push(Column::Same(from));
                continue;
            };
            let is_list = matches!(unnest.input.schema().field(from).data_type(), DataType::List(_));
            if !is_list || list.depth != 1 || list.output_column.name != *name {
                return Err(self.unbuilt("UNNEST of lists in lists"));
            }
            columns.push(Column::ValuesOf(from));
        }
        let schema = SchemaRef::clone(unnest.schema.inner());
        let facts = unnest.dependency_indices.iter().map(|from| input.facts[*from].clone()).collect();
        let plan = Plan {
            columns,
            keeps_null: unnest.options.preserve_nulls(),
            keeps_empty: unnest.options.expand_empty_as_null(),
            output: SchemaRef::clone(&schema),
        };
        let from = self.push("unnest", vec![input.from], Step::Unnest(plan));
        Ok(Flow { from, schema, facts, ..input })
    }
}
