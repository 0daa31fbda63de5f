//! The relations of `pg_catalog`. Source: PostgreSQL 15 documentation, chapter 53, "System Catalogs".

use std::sync::Arc;

use datafusion::datasource::TableProvider;

use arrow::datatypes::Field;

use super::keys::{self, BTREE};
use super::table::{self, Cell, row};
use super::{Catalog, DATABASE_OID, ROLE_OID, SCHEMAS};
use crate::postgres::oids;

const HEAP: u32 = 2;

/// Identifiers of PostgreSQL's own catalog relations, which those of comments and dependencies name.
pub const CATALOGS: &[(&str, u32)] = &[
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    (PG_CLASS, PG_CLASS_OID),
    ("pg_authid", 1260),
    ("pg_database", 1262),
    ("pg_constraint", PG_CONSTRAINT_OID),
    ("pg_description", 2609),
    ("pg_index", 2610),
    ("pg_namespace", 2615),
];
pub const PG_CLASS: &str = "pg_class";
pub const PG_CLASS_OID: u32 = 1259;
pub const PG_CONSTRAINT_OID: u32 = 2606;

/// Relations that never have rows here.
pub const EMPTY: &[(&str, &str)] = &[
    ("pg_aggregate", "aggfnoid o, aggkind t, aggnumdirectargs i"),
    ("pg_attrdef", "oid o, adrelid o, adnum i, adbin t"),
    ("pg_auth_members", "roleid o, member o, grantor o, admin_option b"),
    ("pg_cast", "oid o, castsource o, casttarget o, castfunc o, castcontext t, castmethod t"),
    (
        "pg_collation",
        "oid o, collname t, collnamespace o, collowner o, collprovider t, collisdeterministic b, collencoding i, collcollate t, collctype t, colliculocale t, collversion t",
    ),
    ("pg_conversion", "oid o, conname t, connamespace o"),
    ("pg_db_role_setting", "setdatabase o, setrole o, setconfig a"),
    ("pg_default_acl", "oid o, defaclrole o, defaclnamespace o, defaclobjtype t, defaclacl a"),
    ("pg_depend", "classid o, objid o, objsubid i, refclassid o, refobjid o, refobjsubid i, deptype t"),
    ("pg_enum", "oid o, enumtypid o, enumsortorder o, enumlabel t"),
    ("pg_event_trigger", "oid o, evtname t, evtevent t, evtowner o, evtfoid o, evtenabled t, evttags a"),
    ("pg_extension", "oid o, extname t, extowner o, extnamespace o, extrelocatable b, extversion t"),
    ("pg_foreign_data_wrapper", "oid o, fdwname t, fdwowner o, fdwhandler o, fdwvalidator o, fdwacl a, fdwoptions a"),
    ("pg_foreign_server", "oid o, srvname t, srvowner o, srvfdw o, srvtype t, srvversion t, srvacl a, srvoptions a"),
    ("pg_foreign_table", "ftrelid o, ftserver o, ftoptions a"),
    ("pg_inherits", "inhrelid o, inhparent o, inhseqno i, inhdetachpending b"),
    ("pg_language", "oid o, lanname t, lanowner o, lanispl b, lanpltrusted b"),
    ("pg_largeobject_metadata", "oid o, lomowner o, lomacl a"),
    ("pg_locks", "locktype t, database o, relation o, pid i, mode t, granted b"),
    ("pg_opclass", "oid o, opcmethod o, opcname t, opcnamespace o, opcintype o, opcdefault b"),
    ("pg_operator", "oid o, oprname t, oprnamespace o, oprleft o, oprright o, oprresult o, oprcode o"),
    ("pg_opfamily", "oid o, opfmethod o, opfname t, opfnamespace o"),
    ("pg_partitioned_table", "partrelid o, partstrat t, partnatts i, partdefid o"),
    ("pg_policy", "oid o, polname t, polrelid o, polcmd t, polpermissive b, polroles v, polqual t, polwithcheck t"),
    (
        "pg_proc",
        "oid o, proname t, pronamespace o, proowner o, prolang o, prokind t, prosecdef b, proleakproof b, proisstrict b, proretset b, provolatile t, proparallel t, pronargs i, prorettype o, proargtypes v, proallargtypes v, proargmodes a, proargnames a, prosrc t, proacl a",
    ),
    (
        "pg_publication",
        "oid o, pubname t, pubowner o, puballtables b, pubinsert b, pubupdate b, pubdelete b, pubtruncate b, pubviaroot b",
    ),
    ("pg_publication_namespace", "oid o, pnpubid o, pnnspid o"),
    ("pg_publication_rel", "oid o, prpubid o, prrelid o, prqual t, prattrs v"),
    (
        "pg_range",
        "rngtypid o, rngsubtype o, rngmultitypid o, rngcollation o, rngsubopc o, rngcanonical o, rngsubdiff o",
    ),
    ("pg_rewrite", "oid o, rulename t, ev_class o, ev_type t, ev_enabled t, is_instead b"),
    ("pg_seclabel", "objoid o, classoid o, objsubid i, provider t, label t"),
    ("pg_sequence", "seqrelid o, seqtypid o, seqstart o, seqincrement o, seqmax o, seqmin o, seqcache o, seqcycle b"),
    (
        "pg_sequences",
        "schemaname t, sequencename t, sequenceowner t, start_value o, min_value o, max_value o, increment_by o, cycle b, cache_size o, last_value o",
    ),
    ("pg_shdescription", "objoid o, classoid o, description t"),
    ("pg_stat_activity", "datid o, datname t, pid i, usename t, application_name t, state t, query t"),
    (
        "pg_statistic_ext",
        "oid o, stxrelid o, stxname t, stxnamespace o, stxowner o, stxstattarget i, stxkeys v, stxkind a, stxexprs t",
    ),
    ("pg_subscription", "oid o, subdbid o, subname t, subowner o, subenabled b"),
    (
        "pg_trigger",
        "oid o, tgrelid o, tgparentid o, tgname t, tgfoid o, tgtype i, tgenabled t, tgisinternal b, tgconstrrelid o, tgconstrindid o, tgconstraint o, tgdeferrable b, tginitdeferred b",
    ),
    ("pg_ts_config", "oid o, cfgname t, cfgnamespace o"),
    ("pg_ts_dict", "oid o, dictname t, dictnamespace o"),
    ("pg_user_mapping", "oid o, umuser o, umserver o, umoptions a"),
];

pub fn table(catalog: &Catalog, name: &str) -> Option<Arc<dyn TableProvider>> {
    match name {
        "pg_class" => class(catalog),
        "pg_namespace" => {
            let rows = SCHEMAS.iter().map(|(oid, name)| row![*oid, *name, ROLE_OID]);
            table::of("oid o, nspname t, nspowner o, nspacl a", &rows.collect::<Vec<_>>())
        }
        "pg_attribute" => attribute(catalog),
        "pg_type" => kinds(),
        "pg_database" => database(catalog),
        "pg_roles" | "pg_authid" | "pg_user" | "pg_shadow" => roles(catalog, name),
        "pg_group" => table::of("groname t, grosysid o, grolist v", &[]),
        "pg_am" => table::of(
            "oid o, amname t, amhandler t, amtype t",
            &[row![HEAP, "heap", "-", "t"], row![BTREE, "btree", "-", "i"]],
        ),
        "pg_constraint" => keys::pg_constraint(catalog),
        "pg_description" => descriptions(catalog),
        "pg_index" => keys::pg_index(catalog),
        "pg_indexes" => keys::pg_indexes(catalog),
        "pg_tablespace" => {
            table::of("oid o, spcname t, spcowner o, spcacl a, spcoptions a", &[row![1663_u32, "pg_default", ROLE_OID]])
        }
        "pg_settings" => {
            let rows = catalog.settings.all().into_iter();
            let rows = rows.map(|(name, value)| {
                row![
                    name,
                    value.clone(),
                    Cell::Null,
                    "Headwater",
                    "",
                    "user",
                    "string",
                    "default",
                    value.clone(),
                    value
                ]
            });
            table::of(
                "name t, setting t, unit t, category t, short_desc t, context t, vartype t, source t, boot_val t, reset_val t",
                &rows.collect::<Vec<_>>(),
            )
        }
        "pg_tables" => listed(
            catalog,
            'r',
            "schemaname t, tablename t, tableowner t, tablespace t, hasindexes b, hasrules b, hastriggers b, rowsecurity b",
        ),
        "pg_views" => listed(catalog, 'v', "schemaname t, viewname t, viewowner t, definition t"),
        "pg_matviews" => listed(
            catalog,
            'm',
            "schemaname t, matviewname t, matviewowner t, tablespace t, hasindexes b, ispopulated b, definition t",
        ),
        other => {
            let (_, columns) = EMPTY.iter().find(|(name, _)| *name == other)?;
            table::of(columns, &[])
        }
    }
}

fn class(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for item in &catalog.items {
        let columns = item.columns.fields().len();
        rows.push(entry(item.oid, &item.name, item.schema_oid, HEAP, item.key.is_some(), item.kind, columns));
        if let Some(key) = &item.key {
            rows.push(entry(key.oid, &key.name, item.schema_oid, BTREE, false, 'i', key.columns.len()));
        }
    }
    table::of(
        "oid o, relname t, relnamespace o, reltype o, reloftype o, relowner o, relam o, relfilenode o, \
         reltablespace o, relpages i, reltuples o, relallvisible i, reltoastrelid o, relhasindex b, relisshared b, \
         relpersistence t, relkind t, relnatts i, relchecks i, relhasrules b, relhastriggers b, relhassubclass b, \
         relrowsecurity b, relforcerowsecurity b, relispopulated b, relreplident t, relispartition b, relrewrite o, \
         relfrozenxid o, relminmxid o, relacl a, reloptions a, relpartbound t",
        &rows,
    )
}

/// A row of `pg_class`.
fn entry(oid: u32, name: &str, schema: u32, method: u32, indexed: bool, kind: char, columns: usize) -> Vec<Cell> {
    row![
        oid,
        name,
        schema,
        0_u32,
        0_u32,
        ROLE_OID,
        method,
        oid,
        0_u32,
        0_i64,
        -1_i64,
        0_i64,
        0_u32,
        indexed,
        false,
        "p",
        kind.to_string(),
        columns as i64,
        0_i64,
        false,
        false,
        false,
        false,
        false,
        true,
        "n",
        false,
        0_u32,
        0_i64,
        0_i64
    ]
}

fn attribute(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for item in &catalog.items {
        let fields = item.columns.fields();
        rows.extend(fields.iter().enumerate().map(|(at, field)| column(item.oid, at, field, !field.is_nullable())));
        if let Some(key) = &item.key {
            let keyed = key.columns.iter().enumerate();
            rows.extend(keyed.map(|(at, of)| column(key.oid, at, item.columns.field(*of), false)));
        }
    }
    table::of(
        "attrelid o, attname t, atttypid o, attlen i, attnum i, attndims i, attcacheoff i, atttypmod i, attbyval b, \
         attstorage t, attalign t, attnotnull b, atthasdef b, atthasmissing b, attidentity t, attgenerated t, \
         attisdropped b, attislocal b, attinhcount i, attcollation o, attcompression t, attstattarget i, attacl a, \
         attoptions a, attfdwoptions a",
        &rows,
    )
}

/// A row of `pg_attribute`.
fn column(relation: u32, at: usize, field: &Field, not_null: bool) -> Vec<Cell> {
    let oid = oids::oid(field.data_type());
    row![
        relation,
        field.name().as_str(),
        oid,
        i64::from(oids::size(oid)),
        at as i64 + 1,
        0_i64,
        -1_i64,
        i64::from(oids::modifier(field)),
        false,
        "p",
        "i",
        not_null,
        false,
        false,
        "",
        "",
        false,
        true,
        0_i64,
        0_u32,
        "",
        -1_i64
    ]
}

/// What `COMMENT ON` says of relations and columns.
fn descriptions(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for item in &catalog.items {
        let mut say = |number: i64, text: Option<&str>| {
            rows.extend(text.map(|text| row![item.oid, PG_CLASS_OID, number, text]));
        };
        say(0, item.comment());
        (1..=item.columns.fields().len() as i64).for_each(|number| say(number, item.comment_on(number)));
    }
    table::of("objoid o, classoid o, objsubid i, description t", &rows)
}

fn kinds() -> Option<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for known in oids::KNOWN {
        let category = known.category.to_string();
        rows.push(row![
            known.oid,
            known.name,
            SCHEMAS[0].0,
            ROLE_OID,
            i64::from(known.size),
            false,
            "b",
            category.clone(),
            false,
            true,
            ",",
            0_u32,
            0_u32,
            known.array,
            format!("{}in", known.name),
            0_u32,
            -1_i64,
            0_i64,
            0_u32,
            false
        ]);
        if known.array != 0 {
            rows.push(row![
                known.array,
                format!("_{}", known.name),
                SCHEMAS[0].0,
                ROLE_OID,
                -1_i64,
                false,
                "b",
                "A",
                false,
                true,
                ",",
                0_u32,
                known.oid,
                0_u32,
                "array_in",
                0_u32,
                -1_i64,
                0_i64,
                0_u32,
                false
            ]);
        }
    }
    table::of(
        "oid o, typname t, typnamespace o, typowner o, typlen i, typbyval b, typtype t, typcategory t, \
         typispreferred b, typisdefined b, typdelim t, typrelid o, typelem o, typarray o, typinput t, typbasetype o, \
         typtypmod i, typndims i, typcollation o, typnotnull b, typdefault t, typacl a",
        &rows,
    )
}

fn database(catalog: &Catalog) -> Option<Arc<dyn TableProvider>> {
    let row = row![
        DATABASE_OID,
        catalog.database.as_str(),
        ROLE_OID,
        6_i64,
        "c",
        false,
        true,
        -1_i64,
        "C.UTF-8",
        "C.UTF-8",
        1663_u32
    ];
    table::of(
        "oid o, datname t, datdba o, encoding i, datlocprovider t, datistemplate b, datallowconn b, datconnlimit i, \
         datcollate t, datctype t, dattablespace o, daticulocale t, datcollversion t, datacl a",
        &[row],
    )
}

fn roles(catalog: &Catalog, name: &str) -> Option<Arc<dyn TableProvider>> {
    let user = catalog.user.as_str();
    if name == "pg_user" || name == "pg_shadow" {
        let row = row![user, ROLE_OID, false, false, false, false];
        let columns = "usename t, usesysid o, usecreatedb b, usesuper b, userepl b, usebypassrls b, passwd t, valuntil t, useconfig a";
        return table::of(columns, &[row]);
    }
    let row =
        row![user, false, true, false, false, true, false, -1_i64, Cell::Null, Cell::Null, false, Cell::Null, ROLE_OID];
    table::of(
        "rolname t, rolsuper b, rolinherit b, rolcreaterole b, rolcreatedb b, rolcanlogin b, rolreplication b, \
         rolconnlimit i, rolpassword t, rolvaliduntil t, rolbypassrls b, rolconfig a, oid o",
        &[row],
    )
}

fn listed(catalog: &Catalog, kind: char, columns: &str) -> Option<Arc<dyn TableProvider>> {
    let shown = catalog.items.iter().filter(|item| item.kind == kind);
    // A view of no index has one column less before its definition.
    let rows = shown.map(|item| {
        let mut row = row![item.schema, item.name.as_str(), catalog.user.as_str()];
        if kind != 'v' {
            row.extend(row![Cell::Null, item.key.is_some()]);
        }
        row
    });
    table::of(columns, &rows.collect::<Vec<_>>())
}
