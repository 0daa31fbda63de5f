//! One client's connection: what it has set, prepared and opened, and its messages one after the other.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use headwater_query::running::Asker;
use headwater_query::session::Session;
use headwater_query::session::prepared::Prepared as Plan;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cancel::{Entry, Registry};
use super::catalog::{self, Catalog};
use super::cursor::Cursor;
use super::extended::{Portal, Prepared};
use super::failure::{CANCELLED, Failure, PROTOCOL, SHUTDOWN};
use super::opening::Start;
use super::settings::Settings;
use super::transaction::Block;
use super::wire::{Broken, MESSAGE_BYTES_MAX, Message, Wire, put_text};
use crate::node::Node;

/// Why something that a client asked for came to no end.
pub enum End {
    /// The client is told, and the connection goes on.
    Failed(Failure),
    Broken(Broken),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> End {
        End::Broken(broken)
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> End {
        End::Failed(failure)
    }
}

pub struct Connection {
    pub wire: Wire,
    pub node: Arc<dyn Node>,
    pub user: String,
    pub database: String,
    pub settings: Settings,
    /// As the connection began with them.
    pub start: Settings,
    pub block: Block,
    /// By name; the unnamed has the empty one.
    pub prepared: HashMap<String, Arc<Prepared>>,
    pub portals: HashMap<String, Portal>,
    pub cursors: HashMap<String, Cursor>,
    /// After an error in the extended protocol nothing counts until `Sync`.
    pub skipping: bool,
    /// When the running statement has had its time.
    pub deadline: Option<Instant>,
    pub cancelled: watch::Receiver<u64>,
    pub entry: Entry,
}

/// Serves until either side ends it.
pub async fn serve(
    mut wire: Wire,
    start: Start,
    node: Arc<dyn Node>,
    registry: &Arc<Registry>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut settings = Settings::new(&start.user);
    let set: Result<(), Failure> =
        start.parameters.iter().try_for_each(|(name, value)| settings.set(name, Some(value)).map(drop));
    let entered = set.and_then(|()| registry.enter().map_err(|error| Failure::new("XX000", error.to_string())));
    let (entry, cancelled) = match entered {
        Ok(entered) => entered,
        Err(failure) => {
            failure.send(&mut wire, true);
            return wire.close().await;
        }
    };
    let mut connection = Connection {
        wire,
        node,
        user: start.user,
        database: start.database,
        start: settings.clone(),
        settings,
        block: Block::Idle,
        prepared: HashMap::new(),
        portals: HashMap::new(),
        cursors: HashMap::new(),
        skipping: false,
        deadline: None,
        cancelled,
        entry,
    };
    connection.greet();
    let ended = match connection.ready().await {
        Ok(()) => connection.run(&mut stopped).await,
        Err(broken) => Err(broken),
    };
    if let Err(Broken::Protocol(what)) = ended {
        Failure::new(PROTOCOL, what).send(&mut connection.wire, true);
    }
    connection.wire.close().await;
}

impl Connection {
    fn greet(&mut self) {
        for (name, value) in self.settings.reported() {
            self.report(name, &value);
        }
        let (number, secret) = self.entry.key;
        self.wire.put(b'K', |out| {
            out.put_i32(number);
            out.put_i32(secret);
        });
    }

    /// Tells the client of a parameter's value.
    pub fn report(&mut self, name: &str, value: &str) {
        self.wire.put(b'S', |out| {
            put_text(out, name);
            put_text(out, value);
        });
    }

    /// Tells that the next statement can come.
    pub async fn ready(&mut self) -> Result<(), Broken> {
        let status = self.block.status();
        self.wire.put(b'Z', |out| out.put_u8(status));
        self.deadline = None;
        self.wire.flush().await
    }

    async fn run(&mut self, stopped: &mut watch::Receiver<bool>) -> Result<(), Broken> {
        loop {
            let idle = self.idle_limit();
            let message = tokio::select! {
                // Statements that are here already are run before the end of the node is noticed.
                biased;
                message = self.wire.message(MESSAGE_BYTES_MAX) => message?,
                _ = stopped.wait_for(|stop| *stop) => {
                    Failure::new(SHUTDOWN, "the node is stopping").send(&mut self.wire, true);
                    return Ok(());
                }
                () = after(idle) => {
                    let (code, what) = match self.block {
                        Block::Idle => ("57P05", "the connection was idle for longer than idle_session_timeout"),
                        _ => ("25P03", "the transaction was idle for longer than idle_in_transaction_session_timeout"),
                    };
                    Failure::new(code, what).send(&mut self.wire, true);
                    return Ok(());
                }
            };
            if message.tag == b'X' {
                return Ok(());
            }
            self.message(message).await?;
            if *stopped.borrow() && self.block == Block::Idle && !self.wire.has_message() {
                Failure::new(SHUTDOWN, "the node is stopping").send(&mut self.wire, true);
                return Ok(());
            }
        }
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.settings.time(match self.block {
            Block::Idle => "idle_session_timeout",
            _ => "idle_in_transaction_session_timeout",
        })
    }

    async fn message(&mut self, message: Message) -> Result<(), Broken> {
        let Message { tag, body } = message;
        if self.skipping && tag != b'S' {
            return Ok(());
        }
        match tag {
            b'Q' => self.simple(body).await,
            b'S' => {
                self.skipping = false;
                if self.block == Block::Idle {
                    self.portals.clear();
                }
                self.ready().await
            }
            b'H' => self.wire.flush().await,
            b'P' | b'B' | b'D' | b'E' | b'C' => match self.extended(tag, body).await {
                Ok(()) => Ok(()),
                Err(End::Failed(failure)) => {
                    self.fail(&failure);
                    self.skipping = true;
                    Ok(())
                }
                Err(End::Broken(broken)) => Err(broken),
            },
            b'F' => {
                self.fail(&Failure::not_built("calling functions by their number"));
                self.ready().await
            }
            // What is left of a COPY that has failed.
            b'd' | b'c' | b'f' => Ok(()),
            other => Err(Broken::Protocol(format!("there is no message of type {}", other.escape_ascii()))),
        }
    }

    /// Tells of an error, which fails a transaction.
    pub fn fail(&mut self, failure: &Failure) {
        failure.send(&mut self.wire, false);
        self.block.fail();
    }

    /// Who asks, as `system.queries` has it.
    pub fn asker(&self) -> Asker {
        Asker { door: "postgres", user: Some(self.user.clone()), timeout: None }
    }

    /// A session over the relations of now, with the catalog if the text asks for it.
    pub fn session(&self, text: &str) -> Session {
        let session = self.node.session().asked_by(self.asker());
        if !catalog::is_asked(text) {
            return session;
        }
        let found = Catalog::new(&session, &self.database, &self.user, &self.settings);
        session.with_foreign(Arc::new(catalog::Shared(found)))
    }

    /// As [`Connection::session`], for what is planned already.
    pub fn session_of(&self, prepared: &Prepared, plan: &Plan) -> Session {
        // A lookup reads a view, and nothing of the catalog.
        if plan.is_lookup() { self.node.session() } else { self.session(&prepared.source.text) }
    }

    /// Starts the clock of `statement_timeout`, and forgets requests to cancel what ran before.
    pub fn begin_statement(&mut self) {
        self.deadline = self.settings.time("statement_timeout").map(|limit| Instant::now() + limit);
        self.cancelled.mark_unchanged();
    }

    /// Waits for something, unless the client cancels it, goes, or its time is up.
    pub async fn watched<T>(&mut self, running: impl Future<Output = T>) -> Result<T, End> {
        tokio::select! {
            biased;
            done = running => Ok(done),
            // The registry outlives connections: without a sender nobody can cancel.
            Ok(()) = self.cancelled.changed() => {
                Err(Failure::new(CANCELLED, "the statement was cancelled by its user").into())
            }
            () = until(self.deadline) => {
                Err(Failure::new(CANCELLED, "the statement took longer than statement_timeout").into())
            }
            () = self.wire.gone() => Err(Broken::Gone.into()),
        }
    }
}

async fn after(limit: Option<Duration>) {
    until(limit.map(|limit| Instant::now() + limit)).await;
}

pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
