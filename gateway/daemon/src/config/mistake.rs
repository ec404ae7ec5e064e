//! A mistake in the configuration, in words: file, line, the place underlined, what to write instead.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake, at its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    span: Range<usize>,
    what: String,
    advice: String,
}

impl Mistake {
    pub(super) fn new(span: Range<usize>, what: &str, advice: &str) -> Self {
        Self { span, what: what.to_owned(), advice: advice.to_owned() }
    }

    /// What the TOML reader said: broken syntax, or a key that is not known.
    pub(super) fn syntax(error: &toml::de::Error) -> Self {
        let (what, advice) = match error.message().split_once(", expected") {
            Some((what, expected)) if what.starts_with("unknown field") => (
                what.replace("unknown field", "unknown key"),
                format!("write{}", expected.replace("one of", "one of:")),
            ),
            _ => (error.message().to_owned(), "correct this first: the rest was not looked at".to_owned()),
        };
        Self { span: error.span().unwrap_or_default(), what, advice }
    }
}

/// All mistakes of one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistakes {
    path: PathBuf,
    text: String,
    mistakes: Vec<Mistake>,
}

impl Mistakes {
    pub(super) fn new(path: &Path, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.span.start);
        Self { path: path.to_owned(), text: text.to_owned(), mistakes }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display().to_string();
        let renderer = Renderer::plain();
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let annotation = AnnotationKind::Primary.span(mistake.span.clone()).label(mistake.advice.as_str());
            let snippet = Snippet::source(&self.text).path(&path).annotation(annotation);
            let report = [Level::ERROR.primary_title(mistake.what.as_str()).element(snippet)];
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{}", renderer.render(&report))?;
        }
        Ok(())
    }
}
