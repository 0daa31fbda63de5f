//! Functions of PostgreSQL's that give a row for each item of an array, as functions that give all of them at once:
//! where they stand in a query, `unnest` is put around them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// Items with their numbers: `(x, n)`.
pub const EXPANDED: &str = "_pg_expandarray";
/// The numbers alone, from 1, as the planner's arrays count.
pub const SUBSCRIPTS: &str = "generate_subscripts";

pub fn all() -> [Arc<ScalarUDF>; 2] {
    [(EXPANDED, true), (SUBSCRIPTS, false)].map(|(name, with_items)| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::from(Numbered { name, signature, with_items }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Numbered {
    name: &'static str,
    signature: Signature,
    with_items: bool,
}

impl Numbered {
    fn item(&self) -> FieldRef {
        let item = if self.with_items { DataType::Struct(pair()) } else { DataType::Int32 };
        Arc::new(Field::new_list_field(item, true))
    }
}

fn pair() -> Fields {
    Fields::from(vec![Field::new("x", DataType::Int64, true), Field::new("n", DataType::Int32, true)])
}

impl ScalarUDFImpl for Numbered {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(self.item()))
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&given.args)?;
        let numbers = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let lists = cast(&arrays[0], &numbers)?;
        let rows: Vec<ArrayRef> = lists.as_list::<i32>().iter().flatten().collect();
        let lengths = lists.as_list::<i32>().iter().map(|row| row.map_or(0, |row| row.len()));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let counts: Int32Array = rows.iter().flat_map(|row| 1..=row.len() as i32).collect();
        let values: ArrayRef = if self.with_items {
            let items: Int64Array = rows.iter().flat_map(|row| row.as_primitive::<Int64Type>().iter()).collect();
            Arc::new(StructArray::new(pair(), vec![Arc::new(items), Arc::new(counts)], None))
        } else {
            Arc::new(counts)
        };
        Ok(ColumnarValue::Array(Arc::new(ListArray::new(self.item(), offsets, values, None))))
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Int64Type;
    use datafusion::config::ConfigOptions;

    use super::*;

    fn called(function: &ScalarUDF, lists: ListArray) -> ArrayRef {
        let number_rows = lists.len();
        let lists: ArrayRef = Arc::new(lists);
        let given = ScalarFunctionArgs {
            arg_fields: vec![Arc::new(Field::new("a", lists.data_type().clone(), true))],
            return_field: Arc::new(Field::new("r", function.return_type(&[]).unwrap(), true)),
            config_options: Arc::new(ConfigOptions::default()),
            args: vec![ColumnarValue::Array(lists)],
            number_rows,
        };
        function.invoke_with_args(given).unwrap().into_array(number_rows).unwrap()
    }

    #[test]
    fn items_are_numbered_from_one() {
        let lists = || {
            let rows = vec![Some(vec![Some(9), Some(1)]), None, Some(vec![]), Some(vec![Some(5)])];
            ListArray::from_iter_primitive::<Int64Type, _, _>(rows)
        };
        let [expanded, subscripts] = all();
        let found = called(&subscripts, lists());
        let rows: Vec<Vec<i32>> = found.as_list::<i32>().iter().flatten().map(numbers).collect();
        assert_eq!(rows, [vec![1, 2], vec![], vec![], vec![1]]);
        // What was cut out of a longer array has offsets that do not begin at 0.
        let found = called(&expanded, lists().slice(1, 3));
        let last = found.as_list::<i32>().value(2);
        assert_eq!(last.as_struct().column(0).as_primitive::<Int64Type>().values(), &[5]);
        assert_eq!(numbers(Arc::clone(last.as_struct().column(1))), [1]);
    }

    fn numbers(array: ArrayRef) -> Vec<i32> {
        array.as_primitive::<arrow::datatypes::Int32Type>().values().to_vec()
    }
}
