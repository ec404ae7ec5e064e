//! On Linux desktops a service on the session's bus shows it.

use std::collections::HashMap;

use zbus::{Connection, zvariant::Value};

/// What every desktop's service for them is called, and its interface.
pub(crate) const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// By which desktops know the program's name and icon, as installed.
const DESKTOP_ENTRY: &str = "org.deskgate.Deskgate";

/// A desktop that shows one notification of ours at most. GNOME takes it away when the connection goes.
#[derive(Default)]
pub(super) struct Desktop {
    bus: Option<Connection>,
    /// What is shown, or was until it was clicked away; 0 where nothing was.
    shown: u32,
}

impl Desktop {
    /// Shows sentences in the place of those before. Over a window that fills the screen, GNOME shows critical ones alone.
    pub(super) async fn show(&mut self, sentences: &str, is_critical: bool) -> zbus::Result<()> {
        let bus = match &self.bus {
            Some(bus) => bus.clone(),
            None => self.bus.insert(Connection::session().await?).clone(),
        };
        let hints = HashMap::from([
            ("urgency", Value::U8(if is_critical { 2 } else { 1 })),
            ("desktop-entry", Value::from(DESKTOP_ENTRY)),
            ("transient", Value::Bool(false)),
        ]);
        let (icon, actions): (&str, [&str; 0]) = (DESKTOP_ENTRY, []);
        // How long it stays is the desktop's own business.
        let notification = ("Deskgate", self.shown, icon, "Deskgate", sentences, &actions[..], hints, -1_i32);
        let answer = bus.call_method(Some(SERVICE), PATH, Some(SERVICE), "Notify", &notification).await?;
        self.shown = answer.body().deserialize()?;
        Ok(())
    }

    /// Takes away what is shown.
    pub(super) async fn take_away(&mut self) -> zbus::Result<()> {
        let shown = std::mem::take(&mut self.shown);
        match &self.bus {
            Some(bus) if shown != 0 => {
                bus.call_method(Some(SERVICE), PATH, Some(SERVICE), "CloseNotification", &(shown,)).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}
