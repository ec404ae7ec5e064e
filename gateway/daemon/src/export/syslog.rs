//! Syslog over TLS: RFC 5425, messages by RFC 5424.
//!
//! The protocol has no receipts. So each pile has a connection of its own, and it counts as taken only when the other end hangs up
//! after we said that we are done: then it has read all of it. Who reads slowly, or dies in the middle, gets the pile again.

use std::{path::Path, sync::Arc};

use gateway_record::Exported;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{config, control, secret_file, trust::Settings};

/// What is to be changed where its TLS is not believed.
const SETTINGS: Settings = Settings {
    table: "export",
    authorities: "syslog_ca",
    server: "syslog",
    no_tls: "its port for TLS is 6514 as a rule",
};

/// Where it listens, and who we are.
#[derive(Debug)]
pub(super) struct Syslog {
    to: config::Syslog,
    from: String,
}

impl std::fmt::Display for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "syslog:{}", self.to.at)
    }
}

impl Syslog {
    pub(super) fn new(to: config::Syslog, from: &str) -> Self {
        Self { to, from: from.to_owned() }
    }

    /// Returns once the other end has read all of them.
    pub(super) async fn take(&self, records: &[Exported]) -> Result<(), String> {
        let at = &self.to.at;
        let name = ServerName::try_from(at.host.clone()).map_err(|error| format!("`{}`: {error}", at.host))?;
        let stream = TcpStream::connect((at.host.as_str(), at.port)).await;
        let stream = stream.map_err(|error| format!("cannot connect to `{at}`: {error}"))?;
        // The files may have been renewed since the last time.
        let connector = TlsConnector::from(tls(&self.to)?);
        let mut stream = connector.connect(name, stream).await.map_err(|error| explain(&error))?;
        let text: String = records.iter().map(|record| record.syslog(&self.from)).collect();
        let broken = |error: std::io::Error| format!("the connection to `{at}` broke off: {error}");
        stream.write_all(text.as_bytes()).await.map_err(broken)?;
        stream.shutdown().await.map_err(broken)?;
        let mut said = [0; 512];
        loop {
            match stream.read(&mut said).await {
                Ok(0) => return Ok(()),
                // It has nothing to say to us.
                Ok(_) => {}
                // Without TLS's own good-bye, as many do.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

/// What is set up with the files that the configuration names, as they are now.
pub(super) fn tls(to: &config::Syslog) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(control::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(SETTINGS.read_authorities(&to.ca)?);
    let Some(own) = &to.own else { return Ok(Arc::new(config.with_no_client_auth())) };
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(&own.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unreadable(&own.certificate, &error))?;
    let key = secret_file::read_shared(&own.key).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unreadable(&own.key, &error))?;
    let config = config.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|error| format!("`{}` and its key: {error}", own.certificate.display()))
}

/// Why there is no TLS, in words that say what to change.
fn explain(error: &std::io::Error) -> String {
    SETTINGS.explain(error, error.get_ref().and_then(|inner| inner.downcast_ref()))
}
