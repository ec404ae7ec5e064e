//! How programs are found, started and ended on Windows.
//!
//! A program is put into a job of its own, together with all that it starts: the system ends a job when its last handle is closed, and
//! so when we die, whatever we die of. It is put there once it runs, for the standard library starts none that waits.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    ffi::{OsStr, OsString},
    io,
    os::windows::{
        ffi::OsStringExt as _,
        io::{AsHandle as _, AsRawHandle as _, OwnedHandle},
    },
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    ptr::null,
    sync::Arc,
};

use tokio::process::{Child, Command};
use windows_sys::{
    Win32::{
        Foundation::{HWND, LPARAM},
        System::{
            JobObjects::{
                AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
                JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
                TerminateJobObject,
            },
            SystemInformation::GetSystemDirectoryW,
            Threading::{CREATE_DEFAULT_ERROR_MODE, CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW},
        },
        UI::WindowsAndMessaging::{EnumWindows, GetWindowThreadProcessId, PostMessageW, WM_CLOSE},
    },
    core::BOOL,
};

use super::Screen;
pub(super) use crate::win32::runs;
use crate::win32::{done, owned};

/// In a command that the person gives: it stands in every path.
pub(super) const BACKSLASH_ESCAPES: bool = false;
/// The exit code of a program that did not end by itself.
const ENDED: u32 = 1;
/// That of mstsc.
pub(super) const USUAL_SCREEN: Screen = Screen::Full;

/// Starts programs.
#[derive(Debug)]
pub(crate) struct Launcher;

impl Launcher {
    pub(crate) fn new() -> Self {
        Self
    }

    /// `environment` is added to ours.
    pub(super) fn start(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        environment: Vec<(&'static str, PathBuf)>,
        input: Stdio,
    ) -> io::Result<Running> {
        let program = search(program).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not found"))?;
        let job = job()?;
        let child = Command::new(program)
            .args(arguments)
            .envs(environment)
            .stdin(input)
            // Standard output is for the door's address alone.
            .stdout(io::stderr().as_handle().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from))
            // A Ctrl-C at our console is for us to act on, and no console of its own is shown.
            .creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW | CREATE_DEFAULT_ERROR_MODE)
            .kill_on_drop(true)
            .spawn()?;
        // One that has ended already has no handle any more, and needs no job.
        if let Some(process) = child.raw_handle() {
            // SAFETY: both are open.
            done(unsafe { AssignProcessToJobObject(job.as_raw_handle(), process) })?;
        }
        Ok(Running { child, job: Arc::new(job) })
    }
}

/// A job that ends with its last handle.
fn job() -> io::Result<OwnedHandle> {
    // SAFETY: nothing goes in.
    let job = owned(unsafe { CreateJobObjectW(null(), null()) })?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    let (limits, size) = (&raw const limits, size_of_val(&limits) as u32);
    // SAFETY: the structure is the one that goes with this word, and as long as said.
    done(unsafe {
        SetInformationJobObject(job.as_raw_handle(), JobObjectExtendedLimitInformation, limits.cast(), size)
    })?;
    Ok(job)
}

/// Nothing has to become another program here.
pub(crate) fn become_program() -> io::Result<()> {
    Ok(())
}

/// A running program.
pub(super) struct Running {
    child: Child,
    job: Arc<OwnedHandle>,
}

impl Running {
    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// A program and all that it started.
pub(super) struct Group {
    process: Option<u32>,
    job: Arc<OwnedHandle>,
}

impl Group {
    pub(super) fn of(running: &Running) -> Self {
        Self { process: running.child.id(), job: Arc::clone(&running.job) }
    }

    /// As if somebody closed its windows.
    pub(super) fn ask_to_end(&self) {
        if let Some(process) = self.process {
            // SAFETY: the function is called meanwhile alone, with the number that it expects.
            unsafe { EnumWindows(Some(close), process as LPARAM) };
        }
    }

    pub(super) fn end(&self) {
        // SAFETY: the handle is open. Nobody left in the job is as good.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), ENDED) };
    }
}

/// Asks a window to close, if it is that process's. Answers that the next one is to come.
unsafe extern "system" fn close(window: HWND, process: LPARAM) -> BOOL {
    let mut owner = 0;
    // SAFETY: a window that has gone meanwhile is refused.
    unsafe {
        GetWindowThreadProcessId(window, &raw mut owner);
        if owner as LPARAM == process {
            PostMessageW(window, WM_CLOSE, 0, 0);
        }
    }
    1
}

/// An exit status in words. Faults are what people look up in hexadecimal.
pub(super) fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) if code < 0 => format!("status {code:#x}"),
        Some(code) => format!("status {code}"),
        None => status.to_string(),
    }
}

/// Finds a program: a path as it is, a name along `PATH`, and never in the folder where we happen to be.
fn search(program: &OsStr) -> Option<PathBuf> {
    let mut program = PathBuf::from(program);
    if program.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("exe")) {
        program.as_mut_os_string().push(".exe");
    }
    if program.components().count() > 1 {
        return Some(program).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&program)).find(|path| path.is_file())
}

/// mstsc would open its window.
pub(super) fn tells_version(_: &Path) -> bool {
    false
}

/// Looks for the RDP program of Windows, where the system says that its own programs are.
pub(super) fn find() -> Option<PathBuf> {
    let mut folder = [0; 260];
    // SAFETY: no more is written than there is room for.
    let length = unsafe { GetSystemDirectoryW(folder.as_mut_ptr(), folder.len() as u32) };
    let folder = OsString::from_wide(folder.get(..length as usize).filter(|folder| !folder.is_empty())?);
    Some(Path::new(&folder).join("mstsc.exe")).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_along_the_path_and_folders_are_none() {
        assert!(search(OsStr::new("cmd")).is_some());
        assert!(search(OsStr::new("cmd.exe")).is_some());
        assert_eq!(search(OsStr::new(r"C:\")), None);
        assert_eq!(search(OsStr::new("no-such-program-anywhere")), None);
    }
}
