//! What systems and libraries say of an error, in Italian, for the brackets of a sentence. What is not listed stays as it was said: the
//! help desk can look that up. Windows speaks the person's language by itself.

/// What was said, in small letters and without a full stop, and what it means.
const KNOWN: [(&str, &str); 20] = [
    ("broken pipe", "collegamento interrotto"),
    ("connection refused", "connessione rifiutata"),
    ("connection reset by peer", "connessione interrotta dall'altra parte"),
    ("connection timed out", "tempo scaduto"),
    ("disk quota exceeded", "lo spazio assegnato è esaurito"),
    ("input/output error", "errore di lettura o scrittura"),
    ("network is unreachable", "rete non raggiungibile"),
    ("no answer", "nessuna risposta"),
    ("no answer in time", "nessuna risposta in tempo"),
    ("no answer to the TLS greeting", "nessuna risposta al saluto TLS"),
    ("no route to host", "computer non raggiungibile"),
    ("no space left on device", "non c'è più spazio sul disco"),
    ("no such file or directory", "file o cartella inesistente"),
    ("not found", "non c'è"),
    ("operation timed out", "tempo scaduto"),
    ("permission denied", "permesso negato"),
    ("read-only file system", "il disco è di sola lettura"),
    ("there is no home folder", "non c'è una cartella personale"),
    ("timed out", "tempo scaduto"),
    ("too many open files", "troppi file aperti"),
];

/// A cause in Italian, where it is one of those that people meet.
pub(super) fn italian(cause: &str) -> &str {
    KNOWN.iter().find(|(said, _)| *said == cause).map_or(cause, |(_, meant)| meant)
}

#[cfg(test)]
mod tests {
    use std::io;

    use gateway_api::login::Language;

    use crate::{api::plain, words::Text};

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
}
