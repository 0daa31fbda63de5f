//! Streams, tables and views of a text as one dataflow, for measurements and tests that have no project around them.

use std::sync::Arc;

use headwater_query::relation::{Relation, Relations, resolve, table};
use headwater_sql::{SourceText, Statement};
use headwater_stream::graph::Graph;
use headwater_stream::plan::{Builder, Storage};

/// All declarations, or why one is refused.
pub fn compile(text: &str) -> Result<(Relations, Graph), Box<dyn std::error::Error + Send + Sync>> {
    let (mut relations, mut plans) = (Relations::new(), Builder::new());
    for parsed in headwater_sql::parse(&SourceText::new("test.sql", text))? {
        match &parsed.statement {
            Statement::CreateStream(create) => {
                let stream = Arc::new(resolve::stream(create, &parsed.source)?);
                plans.add_stream(&stream);
                relations.add_stream(stream);
            }
            Statement::CreateTable(create) => {
                relations.add(Relation::Table(Arc::new(table::lake(create, 0, &parsed.source)?)));
            }
            Statement::CreateMaterializedView(create) => {
                let view = resolve::view(&relations, create, &parsed.source)?;
                relations.add(plans.add_view(&view, &Storage::default())?);
            }
            other => return Err(format!("{} stands among streams, tables and views", other.words()).into()),
        }
    }
    Ok((relations, plans.finish()?))
}
