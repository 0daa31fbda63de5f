//! Suites over rows, and at random against a count that takes one row at a time.

mod random;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::SchemaRef;
use expect_test::{Expect, expect};
use headwater_sql::{SourceText, Statement};

use super::*;

fn resolve(schema: &SchemaRef, expectations: &str) -> Result<Suite> {
    let source = SourceText::new("suite.sql", format!("CREATE EXPECTATIONS suite ON rows ({expectations})"));
    let parsed = headwater_sql::parse(&source).unwrap_or_else(|error| panic!("{error}")).remove(0);
    let Statement::CreateExpectations(create) = &parsed.statement else { panic!("no suite") };
    Suite::resolve(create, schema, &source)
}

fn outcomes(rows: &RecordBatch, expectations: &str) -> Vec<Outcome> {
    let suite = resolve(&rows.schema(), expectations).unwrap_or_else(|error| panic!("{error}"));
    let places: Vec<usize> = suite.columns().map(|name| rows.schema().index_of(name).unwrap()).collect();
    let rows = rows.project(&places).unwrap();
    suite.check_parts(vec![vec![rows]]).unwrap_or_else(|error| panic!("{error}"))
}

fn check(expectations: &str, expect: Expect) {
    let mut told = String::new();
    for one in outcomes(&rows(), expectations) {
        let name = one.expectation.trim_start_matches("column_values_to_").trim_start_matches("column_");
        let counts = match (one.element_count, one.missing_count, one.unexpected_count) {
            (Some(elements), Some(missing), Some(unexpected)) => format!(" {elements}/{missing}/{unexpected}"),
            (_, _, Some(unexpected)) => format!(" -/-/{unexpected}"),
            _ => String::new(),
        };
        let observed = one.observed_value.as_ref().map_or(String::new(), |value| format!(" = {value}"));
        let samples = if one.samples.is_empty() { String::new() } else { format!(" {}", one.samples_json()) };
        let met = if one.success { "met" } else { "NOT" };
        writeln!(told, "{met} {name}({}){counts}{observed}{samples} {:.2}", one.arguments, one.score).unwrap();
    }
    expect.assert_eq(&told);
}

fn refused(expectations: &str, expect: Expect) {
    let schema = rows().schema();
    match resolve(&schema, expectations) {
        Ok(_) => panic!("{expectations} is resolved"),
        Err(error) => expect.assert_eq(&error.to_string()),
    }
}

/// Ten rows with nulls.
fn rows() -> RecordBatch {
    let n = [Some(1), Some(2), Some(3), Some(4), Some(5), None, Some(7), Some(7), Some(9), Some(10)];
    let amount =
        [Some(1.5), Some(-2.0), None, Some(f64::NAN), Some(10.0), Some(0.0), Some(10.5), None, Some(3.25), Some(4.0)];
    let status = ["new", "paid", "new", "shipped", "", "done and dusted", "new", "paid", "é", "new"];
    let price = [Some(100), Some(250), Some(-5), None, Some(999), Some(100), Some(0), Some(1), Some(2), Some(3)];
    let on: Vec<i32> = (0..10).map(|day| 20_000 + day).collect();
    let flag =
        [Some(true), Some(false), None, Some(true), Some(true), Some(true), Some(true), None, Some(false), Some(true)];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(n.to_vec()))),
        ("m", Arc::new(Int64Array::from(n.iter().map(|n| n.map(|n| n / 3)).collect::<Vec<_>>()))),
        ("amount", Arc::new(Float64Array::from(amount.to_vec()))),
        ("status", Arc::new(StringArray::from(status.to_vec()))),
        ("price", Arc::new(Decimal128Array::from(price.to_vec()).with_precision_and_scale(10, 2).unwrap())),
        ("sold_on", Arc::new(Date32Array::from(on))),
        ("flag", Arc::new(BooleanArray::from(flag.to_vec()))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true))).unwrap()
}

#[test]
fn nulls_are_missing_but_for_those_who_ask_for_them() {
    check(
        "column_values_to_not_be_null(n), column_values_to_be_null(n), column_values_to_not_be_null(n) WITH (mostly = 0.9),
         column_values_to_be_between(n, 2, 9), column_values_to_be_between(n, 2, 9) WITH (mostly = 0.75)",
        expect![[r#"
            NOT not_be_null(n) 10/0/1 [null] 0.90
            NOT be_null(n) 10/0/9 [1,2,3,4,5,7,7,9,10] 0.10
            met not_be_null(n) 10/0/1 [null] 0.90
            NOT be_between(n, 2, 9) 10/1/2 [1,10] 0.78
            met be_between(n, 2, 9) 10/1/2 [1,10] 0.78
        "#]],
    );
}

#[test]
fn ranges_take_their_ends_or_not() {
    check(
        "column_values_to_be_between(n, 2, 9, true, true), column_values_to_be_between(n, min_value => 1.5, max_value => 8.5),
         column_values_to_be_between(amount, 0, 10), column_values_to_be_between(amount, 0, 10, strict_min => true, strict_max => true),
         column_values_to_be_between(amount, min_value => 0),
         column_values_to_be_between(price, 0, 2.5), column_values_to_be_between(price, 0, 2.5, strict_max => true),
         column_values_to_be_between(price, 0.001, 2.499), column_values_to_be_between(status, 'a', 'paid'),
         column_values_to_be_between(sold_on, '2024-10-05', DATE '2024-10-10')",
        expect![[r#"
            NOT be_between(n, 2, 9, true, true) 10/1/4 [1,2,9,10] 0.56
            NOT be_between(n, min_value => 1.5, max_value => 8.5) 10/1/3 [1,9,10] 0.67
            NOT be_between(amount, 0, 10) 10/2/3 [-2.0,"NaN",10.5] 0.62
            NOT be_between(amount, 0, 10, strict_min => true, strict_max => true) 10/2/5 [-2.0,"NaN",10.0,0.0,10.5] 0.38
            NOT be_between(amount, min_value => 0) 10/2/2 [-2.0,"NaN"] 0.75
            NOT be_between(price, 0, 2.5) 10/1/2 [-0.05,9.99] 0.78
            NOT be_between(price, 0, 2.5, strict_max => true) 10/1/3 [2.50,-0.05,9.99] 0.67
            NOT be_between(price, 0.001, 2.499) 10/1/4 [2.50,-0.05,9.99,0.00] 0.56
            NOT be_between(status, 'a', 'paid') 10/0/3 ["shipped","","é"] 0.70
            NOT be_between(sold_on, '2024-10-05', DATE '2024-10-10') 10/0/4 ["2024-10-04","2024-10-11","2024-10-12","2024-10-13"] 0.60
        "#]],
    );
}

#[test]
fn values_are_in_sets_and_match_patterns() {
    check(
        "column_values_to_be_in_set(status, ('new', 'paid', 'shipped')), column_values_to_not_be_in_set(status, ['new']),
         column_values_to_be_in_set(status, ('done and dusted', 'new', 'paid', 'é', '', 'shipped')),
         column_values_to_be_in_set(n, (1, 2.0, 2.5, 7)), column_values_to_be_in_set(amount, (10, 1.5)),
         column_values_to_be_in_set(price, (1, 2.50, 0.001)), column_values_to_be_in_set(flag, (true)),
         column_values_to_be_in_set(sold_on, ('2024-10-04')),
         column_values_to_match_regex(status, '^[a-z]+$'), column_values_to_not_match_regex(status, 'a'),
         column_values_to_match_regex_list(status, ('^n', 'w$'), 'all'), column_values_to_match_regex_list(status, ('^n', 'd$')),
         column_values_to_not_match_regex_list(status, ('^n', 'd$')),
         column_values_to_match_like_pattern(status, '%a%'), column_values_to_not_match_like_pattern(status, 'n_w'),
         column_value_lengths_to_be_between(status, 1, 4), column_value_lengths_to_equal(status, 1)",
        expect![[r#"
            NOT be_in_set(status, ('new', 'paid', 'shipped')) 10/0/3 ["","done and dusted","é"] 0.70
            NOT not_be_in_set(status, ['new']) 10/0/4 ["new","new","new","new"] 0.60
            met be_in_set(status, ('done and dusted', 'new', 'paid', 'é', '', 'shipped')) 10/0/0 1.00
            NOT be_in_set(n, (1, 2.0, 2.5, 7)) 10/1/5 [3,4,5,9,10] 0.44
            NOT be_in_set(amount, (10, 1.5)) 10/2/6 [-2.0,"NaN",0.0,10.5,3.25,4.0] 0.25
            NOT be_in_set(price, (1, 2.50, 0.001)) 10/1/6 [-0.05,9.99,0.00,0.01,0.02,0.03] 0.33
            NOT be_in_set(flag, (true)) 10/2/2 [false,false] 0.75
            NOT be_in_set(sold_on, ('2024-10-04')) 10/0/9 ["2024-10-05","2024-10-06","2024-10-07","2024-10-08","2024-10-09","2024-10-10","2024-10-11","2024-10-12","2024-10-13"] 0.10
            NOT match_regex(status, '^[a-z]+$') 10/0/3 ["","done and dusted","é"] 0.70
            NOT not_match_regex(status, 'a') 10/0/3 ["paid","done and dusted","paid"] 0.70
            NOT match_regex_list(status, ('^n', 'w$'), 'all') 10/0/6 ["paid","shipped","","done and dusted","paid","é"] 0.40
            NOT match_regex_list(status, ('^n', 'd$')) 10/0/2 ["","é"] 0.80
            NOT not_match_regex_list(status, ('^n', 'd$')) 10/0/8 ["new","paid","new","shipped","done and dusted","new","paid","new"] 0.20
            NOT match_like_pattern(status, '%a%') 10/0/7 ["new","new","shipped","","new","é","new"] 0.30
            NOT not_match_like_pattern(status, 'n_w') 10/0/4 ["new","new","new","new"] 0.60
            NOT value_lengths_to_be_between(status, 1, 4) 10/0/3 ["shipped","","done and dusted"] 0.70
            NOT value_lengths_to_equal(status, 1) 10/0/9 ["new","paid","new","shipped","","done and dusted","new","paid","new"] 0.10
        "#]],
    );
}

#[test]
fn rows_are_unique_and_columns_go_together() {
    check(
        "column_values_to_be_unique(n), compound_columns_to_be_unique((status, m)), column_values_to_be_unique(sold_on),
         column_pair_values_a_to_be_greater_than_b(n, m), column_pair_values_a_to_be_greater_than_b(n, amount, true),
         column_pair_values_a_to_be_greater_than_b(n, amount, ignore_row_if => 'either_value_is_missing'),
         column_pair_values_to_be_equal(n, n), column_pair_values_to_be_equal(n, n, 'neither'),
         select_column_values_to_be_unique_within_record((n, m)), multicolumn_sum_to_equal((n, m), 9),
         multicolumn_sum_to_equal((price, n), 4.5), multicolumn_sum_to_equal((amount, n), 2.5)",
        expect![[r#"
            NOT be_unique(n) 10/1/2 [7,7] 0.78
            met compound_columns_to_be_unique((status, m)) 10/0/0 1.00
            met be_unique(sold_on) 10/0/0 1.00
            met pair_values_a_to_be_greater_than_b(n, m) 10/1/0 1.00
            NOT pair_values_a_to_be_greater_than_b(n, amount, true) 10/0/7 [{"n":1,"amount":1.5},{"n":3,"amount":null},{"n":4,"amount":"NaN"},{"n":5,"amount":10.0},{"n":null,"amount":0.0},{"n":7,"amount":10.5},{"n":7,"amount":null}] 0.30
            NOT pair_values_a_to_be_greater_than_b(n, amount, ignore_row_if => 'either_value_is_missing') 10/3/4 [{"n":1,"amount":1.5},{"n":4,"amount":"NaN"},{"n":5,"amount":10.0},{"n":7,"amount":10.5}] 0.43
            met pair_values_to_be_equal(n, n) 10/1/0 1.00
            NOT pair_values_to_be_equal(n, n, 'neither') 10/0/1 [{"n":null,"n":null}] 0.90
            met select_column_values_to_be_unique_within_record((n, m)) 10/1/0 1.00
            NOT multicolumn_sum_to_equal((n, m), 9) 10/1/7 [{"n":1,"m":0},{"n":2,"m":0},{"n":3,"m":1},{"n":4,"m":1},{"n":5,"m":1},{"n":9,"m":3},{"n":10,"m":3}] 0.22
            NOT multicolumn_sum_to_equal((price, n), 4.5) 10/0/9 [{"price":1.00,"n":1},{"price":-0.05,"n":3},{"price":null,"n":4},{"price":9.99,"n":5},{"price":1.00,"n":null},{"price":0.00,"n":7},{"price":0.01,"n":7},{"price":0.02,"n":9},{"price":0.03,"n":10}] 0.10
            NOT multicolumn_sum_to_equal((amount, n), 2.5) 10/0/9 [{"amount":-2.0,"n":2},{"amount":null,"n":3},{"amount":"NaN","n":4},{"amount":10.0,"n":5},{"amount":0.0,"n":null},{"amount":10.5,"n":7},{"amount":null,"n":7},{"amount":3.25,"n":9},{"amount":4.0,"n":10}] 0.10
        "#]],
    );
}

#[test]
fn tables_and_columns_as_a_whole() {
    check(
        "table_row_count_to_equal(10), table_row_count_to_be_between(11), table_row_count_to_be_between(max_value => 10, strict_max => true),
         table_column_count_to_equal(7), table_column_count_to_be_between(1, 6),
         table_columns_to_match_set(('n', 'm')), table_columns_to_match_set((n, m), exact_match => false),
         table_columns_to_match_ordered_list(('n', 'm', 'amount', 'status', 'price', 'sold_on', 'flag')),
         column_to_exist(n), column_to_exist(nowhere), column_to_exist(amount, 2), column_to_exist(amount, 3),
         column_values_to_be_of_type(n, 'BIGINT'), column_values_to_be_of_type(status, 'TEXT'),
         column_values_to_be_in_type_list(price, ('DECIMAL(10, 2)', 'DOUBLE')), column_values_to_be_of_type(n, 'INT'),
         column_min_to_be_between(n, 1, 1), column_max_to_be_between(amount, 10, 11), column_min_to_be_between(price, 0),
         column_max_to_be_between(sold_on, max_value => '2024-10-01'), column_min_to_be_between(status, 'a'),
         column_mean_to_be_between(n, 5, 6), column_mean_to_be_between(price, 1, 2), column_sum_to_be_between(price, 14.5, 14.5),
         column_sum_to_be_between(n, 48, 48), column_stdev_to_be_between(n, 3, 3.5), column_median_to_be_between(n, 5, 5),
         column_median_to_be_between(price, 0.03, 1), column_quantile_values_to_be_between(n, (0, 0.5, 1), ((1, 1), (5, 6), (NULL, 9)))",
        expect![[r#"
            met table_row_count_to_equal(10) = 10 1.00
            NOT table_row_count_to_be_between(11) = 10 0.00
            NOT table_row_count_to_be_between(max_value => 10, strict_max => true) = 10 0.00
            met table_column_count_to_equal(7) = 7 1.00
            NOT table_column_count_to_be_between(1, 6) = 7 0.00
            NOT table_columns_to_match_set(('n', 'm')) = ["n","m","amount","status","price","sold_on","flag"] ["amount","status","price","sold_on","flag"] 0.00
            met table_columns_to_match_set((n, m), exact_match => false) = ["n","m","amount","status","price","sold_on","flag"] 1.00
            met table_columns_to_match_ordered_list(('n', 'm', 'amount', 'status', 'price', 'sold_on', 'flag')) = ["n","m","amount","status","price","sold_on","flag"] 1.00
            met to_exist(n) = 0 1.00
            NOT to_exist(nowhere) = null 0.00
            met to_exist(amount, 2) = 2 1.00
            NOT to_exist(amount, 3) = 2 0.00
            met be_of_type(n, 'BIGINT') = "BIGINT" 1.00
            met be_of_type(status, 'TEXT') = "VARCHAR" 1.00
            met be_in_type_list(price, ('DECIMAL(10, 2)', 'DOUBLE')) = "DECIMAL(10, 2)" 1.00
            NOT be_of_type(n, 'INT') = "BIGINT" 0.00
            met min_to_be_between(n, 1, 1) = 1 1.00
            met max_to_be_between(amount, 10, 11) = 10.5 1.00
            NOT min_to_be_between(price, 0) = -0.05 0.00
            NOT max_to_be_between(sold_on, max_value => '2024-10-01') = "2024-10-13" 0.00
            NOT min_to_be_between(status, 'a') = "" 0.00
            met mean_to_be_between(n, 5, 6) = 5.333333333333333 1.00
            met mean_to_be_between(price, 1, 2) = 1.6111111111111112 1.00
            met sum_to_be_between(price, 14.5, 14.5) = 14.50 1.00
            met sum_to_be_between(n, 48, 48) = 48 1.00
            met stdev_to_be_between(n, 3, 3.5) = 3.1224989991991996 1.00
            met median_to_be_between(n, 5, 5) = 5.0 1.00
            met median_to_be_between(price, 0.03, 1) = 0.03 1.00
            NOT quantile_values_to_be_between(n, (0, 0.5, 1), ((1, 1), (5, 6), (NULL, 9))) = [1.0,5.0,10.0] 0.00
        "#]],
    );
    check(
        "column_unique_value_count_to_be_between(n, 8, 8), column_proportion_of_unique_values_to_be_between(n, 0.8, 0.9),
         column_proportion_of_non_null_values_to_be_between(n, 0.9, 1),
         column_distinct_values_to_be_in_set(m, (0, 1, 2, 3)), column_distinct_values_to_be_in_set(m, (0, 1)),
         column_distinct_values_to_contain_set(m, (0, 7)), column_distinct_values_to_equal_set(m, (0, 1, 2, 3)),
         column_distinct_values_to_equal_set(flag, (true)), column_most_common_value_to_be_in_set(status, ('new')),
         column_most_common_value_to_be_in_set(m, (0)), column_most_common_value_to_be_in_set(m, (0), true)",
        expect![[r#"
            met unique_value_count_to_be_between(n, 8, 8) = 8 1.00
            met proportion_of_unique_values_to_be_between(n, 0.8, 0.9) = 0.8888888888888888 1.00
            met proportion_of_non_null_values_to_be_between(n, 0.9, 1) = 0.9 1.00
            met distinct_values_to_be_in_set(m, (0, 1, 2, 3)) -/-/0 = [0,1,2,3] 1.00
            NOT distinct_values_to_be_in_set(m, (0, 1)) -/-/2 = [0,1,2,3] [2,3] 0.00
            NOT distinct_values_to_contain_set(m, (0, 7)) -/-/1 = [0,1,2,3] [7] 0.00
            met distinct_values_to_equal_set(m, (0, 1, 2, 3)) -/-/0 = [0,1,2,3] 1.00
            NOT distinct_values_to_equal_set(flag, (true)) -/-/1 = [false,true] [false] 0.00
            met most_common_value_to_be_in_set(status, ('new')) = ["new"] 1.00
            NOT most_common_value_to_be_in_set(m, (0)) = [1] 0.00
            NOT most_common_value_to_be_in_set(m, (0), true) = [1] 0.00
        "#]],
    );
}

#[test]
fn a_column_without_values_is_as_expected_row_by_row_and_not_as_a_whole() {
    let rows = rows().slice(5, 1);
    let outcomes = outcomes(
        &rows,
        "column_values_to_be_between(n, 1, 2), column_values_to_be_unique(n), column_values_to_not_be_null(n),
         column_mean_to_be_between(n, 1, 2), column_min_to_be_between(n, 1, 2), column_sum_to_be_between(n, 0, 2),
         column_unique_value_count_to_be_between(n, 0, 0)",
    );
    let met: Vec<bool> = outcomes.iter().map(|one| one.success).collect();
    assert_eq!(met, [true, true, false, false, false, false, true]);
    assert_eq!(outcomes[0].unexpected_percent, None);
}

#[test]
fn what_does_not_fit_the_columns_is_refused_all_at_once() {
    refused(
        "column_values_to_not_be_null(stauts), column_values_to_be_between(n, 'a'), column_mean_to_be_between(status, 1, 2),
         column_values_to_match_regex(status, '(a'), column_values_to_match_regex(n, 'a'),
         column_values_to_be_in_set(n, ('a')), column_pair_values_to_be_equal(n, status),
         column_values_to_be_of_type(n, 'WORD'), column_values_to_be_between(sold_on, 'yesterday'),
         column_values_to_be_between(flag, 1), column_values_to_not_be_null(n) WITH (condition = 'm')",
        expect![[r#"
            error: there is no column stauts
             --> suite.sql:1:65
              |
            1 | CREATE EXPECTATIONS suite ON rows (column_values_to_not_be_null(stauts), column_values_to_be_between(n, 'a'), column_mean_to_be_between(status, 1, 2),
              |                                                                 ^^^^^^
              = hint: did you mean status?

            error: n is of type BIGINT: it is compared with a number
             --> suite.sql:1:105
              |
            1 | CREATE EXPECTATIONS suite ON rows (column_values_to_not_be_null(stauts), column_values_to_be_between(n, 'a'), column_mean_to_be_between(status, 1, 2),
              |                                                                                                         ^^^

            error: column_mean_to_be_between is about numbers, and status is of type VARCHAR
             --> suite.sql:1:137
              |
            1 | CREATE EXPECTATIONS suite ON rows (column_values_to_not_be_null(stauts), column_values_to_be_between(n, 'a'), column_mean_to_be_between(status, 1, 2),
              |                                                                                                                                         ^^^^^^

            error: '(a' is no regular expression: unclosed group
             --> suite.sql:2:47
              |
            2 |          column_values_to_match_regex(status, '(a'), column_values_to_match_regex(n, 'a'),
              |                                               ^^^^

            error: column_values_to_match_regex is about texts, and n is of type BIGINT
             --> suite.sql:2:83
              |
            2 |          column_values_to_match_regex(status, '(a'), column_values_to_match_regex(n, 'a'),
              |                                                                                   ^

            error: n is of type BIGINT: it is compared with numbers
             --> suite.sql:3:40
              |
            3 |          column_values_to_be_in_set(n, ('a')), column_pair_values_to_be_equal(n, status),
              |                                        ^^^^^

            error: column_pair_values_to_be_equal compares columns of one type: n BIGINT, status VARCHAR
             --> suite.sql:3:82
              |
            3 |          column_values_to_be_in_set(n, ('a')), column_pair_values_to_be_equal(n, status),
              |                                                                                  ^^^^^^

            error: 'WORD' is no type of a column
             --> suite.sql:4:41
              |
            4 |          column_values_to_be_of_type(n, 'WORD'), column_values_to_be_between(sold_on, 'yesterday'),
              |                                         ^^^^^^

            error: sold_on is of type DATE: it is compared with a day, like '2026-01-31'
             --> suite.sql:4:87
              |
            4 |          column_values_to_be_of_type(n, 'WORD'), column_values_to_be_between(sold_on, 'yesterday'),
              |                                                                                       ^^^^^^^^^^^

            error: flag is of type BOOLEAN, whose values have no order
             --> suite.sql:5:44
              |
            5 |          column_values_to_be_between(flag, 1), column_values_to_not_be_null(n) WITH (condition = 'm'))
              |                                            ^

            error: condition: a rule is a condition, true or false; this is of type BIGINT
             --> suite.sql:5:98
              |
            5 |          column_values_to_be_between(flag, 1), column_values_to_not_be_null(n) WITH (condition = 'm'))
              |                                                                                                  ^^^
        "#]],
    );
}
