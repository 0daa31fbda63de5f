//! `${name}` in project files, filled from settings, with places kept.
//!
//! Comments are left alone; `$${name}` stands for `${name}` itself. A value is put in as text, once:
//! what it contains is not looked at again. After this, places still point into the file as its
//! author wrote it: all that came out of a `${name}` has the place of that `${name}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Diagnostic, Diagnostics, SourceText, Span};

/// A text with its settings filled in.
#[derive(Debug, Clone)]
pub struct Template {
    /// As its author wrote it.
    pub source: SourceText,
    /// Filled in.
    pub text: Arc<str>,
    /// Where filled text differs from the source, in order.
    fills: Vec<Fill>,
}

#[derive(Debug, Clone, Copy)]
struct Fill {
    filled: Span,
    written: Span,
}

impl Template {
    /// A text without settings: `${name}` in it means nothing.
    pub fn verbatim(source: &SourceText) -> Template {
        Template { source: source.clone(), text: source.text.clone(), fills: Vec::new() }
    }

    /// Fills in `settings`; each that is missing is an error of its own.
    pub fn fill(source: &SourceText, settings: &BTreeMap<String, String>) -> Result<Template, Diagnostics> {
        let mut filler = Filler { source, settings, at: 0, text: String::new(), fills: Vec::new(), wrong: Vec::new() };
        filler.run();
        Diagnostics::check(filler.wrong)?;
        Ok(Template { source: source.clone(), text: filler.text.into(), fills: filler.fills })
    }

    /// The place in the source of a place in the filled text.
    pub(crate) fn written(&self, filled: Span) -> Span {
        let start = self.written_byte(filled.start, |fill| fill.written.start);
        // The end of a place is the byte after its last.
        let end = match filled.end.checked_sub(1) {
            Some(last) if filled.end > filled.start => match self.fill_at(last) {
                Some(fill) => fill.written.end,
                None => self.written_byte(last, |fill| fill.written.end) + 1,
            },
            _ => start,
        };
        Span::new(start, end)
    }

    fn fill_at(&self, byte: usize) -> Option<Fill> {
        let before = self.fills.partition_point(|fill| fill.filled.start <= byte);
        let fill = *self.fills.get(before.checked_sub(1)?)?;
        (byte < fill.filled.end).then_some(fill)
    }

    fn written_byte(&self, byte: usize, inside: impl Fn(Fill) -> usize) -> usize {
        let before = self.fills.partition_point(|fill| fill.filled.start <= byte);
        match before.checked_sub(1).and_then(|last| self.fills.get(last)) {
            None => byte,
            Some(fill) if byte < fill.filled.end => inside(*fill),
            Some(fill) => byte - fill.filled.end + fill.written.end,
        }
    }
}

struct Filler<'a> {
    source: &'a SourceText,
    settings: &'a BTreeMap<String, String>,
    at: usize,
    text: String,
    fills: Vec<Fill>,
    wrong: Vec<Diagnostic>,
}

impl Filler<'_> {
    fn run(&mut self) {
        let mut quote: Option<Quote> = None;
        while let Some(next) = self.rest().chars().next() {
            if self.rest().starts_with("$${") && setting_name(&self.rest()[1..]).is_some() {
                self.put(3, "${");
            } else if let (None, Some(quoted)) = (quote, dollar_quoted(self.rest())) {
                self.dollar_quoted(quoted);
            } else if self.rest().starts_with("$$") {
                self.keep(2);
            } else if self.rest().starts_with("${") {
                self.setting();
            } else if let Some(open) = quote {
                let skipped = if open.backslash && next == '\\' { self.rest().chars().nth(1) } else { None };
                if next == open.mark {
                    quote = None;
                }
                self.keep(next.len_utf8() + skipped.map_or(0, char::len_utf8));
            } else if self.rest().starts_with("--") {
                self.keep(self.rest().find('\n').unwrap_or(self.rest().len()));
            } else if self.rest().starts_with("/*") {
                self.keep(comment_length(self.rest()));
            } else {
                if matches!(next, '\'' | '"' | '`') {
                    quote = Some(Quote { mark: next, backslash: next == '\'' && self.follows_escape_letter() });
                }
                self.keep(next.len_utf8());
            }
        }
    }

    /// Fills what stands between dollar quotes, of so many bytes with them: there are neither quotes nor comments in it.
    fn dollar_quoted(&mut self, length: usize) {
        let end = self.at + length;
        while self.at < end {
            let rest = self.rest();
            if rest.starts_with("$${") && setting_name(&rest[1..]).is_some() {
                self.put(3, "${");
            } else if rest.starts_with("${") {
                self.setting();
            } else {
                self.keep(rest.chars().next().map_or(1, char::len_utf8));
            }
        }
    }

    fn rest(&self) -> &str {
        &self.source.text[self.at..]
    }

    fn keep(&mut self, length: usize) {
        self.text.push_str(&self.source.text[self.at..self.at + length]);
        self.at += length;
    }

    fn put(&mut self, length: usize, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        let written = Span::new(self.at, self.at + length);
        self.fills.push(Fill { filled: Span::new(start, self.text.len()), written });
        self.at += length;
    }

    fn setting(&mut self) {
        let Some(name) = setting_name(self.rest()).map(str::to_owned) else {
            let span = Span::new(self.at, self.at + 2);
            let refused = Diagnostic::syntax(self.source.clone(), span, "a setting must be written ${name}")
                .with_detail("a name has letters, digits and underscores")
                .with_hint("for the characters ${name} themselves write $${name}");
            self.wrong.push(refused);
            return self.put(2, "");
        };
        let length = name.len() + 3;
        if let Some(value) = self.settings.get(&name) {
            let value = value.clone();
            return self.put(length, &value);
        }
        let span = Span::new(self.at, self.at + length);
        let hint = match crate::nearest(&name, self.settings.keys().map(String::as_str)) {
            Some(near) => format!("did you mean ${{{near}}}? Otherwise give it a value: --set {name}=value"),
            None => format!("give it a value: --set {name}=value"),
        };
        let message = format!("setting {name} has no value");
        self.wrong.push(Diagnostic::syntax(self.source.clone(), span, message).with_hint(hint));
        self.put(length, "");
    }

    /// Whether what was just kept is the E of `E'…'`, in which a backslash escapes.
    fn follows_escape_letter(&self) -> bool {
        let mut before = self.source.text[..self.at].chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }
}

#[derive(Clone, Copy)]
struct Quote {
    mark: char,
    backslash: bool,
}

/// The name in a text that starts with `${name}`.
fn setting_name(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("${")?;
    let name = &inside[..inside.find('}')?];
    let mut characters = name.chars();
    let first = characters.next()?;
    let fits =
        (first.is_ascii_alphabetic() || first == '_') && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then_some(name)
}

/// The bytes of the `$$…$$` or `$tag$…$tag$` that a text starts with.
fn dollar_quoted(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('$')?;
    let tag = &inside[..inside.find('$')?];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit());
    let mark = &text[..tag.len() + 2];
    let body = &text[mark.len()..];
    (is_tag && !body.starts_with('{')).then(|| Some(mark.len() + body.find(mark)? + mark.len()))?
}

/// The bytes of the (nested) comment that a text starts with; all of it if the comment does not end.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BTreeMap<String, String> {
        [("dir", "data/水"), ("demo", "true"), ("none", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    fn check(text: &str, filled: &str) -> Template {
        let template = Template::fill(&SourceText::new("a.sql", text), &settings()).unwrap();
        assert_eq!(&*template.text, filled);
        template
    }

    #[test]
    fn settings_are_filled_in_outside_comments() {
        check("PATH '${dir}/*.csv' ${demo}", "PATH 'data/水/*.csv' true");
        check("-- ${dir}\n${demo}", "-- ${dir}\ntrue");
        check("/* ${dir} /* ${x} */ ${y} */ ${demo}${none}", "/* ${dir} /* ${x} */ ${y} */ true");
        check("'it''s -- ${demo}' \"a--${demo}\" E'\\'--${demo}'", "'it''s -- true' \"a--true\" E'\\'--true'");
        check("$$it's ${demo} -- $$ -- ${demo}\n$a$'$a$ ${demo}", "$$it's true -- $$ -- ${demo}\n$a$'$a$ true");
        check("$${demo} $${\"a\": 1} $1", "${demo} $${\"a\": 1} $1");
    }

    #[test]
    fn places_lead_back_to_the_file() {
        let template = check("ab${dir}cd$${x}", "abdata/水cd${x}");
        let at = |start, end| template.written(Span::new(start, end));
        assert_eq!(at(0, 2), Span::new(0, 2));
        assert_eq!(at(2, 10), Span::new(2, 8));
        assert_eq!(at(4, 6), Span::new(2, 8));
        assert_eq!(at(1, 11), Span::new(1, 9));
        assert_eq!(at(10, 12), Span::new(8, 10));
        assert_eq!(at(12, 12), Span::new(10, 10));
        assert_eq!(at(14, 16), Span::new(13, 15));
    }

    #[test]
    fn each_missing_setting_is_told() {
        let wrong = Template::fill(&SourceText::new("a.sql", "${dri} ${other} ${a b} ${"), &settings()).unwrap_err();
        let told: Vec<_> = wrong.0.iter().map(|one| (one.message.as_str(), one.span.start, one.span.end)).collect();
        let form = "a setting must be written ${name}";
        assert_eq!(
            told,
            [("setting dri has no value", 0, 6), ("setting other has no value", 7, 15), (form, 16, 18), (form, 23, 25)]
        );
        assert!(wrong.0[0].hint.as_ref().unwrap().contains("did you mean ${dir}?"));
    }
}
