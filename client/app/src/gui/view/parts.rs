//! The few things that scenes are made of: buttons, boxes with a sentence, signs.

use egui::{
    Button, Color32, CornerRadius, FontId, Frame, Key, Margin, Painter, Popup, Rect, Response, RichText, Sense, Shape,
    Stroke, Ui, Vec2,
    accesskit::{Live, Node},
};

use super::super::{
    state::{Said, Tone},
    theme::Palette,
};

/// How wide and high a sign beside a line is, in points.
pub(super) const SIGN: f32 = 20.0;

/// A scene's title.
pub(super) fn title(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    ui.heading(text);
    ui.add_space(4.0);
}

/// What is of less weight.
pub(super) fn small(ui: &mut Ui, look: &Palette, text: &str) {
    ui.label(RichText::new(text).small().color(look.muted));
}

/// How wide a text is on one line, in points.
pub(super) fn width_of(ui: &Ui, text: &str, font: FontId) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER).size().x
}

/// The button that most people want.
pub(super) fn first_button(ui: &mut Ui, look: &Palette, text: &str) -> Response {
    let label = RichText::new(text).color(look.on_accent).size(17.0);
    seen(ui.add_sized(Vec2::new(ui.available_width(), 46.0), Button::new(label).fill(look.accent)))
}

/// Brings what gets the keyboard into view.
pub(super) fn seen(widget: Response) -> Response {
    if widget.gained_focus() {
        widget.scroll_to_me(None);
    }
    widget
}

/// Gives a button the keyboard where nothing else has it: Enter does what most people want.
pub(super) fn with_keyboard(button: Response) -> Response {
    if button.ctx.memory(|memory| memory.focused().is_none()) {
        button.request_focus();
    }
    button
}

/// Whether Escape was pressed, and not to close a menu.
pub(super) fn escape(ui: &Ui) -> bool {
    ui.input(|input| input.key_pressed(Key::Escape)) && !Popup::is_any_open(ui.ctx())
}

/// Another button.
pub(super) fn button(ui: &mut Ui, text: &str) -> Response {
    seen(ui.add_sized(Vec2::new(ui.available_width(), 40.0), Button::new(text)))
}

/// A sentence in a box of its tone, with the sign of it. A screen reader says it when it comes, and again when it changes.
pub(super) fn sentence(ui: &mut Ui, look: &Palette, said: &Said) {
    let [colour, ground] = look.tone(said.tone);
    Frame::new()
        .fill(ground)
        .stroke(Stroke { color: colour, width: look.line.width })
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin::same(10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            let label = beside_sign(ui, said.tone, [colour, ground], &said.sentence);
            let live = match said.tone {
                Tone::Good | Tone::Plain => Live::Polite,
                Tone::Warning | Tone::Bad => Live::Assertive,
            };
            match &said.announced {
                None => announce(&label, live),
                Some(announced) => {
                    announce(&label, Live::Off);
                    let announce = |node: &mut Node| {
                        node.set_label(announced.as_str());
                        node.set_live(live);
                    };
                    ui.ctx().accesskit_node_builder(ui.unique_id(), announce);
                }
            }
        });
}

/// Has a screen reader say a text when it comes, and again when it changes.
pub(super) fn announce(label: &Response, live: Live) {
    label.ctx.accesskit_node_builder(label.id, |node| node.set_live(live));
}

/// A sign, and beside it a text of as many lines as it takes.
pub(super) fn beside_sign(ui: &mut Ui, tone: Tone, [colour, ground]: [Color32; 2], text: &str) -> Response {
    let line = ui.horizontal_top(|ui| {
        sign(ui, tone, colour, ground, SIGN);
        ui.vertical(|ui| ui.label(text)).inner
    });
    line.inner
}

/// A white field with things in it.
pub(super) fn card<R>(ui: &mut Ui, look: &Palette, add: impl FnOnce(&mut Ui) -> R) -> R {
    Frame::new()
        .fill(look.card)
        .stroke(look.line)
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(14))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui)
        })
        .inner
}

/// A sign that is told from the others by its shape alone.
pub(super) fn sign(ui: &mut Ui, tone: Tone, colour: Color32, ground: Color32, size: f32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    let painter = ui.painter();
    let stroke = Stroke { width: size / 9.0, color: ground };
    let at = |x: f32, y: f32| rect.lerp_inside(Vec2::new(x, y));
    match tone {
        Tone::Good => {
            painter.circle_filled(rect.center(), size / 2.0, colour);
            painter.line(vec![at(0.26, 0.52), at(0.44, 0.70), at(0.75, 0.34)], stroke);
        }
        Tone::Plain => {
            painter.circle_filled(rect.center(), size / 2.0, colour);
            painter.line_segment([at(0.5, 0.45), at(0.5, 0.76)], stroke);
            painter.circle_filled(at(0.5, 0.28), size / 13.0, ground);
        }
        Tone::Warning => {
            let corners = vec![at(0.5, 0.02), at(1.0, 0.95), at(0.0, 0.95)];
            painter.add(Shape::convex_polygon(corners, colour, Stroke::NONE));
            painter.line_segment([at(0.5, 0.36), at(0.5, 0.66)], stroke);
            painter.circle_filled(at(0.5, 0.80), size / 14.0, ground);
        }
        Tone::Bad => {
            painter.rect_filled(rect, CornerRadius::same(3), colour);
            painter.line_segment([at(0.28, 0.28), at(0.72, 0.72)], stroke);
            painter.line_segment([at(0.72, 0.28), at(0.28, 0.72)], stroke);
        }
    }
}

/// A ring: not yet. With a dot in it: now.
pub(super) fn ring(ui: &mut Ui, colour: Color32, now: bool, size: f32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    let painter = ui.painter();
    painter.circle_stroke(rect.center(), size / 2.0 - 1.0, Stroke { width: 2.0, color: colour });
    if now {
        painter.circle_filled(rect.center(), size / 4.0, colour);
    }
}

/// The program's own sign: a gate that stands open, and a desk's screen in it.
pub(super) fn emblem(ui: &mut Ui, look: &Palette) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(26.0), Sense::hover());
    paint_emblem(ui.painter(), rect, look.accent, look.on_accent);
}

fn paint_emblem(painter: &Painter, rect: Rect, colour: Color32, on_colour: Color32) {
    let at = |x: f32, y: f32| rect.lerp_inside(Vec2::new(x, y));
    painter.rect_filled(rect, CornerRadius::same(6), colour);
    let stroke = Stroke { width: 2.0, color: on_colour };
    painter.line(
        vec![at(0.22, 0.84), at(0.22, 0.34), at(0.36, 0.20), at(0.64, 0.20), at(0.78, 0.34), at(0.78, 0.84)],
        stroke,
    );
    painter.rect_filled(Rect::from_min_max(at(0.36, 0.40), at(0.64, 0.60)), CornerRadius::same(1), on_colour);
    painter.line_segment([at(0.5, 0.60), at(0.5, 0.74)], stroke);
    painter.line_segment([at(0.36, 0.76), at(0.64, 0.76)], stroke);
}
