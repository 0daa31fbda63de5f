//! The events that every system is given: JSON objects of exactly 1,024 bytes.

use crate::random::Random;

pub const EVENT_BYTES: usize = 1024;

/// Enough that the same text does not come again within reach of a compressor's window.
const DISTINCT: usize = 16_384;

/// Digits of a wall clock in microseconds, from 2001 to 2286.
const CLOCK_DIGITS: usize = 16;
const CLOCK_NAME: &str = "\"sent_us\":";

/// Events of one run: their payloads are words, which archives compress about as well as people's texts.
#[derive(Debug)]
pub struct Generator {
    random: Random,
    words: Vec<String>,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        const WORDS: usize = 1000;
        let mut random = Random::new(seed);
        let mut word = || -> String {
            let length = 2 + random.below(9);
            (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
        };
        let words = (0..WORDS).map(|_| word()).collect();
        Generator { random, words }
    }

    /// One event without the line's end; its clock says 10^15 until it is set.
    pub fn event(&mut self, id: u64, producer: usize) -> String {
        const END: &str = "\"}";
        let clock = 10u64.pow(CLOCK_DIGITS as u32 - 1);
        let mut text = format!("{{\"id\":{id},\"producer\":{producer},{CLOCK_NAME}{clock},\"payload\":\"");
        while text.len() < EVENT_BYTES - END.len() {
            text.push_str(&self.words[self.random.below(self.words.len() as u64) as usize]);
            text.push(' ');
        }
        text.truncate(EVENT_BYTES - END.len());
        text + END
    }
}

/// Events to send again and again.
#[derive(Debug)]
pub struct Pool(Vec<String>);

impl Pool {
    pub fn new() -> Pool {
        let mut generator = Generator::new(1);
        Pool((0..DISTINCT).map(|id| generator.event(id as u64, id % 16)).collect())
    }

    /// The batches that one of several connections sends in turn, so that all of them together send the whole pool.
    pub fn batches(&self, connection: usize, connections: usize, batch: usize) -> Vec<Vec<&str>> {
        let rounds = DISTINCT.div_ceil(connections * batch);
        let first = |round: usize| (round * connections + connection) * batch;
        let events = |at: usize| (at..at + batch).map(|at| self.0[at % DISTINCT].as_str()).collect();
        (0..rounds).map(|round| events(first(round))).collect()
    }
}

/// Newline-delimited JSON.
pub fn lines<'a>(events: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut text = Vec::new();
    for event in events {
        text.extend_from_slice(event.as_bytes());
        text.push(b'\n');
    }
    text
}

/// Where the clocks stand in a text of events.
pub fn clocks(text: &[u8]) -> Vec<usize> {
    let name = CLOCK_NAME.as_bytes();
    let starts = text.windows(name.len()).enumerate().filter(|(_, window)| *window == name);
    starts.map(|(at, _)| at + name.len()).collect()
}

/// Sets all clocks of a text.
pub fn set_clocks(text: &mut [u8], clocks: &[usize], us: u64) {
    let digits = format!("{us:016}");
    for at in clocks {
        text[*at..at + CLOCK_DIGITS].copy_from_slice(&digits.as_bytes()[..CLOCK_DIGITS]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_of_its_size_and_takes_a_time() {
        let mut generator = Generator::new(7);
        let events = [generator.event(1, 2), generator.event(1_000_000, 15)];
        assert!(events.iter().all(|event| event.len() == EVENT_BYTES));
        let mut text = lines(events.iter().map(String::as_str));
        let clocks = clocks(&text);
        set_clocks(&mut text, &clocks, 1_700_000_000_123_456);
        for line in String::from_utf8(text).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["sent_us"], 1_700_000_000_123_456u64);
        }
    }

    #[test]
    fn connections_share_the_whole_pool() {
        let pool = Pool::new();
        let batches: Vec<_> = (0..4).flat_map(|connection| pool.batches(connection, 4, 100)).collect();
        let distinct: std::collections::HashSet<&str> = batches.concat().into_iter().collect();
        assert_eq!(distinct.len(), DISTINCT);
    }
}
