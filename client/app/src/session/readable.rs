//! Texts from elsewhere, made harmless before anybody sees them: what would steer a terminal or turn the order of letters is left out.

use gateway_api::hides;

/// A text of several lines.
pub(super) fn readable(text: &str) -> String {
    text.chars().filter(|c| !hides(*c) || matches!(c, '\n' | '\t')).collect()
}

/// A text of one line with single blanks, cut to so many bytes of UTF-8.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for c in text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hides(*c)) {
        if c == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if line.len() + c.len_utf8() > most {
            break;
        }
        line.push(c);
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_elsewhere_steers_no_terminal() {
        assert_eq!(readable("One\n\tTwo\x1b[2J\r\u{9b}31m è"), "One\n\tTwo[2J31m è");
        assert_eq!(readable("for \u{202e}ever\u{2066}"), "for ever");
    }

    #[test]
    fn one_line_is_one_and_no_longer_than_it_may_be() {
        assert_eq!(one_line(" the\nprinter\u{2028}\tis\x07 \u{202e}dead\u{200f} ", 256), "the printer is dead");
        assert_eq!(
            one_line("a    b \u{2800}\u{2800} c\u{3164}\u{ad}\u{e0041}\u{fffa}d \u{115f}\u{1160}", 256),
            "a b cd"
        );
        assert_eq!(one_line("abc  def", 4), "abc");
        assert_eq!(one_line("èèè", 5), "èè");
    }
}
