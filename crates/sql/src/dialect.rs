//! How sqlparser reads our text: all that its generic dialect reads, with `->` and `->>` binding tighter than comparison, as
//! in PostgreSQL, so that `body ->> 'name' = 'pen'` compares what `->>` gives; and tighter than arithmetic, too.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, GenericDialect};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

#[derive(Debug)]
pub(crate) struct Headwater;

/// What the generic dialect allows beyond what a dialect does by itself.
macro_rules! as_generic {
    ($($allows:ident)*) => {
        impl Dialect for Headwater {
            /// What sqlparser does for the generic dialect alone, it does for this one.
            fn dialect(&self) -> TypeId {
                TypeId::of::<GenericDialect>()
            }

            fn is_delimited_identifier_start(&self, first: char) -> bool {
                GenericDialect.is_delimited_identifier_start(first)
            }

            fn is_identifier_start(&self, first: char) -> bool {
                GenericDialect.is_identifier_start(first)
            }

            fn is_identifier_part(&self, one: char) -> bool {
                GenericDialect.is_identifier_part(one)
            }

            /// Below a cast by `::` and above all arithmetic.
            fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
                let is_part = matches!(
                    parser.peek_token_ref().token,
                    Token::Arrow | Token::LongArrow | Token::HashArrow | Token::HashLongArrow
                );
                is_part.then_some(Ok(45))
            }

            $(fn $allows(&self) -> bool {
                GenericDialect.$allows()
            })*
        }
    };
}

as_generic! {
    allow_extract_custom allow_extract_single_quotes support_map_literal_syntax supports_array_join_syntax
    supports_array_typedef_with_brackets supports_asc_desc_in_column_definition supports_bitwise_shift_operators
    supports_comma_separated_set_assignments supports_comma_separated_trim supports_comment_on
    supports_comment_optimizer_hint supports_connect_by supports_constraint_keyword_without_name
    supports_create_index_with_clause supports_create_view_comment_syntax supports_cte_without_as
    supports_data_type_signed_suffix supports_detach supports_dictionary_syntax supports_empty_projections
    supports_explain_with_utility_options supports_extract_comma_syntax supports_filter_during_aggregation
    supports_from_first_select supports_group_by_expr supports_group_by_with_modifier supports_install
    supports_interpolate supports_interval_options supports_key_column_option
    supports_left_associative_joins_without_parens supports_limit_by supports_limit_comma supports_load_extension
    supports_match_against supports_match_recognize supports_multiline_comment_hints
    supports_named_fn_args_with_assignment_operator supports_nested_comments supports_optimize_table
    supports_parens_around_table_factor supports_parenthesized_set_variables supports_partition_by_after_order_by
    supports_pipe_operator supports_prewhere supports_projection_trailing_commas supports_quote_delimited_string
    supports_select_format supports_select_item_multi_column_alias supports_select_wildcard_except
    supports_select_wildcard_exclude supports_select_wildcard_ilike supports_select_wildcard_rename
    supports_select_wildcard_replace supports_set_names supports_settings supports_start_transaction_modifier
    supports_string_escape_constant supports_struct_literal supports_try_convert supports_unicode_string_literal
    supports_update_order_by supports_user_host_grantee supports_values_as_table_factor
    supports_window_clause_named_window_reference supports_window_function_null_treatment_arg supports_with_fill
    supports_xml_expressions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(dialect: &dyn Dialect, text: &str) -> String {
        format!("{:?}", Parser::new(dialect).try_with_sql(text).unwrap().parse_expr())
    }

    #[test]
    fn json_binds_tighter_than_comparison_and_arithmetic() {
        for (bare, nested) in [
            ("a ->> 'b' = c -> 'd'", "(a ->> 'b') = (c -> 'd')"),
            ("a -> 'b' + 1 < 2", "((a -> 'b') + 1) < 2"),
            ("x LIKE a ->> 'b' || '%'", "x LIKE ((a ->> 'b') || '%')"),
            ("x BETWEEN a -> 1 AND a -> 2", "x BETWEEN (a -> 1) AND (a -> 2)"),
            ("a -> 'b' -> 'c' IS NULL", "((a -> 'b') -> 'c') IS NULL"),
        ] {
            let plain = |text: &str| {
                let mut parser = Parser::new(&Headwater).try_with_sql(text).unwrap();
                let mut expr = parser.parse_expr().unwrap();
                let _ = sqlparser::ast::visit_expressions_mut(&mut expr, |expr| {
                    while let sqlparser::ast::Expr::Nested(inner) = expr {
                        *expr = std::mem::replace(inner, sqlparser::ast::Expr::value(sqlparser::ast::Value::Null));
                    }
                    std::ops::ControlFlow::<()>::Continue(())
                });
                expr
            };
            assert_eq!(plain(bare), plain(nested), "{bare}");
        }
    }

    #[test]
    fn all_else_is_as_in_the_generic_dialect() {
        for text in [
            "a || b @> c",
            "extract('day' FROM a)",
            "x'1F'",
            "a[1]",
            "MAP {'a': 1}",
            "trim(a, 'b')",
            "q'[it''s]'",
            "U&'\\00e9'",
        ] {
            assert_eq!(parsed(&Headwater, text), parsed(&GenericDialect, text), "{text}");
        }
    }
}
