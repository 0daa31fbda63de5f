//! Who may pass the node's doors: users of its folder, encryption, and what an address that others reach needs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use headwater_base::ErrorKind;
use headwater_gateway::access::Access;
use headwater_gateway::users::{User, Verifier};
use headwater_gateway::{Done, Problem, Reason, Server, postgres, tls};
use headwater_sql::ast::{self, Existing, Name};
use headwater_sql::options::TextOrSecret;
use headwater_sql::{Parsed, Statement};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Node, Options};
use crate::sinks;

/// Both doors full of connections, and as much again for log, lake and queries.
const FILES: u64 = 8192;

/// How doors are protected, as the command line has it.
pub struct Protection {
    /// The certificate's file and the key's.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Listen where others reach without passwords or encryption.
    pub unprotected: bool,
}

/// The users of the folder, and the certificate. Fails where an address lacks what it needs.
pub fn open(options: &Options) -> Result<Access> {
    let tls = match &options.protection.tls {
        Some((certificate, key)) => Some(tls::load(certificate, key)?),
        None => None,
    };
    let access = Access { tls, users: Arc::new(options.folder.users()?), ..Access::default() };
    for address in [options.http, options.postgres].into_iter().flatten() {
        let Some(lack) = access.lacks(address) else { continue };
        let told = format!("{address} can be reached from other machines, and {lack}");
        if options.protection.unprotected {
            tracing::warn!("{told}");
            continue;
        }
        let hint = "create a user with CREATE USER while the node listens on loopback, and give it --tls-certificate \
                    and --tls-key; or give --unprotected if the network is trusted";
        return Err(anyhow!("{told}\nhint: {hint}"));
    }
    Ok(access)
}

/// Lets the process open as many files as it may: each connection is one, and each segment of the log that is read.
pub fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_err() || limit.maximum.is_some_and(|files| files < FILES) {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        tracing::warn!("this process may open {limit} files; for as many connections as it takes, allow it {FILES}");
    }
}

/// Takes the addresses of the doors.
pub async fn bind(options: &Options, access: &Access) -> Result<(Option<Server>, Option<postgres::Server>)> {
    let at = |address: SocketAddr| {
        let must_encrypt = !address.ip().is_loopback() && !options.protection.unprotected;
        Access { must_encrypt, ..access.clone() }
    };
    let http = match options.http {
        Some(address) => Some(Server::bind(address, at(address)).await?),
        None => None,
    };
    let postgres = match options.postgres {
        Some(address) => Some(postgres::Server::bind(address, postgres::Options::new(at(address))).await?),
        None => None,
    };
    Ok((http, postgres))
}

impl Node {
    /// `CREATE USER`, `ALTER USER` and `DROP USER`.
    pub(super) fn change_users(&self, parsed: &Parsed) -> Option<Result<Done, Problem>> {
        match &parsed.statement {
            Statement::CreateUser(create) => Some(self.create_user(create)),
            Statement::AlterUser(alter) => Some(self.alter_user(alter)),
            Statement::Drop(drop) if drop.kind == ast::Kind::User => Some(self.drop_users(drop)),
            _ => None,
        }
        .map(|done| done.map(|notices| Done { tag: parsed.statement.words().to_owned(), notices }))
    }

    fn create_user(&self, create: &ast::CreateUser) -> Result<Vec<String>, Problem> {
        let name = &create.name;
        let users = &self.access.users;
        match (users.get(&name.value), create.existing) {
            (Some(_), Existing::Refuse) => {
                let problem = Problem::new(ErrorKind::Conflict, format!("there is a user {name} already"))
                    .with_reason(Reason::Exists);
                return Err(problem.with_hint("ALTER USER changes the password"));
            }
            (Some(_), Existing::Keep) => return Ok(vec![format!("there is a user {name} already, who stays")]),
            _ => {}
        }
        let is_first = users.is_empty();
        self.set_password(name, &create.password)?;
        let notice = "this is the first user: from now on every door asks for a user and a password";
        Ok(if is_first { vec![notice.to_owned()] } else { Vec::new() })
    }

    fn alter_user(&self, alter: &ast::AlterUser) -> Result<Vec<String>, Problem> {
        if self.access.users.get(&alter.name.value).is_none() {
            return Err(self.nobody(&alter.name));
        }
        self.set_password(&alter.name, &alter.password)?;
        Ok(Vec::new())
    }

    fn set_password(&self, name: &Name, password: &TextOrSecret) -> Result<(), Problem> {
        let secrets = sinks::Ground {
            files: self.options.folder.files(),
            root: &self.options.root,
            runtime: &self.runtime,
            secrets: &self.running.declared().outside.secrets,
        };
        let unread = |error: anyhow::Error| Problem::new(ErrorKind::Invalid, format!("{error:#}"));
        let password = secrets.reveal(password).map_err(unread)?;
        if password.is_empty() {
            return Err(Problem::new(ErrorKind::Invalid, "a password must not be empty"));
        }
        let verifier = Verifier::of_password(&password);
        let verifier = verifier.map_err(|error| Problem::new(ErrorKind::Unavailable, error.to_string()))?;
        let user = User { verifier, changed_us: self.clock.now_us() };
        self.access.users.set(&name.value, user).map_err(Problem::from)
    }

    fn drop_users(&self, drop: &ast::Drop) -> Result<Vec<String>, Problem> {
        let users = &self.access.users;
        let (known, missing): (Vec<&Name>, Vec<&Name>) =
            drop.names.iter().partition(|name| users.get(&name.value).is_some());
        if let Some(name) = missing.first()
            && !drop.if_exists
        {
            return Err(self.nobody(name));
        }
        let is_last = !known.is_empty() && known.len() == users.all().len();
        let doors = [self.options.http, self.options.postgres];
        let is_open = doors.iter().flatten().any(|address| !address.ip().is_loopback());
        if is_last && is_open && !self.options.protection.unprotected {
            let message = "this would leave no user, and the node listens where other machines reach it";
            return Err(Problem::new(ErrorKind::Conflict, message).with_hint("create another user first"));
        }
        for name in known {
            users.remove(&name.value).map_err(Problem::from)?;
        }
        let mut notices: Vec<String> =
            missing.iter().map(|name| format!("there is no user {name}, nothing to drop")).collect();
        if is_last {
            notices.push("this was the last user: from now on no door asks for a password".to_owned());
        }
        Ok(notices)
    }

    fn nobody(&self, name: &Name) -> Problem {
        let problem =
            Problem::new(ErrorKind::Invalid, format!("there is no user {name}")).with_reason(Reason::NoObject);
        let users = self.access.users.all();
        match headwater_sql::nearest(&name.value, users.keys().map(String::as_str)) {
            Some(near) => problem.with_hint(format!("did you mean {near}?")),
            None => problem.with_hint("SHOW USERS lists them"),
        }
    }
}
