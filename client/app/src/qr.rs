//! What an authenticator app scans: the address of a secret, and the picture of it. The only file that names the
//! library.

use gateway_api::login::Code;
use qrcodegen::{QrCode, QrCodeEcc};
use zeroize::Zeroizing;

/// Light around the picture, in modules (ISO/IEC 18004).
const QUIET: i32 = 4;

/// The address that apps know secrets by (`otpauth`, as the common apps take it). Holds the secret.
pub(crate) fn address(office: &str, user: &str, secret: &Code) -> Zeroizing<String> {
    let (office, user) = (encoded(office), encoded(user));
    Zeroizing::new(format!("otpauth://totp/{office}:{user}?secret={}&issuer={office}", secret.expose()))
}

/// Everything but what RFC 3986 leaves as it is.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// The picture, with the light around it. Holds the secret.
pub(crate) struct Picture {
    /// How many modules there are in a row, and how many rows.
    pub(crate) side: usize,
    dark: Zeroizing<Vec<bool>>,
}

impl Picture {
    /// None if there is too much to draw.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let across = || -QUIET..code.size() + QUIET;
        // Outside of the code everything is light.
        let dark = across().flat_map(|row| across().map(move |column| (column, row)));
        let dark = Zeroizing::new(dark.map(|(column, row)| code.get_module(column, row)).collect());
        Some(Self { side: across().count(), dark })
    }

    /// Whether a module is dark; light where there is none.
    pub(crate) fn is_dark(&self, column: usize, row: usize) -> bool {
        column < self.side && self.dark.get(row * self.side + column).is_some_and(|dark| *dark)
    }

    /// Two rows of modules a line, black on white whatever the terminal's colours are.
    pub(crate) fn lines(&self) -> Zeroizing<String> {
        let mut lines = Zeroizing::new(String::with_capacity(64 * 1024));
        for top in (0..self.side).step_by(2) {
            lines.push_str("\x1b[38;5;16;48;5;231m");
            for column in 0..self.side {
                lines.push(match (self.is_dark(column, top), self.is_dark(column, top + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            lines.push_str("\x1b[0m\n");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_office_and_the_worker() {
        let secret = Code::new("GEZDGNBVGY3TQOJQ".to_owned());
        assert_eq!(
            *address("gw.comune.example", "m.rossi", &secret),
            "otpauth://totp/gw.comune.example:m.rossi?secret=GEZDGNBVGY3TQOJQ&issuer=gw.comune.example"
        );
        assert!(
            address("2001:db8::1", "COMUNE\\però", &secret)
                .starts_with("otpauth://totp/2001%3Adb8%3A%3A1:COMUNE%5Cper%C3%B2?")
        );
    }

    #[test]
    fn a_picture_is_the_code_module_by_module_with_light_around() {
        let text = "otpauth://totp/gw.comune.example:m.rossi?secret=GEZDGNBVGY3TQOJQ&issuer=gw.comune.example";
        let (code, picture) = (QrCode::encode_text(text, QrCodeEcc::Medium).unwrap(), Picture::of(text).unwrap());
        let mut dark = std::collections::BTreeSet::new();
        for (row, line) in (0i32..).zip(picture.lines().lines()) {
            let modules = line.strip_prefix("\x1b[38;5;16;48;5;231m").unwrap().strip_suffix("\x1b[0m").unwrap();
            assert_eq!(modules.chars().count(), usize::try_from(code.size() + 2 * QUIET).unwrap());
            for (column, module) in (0i32..).zip(modules.chars()) {
                let at = |down: i32| (column - QUIET, 2 * row + down - QUIET);
                match module {
                    '█' => dark.extend([at(0), at(1)]),
                    '▀' => drop(dark.insert(at(0))),
                    '▄' => drop(dark.insert(at(1))),
                    _ => {}
                }
            }
        }
        let size = code.size();
        let all = (0..size).flat_map(|column| (0..size).map(move |row| (column, row)));
        assert!(dark.iter().copied().eq(all.filter(|(column, row)| code.get_module(*column, *row))));
    }
}
