//! Tokens of sessions: kept as hashes, proved at each use, and another one for whoever resumes.
//!
//! ```text
//!   given at the login      resumed           resumed, answer lost     used
//!   [A]                ──►  [A B]        ──►  [A B C]             ──►  [C]
//! ```
//!
//! What was given out may be lost on the way, by the very line that made the client resume. So the token that was used last counts
//! until a newer one is used, and so does each that was given out since. None of them is of use without the key of the session.

use gateway_api::{SessionNumber, Token, proof};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Channel, Ledger, Live, random};
use crate::kept_sessions;

/// SHA-256.
pub(super) type TokenHash = [u8; 32];

/// How many tokens of a session count at most: each answer that is lost leaves one.
const MOST: usize = 8;

/// Whoever showed a session's token, and proved to be the one it was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder(SessionNumber);

impl Holder {
    /// Whose session.
    pub(super) fn number(self) -> SessionNumber {
        self.0
    }
}

pub(super) fn hash(token: &[u8; 32]) -> TokenHash {
    Sha256::digest(token).into()
}

impl Ledger {
    /// Whose token is used, if `proof` proves this use of it. Tokens before it do not count any more. Sessions that end leave none.
    pub(crate) fn holder(&self, proof: &[u8], shown: &proof::Use<'_>) -> Option<Holder> {
        let used = hash(shown.token.expose());
        let mut live = self.live();
        let Live { sessions, tokens, .. } = &mut *live;
        let number = *tokens.get(&used)?;
        let session = sessions.get_mut(&number)?;
        // The lookup is by hash, so that its time tells nothing about a token; the comparison tells nothing either way.
        let place = session.tokens.iter().position(|token| bool::from(token.ct_eq(&used)))?;
        if !session.key.holds(proof, shown) {
            return None;
        }
        for former in session.tokens.drain(..place) {
            tokens.remove(&former);
        }
        Some(Holder(number))
    }

    /// Another token for whoever resumes. None at a session's first channel, which is no resuming, and where it cannot be kept: then
    /// the one that was shown goes on counting.
    pub(crate) async fn next_token(&self, Holder(number): Holder) -> Option<Token> {
        let bytes = random().map_err(|error| tracing::error!(?error, "no other token")).ok()?;
        let (next, kept) = (hash(&bytes), {
            let mut live = self.live();
            let Live { sessions, tokens, .. } = &mut *live;
            let session = sessions.get_mut(&number).filter(|session| !matches!(session.channel, Channel::Awaited))?;
            if session.tokens.len() == MOST {
                // The first is the one that is used; the second was lost longest ago.
                tokens.remove(&session.tokens.remove(1));
            }
            session.tokens.push(hash(&bytes));
            tokens.insert(hash(&bytes), number);
            // Handed over under the lock, so that changes are kept in the order they happened.
            self.kept.keep(kept_sessions::Change::Tokens(number, session.tokens.clone()))
        });
        match kept.await {
            Ok(()) => Some(Token::new(bytes)),
            Err(why) => {
                tracing::error!(session = %number, %why, "no other token: it could not be kept");
                let mut live = self.live();
                live.tokens.remove(&next);
                if let Some(session) = live.sessions.get_mut(&number) {
                    session.tokens.retain(|token| *token != next);
                }
                None
            }
        }
    }
}
