//! Statements as text again: what an `ALTER` leaves is stored like what somebody wrote.
//!
//! The text parses to a statement that says the same. Expressions stand as they were written.

use std::fmt::Write;

use crate::ast::{
    Column, CreateExternalTable, CreateMaterializedView, CreateStream, CreateTable, CreateView, Emit, Existing, Name,
    Refresh, Rule,
};
use crate::{Options, Value, duration_text};

/// Words that open something else where a column could stand.
const OPENERS: [&str; 3] = ["constraint", "primary", "watermark"];

impl CreateStream {
    pub fn to_sql(&self) -> String {
        let mut body: Vec<String> = self.columns.iter().map(column).collect();
        if let Some(watermark) = &self.watermark {
            let (of, expression) = (name(&watermark.column), &watermark.expression_text);
            body.push(format!("WATERMARK FOR {of} AS {expression}"));
        }
        body.extend(self.rules.iter().map(rule));
        let mut sql = open("STREAM", self.existing, &self.name);
        push_body(&mut sql, &body);
        if !self.partition_key.is_empty() {
            push(&mut sql, &format!("\nPARTITION KEY ({})", names(&self.partition_key)));
        }
        if !self.options.is_empty() {
            push(&mut sql, &format!("\nWITH {}", options(&self.options)));
        }
        sql
    }
}

impl CreateTable {
    pub fn to_sql(&self) -> String {
        let mut body: Vec<String> = self.columns.iter().map(column).collect();
        if !self.primary_key.is_empty() {
            body.push(format!("PRIMARY KEY ({})", names(&self.primary_key)));
        }
        body.extend(self.rules.iter().map(rule));
        let mut sql = open("TABLE", self.existing, &self.name);
        if !body.is_empty() {
            push_body(&mut sql, &body);
        }
        if !self.partitioned_by.is_empty() {
            push(&mut sql, &format!("\nPARTITIONED BY ({})", names(&self.partitioned_by)));
        }
        if !self.options.is_empty() {
            push(&mut sql, &format!("\nWITH {}", options(&self.options)));
        }
        if let Some(query) = &self.query {
            push(&mut sql, &format!("\nAS {}", query.text));
        }
        sql
    }
}

impl CreateExternalTable {
    pub fn to_sql(&self) -> String {
        let mut sql = open("EXTERNAL TABLE", self.existing, &self.name);
        if !self.columns.is_empty() {
            push_body(&mut sql, &self.columns.iter().map(column).collect::<Vec<_>>());
        }
        let location = self.location.replace('\'', "''");
        push(&mut sql, &format!("\nSTORED AS {}\nLOCATION '{location}'", self.format));
        if !self.options.is_empty() {
            push(&mut sql, &format!("\nWITH {}", options(&self.options)));
        }
        sql
    }
}

impl CreateView {
    pub fn to_sql(&self) -> String {
        let mut sql = open("VIEW", self.existing, &self.name);
        if !self.columns.is_empty() {
            push(&mut sql, &format!(" ({})", names(&self.columns)));
        }
        push(&mut sql, &format!(" AS\n{}", self.query_text));
        sql
    }
}

impl CreateMaterializedView {
    pub fn to_sql(&self) -> String {
        let body: Vec<String> = self.columns.iter().map(name).chain(self.rules.iter().map(rule)).collect();
        let mut sql = open("MATERIALIZED VIEW", self.existing, &self.name);
        if !body.is_empty() {
            push_body(&mut sql, &body);
        }
        if !self.partition_key.is_empty() {
            push(&mut sql, &format!("\nPARTITION KEY ({})", names(&self.partition_key)));
        }
        if !self.partitioned_by.is_empty() {
            push(&mut sql, &format!("\nPARTITIONED BY ({})", names(&self.partitioned_by)));
        }
        if let Refresh::Scheduled(schedule) = &self.refresh {
            push(&mut sql, &format!("\nREFRESH {schedule}"));
        }
        if !self.options.is_empty() {
            push(&mut sql, &format!("\nWITH {}", options(&self.options)));
        }
        match self.emit {
            None => {}
            Some(Emit::Changes) => push(&mut sql, "\nEMIT CHANGES"),
            Some(Emit::ChangesEvery(every)) => {
                push(&mut sql, &format!("\nEMIT CHANGES EVERY INTERVAL '{}'", duration_text(every)));
            }
            Some(Emit::OnWindowClose) => push(&mut sql, "\nEMIT ON WINDOW CLOSE"),
        }
        push(&mut sql, &format!("\nAS\n{}", self.query_text));
        sql
    }
}

fn open(kind: &str, existing: Existing, of: &Name) -> String {
    let name = name(of);
    match existing {
        Existing::Refuse => format!("CREATE {kind} {name}"),
        Existing::Keep => format!("CREATE {kind} IF NOT EXISTS {name}"),
        Existing::Replace => format!("CREATE OR REPLACE {kind} {name}"),
    }
}

fn push(sql: &mut String, more: &str) {
    sql.push_str(more);
}

fn push_body(sql: &mut String, body: &[String]) {
    push(sql, &format!(" (\n    {}\n)", body.join(",\n    ")));
}

fn column(column: &Column) -> String {
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    format!("{} {}{not_null}", name(&column.name), column.data_type)
}

fn rule(rule: &Rule) -> String {
    let (of, condition, action) = (name(&rule.name), &rule.condition_text, rule.on_violation);
    format!("CONSTRAINT {of} EXPECT ({condition}) ON VIOLATION {action}")
}

fn names(names: &[Name]) -> String {
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Quoted only where it must be.
pub(crate) fn name(name: &Name) -> String {
    let value = &name.value;
    let plain = value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !OPENERS.contains(&value.as_str()) {
        value.clone()
    } else {
        format!("\"{}\"", value.replace('"', "\"\""))
    }
}

impl Options {
    /// The text of their statement, which ends with them, with others in their place.
    pub(crate) fn replaced_by(&self, others: &Options) -> String {
        let text = self.source.text.trim_end_matches([';', ' ', '\n']);
        match self.is_empty() {
            true => format!("{text} WITH {}", options(others)),
            false => format!("{}{}", &text[..self.span.start], options(others)),
        }
    }

    /// As [`replaced_by`](Self::replaced_by), of a statement that may go on after them.
    pub(crate) fn exchanged_for(&self, others: &Options) -> String {
        if self.is_empty() {
            return self.replaced_by(others);
        }
        let text = &self.source.text;
        format!("{}{}{}", &text[..self.span.start], options(others), &text[self.span.end..])
    }
}

fn options(list: &Options) -> String {
    let mut sql = String::from("(");
    for (number, entry) in list.entries().iter().enumerate() {
        let comma = if number > 0 { ", " } else { "" };
        let value = match &entry.value {
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Number(number) => number.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::List(inner) => options(inner),
            Value::Secret(of) => format!("SECRET {}", name(of)),
        };
        // Writing to a text does not fail.
        let _ = write!(sql, "{comma}{} = {value}", name(&entry.name));
    }
    sql.push(')');
    sql
}

#[cfg(test)]
mod tests;
