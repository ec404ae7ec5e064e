//! What systems, libraries and this program say of an error, in Italian, for the brackets of a sentence. What is not listed stays as it was
//! said: the help desk can look that up. Windows speaks the person's language by itself.

/// What was said, in small letters and without a full stop, and what it means.
const KNOWN: [(&str, &str); 39] = [
    ("a thread ended", "una parte del programma si è fermata"),
    ("broken pipe", "collegamento interrotto"),
    ("connection closed before message completed", "collegamento interrotto prima della risposta"),
    ("connection refused", "connessione rifiutata"),
    ("connection reset by peer", "connessione interrotta dall'altra parte"),
    ("connection timed out", "tempo scaduto"),
    ("disk quota exceeded", "lo spazio assegnato è esaurito"),
    ("input/output error", "errore di lettura o scrittura"),
    ("it does not know its own session", "non conosce la sua stessa sessione"),
    ("its key has another fingerprint", "la sua chiave ha un'altra impronta"),
    ("network is unreachable", "rete non raggiungibile"),
    ("no address", "nessun indirizzo"),
    ("no answer", "nessuna risposta"),
    ("no answer in time", "nessuna risposta in tempo"),
    ("no answer to the TLS greeting", "nessuna risposta al saluto TLS"),
    ("no network", "nessuna rete"),
    ("no route to host", "computer non raggiungibile"),
    ("no space left on device", "non c'è più spazio sul disco"),
    ("no such file or directory", "file o cartella inesistente"),
    ("not UTF-8", "non è testo UTF-8"),
    ("not found", "non c'è"),
    ("operation timed out", "tempo scaduto"),
    ("permission denied", "permesso negato"),
    ("read-only file system", "il disco è di sola lettura"),
    ("there is no home folder", "non c'è una cartella personale"),
    ("the name is not found", "il nome non si trova"),
    ("the network wants something first", "la rete vuole prima qualcosa"),
    (
        "this computer lists no certificate authorities; give --ca or --fingerprint",
        "questo computer non conosce autorità di certificazione; indica --ca o --fingerprint",
    ),
    ("timed out", "tempo scaduto"),
    ("tls handshake eof", "collegamento interrotto durante il saluto TLS"),
    ("too many open files", "troppi file aperti"),
    // Of certificates, as rustls calls it.
    ("BadEncoding", "certificato illeggibile"),
    ("BadSignature", "firma del certificato non valida"),
    ("Expired", "certificato scaduto"),
    ("NotValidForName", "il certificato è di un altro nome"),
    ("NotValidYet", "certificato non ancora valido"),
    ("Other(OtherError(CaUsedAsEndEntity))", "certificato firmato da sé stesso"),
    ("Revoked", "certificato revocato"),
    ("UnknownIssuer", "firmato da un'autorità sconosciuta"),
];

/// The same of what goes on with a name, a number or a moment.
const BEGINNINGS: [(&str, &str); 8] = [
    ("certificate does not allow extended key usage", "il certificato non è di un gateway"),
    ("certificate expired", "certificato scaduto"),
    ("certificate not valid for name", "il certificato è di un altro nome"),
    ("certificate not valid yet", "certificato non ancora valido"),
    ("peer is incompatible", "l'altra parte non parla questa versione di TLS"),
    ("peer misbehaved", "l'altra parte non si attiene a TLS"),
    ("received corrupt message", "l'altra parte non parla TLS"),
    ("received fatal alert", "l'altra parte ha rifiutato il collegamento TLS"),
];

/// What rustls says before what is wrong with a certificate.
const OF_CERTIFICATES: &str = "invalid peer certificate: ";

/// A cause in Italian, where it is one of those that people meet.
pub(super) fn italian(cause: &str) -> &str {
    let said = cause.strip_prefix(OF_CERTIFICATES).unwrap_or(cause);
    let known = KNOWN.iter().find(|(known, _)| *known == said);
    let known = known.or_else(|| BEGINNINGS.iter().find(|(beginning, _)| said.starts_with(beginning)));
    known.map_or(cause, |(_, meant)| meant)
}

#[cfg(test)]
mod tests {
    use std::io;

    use gateway_api::login::Language;
    use rustls::{CertificateError, ContentType, Error, InvalidMessage, OtherError, pki_types::ServerName};

    use super::*;
    use crate::{
        api::{Failure, plain},
        session::Outcome,
        telling,
        words::Text,
    };

    #[cfg(unix)]
    #[test]
    fn what_the_system_says_is_said_in_the_language_of_the_sentence() {
        use nix::errno::Errno;

        for (number, english, italian) in [
            (Errno::ENOSPC, "no space left on device", "non c'è più spazio sul disco"),
            (Errno::EACCES, "permission denied", "permesso negato"),
            (Errno::EROFS, "read-only file system", "il disco è di sola lettura"),
            (Errno::ENOENT, "no such file or directory", "file o cartella inesistente"),
        ] {
            let text = Text::Broken { cause: plain(&io::Error::from(number)) };
            assert!(text.say(Language::En).contains(english), "{number}");
            assert!(text.say(Language::It).contains(italian), "{number}: {}", text.say(Language::It));
        }
        let odd = Text::Broken { cause: "protocol error".to_owned() };
        assert!(odd.say(Language::It).contains("protocol error"));
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_italian_however_rustls_says_it() {
        let other_name = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("gw.comune.example").unwrap().to_owned(),
            presented: vec!["DnsName(\"other\")".to_owned()],
        };
        let own = CertificateError::Other(OtherError(std::sync::Arc::new(CaUsedAsEndEntity)));
        for (error, meant) in [
            (CertificateError::UnknownIssuer, "firmato da un'autorità sconosciuta"),
            (CertificateError::Expired, "certificato scaduto"),
            (CertificateError::NotValidForName, "il certificato è di un altro nome"),
            (other_name, "il certificato è di un altro nome"),
            (own, "certificato firmato da sé stesso"),
        ] {
            assert_eq!(italian(&error.to_string()), meant);
            assert_eq!(italian(&Error::InvalidCertificate(error).to_string()), meant);
        }
        let portal = Error::InvalidMessage(InvalidMessage::InvalidContentType).to_string();
        assert_eq!(italian(&portal), "l'altra parte non parla TLS");
        let unexpected = Error::InappropriateMessage { expect_types: Vec::new(), got_type: ContentType::Alert };
        assert_eq!(italian(&unexpected.to_string()), unexpected.to_string(), "what is not listed stays");
    }

    /// As webpki calls it.
    #[derive(Debug)]
    struct CaUsedAsEndEntity;

    impl std::fmt::Display for CaUsedAsEndEntity {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{self:?}")
        }
    }

    impl std::error::Error for CaUsedAsEndEntity {}

    #[test]
    fn what_this_program_says_itself_is_said_in_italian_too() {
        let (_, text) = telling::outcome(Outcome::from(Failure::Gone), "gw".to_owned());
        assert!(text.say(Language::En).contains("it does not know its own session"));
        assert!(text.say(Language::It).contains("non conosce la sua stessa sessione"), "{}", text.say(Language::It));
    }
}
