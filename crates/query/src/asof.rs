//! Joins with the version of a row that was valid at a time: `ASOF JOIN … MATCH_CONDITION (…)`, as Snowflake writes it,
//! and `JOIN … FOR SYSTEM_TIME AS OF …`, as the standard and Flink do.
//!
//! A left row meets the last of the right rows with its keys that is not after it; of rows at one time the last by all
//! their columns. The stream engine keeps that itself; batch does it by [`exec`]. Until the plan is analysed, a call of
//! [`matches`] in the join's condition stands for it.

pub mod exec;
pub mod filter;
pub mod node;
pub mod planner;
pub mod rewrite;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

/// `asof_matches(left time, right time, strict[, when the right row was known[, microseconds for which it counts]])`: marks
/// the times of such a join. It is not a function that could run.
pub const MATCHES: &str = "asof_matches";

pub fn matches() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::new(TypeSignature::VariadicAny, Volatility::Immutable);
        Arc::new(Matches { signature }.into())
    });
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Matches {
    signature: Signature,
}

impl ScalarUDFImpl for Matches {
    fn name(&self) -> &str {
        MATCHES
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{MATCHES} stands only in the condition of a join")
    }
}
