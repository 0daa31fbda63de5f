//! Opens declared sinks: what SQL says, in the terms of the room that knows the outside systems. Secrets are read here,
//! when they are needed, and kept nowhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use headwater_base::files::Files;
use headwater_connect::outlet::{self, http};
use headwater_deploy::sinks::{Body, Declared, Into, Method};
use headwater_sql::ast::SecretOrigin;
use headwater_sql::options::TextOrSecret;
use headwater_stream::delivery::{Limits, Outlet};
use tokio::runtime::Runtime;

/// What sinks are opened with.
pub struct Ground<'a> {
    pub files: &'a Arc<dyn Files>,
    /// The project's folder, where relative paths begin.
    pub root: &'a Path,
    pub runtime: &'a Arc<Runtime>,
    pub secrets: &'a BTreeMap<String, SecretOrigin>,
}

impl Ground<'_> {
    /// Opens a sink's place, or says what is wrong with it. Nothing is sent before it is started.
    pub fn open(&self, declared: &Declared) -> Result<Box<dyn Outlet>> {
        let limits = |usual: Limits, interval: Option<Duration>, rows: Option<usize>| Limits {
            wait: interval.unwrap_or(usual.wait),
            rows: rows.unwrap_or(usual.rows),
            ..usual
        };
        Ok(match &declared.into {
            Into::Files(files) => {
                let options = outlet::files::Options {
                    path: self.root.join(&files.path),
                    format: files.format,
                    stream: declared.stream.topic.clone(),
                    limits: limits(outlet::files::Options::LIMITS, files.interval, files.rows),
                };
                Box::new(outlet::Files::new(Arc::clone(self.files), options))
            }
            Into::Http(to) => {
                let headers = to.headers.iter().map(|(name, value)| Ok((name.clone(), self.reveal(value)?)));
                let options = http::Options {
                    url: to.url.clone(),
                    method: match to.method {
                        Method::Post => reqwest::Method::POST,
                        Method::Put => reqwest::Method::PUT,
                    },
                    body: match to.body {
                        Body::NdJson => http::Body::NdJson,
                        Body::Array => http::Body::Array,
                    },
                    headers: headers.collect::<Result<_>>().with_context(|| format!("sink {}", declared.name))?,
                    place: format!("{}/{}", declared.name, declared.stream.topic),
                    limits: limits(http::Options::LIMITS, to.interval, to.rows),
                };
                let opened = outlet::Http::new(options, Arc::clone(self.runtime));
                Box::new(
                    opened.map_err(headwater_stream::Error::from).with_context(|| format!("sink {}", declared.name))?,
                )
            }
        })
    }

    /// A value, read from where its secret is.
    pub fn reveal(&self, value: &TextOrSecret) -> Result<String> {
        let name = match value {
            TextOrSecret::Text(text) => return Ok(text.clone()),
            TextOrSecret::Secret(name) => name,
        };
        match self.secrets.get(&name.value) {
            None => bail!("there is no secret {name}"),
            Some(SecretOrigin::Env(variable)) => std::env::var(variable)
                .with_context(|| format!("secret {name}: the variable {variable} is not in the node's environment")),
            Some(SecretOrigin::File(path)) => {
                let path = self.root.join(path);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("secret {name}: cannot read {}", path.display()))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}
