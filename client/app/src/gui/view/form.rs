//! Name, password, code: to sign in, to change the password, to see the record, to set up the second factor.

use egui::Ui;

use super::{
    super::{
        state::{Act, Field, Form, Purpose},
        theme::Palette,
    },
    field, parts,
};
use crate::{rdp::Screen, words::window::Labels};

/// `screen` is how the desktop begins, where that can be chosen.
pub(super) fn draw(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    form: &mut Form,
    screen: Option<Screen>,
) -> Option<Act> {
    let (title, button, password) = match form.purpose {
        Purpose::SignIn => (labels.sign_in_title, labels.sign_in, labels.password),
        Purpose::ChangePassword => (labels.change_title, labels.change, labels.present_password),
        Purpose::ShowRecord => (labels.record_title, labels.show_record, labels.password),
        Purpose::Enrol => (labels.enrol_title, labels.enrol, labels.password),
    };
    parts::title(ui, title);
    if let Some(said) = &form.said {
        parts::sentence(ui, look, said);
        ui.add_space(4.0);
    }
    let mut act = None;
    ui.add_enabled_ui(!form.asking, |ui| {
        let mut entered = fields(ui, look, labels, form, password);
        ui.add_space(6.0);
        entered |= parts::first_button(ui, look, if form.asking { labels.asking } else { button }).clicked();
        if entered {
            act = Some(Act::Submit);
        }
        ui.add_space(6.0);
        // Only this one leads to a desktop.
        if let (Purpose::SignIn, Some(screen)) = (form.purpose, screen) {
            act = act.or(how_to_show(ui, look, labels, screen));
        }
        act = act.or(others(ui, labels, form.purpose));
    });
    act
}

/// True if Enter was pressed.
fn fields(ui: &mut Ui, look: &Palette, labels: &Labels, form: &mut Form, password: &str) -> bool {
    let focus = form.focus.take();
    let wants = |field| focus == Some(field);
    let mut entered = false;
    if let Some(server) = &mut form.server {
        entered |= field::line(ui, look, (labels.server, labels.server_hint), server, wants(Field::Server));
    }
    entered |= field::line(ui, look, (labels.user, ""), &mut form.user, wants(Field::User));
    entered |= field::password(ui, password, &mut form.password, wants(Field::Password));
    if form.purpose == Purpose::ChangePassword {
        entered |= field::password(ui, labels.new_password, &mut form.new_password, wants(Field::NewPassword));
        entered |= field::password(ui, labels.new_password_again, &mut form.new_password_again, false);
    }
    let code = match form.purpose {
        Purpose::Enrol => (labels.enrolment_code, labels.enrolment_code_hint),
        _ => (labels.code, labels.code_hint),
    };
    entered |= field::line(ui, look, code, &mut *form.code, wants(Field::Code));
    entered
}

/// Whether the desktop fills the screen, and where it does, the way back: it hides what else could say it.
fn how_to_show(ui: &mut Ui, look: &Palette, labels: &Labels, screen: Screen) -> Option<Act> {
    let mut fills = screen == Screen::Full;
    let chosen = parts::seen(ui.checkbox(&mut fills, labels.fill_screen)).changed();
    if fills {
        parts::small(ui, look, labels.way_back);
    }
    chosen.then_some(Act::Show(if fills { Screen::Full } else { Screen::Window }))
}

fn others(ui: &mut Ui, labels: &Labels, purpose: Purpose) -> Option<Act> {
    let mut act = None;
    if purpose == Purpose::SignIn {
        if parts::button(ui, labels.change_password).clicked() {
            act = Some(Act::Turn(Purpose::ChangePassword));
        }
        if parts::button(ui, labels.set_up_code).clicked() {
            act = Some(Act::Turn(Purpose::Enrol));
        }
        if parts::button(ui, labels.show_record).clicked() {
            act = Some(Act::Turn(Purpose::ShowRecord));
        }
    } else if parts::button(ui, labels.back).clicked() || parts::escape(ui) {
        act = Some(Act::Back);
    }
    act
}
