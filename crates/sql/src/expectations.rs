//! The expectations that there are, with their parameters: names, order and defaults are those of Great Expectations
//! 1.x (great_expectations.expectations.core), names without their `expect_`. What they mean is in the room `quality`.

/// One kind of expectation.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    /// Whether it is about each row, so that `mostly` has a meaning.
    pub of_rows: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
}

/// What may stand for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The name of a column.
    Column,
    /// Names of columns, each once.
    Columns,
    /// Names that columns may have, as texts or as names.
    Names,
    /// A number, a text, a date or a time, or NULL for no bound.
    Bound,
    /// A number.
    Number,
    /// A whole number that is not negative, or NULL for no bound.
    Count,
    Text,
    Texts,
    /// Values of a column.
    Values,
    /// Numbers from 0 to 1.
    Shares,
    /// Pairs of bounds.
    Ranges,
    Flag,
    /// When a row of several columns is left out: `all_values_are_missing`, `any_value_is_missing`, `never`.
    IgnoreRow,
    /// As [`Shape::IgnoreRow`], for two columns: `both_values_are_missing`, `either_value_is_missing`, `neither`.
    IgnorePair,
}

const fn needs(name: &'static str, shape: Shape) -> Parameter {
    Parameter { name, shape, required: true }
}

const fn takes(name: &'static str, shape: Shape) -> Parameter {
    Parameter { name, shape, required: false }
}

const COLUMN: Parameter = needs("column", Shape::Column);
const STRICT_MIN: Parameter = takes("strict_min", Shape::Flag);
const STRICT_MAX: Parameter = takes("strict_max", Shape::Flag);
const VALUE_SET: Parameter = needs("value_set", Shape::Values);
const COLUMN_LIST: Parameter = needs("column_list", Shape::Columns);
const MATCH_ON: Parameter = takes("match_on", Shape::Text);

const OF_COLUMN: &[Parameter] = &[COLUMN];
const COLUMN_A: Parameter = needs("column_a", Shape::Column);
const COLUMN_B: Parameter = needs("column_b", Shape::Column);
const IN_SET: &[Parameter] = &[COLUMN, VALUE_SET];
const BETWEEN: &[Parameter] =
    &[COLUMN, takes("min_value", Shape::Bound), takes("max_value", Shape::Bound), STRICT_MIN, STRICT_MAX];
const COUNT_BETWEEN: &[Parameter] =
    &[COLUMN, takes("min_value", Shape::Count), takes("max_value", Shape::Count), STRICT_MIN, STRICT_MAX];
const TABLE_BETWEEN: &[Parameter] =
    &[takes("min_value", Shape::Count), takes("max_value", Shape::Count), STRICT_MIN, STRICT_MAX];
const OF_COLUMNS: &[Parameter] = &[COLUMN_LIST, takes("ignore_row_if", Shape::IgnoreRow)];

const fn rows(name: &'static str, parameters: &'static [Parameter]) -> Kind {
    Kind { name, parameters, of_rows: true }
}

const fn whole(name: &'static str, parameters: &'static [Parameter]) -> Kind {
    Kind { name, parameters, of_rows: false }
}

/// All of them.
pub const KINDS: &[Kind] = &[
    whole("table_row_count_to_be_between", TABLE_BETWEEN),
    whole("table_row_count_to_equal", &[needs("value", Shape::Count)]),
    whole("table_column_count_to_be_between", TABLE_BETWEEN),
    whole("table_column_count_to_equal", &[needs("value", Shape::Count)]),
    whole("table_columns_to_match_set", &[needs("column_set", Shape::Names), takes("exact_match", Shape::Flag)]),
    whole("table_columns_to_match_ordered_list", &[needs("column_list", Shape::Names)]),
    whole("column_to_exist", &[needs("column", Shape::Column), takes("column_index", Shape::Count)]),
    rows("column_values_to_not_be_null", OF_COLUMN),
    rows("column_values_to_be_null", OF_COLUMN),
    rows("column_values_to_be_unique", OF_COLUMN),
    rows("column_values_to_be_between", BETWEEN),
    rows("column_values_to_be_in_set", IN_SET),
    rows("column_values_to_not_be_in_set", IN_SET),
    rows("column_values_to_match_regex", &[COLUMN, needs("regex", Shape::Text)]),
    rows("column_values_to_not_match_regex", &[COLUMN, needs("regex", Shape::Text)]),
    rows("column_values_to_match_regex_list", &[COLUMN, needs("regex_list", Shape::Texts), MATCH_ON]),
    rows("column_values_to_not_match_regex_list", &[COLUMN, needs("regex_list", Shape::Texts)]),
    rows("column_values_to_match_like_pattern", &[COLUMN, needs("like_pattern", Shape::Text)]),
    rows("column_values_to_not_match_like_pattern", &[COLUMN, needs("like_pattern", Shape::Text)]),
    rows("column_values_to_match_like_pattern_list", &[COLUMN, needs("like_pattern_list", Shape::Texts), MATCH_ON]),
    rows("column_values_to_not_match_like_pattern_list", &[COLUMN, needs("like_pattern_list", Shape::Texts)]),
    rows("column_value_lengths_to_be_between", COUNT_BETWEEN),
    rows("column_value_lengths_to_equal", &[COLUMN, needs("value", Shape::Count)]),
    whole("column_values_to_be_of_type", &[COLUMN, needs("type_", Shape::Text)]),
    whole("column_values_to_be_in_type_list", &[COLUMN, needs("type_list", Shape::Texts)]),
    whole("column_min_to_be_between", BETWEEN),
    whole("column_max_to_be_between", BETWEEN),
    whole("column_mean_to_be_between", BETWEEN),
    whole("column_median_to_be_between", BETWEEN),
    whole("column_sum_to_be_between", BETWEEN),
    whole("column_stdev_to_be_between", BETWEEN),
    whole("column_unique_value_count_to_be_between", COUNT_BETWEEN),
    whole("column_proportion_of_unique_values_to_be_between", BETWEEN),
    whole("column_proportion_of_non_null_values_to_be_between", BETWEEN),
    whole("column_distinct_values_to_be_in_set", IN_SET),
    whole("column_distinct_values_to_contain_set", IN_SET),
    whole("column_distinct_values_to_equal_set", IN_SET),
    whole("column_most_common_value_to_be_in_set", &[COLUMN, VALUE_SET, takes("ties_okay", Shape::Flag)]),
    whole(
        "column_quantile_values_to_be_between",
        &[COLUMN, needs("quantiles", Shape::Shares), needs("value_ranges", Shape::Ranges)],
    ),
    rows(
        "column_pair_values_a_to_be_greater_than_b",
        &[COLUMN_A, COLUMN_B, takes("or_equal", Shape::Flag), takes("ignore_row_if", Shape::IgnorePair)],
    ),
    rows("column_pair_values_to_be_equal", &[COLUMN_A, COLUMN_B, takes("ignore_row_if", Shape::IgnorePair)]),
    rows("select_column_values_to_be_unique_within_record", OF_COLUMNS),
    rows("compound_columns_to_be_unique", OF_COLUMNS),
    rows(
        "multicolumn_sum_to_equal",
        &[COLUMN_LIST, needs("sum_total", Shape::Number), takes("ignore_row_if", Shape::IgnoreRow)],
    ),
];

/// The kind of a name; that of Great Expectations, with `expect_`, is understood too.
pub fn kind(name: &str) -> Option<&'static Kind> {
    let name = name.strip_prefix("expect_").unwrap_or(name);
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    /// The parameter of a name, without regard to case.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// How it is written, for hints.
    pub fn usage(&self) -> String {
        let each = |parameter: &Parameter| match parameter.required {
            true => parameter.name.to_owned(),
            false => format!("[{}]", parameter.name),
        };
        format!("{}({})", self.name, self.parameters.iter().map(each).collect::<Vec<_>>().join(", "))
    }
}

impl Shape {
    /// What may stand here, for messages.
    pub fn words(self) -> &'static str {
        match self {
            Shape::Column => "the name of a column",
            Shape::Columns => "a list of columns, such as (a, b)",
            Shape::Names => "a list of names of columns, such as ('a', 'b')",
            Shape::Bound => "a number, a text, a date or a time, or NULL for no bound",
            Shape::Number => "a number",
            Shape::Count => "a whole number that is not negative, or NULL for no bound",
            Shape::Text => "a text in single quotes",
            Shape::Texts => "a list of texts, such as ('a', 'b')",
            Shape::Values => "a list of values, such as ('a', 'b') or (1, 2)",
            Shape::Shares => "a list of numbers from 0 to 1, such as (0.25, 0.5)",
            Shape::Ranges => "a list of pairs of bounds, such as ((0, 10), (5, NULL))",
            Shape::Flag => "true or false",
            Shape::IgnoreRow => "'all_values_are_missing', 'any_value_is_missing' or 'never'",
            Shape::IgnorePair => "'both_values_are_missing', 'either_value_is_missing' or 'neither'",
        }
    }
}
