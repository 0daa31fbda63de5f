//! Cursors of `DECLARE`: queries whose rows are fetched as the client asks, forward only.

use std::collections::hash_map;

use arrow::datatypes::SchemaRef;
use headwater_sql::Parsed;
use headwater_sql::session::Count;

use super::catalog;
use super::connection::{Connection, End};
use super::encode::Form;
use super::failure::{DUPLICATE_CURSOR, Failure, NO_CURSOR, NO_TRANSACTION};
use super::rows::{DataRows, Nothing, Running};
use super::transaction::Block;

/// Cursors of one connection; each holds a running query.
const CURSORS_MAX: usize = 100;

pub struct Cursor {
    /// It outlives its transaction.
    pub hold: bool,
    form: Form,
    running: Running,
}

impl Connection {
    pub async fn declare(&mut self, name: &str, hold: bool, binary: bool, query: &Parsed) -> Result<(), End> {
        if self.block == Block::Idle && !hold {
            let refused = Failure::new(NO_TRANSACTION, "DECLARE CURSOR can only be used in a transaction block");
            return Err(refused.hint("BEGIN first, or declare it WITH HOLD").into());
        }
        if self.cursors.contains_key(name) {
            return Err(Failure::new(DUPLICATE_CURSOR, format!("there is a cursor {name} already")).into());
        }
        if self.cursors.len() >= CURSORS_MAX {
            let refused = Failure::new("53400", format!("a connection has at most {CURSORS_MAX} cursors"));
            return Err(refused.hint("close those that are read").into());
        }
        let session = self.session(&query.text);
        let query = catalog::rewritten(query);
        let running = self.watched(session.run(&query)).await?.map_err(Failure::from)?.into();
        let form = if binary { Form::Binary } else { Form::Text };
        self.cursors.insert(name.to_owned(), Cursor { hold, form, running });
        Ok(())
    }

    pub fn cursor_schema(&self, name: &str) -> Result<SchemaRef, Failure> {
        self.cursors.get(name).map(|cursor| SchemaRef::clone(&cursor.running.schema)).ok_or_else(|| missing(name))
    }

    /// `FETCH` and `MOVE`; the tag is returned. `forms` are those asked for in the extended protocol, which has
    /// described the rows before.
    pub async fn fetch(
        &mut self,
        name: &str,
        count: Count,
        moves: bool,
        forms: Option<Vec<Form>>,
    ) -> Result<String, End> {
        let mut cursor = self.cursors.remove(name).ok_or_else(|| missing(name))?;
        let most = match count {
            Count::All => None,
            Count::Rows(rows) => Some(rows),
        };
        let fetched = if moves {
            self.send(&mut cursor.running, &mut Nothing, most).await
        } else {
            let described = forms.is_some();
            // A cursor declared BINARY is so, whatever the portal says.
            let forms = match (forms, cursor.form) {
                (Some(forms), Form::Text) => forms,
                _ => vec![cursor.form; cursor.running.schema.fields().len()],
            };
            let schema = SchemaRef::clone(&cursor.running.schema);
            if !described {
                self.describe(&schema, &forms)?;
            }
            self.send(&mut cursor.running, &mut DataRows(&forms), most).await
        };
        let rows = fetched?.rows;
        // After an error its query is broken, and the cursor gone with it.
        self.cursors.insert(name.to_owned(), cursor);
        Ok(format!("{} {rows}", if moves { "MOVE" } else { "FETCH" }))
    }

    pub fn close_cursor(&mut self, name: Option<&str>) -> Result<&'static str, Failure> {
        match name {
            None => {
                self.cursors.clear();
                Ok("CLOSE CURSOR ALL")
            }
            Some(name) => match self.cursors.entry(name.to_owned()) {
                hash_map::Entry::Occupied(found) => {
                    found.remove();
                    Ok("CLOSE CURSOR")
                }
                hash_map::Entry::Vacant(_) => Err(missing(name)),
            },
        }
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(NO_CURSOR, format!("there is no cursor {name}"))
}
