//! The relations of `information_schema`, with the columns that clients read.

use std::sync::Arc;

use datafusion::datasource::TableProvider;

use super::table::{self, Cell, row};
use super::{Catalog, SCHEMAS, keys};
use crate::postgres::oids;

/// Relations that never have rows here.
pub const EMPTY: &[(&str, &str)] = &[
    (
        "referential_constraints",
        "constraint_catalog t, constraint_schema t, constraint_name t, unique_constraint_catalog t, unique_constraint_schema t, unique_constraint_name t, match_option t, update_rule t, delete_rule t",
    ),
    ("check_constraints", "constraint_catalog t, constraint_schema t, constraint_name t, check_clause t"),
    (
        "routines",
        "specific_catalog t, specific_schema t, specific_name t, routine_catalog t, routine_schema t, routine_name t, routine_type t, data_type t",
    ),
    (
        "parameters",
        "specific_catalog t, specific_schema t, specific_name t, ordinal_position i, parameter_mode t, parameter_name t, data_type t",
    ),
    ("sequences", "sequence_catalog t, sequence_schema t, sequence_name t, data_type t"),
    ("triggers", "trigger_catalog t, trigger_schema t, trigger_name t, event_object_table t"),
];

pub fn table(catalog: &Catalog, name: &str) -> Option<Arc<dyn TableProvider>> {
    let database = catalog.database.as_str();
    match name {
        "schemata" => {
            let rows = SCHEMAS.iter().map(|(_, name)| row![database, *name, catalog.user.as_str()]);
            table::of(
                "catalog_name t, schema_name t, schema_owner t, default_character_set_name t",
                &rows.collect::<Vec<_>>(),
            )
        }
        "tables" => {
            let rows = catalog.items.iter().map(|item| {
                let kind = match item.kind {
                    'r' => "BASE TABLE",
                    'f' => "FOREIGN",
                    _ => "VIEW",
                };
                let takes_rows = if item.kind == 'r' && item.schema == super::PUBLIC { "YES" } else { "NO" };
                row![database, item.schema, item.name.as_str(), kind, takes_rows, "NO"]
            });
            table::of(
                "table_catalog t, table_schema t, table_name t, table_type t, is_insertable_into t, is_typed t",
                &rows.collect::<Vec<_>>(),
            )
        }
        "views" => {
            let views = catalog.items.iter().filter(|item| matches!(item.kind, 'v' | 'm'));
            let rows =
                views.map(|item| row![database, item.schema, item.name.as_str(), Cell::Null, "NONE", "NO", "NO"]);
            table::of(
                "table_catalog t, table_schema t, table_name t, view_definition t, check_option t, is_updatable t, \
                 is_insertable_into t",
                &rows.collect::<Vec<_>>(),
            )
        }
        "columns" => columns(catalog),
        "table_constraints" => keys::table_constraints(catalog),
        "key_column_usage" => keys::key_column_usage(catalog),
        "constraint_column_usage" => keys::constraint_column_usage(catalog),
        "information_schema_catalog_name" => table::of("catalog_name t", &[row![database]]),
        other => {
            let (_, columns) = EMPTY.iter().find(|(name, _)| *name == other)?;
            table::of(columns, &[])
        }
    }
}

fn columns(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for item in &catalog.items {
        for (at, field) in item.columns.fields().iter().enumerate() {
            let oid = oids::oid(field.data_type());
            let (formal, name) = match (oids::by_oid(oid), oids::element(oid)) {
                (Some(known), _) => (known.formal.to_owned(), known.name.to_owned()),
                (None, Some(item)) => ("ARRAY".to_owned(), format!("_{}", item.name)),
                (None, None) => ("USER-DEFINED".to_owned(), String::new()),
            };
            let modifier = oids::modifier(field);
            let (precision, scale) = match (oid, modifier) {
                (oids::INT2, _) => (Cell::from(16_i64), Cell::from(0_i64)),
                (oids::INT4, _) => (Cell::from(32_i64), Cell::from(0_i64)),
                (oids::INT8, _) => (Cell::from(64_i64), Cell::from(0_i64)),
                (oids::NUMERIC, 4..) => {
                    let packed = i64::from(modifier - 4);
                    (Cell::from(packed >> 16), Cell::from(packed & 0xffff))
                }
                _ => (Cell::Null, Cell::Null),
            };
            rows.push(row![
                catalog.database.as_str(),
                item.schema,
                item.name.as_str(),
                field.name().as_str(),
                at as i64 + 1,
                Cell::Null,
                if field.is_nullable() { "YES" } else { "NO" },
                formal,
                Cell::Null,
                precision,
                scale,
                Cell::Null,
                catalog.database.as_str(),
                "pg_catalog",
                name,
                "NO",
                "NEVER",
                "NO"
            ]);
        }
    }
    table::of(
        "table_catalog t, table_schema t, table_name t, column_name t, ordinal_position i, column_default t, \
         is_nullable t, data_type t, character_maximum_length i, numeric_precision i, numeric_scale i, \
         datetime_precision i, udt_catalog t, udt_schema t, udt_name t, is_identity t, is_generated t, is_updatable t",
        &rows,
    )
}
