//! JSON Lines at the end of a file, which may be moved away at any time.

use std::{
    fs::OpenOptions,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use gateway_record::Exported;

/// A line for each record.
pub(super) fn of(records: &[Exported]) -> String {
    records.iter().map(|record| record.json() + "\n").collect()
}

/// Adds lines; they are durable on return.
pub(super) fn append(path: &Path, text: &str) -> Result<(), String> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // Half a line, as a crash leaves it, must not swallow the next one.
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    write().map_err(|error| format!("cannot write to `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_ended_and_swallows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        append(&path, "{1}\n{2}\n").unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{3").unwrap();
        append(&path, "{3}\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{1}\n{2}\n{3\n{3}\n");
        assert!(append(&folder.path().join("gone/records"), "").unwrap_err().contains("cannot write to"));
    }
}
