//! A password while it is typed: kept in one place that never moves and is cleared, while everybody else sees dots.
//!
//! What draws the field works on the dots: it keeps copies of a field's text (to take typing back, to lay it out), and so has none of the
//! password.

use gateway_api::login::{LONGEST_PASSWORD, Password};
use zeroize::Zeroizing;

/// Stands for one character.
const DOT: char = '•';

/// What was typed so far.
pub(crate) struct Typed {
    /// Room for all that may come: growing would leave copies behind.
    text: Zeroizing<String>,
    dots: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self { text: Zeroizing::new(String::with_capacity(LONGEST_PASSWORD)), dots: String::new() }
    }
}

impl Typed {
    /// A dot for each character.
    pub(crate) fn dots(&self) -> &str {
        &self.dots
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether both are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        *self.text == *other.text
    }

    /// Puts text in before the character at `place`; what does not fit any more is left out. How many characters went in.
    pub(crate) fn insert(&mut self, text: &str, place: usize) -> usize {
        let mut at = self.byte(place);
        let mut inserted = 0;
        for character in text.chars().filter(|character| !character.is_control()) {
            if self.text.len() + character.len_utf8() > LONGEST_PASSWORD {
                break;
            }
            self.text.insert(at, character);
            at += character.len_utf8();
            inserted += 1;
        }
        self.dot();
        inserted
    }

    /// Takes the characters from `begin` to before `end` out.
    pub(crate) fn remove(&mut self, begin: usize, end: usize) {
        let (begin, end) = (self.byte(begin), self.byte(end));
        if begin < end {
            // `replace_range` may allocate; moving the tail over the gap does not.
            self.text.drain(begin..end);
        }
        self.dot();
    }

    /// Hands the password over, and is empty.
    pub(crate) fn take(&mut self) -> Password {
        let mut taken = std::mem::take(self);
        Password::new(std::mem::take(&mut *taken.text))
    }

    fn dot(&mut self) {
        self.dots = self.text.chars().map(|_| DOT).collect();
    }

    /// Where a character begins, or the end.
    fn byte(&self, place: usize) -> usize {
        self.text.char_indices().nth(place).map_or(self.text.len(), |(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Typed {
        let mut typed = Typed::default();
        typed.insert(text, 0);
        typed
    }

    #[test]
    fn a_password_is_edited_behind_its_dots() {
        let mut typed = typed("cittá");
        assert_eq!(typed.dots(), "•••••");
        assert_eq!(typed.insert("è!", 2), 2);
        typed.remove(0, 1);
        typed.remove(5, 99);
        assert_eq!(typed.dots(), "•••••");
        assert_eq!(typed.take().expose(), "iè!tt");
        assert!(typed.is_empty() && typed.dots().is_empty(), "handed over once");
    }

    #[test]
    fn a_password_never_moves_while_it_is_typed() {
        let mut typed = Typed::default();
        let place = typed.text.as_ptr();
        assert_eq!(typed.insert(&"è".repeat(LONGEST_PASSWORD), 0), LONGEST_PASSWORD / 2);
        assert_eq!(typed.insert("x", 0), 0, "full");
        typed.remove(0, 7);
        typed.insert("x\ny", 3);
        assert_eq!(typed.text.as_ptr(), place);
        assert_eq!(typed.take().expose().as_ptr(), place);
    }
}
