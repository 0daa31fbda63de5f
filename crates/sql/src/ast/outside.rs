//! What stands between the platform and the world: sources, sinks, connections, secrets and users.

use super::{Existing, Name, Query};
use crate::options::TextOrSecret;
use crate::{Options, Span};

/// `CREATE SOURCE name INTO stream FROM origin WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateSource {
    pub name: Name,
    pub existing: Existing,
    pub into: Option<Name>,
    pub from: Origin,
    pub options: Options,
}

/// Where a source's rows come from.
#[derive(Debug, Clone)]
pub enum Origin {
    Files(Options),
    Generator(Options),
}

/// `CREATE SINK name FROM relation INTO destination WITH (…)`
#[derive(Debug, Clone)]
pub struct CreateSink {
    pub name: Name,
    pub existing: Existing,
    pub from: SinkRows,
    pub into: Destination,
    pub options: Options,
}

/// Which rows leave.
#[derive(Debug, Clone)]
pub enum SinkRows {
    Relation(Name),
    /// `AS query`
    Query(Box<Query>),
}

/// Where rows go.
#[derive(Debug, Clone)]
pub enum Destination {
    Files(Options),
    Http(Options),
    /// What the connection leads to.
    Connection {
        connection: Name,
        options: Options,
    },
}

/// `CREATE CONNECTION name TO KIND (…)`
#[derive(Debug, Clone)]
pub struct CreateConnection {
    pub name: Name,
    pub existing: Existing,
    /// `postgres`, `s3`, …: a word, in lower case.
    pub kind: Name,
    pub options: Options,
}

/// `CREATE SECRET name FROM …`. The secret itself is in no statement.
#[derive(Debug, Clone)]
pub struct CreateSecret {
    pub name: Name,
    pub existing: Existing,
    pub from: SecretOrigin,
    /// The variable's name or the file's path, with its quotes.
    pub from_span: Span,
}

/// Where a secret is read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// A variable of the environment.
    Env(String),
    /// A file that holds the secret and nothing else.
    File(String),
}

/// `CREATE USER name PASSWORD …`
#[derive(Debug, Clone)]
pub struct CreateUser {
    pub name: Name,
    pub existing: Existing,
    pub password: TextOrSecret,
    pub password_span: Span,
}
