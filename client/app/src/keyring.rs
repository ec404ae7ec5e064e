//! The keyring of the worker's desktop, where there is one: on Linux what speaks the Secret Service (GNOME Keyring, KWallet).
//!
//! It is asked on a thread of its own: it may show a window that asks for its password, and one that hangs must not hold this program up.

use std::{sync::mpsc, thread, time::Duration};

use keyring::Entry;
use zeroize::Zeroizing;

/// Under which this program's keys are listed there.
const SERVICE: &str = "deskgate";
/// For whoever sits there to type the keyring's password.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a keyring did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It holds no such key.
    NoKey,
    /// There is none, it is locked, or it says no: in words.
    Unusable(String),
}

/// Puts a key there, in the place of an earlier one of that name.
pub(crate) fn keep(name: &str, key: &Zeroizing<String>) -> Result<(), Trouble> {
    let given = key.clone();
    ask(name, move |entry| entry.set_secret(given.as_bytes()))?;
    // One that forgets at once would lock this computer out.
    let is_there = fetch(name)? == *key;
    if is_there { Ok(()) } else { Err(Trouble::Unusable("it gives back something else".to_owned())) }
}

/// What is there under a name.
pub(crate) fn fetch(name: &str) -> Result<Zeroizing<String>, Trouble> {
    let bytes = Zeroizing::new(ask(name, Entry::get_secret)?);
    let text = str::from_utf8(&bytes).map_err(|error| Trouble::Unusable(error.to_string()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Deletes what is there under a name.
pub(crate) fn forget(name: &str) -> Result<(), Trouble> {
    ask(name, Entry::delete_credential)
}

fn ask<T: Send + 'static>(
    name: &str,
    question: impl FnOnce(&Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let (name, (sender, answer)) = (name.to_owned(), mpsc::channel());
    let asking = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        // Whoever asked may be gone by now.
        let _ = sender.send(Entry::new(SERVICE, &name).and_then(|entry| question(&entry)));
    });
    asking.map_err(|error| Trouble::Unusable(error.to_string()))?;
    match answer.recv_timeout(PATIENCE) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(keyring::Error::NoEntry)) => Err(Trouble::NoKey),
        Ok(Err(error)) => Err(Trouble::Unusable(error.to_string())),
        Err(_) => Err(Trouble::Unusable("it does not answer".to_owned())),
    }
}
