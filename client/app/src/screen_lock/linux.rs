//! On Linux the lock is told on D-Bus: by the desktop's screen saver on the session's bus, and by logind's hint on the system's.

use futures_util::StreamExt as _;
use tokio::{sync::mpsc::UnboundedSender, task::JoinSet};
use zbus::{
    Connection, MatchRule, MessageStream, Proxy,
    message::Type,
    zvariant::{OwnedObjectPath, Value},
};

/// Desktops differ in the name alone.
const SAVERS: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.xfce.ScreenSaver",
];

/// Tells each change. Where there is no bus, nothing is told.
pub(super) fn watch(sender: &UnboundedSender<bool>) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let to = sender.clone();
    watchers.spawn(async move { said("screen saver", by_screen_saver(&to).await) });
    let to = sender.clone();
    watchers.spawn(async move { said("logind", by_logind(&to).await) });
    watchers
}

fn said(who: &str, result: zbus::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(who, %error, "does not tell of the screen's lock");
    }
}

async fn by_screen_saver(to: &UnboundedSender<bool>) -> zbus::Result<()> {
    let bus = Connection::session().await?;
    let rule = MatchRule::builder().msg_type(Type::Signal).member("ActiveChanged")?.build();
    let mut signals = MessageStream::for_match_rule(rule, &bus, Some(16)).await?;
    while let Some(signal) = signals.next().await {
        let signal = signal?;
        let header = signal.header();
        let is_saver = header.interface().is_some_and(|interface| SAVERS.contains(&interface.as_str()));
        if let (true, Ok(is_locked)) = (is_saver, signal.body().deserialize::<bool>()) {
            let _ = to.send(is_locked);
        }
    }
    Ok(())
}

async fn by_logind(to: &UnboundedSender<bool>) -> zbus::Result<()> {
    let Ok(id) = std::env::var("XDG_SESSION_ID") else { return Ok(()) };
    let bus = Connection::system().await?;
    let login = "org.freedesktop.login1";
    let manager = Proxy::new(&bus, login, "/org/freedesktop/login1", "org.freedesktop.login1.Manager").await?;
    let session: OwnedObjectPath = manager.call("GetSession", &(id,)).await?;
    let session = Proxy::new(&bus, login, session, "org.freedesktop.login1.Session").await?;
    let mut hints = session.receive_property_changed::<Value<'_>>("LockedHint").await;
    while let Some(hint) = hints.next().await {
        if let Ok(Value::Bool(is_locked)) = hint.get().await {
            let _ = to.send(is_locked);
        }
    }
    Ok(())
}
