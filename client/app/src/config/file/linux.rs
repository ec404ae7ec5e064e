//! On Linux as the XDG base directories have it.

use std::path::PathBuf;

/// Where programs of this user keep what they were told.
pub(super) fn base() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
}
