//! Making an authenticator app the second factor: what the app is shown, and the first code that it shows.

use gateway_api::login::{Code, LONGEST_CODE, Language};
use zeroize::Zeroizing;

use super::{Said, Tone, Wish};
use crate::{
    qr::{self, Picture},
    words::Text,
};

/// The secret, until the office has seen a code of it.
pub(crate) struct Enrolling {
    /// For the app to scan; none if it is too long to draw.
    pub(crate) picture: Option<Picture>,
    /// For the app to be typed into, in groups of four letters.
    pub(crate) key: Zeroizing<String>,
    /// What the app shows.
    pub(crate) code: Zeroizing<String>,
    /// What is said about the last code.
    pub(crate) said: Option<Said>,
    /// The office is being asked.
    pub(crate) asking: bool,
    /// Whether the keyboard is to be at the code, once.
    pub(crate) focus: bool,
}

impl Enrolling {
    pub(super) fn new(office: &str, user: &str, secret: &Code) -> Self {
        let mut key = Zeroizing::new(String::with_capacity(2 * secret.expose().len()));
        for (place, letter) in secret.expose().chars().enumerate() {
            if place > 0 && place.is_multiple_of(4) {
                key.push(' ');
            }
            key.push(letter);
        }
        Self {
            picture: Picture::of(&qr::address(office, user, secret)),
            key,
            code: nothing(),
            said: None,
            asking: false,
            focus: true,
        }
    }

    /// The code leaves the scene, or what is wrong with it is said.
    pub(super) fn submit(&mut self, language: Language) -> Option<Wish> {
        if self.asking {
            return None;
        }
        let code = self.code.trim();
        let wrong = match code.len() {
            0 => Some(Text::CodeEmpty),
            1..=LONGEST_CODE => None,
            _ => Some(Text::CodeTooLong),
        };
        if let Some(text) = wrong {
            self.once_more(text.say(language));
            return None;
        }
        let code = Code::new(code.to_owned());
        (self.code, self.said, self.asking) = (nothing(), None, true);
        Some(Wish::Code(code))
    }

    /// Another code is to be written, and why.
    pub(super) fn once_more(&mut self, sentence: String) {
        self.said = Some(Said::new(Tone::Bad, sentence));
        (self.code, self.asking, self.focus) = (nothing(), false, true);
    }
}

/// Room for a code: growing would leave copies behind.
fn nothing() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(2 * LONGEST_CODE))
}

#[cfg(test)]
mod tests;
