//! The authenticator app's secret, as a picture and in letters, and the recovery codes.

use egui::{Color32, CornerRadius, Mesh, Rect, RichText, Sense, Ui, Vec2, WidgetInfo, accesskit::Role};
use gateway_api::login::{Code, Language};

use super::{
    super::{
        state::{Act, Enrolling, Said, Tone},
        theme::Palette,
    },
    field, parts,
};
use crate::{
    qr::Picture,
    words::{Text, window::Labels},
};

/// How wide the picture gets, in points: a phone's camera sees it well from a hand's breadth.
const PICTURE: f32 = 236.0;

/// What to do, the picture, the letters, and the field for the first code.
pub(super) fn draw(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    enrolling: &mut Enrolling,
) -> Option<Act> {
    parts::title(ui, labels.enrol_title);
    ui.label(Text::ForTheApp.say(language));
    ui.add_space(6.0);
    if let Some(drawn) = &enrolling.picture {
        ui.vertical_centered(|ui| picture(ui, drawn, labels.picture));
        ui.add_space(6.0);
    }
    let key = RichText::new(enrolling.key.as_str()).monospace().color(look.text);
    ui.vertical_centered(|ui| ui.label(key));
    ui.add_space(6.0);
    if let Some(said) = &enrolling.said {
        parts::sentence(ui, look, said);
        ui.add_space(4.0);
    }
    let mut act = None;
    ui.add_enabled_ui(!enrolling.asking, |ui| {
        let focus = std::mem::take(&mut enrolling.focus);
        let mut entered = field::line(ui, look, (labels.first_code, ""), &mut *enrolling.code, focus);
        let button = if enrolling.asking { labels.asking } else { labels.confirm };
        entered |= parts::first_button(ui, look, button).clicked();
        ui.add_space(6.0);
        let back = parts::button(ui, labels.back).clicked() || parts::escape(ui);
        act = if entered { Some(Act::Submit) } else { back.then_some(Act::Back) };
    });
    act
}

/// They go with one button, and with no key by chance.
pub(super) fn recovery_codes(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    codes: &[Code],
) -> Option<Act> {
    parts::title(ui, labels.enrolled_title);
    parts::sentence(ui, look, &Said::new(Tone::Good, Text::Enrolled.say(language)));
    ui.add_space(6.0);
    parts::card(ui, look, |ui| {
        for code in codes {
            ui.label(RichText::new(code.expose()).monospace().size(16.0));
        }
    });
    ui.add_space(6.0);
    parts::first_button(ui, look, labels.written_down).clicked().then_some(Act::Back)
}

/// Black on white in every look, each module of as many of the screen's own pixels as the others.
fn picture(ui: &mut Ui, picture: &Picture, name: &str) {
    let side = u16::try_from(picture.side).map_or(f32::INFINITY, f32::from);
    let pixels = ui.pixels_per_point();
    let module = (PICTURE.min(ui.available_width()) * pixels / side).floor().max(1.0) / pixels;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(module * side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let corner = (rect.min * pixels).round() / pixels;
    let at = |column: usize, row: usize| {
        let along = |place: usize| u16::try_from(place).map_or(f32::INFINITY, f32::from) * module;
        Rect::from_min_size(corner + Vec2::new(along(column), along(row)), Vec2::splat(module))
    };
    let mut dark = Mesh::default();
    for row in 0..picture.side {
        for column in (0..picture.side).filter(|column| picture.is_dark(*column, row)) {
            dark.add_colored_rect(at(column, row), Color32::BLACK);
        }
    }
    let ground = Rect::from_min_size(corner, rect.size());
    ui.painter().rect_filled(ground, CornerRadius::ZERO, Color32::WHITE);
    ui.painter().add(dark);
}
