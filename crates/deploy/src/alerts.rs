//! `CREATE ALERT`, and what becomes of it: a query whose rows say that something is wrong, incidents that are made of
//! those rows, and notifications of them.
//!
//! The rows are those of a materialized view of the alert's name. [`incident`] makes incidents of them, as a function
//! of rows and times alone; [`book`] keeps what came of it in the log before anybody is told; [`watch`] reads the rows
//! as they come; [`deliver`] tells. What a receiver is sent is in [`letter`]; who sends it, is for who knows the outside
//! systems.

pub mod book;
pub mod deliver;
pub mod incident;
pub mod letter;
mod message;
mod rows;
pub mod scheduled;
pub mod watch;

use std::time::Duration;

use headwater_query::relation::{Relation, Relations, timestamp_type};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{CreateAlert, CreateConnection, Name, Notify};
use headwater_sql::options::TextOrSecret;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Options, Parsed, Span, nearest};

use crate::Result;
use crate::schedule::Schedule;
use crate::sinks::{Outside, headers};
use incident::Rule;
pub use message::Message;

/// How long after the last row of an incident it is over, where rows have times and nothing is said.
const RESOLVE_AFTER: Duration = Duration::from_secs(5 * 60);

/// A declared alert.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub enabled: bool,
    /// When it looks. None: all the time.
    pub schedule: Option<Schedule>,
    /// Where its rows are; of one with a schedule a view that is a name for its query.
    pub rows: Relation,
    /// Columns of the rows.
    pub group_by: Vec<usize>,
    /// The column of event time; without one a row counts as long as it is there.
    pub timestamp: Option<usize>,
    pub rule: Rule,
    pub message: Message,
    /// How often a notification is tried again.
    pub retries: u32,
    /// Each by a name of its own.
    pub channels: Vec<(String, Channel)>,
}

/// Who is told.
#[derive(Debug, Clone)]
pub enum Channel {
    Webhook { url: String, headers: Vec<(String, TextOrSecret)> },
    Email { to: Vec<String>, server: Mail },
    Log,
}

/// A server that takes e-mails.
#[derive(Debug, Clone)]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<TextOrSecret>,
    pub from: String,
    pub tls: Tls,
}

/// How a connection to a server of e-mails is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// After a greeting.
    StartTls,
    /// From the first byte.
    Tls,
}

/// Resolves an alert whose rows are among the relations.
pub fn resolve(create: &CreateAlert, parsed: &Parsed, relations: &Relations, outside: &Outside) -> Result<Declared> {
    let name = create.name.value.clone();
    let refuse = |span: Span, message: String| Diagnostic::new(parsed.source.clone(), span, message);
    let Some(rows) = relations.get(&name) else {
        let refused = refuse(create.name.span, format!("alert {name} has no rows"));
        return Err(Diagnostics::from(refused).into());
    };
    let settings = create.settings()?;
    let group_by = create.group_by.iter().map(|column| find(column, &rows, parsed));
    let group_by = group_by.collect::<Result<Vec<_>, _>>()?;
    let timestamp = timestamp(create, &rows, parsed)?;
    let message = match &settings.message {
        None => Message::usual(&name),
        Some((text, span)) => Message::read(text, &|column| rows.schema().index_of(column).is_ok())
            .map_err(|why| Diagnostics::from(refuse(*span, why).with_fault(Fault::Meaning)))?,
    };
    let resolve_after = match timestamp {
        Some(_) => settings.resolve_after.unwrap_or(RESOLVE_AFTER),
        None => settings.resolve_after.unwrap_or_default(),
    };
    let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4);
    let rule = Rule {
        hold_us: us(settings.hold),
        resolve_after_us: us(resolve_after),
        cool_down_us: us(settings.cool_down),
        max_age_us: settings.max_age.map(us),
        send_resolved: settings.send_resolved,
    };
    let channels = channels(&create.notify, outside)?;
    let schedule = create.schedule.as_ref().map(|schedule| Schedule::resolve(schedule, &parsed.source)).transpose()?;
    let (enabled, retries) = (settings.enabled, settings.retries);
    Ok(Declared { name, enabled, schedule, rows, group_by, timestamp, rule, message, retries, channels })
}

fn find(column: &Name, rows: &Relation, parsed: &Parsed) -> Result<usize, Diagnostics> {
    rows.schema().index_of(&column.value).map_err(|_| {
        let message = format!("the query has no column {column}");
        let refused = Diagnostic::new(parsed.source.clone(), column.span, message).with_fault(Fault::NoColumn);
        let names = rows.schema().fields().iter().map(|field| field.name().as_str());
        Diagnostics::from(match nearest(&column.value, names) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint("it must be a column that the alert's query gives"),
        })
    })
}

/// The column that was named, or that the rows' own watermark is of.
fn timestamp(create: &CreateAlert, rows: &Relation, parsed: &Parsed) -> Result<Option<usize>, Diagnostics> {
    if let Some(column) = &create.timestamp {
        let at = find(column, rows, parsed)?;
        let found = rows.schema().field(at).data_type();
        if *found != timestamp_type() {
            let message = format!("column {column} is of type {}, and no TIMESTAMP", sql_name(found));
            return Err(Diagnostic::new(parsed.source.clone(), column.span, message).with_fault(Fault::Meaning).into());
        }
        return Ok(Some(at));
    }
    let Relation::Stream(stream) = rows else { return Ok(None) };
    match stream.watermark {
        Some(watermark) => Ok(Some(watermark.column)),
        None => {
            let message = "rows of this query are never taken back, so when is an incident over?";
            let refused = Diagnostic::new(parsed.source.clone(), create.rows.query_span, message);
            let hint = "name the column that has a row's time before AS: TIMESTAMP column";
            Err(refused.with_fault(Fault::Meaning).with_hint(hint).into())
        }
    }
}

fn channels(notify: &[Notify], outside: &Outside) -> Result<Vec<(String, Channel)>, Diagnostics> {
    let mut channels: Vec<(String, Channel)> = Vec::new();
    for each in notify {
        let (kind, channel) = match each {
            Notify::Webhook(options) => ("webhook", webhook(options.clone())?),
            Notify::Email { connection, options } => ("email", email(connection, options.clone(), outside)?),
            Notify::Log => ("log", Channel::Log),
        };
        let same = channels.iter().filter(|(name, _)| name.starts_with(kind)).count();
        let name = if same == 0 { kind.to_owned() } else { format!("{kind} {}", same + 1) };
        channels.push((name, channel));
    }
    Ok(channels)
}

fn webhook(mut options: Options) -> Result<Channel, Diagnostics> {
    let url = options.take_text("url")?.ok_or_else(|| options.missing("url", "URL 'https://…'"))?;
    let headers = headers(&mut options)?;
    options.finish()?;
    Ok(Channel::Webhook { url, headers })
}

fn email(connection: &Name, mut options: Options, outside: &Outside) -> Result<Channel, Diagnostics> {
    let to = options.take_text("to")?.ok_or_else(|| options.missing("to", "TO 'address'"))?;
    let to: Vec<String> = to.split(',').map(str::trim).filter(|to| !to.is_empty()).map(str::to_owned).collect();
    let source = options.source.clone();
    if to.is_empty() {
        return Err(options.missing("to", "TO 'address'").into());
    }
    options.finish()?;
    match outside.mail.get(&connection.value) {
        Some(server) => Ok(Channel::Email { to, server: server.clone() }),
        None => {
            let refused = Diagnostic::new(source, connection.span, format!("{connection} does not lead to e-mail"));
            let hint = "an e-mail needs a connection TO SMTP (HOST '…', FROM '…')";
            Err(refused.with_fault(Fault::WrongKind).with_hint(hint).into())
        }
    }
}

/// Resolves a connection `TO SMTP`.
pub fn mail(create: &CreateConnection) -> Result<Mail, Diagnostics> {
    let mut options = create.options.clone();
    let host = options.take_text("host")?.ok_or_else(|| options.missing("host", "HOST 'localhost'"))?;
    let from = options.take_text("from")?.ok_or_else(|| options.missing("from", "FROM 'headwater@example.com'"))?;
    let tls = options.take_choice("tls", &[("starttls", Tls::StartTls), ("tls", Tls::Tls), ("none", Tls::None)])?;
    let tls = tls.unwrap_or(Tls::StartTls);
    let written = options.entries().iter().find(|entry| entry.name.value == "port").cloned();
    let port = match (options.take_integer("port")?, written) {
        (Some(port), Some(entry)) => u16::try_from(port)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| options.refuse(&entry, "a port is a number from 1 to 65535"))?,
        _ => match tls {
            Tls::Tls => 465,
            Tls::StartTls => 587,
            Tls::None => 25,
        },
    };
    let user = options.take_text("user")?;
    let password = options.take_text_or_secret("password")?;
    if user.is_some() != password.is_some() {
        let (lacks, example) = if user.is_some() { ("password", "PASSWORD SECRET name") } else { ("user", "USER 'x'") };
        return Err(options.missing(lacks, example).into());
    }
    options.finish()?;
    Ok(Mail { host, port, user, password, from, tls })
}
