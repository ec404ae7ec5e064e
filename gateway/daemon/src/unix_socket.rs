//! Sockets in the file system on which the gateway is asked: made with the rights that the configuration gives.

use std::{
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use nix::unistd::{Gid, Group};

/// Which of the sockets, for what is said of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    /// As a sentence calls it.
    pub(crate) what: &'static str,
    /// Its table in the configuration.
    pub(crate) table: &'static str,
}

/// The group that the configuration lets in.
pub(crate) fn group(named: Named, group: Option<&str>) -> Result<Option<Gid>, String> {
    let Some(name) = group else { return Ok(None) };
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(Some(group.gid)),
        Ok(None) => Err(format!(
            "there is no system group `{name}`: make it with `groupadd --system {name}`, or change [{}] group",
            named.table
        )),
        Err(error) => Err(format!("cannot look up the group `{name}`: {error}")),
    }
}

/// Makes the socket, for its owner and the group. One that a dead gateway left behind is replaced, one that somebody answers
/// on is not.
pub(crate) fn bind(named: Named, path: &Path, group: Option<Gid>) -> Result<UnixListener, String> {
    let Named { what, table } = named;
    let failed = |error: std::io::Error| format!("cannot make {what} `{}`: {error}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(format!(
                "`{}` is there and no socket: move it away, or change [{table}] socket",
                path.display()
            ));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(format!(
                "another gateway answers on `{}`: stop it, or change [{table}] socket",
                path.display()
            ));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group.as_raw())).map_err(|error| {
            format!(
                "cannot give `{}` to the group that [{table}] names: {error}; add the gateway's user to it with `usermod --append --groups`",
                path.display()
            )
        })?;
    }
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let named = Named { what: "the socket", table: "admin" };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = bind(named, &path, None).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
        assert!(bind(named, &path, None).unwrap_err().contains("another gateway"));
        drop(first);
        drop(bind(named, &path, None).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(bind(named, &path, None).unwrap_err().contains("no socket"));
    }
}
