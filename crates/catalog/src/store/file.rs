//! The bytes of one version: see `docs/formats/catalog.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Definitions, Retired};
use crate::{Error, Result};

const FORMAT: u64 = 7;
/// The oldest that is still read.
const FORMAT_MIN: u64 = 1;
/// Before the format's number, before the checksum, before the body, and after it: the file is one JSON object, and
/// the body's exact bytes can be told without parsing it.
const PIECES: [&str; 4] = ["{\"format\":", ",\"crc32c\":\"", "\",\"body\":", "}\n"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    version: u64,
    committed_us: i64,
    /// What led here from the version before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<String>,
    definitions: Vec<Definition>,
    /// Names that are gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    retired: BTreeMap<String, Retired>,
}

pub(super) fn encode(definitions: &Definitions) -> Result<Vec<u8>> {
    let body = Body {
        version: definitions.version,
        committed_us: definitions.committed_us,
        steps: definitions.steps.clone(),
        definitions: definitions.iter().cloned().collect(),
        retired: definitions.retired.clone(),
    };
    let body = serde_json::to_string_pretty(&body).map_err(Error::Encode)?;
    let checksum = checksum(FORMAT, &body);
    let [before_format, before_checksum, before_body, after] = PIECES;
    Ok(format!("{before_format}{FORMAT}{before_checksum}{checksum:08x}{before_body}{body}{after}").into_bytes())
}

/// Of the body, and since format 3 of the format's number before it.
fn checksum(format: u64, body: &str) -> u32 {
    let before = if format < 3 { String::new() } else { format.to_string() };
    crc32c::crc32c_append(crc32c::crc32c(before.as_bytes()), body.as_bytes())
}

pub(super) fn decode(path: &str, version: u64, bytes: &[u8]) -> Result<Definitions> {
    let corrupt = |why: &str| Error::Corrupt { path: path.to_owned(), why: why.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| corrupt("it is not text"))?;
    let [before_format, before_checksum, before_body, after] = PIECES;
    let rest = text.strip_prefix(before_format).ok_or_else(|| corrupt("its start is missing"))?;
    let (format, rest) = rest.split_once(before_checksum).ok_or_else(|| corrupt("its start is incomplete"))?;
    let format = match format.parse::<u64>() {
        Ok(format @ FORMAT_MIN..=FORMAT) => format,
        Ok(format) => return Err(Error::Newer { path: path.to_owned(), format, known: FORMAT }),
        Err(_) => return Err(corrupt("its format is not a number")),
    };
    let (written, rest) = rest.split_once(before_body).ok_or_else(|| corrupt("its start is incomplete"))?;
    let body = rest.strip_suffix(after).ok_or_else(|| corrupt("its end is missing"))?;
    if format!("{:08x}", checksum(format, body)) != written {
        return Err(corrupt("its checksum does not match its content"));
    }
    let body: Body = serde_json::from_str(body).map_err(|error| corrupt(&error.to_string()))?;
    if body.version != version {
        return Err(corrupt(&format!("it holds version {}", body.version)));
    }
    let Body { committed_us, steps, definitions, retired, .. } = body;
    let by_name = definitions.into_iter().map(|definition| (definition.name.clone(), definition)).collect();
    Ok(Definitions { version, committed_us, steps, by_name, retired })
}
