//! `CREATE EXPERIMENT`.

use super::{Cursor, create, names};
use crate::ast::CreateExperiment;
use crate::{Diagnostics, Result};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateExperiment, Diagnostics> {
    let create::Opening { start, .. } = create::open(cursor, &["EXPERIMENT"])?;
    names::object(cursor, "the experiment")?;
    Err(cursor.not_built(cursor.span_from(start), "CREATE EXPERIMENT is").into())
}
