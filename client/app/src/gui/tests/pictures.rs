//! Each scene as a picture that somebody looked at and accepted, in both languages; the main ones in every look, and twice as large.
//!
//! The pictures lie in `snapshots/`. A test that finds another writes it beside, as `.new.png`, and where they differ, as `.difference.png`;
//! with `UPDATE_SNAPSHOTS=true` the new ones are accepted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
};

use super::{
    raster::{Picture, draw},
    scenes::scenes,
    *,
};
use crate::{gui::window::LEAST, words::window::labels};

/// Where the accepted pictures are.
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gui/tests/snapshots");

/// How far a colour in a file may be from the one that was drawn, of 255. So the shades at the edges of letters are few, and files small; the
/// colours of areas are exact.
const SHADE: u8 = 4;
/// How far a colour may be from the accepted one: letters are drawn with floating-point numbers, on some processors by fused operations.
const NEAR: u8 = SHADE + 2;

/// What is looked at in the other looks as well: all that has a colour.
const COLOURED: [&str; 2] = ["sign-in-filled", "trouble"];
/// What is looked at twice as large as well.
const LARGE: [&str; 3] = ["sign-in", "waking", "assistance-asked"];

#[test]
fn every_scene_looks_in_italian_as_it_was_accepted() {
    compare(Language::It, "it");
}

#[test]
fn every_scene_looks_in_english_as_it_was_accepted() {
    compare(Language::En, "en");
}

/// Compares what the window shows with what was accepted, or accepts it.
fn compare(language: Language, folder: &str) {
    let folder = Path::new(SNAPSHOTS).join(folder);
    let accept = std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|wish| wish == "true");
    fs::create_dir_all(&folder).unwrap();
    let stored = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    // What an earlier run found.
    stored()
        .filter(|path| path.with_extension("").extension().is_some())
        .for_each(|path| fs::remove_file(path).unwrap());
    let mut left_over: BTreeSet<PathBuf> = stored().collect();
    let mut found = String::new();
    for (name, picture) in pictures(language) {
        let path = folder.join(format!("{name}.png"));
        let known = left_over.remove(&path);
        let wrong = if known { difference(&read(&path), &picture) } else { Some(("is new".to_owned(), None)) };
        let Some((how, marked)) = wrong else { continue };
        if accept {
            write(&path, &picture);
            continue;
        }
        found += &format!("{name} {how}\n");
        write(&path.with_extension("new.png"), &picture);
        if let Some(marked) = marked {
            write(&path.with_extension("difference.png"), &marked);
        }
    }
    for path in left_over {
        if accept {
            fs::remove_file(path).unwrap();
        } else {
            found += &format!("{} shows no scene\n", path.display());
        }
    }
    assert!(found.is_empty(), "{found}Look at the .new.png in {}. To accept them:\n{ACCEPT}", folder.display());
}

const ACCEPT: &str = "UPDATE_SNAPSHOTS=true cargo nextest run --workspace -E 'test(/pictures::/)'";

/// The pictures by their names.
fn pictures(language: Language) -> Vec<(String, Picture)> {
    let mut pictures = Vec::new();
    for (look, suffix) in [(Look::Light, ""), (Look::Dark, "-dark"), (Look::Contrast, "-contrast")] {
        for (name, mut state) in
            scenes(language).into_iter().filter(|(name, _)| suffix.is_empty() || COLOURED.contains(&name.as_str()))
        {
            state.look = look;
            let size = if name.starts_with("ended-") { LEAST } else { SIZE };
            pictures.push((format!("{name}{suffix}"), seen(&sized(state, size, 1.0))));
        }
    }
    for (name, state) in scenes(language).into_iter().filter(|(name, _)| LARGE.contains(&name.as_str())) {
        pictures.push((format!("{name}-large"), seen(&sized(state, LEAST, 2.0))));
    }
    let mut harness = window(signed_out(language));
    harness.get_by_label(labels(language).appearance).click();
    harness.run();
    pictures.push(("appearance".to_owned(), seen(&harness)));
    pictures
}

fn seen(harness: &Harness<'_, Inside>) -> Picture {
    draw(&harness.ctx, harness.output(), harness.ctx.content_rect().shrink(MARGIN))
}

/// How a picture differs from the accepted one, if it does: in words, and, where both are of one size, red on white.
fn difference(accepted: &Picture, new: &Picture) -> Option<(String, Option<Picture>)> {
    let size = |picture: &Picture| [picture.width, picture.height()];
    if size(accepted) != size(new) {
        return Some((format!("is of {:?} pixels, where {:?} were accepted", size(new), size(accepted)), None));
    }
    let near: Vec<bool> =
        accepted.pixels.iter().zip(&new.pixels).map(|(one, other)| is_near(*one, *other, NEAR)).collect();
    let first = near.iter().position(|near| !near)?;
    let count = near.iter().filter(|near| !**near).count();
    let how = format!("differs in {count} pixels, first in column {}, row {}", first % new.width, first / new.width);
    let pixels = near.iter().map(|near| if *near { [255; 3] } else { [200, 0, 0] }).collect();
    Some((how, Some(Picture { width: new.width, pixels })))
}

fn is_near(one: [u8; 3], other: [u8; 3], by: u8) -> bool {
    one == other || one.into_iter().zip(other).all(|(one, other)| one.abs_diff(other) <= by)
}

fn read(path: &Path) -> Picture {
    let mut decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight), "{}", path.display());
    Picture { width: info.width as usize, pixels: bytes.as_chunks().0.to_vec() }
}

/// With a table of its colours.
fn write(path: &Path, picture: &Picture) {
    let [width, height] = [picture.width, picture.height()].map(|side| u32::try_from(side).unwrap());
    let (colours, numbers) = table(picture);
    let bytes: Vec<u8> = picture.pixels.iter().map(|pixel| numbers[pixel]).collect();
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(colours.as_flattened());
    // Which would choose another filter: for colours, and these are numbers.
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

/// At most 256 colours for a picture, and for each of its own the number of one that is near: itself, if no more frequent one is.
fn table(picture: &Picture) -> (Vec<[u8; 3]>, BTreeMap<[u8; 3], u8>) {
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    picture.pixels.iter().for_each(|pixel| *counts.entry(*pixel).or_default() += 1);
    let mut frequent: Vec<_> = counts.into_iter().collect();
    frequent.sort_by_key(|(colour, count)| (Reverse(*count), *colour));
    let (mut colours, mut numbers): (Vec<[u8; 3]>, _) = (Vec::new(), BTreeMap::new());
    for (colour, _) in frequent {
        let known = colours.iter().position(|known| is_near(*known, colour, SHADE));
        let number = known.unwrap_or_else(|| {
            colours.push(colour);
            colours.len() - 1
        });
        numbers.insert(colour, u8::try_from(number).expect("a picture has 256 shades at most"));
    }
    (colours, numbers)
}

#[test]
fn a_pixel_of_another_colour_is_a_difference_and_a_shade_is_none() {
    let white = Picture { width: 3, pixels: vec![[255; 3]; 6] };
    let with = |pixel| {
        let mut other = white.clone();
        other.pixels[4] = pixel;
        difference(&white, &other)
    };
    assert!(with([255, 255 - NEAR, 255]).is_none());
    let (how, marked) = with([255, 254 - NEAR, 255]).unwrap();
    assert_eq!(how, "differs in 1 pixels, first in column 1, row 1");
    assert_eq!(marked.unwrap().pixels[4], [200, 0, 0]);
    assert!(difference(&white, &Picture { width: 2, pixels: white.pixels.clone() }).is_some());
}
