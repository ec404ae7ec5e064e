//! On macOS the folder that Apple has for what programs keep.

use std::path::PathBuf;

/// Where programs of this user keep what they were told.
pub(super) fn base() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute())?;
    Some(home.join("Library").join("Application Support"))
}
