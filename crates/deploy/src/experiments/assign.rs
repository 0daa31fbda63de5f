//! Who gets what: the assignment of a declared experiment, and `ASSIGN('experiment', unit)` in queries and views.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringViewArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use headwater_experiment::assignment::{Assigned, Assignment};
use headwater_query::plan::refusal::Refusal;
use headwater_sql::{Fault, nearest};

/// The name of the function.
pub const FUNCTION: &str = "assign";

/// How an experiment assigns.
#[derive(Debug, Clone)]
pub struct Assigning {
    experiment: String,
    variants: Vec<String>,
    weights: Vec<u64>,
    salt: String,
    assignment: Assignment,
    identity: String,
}

impl Assigning {
    pub fn new(
        experiment: String,
        variants: Vec<String>,
        weights: Vec<u64>,
        salt: String,
        assignment: Assignment,
    ) -> Assigning {
        let drawn = format!("{salt}:{variants:?}:{weights:?}");
        let identity = format!("{:08x}-{:x}", crc32c::crc32c(drawn.as_bytes()), drawn.len());
        Assigning { experiment, variants, weights, salt, assignment, identity }
    }

    pub fn variants(&self) -> &[String] {
        &self.variants
    }

    pub fn weights(&self) -> &[u64] {
        &self.weights
    }

    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// The same where units are drawn alike; who is drawn at all may differ.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    pub fn assign(&self, unit: &str) -> (Assigned, Option<&str>) {
        let assigned = self.assignment.assign(unit);
        (assigned, assigned.variant().and_then(|place| self.variants.get(place)).map(String::as_str))
    }

    /// What all that it does follows from.
    fn whole(&self) -> String {
        let whole = format!("{} {:?}", self.identity, self.assignment);
        format!("{} {:08x}-{:x}", self.experiment, crc32c::crc32c(whole.as_bytes()), whole.len())
    }
}

/// `ASSIGN` over these experiments.
pub fn function(experiments: impl Iterator<Item = Arc<Assigning>>) -> Arc<ScalarUDF> {
    let all = experiments.map(|one| (one.experiment.clone(), one)).collect();
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(Assign { name: FUNCTION.to_owned(), all, signature }.into())
}

/// The function as it is written. It becomes [`Bound`] once it is known of which experiment: views must tell one from
/// another that was declared anew.
#[derive(Debug)]
struct Assign {
    name: String,
    all: BTreeMap<String, Arc<Assigning>>,
    signature: Signature,
}

impl Assign {
    fn named(&self, first: Option<&ScalarValue>) -> Result<&Arc<Assigning>> {
        let Some(name) = first.and_then(|first| first.try_as_str().flatten()) else {
            return plan_err!("the first argument of ASSIGN is the name of an experiment, in single quotes");
        };
        self.all.get(name).ok_or_else(|| {
            let refused = Refusal::new(format!("there is no experiment {name}")).fault(Fault::NoObject);
            let near = nearest(name, self.all.keys().map(String::as_str));
            let hint =
                near.map_or("declare it with CREATE EXPERIMENT".to_owned(), |near| format!("did you mean {near}?"));
            refused.hint(hint).into()
        })
    }
}

impl PartialEq for Assign {
    fn eq(&self, other: &Assign) -> bool {
        let whole = |one: &Assign| one.all.values().map(|each| each.whole()).collect::<Vec<_>>();
        whole(self) == whole(other)
    }
}

impl Eq for Assign {}

impl Hash for Assign {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Assign {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            // As it is: a cast would hide that it is a constant.
            [name @ (DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8), unit] if !unit.is_nested() => {
                Ok(vec![name.clone(), DataType::Utf8View])
            }
            _ => plan_err!("ASSIGN takes the name of an experiment in single quotes, and a unit"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.named(args.scalar_arguments.first().copied().flatten())?;
        Ok(Arc::new(Field::new(&self.name, DataType::Utf8View, true)))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [Expr::Literal(first, _), unit] = &args[..] else { return Ok(ExprSimplifyResult::Original(args)) };
        let bound = Bound::new(Arc::clone(self.named(Some(first))?));
        let call = ScalarFunction::new_udf(Arc::new(bound.into()), vec![unit.clone()]);
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(call)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[..] {
            [ColumnarValue::Scalar(first), units] => assigned(self.named(Some(first))?, units),
            _ => exec_err!("the first argument of ASSIGN is a constant"),
        }
    }
}

/// The function of one experiment.
#[derive(Debug)]
struct Bound {
    /// Plans are told apart by it.
    name: String,
    assigning: Arc<Assigning>,
    signature: Signature,
}

impl Bound {
    fn new(assigning: Arc<Assigning>) -> Bound {
        let name = format!("{FUNCTION}[{}]", assigning.whole());
        let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
        Bound { name, assigning, signature }
    }
}

impl PartialEq for Bound {
    fn eq(&self, other: &Bound) -> bool {
        self.name == other.name
    }
}

impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[..] {
            [units] => assigned(&self.assigning, units),
            _ => exec_err!("an assignment is of one unit"),
        }
    }
}

fn assigned(assigning: &Assigning, units: &ColumnarValue) -> Result<ColumnarValue> {
    let of = |unit: &str| assigning.assign(unit).1;
    Ok(match units {
        ColumnarValue::Scalar(unit) => {
            let variant = unit.try_as_str().flatten().and_then(of);
            ColumnarValue::Scalar(ScalarValue::Utf8View(variant.map(str::to_owned)))
        }
        ColumnarValue::Array(units) => {
            let Some(units) = units.as_string_view_opt() else {
                return exec_err!("units are text, not {}", units.data_type());
            };
            let variants: StringViewArray = units.iter().map(|unit| unit.and_then(of)).collect();
            ColumnarValue::Array(Arc::new(variants))
        }
    })
}
