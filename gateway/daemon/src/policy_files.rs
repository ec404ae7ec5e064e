//! Reads the policy folder, safely, and makes a policy of it.
//!
//! A folder that people edit holds more than rules: editors' copies, links, files half written. What belongs to the
//! policy is read whole or the load fails and says why; what does not is named and left out. Nothing outside the folder
//! is ever read: links are followed by the kernel, and only beneath it. A load has no effect but its result, so that
//! whoever asked keeps the last good policy.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::Mode,
};
use policy::{LARGEST_FILE, MOST_FILES, Mistakes, Policy, Severity, SourceFile, Sources, Style};

/// A policy that may be used, and what was noticed on the way.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the folder says.
    pub(crate) policy: Policy,
    /// What it hardly means.
    pub(crate) warnings: Mistakes,
    /// The files, so that places in them can be shown.
    pub(crate) sources: Sources,
    /// What lies in the folder and is no part of the policy.
    pub(crate) ignored: Vec<Ignored>,
    /// The policy's hash, which every session record names.
    pub(crate) hash: [u8; 32],
}

/// A file that is no part of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// Its name, readable.
    pub(crate) name: String,
    /// What it was taken for.
    pub(crate) what: &'static str,
}

/// Why there is no policy.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The folder itself cannot be read.
    Folder(PathBuf, io::Error),
    /// Files of it cannot be read, each with what to do.
    Files(PathBuf, Vec<Unreadable>),
    /// The files say something wrong.
    Mistakes(Box<Mistakes>, Sources),
}

/// A file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Its name, readable.
    pub(crate) name: String,
    /// What is wrong with it and what to do.
    pub(crate) why: String,
}

impl LoadError {
    /// Everything, for the person who edits the files. Names workers: never for the log.
    pub(crate) fn render(&self, style: Style) -> String {
        match self {
            Self::Mistakes(mistakes, sources) => mistakes.render(sources, style),
            Self::Folder(..) | Self::Files(..) => format!("{self}\n"),
        }
    }
}

impl fmt::Display for LoadError {
    /// Without the files' contents, for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder, error) => {
                write!(
                    f,
                    "cannot read the policy folder `{}`: {error}; check the path and its permissions",
                    folder.display()
                )
            }
            Self::Files(folder, files) => {
                write!(f, "cannot read the policy in `{}`", folder.display())?;
                files.iter().try_for_each(|file| write!(f, "\n  `{}` {}", file.name, file.why))
            }
            Self::Mistakes(mistakes, sources) => {
                let errors = mistakes.iter().filter(|mistake| mistake.severity() == Severity::Error);
                let first = errors.clone().find_map(|mistake| mistake.place(sources));
                write!(f, "the policy has {} mistakes", errors.count() + mistakes.untold())?;
                match first {
                    Some(place) => write!(f, ", the first in {place}; run `deskgate-gateway policy check`"),
                    None => write!(f, "; run `deskgate-gateway policy check`"),
                }
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads the folder and checks what it says.
pub(crate) fn load(folder: &Path) -> Result<Loaded, LoadError> {
    let (sources, ignored) = read(folder)?;
    match Policy::parse(&sources) {
        Ok((policy, warnings)) => Ok(Loaded { hash: policy.hash(), policy, warnings, sources, ignored }),
        Err(mistakes) => Err(LoadError::Mistakes(Box::new(mistakes), sources)),
    }
}

/// Reads the files of the folder that belong to the policy, and tells which do not.
pub(crate) fn read(folder: &Path) -> Result<(Sources, Vec<Ignored>), LoadError> {
    let broken = |error| LoadError::Folder(folder.to_owned(), error);
    let directory = File::open(folder).map_err(broken)?;
    let status = directory.metadata().map_err(broken)?;
    if !status.is_dir() {
        return Err(broken(io::Error::new(io::ErrorKind::NotADirectory, "this is not a folder")));
    }
    if status.mode() & WRITABLE_BY_ALL != 0 {
        let why = "everybody may write here; take that away with `chmod o-w`";
        return Err(broken(io::Error::new(io::ErrorKind::PermissionDenied, why)));
    }
    let mut files = Vec::new();
    let mut ignored = Vec::new();
    let mut unreadable = Vec::new();
    let mut names: Vec<_> =
        std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(broken)?;
    names.sort_by_key(std::fs::DirEntry::file_name);
    for entry in names {
        let raw = entry.file_name();
        let name = raw.to_string_lossy().escape_debug().to_string();
        if let Some(what) = no_part(raw.as_bytes()) {
            ignored.push(Ignored { name, what });
            continue;
        }
        if files.len() == MOST_FILES {
            unreadable
                .push(Unreadable { name, why: format!("is one file too many; {MOST_FILES} are read at the most") });
            break;
        }
        match read_file(directory.as_fd(), Path::new(&raw)) {
            Ok(text) => files.push(SourceFile { name, text }),
            Err(Refused::NoFile) => ignored.push(Ignored { name, what: "a folder" }),
            Err(Refused::Because(why)) => unreadable.push(Unreadable { name, why }),
        }
    }
    if files.is_empty() && unreadable.is_empty() {
        return Err(broken(io::Error::new(io::ErrorKind::NotFound, "there is no `.toml` file in it")));
    }
    match unreadable.is_empty() {
        true => Ok((Sources::new(files), ignored)),
        false => Err(LoadError::Files(folder.to_owned(), unreadable)),
    }
}

const WRITABLE_BY_ALL: u32 = 0o002;

/// What a file is that does not belong to the policy, by its name.
fn no_part(name: &[u8]) -> Option<&'static str> {
    const LEFT_BY_EDITORS: [&[u8]; 9] = [b"~", b".swp", b".swo", b".bak", b".orig", b".rej", b".tmp", b".part", b"#"];
    const LEFT_BY_PACKAGES: [&[u8]; 5] = [b".dpkg-old", b".dpkg-new", b".dpkg-dist", b".rpmnew", b".rpmsave"];
    const PARTS: [&[u8]; 4] = [b".toml", b".csv", b".txt", b".md"];
    let ends_in = |endings: &[&[u8]]| endings.iter().any(|ending| name.ends_with(ending));
    if ends_in(&LEFT_BY_EDITORS) || name.starts_with(b"#") || name.starts_with(b".#") || name.starts_with(b"~$") {
        return Some("left by an editor");
    }
    if name.starts_with(b".") {
        return Some("a hidden file");
    }
    if ends_in(&LEFT_BY_PACKAGES) {
        return Some("left by a package");
    }
    (!ends_in(&PARTS)).then_some("neither `.toml` nor `.csv` nor a text")
}

/// Why a file was not read.
enum Refused {
    /// It is a folder.
    NoFile,
    /// What is wrong and what to do.
    Because(String),
}

fn read_file(folder: BorrowedFd<'_>, name: &Path) -> Result<String, Refused> {
    let because = |why: &str| Refused::Because(why.to_owned());
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let opened = openat2(folder, name, how).map_err(|error| match error {
        nix::Error::EXDEV | nix::Error::ELOOP => because("is a link out of the folder; copy the file into it"),
        nix::Error::ENOENT => because("is a link to nothing, or was just removed"),
        nix::Error::EACCES | nix::Error::EPERM => because("may not be read; give the gateway's user the right to"),
        error => Refused::Because(format!("cannot be opened: {}", error.desc())),
    })?;
    let mut file = File::from(opened);
    let failed = |error: io::Error| Refused::Because(format!("cannot be read: {error}"));
    let before = file.metadata().map_err(failed)?;
    if before.is_dir() {
        return Err(Refused::NoFile);
    }
    if !before.is_file() {
        return Err(because("is no regular file; remove it from the folder"));
    }
    if before.mode() & WRITABLE_BY_ALL != 0 {
        return Err(because("may be written by everybody; take that away with `chmod o-w`"));
    }
    if before.len() > LARGEST_FILE as u64 {
        let most = LARGEST_FILE >> 20;
        return Err(Refused::Because(format!("is larger than {most} MiB; split it, or remove it from the folder")));
    }
    let mut bytes = Vec::with_capacity(before.len() as usize + 1);
    // One byte more than allowed, so that a file which grows while it is read is noticed rather than cut.
    (&mut file).take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let changed = |one: &std::fs::Metadata| (one.len(), one.mtime(), one.mtime_nsec());
    if changed(&before) != changed(&after) || bytes.len() as u64 != after.len() {
        return Err(because("changed while it was read; try again once it is written"));
    }
    // Programs that write in place begin by emptying the file; taken at its word, its rules would be gone.
    if bytes.is_empty() {
        return Err(because("is empty, as a file half written is; write it, or remove it from the folder"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
        Refused::Because(format!("is not UTF-8 in line {line}; save it again as UTF-8 (spreadsheets: \"CSV UTF-8\")"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const POLICY: &str = "timezone = \"Europe/Rome\"\n";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn refusal(folder: &tempfile::TempDir) -> String {
        load(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn what_editors_and_packages_leave_is_named_and_left_out() {
        let droppings = ["a.toml~", ".a.toml.swp", "#a.toml#", "a.toml.rpmnew", "~$list.csv", "notes.odt"];
        let mut files = vec![("a.toml", POLICY.as_bytes())];
        files.extend(droppings.map(|name| (name, b"not toml at all".as_slice())));
        let folder = folder(&files);
        std::fs::create_dir(folder.path().join("old.toml")).unwrap();
        let loaded = load(folder.path()).unwrap();
        assert_eq!(loaded.ignored.len(), droppings.len() + 1);
        assert_eq!(loaded.hash, loaded.policy.hash());
    }

    #[test]
    fn a_link_is_followed_beneath_the_folder_and_not_out_of_it() {
        let outside = folder(&[("secret.toml", POLICY.as_bytes())]);
        let inside = folder(&[("..2026.toml.data", POLICY.as_bytes())]);
        symlink("..2026.toml.data", inside.path().join("a.toml")).unwrap();
        assert!(load(inside.path()).is_ok());
        symlink(outside.path().join("secret.toml"), inside.path().join("b.toml")).unwrap();
        assert!(refusal(&inside).contains("`b.toml` is a link out of the folder"), "{}", refusal(&inside));
    }

    #[test]
    fn a_file_that_cannot_be_trusted_fails_the_load() {
        let empty = folder(&[("a.toml", POLICY.as_bytes()), ("agreements.csv", b"")]);
        assert!(refusal(&empty).contains("`agreements.csv` is empty"));
        let latin = folder(&[("a.toml", b"timezone = 'x'\n# citt\xe0\n")]);
        assert!(refusal(&latin).contains("not UTF-8 in line 2"));
        let open = folder(&[("a.toml", POLICY.as_bytes())]);
        std::fs::set_permissions(open.path().join("a.toml"), PermissionsExt::from_mode(0o666)).unwrap();
        assert!(refusal(&open).contains("written by everybody"));
        let pipe = folder(&[("a.toml", POLICY.as_bytes())]);
        nix::unistd::mkfifo(&pipe.path().join("b.toml"), Mode::S_IRUSR).unwrap();
        assert!(refusal(&pipe).contains("`b.toml` is no regular file"));
        let nothing = folder(&[]);
        assert!(refusal(&nothing).contains("no `.toml` file"));
        assert!(load(Path::new("/nonexistent")).unwrap_err().to_string().contains("check the path"));
    }

    #[test]
    fn an_enormous_file_is_refused_before_it_is_read() {
        let folder = folder(&[("a.toml", POLICY.as_bytes())]);
        let file = File::create(folder.path().join("b.csv")).unwrap();
        file.set_len(LARGEST_FILE as u64 + 1).unwrap();
        assert!(refusal(&folder).contains("`b.csv` is larger than"));
    }

    #[test]
    fn the_words_for_the_log_hold_nothing_from_the_files() {
        let folder = folder(&[("a.toml", b"timezone = \"Europe/Rome\"\nm.rossi = 1\n")]);
        let error = load(folder.path()).unwrap_err();
        assert!(!error.to_string().contains("rossi"), "{error}");
        assert!(error.render(Style::Plain).contains("rossi"));
    }
}
