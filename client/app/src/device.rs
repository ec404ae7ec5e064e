//! This computer's own key and the office's certificate for it, where the office manages this computer.
//!
//! ```text
//!   a desktop with a keyring     key: the keyring, as HOST:PORT     certificate: devices/HOST_PORT.pem
//!   none                         both: devices/HOST_PORT.pem, that nobody but its user may read
//! ```
//!
//! The key is made here and never leaves. A personal computer has no such file, and nothing else is kept.

use std::{fs, io, path::PathBuf, sync::Arc};

use rcgen::{CertificateParams, KeyPair};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use crate::{
    api::{plain, trust},
    config::{self, Server},
    keyring, private,
};

/// More than a key and a certificate have, in bytes.
const LARGEST: u64 = 64 << 10;

/// A key and a certificate for it.
#[derive(Clone)]
pub(crate) struct Device {
    path: PathBuf,
    /// PEM.
    key: Arc<Zeroizing<String>>,
    /// The key is in the keyring, and the file has the certificate alone.
    in_keyring: bool,
    identity: Arc<SingleCertAndKey>,
}

impl Device {
    /// A new key, with a certificate that says nothing: to show that this computer holds it.
    pub(crate) fn fresh(server: &Server) -> Result<Self, String> {
        let path = path(server).ok_or("there is no home folder")?;
        let pair = KeyPair::generate().map_err(|error| error.to_string())?;
        let key = Zeroizing::new(pair.serialize_pem());
        let params = CertificateParams::new(vec!["device".to_owned()]).map_err(|error| error.to_string())?;
        let own = params.self_signed(&pair).map_err(|error| error.to_string())?;
        Self::of(path, (key, false), vec![own.der().clone()])
    }

    /// What is kept for this gateway.
    pub(crate) fn load(server: &Server) -> Result<Option<Self>, String> {
        let Some(path) = path(server) else { return Ok(None) };
        let failed =
            |error: &dyn std::fmt::Display| format!("this computer's certificate `{}`: {error}", path.display());
        let mut text = Zeroizing::new(String::with_capacity(8 << 10));
        match fs::File::open(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(&plain(&error))),
            Ok(file) => io::Read::read_to_string(&mut io::Read::take(file, LARGEST), &mut text),
        }
        .map_err(|error| failed(&plain(&error)))?;
        let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| failed(&error))?;
        let end = text.find("-----BEGIN CERTIFICATE").ok_or_else(|| failed(&"it holds none"))?;
        let own = text.get(..end).unwrap_or_default().trim();
        let in_keyring = own.is_empty();
        let key = if in_keyring {
            keyring::fetch(&name(server)).map_err(|trouble| match trouble {
                keyring::Trouble::NoKey => {
                    failed(&"the keyring has lost its key: `deskgate device forget`, then a new code from your office")
                }
                keyring::Trouble::Unusable(why) => {
                    failed(&format_args!("its key is in the keyring, which says: {why}"))
                }
            })?
        } else {
            Zeroizing::new(own.to_owned() + "\n")
        };
        Self::of(path.clone(), (key, in_keyring), chain).map(Some).map_err(|error| failed(&error))
    }

    fn of(
        path: PathBuf,
        (key, in_keyring): (Zeroizing<String>, bool),
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Self, String> {
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| error.to_string())?;
        let identity = CertifiedKey::from_der(chain, private, &trust::provider()).map_err(|error| error.to_string())?;
        Ok(Self { path, key: Arc::new(key), in_keyring, identity: Arc::new(SingleCertAndKey::from(identity)) })
    }

    /// What TLS shows.
    pub(crate) fn identity(&self) -> Arc<SingleCertAndKey> {
        Arc::clone(&self.identity)
    }

    /// Keeps the first certificate for this key, and the key: in the keyring, if there is one. What is there for an earlier key stays
    /// unless all of it succeeds.
    pub(crate) fn keep_first(mut self, server: &Server, certificate: &str) -> Result<(), String> {
        self.check(certificate)?;
        let name = name(server);
        let earlier = keyring::fetch(&name);
        match keyring::keep(&name, &self.key) {
            Ok(()) => self.in_keyring = true,
            Err(trouble) => tracing::info!(?trouble, "no keyring takes the key: it goes into a file"),
        }
        self.keep(certificate).inspect_err(|_| {
            // Without its certificate the new key is worth nothing, and the earlier one still has its own.
            let _ = earlier.map_or_else(|_| keyring::forget(&name), |key| keyring::keep(&name, &key));
        })
    }

    /// Keeps the office's certificate, with the key if no keyring has that, in the place of what is there.
    pub(crate) fn keep(&self, certificate: &str) -> Result<(), String> {
        self.check(certificate)?;
        let own = if self.in_keyring { "" } else { self.key.as_str() };
        let text = Zeroizing::new(format!("{own}{certificate}"));
        private::replace(&self.path, text.as_bytes()).map_err(|error| self.not_kept(&plain(&error)))
    }

    /// What does not go with the key would lock this computer out.
    fn check(&self, certificate: &str) -> Result<(), String> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| self.not_kept(&error))?;
        let key = Zeroizing::new((**self.key).clone());
        Self::of(self.path.clone(), (key, self.in_keyring), chain).map(drop).map_err(|error| self.not_kept(&error))
    }

    fn not_kept(&self, error: &dyn std::fmt::Display) -> String {
        format!("`{}` could not be written: {error}", self.path.display())
    }
}

/// Deletes what is kept for this gateway. False if there is nothing.
pub(crate) fn forget(server: &Server) -> io::Result<bool> {
    match path(server).map(fs::remove_file) {
        None => Ok(false),
        Some(Ok(())) => {
            // Without its certificate the key is worth nothing; a keyring that is locked or gone keeps nobody from that.
            let _ = keyring::forget(&name(server));
            Ok(true)
        }
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Some(Err(error)) => Err(error),
    }
}

/// What the key is called in the keyring.
fn name(server: &Server) -> String {
    let first = server.first();
    format!("{}:{}", first.host().to_ascii_lowercase(), first.port())
}

fn path(server: &Server) -> Option<PathBuf> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let first = server.first();
    let name: String = first.host().chars().map(plain).collect();
    Some(config::file::folder()?.join("devices").join(format!("{name}_{}.pem", first.port())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_a_certificate_for_another_key_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices").join("gw_443.pem");
        let server = Server::parse("gw").unwrap();
        let device = Device { path: path.clone(), ..Device::fresh(&server).unwrap() };
        let own = |key: &str| {
            let pair = KeyPair::from_pem(key).unwrap();
            CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&pair).unwrap().pem()
        };
        device.keep(&own(&device.key)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY") && text.contains("-----BEGIN CERTIFICATE"), "{text}");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
        let foreign = KeyPair::generate().unwrap().serialize_pem();
        assert!(device.keep(&own(&foreign)).is_err());
        assert!(device.keep("nothing").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}
