//! Lists of options: `WITH (partitions = 4)`, `FROM FILES (PATH 'data/*.csv')`.
//!
//! Whoever gives an option its meaning takes it by name and type; `finish` then refuses what nobody
//! took, so that no option is ever parsed and ignored.

mod duration;
mod size;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use crate::ast::Name;
use crate::{Diagnostic, Diagnostics, Fault, Result, SourceText, Span};

pub use duration::{duration_text, parse_duration};

/// Options in the order written; names are distinct.
#[derive(Debug, Clone)]
pub struct Options {
    entries: Vec<Entry>,
    /// What was asked for so far: the known names, for hints.
    asked: Vec<String>,
    /// The list with its parentheses; where no list was written, the statement's opening words.
    pub span: Span,
    pub source: SourceText,
}

/// One `name = value`, or `NAME value`.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Name,
    pub value: Value,
    pub value_span: Span,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    /// As written, with its sign.
    Number(String),
    Boolean(bool),
    List(Box<Options>),
    /// `SECRET name`: what the secret of that name holds.
    Secret(Name),
}

/// A value that may be secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum TextOrSecret {
    Text(String),
    /// The name of the secret.
    Secret(Name),
}

impl fmt::Debug for TextOrSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextOrSecret::Text(_) => f.write_str("Text(…)"),
            TextOrSecret::Secret(name) => write!(f, "Secret({name})"),
        }
    }
}

impl Value {
    fn describe(&self) -> String {
        match self {
            Value::Text(text) => format!("the text '{text}'"),
            Value::Number(number) => format!("the number {number}"),
            Value::Boolean(value) => format!("{value}"),
            Value::List(_) => "a list".to_owned(),
            Value::Secret(name) => format!("SECRET {name}"),
        }
    }
}

/// Equal if they say the same, wherever they stand.
impl PartialEq for Options {
    fn eq(&self, other: &Options) -> bool {
        self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(|(one, two)| one.name == two.name && one.value == two.value)
    }
}

impl Options {
    pub fn new(source: SourceText, span: Span, entries: Vec<Entry>) -> Options {
        Options { entries, asked: Vec::new(), span, source }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What has not been taken yet.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All that has not been taken yet, for lists whose names the user makes up (`FIELDS (…)`).
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    pub fn take_text(&mut self, name: &str) -> Result<Option<String>> {
        self.take_as(name, "a text in single quotes", |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// One of a few texts, compared without regard to case.
    pub fn take_choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let known = choices.iter().map(|(choice, _)| format!("'{choice}'")).collect::<Vec<_>>().join(", ");
        self.take_as(name, &format!("one of {known}"), |value| match value {
            Value::Text(text) => {
                choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
            }
            _ => None,
        })
    }

    pub fn take_integer(&mut self, name: &str) -> Result<Option<i64>> {
        self.take_as(name, "a whole number", |value| match value {
            Value::Number(number) => number.parse().ok(),
            _ => None,
        })
    }

    /// Any number; always finite.
    pub fn take_number(&mut self, name: &str) -> Result<Option<f64>> {
        self.take_as(name, "a number", |value| match value {
            Value::Number(number) => number.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        })
    }

    pub fn take_boolean(&mut self, name: &str) -> Result<Option<bool>> {
        self.take_as(name, "true or false", |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
    }

    /// Whole numbers with units: `'7 days'`, `'1 hour 30 minutes'`.
    pub fn take_duration(&mut self, name: &str) -> Result<Option<Duration>> {
        let Some(entry) = self.take(name) else { return Ok(None) };
        let refuse = |detail: Option<String>| {
            let mut refused =
                self.wrong(&entry, "a duration").with_hint("write it like '7 days' or '1 hour 30 minutes'");
            refused.detail = detail;
            refused
        };
        match &entry.value {
            Value::Text(text) => parse_duration(text).map(Some).map_err(|why| refuse(Some(why))),
            _ => Err(refuse(None)),
        }
    }

    /// A number of bytes, more than none.
    pub fn take_size(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(entry) = self.take(name) else { return Ok(None) };
        let bytes = match &entry.value {
            Value::Text(text) => size::parse_size(text),
            _ => None,
        };
        let refused = || self.wrong(&entry, "a number of bytes").with_hint("write it like '512 MiB' or '2 GB'");
        bytes.map(Some).ok_or_else(refused)
    }

    /// A nested list: `FIELDS (name = 'spec', …)`.
    pub fn take_list(&mut self, name: &str) -> Result<Option<Options>> {
        self.take_as(name, "a list in parentheses", |value| match value {
            Value::List(options) => Some((**options).clone()),
            _ => None,
        })
    }

    /// A text that may be kept secret: `'text'`, or `SECRET name`.
    pub fn take_text_or_secret(&mut self, name: &str) -> Result<Option<TextOrSecret>> {
        self.take_as(name, "a text in single quotes or SECRET name", |value| match value {
            Value::Text(text) => Some(TextOrSecret::Text(text.clone())),
            Value::Secret(name) => Some(TextOrSecret::Secret(name.clone())),
            _ => None,
        })
    }

    /// An option as it stands, for those whose values need more than a type.
    pub fn take(&mut self, name: &str) -> Option<Entry> {
        if !self.asked.iter().any(|asked| asked == name) {
            self.asked.push(name.to_owned());
        }
        let at = self.entries.iter().position(|entry| entry.name.value == name)?;
        Some(self.entries.remove(at))
    }

    /// A required option that is missing.
    pub fn missing(&self, name: &str, example: &str) -> Diagnostic {
        // Most likely it is there, mistyped.
        if let Some(entry) = self.entries.iter().find(|entry| crate::nearest(&entry.name.value, [name]).is_some()) {
            let unknown = format!("unknown option {}", entry.name);
            return wrong(&self.source, entry.name.span, unknown).with_hint(format!("did you mean {name}?"));
        }
        wrong(&self.source, self.span, format!("option {name} is missing")).with_hint(format!("add {example}"))
    }

    /// An option whose value has the right type and is refused all the same.
    pub fn refuse(&self, entry: &Entry, message: impl Into<String>) -> Diagnostic {
        wrong(&self.source, entry.value_span, message)
    }

    /// Refuses what is left: unknown options, each with the nearest known name.
    pub fn finish(self) -> Result<(), Diagnostics> {
        let unknown = self.entries.iter().map(|entry| {
            let refused = wrong(&self.source, entry.name.span, format!("unknown option {}", entry.name));
            match crate::nearest(&entry.name.value, self.asked.iter().map(String::as_str)) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None if self.asked.is_empty() => refused.with_hint("there are no options here"),
                None => refused.with_hint(format!("the options here are {}", self.asked.join(", "))),
            }
        });
        Diagnostics::check(unknown.collect())
    }

    fn take_as<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(entry) = self.take(name) else { return Ok(None) };
        match read(&entry.value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(&entry, wanted)),
        }
    }

    fn wrong(&self, entry: &Entry, wanted: &str) -> Diagnostic {
        let message = format!("option {} must be {wanted}, not {}", entry.name, entry.value.describe());
        wrong(&self.source, entry.value_span, message)
    }
}

fn wrong(source: &SourceText, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(source.clone(), span, message).with_fault(Fault::Option)
}
