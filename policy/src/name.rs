//! When two spellings are one name, and which name was meant.
//!
//! A directory compares user names without regard to case and after Unicode normalisation (RFC 4518); so does this
//! file, and nowhere is a name a pattern. Folding compatibility forms errs on no dangerous side: the directories that
//! offices run hold such spellings to be one account as well.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The form under which a user name or a declared name is compared.
pub fn folded(name: &str) -> Cow<'_, str> {
    if !name.is_ascii() {
        return Cow::Owned(fold_unicode(name));
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// A name as keyboards of all kinds type it, in one spelling: an accent that was typed as a character of its own joins its
/// letter.
pub fn composed(name: &str) -> Cow<'_, str> {
    if name.is_ascii() { Cow::Borrowed(name) } else { Cow::Owned(name.nfc().collect()) }
}

/// Unicode's compatibility caseless form: decompose, fold, compose. Folding may undo a normal form and the other way
/// round, hence twice.
fn fold_unicode(name: &str) -> String {
    let once: String = caseless::default_case_fold_str(&name.nfkd().collect::<String>());
    let twice: String = caseless::default_case_fold_str(&once.nfkd().collect::<String>());
    twice.nfkc().collect()
}

/// The form under which a group is compared: as a name, and the separators of a distinguished name without the spaces
/// that people put around them.
pub fn folded_group(group: &str) -> String {
    let folded = folded(group.trim());
    let mut tight = String::with_capacity(folded.len());
    for (place, part) in folded.split(',').enumerate() {
        let escaped = tight.ends_with('\\');
        if place > 0 {
            tight.push(',');
        }
        let part = if escaped { part } else { part.trim_start() };
        match part.split_once('=') {
            Some((attribute, value)) => {
                tight.push_str(attribute.trim());
                tight.push('=');
                tight.push_str(value.trim());
            }
            None => tight.push_str(part.trim_end()),
        }
    }
    tight
}

/// The form under which names that people mistake for each other are one: without case, accents and separators.
pub(crate) fn confusable(name: &str) -> String {
    if name.is_ascii() {
        return name
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase() as char)
            .collect();
    }
    let decomposed = folded(name);
    decomposed.nfkd().filter(|letter| letter.is_alphanumeric()).collect()
}

/// The one of `known` that was probably meant by `written`.
pub(crate) fn meant<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let written = folded(written);
    let longest = written.chars().count();
    let allowed = (longest / 3).clamp(1, 4);
    known
        .into_iter()
        .take(MOST_COMPARED)
        .map(|name| (distance(&written, &folded(name), allowed), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Among more names than these nobody is helped by a guess, and guessing for each of many mistakes would take long.
const MOST_COMPARED: usize = 5_000;

/// How many letters to insert, remove, replace or swap with their neighbour; anything above `most` is `most + 1`.
fn distance(left: &str, right: &str, most: usize) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > most {
        return most + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut here = Vec::with_capacity(above.len());
        here.push(row + 1);
        for (column, other) in right.iter().enumerate() {
            let replaced = at(&above, column) + usize::from(letter != other);
            let mut best = replaced.min(at(&above, column + 1) + 1).min(at(&here, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(other) && right.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            here.push(best);
        }
        before = std::mem::replace(&mut above, here);
    }
    above.last().copied().unwrap_or(0).min(most + 1)
}

fn at(row: &[usize], column: usize) -> usize {
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_do_not_part_a_name() {
        assert_eq!(folded("M.Rossi"), "m.rossi");
        assert_eq!(folded("nicolo\u{300}"), folded("NICOLÒ"));
        assert_eq!(folded("Straße"), folded("STRASSE"));
        assert_ne!(folded("nicolo"), folded("nicolò"));
        assert_ne!(folded("m.rossi"), folded("m*"));
    }

    #[test]
    fn spaces_around_the_parts_of_a_group_do_not_matter() {
        let tight = folded_group("CN=Lavoro Agile,OU=Gruppi,DC=example");
        assert_eq!(tight, folded_group("cn = lavoro agile , ou=Gruppi, dc=Example"));
        assert_ne!(tight, folded_group("CN=LavoroAgile,OU=Gruppi,DC=example"));
        assert_ne!(folded_group(r"CN=a\, b"), folded_group(r"CN=a\,b"));
    }

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        assert_eq!(meant("standrad", ["standard", "strict"]), Some("standard"));
        assert_eq!(meant("Anagrafe-7", ["anagrafe-07", "tributi-01"]), Some("anagrafe-07"));
        assert_eq!(meant("x", ["anagrafe-07"]), None);
    }
}
