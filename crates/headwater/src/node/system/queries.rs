//! `system.queries`: what runs, and the last that ran.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use headwater_query::running::Queries;

use super::{text, times};

pub fn rows(queries: &Queries) -> Vec<ArrayRef> {
    let all = queries.list();
    vec![
        Arc::new(all.iter().map(|each| each.id as i64).collect::<Int64Array>()),
        text(all.iter().map(|each| Some(&*each.text))),
        text(all.iter().map(|each| Some(each.door))),
        text(all.iter().map(|each| each.user.as_deref())),
        text(all.iter().map(|each| Some(each.state.as_str()))),
        times(all.iter().map(|each| Some(each.started_us))),
        Arc::new(all.iter().map(|each| each.duration.as_secs_f64() * 1e3).collect::<Float64Array>()),
        Arc::new(all.iter().map(|each| each.rows as i64).collect::<Int64Array>()),
        text(all.iter().map(|each| each.error.as_deref())),
    ]
}
