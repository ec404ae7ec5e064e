//! The window as the system has it: opens it, draws when something changed, and hands wishes and news to and fro.
//!
//! On Wayland some desktops give a window no frame; winit then draws one (a feature that eframe by itself leaves out).

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

use egui::{Context, IconData, UserAttentionType, ViewportBuilder, ViewportCommand};

use super::{
    asked,
    errands::Errands,
    only::First,
    remembered::Remembered,
    state::{Act, News, State, Wish},
    theme, view,
};
use crate::{
    config::{Config, FirstUse},
    office,
    session::Event,
    words::Text,
};

/// In points.
pub(super) const SIZE: [f32; 2] = [480.0, 680.0];
pub(super) const LEAST: [f32; 2] = [340.0, 380.0];

/// Whose window it is.
pub(super) enum Office {
    /// The office's, or one without a profile.
    Known(Box<Config>),
    /// A person has to say so first.
    FirstUse(Box<FirstUse>),
    /// Nobody's: the profile makes no sense, and nothing can be begun.
    None,
}

/// Why there is no window.
pub(super) enum NoWindow {
    /// It could not be opened, in the system's own words.
    Never(String),
    /// Its screen ended, and what went on in it has been ended in order. So it is on Wayland; Xlib ends the program by itself.
    NoMore,
}

/// Opens the window and stays until it is closed.
pub(super) fn open(state: State, office: Office, remembered: Remembered, first: Option<First>) -> Result<(), NoWindow> {
    let was_there = Cell::new(false);
    let viewport = ViewportBuilder::default()
        .with_title("Deskgate")
        .with_app_id("org.deskgate.Deskgate")
        .with_icon(icon())
        .with_inner_size(SIZE)
        .with_min_inner_size(LEAST);
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let there = &was_there;
    let create = move |creation: &eframe::CreationContext<'_>| {
        let context = creation.egui_ctx.clone();
        theme::dress(&context, state.look);
        context.set_zoom_factor(remembered.zoom());
        let (knock, knocks) = channel();
        if let Some(first) = first {
            first.listen(move || {
                let _ = knock.send(asked::take());
                context.send_viewport_cmd(ViewportCommand::Minimized(false));
                context.send_viewport_cmd(ViewportCommand::Focus);
                context.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
                context.request_repaint();
            });
        }
        let mut window =
            Window { state, first_use: None, errands: None, knocks, profile: None, remembered, remember_user: false };
        match office {
            Office::Known(config) => window.begin(*config, &creation.egui_ctx)?,
            Office::FirstUse(first_use) => {
                window.profile = first_use.profile().map(Path::to_owned);
                window.first_use = Some(first_use);
            }
            Office::None => {}
        }
        there.set(true);
        Ok(Box::new(window) as Box<dyn eframe::App>)
    };
    eframe::run_native("deskgate", options, Box::new(create)).map_err(|error| match was_there.get() {
        true => NoWindow::NoMore,
        false => NoWindow::Never(plain(&error.to_string()).to_owned()),
    })
}

/// Without the place in its own source that winit begins with.
fn plain(error: &str) -> &str {
    error.rsplit_once(".rs:").and_then(|(_, rest)| rest.split_once(": ")).map_or(error, |(_, words)| words)
}

/// What desktops show where they find no icon by the program's name.
fn icon() -> IconData {
    eframe::icon_data::from_png_bytes(include_bytes!("icon.png")).unwrap_or_default()
}

struct Window {
    state: State,
    /// The profile, until a person has compared its words.
    first_use: Option<Box<FirstUse>>,
    /// None while nothing can be begun.
    errands: Option<Errands>,
    /// Other starts of the program, and the profiles that these were given.
    knocks: Receiver<Option<PathBuf>>,
    /// The file of the one that is followed.
    profile: Option<PathBuf>,
    remembered: Remembered,
    remember_user: bool,
}

impl eframe::App for Window {
    fn logic(&mut self, context: &Context, _: &mut eframe::Frame) {
        let now = Instant::now();
        while let Some(news) = self.errands.as_ref().and_then(|errands| errands.news.try_recv().ok()) {
            if matches!(news, News::Told(Event::SignedIn { .. })) {
                self.signed_in();
            }
            if let Some(wish) = self.state.take(news, now) {
                self.grant(wish, context);
            }
        }
        for asked in self.knocks.try_iter().flatten() {
            if !asked::is_same(&asked, self.profile.as_deref()) {
                self.state.knock_with_another(&asked);
            }
        }
        if context.input(|input| input.viewport().close_requested()) {
            match self.state.act(Act::Leave) {
                Some(Wish::Go) => {}
                wish => {
                    context.send_viewport_cmd(ViewportCommand::CancelClose);
                    wish.into_iter().for_each(|wish| self.grant(wish, context));
                }
            }
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let now = Instant::now();
        let look = self.state.look;
        if let Some(act) = view::draw(ui, &mut self.state, now) {
            if let Some(wish) = self.state.act(act) {
                self.grant(wish, ui.ctx());
            }
            // What was done shows at once.
            ui.ctx().request_repaint();
        }
        if self.state.look != look {
            theme::dress(ui.ctx(), self.state.look);
        }
        if self.remembered.take_zoom(ui.ctx().zoom_factor()) {
            self.remembered.keep();
        }
        if let Some(wait) = self.state.next_change(now) {
            ui.ctx().request_repaint_after(wait);
        }
    }
}

impl Window {
    /// From here on the office can be asked.
    fn begin(&mut self, config: Config, context: &Context) -> std::io::Result<()> {
        self.remember_user = config.remember_user;
        self.profile.clone_from(&config.profile);
        let context = context.clone();
        self.errands = Some(Errands::start(config, move || context.request_repaint())?);
        Ok(())
    }

    /// It is the office's profile: it counts from now on.
    fn follow(&mut self, context: &Context) {
        let Some(first_use) = self.first_use.take() else { return };
        let config = first_use.accept();
        self.state.follow(config.help.clone(), self.remembered.known(&config));
        if let Err(error) = self.begin(config, context) {
            let text = Text::Broken { cause: crate::api::plain(&error) };
            self.state.take(News::Stopped(text), Instant::now());
        }
    }

    /// The office is another one from now on.
    fn forget(&mut self) {
        let news = match office::forget() {
            Ok(_) => News::Forgotten,
            Err(error) => News::Stopped(Text::Broken { cause: crate::api::plain(&error) }),
        };
        self.state.take(news, Instant::now());
    }

    fn grant(&mut self, wish: Wish, context: &Context) {
        match (wish, &mut self.errands) {
            (Wish::Begin(errand), errands) => {
                if !errands.as_mut().is_some_and(|errands| errands.begin(errand)) {
                    self.nothing_begins(context);
                }
            }
            (Wish::Press(button), Some(errands)) => errands.press(button),
            (Wish::Code(code), Some(errands)) => errands.code(code),
            (Wish::Enough, Some(errands)) => errands.enough(),
            (Wish::Password(password), Some(errands)) => errands.password(password),
            (Wish::Press(_) | Wish::Code(_) | Wish::Password(_) | Wish::Enough, None) => {}
            (Wish::Follow, _) => self.follow(context),
            (Wish::Forget, _) => self.forget(),
            (Wish::Remember(choice), _) => {
                self.remembered.take(choice);
                self.remembered.keep();
            }
            (Wish::Go, _) => context.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    /// The thread that would do it is not there, and why was told before: nobody waits for it.
    fn nothing_begins(&mut self, context: &Context) {
        let text = Text::Broken { cause: crate::api::plain(&std::io::ErrorKind::BrokenPipe.into()) };
        if let Some(wish) = self.state.take(News::Stopped(text), Instant::now()) {
            self.grant(wish, context);
        }
    }

    /// A name that got in is worth remembering, where the profile allows it.
    fn signed_in(&mut self) {
        let user = if self.remember_user { self.state.user().map(str::to_owned) } else { None };
        if self.remembered.user != user {
            self.remembered.user = user;
            self.remembered.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn why_there_is_no_window_names_no_file_of_anybodys_source() {
        let said =
            "winit EventLoopError: os error at /home/x/winit/src/linux/mod.rs:89: Could not find wayland compositor";
        assert_eq!(plain(said), "Could not find wayland compositor");
        assert_eq!(plain("winit error: nothing"), "winit error: nothing");
    }
}
