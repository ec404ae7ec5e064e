//! Letters that a reader does not see: kept out of texts that somebody is to believe.

/// Whether a letter steers a terminal, turns the order of letters, breaks a line, has no width or shows nothing: Unicode's control and
/// format characters and its fillers.
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
