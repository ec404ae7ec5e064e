//! On Unix a lock says who is first, and a socket beside it lets the others knock. Where they are, and who knocks, each system has in its own way.

use std::{
    fs::{self, File, OpenOptions},
    io::{
        self,
        ErrorKind::{ConnectionRefused, NotFound},
        Read as _, Write as _,
    },
    os::unix::{
        fs::OpenOptionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    unistd::getuid,
};

use super::{Start, place};

/// What is said through the socket.
const SHOW: &[u8] = b"show\n";
/// For the first to answer: it does so at once, or it hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the first to open its door, and how often it is looked for meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: u32 = 100;

/// The first window's lock and socket.
pub(crate) struct First {
    listener: UnixListener,
    /// Let go by the system, however the program ends.
    lock: Flock<File>,
}

/// Finds out.
pub(crate) fn start() -> Start {
    let Some(folder) = place::folder() else { return Start::First(None) };
    match start_in(&folder) {
        Ok(start) => start,
        // A folder that cannot be written must not keep anybody from work.
        Err(error) => {
            tracing::debug!(%error, "no lock for the window");
            Start::First(None)
        }
    }
}

fn start_in(folder: &Path) -> io::Result<Start> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("window.lock"))?;
    let socket = folder.join("window.socket");
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            // Whose it was has ended, or the lock would not be free.
            let _ = fs::remove_file(&socket);
            Ok(Start::First(Some(First { listener: UnixListener::bind(&socket)?, lock })))
        }
        Err((_, Errno::EWOULDBLOCK)) => {
            let mut stream = reach(&socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(SHOW)?;
            // Its answer says that it was heard; a window that hangs is there all the same.
            let _ = stream.read(&mut [0; 1]);
            Ok(Start::Second)
        }
        Err((_, errno)) => Err(errno.into()),
    }
}

/// Between lock and socket the first needs a moment.
fn reach(socket: &Path) -> io::Result<UnixStream> {
    let mut tries = 0;
    loop {
        match UnixStream::connect(socket) {
            Err(error) if tries < TRIES && matches!(error.kind(), NotFound | ConnectionRefused) => {
                tries += 1;
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

impl First {
    /// Calls `show` each time that another start of the same user knocks.
    pub(crate) fn listen(self, show: impl Fn() + Send + 'static) {
        let Self { listener, lock } = self;
        let listening = thread::Builder::new().name("knocks".to_owned()).spawn(move || {
            let _lock = lock;
            for stream in listener.incoming().flatten() {
                if knocks(stream) {
                    show();
                }
            }
        });
        if let Err(error) = listening {
            tracing::debug!(%error, "nobody hears a second start");
        }
    }
}

/// Whether it is the same user who asks for the window.
fn knocks(mut stream: UnixStream) -> bool {
    let is_same = place::user(&stream) == Ok(getuid().as_raw());
    let mut said = [0; SHOW.len()];
    let heard = is_same
        && stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && stream.read_exact(&mut said).is_ok()
        && said == SHOW;
    heard && stream.write_all(b"\n").is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_second_start_shows_the_first_and_a_dead_one_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("deskgate");
        let Ok(Start::First(Some(first))) = start_in(&place) else { panic!("the first") };
        let (shown, shows) = channel();
        first.listen(move || shown.send(()).expect("the test waits"));
        for _ in 0..2 {
            assert!(matches!(start_in(&place), Ok(Start::Second)));
            shows.recv_timeout(Duration::from_secs(30)).expect("it was asked to show itself");
        }

        let other = folder.path().join("other");
        let Ok(Start::First(Some(dead))) = start_in(&other) else { panic!("the first") };
        drop(dead);
        assert!(other.join("window.socket").exists(), "left behind, as by a program that was killed");
        assert!(matches!(start_in(&other), Ok(Start::First(Some(_)))));
    }

    #[test]
    fn only_the_agreed_word_is_a_knock() {
        for (said, expected) in [(SHOW, true), (&b"hide\n"[..], false), (b"", false)] {
            let (mut here, there) = UnixStream::pair().unwrap();
            here.write_all(said).unwrap();
            here.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(knocks(there), expected);
        }
    }
}
