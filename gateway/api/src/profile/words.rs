//! Six words for a key, to be compared by a person, or read out over the telephone.
//!
//! The lists are those of BIP 39 (MIT licence, beside them): 2048 words in each language, of four to eight letters and without accents, of which the
//! first four tell each from all others. Six of them are 66 bits: nobody finds another key with the same six.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::login::Language;

const ENGLISH: &str = include_str!("words/english.txt");
const ITALIAN: &str = include_str!("words/italian.txt");
/// Bits of one word: there are 2048.
const BITS: u32 = 11;
/// Begins what is hashed.
const PURPOSE: &[u8] = b"deskgate office key words 1\0";

/// Six words, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words([&'static str; 6]);

impl Words {
    pub(super) fn of(key: &[u8; 32], language: Language) -> Self {
        let hash = Sha256::new().chain_update(PURPOSE).chain_update(key).finalize();
        let bits = hash.iter().take(9).fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte)) >> 6;
        let list = match language {
            Language::En => ENGLISH,
            Language::It => ITALIAN,
        };
        let word = |number: u32| {
            let index = (bits >> ((5 - number) * BITS)) & ((1 << BITS) - 1);
            usize::try_from(index).ok().and_then(|index| list.lines().nth(index)).unwrap_or_default()
        };
        Self([word(0), word(1), word(2), word(3), word(4), word(5)])
    }

    /// One by one.
    pub fn each(&self) -> [&'static str; 6] {
        self.0
    }

    /// Whether somebody wrote these six, in this order, however they are spaced, and in capitals or not.
    pub fn are(&self, written: &str) -> bool {
        let written: Vec<String> = written.split_whitespace().map(str::to_lowercase).collect();
        written == self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_list_has_2048_words_that_four_letters_tell_apart() {
        for list in [ENGLISH, ITALIAN] {
            let words: Vec<&str> = list.lines().collect();
            assert!(words.iter().all(|word| word.bytes().all(|letter| letter.is_ascii_lowercase())));
            let told: BTreeSet<&str> = words.iter().map(|word| word.get(..4).unwrap_or(word)).collect();
            assert_eq!((words.len(), told.len()), (2048, 2048));
        }
    }

    /// Written on letters of years ago: they must stay what they are.
    #[test]
    fn words_are_the_same_for_ever_and_others_for_another_key() {
        let words = |seed: u8, language| Words::of(&[seed; 32], language);
        let hash = Sha256::new().chain_update(PURPOSE).chain_update([7; 32]).finalize();
        let first = (usize::from(hash[0]) << 3) | (usize::from(hash[1]) >> 5);
        let last = (usize::from(hash[6] & 1) << 10) | (usize::from(hash[7]) << 2) | (usize::from(hash[8]) >> 6);
        let each = words(7, Language::En).each();
        assert_eq!((each[0], each[5]), (ENGLISH.lines().nth(first).unwrap(), ENGLISH.lines().nth(last).unwrap()));
        assert_eq!(words(7, Language::It).each()[0], ITALIAN.lines().nth(first).unwrap());
        assert_ne!(words(7, Language::En), words(8, Language::En));
    }

    #[test]
    fn written_words_are_compared_whole_and_in_order() {
        let words = Words::of(&[7; 32], Language::It);
        let text = words.to_string();
        assert!(words.are(&text) && words.are(&format!("  {}\n", text.to_uppercase().replace(' ', "  "))));
        let mut turned: Vec<&str> = text.split(' ').collect();
        turned.reverse();
        assert!(!words.are(&turned.join(" ")) && !words.are("") && !words.are(&format!("{text} altro")));
    }
}
