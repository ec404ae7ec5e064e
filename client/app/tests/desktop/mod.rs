//! A desktop that shows notifications, as a service of its own on a bus of its own.

use std::{
    collections::HashMap,
    fs,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use zbus::{Connection, connection::Builder, fdo, interface, zvariant::OwnedValue};

use super::running::{bus, until};

/// A bus where everybody may say everything, and nobody is started.
const RULES: &str =
    r#"<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>"#;

/// A notification as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) id: u32,
    pub(crate) urgency: u8,
    pub(crate) sentences: String,
}

/// What the desktop shows, and showed.
#[derive(Default)]
struct Screen {
    now: Vec<Shown>,
    ever: Vec<Shown>,
    /// As what the program names itself, its desktop entry, and whether it passes unread; of each.
    from: Vec<(String, String, bool)>,
}

struct Service(Arc<Mutex<Screen>>);

#[interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "so it is specified")]
    fn notify(
        &self,
        app_name: String,
        replaces_id: u32,
        _app_icon: String,
        _summary: String,
        body: String,
        _actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let mut screen = self.0.lock().unwrap();
        let is_there = screen.now.iter().any(|shown| shown.id == replaces_id);
        let id = if is_there { replaces_id } else { screen.ever.iter().map(|shown| shown.id).max().unwrap_or(0) + 1 };
        let shown = Shown { id, urgency: u8::try_from(&hints["urgency"]).unwrap(), sentences: body };
        screen.now.retain(|shown| shown.id != id);
        screen.now.push(shown.clone());
        screen.ever.push(shown);
        let entry = <&str>::try_from(&hints["desktop-entry"]).unwrap().to_owned();
        screen.from.push((app_name, entry, bool::try_from(&hints["transient"]).unwrap()));
        id
    }

    fn close_notification(&self, id: u32) -> fdo::Result<()> {
        let mut screen = self.0.lock().unwrap();
        let before = screen.now.len();
        screen.now.retain(|shown| shown.id != id);
        if screen.now.len() < before { Ok(()) } else { Err(fdo::Error::Failed(String::new())) }
    }
}

/// The desktop of a home.
pub(crate) struct Desktop {
    bus: Child,
    screen: Arc<Mutex<Screen>>,
    /// Without one nothing is shown on this bus.
    _service: Option<Connection>,
}

impl Desktop {
    pub(crate) fn start(home: &TempDir) -> Self {
        let mut desktop = Self::without_service(home);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let service = async {
            let screen = Service(Arc::clone(&desktop.screen));
            let service = Builder::address(bus(home.path()).as_str())?.name("org.freedesktop.Notifications")?;
            service.serve_at("/org/freedesktop/Notifications", screen)?.build().await
        };
        desktop._service = Some(runtime.block_on(service).unwrap());
        desktop
    }

    /// A bus alone.
    pub(crate) fn without_service(home: &TempDir) -> Self {
        let rules = home.path().join("bus.conf");
        let address = bus(home.path());
        let text =
            format!("<busconfig><listen>{address}</listen><policy context=\"default\">{RULES}</policy></busconfig>");
        fs::write(&rules, text).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg("--config-file").arg(rules).args(["--nofork", "--nopidfile"]);
        let bus = command.stdout(Stdio::null()).spawn().unwrap();
        until("the bus", || UnixStream::connect(home.path().join("bus")).ok());
        Self { bus, screen: Arc::default(), _service: None }
    }

    /// Waits until it shows this alone, in so urgent a way; as which number.
    #[track_caller]
    pub(crate) fn shows(&self, urgency: u8, sentences: &str) -> u32 {
        until(&format!("`{sentences}` ({urgency})"), || match &self.screen.lock().unwrap().now[..] {
            [shown] if shown.urgency == urgency && shown.sentences == sentences => Some(shown.id),
            _ => None,
        })
    }

    /// Waits until it shows nothing.
    pub(crate) fn shows_nothing(&self) {
        until("an empty desktop", || self.screen.lock().unwrap().now.is_empty().then_some(()));
    }

    /// The person clicks away what is there.
    pub(crate) fn click_away(&self) {
        self.screen.lock().unwrap().now.clear();
    }

    /// All it was given so far.
    pub(crate) fn ever(&self) -> Vec<Shown> {
        self.screen.lock().unwrap().ever.clone()
    }

    /// By which names the program says who it is, and whether its notifications pass unread.
    pub(crate) fn from(&self) -> Vec<(String, String, bool)> {
        self.screen.lock().unwrap().from.clone()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}
