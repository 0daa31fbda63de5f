//! Expectations about a table and about the values of a column together.

use headwater_query::sqltype::{column_type, sql_name};
use headwater_sql::ast::Literal;
use headwater_sql::sqlparser::dialect::GenericDialect;
use headwater_sql::sqlparser::parser::Parser;

use super::{Draft, Entry};
use crate::Result;
use crate::column::Class;
use crate::literal::{self, Set};
use crate::measure::Measure;
use crate::measure::predicate::Predicate;
use crate::measure::rows::{Missing, RowRule};
use crate::suite::{Ask, Statistic, Wanted};

use std::sync::Arc;

impl Draft<'_> {
    /// What the columns alone decide, and the number of rows.
    pub(super) fn of_table(&mut self, entry: &Entry<'_>) -> Result<Option<Ask>> {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let known =
            |success: bool, observed: String, samples| Ask::Known { success, observed: Some(observed), samples };
        let listed =
            |names: &[&str]| names.iter().map(|name| serde_json::Value::from(*name).to_string()).collect::<Vec<_>>();
        let all = || format!("[{}]", listed(&columns).join(","));
        let (least, most) = entry.bounds().counts();
        Ok(Some(match entry.name() {
            "table_row_count_to_be_between" => {
                Ask::RowCount { measure: self.measure(entry, Measure::Count), least, most }
            }
            "table_row_count_to_equal" => {
                let rows = entry.count("value").unwrap_or(0);
                Ask::RowCount { measure: self.measure(entry, Measure::Count), least: rows, most: rows }
            }
            "table_column_count_to_be_between" => {
                known((least..=most).contains(&(columns.len() as u64)), columns.len().to_string(), Vec::new())
            }
            "table_column_count_to_equal" => {
                known(entry.count("value") == Some(columns.len() as u64), columns.len().to_string(), Vec::new())
            }
            "table_columns_to_match_set" => {
                let wanted = column_names(entry.list("column_set"));
                let lacking: Vec<&str> = wanted.iter().copied().filter(|name| !columns.contains(name)).collect();
                let more: Vec<&str> = columns.iter().copied().filter(|name| !wanted.contains(name)).collect();
                let exact = entry.flag("exact_match", true);
                let wrong: Vec<&str> = if exact { [lacking, more].concat() } else { lacking };
                known(wrong.is_empty(), all(), listed(&wrong))
            }
            "table_columns_to_match_ordered_list" => {
                let wanted = column_names(entry.list("column_list"));
                known(wanted == columns, all(), Vec::new())
            }
            "column_to_exist" => {
                let Some(Literal::Name(name)) = entry.value("column") else { return Ok(None) };
                let place = columns.iter().position(|column| *column == name.value);
                // As Great Expectations has it, place 0 is no place.
                let wanted = entry.count("column_index").filter(|index| *index > 0);
                let success =
                    place.is_some() && wanted.is_none_or(|wanted| place.map(|place| place as u64) == Some(wanted));
                known(success, place.map_or("null".to_owned(), |place| place.to_string()), Vec::new())
            }
            "column_values_to_be_of_type" => {
                self.type_among(entry, &[entry.text("type_").unwrap_or_default().to_owned()])?
            }
            "column_values_to_be_in_type_list" => self.type_among(entry, &entry.texts("type_list"))?,
            _ => return Ok(None),
        }))
    }

    fn type_among(&mut self, entry: &Entry<'_>, names: &[String]) -> Result<Ask> {
        let Some(Literal::Name(column)) = entry.value("column") else { return Err(super::lacks("column")) };
        let found = self.named(column)?.data_type().clone();
        let mut success = false;
        for name in names {
            let parsed =
                Parser::new(&GenericDialect {}).try_with_sql(name).and_then(|mut parser| parser.parse_data_type());
            let wanted = parsed.ok().and_then(|sql| column_type(&sql).ok().flatten());
            let Some(wanted) = wanted else {
                let parameter = if entry.given("type_").is_some() { "type_" } else { "type_list" };
                return Err(self.refuse(entry.span(parameter), format!("'{name}' is no type of a column")));
            };
            success |= sql_name(&wanted) == sql_name(&found);
        }
        let observed = serde_json::Value::from(sql_name(&found)).to_string();
        Ok(Ask::Known { success, observed: Some(observed), samples: Vec::new() })
    }

    /// What is about the values of a column together.
    pub(super) fn of_column(&mut self, entry: &Entry<'_>) -> Result<Option<Ask>> {
        Ok(Some(match entry.name() {
            "column_min_to_be_between" => self.extreme(entry, false)?,
            "column_max_to_be_between" => self.extreme(entry, true)?,
            "column_mean_to_be_between" => self.statistic(entry, Statistic::Mean)?,
            "column_sum_to_be_between" => self.statistic(entry, Statistic::Sum)?,
            "column_stdev_to_be_between" => self.statistic(entry, Statistic::Stdev)?,
            "column_median_to_be_between" => {
                let column = self.number_column(entry)?;
                let (least, most) = self.float_bounds(entry, column)?;
                Ask::Median { measure: self.measure(entry, Measure::Sorted(column)), least, most }
            }
            "column_quantile_values_to_be_between" => self.quantiles(entry)?,
            "column_unique_value_count_to_be_between" => {
                let (least, most) = entry.bounds().counts();
                Ask::DistinctCount { measure: self.distinct(entry)?, least, most }
            }
            "column_proportion_of_unique_values_to_be_between" => {
                let column = self.column(entry)?;
                let (least, most) = self.float_bounds(entry, column)?;
                Ask::DistinctShare { measure: self.distinct(entry)?, least, most }
            }
            "column_proportion_of_non_null_values_to_be_between" => {
                let column = self.column(entry)?;
                let (least, most) = self.float_bounds(entry, column)?;
                let rule = RowRule { missing: Missing::None, predicate: Predicate::NotNull(column), shown: Vec::new() };
                Ask::PresentShare { measure: self.measure(entry, Measure::Rows(Arc::new(rule))), least, most }
            }
            "column_distinct_values_to_be_in_set" => self.distinct_set(entry, Wanted::In)?,
            "column_distinct_values_to_contain_set" => self.distinct_set(entry, Wanted::Contain)?,
            "column_distinct_values_to_equal_set" => self.distinct_set(entry, Wanted::Equal)?,
            "column_most_common_value_to_be_in_set" => {
                let (measure, set) = self.counted(entry)?;
                Ask::MostCommon { measure, set, ties_okay: entry.flag("ties_okay", false) }
            }
            _ => return Ok(None),
        }))
    }

    fn extreme(&mut self, entry: &Entry<'_>, greatest: bool) -> Result<Ask> {
        let column = self.column(entry)?;
        let range = entry.bounds().range(&self.columns[column]);
        let range = range.map_err(|message| self.refuse(entry.bounds_span(), message))?;
        Ok(Ask::Extreme { measure: self.measure(entry, Measure::Extremes(column)), greatest, range })
    }

    fn statistic(&mut self, entry: &Entry<'_>, of: Statistic) -> Result<Ask> {
        let column = self.number_column(entry)?;
        let (least, most) = self.float_bounds(entry, column)?;
        Ok(Ask::Statistic { measure: self.measure(entry, Measure::Numbers(column)), of, least, most })
    }

    fn quantiles(&mut self, entry: &Entry<'_>) -> Result<Ask> {
        let column = self.number_column(entry)?;
        let number = |literal: &Literal, none: f64| match literal {
            Literal::Number(number) => number.parse().unwrap_or(f64::NAN),
            _ => none,
        };
        let quantiles = entry.list("quantiles").iter().map(|share| number(share, f64::NAN)).collect();
        let pair = |literal: &Literal| match literal {
            Literal::List(pair) if pair.len() == 2 => {
                (number(&pair[0], f64::NEG_INFINITY), number(&pair[1], f64::INFINITY))
            }
            _ => (f64::NAN, f64::NAN),
        };
        let ranges = entry.list("value_ranges").iter().map(pair).collect();
        Ok(Ask::Quantiles { measure: self.measure(entry, Measure::Sorted(column)), quantiles, ranges })
    }

    /// Different values of the column, nulls left out.
    fn distinct(&mut self, entry: &Entry<'_>) -> Result<usize> {
        let column = self.column(entry)?;
        let missing = Missing::Any(vec![column]);
        Ok(self.measure(entry, Measure::Duplicates { columns: vec![column], missing }))
    }

    fn distinct_set(&mut self, entry: &Entry<'_>, wanted: Wanted) -> Result<Ask> {
        let (measure, set) = self.counted(entry)?;
        Ok(Ask::DistinctSet { measure, set, wanted })
    }

    /// How often each value is there, beside the values of `value_set`.
    fn counted(&mut self, entry: &Entry<'_>) -> Result<(usize, Set)> {
        let column = self.column_that(entry, |column| column.class != Class::Other, "values that can be compared")?;
        let set = literal::set(entry.list("value_set"), &self.columns[column]);
        let set = set.map_err(|message| self.refuse(entry.span("value_set"), message))?;
        Ok((self.measure(entry, Measure::Counts(column)), set))
    }
}

fn column_names(literals: &[Literal]) -> Vec<&str> {
    literals
        .iter()
        .filter_map(|literal| match literal {
            Literal::Name(name) => Some(name.value.as_str()),
            Literal::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
