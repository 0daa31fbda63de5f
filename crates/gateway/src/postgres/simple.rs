//! The simple protocol: a text of any number of statements, whose rows come back as text.

use headwater_sql::SourceText;
use headwater_sql::session::{self, Command};

use super::connection::{Connection, End};
use super::encode::Form;
use super::failure::Failure;
use super::parameters::Answer;
use super::rows::DataRows;
use super::settings::Settings;
use super::wire::{Body, Broken};

impl Connection {
    pub async fn simple(&mut self, mut body: Body) -> Result<(), Broken> {
        self.prepared.remove("");
        self.portals.remove("");
        let text = body.text()?;
        match self.text(&text).await {
            Ok(()) => {}
            Err(End::Failed(failure)) => self.fail(&failure),
            Err(End::Broken(broken)) => return Err(broken),
        }
        self.ready().await
    }

    async fn text(&mut self, text: &str) -> Result<(), End> {
        self.begin_statement();
        let commands = read(&SourceText::new("query", text))?;
        if commands.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for command in &commands {
            self.begin_statement();
            self.statement(command).await?;
        }
        Ok(())
    }

    async fn statement(&mut self, command: &Command) -> Result<(), End> {
        match self.start(command).await? {
            Answer::Rows(mut running, word) => {
                let forms = vec![Form::Text; running.schema.fields().len()];
                let schema = running.schema.clone();
                self.describe(&schema, &forms)?;
                let sent = self.send(&mut running, &mut DataRows(&forms), None).await?;
                self.complete(&tag(word, sent.rows));
            }
            Answer::Done(tag) => self.complete(&tag),
            Answer::Fetch { name, count, moves } => {
                let tag = self.fetch(&name, count, moves, None).await?;
                self.complete(&tag);
            }
            Answer::Copy(copy) => {
                let tag = self.copy(&copy).await?;
                self.complete(&tag);
            }
        }
        Ok(())
    }
}

/// The statements of a text.
pub fn read(source: &SourceText) -> Result<Vec<Command>, Failure> {
    Ok(session::parse(source, Settings::is_known)?)
}

/// Only SELECT counts its rows.
pub fn tag(word: &str, rows: u64) -> String {
    if word == "SELECT" { format!("SELECT {rows}") } else { word.to_owned() }
}
