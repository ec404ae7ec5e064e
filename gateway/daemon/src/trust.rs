//! Which servers the gateway believes by TLS, and why it does not, in words that say what to change.

use std::{io::Read as _, path::Path};

use rustls::{
    CertificateError, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The largest file of authorities read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What an administrator would change, in the configuration's words.
pub(crate) struct Settings {
    /// The table that they stand in.
    pub(crate) table: &'static str,
    /// The key that names the file of authorities.
    pub(crate) authorities: &'static str,
    /// The key that names the server.
    pub(crate) server: &'static str,
    /// What helps where no TLS is spoken.
    pub(crate) no_tls: &'static str,
}

impl Settings {
    /// Whose certificates are believed: those of a PEM file, as it is now.
    pub(crate) fn read_authorities(&self, path: &Path) -> Result<RootCertStore, String> {
        let failed = |error: &dyn std::fmt::Display| {
            let Self { table, authorities, .. } = self;
            format!("cannot read the authorities `{}`: {error}; correct [{table}] {authorities}", path.display())
        };
        let mut pem = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST).read_to_end(&mut pem))
            .map_err(|error| failed(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            // A system's bundle holds authorities of every age; those that cannot be used are no reason to refuse the others.
            let _ = roots.add(certificate.map_err(|error| failed(&error))?);
        }
        if roots.is_empty() { Err(failed(&"it holds no certificate in PEM form")) } else { Ok(roots) }
    }

    /// What went wrong while TLS was set up; `cause` is what TLS itself said, if anything.
    pub(crate) fn explain(&self, error: &dyn std::fmt::Display, cause: Option<&rustls::Error>) -> String {
        let advice = match cause {
            Some(rustls::Error::InvalidCertificate(fault)) => match fault {
                // Of the same name and another key, an authority is another one as well.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    format!("; its certificate comes from an authority that `{}` does not hold", self.authorities)
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("; its certificate is for another name: write that name in `{}`", self.server)
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "; its certificate has expired, or a clock is wrong".to_owned()
                }
                _ => "; its certificate is not in order".to_owned(),
            },
            Some(rustls::Error::InvalidMessage(_)) => format!("; it does not speak TLS there: {}", self.no_tls),
            _ => String::new(),
        };
        format!("no TLS: {error}{advice}")
    }
}
