//! Clients of S3 servers. Credentials come from the environment, as other clients take them.

use std::sync::Arc;
use std::time::Duration;

use headwater_query::provide::files::Buckets;
use headwater_query::relation::Server;
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, Error, ObjectStore, RetryConfig};

/// Variables that name a server, the first that is set.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// A server that does not take a connection for so long is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request of a query is tried again. Somebody waits for it.
const QUERY_RETRIES: usize = 3;

/// A client of a bucket.
pub fn client(bucket: &str, server: &Server, max_retries: usize) -> Result<Arc<dyn ObjectStore>, Error> {
    let retry = RetryConfig { max_retries, ..RetryConfig::default() };
    let named = || ENDPOINTS.iter().find_map(|name| std::env::var(name).ok());
    let endpoint = server.endpoint.clone().or_else(named);
    // Whoever writes http:// means it.
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let options = ClientOptions::default().with_connect_timeout(CONNECT_TIMEOUT).with_allow_http(plain);
    let mut builder =
        AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).with_client_options(options);
    if server.unsigned {
        builder = builder.with_skip_signature(true);
    }
    if let Some(region) = &server.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(Arc::new(builder.build()?))
}

/// Buckets whose objects others write.
#[derive(Debug)]
pub struct Others;

impl Buckets for Others {
    fn open(&self, bucket: &str, server: &Server) -> Result<Arc<dyn ObjectStore>, String> {
        client(bucket, server, QUERY_RETRIES).map_err(|error| format!("s3://{bucket} can't be used: {}", brief(&error)))
    }
}

/// What a client says, down to the cause and without repeating itself.
pub fn brief(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = deeper.source();
    }
    text
}
