//! Forms as browsers send them: read within bounds, and only from this page itself.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderName, header},
};
use zeroize::Zeroizing;

/// The largest form, in bytes: two texts of a notice, each letter of them as three bytes that are written as nine.
const LARGEST: usize = 48 * 1024;
/// The most fields of one.
const MOST_FIELDS: usize = 32;
/// For a form to arrive.
const READING: Duration = Duration::from_secs(10);
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Fields by name; cleared when dropped, for one may be a password.
#[derive(Default)]
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

/// Why there is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Another page sent it, or something that does not say which page did.
    Foreign,
    /// It is too large, too slow, or no form.
    Unreadable,
}

impl Form {
    /// The form of a request that this page's own document sent.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Unread> {
        if !is_own(headers) {
            return Err(Unread::Foreign);
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
            return Err(Unread::Unreadable);
        }
        let body = tokio::time::timeout(READING, to_bytes(body, LARGEST)).await;
        let bytes = body.ok().and_then(Result::ok).ok_or(Unread::Unreadable)?;
        Self::parse(&bytes).ok_or(Unread::Unreadable)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = form_urlencoded::parse(bytes).take(MOST_FIELDS + 1);
        let fields: Vec<_> =
            fields.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect();
        (fields.len() <= MOST_FIELDS).then_some(Self(fields))
    }

    /// A field without blanks at its ends; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(named, _)| named == name).map_or("", |(_, value)| value.trim())
    }

    /// A field to the letter, which is gone from here.
    pub(super) fn take(&mut self, name: &str) -> String {
        let value = self.0.iter_mut().find(|(named, _)| named == name);
        value.map(|(_, value)| std::mem::take(&mut **value)).unwrap_or_default()
    }
}

/// Whether the browser says that a page of this very origin sends the request. All browsers of the last years say so; one that does not
/// has to name the origin. (With `Referrer-Policy: no-referrer` forms name `null`.)
fn is_own(headers: &HeaderMap) -> bool {
    let said = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let (origin, host) = (said(header::ORIGIN), said(header::HOST));
    let is_here = |origin: &str| host.is_some_and(|host| origin.strip_prefix("https://") == Some(host));
    match said(SEC_FETCH_SITE) {
        Some("same-origin") => origin.is_none_or(|origin| origin == "null" || is_here(origin)),
        Some(_) => false,
        None => origin.is_some_and(is_here),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn own(said: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("desk.office.example:8443"));
        headers
            .extend(said.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))));
        is_own(&headers)
    }

    #[test]
    fn only_this_pages_own_forms_are_read() {
        const HERE: &str = "https://desk.office.example:8443";
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", HERE)]));
        assert!(own(&[("origin", HERE)]));
        assert!(!own(&[]), "who says nothing is nobody");
        assert!(!own(&[("origin", "null")]));
        assert!(!own(&[("origin", "http://desk.office.example:8443")]));
        assert!(!own(&[("origin", "https://desk.office.example")]), "another port is another origin");
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!own(&[("sec-fetch-site", site), ("origin", HERE)]), "{site}");
        }
        assert!(!own(&[("sec-fetch-site", "same-origin"), ("origin", "https://elsewhere.example")]));
    }

    #[test]
    fn fields_are_read_as_browsers_write_them_and_have_an_end() {
        let mut form = Form::parse(b"user=+d.general+&password=a%26b+%C3%A8&empty=").unwrap();
        assert_eq!((form.text("user"), form.text("empty"), form.text("none")), ("d.general", "", ""));
        assert_eq!(form.take("password"), "a&b è");
        assert_eq!(form.take("password"), "");
        assert!(Form::parse("a=b&".repeat(MOST_FIELDS + 1).as_bytes()).is_none());
    }
}
