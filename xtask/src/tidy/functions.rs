//! Rules that need the syntax: functions stay short, and items carry honest names.

use anyhow::{Context, Result};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{File, Tree, Violation};

const FUNCTION_LINES_MAX: usize = 70;
const INLINE_TEST_LINES_MAX: usize = 120;

/// Endings that say nothing about what a thing does.
const EMPTY_ENDINGS: [&str; 5] = ["Manager", "Helper", "Util", "Utils", "Impl"];

/// Functions have at most 70 lines, and long tests stand in their own file.
pub fn length(tree: &Tree) -> Result<Vec<Violation>> {
    each(tree, |found| found.lengths)
}

/// Types are named for what they do.
pub fn item_names(tree: &Tree) -> Result<Vec<Violation>> {
    each(tree, |found| found.names)
}

fn each(tree: &Tree, pick: impl Fn(Found) -> Vec<Violation>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        violations.extend(pick(examine(file)?));
    }
    Ok(violations)
}

fn examine(file: &File) -> Result<Found<'_>> {
    let syntax = syn::parse_file(&file.text).with_context(|| format!("{} does not parse", file.path.display()))?;
    let mut found = Found { file, lengths: Vec::new(), names: Vec::new() };
    found.visit_file(&syntax);
    Ok(found)
}

struct Found<'a> {
    file: &'a File,
    lengths: Vec<Violation>,
    names: Vec<Violation>,
}

impl Found<'_> {
    fn function(&mut self, signature: &syn::Signature, end: Span) {
        let first = signature.span().start().line;
        let lines = end.end().line - first + 1;
        if lines > FUNCTION_LINES_MAX && !self.file.is_test() {
            let remedy = format!("fn {} has {lines} lines, at most {FUNCTION_LINES_MAX}: split it", signature.ident);
            self.lengths.push(Violation::at(&self.file.path, first, remedy));
        }
    }

    fn name(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        let empty = EMPTY_ENDINGS.iter().any(|ending| name.ends_with(ending));
        let base = name.strip_prefix("Base").is_some_and(|rest| rest.starts_with(char::is_uppercase));
        let stutter = name.strip_suffix("Error").is_some_and(|owner| {
            let owner = owner.to_lowercase();
            self.file.path.with_extension("").iter().any(|part| part.to_string_lossy() == owner)
        });
        if empty || base {
            let remedy = format!("{name}: name it for what it does");
            self.names.push(Violation::at(&self.file.path, ident.span().start().line, remedy));
        } else if stutter {
            let remedy = format!("{name}: call it Error, its module says whose it is");
            self.names.push(Violation::at(&self.file.path, ident.span().start().line, remedy));
        }
    }
}

impl<'ast> Visit<'ast> for Found<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let for_tests = item.attrs.iter().any(is_cfg_test);
        if !for_tests {
            visit::visit_item_mod(self, item);
            return;
        }
        if let Some((brace, _)) = &item.content {
            let (first, last) = (item.span().start().line, brace.span.close().end().line);
            let lines = last - first + 1;
            if lines > INLINE_TEST_LINES_MAX {
                let beside = self.file.path.with_extension("").join(format!("{}.rs", item.ident));
                let remedy = format!("{lines} lines of tests: move them to {}", beside.display());
                self.lengths.push(Violation::at(&self.file.path, first, remedy));
            }
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        visit::visit_item_trait(self, item);
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: String) -> (Vec<Violation>, Vec<Violation>) {
        let file = File { path: "crates/log/src/y.rs".into(), text };
        let found = examine(&file).unwrap();
        (found.lengths, found.names)
    }

    #[test]
    fn long_functions_are_found_with_their_line() {
        let body = "    let text = \"} {\"; // }\n".repeat(69);
        let (lengths, _) = found(format!("\nimpl X {{\n    fn long() {{\n{body}    }}\n}}\n"));
        assert_eq!(lengths.len(), 1);
        assert_eq!((lengths[0].line, lengths[0].remedy.starts_with("fn long has 71 lines")), (3, true));
    }

    #[test]
    fn functions_within_the_limit_pass() {
        let (lengths, _) = found(format!("fn fits() {{\n{}}}\n", "    step();\n".repeat(68)));
        assert!(lengths.is_empty());
    }

    #[test]
    fn long_inline_tests_are_sent_to_their_file() {
        let (lengths, _) = found(format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn t() {}\n".repeat(150)));
        assert!(lengths[0].remedy.ends_with("crates/log/src/y/tests.rs"), "{lengths:?}");
    }

    #[test]
    fn empty_names_are_found() {
        let (_, names) =
            found("struct ViewManager; trait Operator {} enum LogError {} enum Error {} enum RowError {}".to_string());
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
