//! Every scene as it opens, at twice the size and in the smallest window, in both languages: each line of text can be brought into view whole, none
//! lies on another, and none is cut short with dots.

use std::collections::BTreeMap;

use egui::{
    Event as Input, Modifiers, MouseWheelSource, MouseWheelUnit, Rect, Shape, TouchPhase, epaint::ClippedShape, vec2,
};

use super::{scenes::scenes, *};
use crate::gui::window::LEAST;

/// What rounding to pixels may take away, in points.
const HAIR: f32 = 1.0;
/// How far the wheel turns between two looks, in points: less than what is seen of any scene, by more than a line.
const TURN: f32 = 60.0;
/// No scene is longer.
const TURNS: usize = 60;

/// A line of text where it was drawn.
struct Line {
    text: String,
    /// All of it, and what is seen of it.
    whole: Rect,
    seen: Rect,
}

impl Line {
    fn is_whole(&self) -> bool {
        self.whole.expand(-HAIR).intersect(self.seen) == self.whole.expand(-HAIR)
    }

    /// Whether nothing of it is lost beside what is seen; above and below it may wait to be scrolled to.
    fn fits_across(&self) -> bool {
        self.whole.left() >= self.seen.left() - HAIR && self.whole.right() <= self.seen.right() + HAIR
    }
}

/// The lines of text on the screen, and those that were cut short.
fn lines(harness: &Harness<'_, Inside>) -> (Vec<Line>, Vec<String>) {
    let screen = harness.ctx.content_rect();
    let (mut lines, mut cut) = (Vec::new(), Vec::new());
    for ClippedShape { clip_rect, shape, .. } in &harness.output().shapes {
        gather(shape, clip_rect.intersect(screen), &mut lines, &mut cut);
    }
    (lines, cut)
}

fn gather(shape: &Shape, clip: Rect, lines: &mut Vec<Line>, cut: &mut Vec<String>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| gather(shape, clip, lines, cut)),
        Shape::Text(text) => {
            if text.galley.elided {
                cut.push(text.galley.text().to_owned());
            }
            for row in text.galley.rows.iter().filter(|row| !row.text().trim().is_empty()) {
                let whole = row.rect().translate(text.pos.to_vec2());
                lines.push(Line { text: row.text(), whole, seen: whole.intersect(clip) });
            }
        }
        _ => {}
    }
}

/// Looks through a scene from its top to its bottom, and names what cannot be read.
fn illegible(harness: &mut Harness<'_, Inside>) -> Vec<String> {
    let mut wrong = Vec::new();
    // Lines by their text, and whether they were seen whole once.
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    harness.event(Input::PointerMoved(harness.ctx.content_rect().center()));
    let mut before = Vec::new();
    for turn in 0..TURNS {
        let delta = if turn == 0 { 1e4 } else { -TURN };
        harness.event(Input::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, delta),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        });
        harness.run();
        let (lines, cut) = lines(harness);
        let places: Vec<Rect> = lines.iter().map(|line| line.whole).collect();
        if places == before {
            break; // at its end
        }
        before = places;
        wrong.extend(cut.iter().map(|text| format!("cut short: {text}")));
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.seen.is_positive()) {
            if !line.fits_across() {
                wrong.push(format!("beyond the edge: {}", line.text));
            }
            *known.entry(line.text.clone()).or_default() |= line.is_whole();
            let under = lines.iter().skip(at + 1).find(|other| {
                let both = other.seen.intersect(line.seen);
                both.width() > HAIR && both.height() > HAIR
            });
            if let Some(under) = under {
                wrong.push(format!("one on the other: {} / {}", line.text, under.text));
            }
        }
    }
    wrong.extend(known.iter().filter(|(_, whole)| !**whole).map(|(text, _)| format!("never seen whole: {text}")));
    assert!(known.len() >= 4, "hardly anything was drawn: {known:?}");
    wrong.sort();
    wrong.dedup();
    wrong
}

/// The window as it opens; twice as large by the system, and as small as it gets; and twice as large by the person.
#[test]
fn every_line_of_every_scene_can_be_read_also_twice_as_large() {
    let mut found = String::new();
    for language in [Language::It, Language::En] {
        for (by, scale, zoom, size) in
            [("nobody", 1.0, 1.0, SIZE), ("the system", 2.0, 1.0, LEAST), ("the person", 1.0, 2.0, SIZE)]
        {
            for (scene, state) in scenes(language) {
                let mut harness = sized(state, size, scale);
                harness.ctx.set_zoom_factor(zoom);
                harness.run();
                for wrong in illegible(&mut harness) {
                    found += &format!("{scene}, {language:?}, enlarged by {by}: {wrong}\n");
                }
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}
