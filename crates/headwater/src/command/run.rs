//! `headwater run`: apply a project and serve it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use headwater_deploy::project;
use headwater_deploy::runs::Pools;
use headwater_query::running::Limits;

use super::{DataOptions, ProjectOptions};
use crate::folder;
use crate::node::access::Protection;
use crate::node::{self, Node};

/// Where HTTP listens unless told otherwise.
const HTTP: &str = "127.0.0.1:8080";
/// Where PostgreSQL clients are taken unless told otherwise.
const POSTGRES: &str = "127.0.0.1:5433";

/// More queries than this at one time only wait for each other.
const QUERIES_MAX: usize = 500;

/// Runs of a pool that go on at one time, on a machine with few cores: one may wait for a disk or for others.
const PLACES_MIN: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    project: ProjectOptions,

    #[command(flatten)]
    data: DataOptions,

    /// Where HTTP listens; port 0 takes a free one, `off` turns it off [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_HTTP")]
    http: Option<String>,

    /// Where PostgreSQL clients are taken; port 0 takes a free one, `off` turns it off [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_POSTGRES")]
    postgres: Option<String>,

    /// A PEM file with the certificate that HTTP and PostgreSQL clients are shown, and its chain after it
    #[arg(long, value_name = "FILE", env = "HEADWATER_TLS_CERTIFICATE")]
    tls_certificate: Option<PathBuf>,

    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", env = "HEADWATER_TLS_KEY")]
    tls_key: Option<PathBuf>,

    /// Listen beyond loopback though passwords or encryption are missing
    #[arg(long, env = "HEADWATER_UNPROTECTED")]
    unprotected: bool,

    /// Threads that run views [default: one a core]
    #[arg(long, value_name = "N", env = "HEADWATER_WORKERS")]
    workers: Option<usize>,

    /// How often what views hold is made to last, such as '1 second' [default: 1 second, 5 where storage is a bucket]
    #[arg(long, value_name = "TIME", env = "HEADWATER_CHECKPOINT_INTERVAL")]
    checkpoint_interval: Option<String>,

    /// How long a query may run that does not ask for another time, such as '30 seconds' or `off` [default: off]
    #[arg(long, value_name = "TIME", env = "HEADWATER_QUERY_TIMEOUT")]
    query_timeout: Option<String>,

    /// Queries that run at one time; more are refused [default: 500]
    #[arg(long, value_name = "N", env = "HEADWATER_QUERIES_MAX")]
    queries_max: Option<usize>,

    /// Stop with success once all bounded sources are read, all views have caught up and all archives are committed
    #[arg(long)]
    until_idle: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let project = options.project.read()?;
    let fixed = &project.configuration.node;
    let http = options.http.clone().or_else(|| fixed.http.clone()).unwrap_or_else(|| HTTP.to_owned());
    let postgres = options.postgres.clone().or_else(|| fixed.postgres.clone()).unwrap_or_else(|| POSTGRES.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let node = node::Options {
        root: project.root.clone(),
        folder: folder::of(&project.root, &project.configuration, &options.data)?,
        http: address(&http)?,
        postgres: address(&postgres)?,
        protection: protection(options, fixed)?,
        workers: options.workers.or(fixed.workers).unwrap_or(cores).max(1),
        checkpoint_interval: checkpoint_interval(options, fixed)?,
        until_idle: options.until_idle,
        queries: Limits {
            at_once: Some(options.queries_max.or(fixed.queries_max).unwrap_or(QUERIES_MAX).max(1)),
            timeout: timeout(options.query_timeout.as_deref().or(fixed.query_timeout.as_deref()))?,
        },
        pools: Pools {
            places: project.configuration.pools.clone(),
            usual: NonZeroUsize::new(cores).map_or(PLACES_MIN, |cores| cores.max(PLACES_MIN)),
        },
    };
    Node::start(&project, node)?.run()
}

fn checkpoint_interval(options: &Options, fixed: &project::Node) -> Result<Option<Duration>> {
    let Some(text) = options.checkpoint_interval.as_ref().or(fixed.checkpoint_interval.as_ref()) else {
        return Ok(None);
    };
    match headwater_sql::parse_duration(text) {
        Ok(interval) => Ok(Some(interval)),
        Err(why) => bail!("'{text}' is no checkpoint interval, since {why}: write 1 second, or 200 ms"),
    }
}

fn timeout(text: Option<&str>) -> Result<Option<Duration>> {
    match text {
        None | Some("off") => Ok(None),
        Some(text) => match headwater_sql::parse_duration(text) {
            Ok(limit) if !limit.is_zero() => Ok(Some(limit)),
            Ok(_) => bail!("a query timeout of '{text}' leaves no time: write 30 seconds, or off"),
            Err(why) => bail!("'{text}' is no query timeout, since {why}: write 30 seconds, or off"),
        },
    }
}

/// Where a door listens.
fn address(text: &str) -> Result<Option<SocketAddr>> {
    if text == "off" {
        return Ok(None);
    }
    let address = text.parse().with_context(|| format!("'{text}' is no address: write 127.0.0.1:8080, or off"))?;
    Ok(Some(address))
}

fn protection(options: &Options, fixed: &project::Node) -> Result<Protection> {
    let file = |given: &Option<PathBuf>, fixed: &Option<PathBuf>, root: &Path| {
        // What the command line names is seen from where it was written, what the project names from its folder.
        given.clone().map(std::path::absolute).or_else(|| fixed.as_ref().map(|path| Ok(root.join(path)))).transpose()
    };
    let root = &options.project.project;
    let tls = match (
        file(&options.tls_certificate, &fixed.tls_certificate, root)?,
        file(&options.tls_key, &fixed.tls_key, root)?,
    ) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => bail!("a certificate needs its key: give --tls-key too"),
        (None, Some(_)) => bail!("a key needs its certificate: give --tls-certificate too"),
    };
    Ok(Protection { tls, unprotected: options.unprotected || fixed.unprotected })
}
