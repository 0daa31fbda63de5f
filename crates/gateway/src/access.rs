//! What stands before every door: users, and encryption.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::guesses::Guesses;
use crate::tls::Tls;
use crate::users::Users;

/// Who may pass a door, and how.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub tls: Option<Tls>,
    /// With any user, passing takes a user's password. Without one, nobody is asked.
    pub users: Arc<Users>,
    /// Shared by all doors, so that a guess at one counts at the others.
    pub guesses: Arc<Guesses>,
    /// Whether what is not encrypted is refused.
    pub must_encrypt: bool,
}

impl Access {
    /// What an address that others can reach lacks. On loopback nothing is lacking.
    pub fn lacks(&self, address: SocketAddr) -> Option<&'static str> {
        if address.ip().is_loopback() {
            return None;
        }
        match (self.tls.is_some(), !self.users.is_empty()) {
            (true, true) => None,
            (false, true) => Some("nothing is encrypted"),
            (true, false) => Some("no password is asked for"),
            (false, false) => Some("no password is asked for and nothing is encrypted"),
        }
    }
}
