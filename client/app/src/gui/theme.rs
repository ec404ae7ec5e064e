//! Colours, sizes and strokes, in three looks. The only file that knows a colour.
//!
//! Text and what it stands on differ by 4.5 to 1 at least (WCAG 2.2, AA; by 7 to 1 where the contrast is high): a test measures it. Nothing
//! moves and nothing blinks, so that the window is drawn only when something changes.

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, Style, TextStyle, Theme, Vec2, Visuals,
    style::WidgetVisuals,
};

use super::state::{Look, Tone};

/// A look's colours.
pub(crate) struct Palette {
    dark: bool,
    pub(crate) background: Color32,
    pub(crate) card: Color32,
    pub(crate) text: Color32,
    pub(crate) muted: Color32,
    pub(crate) accent: Color32,
    pub(crate) on_accent: Color32,
    /// Around cards and fields.
    pub(crate) line: Stroke,
    /// Around what has the keyboard.
    focus: Stroke,
    good: [Color32; 2],
    plain: [Color32; 2],
    warning: [Color32; 2],
    bad: [Color32; 2],
}

const fn rgb(hex: u32) -> Color32 {
    let [_, red, green, blue] = hex.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

static LIGHT: Palette = Palette {
    dark: false,
    background: rgb(0xf3_f5_f8),
    card: rgb(0xff_ff_ff),
    text: rgb(0x17_20_2b),
    muted: rgb(0x50_5b_69),
    accent: rgb(0x12_4f_8f),
    on_accent: rgb(0xff_ff_ff),
    line: Stroke { width: 1.0, color: rgb(0xbc_c5_d0) },
    focus: Stroke { width: 2.0, color: rgb(0x12_4f_8f) },
    good: [rgb(0x17_63_37), rgb(0xe6_f4_ea)],
    plain: [rgb(0x12_4f_8f), rgb(0xe8_f0_f9)],
    warning: [rgb(0x7a_48_00), rgb(0xff_f3_dc)],
    bad: [rgb(0x9b_1c_17), rgb(0xfd_ec_ea)],
};

static DARK: Palette = Palette {
    dark: true,
    background: rgb(0x14_19_20),
    card: rgb(0x1d_24_2d),
    text: rgb(0xe9_ed_f2),
    muted: rgb(0xa9_b3_c0),
    accent: rgb(0x7c_bb_f7),
    on_accent: rgb(0x08_14_20),
    line: Stroke { width: 1.0, color: rgb(0x46_52_61) },
    focus: Stroke { width: 2.0, color: rgb(0x7c_bb_f7) },
    good: [rgb(0x7f_d6_9c), rgb(0x17_2f_22)],
    plain: [rgb(0x7c_bb_f7), rgb(0x1a_2c_40)],
    warning: [rgb(0xf3_c0_6b), rgb(0x3a_2e_17)],
    bad: [rgb(0xff_a3_9b), rgb(0x3f_20_1f)],
};

static CONTRAST: Palette = Palette {
    dark: true,
    background: Color32::BLACK,
    card: Color32::BLACK,
    text: Color32::WHITE,
    muted: Color32::WHITE,
    accent: rgb(0xff_e1_00),
    on_accent: Color32::BLACK,
    line: Stroke { width: 2.0, color: Color32::WHITE },
    focus: Stroke { width: 4.0, color: rgb(0x00_e5_ff) },
    good: [Color32::WHITE, Color32::BLACK],
    plain: [Color32::WHITE, Color32::BLACK],
    warning: [rgb(0xff_e1_00), Color32::BLACK],
    bad: [rgb(0xff_e1_00), Color32::BLACK],
};

/// The colours of a look.
pub(crate) fn palette(look: Look) -> &'static Palette {
    match look {
        Look::Light => &LIGHT,
        Look::Dark => &DARK,
        Look::Contrast => &CONTRAST,
    }
}

impl Palette {
    /// A sentence's colour, and what it stands on.
    pub(crate) fn tone(&self, tone: Tone) -> [Color32; 2] {
        match tone {
            Tone::Good => self.good,
            Tone::Plain => self.plain,
            Tone::Warning => self.warning,
            Tone::Bad => self.bad,
        }
    }

    fn visuals(&self) -> Visuals {
        let mut visuals = if self.dark { Visuals::dark() } else { Visuals::light() };
        visuals.override_text_color = Some(self.text);
        visuals.panel_fill = self.background;
        visuals.window_fill = self.card;
        visuals.window_stroke = self.line;
        visuals.extreme_bg_color = self.card;
        visuals.text_edit_bg_color = Some(self.card);
        visuals.weak_text_color = Some(self.muted);
        visuals.selection.bg_fill = self.accent.gamma_multiply(0.35);
        visuals.selection.stroke = self.focus;
        visuals.text_cursor.blink = false;
        visuals.text_cursor.stroke = Stroke { width: 2.0, color: self.text };
        let widget = |fill: Color32, stroke: Stroke| WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: stroke,
            corner_radius: CornerRadius::same(6),
            fg_stroke: Stroke { width: 1.5, color: self.text },
            expansion: 0.0,
        };
        visuals.widgets.noninteractive = widget(self.card, self.line);
        visuals.widgets.inactive = widget(self.card, self.line);
        visuals.widgets.hovered = widget(self.plain[1], Stroke { color: self.accent, ..self.line });
        visuals.widgets.active = widget(self.plain[1], self.focus);
        visuals.widgets.open = widget(self.plain[1], self.line);
        visuals
    }
}

/// Lays a look over everything.
pub(crate) fn dress(context: &Context, look: Look) {
    let palette = palette(look);
    context.set_theme(if palette.dark { Theme::Dark } else { Theme::Light });
    context.all_styles_mut(|style| style_of(style, palette));
}

fn style_of(style: &mut Style, palette: &Palette) {
    style.visuals = palette.visuals();
    style.animation_time = 0.0;
    style.spacing.item_spacing = Vec2::new(8.0, 8.0);
    style.spacing.button_padding = Vec2::new(14.0, 9.0);
    style.spacing.interact_size.y = 40.0;
    style.spacing.window_margin = Margin::same(12);
    style.spacing.menu_margin = Margin::same(12);
    let font = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles.insert(TextStyle::Heading, font(23.0));
    style.text_styles.insert(TextStyle::Body, font(16.0));
    style.text_styles.insert(TextStyle::Button, font(16.0));
    style.text_styles.insert(TextStyle::Small, font(14.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As WCAG has it: how much brighter one of two colours is than the other.
    fn contrast(one: Color32, other: Color32) -> f64 {
        let luminance = |colour: Color32| {
            let [red, green, blue] = [colour.r(), colour.g(), colour.b()].map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_stands_out_from_what_it_stands_on() {
        for (look, least) in [(Look::Light, 4.5), (Look::Dark, 4.5), (Look::Contrast, 7.0)] {
            let palette = palette(look);
            let mut pairs = vec![[palette.accent, palette.background], [palette.on_accent, palette.accent]];
            for ground in [palette.background, palette.card] {
                pairs.extend([[palette.text, ground], [palette.muted, ground]]);
            }
            for tone in [Tone::Good, Tone::Plain, Tone::Warning, Tone::Bad] {
                let [sign, ground] = palette.tone(tone);
                pairs.extend([[sign, ground], [palette.text, ground]]);
            }
            for [text, ground] in pairs {
                let seen = contrast(text, ground);
                assert!(seen >= least, "{look:?}: {text:?} on {ground:?} is {seen:.1} to 1");
            }
        }
    }
}
