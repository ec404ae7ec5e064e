//! Somebody between the gateway and its directory, who passes everything on, and can hold one question back while something
//! changes.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use crate::{wait, world::World};

/// At work until the test's process ends.
#[derive(Debug)]
pub struct Relay {
    awaited: Arc<Mutex<Option<Awaited>>>,
}

/// The question to hold back.
#[derive(Debug)]
struct Awaited {
    words: Vec<u8>,
    held: SyncSender<()>,
    go: Receiver<()>,
}

impl Relay {
    /// Begins to listen on the gateway's own computer, and to pass on to the directory at `to`.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(world: &World, port: u16, to: SocketAddr) -> Self {
        let relay = Self { awaited: Arc::default() };
        let awaited = Arc::clone(&relay.awaited);
        // Threads stay in the network of whoever begins them.
        world.gateway.inside(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
            std::thread::spawn(move || {
                for asking in listener.incoming().flatten() {
                    let Ok(answering) = TcpStream::connect(to) else { continue };
                    let (Ok(from), Ok(back)) = (asking.try_clone(), answering.try_clone()) else { continue };
                    let awaited = Arc::clone(&awaited);
                    std::thread::spawn(move || pass_on(from, answering, |question| hold_back(&awaited, question)));
                    std::thread::spawn(move || pass_on(back, asking, |_| ()));
                }
            });
        });
        relay
    }

    /// Holds the next question back that `words` stand in, does something, and lets the question go on.
    ///
    /// # Panics
    /// When no such question comes soon.
    pub fn before(&self, words: &str, something: impl FnOnce()) {
        let ((held, is_held), (go, may_go)) = (sync_channel(1), sync_channel(1));
        let awaited = Awaited { words: words.as_bytes().to_vec(), held, go: may_go };
        *self.awaited.lock().expect("no panic") = Some(awaited);
        is_held.recv_timeout(wait::SOON).expect("a question with these words");
        something();
        go.send(()).expect("whoever holds it waits");
    }
}

fn hold_back(awaited: &Mutex<Option<Awaited>>, question: &[u8]) {
    let is_it = |awaited: &mut Awaited| question.windows(awaited.words.len()).any(|part| part == awaited.words);
    let found = awaited.lock().expect("no panic").take_if(is_it);
    if let Some(Awaited { held, go, .. }) = found {
        // Nobody waits any more: the test has ended.
        let _ = held.send(()).map(|()| go.recv());
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, look: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
