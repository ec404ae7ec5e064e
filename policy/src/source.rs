//! The files of a policy as text, and places in them.
//!
//! Nothing is read here: whoever owns the folder hands over names and texts. A place is a file and a range of bytes, so
//! that a rule costs twelve bytes to remember where it was said; line and column are counted when somebody asks.

use std::ops::Range;

/// The largest file read, in bytes. 100,000 agreements in the wordier of the two forms are 30 MB.
pub const LARGEST_FILE: usize = 128 << 20;
/// The most files read.
pub const MOST_FILES: usize = 1_000;

/// One file of the policy folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in the folder. What it ends in says what it is: `.toml`, `.csv`, or else the text of a notice.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// All files of a policy, in name order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(Vec<SourceFile>);

impl Sources {
    /// Puts the files in order. Of two files with one name the first stays.
    pub fn new(mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|one, other| one.name.cmp(&other.name));
        files.dedup_by(|later, earlier| later.name == earlier.name);
        Self(files)
    }

    /// The files, in name order.
    pub fn files(&self) -> &[SourceFile] {
        &self.0
    }

    pub(crate) fn file(&self, file: u16) -> Option<&SourceFile> {
        self.0.get(usize::from(file))
    }

    /// Where a span begins and ends, for people and editors.
    pub(crate) fn place(&self, span: Span) -> Place {
        let Some(file) = self.file(span.file) else {
            return Place::default();
        };
        let (line, column) = position(&file.text, span.start as usize);
        let (end_line, end_column) = position(&file.text, span.end as usize);
        Place { file: file.name.clone(), line, column, end_line, end_column }
    }
}

/// A place in the files as editors count: lines and columns from 1, columns in characters, the end exclusive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line of its first character.
    pub line: u32,
    /// The column of its first character.
    pub column: u32,
    /// The line after its last character.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A range of bytes of one file, which is known by its place in name order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Span {
    pub(crate) file: u16,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(file: u16, range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: narrow(range.start), end: narrow(range.end.max(range.start)) }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn touches(self, other: Self) -> bool {
        self.file == other.file && self.start <= other.end && other.start <= self.end
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Line and column, from 1, of a byte.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    (count(line), count(column))
}
