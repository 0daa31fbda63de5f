//! What is told of an incident: a text with values of a row in it.

use std::collections::BTreeMap;

use serde_json::Value;

/// `The shop is down: {errors} errors`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pieces: Vec<Piece>,
    /// Nothing was said: the group is told behind it.
    with_labels: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Column(String),
}

impl Message {
    /// What is told of an alert that says nothing.
    pub fn usual(alert: &str) -> Message {
        Message { pieces: vec![Piece::Text(alert.to_owned())], with_labels: true }
    }

    /// Reads `{column}` as the place of a value; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, has_column: &dyn Fn(&str) -> bool) -> Result<Message, String> {
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            let Some((column, behind)) = (brace == "{").then(|| behind.split_once('}')).flatten() else {
                return Err(format!("a brace stands alone in '{text}'; write {brace}{brace} for the sign itself"));
            };
            let column = column.trim();
            if !has_column(column) {
                return Err(format!("the message names {{{column}}}, and the query has no such column"));
            }
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Column(column.to_owned()));
            rest = behind;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Message { pieces, with_labels: false })
    }

    /// The text for a row, which is a JSON object, of a group.
    pub fn of(&self, row: &Value, labels: &str) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Column(column) => text.push_str(&plain(row.get(column).unwrap_or(&Value::Null))),
            }
        }
        let labels: BTreeMap<String, Value> = serde_json::from_str(labels).unwrap_or_default();
        if self.with_labels && !labels.is_empty() {
            let labels = labels.iter().map(|(name, value)| format!("{name} = {}", plain(value)));
            text.push_str(&format!(": {}", labels.collect::<Vec<_>>().join(", ")));
        }
        text
    }
}

/// A value as people write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let row = serde_json::json!({"errors": 7, "country": "CH", "none": null});
        let message = Message::read(text, &|column| row.get(column).is_some());
        message.map_or_else(|why| format!("refused: {why}"), |message| message.of(&row, "{\"country\":\"CH\"}"))
    }

    #[test]
    fn values_stand_where_columns_were_named() {
        assert_eq!(told("{errors} errors in { country }, {none}"), "7 errors in CH, NULL");
        assert_eq!(told("a {{brace}} as it is"), "a {brace} as it is");
        assert_eq!(told("plain"), "plain");
        assert_eq!(told("{eror}"), "refused: the message names {eror}, and the query has no such column");
        assert!(told("open {errors").starts_with("refused: a brace stands alone"));
        assert!(told("closed } early").starts_with("refused: a brace stands alone"));
        assert_eq!(Message::usual("down").of(&Value::Null, "{\"country\":\"CH\"}"), "down: country = CH");
        assert_eq!(Message::usual("down").of(&Value::Null, "{}"), "down");
    }
}
