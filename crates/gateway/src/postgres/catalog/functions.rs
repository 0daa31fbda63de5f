//! Functions of PostgreSQL's that tell of the server and the catalog.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::relations::PG_CLASS;
use super::table::{self, Cell};
use super::{Catalog, Item, PG_CATALOG, PUBLIC, arrays};
use crate::postgres::oids;

/// What a function makes of one row's arguments.
type Body = fn(&Catalog, &[ScalarValue]) -> Result<Cell>;

/// (name, type as a letter of `table`, body)
const FUNCTIONS: &[(&str, char, Body)] = &[
    ("array_upper", 'o', |_, given| match given.first() {
        Some(ScalarValue::List(list)) if !list.value(0).is_empty() => Ok((list.value(0).len() as i64).into()),
        _ => Ok(Cell::Null),
    }),
    ("col_description", 't', |catalog, given| {
        let item = number(given, 0).and_then(|oid| catalog.by_oid(oid));
        Ok(number(given, 1).and_then(|column| item?.comment_on(column)).map_or(Cell::Null, Cell::from))
    }),
    ("current_catalog", 't', |catalog, _| Ok(catalog.database.as_str().into())),
    ("current_database", 't', |catalog, _| Ok(catalog.database.as_str().into())),
    ("current_schema", 't', |_, _| Ok(PUBLIC.into())),
    ("current_setting", 't', |catalog, given| {
        let name = text(given, 0).unwrap_or_default();
        match (catalog.settings.show(&name), given.get(1)) {
            (Ok(value), _) => Ok(value.into()),
            (Err(_), Some(ScalarValue::Boolean(Some(true)))) => Ok(Cell::Null),
            (Err(failure), _) => exec_err!("{}", failure.message),
        }
    }),
    ("current_user", 't', user),
    ("format_type", 't', format_type),
    ("getdatabaseencoding", 't', |_, _| Ok("UTF8".into())),
    ("has_any_column_privilege", 'b', yes),
    ("has_column_privilege", 'b', yes),
    ("has_database_privilege", 'b', yes),
    ("has_function_privilege", 'b', yes),
    ("has_schema_privilege", 'b', yes),
    ("has_table_privilege", 'b', yes),
    ("inet_server_addr", 't', none),
    ("inet_server_port", 'i', none),
    ("obj_description", 't', obj_description),
    ("pg_backend_pid", 'i', none),
    ("pg_client_encoding", 't', |_, _| Ok("UTF8".into())),
    ("pg_encoding_to_char", 't', |_, _| Ok("UTF8".into())),
    ("pg_function_is_visible", 'b', yes),
    ("pg_get_constraintdef", 't', |catalog, given| {
        let oid = number(given, 0);
        let found = catalog.keys().find(|(_, key)| Some(i64::from(key.constraint_oid)) == oid);
        Ok(found.map_or(Cell::Null, |(item, key)| key.constraint(item).into()))
    }),
    ("pg_get_expr", 't', none),
    ("pg_get_function_arguments", 't', none),
    ("pg_get_function_identity_arguments", 't', none),
    ("pg_get_function_result", 't', none),
    ("pg_get_indexdef", 't', indexdef),
    ("pg_get_partkeydef", 't', none),
    ("pg_get_ruledef", 't', none),
    ("pg_get_serial_sequence", 't', none),
    ("pg_get_statisticsobjdef_columns", 't', none),
    ("pg_get_triggerdef", 't', none),
    ("pg_get_userbyid", 't', user),
    ("pg_get_viewdef", 't', none),
    ("pg_is_in_recovery", 'b', |_, _| Ok(false.into())),
    ("pg_is_other_temp_schema", 'b', |_, _| Ok(false.into())),
    ("pg_my_temp_schema", 'o', |_, _| Ok(0_i64.into())),
    ("pg_opclass_is_visible", 'b', yes),
    ("pg_relation_is_publishable", 'b', |_, _| Ok(false.into())),
    ("pg_relation_size", 'o', none),
    ("pg_size_pretty", 't', none),
    ("pg_statistics_obj_is_visible", 'b', yes),
    ("pg_table_is_visible", 'b', |catalog, given| {
        let schema = number(given, 0).and_then(|oid| catalog.named(oid)).map(|(schema, _)| schema);
        Ok(schema.is_none_or(|schema| schema == PUBLIC || schema == PG_CATALOG).into())
    }),
    ("pg_table_size", 'o', none),
    ("pg_tablespace_location", 't', |_, _| Ok("".into())),
    ("pg_total_relation_size", 'o', none),
    ("pg_type_is_visible", 'b', yes),
    ("quote_ident", 't', |_, given| Ok(text(given, 0).map_or(Cell::Null, |name| quoted(&name).into()))),
    ("session_user", 't', user),
    ("set_config", 't', |_, _| exec_err!("set_config is not supported: use SET")),
    ("shobj_description", 't', none),
    (REGCLASS, 'o', regclass),
    (REGCLASS_NAME, 't', |catalog, given| {
        let Some(oid) = number(given, 0) else { return Ok(Cell::Null) };
        Ok(catalog.named(oid).map_or_else(|| oid.to_string(), |(_, name)| quoted(name)).into())
    }),
    ("to_regclass", 'o', |catalog, given| {
        Ok(text(given, 0).and_then(|name| catalog.oid_of(&name)).map_or(Cell::Null, Cell::from))
    }),
    ("to_regtype", 'o', |_, given| {
        let name = text(given, 0).unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        let (item, is_array) = name.strip_suffix("[]").map_or((name, false), |item| (item, true));
        let known = oids::KNOWN.iter().find(|known| known.name == item || known.formal == item);
        Ok(known.map_or(Cell::Null, |known| if is_array { known.array } else { known.oid }.into()))
    }),
    ("user", 't', user),
    ("version", 't', |_, _| {
        let (version, ours) = (crate::postgres::settings::VERSION, env!("CARGO_PKG_VERSION"));
        Ok(format!("PostgreSQL {version} (Headwater {ours})").into())
    }),
];

/// What `'name'::regclass` becomes.
pub const REGCLASS: &str = "pg_regclass_of_name";
/// What `oid::regclass` becomes.
pub const REGCLASS_NAME: &str = "pg_name_of_regclass";

pub fn all(catalog: &Arc<Catalog>) -> Vec<Arc<ScalarUDF>> {
    let functions = FUNCTIONS.iter().map(|(name, letter, body)| {
        let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Stable);
        let returns = match letter {
            'o' => DataType::Int64,
            'i' => DataType::Int32,
            'b' => DataType::Boolean,
            _ => DataType::Utf8,
        };
        Arc::new(ScalarUDF::from(Function { name, returns, signature, body: *body, catalog: Arc::clone(catalog) }))
    });
    let schemas = Arc::new(ScalarUDF::from(Schemas(Signature::any(1, Volatility::Immutable))));
    functions.chain([schemas]).chain(arrays::all()).collect()
}

struct Function {
    name: &'static str,
    returns: DataType,
    signature: Signature,
    body: Body,
    catalog: Arc<Catalog>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.catalog, &other.catalog)
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let once = given.args.iter().all(|each| matches!(each, ColumnarValue::Scalar(_)));
        let rows = if once { 1 } else { given.number_rows };
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let of_row = given.args.iter().map(|each| match each {
                ColumnarValue::Scalar(value) => Ok(value.clone()),
                ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row),
            });
            let of_row = of_row.collect::<Result<Vec<_>>>()?;
            values.push(table::scalar(&(self.body)(&self.catalog, &of_row)?, &self.returns));
        }
        match values.as_slice() {
            [value] if once => Ok(ColumnarValue::Scalar(value.clone())),
            [] => Ok(ColumnarValue::Array(arrow::array::new_empty_array(&self.returns))),
            _ => Ok(ColumnarValue::Array(ScalarValue::iter_to_array(values)?)),
        }
    }
}

/// `current_schemas(implicit)`
#[derive(Debug, PartialEq, Eq, Hash)]
struct Schemas(Signature);

impl ScalarUDFImpl for Schemas {
    fn name(&self) -> &str {
        "current_schemas"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let implicit = matches!(given.args.first(), Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))));
        let names: &[&str] = if implicit { &[PG_CATALOG, PUBLIC] } else { &[PUBLIC] };
        let names: Vec<ScalarValue> = names.iter().map(|name| ScalarValue::Utf8(Some((*name).to_owned()))).collect();
        Ok(ColumnarValue::Scalar(ScalarValue::List(ScalarValue::new_list_nullable(&names, &DataType::Utf8))))
    }
}

fn none(_: &Catalog, _: &[ScalarValue]) -> Result<Cell> {
    Ok(Cell::Null)
}

fn yes(_: &Catalog, _: &[ScalarValue]) -> Result<Cell> {
    Ok(true.into())
}

fn user(catalog: &Catalog, _: &[ScalarValue]) -> Result<Cell> {
    Ok(catalog.user.as_str().into())
}

fn regclass(catalog: &Catalog, given: &[ScalarValue]) -> Result<Cell> {
    let Some(name) = text(given, 0) else { return Ok(Cell::Null) };
    if let Ok(oid) = name.parse::<i64>() {
        return Ok(oid.into());
    }
    match catalog.oid_of(&name) {
        Some(oid) => Ok(oid.into()),
        // Other relations of the catalog itself: clients ask for the identifiers of what they find nothing of.
        None if name.starts_with("pg_") => Ok(0_i64.into()),
        None => exec_err!("there is no relation {name}"),
    }
}

fn obj_description(catalog: &Catalog, given: &[ScalarValue]) -> Result<Cell> {
    let of_relation = given.len() < 2 || text(given, 1).as_deref() == Some(PG_CLASS);
    let item = number(given, 0).and_then(|oid| catalog.by_oid(oid)).filter(|_| of_relation);
    Ok(item.and_then(Item::comment).map_or(Cell::Null, Cell::from))
}

/// `pg_get_indexdef(index, column, pretty)`: of one column, from 1, or of the whole.
fn indexdef(catalog: &Catalog, given: &[ScalarValue]) -> Result<Cell> {
    let oid = number(given, 0);
    let Some((item, key)) = catalog.keys().find(|(_, key)| Some(i64::from(key.oid)) == oid) else {
        return Ok(Cell::Null);
    };
    Ok(match number(given, 1) {
        None | Some(0) => key.index(item).into(),
        Some(column) => {
            let name = usize::try_from(column - 1).ok().and_then(|at| key.names(item).nth(at));
            name.map_or(Cell::Null, |name| quoted(name).into())
        }
    })
}

fn format_type(_: &Catalog, given: &[ScalarValue]) -> Result<Cell> {
    let Some(oid) = number(given, 0).and_then(|oid| u32::try_from(oid).ok()) else { return Ok(Cell::Null) };
    let modifier = number(given, 1).unwrap_or(-1);
    let formal = |known: &oids::Known| match (known.oid, modifier) {
        (oids::NUMERIC, 4..) => format!("numeric({},{})", (modifier - 4) >> 16, (modifier - 4) & 0xffff),
        _ => known.formal.to_owned(),
    };
    Ok(match (oid, oids::by_oid(oid), oids::element(oid)) {
        (0, ..) => "-".into(),
        (_, Some(known), _) => formal(known).into(),
        (_, None, Some(item)) => format!("{}[]", formal(item)).into(),
        _ => "???".into(),
    })
}

/// A name as it must be written.
pub fn quoted(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn number(given: &[ScalarValue], at: usize) -> Option<i64> {
    match given.get(at)?.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

fn text(given: &[ScalarValue], at: usize) -> Option<String> {
    match given.get(at)?.cast_to(&DataType::Utf8).ok()? {
        ScalarValue::Utf8(text) => text,
        _ => None,
    }
}
