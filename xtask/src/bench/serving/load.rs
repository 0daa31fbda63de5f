//! Requests as fast as answers come, over some connections that stay.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::http::client::Client;
use crate::bench::http::quantiles::{Quantiles, us};
use crate::random::Random;
use crate::shell;

/// Before times count.
const WARM: usize = 200;
/// Of each connection, made beforehand and sent in turn: making them takes the cores that they are answered on.
const REQUESTS: usize = 2_000;

pub struct Load<'a> {
    pub address: &'a str,
    pub connections: usize,
    pub length: Duration,
}

pub struct Loaded {
    pub times: Quantiles,
    pub per_second: f64,
}

impl Load<'_> {
    pub fn run(&self, request: &(dyn Fn(&mut Random) -> Vec<u8> + Sync)) -> Result<Loaded> {
        let one = &|requests: Vec<Vec<u8>>| -> Result<Vec<u64>> {
            let mut client = Client::connect(self.address)?;
            for bytes in requests.iter().take(WARM) {
                client.ok(bytes)?;
            }
            let (began, mut times) = (shell::now(), Vec::new());
            for bytes in requests.iter().cycle() {
                if began.elapsed() >= self.length {
                    break;
                }
                let sent = shell::now();
                client.ok(bytes)?;
                times.push(us(sent.elapsed()));
            }
            Ok(times)
        };
        let made = |seed: u64| -> Vec<Vec<u8>> {
            let mut random = Random::new(seed);
            (0..REQUESTS).map(|_| request(&mut random)).collect()
        };
        let all_made: Vec<_> = (0..self.connections as u64).map(made).collect();
        let mut all = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = all_made.into_iter().map(|requests| scope.spawn(move || one(requests))).collect();
            for thread in threads {
                match thread.join() {
                    Ok(times) => all.extend(times?),
                    Err(_) => bail!("a thread of the load panicked"),
                }
            }
            Ok(())
        })?;
        let per_second = all.len() as f64 / self.length.as_secs_f64();
        Ok(Loaded { times: Quantiles::of(all)?, per_second })
    }
}

pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
