//! A message as RFC 5322 has it: headers of ASCII, a text of UTF-8 in base64.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headwater_base::ErrorKind;

use crate::notify::{Error, Result};

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for every try.
    pub key: String,
    pub subject: String,
    pub text: String,
    /// Microseconds since the Unix epoch.
    pub written_us: i64,
}

/// Bytes that base64 makes a line of, and a word of a header: at most 75 characters (RFC 2047, section 2).
const LINE_BYTES: usize = 57;
const WORD_BYTES: usize = 42;

impl Message {
    pub(super) fn to_bytes(&self, from: &str, to: &[String]) -> Vec<u8> {
        let domain = from.rsplit_once('@').map_or("headwater", |(_, domain)| domain);
        let id: String = self.key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "From: {from}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{id}@{domain}>\r\nMIME-Version: 1.0\r\n\
             Auto-Submitted: auto-generated\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            to.join(", "),
            header(&self.subject),
            date(self.written_us)
        );
        for line in self.text.as_bytes().chunks(LINE_BYTES) {
            text.push_str(&STANDARD.encode(line));
            text.push_str("\r\n");
        }
        text.into_bytes()
    }
}

/// A header's text: as it is where it is short and plain, else in words of base64 that end between characters.
fn header(text: &str) -> String {
    let is_plain = text.len() <= 60 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !text.contains("=?");
    if is_plain {
        return text.to_owned();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD_BYTES {
            words.push(std::mem::take(&mut word));
        }
        word.push(if c.is_control() { ' ' } else { c });
    }
    words.push(word);
    let words = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

/// `Mon, 30 Nov 2026 18:00:00 +0000`
fn date(written_us: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = written_us.div_euclid(1_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil from days: http://howardhinnant.github.io/date_algorithms.html
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} +0000",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[(month - 1) as usize],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// An address alone: `name@domain`. Nothing in it may end a line or an address.
pub(super) fn check_address(address: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')' | '\\');
    let parts = address.split_once('@');
    let fits = parts.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if fits && address.chars().all(is_plain) && address.len() <= 254 {
        return Ok(());
    }
    let mut refused = Error::new(ErrorKind::Invalid, format!("'{address}' is no address"));
    refused.hint = Some("write it like name@example.com".to_owned());
    Err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_mail_has_them() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(1_709_208_305_000_000), "Thu, 29 Feb 2024 12:05:05 +0000");
        assert_eq!(date(1_796_061_600_000_000), "Mon, 30 Nov 2026 18:00:00 +0000");
    }

    #[test]
    fn headers_are_ascii_and_short() {
        const TEXT: &str = "Übermäßig viele Fehler im Geschäft, mehr als irgendwer je gezählt hat: 漢字";
        assert_eq!(header("[FIRING] the shop is down"), "[FIRING] the shop is down");
        let long = header(TEXT);
        assert!(long.is_ascii());
        assert!(long.lines().all(|line| line.len() <= 76), "{long}");
        let words = long.split("\r\n ").map(|word| word.trim_start_matches("=?utf-8?B?").trim_end_matches("?="));
        let read: Vec<u8> = words.flat_map(|word| STANDARD.decode(word).unwrap()).collect();
        assert_eq!(String::from_utf8(read).unwrap(), TEXT);
        assert_eq!(header("a\r\nBcc: x").lines().count(), 1, "no line can be begun");
    }

    #[test]
    fn addresses_end_no_line() {
        assert!(check_address("ops@example.com").is_ok());
        for wrong in ["ops", "@x", "ops@", "a@b@c", "a b@c", "a@c\r\nRCPT", "<a@b>", "a@b,c@d", ""] {
            assert!(check_address(wrong).is_err(), "{wrong}");
        }
    }
}
