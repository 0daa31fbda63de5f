//! Alerts of a node: what is declared, in the terms of the rooms that look and that know the outside systems.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use headwater_base::ErrorKind;
use headwater_connect::notify::{self, Mail, Webhook, mail};
use headwater_deploy::alerts::book::Book;
use headwater_deploy::alerts::deliver::{self, Delivering, Duty, Failure};
use headwater_deploy::alerts::letter::Letter;
use headwater_deploy::alerts::watch::{Ground as Watched, Watching};
use headwater_deploy::alerts::{Channel, Declared, Tls};

use crate::sinks::Ground;

/// All alerts that run, and all channels that tell.
#[derive(Default)]
pub struct Alerts {
    watching: Option<Watching>,
    /// By alert and channel.
    telling: BTreeMap<(String, String), Delivering>,
}

impl Alerts {
    /// Stops looking, before what is looked at goes. What tells, goes on.
    pub fn pause(&mut self) {
        self.watching = None;
    }

    /// Brings looking and telling to what is declared. `all` are alerts that are wanted, whether they run yet or not.
    pub fn follow(
        &mut self,
        running: &[Arc<Declared>],
        all: &[Arc<Declared>],
        ground: &Ground<'_>,
        watched: Watched,
    ) -> Result<()> {
        self.pause();
        let book = Arc::clone(&watched.book);
        let channels = |alert: &Declared| alert.channels.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        book.follow(&all.iter().map(|alert| (alert.name.clone(), channels(alert))).collect())?;
        let mut before = std::mem::take(&mut self.telling);
        for alert in all.iter().filter(|alert| alert.enabled) {
            for (name, channel) in &alert.channels {
                let key = (alert.name.clone(), name.clone());
                let older = before.remove(&key);
                older.iter().for_each(Delivering::stop);
                let duty = Duty { alert: alert.name.clone(), channel: name.clone(), retries: alert.retries };
                let opened = ground.channel(channel).map_err(|error| {
                    let message = format!("{error:#}");
                    Failure { message, is_final: false }
                });
                let telling = Delivering::start(duty, opened, Arc::clone(&book), older).context("no thread")?;
                self.telling.insert(key, telling);
            }
        }
        drop(before);
        self.watching = Some(Watching::start(running, watched).context("no thread")?);
        Ok(())
    }

    /// Whether all that there was to be looked at was, and was told or tried.
    pub fn is_settled(&self, book: &Book) -> bool {
        self.watching.as_ref().is_none_or(Watching::is_settled) && book.all_tried()
    }

    /// From now on only what is looked at afterwards counts.
    pub fn unsettle(&self) {
        self.watching.iter().for_each(Watching::unsettle);
    }

    /// Stops, and waits for tries that have begun.
    pub fn end(&mut self) {
        self.pause();
        let telling = std::mem::take(&mut self.telling);
        telling.values().for_each(Delivering::stop);
        telling.into_values().for_each(Delivering::end);
    }
}

impl Ground<'_> {
    /// Opens a channel, or says what is wrong with it. Nothing is sent.
    pub fn channel(&self, channel: &Channel) -> Result<Box<dyn deliver::Channel>> {
        let told = headwater_stream::Error::from;
        Ok(match channel {
            Channel::Webhook { url, headers } => {
                let headers = headers.iter().map(|(name, value)| Ok((name.clone(), self.reveal(value)?)));
                let headers = headers.collect::<Result<Vec<_>>>()?;
                Box::new(ByWebhook(Webhook::new(url, &headers, Arc::clone(self.runtime)).map_err(told)?))
            }
            Channel::Email { to, server } => {
                let password = server.password.as_ref().map(|password| self.reveal(password)).transpose()?;
                let options = mail::Options {
                    host: server.host.clone(),
                    port: server.port,
                    login: server.user.clone().zip(password),
                    from: server.from.clone(),
                    to: to.clone(),
                    tls: match server.tls {
                        Tls::None => mail::Tls::None,
                        Tls::StartTls => mail::Tls::StartTls,
                        Tls::Tls => mail::Tls::Tls,
                    },
                };
                Box::new(ByMail(Mail::new(options, Arc::clone(self.runtime)).map_err(told)?))
            }
            Channel::Log => Box::new(ByLog),
        })
    }
}

struct ByWebhook(Webhook);

impl deliver::Channel for ByWebhook {
    fn send(&mut self, letter: &Letter) -> Result<(), Failure> {
        self.0.send(&letter.key, letter.json.to_string().into_bytes()).map_err(failure)
    }
}

struct ByMail(Mail);

impl deliver::Channel for ByMail {
    fn send(&mut self, letter: &Letter) -> Result<(), Failure> {
        let message = mail::Message {
            key: letter.key.clone(),
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            written_us: letter.created_us,
        };
        self.0.send(&message).map_err(failure)
    }
}

struct ByLog;

impl deliver::Channel for ByLog {
    fn send(&mut self, letter: &Letter) -> Result<(), Failure> {
        let (alert, labels) = (&letter.alert, &letter.labels);
        if letter.is_firing {
            tracing::warn!(alert, labels, "firing: {}", letter.message);
        } else {
            tracing::info!(alert, labels, "resolved: {}", letter.message);
        }
        Ok(())
    }
}

fn failure(error: notify::Error) -> Failure {
    let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    Failure { message: format!("{}{hint}", error.message), is_final: error.kind != ErrorKind::Unavailable }
}
