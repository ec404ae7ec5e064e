//! On Windows a folder that stays on this computer: a managed computer's certificate must not follow its user to another.

use std::path::PathBuf;

/// Where programs of this user keep what they were told.
pub(super) fn base() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("LOCALAPPDATA").or_else(|| absolute("USERPROFILE").map(|home| home.join("AppData").join("Local")))
}
