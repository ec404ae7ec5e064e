//! Letters as PDF's own fonts have them: bytes of Windows-1252 (`WinAnsiEncoding`), and how wide Helvetica draws them.
//!
//! Every reader brings these fonts, so that none has to be embedded.

use unicode_normalization::UnicodeNormalization as _;

/// What stands for a letter that these fonts have not.
const UNKNOWN: u8 = b'?';
/// Letters of the bytes 0x80 to 0x9f; a blank where there is none. ISO 32000-1, annex D.2.
const HIGH: &str = "\u{20ac} \u{201a}\u{192}\u{201e}\u{2026}\u{2020}\u{2021}\u{2c6}\u{2030}\u{160}\u{2039}\u{152} \u{17d}  \
    \u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{2dc}\u{2122}\u{161}\u{203a}\u{153} \u{17e}\u{178}";
/// Widths of the bytes 0x20 to 0x7e, in thousandths of the size, as Adobe's metrics of Helvetica give them.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// A text in these fonts' bytes. A letter that they have not loses its marks (`č` is `c`), or is `?`.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| byte(letter).or_else(|| letter.nfd().find_map(byte)).unwrap_or(UNKNOWN)).collect()
}

/// Whether these fonts have every letter of it.
pub(super) fn has_all(text: &str) -> bool {
    text.chars().all(|letter| byte(letter).is_some())
}

fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x20..=0x7e | 0xa0..=0xff) => u8::try_from(code).ok(),
        _ => HIGH.chars().zip(0x80..).find_map(|(other, byte)| (other == letter).then_some(byte)),
    }
}

/// How wide a text is at this size.
pub(super) fn width(text: &str, size: f32) -> f32 {
    let of = |letter: char| {
        // A letter with marks is as wide as the one without.
        let bare = letter.nfd().next().unwrap_or(letter);
        let place = u32::from(bare).checked_sub(0x20).and_then(|place| usize::try_from(place).ok());
        f32::from(place.and_then(|place| WIDTHS.get(place)).copied().unwrap_or(556))
    };
    text.chars().map(of).sum::<f32>() * size / 1000.0
}

/// A text in lines no wider than `most`, broken between words; a word that is wider has a line of its own.
pub(super) fn lines(text: &str, size: f32, most: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_italian_german_and_slovene_are_drawn() {
        assert_eq!(bytes("Attività «5»"), b"Attivit\xe0 \xab5\xbb");
        assert_eq!(bytes("Straße €–“”’"), b"Stra\xdfe \x80\x96\x93\x94\x92");
        assert_eq!(bytes("Šežana, čas"), b"\x8ae\x9eana, cas");
        assert_eq!(bytes("Ж"), b"?");
        assert!(has_all("Città") && !has_all("čas"));
        assert_eq!(HIGH.chars().count(), 32);
    }

    #[test]
    fn widths_are_those_of_helvetica_and_lines_keep_them() {
        assert!((width("100", 10.0) - 16.68).abs() < 0.01);
        assert!((width("à", 10.0) - width("a", 10.0)).abs() < 0.01);
        let lines = lines("Fixed periods of two months, published once.", 10.0, 100.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 100.0), "{lines:?}");
        assert_eq!(lines.join(" "), "Fixed periods of two months, published once.");
    }
}
