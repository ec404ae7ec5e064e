//! A stand-in for a desktop: a TCP server that says its name, then returns what it is sent.
//!
//! Most promises need to know only which computer was reached, and that bytes go there and back.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{netns::Computer, wait};

/// A listening server. Its socket closes when it is dropped; threads of open connections end with those.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
    closing: Arc<AtomicBool>,
}

impl Echo {
    /// Listens on a computer's own network; whoever connects is greeted with `name` and a line feed.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(computer: &Computer, name: &str, address: impl Into<SocketAddr>) -> Self {
        Self::serving(computer, name, address, repeat)
    }

    /// The same, but it hears nothing, and sends eight bytes fifty times a second: a busy screen that somebody looks at.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start_busy(computer: &Computer, name: &str, address: impl Into<SocketAddr>) -> Self {
        Self::serving(computer, name, address, tick)
    }

    fn serving(computer: &Computer, name: &str, address: impl Into<SocketAddr>, serve: Serve) -> Self {
        let address = address.into();
        let listener = computer.inside(|| TcpListener::bind(address)).unwrap_or_else(|e| panic!("{address}: {e}"));
        listener.set_nonblocking(true).expect("a fresh socket");
        let echo = Self { address, visits: Arc::default(), closing: Arc::default() };
        let (visits, closing, name) = (echo.visits.clone(), echo.closing.clone(), name.to_owned());
        std::thread::spawn(move || {
            while !closing.load(Ordering::Relaxed) {
                let Some(Ok((stream, _))) = wait::within(Duration::from_millis(100), || match listener.accept() {
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => None,
                    other => Some(other),
                }) else {
                    continue;
                };
                visits.fetch_add(1, Ordering::Relaxed);
                let name = name.clone();
                std::thread::spawn(move || {
                    stream.set_nonblocking(false).ok()?;
                    (&stream).write_all(format!("{name}\n").as_bytes()).ok()?;
                    serve(stream)
                });
            }
        });
        echo
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it accepted so far.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

/// What is done with a connection once its greeting was said.
type Serve = fn(TcpStream) -> Option<()>;

fn tick(mut stream: TcpStream) -> Option<()> {
    loop {
        stream.write_all(&[b'.'; 8]).ok()?;
        std::thread::sleep(BEAT);
    }
}

fn repeat(mut stream: TcpStream) -> Option<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).ok()? {
            0 => return stream.shutdown(Shutdown::Both).ok(),
            count => stream.write_all(buffer.get(..count)?).ok()?,
        }
    }
}

/// Connects from a computer. None when nobody answered within two seconds or the port was refused.
pub fn connect(from: &Computer, address: IpAddr, port: u16) -> Option<TcpStream> {
    let stream = from.inside(|| TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(2))).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(10))).ok()?;
    Some(stream)
}

/// The name that whoever listens there says. None when nobody does, or the connection ends without a word.
pub fn greeting(from: &Computer, address: IpAddr, port: u16) -> Option<String> {
    read_line(&mut connect(from, address, port)?)
}

/// One line, without its line feed. None when the connection ends before.
pub fn read_line(stream: &mut TcpStream) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) if byte == *b"\n" => return String::from_utf8(line).ok(),
            Ok(1) => line.extend(byte),
            _ => return None,
        }
    }
}

/// Sends `line` and reads it back. False when the connection is dead.
pub fn answers(stream: &mut TcpStream, line: &str) -> bool {
    stream.write_all(format!("{line}\n").as_bytes()).is_ok() && read_line(stream).as_deref() == Some(line)
}

/// Sends a megabyte that is not all alike while it comes back.
///
/// # Panics
/// When it does not come back as it was sent.
pub fn returns_a_megabyte(mut stream: TcpStream) {
    let sent: Vec<u8> = (0..1_000_000u32).map(|place| (place * 7 / 5) as u8).collect();
    let mut writer = stream.try_clone().expect("a socket");
    let copy = sent.clone();
    let sending = std::thread::spawn(move || writer.write_all(&copy));
    let mut back = vec![0; sent.len()];
    stream.read_exact(&mut back).expect("all of it");
    sending.join().expect("no panic").expect("sent");
    assert!(back == sent, "the bytes differ");
}

/// A connection that is spoken over without pause: fifty small messages a second, each answered.
#[derive(Debug)]
pub struct Beat {
    heard: Arc<Mutex<Heard>>,
    stopping: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Heard {
    count: usize,
    last: Instant,
    longest: Duration,
    ended: bool,
}

/// Between two messages.
const BEAT: Duration = Duration::from_millis(20);

impl Beat {
    /// Begins over a connection whose greeting was read.
    ///
    /// # Panics
    /// When the system refuses a second handle to the socket.
    pub fn start(stream: TcpStream) -> Self {
        let heard = Heard { count: 0, last: Instant::now(), longest: Duration::ZERO, ended: false };
        let (heard, stopping) = (Arc::new(Mutex::new(heard)), Arc::new(AtomicBool::new(false)));
        let mut writing = stream.try_clone().expect("a socket");
        let mut reading = stream;
        reading.set_read_timeout(None).expect("a socket");
        let end = Arc::clone(&stopping);
        std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) && writing.write_all(&[b'.'; 8]).is_ok() {
                std::thread::sleep(BEAT);
            }
            let _ = writing.shutdown(Shutdown::Both);
        });
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut message = [0; 8];
            while reading.read_exact(&mut message).is_ok() {
                let mut heard = told.lock().expect("no panic");
                heard.longest = heard.longest.max(heard.last.elapsed());
                (heard.last, heard.count) = (Instant::now(), heard.count + 1);
            }
            told.lock().expect("no panic").ended = true;
        });
        Self { heard, stopping }
    }

    /// Waits until so many more answers came.
    ///
    /// # Panics
    /// When they do not come, or the connection ended.
    pub fn wait_for(&self, more: usize) {
        let count = || self.heard.lock().expect("no panic").count;
        let before = count();
        wait::until("answers over the connection", wait::SOON, || {
            assert!(!self.heard.lock().expect("no panic").ended, "the connection ended");
            (count() >= before + more).then_some(())
        });
    }

    /// The longest time without an answer since the last call.
    ///
    /// # Panics
    /// Never by itself.
    pub fn take_longest(&self) -> Duration {
        let mut heard = self.heard.lock().expect("no panic");
        std::mem::take(&mut heard.longest).max(heard.last.elapsed())
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
