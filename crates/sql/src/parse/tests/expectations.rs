//! `CREATE EXPECTATIONS`, `CHECK EXPECTATIONS`, `PROFILE`.

use super::*;
use crate::ast::{Expectation, Literal};

fn value(literal: &Literal) -> String {
    match literal {
        Literal::Null => "NULL".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(number) => number.clone(),
        Literal::Text(text) => format!("'{text}'"),
        Literal::Name(name) => name.to_string(),
        Literal::List(values) => format!("[{}]", values.iter().map(value).collect::<Vec<_>>().join(", ")),
    }
}

fn entry(one: &Expectation) -> String {
    let each = |one: &crate::ast::Argument| format!("{}={}", one.parameter.name, value(&one.value));
    let arguments = one.arguments.iter().map(each).collect::<Vec<_>>().join(" ");
    let condition = one.condition.as_ref().map_or(String::new(), |one| format!(" if {}", one.expression));
    let (name, mostly, severity) = (one.kind.name, one.mostly, one.severity.as_str());
    format!("  {name} {arguments} mostly {mostly} {severity}{condition}\n")
}

fn suite(text: &str, expect: Expect) {
    let (parsed, wrong) = parse_with_recovery(&SourceText::new("suite.sql", text));
    let mut told = String::new();
    for one in &parsed {
        match &one.statement {
            Statement::CreateExpectations(create) => {
                let condition = create.condition.as_ref().map_or("all", |one| &one.text);
                let _ = writeln!(told, "{} on {} ({condition}) {:?}", create.name, create.relation, create.existing);
                told.extend(create.expectations.iter().map(entry));
                let when = &create.when;
                let before: Vec<&str> = when.before_refresh_of.iter().map(|name| name.value.as_str()).collect();
                let _ =
                    writeln!(told, "  {:?} before {before:?} each checkpoint {}", when.schedule, when.each_checkpoint);
            }
            Statement::CheckExpectations(check) => writeln!(told, "check {}", check.name).unwrap(),
            Statement::Profile(profile) => writeln!(told, "profile {}", profile.relation).unwrap(),
            Statement::Drop(drop) => writeln!(told, "drop {} {}", drop.kind, names(&drop.names)).unwrap(),
            other => panic!("{}", other.words()),
        }
    }
    for one in wrong {
        write!(told, "{one}").unwrap();
    }
    expect.assert_eq(&told);
}

#[test]
fn suites_are_read_with_arguments_by_place_and_by_name() {
    suite(
        "CREATE EXPECTATIONS orders_daily ON orders (
            table_row_count_to_be_between(1000, 1000000),
            expect_column_values_to_not_be_null(Category) WITH (mostly = 0.99, severity = 'warning'),
            column_values_to_be_between(amount, max_value => 10.5, strict_max => true),
            column_values_to_be_in_set(\"Status\", ('new', 'paid')) WITH (condition = 'amount > 0 AND note <> ''x'''),
            column_min_to_be_between(ordered_at, TIMESTAMP '2026-01-01', NULL)
        ) CHECK EVERY '1 hour' OFFSET '5 minutes';",
        expect![[r#"
            orders_daily on orders (all) Refuse
              table_row_count_to_be_between min_value=1000 max_value=1000000 mostly 1 critical
              column_values_to_not_be_null column=category mostly 0.99 warning
              column_values_to_be_between column=amount max_value=10.5 strict_max=true mostly 1 critical
              column_values_to_be_in_set column=Status value_set=['new', 'paid'] mostly 1 critical if amount > 0 AND note <> 'x'
              column_min_to_be_between column=ordered_at min_value='2026-01-01' max_value=NULL mostly 1 critical
              Some(Every { every: 3600s, offset: 300s }) before [] each checkpoint false
        "#]],
    );
    suite(
        "CREATE OR REPLACE EXPECTATIONS s ON t WHERE a > (1) AND f(b) (
            compound_columns_to_be_unique((a, b)),
            column_values_to_be_in_set(n, [1, -2]),
            column_quantile_values_to_be_between(n, quantiles => (0.5, 1), value_ranges => ((1, 2), [NULL, 3])),
            table_columns_to_match_set(('a', b), false)
        ) BEFORE REFRESH OF v, w ON EACH CHECKPOINT;
        CHECK EXPECTATIONS s; DROP EXPECTATIONS IF EXISTS s, r CASCADE; PROFILE orders; PROFILE system.streams",
        expect![[r#"
            s on t (a > (1) AND f(b)) Replace
              compound_columns_to_be_unique column_list=[a, b] mostly 1 critical
              column_values_to_be_in_set column=n value_set=[1, -2] mostly 1 critical
              column_quantile_values_to_be_between column=n quantiles=[0.5, 1] value_ranges=[[1, 2], [NULL, 3]] mostly 1 critical
              table_columns_to_match_set column_set=['a', b] exact_match=false mostly 1 critical
              None before ["v", "w"] each checkpoint true
            check s
            drop EXPECTATIONS (s, r)
            profile orders
            profile system.streams
        "#]],
    );
}

#[test]
fn what_is_wrong_with_a_suite_is_said_at_its_place() {
    for text in [
        "CREATE EXPECTATIONS s ON t (column_values_to_not_be_nul(a))",
        "CREATE EXPECTATIONS s ON t (column_values_to_not_be_null())",
        "CREATE EXPECTATIONS s ON t (column_values_to_not_be_null(a, 1))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_between(a))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, 2, 1))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, min_valu => 1))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, min_value => 1, 2))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, 1, min_value => 1))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_in_set(a, 1))",
        "CREATE EXPECTATIONS s ON t (compound_columns_to_be_unique((a, A)))",
        "CREATE EXPECTATIONS s ON t (table_row_count_to_equal(-1))",
        "CREATE EXPECTATIONS s ON t (table_row_count_to_equal(1) WITH (mostly = 0.5))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (mostly = 1.5))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (mostli = 1))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (condition = 'a >'))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (condition = 'a > 1; DROP TABLE t'))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (condition = 'a > 1 GROUP BY a'))",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a)) ON EACH TICK",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a)) CHECK EVERY '1 hour' CHECK MANUAL",
        "CREATE EXPECTATIONS s ON t (column_values_to_be_null(a)) CHECK",
        "CREATE EXPECTATIONS s ON t ()",
        "CREATE EXPECTATIONS s ON t",
    ] {
        let (_, wrong) = parse_with_recovery(&SourceText::new("suite.sql", text));
        assert_eq!(wrong.len(), 1, "{text}");
    }
    suite(
        "CREATE EXPECTATIONS s ON t (column_values_to_not_be_nul(a));
CREATE EXPECTATIONS s ON t (column_values_to_be_between(a));
CREATE EXPECTATIONS s ON t (column_values_to_be_in_set(a, 1));
CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, min_valu => 1));
CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (condition = 'a >'))",
        expect![[r#"
            error: there is no expectation column_values_to_not_be_nul
             --> suite.sql:1:29
              |
            1 | CREATE EXPECTATIONS s ON t (column_values_to_not_be_nul(a));
              |                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = hint: did you mean column_values_to_not_be_null?
            error: column_values_to_be_between needs min_value or max_value
             --> suite.sql:2:29
              |
            2 | CREATE EXPECTATIONS s ON t (column_values_to_be_between(a));
              |                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = hint: write column_values_to_be_between(column, [min_value], [max_value], [strict_min], [strict_max])
            error: value_set of column_values_to_be_in_set is a list of values, such as ('a', 'b') or (1, 2)
             --> suite.sql:3:59
              |
            3 | CREATE EXPECTATIONS s ON t (column_values_to_be_in_set(a, 1));
              |                                                           ^
            error: column_values_to_be_between has no parameter min_valu
             --> suite.sql:4:60
              |
            4 | CREATE EXPECTATIONS s ON t (column_values_to_be_between(a, min_valu => 1));
              |                                                            ^^^^^^^^
              = hint: did you mean min_value?
            error: condition: expected an expression, found the end of the statement
             --> suite.sql:5:75
              |
            5 | CREATE EXPECTATIONS s ON t (column_values_to_be_null(a) WITH (condition = 'a >'))
              |                                                                           ^^^^^
        "#]],
    );
}

#[test]
fn each_expectation_has_a_name_of_its_own_and_its_parameters_too() {
    for (place, kind) in crate::expectations::KINDS.iter().enumerate() {
        assert!(crate::expectations::KINDS[..place].iter().all(|other| other.name != kind.name), "{}", kind.name);
        assert!(!kind.parameters.iter().skip_while(|one| one.required).any(|one| one.required), "{}", kind.name);
    }
    assert!(crate::expectations::KINDS.len() >= 25);
}
