//! The window as the system has it: opens it, draws when something changed, and hands wishes and news to and fro.
//!
//! On Wayland some desktops give a window no frame; winit then draws one (a feature that eframe by itself leaves out).

use std::time::Instant;

use egui::{Context, UserAttentionType, ViewportBuilder, ViewportCommand};

use super::{
    errands::Errands,
    only::First,
    remembered::Remembered,
    state::{Act, News, State, Wish},
    theme, view,
};
use crate::{config::Config, session::Event};

/// In points.
const SIZE: [f32; 2] = [480.0, 680.0];
const LEAST: [f32; 2] = [340.0, 380.0];

/// Opens the window and stays until it is closed. An error is the system's own word for why there is none.
pub(super) fn open(
    state: State,
    config: Option<Config>,
    remembered: Remembered,
    first: Option<First>,
) -> Result<(), String> {
    let viewport = ViewportBuilder::default()
        .with_title("Deskgate")
        .with_app_id("org.deskgate.Deskgate")
        .with_inner_size(SIZE)
        .with_min_inner_size(LEAST);
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let create = move |creation: &eframe::CreationContext<'_>| {
        let context = creation.egui_ctx.clone();
        theme::dress(&context, state.look);
        let wake = {
            let context = context.clone();
            move || context.request_repaint()
        };
        let errands = match &config {
            Some(config) => Some(Errands::start(config.clone(), wake)?),
            None => None,
        };
        if let Some(first) = first {
            first.listen(move || {
                context.send_viewport_cmd(ViewportCommand::Minimized(false));
                context.send_viewport_cmd(ViewportCommand::Focus);
                context.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
                context.request_repaint();
            });
        }
        let remember_user = config.is_some_and(|config| config.remember_user);
        Ok(Box::new(Window { state, errands, remembered, remember_user }) as Box<dyn eframe::App>)
    };
    eframe::run_native("deskgate", options, Box::new(create)).map_err(|error| error.to_string())
}

struct Window {
    state: State,
    /// None where the profile makes no sense: nothing can be begun.
    errands: Option<Errands>,
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
        if let Some(wait) = self.state.next_change(now) {
            ui.ctx().request_repaint_after(wait);
        }
    }
}

impl Window {
    fn grant(&mut self, wish: Wish, context: &Context) {
        match (wish, &mut self.errands) {
            (Wish::Begin(errand), Some(errands)) => errands.begin(errand),
            (Wish::Answer(yes), Some(errands)) => errands.answer(yes),
            (Wish::Code(code), Some(errands)) => errands.code(code),
            (Wish::Enough, Some(errands)) => errands.enough(),
            (Wish::Begin(_) | Wish::Answer(_) | Wish::Code(_) | Wish::Enough, None) => {}
            (Wish::Remember { language }, _) => {
                if language {
                    self.remembered.language = Some(self.state.language);
                }
                self.remembered.look = self.state.look;
                self.remembered.keep();
            }
            (Wish::Go, _) => context.send_viewport_cmd(ViewportCommand::Close),
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
