//! Expectations about rows.

use std::sync::Arc;

use arrow::datatypes::DataType;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::Literal;

use super::{Draft, Entry};
use crate::column::Class;
use crate::literal::{self, total};
use crate::measure::Measure;
use crate::measure::predicate::{Members, Order, Patterns, Predicate, Total};
use crate::measure::rows::{Missing, RowRule};
use crate::suite::Ask;
use crate::{Error, Result};

impl Draft<'_> {
    pub(super) fn of_rows(&mut self, entry: &Entry<'_>) -> Result<Ask> {
        match entry.name() {
            "column_values_to_not_be_null" => {
                let column = self.column(entry)?;
                return Ok(self.rule(entry, Missing::None, Predicate::NotNull(column), vec![column]));
            }
            "column_values_to_be_null" => {
                let column = self.column(entry)?;
                return Ok(self.rule(entry, Missing::None, Predicate::Null(column), vec![column]));
            }
            "column_values_to_be_unique" => {
                let column = self.column(entry)?;
                return Ok(self.unique(entry, vec![column], Missing::Any(vec![column])));
            }
            "compound_columns_to_be_unique" => {
                let columns = self.column_list(entry)?;
                let missing = missing_rows(entry, &columns);
                return Ok(self.unique(entry, columns, missing));
            }
            _ => {}
        }
        if let Some((column, predicate)) = self.of_values(entry)? {
            return Ok(self.rule(entry, Missing::Any(vec![column]), predicate, vec![column]));
        }
        let (columns, predicate) = self.of_several(entry)?;
        let missing = missing_rows(entry, &columns);
        Ok(self.rule(entry, missing, predicate, columns))
    }

    fn rule(&mut self, entry: &Entry<'_>, missing: Missing, predicate: Predicate, shown: Vec<usize>) -> Ask {
        let shown = shown.into_iter().map(|column| (column, self.columns[column].name.clone())).collect();
        let rule = Arc::new(RowRule { missing, predicate, shown });
        Ask::Rows { measure: self.measure(entry, Measure::Rows(rule)) }
    }

    fn unique(&mut self, entry: &Entry<'_>, columns: Vec<usize>, missing: Missing) -> Ask {
        let names = columns.iter().map(|column| self.columns[*column].name.clone()).collect();
        Ask::Unique { measure: self.measure(entry, Measure::Duplicates { columns, missing }), columns: names }
    }

    /// What is about each value of one column.
    fn of_values(&mut self, entry: &Entry<'_>) -> Result<Option<(usize, Predicate)>> {
        let not = entry.name().contains("_to_not_");
        let all = entry.text("match_on") == Some("all");
        Ok(Some(match entry.name() {
            "column_values_to_be_between" => {
                let column = self.column(entry)?;
                let range = entry.bounds().range(&self.columns[column]);
                let range = range.map_err(|message| self.refuse(entry.bounds_span(), message))?;
                (column, Predicate::Between { column, range })
            }
            "column_values_to_be_in_set" | "column_values_to_not_be_in_set" => {
                let column = self.column(entry)?;
                let set = literal::set(entry.list("value_set"), &self.columns[column]);
                let set = set.map_err(|message| self.refuse(entry.span("value_set"), message))?;
                (column, Predicate::In { column, set: Members::new(&set), not })
            }
            "column_values_to_match_regex" | "column_values_to_not_match_regex" => {
                self.matches(entry, "regex", vec![entry.text("regex").unwrap_or_default().to_owned()], all, not)?
            }
            "column_values_to_match_regex_list" | "column_values_to_not_match_regex_list" => {
                self.matches(entry, "regex_list", entry.texts("regex_list"), all, not)?
            }
            "column_values_to_match_like_pattern" | "column_values_to_not_match_like_pattern" => {
                let (column, pattern) = (self.text_column(entry)?, entry.text("like_pattern").unwrap_or_default());
                (column, Predicate::Like { column, patterns: vec![pattern.to_owned()], all, not })
            }
            "column_values_to_match_like_pattern_list" | "column_values_to_not_match_like_pattern_list" => {
                let column = self.text_column(entry)?;
                (column, Predicate::Like { column, patterns: entry.texts("like_pattern_list"), all, not })
            }
            "column_value_lengths_to_be_between" => {
                let (column, (least, most)) = (self.text_column(entry)?, entry.bounds().counts());
                (column, Predicate::Length { column, least, most })
            }
            "column_value_lengths_to_equal" => {
                let (column, length) = (self.text_column(entry)?, entry.count("value").unwrap_or(0));
                (column, Predicate::Length { column, least: length, most: length })
            }
            _ => return Ok(None),
        }))
    }

    fn matches(
        &mut self,
        entry: &Entry<'_>,
        parameter: &str,
        patterns: Vec<String>,
        all: bool,
        not: bool,
    ) -> Result<(usize, Predicate)> {
        let column = self.text_column(entry)?;
        let patterns = Patterns::new(&patterns, all).map_err(|message| self.refuse(entry.span(parameter), message))?;
        Ok((column, Predicate::Matches { column, patterns, not }))
    }

    /// What is about the values of several columns.
    fn of_several(&mut self, entry: &Entry<'_>) -> Result<(Vec<usize>, Predicate)> {
        match entry.name() {
            "column_pair_values_a_to_be_greater_than_b" | "column_pair_values_to_be_equal" => {
                let columns = [self.column_of(entry, "column_a")?, self.column_of(entry, "column_b")?];
                let order = match (entry.name(), entry.flag("or_equal", false)) {
                    ("column_pair_values_to_be_equal", _) => Order::Equal,
                    (_, false) => Order::Greater,
                    (_, true) => Order::GreaterOrEqual,
                };
                let as_type = self.shared_type(entry, &columns, entry.span("column_b"))?;
                Ok((columns.to_vec(), Predicate::Pair { columns, as_type, order }))
            }
            "select_column_values_to_be_unique_within_record" => {
                let columns = self.column_list(entry)?;
                let as_type = self.shared_type(entry, &columns, entry.span("column_list"))?;
                Ok((columns.clone(), Predicate::AllDifferent { columns, as_type }))
            }
            "multicolumn_sum_to_equal" => {
                let columns = self.column_list(entry)?;
                if let Some(wrong) = columns.iter().map(|column| &self.columns[*column]).find(|one| !one.is_number()) {
                    let message = format!("{} is of type {}, and is not added", wrong.name, sql_name(&wrong.data_type));
                    return Err(self.refuse(entry.span("column_list"), message));
                }
                let Some(Literal::Number(number)) = entry.value("sum_total") else {
                    return Err(super::lacks("sum_total"));
                };
                let classes = columns.iter().map(|column| self.columns[*column].class);
                let total = if classes.clone().any(|class| class == Class::Float) {
                    Total::Float(number.parse().unwrap_or(f64::NAN))
                } else {
                    let scale = |class| if let Class::Decimal(scale) = class { scale } else { 0 };
                    let scale = classes.map(scale).max().unwrap_or(0);
                    Total::Exact { total: total(number, scale), scale }
                };
                Ok((columns.clone(), Predicate::Sum { columns, total }))
            }
            other => Err(Error::Internal(format!("{other} is known and means nothing"))),
        }
    }

    /// The type in which columns are compared with each other.
    fn shared_type(&self, entry: &Entry<'_>, columns: &[usize], span: headwater_sql::Span) -> Result<DataType> {
        let columns: Vec<_> = columns.iter().map(|column| &self.columns[*column]).collect();
        let Some((first, others)) = columns.split_first() else { return Err(super::lacks("column_list")) };
        if others.iter().all(|other| other.data_type == first.data_type) && first.class != Class::Other {
            // NaN and the two zeros are compared as floats are, whatever their width.
            return Ok(if first.class == Class::Float { DataType::Float64 } else { first.data_type.clone() });
        }
        if columns.iter().all(|column| column.is_number()) {
            let whole = columns.iter().all(|column| column.class == Class::Int);
            let scale = |class| if let Class::Decimal(scale) = class { Some(scale) } else { None };
            let float = columns.iter().any(|column| column.class == Class::Float);
            return Ok(match columns.iter().filter_map(|column| scale(column.class)).max() {
                _ if float => DataType::Float64,
                Some(scale) => DataType::Decimal128(38, scale),
                None if whole => DataType::Int64,
                None => DataType::Float64,
            });
        }
        let told: Vec<String> =
            columns.iter().map(|one| format!("{} {}", one.name, sql_name(&one.data_type))).collect();
        let message = format!("{} compares columns of one type: {}", entry.name(), told.join(", "));
        Err(self.refuse(span, message))
    }
}

/// Which rows an expectation about several columns leaves out.
fn missing_rows(entry: &Entry<'_>, columns: &[usize]) -> Missing {
    match entry.text("ignore_row_if") {
        Some("any_value_is_missing" | "either_value_is_missing") => Missing::Any(columns.to_vec()),
        Some("never" | "neither") => Missing::None,
        _ => Missing::All(columns.to_vec()),
    }
}
