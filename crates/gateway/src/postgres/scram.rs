//! The exchange of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::users::{NoRandomness, Verifier, hash, random, sign};

pub const MECHANISM: &str = "SCRAM-SHA-256";
const NONCE_BYTES: usize = 18;

/// Why a proof is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The messages are not SCRAM's.
    Malformed(&'static str),
    /// The password is wrong.
    Password,
}

impl From<NoRandomness> for Refused {
    fn from(_: NoRandomness) -> Refused {
        Refused::Malformed("the system gives no random numbers")
    }
}

/// An exchange after the client's first message.
pub struct Exchange {
    verifier: Verifier,
    /// The client's first message without its header, and the server's.
    first: String,
    header: String,
    nonce: String,
}

impl Exchange {
    /// Takes the client's first message; the text is the server's.
    pub fn begin(verifier: Verifier, first: &str) -> Result<(Exchange, String), Refused> {
        let wrong = Refused::Malformed("the first message is not as RFC 5802 has it");
        // Channel binding is not offered: `n` does not know it, `y` knows it and saw that.
        let mut parts = first.splitn(3, ',');
        let (Some("n" | "y"), Some(_), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong);
        };
        let header = first[..first.len() - bare.len()].to_owned();
        let client = bare.split(',').find_map(|each| each.strip_prefix("r=")).ok_or(wrong)?;
        let nonce = format!("{client}{}", STANDARD.encode(random(NONCE_BYTES)?));
        let answer = format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let first = format!("{bare},{answer}");
        Ok((Exchange { verifier, first, header, nonce }, answer))
    }

    /// Takes the client's last message; the text proves that the server knows the verifier.
    pub fn finish(&self, last: &str) -> Result<String, Refused> {
        let wrong = Refused::Malformed("the last message is not as RFC 5802 has it");
        let (without, proof) = last.rsplit_once(",p=").ok_or(wrong)?;
        let field = |name: &str| without.split(',').find_map(|each| each.strip_prefix(name));
        let bound = field("c=").and_then(|text| STANDARD.decode(text).ok()).ok_or(wrong)?;
        if bound != self.header.as_bytes() || field("r=") != Some(self.nonce.as_str()) {
            return Err(wrong);
        }
        let proof = STANDARD.decode(proof).map_err(|_| wrong)?;
        let message = format!("{},{without}", self.first);
        let signature = sign(&self.verifier.stored_key, message.as_bytes());
        if proof.len() != signature.len() {
            return Err(wrong);
        }
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(one, two)| one ^ two).collect();
        // Both are hashes, so the time that comparing takes tells nothing of use.
        if hash(&client_key) != self.verifier.stored_key {
            return Err(Refused::Password);
        }
        Ok(format!("v={}", STANDARD.encode(sign(&self.verifier.server_key, message.as_bytes()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's side, from RFC 5802's formulas.
    fn last(password: &str, first_bare: &str, answer: &str) -> String {
        let field = |name: &str| answer.split(',').find_map(|each| each.strip_prefix(name)).unwrap().to_owned();
        let salt = STANDARD.decode(field("s=")).unwrap();
        let mut salted = [0; 32];
        let rounds = std::num::NonZeroU32::new(field("i=").parse().unwrap()).unwrap();
        ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
        let client_key = sign(&salted, b"Client Key");
        let without = format!("c=biws,r={}", field("r="));
        let signature = sign(&hash(&client_key), format!("{first_bare},{answer},{without}").as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(one, two)| one ^ two).collect();
        format!("{without},p={}", STANDARD.encode(proof))
    }

    #[test]
    fn only_the_password_opens() {
        let verifier = Verifier::of_password("pencil").unwrap();
        let (exchange, answer) = Exchange::begin(verifier, "n,,n=,r=abc").unwrap();
        assert!(exchange.finish(&last("pencil", "n=,r=abc", &answer)).unwrap().starts_with("v="));
        assert_eq!(exchange.finish(&last("Pencil", "n=,r=abc", &answer)), Err(Refused::Password));
        for wrong in ["", "c=biws,r=x,p=AA==", "p="] {
            assert!(matches!(exchange.finish(wrong), Err(Refused::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn channel_binding_is_not_offered() {
        let verifier = Verifier::of_nobody("x");
        assert!(Exchange::begin(verifier, "p=tls-server-end-point,,n=,r=abc").is_err());
    }
}
