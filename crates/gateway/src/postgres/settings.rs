//! The parameters of a connection: those of PostgreSQL that clients set and ask for, and what each means here.
//!
//! A parameter that changes nothing here takes only the values that describe what is done anyway.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::{BAD_VALUE, Failure, NO_PARAMETER};

/// The version of PostgreSQL whose catalog and protocol are answered.
pub const VERSION: &str = "15.0";
const VERSION_NUMBER: &str = "150000";

/// What values a parameter takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Any,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    Switch,
    /// Milliseconds, or a number with a unit.
    Time,
    /// Every part of a list is one of these.
    Listed(&'static [&'static str]),
    /// It is shown and never set.
    Nothing,
}

/// (name as PostgreSQL writes it, default, what it takes, whether clients are told of it when they connect)
const PARAMETERS: &[(&str, &str, Takes, bool)] = &[
    ("application_name", "", Takes::Any, true),
    ("backslash_quote", "safe_encoding", Takes::OneOf(&["safe_encoding"]), false),
    ("bytea_output", "hex", Takes::OneOf(&["hex"]), false),
    ("client_encoding", "UTF8", Takes::OneOf(&["utf8", "utf-8", "unicode"]), true),
    (
        "client_min_messages",
        "notice",
        Takes::OneOf(&["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"]),
        false,
    ),
    ("DateStyle", "ISO, MDY", Takes::Listed(&["iso", "mdy", "dmy", "ymd"]), true),
    ("default_table_access_method", "heap", Takes::OneOf(&["heap"]), false),
    ("default_transaction_isolation", "read committed", Takes::OneOf(&["read committed", "read uncommitted"]), false),
    ("default_transaction_read_only", "off", Takes::Switch, true),
    ("escape_string_warning", "on", Takes::Switch, false),
    ("extra_float_digits", "1", Takes::OneOf(&["1", "2", "3"]), false),
    ("idle_in_transaction_session_timeout", "0", Takes::Time, false),
    ("idle_session_timeout", "0", Takes::Time, false),
    ("in_hot_standby", "off", Takes::Nothing, true),
    ("integer_datetimes", "on", Takes::Nothing, true),
    ("IntervalStyle", "postgres", Takes::OneOf(&["postgres"]), true),
    ("is_superuser", "off", Takes::Nothing, true),
    ("jit", "off", Takes::OneOf(&["off", "false", "no", "0"]), false),
    ("lc_collate", "C", Takes::Nothing, false),
    ("lc_ctype", "C.UTF-8", Takes::Nothing, false),
    ("lock_timeout", "0", Takes::Time, false),
    ("max_identifier_length", "63", Takes::Nothing, false),
    ("max_index_keys", "32", Takes::Nothing, false),
    ("row_security", "on", Takes::Switch, false),
    ("search_path", "\"$user\", public", Takes::Listed(&["$user", "public", "pg_catalog", ""]), false),
    ("server_encoding", "UTF8", Takes::Nothing, true),
    ("server_version", VERSION, Takes::Nothing, true),
    ("server_version_num", VERSION_NUMBER, Takes::Nothing, false),
    ("session_authorization", "", Takes::Nothing, true),
    ("standard_conforming_strings", "on", Takes::OneOf(&["on", "true", "yes", "1"]), true),
    ("statement_timeout", "0", Takes::Time, false),
    ("synchronous_commit", "on", Takes::OneOf(&["on", "local", "remote_write", "remote_apply"]), false),
    ("TimeZone", "UTC", Takes::OneOf(&["utc", "gmt", "etc/utc", "z", "zulu", "universal", "0", "default"]), true),
    ("transaction_isolation", "read committed", Takes::OneOf(&["read committed", "read uncommitted"]), false),
    ("transaction_read_only", "off", Takes::Switch, false),
];

/// The parameters of one connection.
#[derive(Debug, Clone)]
pub struct Settings {
    /// By their names in small letters; what is not here has its default.
    set: BTreeMap<String, String>,
    /// What `SET LOCAL` has covered until the transaction ends.
    covered: BTreeMap<String, Option<String>>,
    user: String,
}

impl Settings {
    pub fn new(user: &str) -> Settings {
        Settings { set: BTreeMap::new(), covered: BTreeMap::new(), user: user.to_owned() }
    }

    pub fn is_known(name: &str) -> bool {
        PARAMETERS.iter().any(|each| each.0.eq_ignore_ascii_case(name))
    }

    pub fn show(&self, name: &str) -> Result<String, Failure> {
        let (name, default, ..) = known(name)?;
        if *name == "session_authorization" {
            return Ok(self.user.clone());
        }
        if *name == "server_version" {
            return Ok(format!("{VERSION} (Headwater {})", env!("CARGO_PKG_VERSION")));
        }
        Ok(self.set.get(&name.to_ascii_lowercase()).cloned().unwrap_or_else(|| (*default).to_owned()))
    }

    pub fn is_default(&self, name: &str) -> bool {
        !self.set.contains_key(&name.to_ascii_lowercase())
    }

    /// Every name with its value.
    pub fn all(&self) -> Vec<(&'static str, String)> {
        PARAMETERS.iter().filter_map(|each| Some((each.0, self.show(each.0).ok()?))).collect()
    }

    /// What a client is told when it connects.
    pub fn reported(&self) -> Vec<(&'static str, String)> {
        let told = PARAMETERS.iter().filter(|each| each.3);
        told.filter_map(|each| Some((each.0, self.show(each.0).ok()?))).collect()
    }

    /// Sets one; the name and value are returned if clients are told of it. `None` sets the default.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<Option<(&'static str, String)>, Failure> {
        let (name, _, takes, told) = known(name)?;
        let key = name.to_ascii_lowercase();
        match value {
            None => drop(self.set.remove(&key)),
            Some(value) => drop(self.set.insert(key, taken(name, value, *takes)?)),
        }
        Ok(if *told { Some((*name, self.show(name)?)) } else { None })
    }

    /// As [`Settings::set`], until the transaction ends.
    pub fn set_local(&mut self, name: &str, value: Option<&str>) -> Result<Option<(&'static str, String)>, Failure> {
        let key = name.to_ascii_lowercase();
        let before = self.set.get(&key).cloned();
        let told = self.set(name, value)?;
        self.covered.entry(key).or_insert(before);
        Ok(told)
    }

    /// Takes back what `SET LOCAL` set; what is returned is told to clients.
    pub fn end_local(&mut self) -> Vec<(&'static str, String)> {
        let before = if self.covered.is_empty() { return Vec::new() } else { self.reported() };
        for (key, value) in std::mem::take(&mut self.covered) {
            match value {
                Some(value) => drop(self.set.insert(key, value)),
                None => drop(self.set.remove(&key)),
            }
        }
        self.changed(before)
    }

    fn changed(&self, before: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
        self.reported().into_iter().zip(before).filter(|(now, before)| now != before).map(|(now, _)| now).collect()
    }

    /// As when the connection began.
    pub fn reset_to(&mut self, start: &Settings) -> Vec<(&'static str, String)> {
        let before = self.reported();
        self.set.clone_from(&start.set);
        self.changed(before)
    }

    /// `None` is no limit.
    pub fn time(&self, name: &str) -> Option<Duration> {
        let ms: u64 = self.set.get(name)?.parse().ok()?;
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    pub fn is_on(&self, name: &str) -> bool {
        self.set.get(name).is_some_and(|value| value == "on")
    }

    /// Whether the client wants to be told of something of this severity.
    pub fn wants(&self, warning: bool) -> bool {
        match self.set.get("client_min_messages").map(String::as_str) {
            Some("error") => false,
            Some("warning") => warning,
            _ => true,
        }
    }
}

fn known(name: &str) -> Result<&'static (&'static str, &'static str, Takes, bool), Failure> {
    if let Some(found) = PARAMETERS.iter().find(|each| each.0.eq_ignore_ascii_case(name)) {
        return Ok(found);
    }
    let unknown = Failure::new(NO_PARAMETER, format!("there is no parameter {name}"));
    Err(match headwater_sql::nearest(name, PARAMETERS.iter().map(|each| each.0)) {
        Some(near) => unknown.hint(format!("did you mean {near}?")),
        None => unknown,
    })
}

/// The value as it is kept, if the parameter takes it.
fn taken(name: &str, value: &str, takes: Takes) -> Result<String, Failure> {
    let refused = |what: &str| Failure::new(BAD_VALUE, format!("parameter {name} cannot be '{value}'")).hint(what);
    let lower = value.trim().to_ascii_lowercase();
    match takes {
        Takes::Any => Ok(value.to_owned()),
        Takes::Nothing => Err(Failure::new("55P02", format!("parameter {name} cannot be changed"))),
        Takes::OneOf(_) if name == "TimeZone" => match zone(&lower) {
            true => Ok("UTC".to_owned()),
            false => Err(refused("times are UTC here; convert them in the client")),
        },
        // PostgreSQL reads only letters and digits of an encoding's name.
        Takes::OneOf(_) if name == "client_encoding" => {
            let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
            match plain.as_str() {
                "utf8" | "unicode" => Ok("UTF8".to_owned()),
                _ => Err(refused("texts are UTF8 here")),
            }
        }
        Takes::OneOf(known) => {
            let hint = || format!("it can be {}", known.join(", "));
            if !known.contains(&lower.as_str()) {
                return Err(refused(&hint()));
            }
            Ok(match name {
                "standard_conforming_strings" => "on".to_owned(),
                "jit" => "off".to_owned(),
                _ => lower,
            })
        }
        Takes::Listed(known) => {
            let wrong = lower.split(',').map(|part| part.trim().trim_matches('"')).find(|part| !known.contains(part));
            match wrong {
                None => Ok(if name == "DateStyle" { "ISO, MDY".to_owned() } else { value.to_owned() }),
                Some(_) => Err(refused(&format!("it can be {}", known.join(", ")))),
            }
        }
        Takes::Switch => match lower.as_str() {
            "on" | "true" | "yes" | "1" | "t" | "y" => Ok("on".to_owned()),
            "off" | "false" | "no" | "0" | "f" | "n" => Ok("off".to_owned()),
            _ => Err(refused("it can be on or off")),
        },
        Takes::Time => match milliseconds(&lower) {
            Some(ms) => Ok(ms.to_string()),
            None => Err(refused("it is a number of milliseconds, or one with a unit: 500, '5s', '2min'")),
        },
    }
}

fn zone(name: &str) -> bool {
    [
        "utc",
        "gmt",
        "etc/utc",
        "etc/gmt",
        "etc/uct",
        "uct",
        "z",
        "zulu",
        "universal",
        "etc/universal",
        "0",
        "+00",
        "+00:00",
        "00:00",
    ]
    .contains(&name)
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let mut settings = Settings::new("me");
        let mut said = |name: &str, value: &str| match settings.set(name, Some(value)) {
            Ok(_) => settings.show(name).unwrap_or_default(),
            Err(refused) => refused.message,
        };
        let cases = [
            ("timezone", "Etc/UTC", "UTC"),
            ("TimeZone", "Europe/Berlin", "parameter TimeZone cannot be 'Europe/Berlin'"),
            ("statement_timeout", "2min", "120000"),
            ("statement_timeout", "soon", "parameter statement_timeout cannot be 'soon'"),
            ("datestyle", "ISO", "ISO, MDY"),
            ("datestyle", "German", "parameter DateStyle cannot be 'German'"),
            ("client_encoding", "latin1", "parameter client_encoding cannot be 'latin1'"),
            ("search_path", "public", "public"),
            ("server_version", "9", "parameter server_version cannot be changed"),
            ("statment_timeout", "1", "there is no parameter statment_timeout"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(said(name, value), expected, "{name} = {value}");
        }
    }
}
