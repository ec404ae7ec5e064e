//! On Linux the lock is told on D-Bus: by the desktop's screen saver on the session's bus, and by logind's hint on the system's.
//! logind's signal `Lock` counts for nothing: it asks a desktop to lock, and nobody tells when such a lock is over.

use futures_util::StreamExt as _;
use nix::unistd::getuid;
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

/// Who keeps login sessions.
const LOGIND: &str = "org.freedesktop.login1";

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
    let id = std::env::var("XDG_SESSION_ID").ok();
    let bus = Connection::system().await?;
    follow_hint(&bus, id.as_deref(), to).await
}

/// `id` is of the login session that this program was started in, where that is known: what a desktop starts as a service of its user
/// has none, and is taken for a program of the session that this user looks at.
async fn follow_hint(bus: &Connection, id: Option<&str>, to: &UnboundedSender<bool>) -> zbus::Result<()> {
    let manager = Proxy::new(bus, LOGIND, "/org/freedesktop/login1", "org.freedesktop.login1.Manager").await?;
    let named: Option<OwnedObjectPath> = match id {
        Some(id) => manager.call("GetSession", &(id,)).await.ok(),
        None => None,
    };
    let session = match named {
        Some(session) => session,
        None => {
            let user: OwnedObjectPath = manager.call("GetUser", &(getuid().as_raw(),)).await?;
            let user = Proxy::new(bus, LOGIND, user, "org.freedesktop.login1.User").await?;
            let (_, session): (String, OwnedObjectPath) = user.get_property("Display").await?;
            session
        }
    };
    let session = Proxy::new(bus, LOGIND, session, "org.freedesktop.login1.Session").await?;
    let mut hints = session.receive_property_changed::<Value<'_>>("LockedHint").await;
    while let Some(hint) = hints.next().await {
        if let Ok(Value::Bool(is_locked)) = hint.get().await {
            let _ = to.send(is_locked);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

    use tokio::{sync::mpsc::unbounded_channel, time::timeout};
    use zbus::{connection::Builder, fdo, interface, zvariant::ObjectPath};

    use super::*;

    /// Where the stand-in has its one session.
    const SESSION: &str = "/org/freedesktop/login1/session/_32";

    /// Knows session `2`, and of each user that this is the one looked at.
    struct Manager;

    #[interface(name = "org.freedesktop.login1.Manager")]
    impl Manager {
        fn get_session(&self, id: &str) -> fdo::Result<ObjectPath<'static>> {
            if id == "2" { Ok(path(SESSION)) } else { Err(fdo::Error::Failed("no such session".to_owned())) }
        }

        fn get_user(&self, _id: u32) -> ObjectPath<'static> {
            path("/org/freedesktop/login1/user/_1000")
        }
    }

    struct User;

    #[interface(name = "org.freedesktop.login1.User")]
    impl User {
        #[zbus(property)]
        fn display(&self) -> (String, ObjectPath<'static>) {
            ("2".to_owned(), path(SESSION))
        }
    }

    struct Session {
        is_locked: bool,
    }

    #[interface(name = "org.freedesktop.login1.Session")]
    impl Session {
        #[zbus(property)]
        fn locked_hint(&self) -> bool {
            self.is_locked
        }
    }

    fn path(path: &'static str) -> ObjectPath<'static> {
        ObjectPath::from_static_str(path).unwrap()
    }

    /// What is told of a screen that is locked, for a program that knows itself to be in the session `id`.
    async fn told(id: Option<&'static str>) -> Vec<bool> {
        let (ours, its) = UnixStream::pair().unwrap();
        let logind = Builder::async_io_unix_stream(its).server(zbus::Guid::generate()).unwrap().p2p();
        let logind = logind.serve_at("/org/freedesktop/login1", Manager).unwrap();
        let logind = logind.serve_at("/org/freedesktop/login1/user/_1000", User).unwrap();
        let logind = logind.serve_at(SESSION, Session { is_locked: false }).unwrap();
        let (logind, bus) =
            tokio::try_join!(logind.build(), Builder::async_io_unix_stream(ours).p2p().build()).unwrap();
        let (sender, mut changes) = unbounded_channel();
        tokio::spawn(async move { follow_hint(&bus, id, &sender).await });
        let mut told = vec![timeout(Duration::from_secs(30), changes.recv()).await.unwrap().unwrap()];
        let session = logind.object_server().interface::<_, Session>(SESSION).await.unwrap();
        session.get_mut().await.is_locked = true;
        session.get().await.locked_hint_changed(session.signal_emitter()).await.unwrap();
        told.push(timeout(Duration::from_secs(30), changes.recv()).await.unwrap().unwrap());
        told
    }

    #[tokio::test]
    async fn the_lock_of_the_own_login_session_is_told_also_where_nobody_says_which_it_is() {
        for id in [Some("2"), None, Some("ended long ago")] {
            assert_eq!(told(id).await, [false, true], "{id:?}");
        }
    }
}
