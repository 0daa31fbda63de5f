//! SCRAM-SHA-256 verifiers, from which no password can be read.
//!
//! Source: RFC 5802 and RFC 7677; the text form is that of PostgreSQL's `pg_authid.rolpassword`. As PostgreSQL does, a
//! password that SASLprep (RFC 4013) refuses is taken as its bytes are.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};

const ITERATIONS: u32 = 4096;
const SALT_BYTES: usize = 16;
pub const KEY_BYTES: usize = digest::SHA256_OUTPUT_LEN;
const SCHEME: &str = "SCRAM-SHA-256";

/// Proves that somebody knows a password, without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub iterations: u32,
    pub salt: Vec<u8>,
    pub stored_key: [u8; KEY_BYTES],
    pub server_key: [u8; KEY_BYTES],
}

/// A text that is no verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no SCRAM-SHA-256 verifier")]
pub struct NoVerifier;

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl Verifier {
    /// With a new salt.
    pub fn of_password(password: &str) -> Result<Verifier, NoRandomness> {
        Ok(Verifier::with_salt(password, random(SALT_BYTES)?, ITERATIONS))
    }

    pub fn with_salt(password: &str, salt: Vec<u8>, iterations: u32) -> Verifier {
        let mut salted = [0; KEY_BYTES];
        let rounds = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let password = stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password));
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
        let client_key = sign(&salted, b"Client Key");
        let stored_key = hash(&client_key);
        let server_key = sign(&salted, b"Server Key");
        Verifier { iterations, salt, stored_key, server_key }
    }

    /// Whether this is the password. Takes milliseconds, by design.
    pub fn takes(&self, password: &str) -> bool {
        // Both are hashes, so the time that comparing takes tells nothing of use.
        Verifier::with_salt(password, self.salt.clone(), self.iterations).stored_key == self.stored_key
    }

    /// What a client that names an unknown user is asked, so that it can't tell.
    pub fn of_nobody(name: &str) -> Verifier {
        let salt = hash(name.as_bytes())[..SALT_BYTES].to_vec();
        Verifier { iterations: ITERATIONS, salt, stored_key: [0; KEY_BYTES], server_key: [0; KEY_BYTES] }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|bytes| STANDARD.encode(bytes));
        write!(f, "{SCHEME}${}:{salt}${stored}:{server}", self.iterations)
    }
}

/// Keys do not belong into logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl FromStr for Verifier {
    type Err = NoVerifier;

    fn from_str(text: &str) -> Result<Verifier, NoVerifier> {
        let mut parts = text.split('$');
        let (Some(SCHEME), Some(salted), Some(keys), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoVerifier);
        };
        let (iterations, salt) = salted.split_once(':').ok_or(NoVerifier)?;
        let (stored, server) = keys.split_once(':').ok_or(NoVerifier)?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| NoVerifier);
        let key = |text: &str| bytes(text)?.try_into().map_err(|_| NoVerifier);
        let iterations = iterations.parse().ok().filter(|rounds| *rounds > 0).ok_or(NoVerifier)?;
        Ok(Verifier { iterations, salt: bytes(salt)?, stored_key: key(stored)?, server_key: key(server)? })
    }
}

/// Bytes that nobody can guess.
pub fn random(count: usize) -> Result<Vec<u8>, NoRandomness> {
    let mut bytes = vec![0; count];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// HMAC-SHA-256.
pub fn sign(key: &[u8], text: &[u8]) -> [u8; KEY_BYTES] {
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    signed.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// SHA-256.
pub fn hash(text: &[u8]) -> [u8; KEY_BYTES] {
    digest::digest(&digest::SHA256, text).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_read_as_they_are_written() {
        let verifier = Verifier::of_password("pencil").unwrap();
        assert_eq!(verifier.to_string().parse::<Verifier>(), Ok(verifier));
        for wrong in ["", "md5abc", "SCRAM-SHA-256$4096:AA==", "SCRAM-SHA-256$0:AA==$AA==:AA=="] {
            assert_eq!(wrong.parse::<Verifier>(), Err(NoVerifier), "{wrong}");
        }
    }

    #[test]
    fn only_the_password_is_taken() {
        let verifier = Verifier::of_password("p\u{00e4}ss").unwrap();
        assert!(verifier.takes("p\u{00e4}ss"));
        // The same letters, composed otherwise.
        assert!(verifier.takes("pa\u{0308}ss"));
        assert!(!verifier.takes("pass"));
        assert!(!Verifier::of_nobody("ann").takes(""));
    }
}
