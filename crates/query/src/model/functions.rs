//! The functions that the table functions of models are made of. They stand for themselves in plans only: each is of one
//! model, whose name is part of the function's.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray, UInt64Array, make_array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{MODEL_VERSION, Model, Task};

pub(super) const PREDICT: &str = "ml_predict";
pub(super) const EXPLAIN: &str = "ml_explain";
pub(super) const RECOMMEND: &str = "recommend";
/// A part of what is said. DataFusion has a function for that, which its optimizer (55) moves below columns of the same name.
pub(super) const FIELD: &str = "ml_field";

/// Between the name of a function and that of its model: no function that is written has it.
const OF: char = ':';

/// Items that are recommended at most.
pub(super) const ITEMS_MAX: u64 = 1000;

/// What a function of a model is called in plans.
pub(super) fn name(function: &str, model: &str) -> String {
    format!("{function}{OF}{model}")
}

/// The function of a name, if it is one of a model that there is.
pub fn function(name: &str, model: impl FnOnce(&str) -> Option<Arc<Model>>) -> Option<Arc<ScalarUDF>> {
    let (function, of) = name.split_once(OF)?;
    let what = match function {
        FIELD => {
            let signature = Signature::any(1, Volatility::Immutable);
            return Some(Arc::new(Part { name: name.to_owned(), field: of.to_owned(), signature }.into()));
        }
        PREDICT => What::Predict,
        EXPLAIN => What::Explain,
        RECOMMEND => What::Recommend,
        _ => return None,
    };
    // What it says of a row is another thing once the model was trained anew.
    let signature = Signature::user_defined(Volatility::Stable);
    Some(Arc::new(OfModel { name: name.to_owned(), what, model: model(of)?, signature }.into()))
}

/// The model that an expression asks.
pub fn is_of_model(expr: &Expr) -> Option<String> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut found = None;
    // The visitor can't fail.
    let _ = expr.apply(|each| {
        if let Expr::ScalarFunction(call) = each
            && let Some((PREDICT | EXPLAIN | RECOMMEND, of)) = call.func.name().split_once(OF)
        {
            found = Some(of.to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Predict,
    Explain,
    Recommend,
}

#[derive(Debug)]
struct OfModel {
    name: String,
    what: What,
    model: Arc<Model>,
    signature: Signature,
}

impl PartialEq for OfModel {
    fn eq(&self, other: &OfModel) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.model, &other.model)
    }
}

impl Eq for OfModel {}

impl Hash for OfModel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl OfModel {
    /// The fields of what is said, with the version.
    fn fields(&self) -> Fields {
        let version = Field::new(MODEL_VERSION, DataType::Int64, true);
        let said = match self.what {
            What::Predict => self.model.task.columns(),
            What::Explain => {
                let explanation = Field::new("explanation", DataType::Utf8View, true);
                self.model.task.columns().iter().cloned().chain([Arc::new(explanation)]).collect()
            }
            What::Recommend => Task::recommended(),
        };
        said.iter().cloned().chain([Arc::new(version)]).collect()
    }

    fn said(&self, inputs: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let fields = self.fields();
        let Some(champion) = self.model.seat.champion() else {
            return Ok(new_null_array(&DataType::Struct(fields), rows));
        };
        let mut columns = champion.predict(inputs, rows).map_err(outside)?;
        if self.what == What::Explain {
            columns.push(champion.explain(inputs, rows).map_err(outside)?);
        }
        let version = UInt64Array::from(vec![champion.version(); rows]);
        columns.push(cast(&version, &DataType::Int64)?);
        Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
    }

    fn list(&self) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(DataType::Struct(Task::recommended()), true)))
    }
}

impl ScalarUDFImpl for OfModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let inputs = self.model.inputs.iter();
        let mut wanted: Vec<DataType> = inputs.clone().map(|input| input.data_type().clone()).collect();
        for (found, input) in types.iter().zip(inputs) {
            // What a text says is known only when rows come, too late to refuse it.
            let is_text = found.is_string() && !input.data_type().is_string();
            if is_text || !datafusion::arrow::compute::can_cast_types(found, input.data_type()) {
                let wanted = crate::sqltype::sql_name(input.data_type());
                let found = crate::sqltype::sql_name(found);
                return plan_err!(
                    "{} is of type {found} here, and {wanted} in what {} learns from",
                    input.name(),
                    self.model.name
                );
            }
        }
        if self.what == What::Recommend {
            wanted.push(DataType::Int64);
        }
        Ok(wanted)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Recommend => self.list(),
            _ => DataType::Struct(self.fields()),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let said = match (self.what, args.args.split_last()) {
            (What::Recommend, Some((ColumnarValue::Scalar(number), inputs))) => {
                let Some(number) = i64::try_from(number.clone()).ok().and_then(|number| usize::try_from(number).ok())
                else {
                    return exec_err!("the number of items is none");
                };
                let users = arrays(inputs, rows)?;
                match self.model.seat.champion() {
                    Some(champion) => champion.recommend(&users[0], number).map_err(outside)?,
                    None => new_null_array(&self.list(), rows),
                }
            }
            (What::Recommend, _) => return exec_err!("the number of items is a constant"),
            _ => self.said(&arrays(&args.args, rows)?, rows)?,
        };
        Ok(ColumnarValue::Array(said))
    }
}

/// Takes a field out of a struct.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Part {
    name: String,
    field: String,
    signature: Signature,
}

impl ScalarUDFImpl for Part {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let field = match types {
            [DataType::Struct(fields)] => fields.iter().find(|field| *field.name() == self.field),
            _ => None,
        };
        field.map_or_else(|| plan_err!("{} is no part of this", self.field), |field| Ok(field.data_type().clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = arrays(&args.args, args.number_rows)?;
        let whole = arrays[0].as_struct();
        let Some(part) = whole.column_by_name(&self.field) else {
            return exec_err!("{} is no part of this", self.field);
        };
        // Where there is no whole, there is no part.
        let nulls = NullBuffer::union(whole.nulls(), part.nulls());
        let part = part.to_data().into_builder().nulls(nulls).build()?;
        Ok(ColumnarValue::Array(make_array(part)))
    }
}

fn arrays(values: &[ColumnarValue], rows: usize) -> Result<Vec<ArrayRef>> {
    values.iter().map(|value| value.clone().into_array(rows)).collect()
}

fn outside(error: crate::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
