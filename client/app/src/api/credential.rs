//! What shows that a session is ours: its token, which changes whenever we come back, and the key that proves each use of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway_api::{Token, proof};
use hyper::{
    HeaderMap, Method,
    header::{AUTHORIZATION, HeaderValue},
    http::request::Builder,
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::Failure;

/// A session's. It lives in memory alone, and is cleared when dropped.
#[derive(Debug)]
pub(crate) struct Credential {
    key: proof::Secret,
    token: Mutex<Token>,
}

impl Credential {
    /// For a login that names `key`; there is no token yet.
    pub(crate) fn new(key: proof::Secret) -> Self {
        Self { key, token: Mutex::new(Token::new([0; 32])) }
    }

    /// What the login names.
    pub(crate) fn public(&self) -> proof::Public {
        self.key.public()
    }

    /// The token to show from now on.
    pub(crate) fn take(&self, token: Token) {
        *self.token() = token;
    }

    /// A request that shows the token, and proves on its connection that it is ours.
    pub(super) fn show(
        &self,
        request: Builder,
        stream: &TlsStream<TcpStream>,
        method: &Method,
        target: &str,
    ) -> Result<Builder, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::NotAGateway(error.to_string());
        let binding = stream.get_ref().1.export_keying_material([0; 32], proof::BINDING_LABEL, Some(&[]));
        let binding = proof::Binding(binding.map_err(|error| failed(&error))?);
        let token = self.token();
        let shown = proof::Use { method: method.as_str(), target, token: &token, binding };
        let bearer = Zeroizing::new(format!("Bearer {}", *token.encode()));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|error| failed(&error))?;
        bearer.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, bearer).header(proof::HEADER, self.key.prove(&shown)))
    }

    /// Takes the next token from an answer, if there is one in it.
    pub(super) fn follow(&self, answer: &HeaderMap) {
        let next = answer.get(proof::NEXT_TOKEN).and_then(|next| Token::parse(next.to_str().ok()?).ok());
        if let Some(next) = next {
            self.take(next);
        }
    }

    fn token(&self) -> MutexGuard<'_, Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
