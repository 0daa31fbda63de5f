//! Keys of tables and views as clients look for them: a unique index and the constraint of a primary key.
//!
//! A view's key identifies its rows as a table's does, and is shown likewise, though PostgreSQL's materialized views
//! have indexes only.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::datasource::TableProvider;

use super::functions::quoted;
use super::relations::PG_CONSTRAINT_OID;
use super::table::{self, Cell, row};
use super::{Catalog, Item, free_oid};

/// The access method that clients take keys of an order to have.
pub const BTREE: u32 = 403;

/// What identifies the rows of an item.
#[derive(Debug, Clone)]
pub struct Key {
    /// Of the index.
    pub oid: u32,
    pub constraint_oid: u32,
    /// Of both.
    pub name: String,
    /// Columns of the item, from 0.
    pub columns: Vec<usize>,
}

impl Key {
    /// Named as PostgreSQL does; `names` are those of the schema.
    pub fn new(
        schema: &str,
        relation: &str,
        columns: &[usize],
        names: &BTreeSet<String>,
        oids: &mut BTreeSet<u32>,
    ) -> Key {
        let plain = format!("{relation}_pkey");
        let numbered = (1..).map(|number| format!("{plain}{number}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap_or(plain);
        let oid = free_oid(schema, &name, oids);
        // No schema has this name, so a constraint's identifier is not that of a relation.
        let constraint_oid = free_oid("pg_constraint", &name, oids);
        Key { oid, constraint_oid, name, columns: columns.to_vec() }
    }

    /// Names of its columns, in the key's order.
    pub fn names<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a str> {
        self.columns.iter().map(|column| item.columns.field(*column).name().as_str())
    }

    /// Numbers of its columns, as `pg_attribute.attnum` has them.
    pub fn numbers(&self) -> Vec<i64> {
        self.columns.iter().map(|column| *column as i64 + 1).collect()
    }

    fn listed(&self, item: &Item) -> String {
        self.names(item).map(quoted).collect::<Vec<_>>().join(", ")
    }

    /// As `pg_get_constraintdef` says it.
    pub fn constraint(&self, item: &Item) -> String {
        format!("PRIMARY KEY ({})", self.listed(item))
    }

    /// As `pg_get_indexdef` says it.
    pub fn index(&self, item: &Item) -> String {
        let (name, relation) = (quoted(&self.name), quoted(&item.name));
        format!("CREATE UNIQUE INDEX {name} ON {}.{relation} USING btree ({})", item.schema, self.listed(item))
    }
}

pub fn pg_index(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let rows = catalog.keys().map(|(item, key)| {
        let count = key.columns.len();
        let zeros = || Cell::from(vec![0; count]);
        row![
            key.oid,
            item.oid,
            count as i64,
            count as i64,
            true,
            true,
            true,
            false,
            true,
            false,
            true,
            false,
            true,
            true,
            false,
            key.numbers(),
            zeros(),
            zeros(),
            zeros()
        ]
    });
    table::of(
        "indexrelid o, indrelid o, indnatts i, indnkeyatts i, indisunique b, indnullsnotdistinct b, indisprimary b, \
         indisexclusion b, indimmediate b, indisclustered b, indisvalid b, indcheckxmin b, indisready b, indislive b, \
         indisreplident b, indkey v, indcollation v, indclass v, indoption v, indexprs t, indpred t",
        &rows.collect::<Vec<_>>(),
    )
}

pub fn pg_constraint(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let rows = catalog.keys().map(|(item, key)| {
        row![
            key.constraint_oid,
            key.name.as_str(),
            item.schema_oid,
            "p",
            false,
            false,
            true,
            item.oid,
            0_u32,
            key.oid,
            0_u32,
            0_u32,
            " ",
            " ",
            " ",
            true,
            0_i64,
            true,
            key.numbers(),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            PG_CONSTRAINT_OID
        ]
    });
    table::of(
        "oid o, conname t, connamespace o, contype t, condeferrable b, condeferred b, convalidated b, conrelid o, \
         contypid o, conindid o, conparentid o, confrelid o, confupdtype t, confdeltype t, confmatchtype t, \
         conislocal b, coninhcount i, connoinherit b, conkey v, confkey v, conpfeqop v, conexclop v, conbin t, \
         tableoid o",
        &rows.collect::<Vec<_>>(),
    )
}

pub fn pg_indexes(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let rows = catalog
        .keys()
        .map(|(item, key)| row![item.schema, item.name.as_str(), key.name.as_str(), Cell::Null, key.index(item)]);
    table::of("schemaname t, tablename t, indexname t, tablespace t, indexdef t", &rows.collect::<Vec<_>>())
}

/// `information_schema.table_constraints`
pub fn table_constraints(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let database = catalog.database.as_str();
    let rows = catalog.keys().map(|(item, key)| {
        let (schema, name, relation) = (item.schema, key.name.as_str(), item.name.as_str());
        row![database, schema, name, database, schema, relation, "PRIMARY KEY", "NO", "NO", "YES", "YES"]
    });
    table::of(
        "constraint_catalog t, constraint_schema t, constraint_name t, table_catalog t, table_schema t, table_name t, \
         constraint_type t, is_deferrable t, initially_deferred t, enforced t, nulls_distinct t",
        &rows.collect::<Vec<_>>(),
    )
}

/// `information_schema.key_column_usage`
pub fn key_column_usage(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let database = catalog.database.as_str();
    let rows = catalog.keys().flat_map(|(item, key)| {
        let (schema, name, relation) = (item.schema, key.name.as_str(), item.name.as_str());
        let columns = (1_i64..).zip(key.names(item));
        columns.map(move |(at, column)| row![database, schema, name, database, schema, relation, column, at])
    });
    table::of(
        "constraint_catalog t, constraint_schema t, constraint_name t, table_catalog t, table_schema t, table_name t, \
         column_name t, ordinal_position i, position_in_unique_constraint i",
        &rows.collect::<Vec<_>>(),
    )
}

/// `information_schema.constraint_column_usage`
pub fn constraint_column_usage(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let database = catalog.database.as_str();
    let rows = catalog.keys().flat_map(|(item, key)| {
        let (schema, name, relation) = (item.schema, key.name.as_str(), item.name.as_str());
        key.names(item).map(move |column| row![database, schema, relation, column, database, schema, name])
    });
    table::of(
        "table_catalog t, table_schema t, table_name t, column_name t, constraint_catalog t, constraint_schema t, \
         constraint_name t",
        &rows.collect::<Vec<_>>(),
    )
}
