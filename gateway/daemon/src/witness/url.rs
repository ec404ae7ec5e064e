//! A witness that is reached by a URL: each checkpoint is posted to it, by HTTPS always. What it answers with a code of success, it has.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{config::Public, control, trust::Settings};

/// For a checkpoint to be taken.
const TELLING: Duration = Duration::from_secs(10);
/// What is to be changed where its TLS is not believed.
const SETTINGS: Settings = Settings {
    table: "record",
    authorities: "witness_ca",
    server: "witness",
    no_tls: "its port for TLS is 443 as a rule",
};

/// `https://host:port/path`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// Its certificate must be for this name or address.
    pub(crate) at: Public,
    /// From the first slash on.
    pub(crate) path: String,
    /// Whose certificates are believed: a PEM file.
    pub(crate) ca: PathBuf,
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is asked for behind the path is often a password.
        let (path, asked) = self.path.split_once('?').map_or((&*self.path, ""), |(path, _)| (path, "?…"));
        write!(f, "https://{}{path}{asked}", self.at)
    }
}

impl Url {
    /// Whether its files can be used, as they are now.
    pub(super) fn check(&self) -> Result<(), String> {
        self.tls().map(drop)
    }

    /// Returns once the other end has said that it has it.
    pub(super) async fn tell(&self, line: String) -> Result<(), String> {
        let told = tokio::time::timeout(TELLING, self.post(line)).await;
        told.unwrap_or_else(|_| Err("it took too long".to_owned())).map_err(|why| format!("`{self}`: {why}"))
    }

    async fn post(&self, line: String) -> Result<(), String> {
        let Self { at, path, .. } = self;
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let name = ServerName::try_from(at.host.clone()).map_err(|error| words(&error))?;
        // The file may have been renewed since the last time.
        let connector = TlsConnector::from(Arc::new(self.tls()?));
        let stream = TcpStream::connect((at.host.as_str(), at.port)).await;
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| SETTINGS.explain(&error, error.get_ref().and_then(|inner| inner.downcast_ref())))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| words(&error))?;
        let connection = tokio::spawn(connection);
        let request = Request::post(path)
            .header(HOST, at.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(line + "\n")))
            .map_err(|error| words(&error))?;
        let answer = sender.send_request(request).await;
        connection.abort();
        match answer.map_err(|error| words(&error))?.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answers with code {}", status.as_u16())),
        }
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let config = ClientConfig::builder_with_provider(control::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(SETTINGS.read_authorities(&self.ca)?);
        Ok(config.with_no_client_auth())
    }
}
