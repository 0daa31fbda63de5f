//! Queries over the catalog in PostgreSQL's dialect, put into words that the planner knows.
//!
//! Only what clients' catalog queries use: names of functions, types and operators with their schema, `regclass`,
//! subqueries for single values. A subquery over a relation that never has rows here is replaced by what it gives.

use std::ops::ControlFlow;

use headwater_sql::{Parsed, Statement};
use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, JoinOperator, ObjectName, ObjectNamePart, Query,
    Select, SelectItem, SetExpr, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};

use super::arrays::{EXPANDED, SUBSCRIPTS};
use super::functions::{REGCLASS, REGCLASS_NAME};
use super::{INFORMATION_SCHEMA, PG_CATALOG, information, is_asked, relations};

/// The same statement, for the planner.
pub fn rewritten(parsed: &Parsed) -> Parsed {
    let mut parsed = parsed.clone();
    if !is_asked(&parsed.text) {
        return parsed;
    }
    let query = match &mut parsed.statement {
        Statement::Query(query) => query,
        Statement::Explain(explain) => &mut explain.query,
        _ => return parsed,
    };
    let _ = query.query.visit(&mut Dialect);
    parsed
}

struct Dialect;

impl VisitorMut for Dialect {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if emptied(&mut query.body) {
            query.order_by = None;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        empty_subquery(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        operator(expr);
        cast(expr);
        escape(expr);
        field(expr);
        if let Expr::Collate { expr: inner, .. } = expr {
            *expr = std::mem::replace(inner, null());
        }
        if let Expr::Function(function) = expr {
            if let FunctionArguments::Subquery(query) = &mut function.args {
                // ARRAY(SELECT …)
                aggregated(query, "array_agg");
                let query = std::mem::replace(query, Box::new(nothing()));
                *expr = Expr::Subquery(query);
            } else {
                plain_name(function);
                if gives_rows(function) {
                    *expr = call("unnest", vec![std::mem::replace(expr, null())]);
                }
            }
        } else if let Expr::Subquery(query) = expr {
            aggregated(query, "max");
        } else if let Expr::Identifier(name) = expr
            && name.quote_style.is_none()
            && name.value.eq_ignore_ascii_case("current_schema")
        {
            *expr = call("current_schema", Vec::new());
        }
        ControlFlow::Continue(())
    }
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

/// `CAST(NULL AS TEXT[])`
fn no_array() -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(null()),
        data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None)),
        array: false,
        format: None,
    }
}

/// A query that stands for one that is moved elsewhere.
fn nothing() -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Values(sqlparser::ast::Values {
            explicit_row: false,
            value_keyword: false,
            rows: Vec::new(),
        })),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: list(arguments),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn list(arguments: Vec<Expr>) -> FunctionArguments {
    let args = arguments.into_iter().map(|each| FunctionArg::Unnamed(FunctionArgExpr::Expr(each))).collect();
    FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() })
}

/// Functions of the catalog's schemas are found without them, and `current_user` is a function.
fn plain_name(function: &mut Function) {
    let of_catalog =
        |schema: &str| [PG_CATALOG, INFORMATION_SCHEMA].iter().any(|known| schema.eq_ignore_ascii_case(known));
    if let [schema, name] = function.name.0.as_slice()
        && schema.as_ident().is_some_and(|schema| of_catalog(&schema.value))
        && let Some(name) = name.as_ident()
    {
        function.name = ObjectName::from(name.clone());
    }
    if let FunctionArguments::None = function.args {
        function.args = list(Vec::new());
    }
}

/// Whether it is one of [`super::arrays`].
fn gives_rows(function: &Function) -> bool {
    let name = function.name.0.last().and_then(ObjectNamePart::as_ident);
    name.is_some_and(|name| [EXPANDED, SUBSCRIPTS].contains(&name.value.to_ascii_lowercase().as_str()))
}

/// `(value).field`
fn field(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return };
    let [AccessExpr::Dot(Expr::Identifier(name))] = access_chain.as_slice() else { return };
    let name = text(&name.value.to_ascii_lowercase());
    *expr = call("get_field", vec![std::mem::replace(root.as_mut(), null()), name]);
}

/// `OPERATOR(pg_catalog.~)` is `~`.
fn operator(expr: &mut Expr) {
    let Expr::BinaryOp { op, .. } = expr else { return };
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return };
    let plain = match parts.last().map(String::as_str) {
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("=") => BinaryOperator::Eq,
        Some("<>") => BinaryOperator::NotEq,
        Some("~~") => BinaryOperator::PGLikeMatch,
        _ => return,
    };
    *op = plain;
}

/// `LIKE … ESCAPE '/'`: the planner knows only the backslash.
fn escape(expr: &mut Expr) {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = expr else { return };
    let Some(Value::SingleQuotedString(escape)) = escape_char.as_ref().map(|value| &value.value) else { return };
    if escape.is_empty() || escape == "\\" {
        return;
    }
    // Texts of the catalog have no character 1, which stands for the escape itself meanwhile.
    let steps = [("\\", "\\\\"), (&escape.repeat(2), "\u{1}"), (escape, "\\"), ("\u{1}", escape)];
    let mut plain = std::mem::replace(pattern.as_mut(), null());
    for (from, to) in steps {
        plain = call("replace", vec![plain, text(from), text(to)]);
    }
    **pattern = plain;
    *escape_char = None;
}

/// Casts to types by the names that PostgreSQL's catalog gives them.
fn cast(expr: &mut Expr) {
    let Expr::Cast { expr: inner, data_type, .. } = expr else { return };
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) = data_type {
        if let Some(plain) = plain_type(item) {
            **item = plain;
        }
        return;
    }
    let name = catalog_type(data_type);
    let is_text = matches!(inner.as_ref(), Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Placeholder(_)));
    let mut taken = || std::mem::replace(inner.as_mut(), null());
    *expr = match name.as_deref() {
        Some("regclass") if is_text => call(REGCLASS, vec![taken()]),
        Some("regclass") => call(REGCLASS_NAME, vec![taken()]),
        Some("regtype") if is_text => return *data_type = DataType::Text,
        // The catalog has functions by their names.
        Some("regproc") => {
            if let Expr::Value(value) = inner.as_mut()
                && let Value::SingleQuotedString(name) = &mut value.value
                && let Some(plain) = name.strip_prefix("pg_catalog.")
            {
                *name = plain.to_owned();
            }
            return *data_type = DataType::Text;
        }
        Some("regtype") => call("format_type", vec![taken(), null()]),
        _ => {
            if let Some(plain) = plain_type(data_type) {
                *data_type = plain;
            }
            return;
        }
    };
}

/// The name of a type of the catalog, without its schema.
fn catalog_type(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Custom(name, _) => {
            let last = name.0.last().and_then(ObjectNamePart::as_ident)?;
            let schema = name.0.first().and_then(ObjectNamePart::as_ident)?;
            let known = name.0.len() == 1 || schema.value.eq_ignore_ascii_case(PG_CATALOG);
            known.then(|| last.value.to_ascii_lowercase())
        }
        _ => None,
    }
}

fn plain_type(data_type: &DataType) -> Option<DataType> {
    Some(match catalog_type(data_type)?.as_str() {
        "oid" | "xid" | "cid" | "int8" | "bigint" | "regnamespace" | "regrole" => DataType::BigInt(None),
        "int4" | "integer" | "int" => DataType::Int(None),
        "int2" | "smallint" => DataType::SmallInt(None),
        "bool" | "boolean" => DataType::Boolean,
        "float4" => DataType::Real,
        "float8" => DataType::DoublePrecision,
        "text" | "name" | "char" | "varchar" | "bpchar" | "aclitem" | "pg_node_tree" => DataType::Text,
        _ => return None,
    })
}

/// A subquery for one value: the planner wants to see that there is only one.
fn aggregated(query: &mut Query, function: &str) {
    query.order_by = None;
    query.limit_clause = None;
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if select.from.is_empty() || grouped || select.projection.len() != 1 {
        return;
    }
    let (SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) = &mut select.projection[0]
    else {
        return;
    };
    let already =
        |name: &str| ["count", "max", "min", "sum", "avg", "array_agg", "string_agg", "bool_or"].contains(&name);
    if let Expr::Function(called) = &*value
        && called
            .name
            .0
            .last()
            .and_then(ObjectNamePart::as_ident)
            .is_some_and(|name| already(&name.value.to_ascii_lowercase()))
    {
        return;
    }
    *value = call(function, vec![std::mem::replace(value, null())]);
}

/// Makes a SELECT over what has no rows one that the planner need not understand: the same names, and no rows. True
/// if that is all of the query.
fn emptied(body: &mut SetExpr) -> bool {
    let select = match body {
        SetExpr::Select(select) if select_is_empty(select) => select,
        SetExpr::SetOperation { left, right, .. } => {
            let (left, right) = (emptied(left), emptied(right));
            return left && right;
        }
        _ => return false,
    };
    let names = select.projection.iter().enumerate().map(|(at, item)| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().cloned(),
        SelectItem::UnnamedExpr(_) => Some(Ident::with_quote('"', format!("?column?{at}"))),
        _ => None,
    });
    let Some(names) = names.collect::<Option<Vec<_>>>() else { return false };
    select.projection = names.into_iter().map(|alias| SelectItem::ExprWithAlias { expr: no_text(), alias }).collect();
    select.from.clear();
    select.distinct = None;
    select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    select.having = None;
    select.selection = Some(Expr::Value(Value::Boolean(false).into()));
    true
}

fn no_text() -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(null()), data_type: DataType::Text, array: false, format: None }
}

/// A subquery over what has no rows gives NULL, no array, or false.
fn empty_subquery(expr: &mut Expr) {
    match expr {
        Expr::Subquery(query) if is_empty(query) => *expr = null(),
        Expr::Exists { subquery, negated } if is_empty(subquery) => {
            *expr = Expr::Value(Value::Boolean(*negated).into());
        }
        Expr::InSubquery { subquery, negated, .. } if is_empty(subquery) => {
            *expr = Expr::Value(Value::Boolean(*negated).into());
        }
        Expr::Function(function) => {
            if let FunctionArguments::Subquery(query) = &function.args
                && is_empty(query)
            {
                *expr = no_array();
            }
        }
        _ => {}
    }
}

/// Whether a query reads, without aggregating, from a relation that never has rows.
fn is_empty(query: &Query) -> bool {
    match query.body.as_ref() {
        SetExpr::Select(select) => select_is_empty(select),
        _ => false,
    }
}

fn select_is_empty(select: &Select) -> bool {
    let aggregates = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Function(called) if called.name.to_string().eq_ignore_ascii_case("count"))
        }
        _ => false,
    });
    !aggregates && (select.from.iter().any(joined_is_empty) || asks_for_others(select))
}

/// Whether it asks for constraints of a kind that there are none of.
fn asks_for_others(select: &Select) -> bool {
    let relations = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    let mut names = relations.filter_map(|factor| match factor {
        TableFactor::Table { name, .. } => name.0.last().and_then(ObjectNamePart::as_ident),
        _ => None,
    });
    names.any(|name| name.value.eq_ignore_ascii_case("pg_constraint")) && select.selection.as_ref().is_some_and(no_key)
}

/// A condition that says so: `contype = 'f'`, or `condeferrable`, alone or with others.
fn no_key(condition: &Expr) -> bool {
    let column = |expr: &Expr| match expr {
        Expr::Identifier(name) => Some(name.value.to_ascii_lowercase()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.to_ascii_lowercase()),
        _ => None,
    };
    let other = |expr: &Expr| matches!(expr, Expr::Value(value) if matches!(&value.value, Value::SingleQuotedString(kind) if kind != "p"));
    match condition {
        Expr::Nested(inner) => no_key(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => no_key(left) || no_key(right),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            column(left).is_some_and(|name| name == "contype") && other(right)
        }
        other => column(other).is_some_and(|name| name == "condeferrable" || name == "condeferred"),
    }
}

fn joined_is_empty(joined: &TableWithJoins) -> bool {
    let inner = |operator: &JoinOperator| {
        matches!(operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_))
    };
    let keeps_left = |operator: &JoinOperator| {
        inner(operator) || matches!(operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
    };
    let left = factor_is_empty(&joined.relation) && joined.joins.iter().all(|join| keeps_left(&join.join_operator));
    let all_inner = joined.joins.iter().all(|join| keeps_left(&join.join_operator));
    let right = joined.joins.iter().any(|join| inner(&join.join_operator) && factor_is_empty(&join.relation));
    left || (all_inner && right)
}

fn factor_is_empty(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, args: None, .. } => {
            let parts: Vec<String> = name
                .0
                .iter()
                .filter_map(ObjectNamePart::as_ident)
                .map(|part| part.value.to_ascii_lowercase())
                .collect();
            let known = |relations: &[(&str, &str)], name: &str| relations.iter().any(|(each, _)| *each == name);
            match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [name] | ["pg_catalog", name] => known(relations::EMPTY, name),
                ["information_schema", name] => known(information::EMPTY, name),
                _ => false,
            }
        }
        // Options and rights are never set here: their columns are NULL.
        TableFactor::Table { name, args: Some(given), .. } => {
            let unnest = name.0.last().and_then(ObjectNamePart::as_ident).is_some_and(|name| name.value == "unnest");
            let given = given.args.iter().map(ToString::to_string);
            unnest && given.into_iter().all(|each| each.ends_with("options") || each.ends_with("acl"))
        }
        TableFactor::Derived { subquery, .. } => is_empty(subquery),
        _ => false,
    }
}
