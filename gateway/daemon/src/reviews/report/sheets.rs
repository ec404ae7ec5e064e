//! Sheets of paper as PDF, whose structure a screen reader can follow: the only file that names `pdf-writer`.
//!
//! Whatever is drawn belongs to an element (a heading, a cell of a table) or is an artifact, which nobody reads out. Points are
//! those of PDF: 72 to an inch, from the lower left corner.

use pdf_writer::{
    Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr,
    types::{StructRole, TableHeaderScope},
};

use super::letters;

/// A4, upright, in points.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;

const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const INFO: i32 = 3;
const ROOT: i32 = 4;
const REGULAR: i32 = 5;
const BOLD: i32 = 6;
/// The first number of what there are several of.
const FIRST: i32 = 7;
/// What each sheet needs: itself, what is drawn on it, and to which elements that belongs.
const OF_SHEET: i32 = 3;

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Bold,
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Document,
    Title,
    Section,
    Heading,
    Paragraph,
    Chart,
    Table,
    Row,
    ColumnHead,
    RowHead,
    Cell,
}

impl Role {
    fn kind(self) -> (StructRole, Name<'static>) {
        match self {
            Self::Document => (StructRole::Document, Name(b"Document")),
            Self::Title => (StructRole::H1, Name(b"H1")),
            Self::Section => (StructRole::Sect, Name(b"Sect")),
            Self::Heading => (StructRole::H2, Name(b"H2")),
            Self::Paragraph => (StructRole::P, Name(b"P")),
            Self::Chart => (StructRole::Figure, Name(b"Figure")),
            Self::Table => (StructRole::Table, Name(b"Table")),
            Self::Row => (StructRole::TR, Name(b"TR")),
            Self::ColumnHead | Self::RowHead => (StructRole::TH, Name(b"TH")),
            Self::Cell => (StructRole::TD, Name(b"TD")),
        }
    }

    fn scope(self) -> Option<TableHeaderScope> {
        match self {
            Self::ColumnHead => Some(TableHeaderScope::Column),
            Self::RowHead => Some(TableHeaderScope::Row),
            _ => None,
        }
    }
}

/// A part of the structure.
#[derive(Debug)]
struct Element {
    role: Role,
    parent: Option<usize>,
    children: Vec<Child>,
    /// In words, where it is drawn.
    alt: Option<String>,
    /// What it says, where the letters drawn are not all of it.
    actual: Option<String>,
}

#[derive(Debug)]
enum Child {
    Element(usize),
    /// The piece of this number on a sheet.
    Drawn {
        sheet: usize,
        piece: i32,
    },
}

/// One sheet, and the elements that its pieces belong to.
struct Sheet {
    content: Content,
    owners: Vec<usize>,
}

impl Sheet {
    fn blank() -> Self {
        Self { content: Content::new(), owners: Vec::new() }
    }
}

/// Sheets that are being written.
pub(super) struct Sheets {
    sheets: Vec<Sheet>,
    elements: Vec<Element>,
    /// The elements that are not at their end yet, the innermost last.
    open: Vec<usize>,
}

impl Sheets {
    /// One empty sheet.
    pub(super) fn new() -> Self {
        let mut sheets = Self { sheets: vec![Sheet::blank()], elements: Vec::new(), open: Vec::new() };
        sheets.begin(Role::Document);
        sheets
    }

    /// Goes on on another sheet.
    pub(super) fn turn(&mut self) {
        self.sheets.push(Sheet::blank());
    }

    /// Begins an element inside the one that is open.
    pub(super) fn begin(&mut self, role: Role) {
        let (place, parent) = (self.elements.len(), self.open.last().copied());
        self.elements.push(Element { role, parent, children: Vec::new(), alt: None, actual: None });
        parent.and_then(|parent| self.elements.get_mut(parent)).into_iter().for_each(|parent| {
            parent.children.push(Child::Element(place));
        });
        self.open.push(place);
    }

    /// Ends the element that is open.
    pub(super) fn end(&mut self) {
        self.open.pop();
    }

    /// Says what the element that is open shows, for whoever does not see it.
    pub(super) fn describe(&mut self, alt: &str) {
        if let Some(element) = self.open.last().and_then(|place| self.elements.get_mut(*place)) {
            element.alt = Some(alt.to_owned());
        }
    }

    /// An element that is a text, in lines of so much from baseline to baseline.
    pub(super) fn say(&mut self, role: Role, text: &Text<'_>) {
        self.begin(role);
        if let Some(element) =
            self.elements.last_mut().filter(|_| !text.lines.iter().all(|line| letters::has_all(line)))
        {
            element.actual = Some(text.lines.join(" "));
        }
        self.draw(|content| text.draw(content));
        self.end();
    }

    /// Draws something that belongs to the element that is open.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Content)) {
        let number = self.sheets.len() - 1;
        let (Some(place), Some(sheet)) = (self.open.last().copied(), self.sheets.last_mut()) else { return };
        let Some(element) = self.elements.get_mut(place) else { return };
        let piece = integer(sheet.owners.len());
        sheet.owners.push(place);
        element.children.push(Child::Drawn { sheet: number, piece });
        let (_, name) = element.role.kind();
        sheet.content.begin_marked_content_with_properties(name).properties().identify(piece);
        draw(&mut sheet.content);
        sheet.content.end_marked_content();
    }

    /// Draws something that nobody has to be told of.
    pub(super) fn decorate(&mut self, draw: impl FnOnce(&mut Content)) {
        if let Some(sheet) = self.sheets.last_mut() {
            decorate(&mut sheet.content, draw);
        }
    }

    /// The file. `foot` says what stands at the foot of a sheet, of its number and how many there are.
    pub(super) fn finish(mut self, title: &str, language: &str, foot: impl Fn(usize, usize) -> String) -> Vec<u8> {
        let count = self.sheets.len();
        for (number, sheet) in self.sheets.iter_mut().enumerate() {
            let line = foot(number + 1, count);
            let text = Text { lines: &[line], at: (WIDTH - MARGIN, MARGIN / 2.0), align: Align::Right, ..Text::SMALL };
            decorate(&mut sheet.content, |content| text.draw(content));
        }
        let mut pdf = Pdf::new();
        let mut catalog = pdf.catalog(Ref::new(CATALOG));
        catalog.pages(Ref::new(PAGES)).lang(TextStr(language));
        catalog.viewer_preferences().display_doc_title(true);
        catalog.mark_info().marked(true);
        catalog.pair(Name(b"StructTreeRoot"), Ref::new(ROOT));
        catalog.finish();
        pdf.document_info(Ref::new(INFO)).title(TextStr(title)).producer(TextStr("Deskgate"));
        for (id, name) in [(REGULAR, Name(b"Helvetica")), (BOLD, Name(b"Helvetica-Bold"))] {
            pdf.type1_font(Ref::new(id)).base_font(name).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.pages(Ref::new(PAGES)).kids((0..count).map(of_sheet)).count(integer(count));
        let elements = FIRST + OF_SHEET * integer(count);
        let element = |place: usize| Ref::new(elements + integer(place));
        self.write_root(&mut pdf, element);
        for (place, part) in self.elements.iter().enumerate() {
            write_element(&mut pdf, (element(place), part), element);
        }
        for (number, sheet) in self.sheets.into_iter().enumerate() {
            write_sheet(&mut pdf, (number, sheet), element);
        }
        pdf.finish()
    }

    /// The root of the structure, and to which elements the pieces of each sheet belong.
    fn write_root(&self, pdf: &mut Pdf, element: impl Fn(usize) -> Ref) {
        let mut root = pdf.indirect(Ref::new(ROOT)).dict();
        root.pair(Name(b"Type"), Name(b"StructTreeRoot"));
        root.pair(Name(b"K"), element(0));
        root.pair(Name(b"ParentTreeNextKey"), integer(self.sheets.len()));
        let mut tree = root.insert(Name(b"ParentTree")).dict();
        let mut numbers = tree.insert(Name(b"Nums")).array();
        for number in 0..self.sheets.len() {
            numbers.item(integer(number));
            numbers.item(Ref::new(of_sheet(number).get() + 2));
        }
    }
}

/// Around what is written.
pub(super) const MARGIN: f32 = 48.0;

/// Text at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) lines: &'t [String],
    /// The first baseline's beginning, end or middle, as `align` says.
    pub(super) at: (f32, f32),
    pub(super) face: Face,
    pub(super) size: f32,
    pub(super) align: Align,
}

/// Where a text lies of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
    Middle,
}

impl Text<'_> {
    pub(super) const SMALL: Self =
        Self { lines: &[], at: (MARGIN, 0.0), face: Face::Regular, size: 8.0, align: Align::Left };

    /// From baseline to baseline, at this size.
    pub(super) fn leading(size: f32) -> f32 {
        size * 1.35
    }

    pub(super) fn draw(&self, content: &mut Content) {
        let font = match self.face {
            Face::Regular => Name(b"R"),
            Face::Bold => Name(b"B"),
        };
        let (x, mut y) = self.at;
        for (place, line) in self.lines.iter().enumerate() {
            let left = match self.align {
                Align::Left => x,
                Align::Right => x - letters::width(line, self.size),
                Align::Middle => x - letters::width(line, self.size) / 2.0,
            };
            content.begin_text().set_font(font, self.size).next_line(left, y);
            let mut bytes = letters::bytes(line);
            if place + 1 < self.lines.len() {
                // Whoever reads it out goes on with the next line as with the next word.
                bytes.push(b' ');
            }
            content.show(Str(&bytes)).end_text();
            y -= Self::leading(self.size);
        }
    }
}

/// Fills a rectangle: its lower left corner, its width and height.
pub(super) fn fill(
    content: &mut Content,
    (left, bottom, width, height): (f32, f32, f32, f32),
    [red, green, blue]: [u8; 3],
) {
    let share = |part: u8| f32::from(part) / 255.0;
    content.save_state().set_fill_rgb(share(red), share(green), share(blue));
    content.rect(left, bottom, width, height).fill_nonzero().restore_state();
}

fn decorate(content: &mut Content, draw: impl FnOnce(&mut Content)) {
    content.begin_marked_content(Name(b"Artifact"));
    draw(content);
    content.end_marked_content();
}

fn of_sheet(number: usize) -> Ref {
    Ref::new(FIRST + OF_SHEET * integer(number))
}

fn integer(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn write_element(pdf: &mut Pdf, (id, part): (Ref, &Element), element: impl Fn(usize) -> Ref) {
    let mut written = pdf.struct_element(id);
    written.kind(part.role.kind().0).parent(part.parent.map_or(Ref::new(ROOT), &element));
    if let Some(alt) = &part.alt {
        written.alt(TextStr(alt));
    }
    if let Some(actual) = &part.actual {
        written.actual_text(TextStr(actual));
    }
    if let Some(scope) = part.role.scope() {
        written.attributes().push().table().scope(scope);
    }
    let mut children = written.children();
    for child in &part.children {
        match child {
            Child::Element(place) => {
                children.struct_element(element(*place));
            }
            Child::Drawn { sheet, piece } => {
                children.marked_content_ref().page(of_sheet(*sheet)).marked_content_id(*piece);
            }
        }
    }
}

fn write_sheet(pdf: &mut Pdf, (number, sheet): (usize, Sheet), element: impl Fn(usize) -> Ref) {
    let id = of_sheet(number);
    let (content, owners) = (Ref::new(id.get() + 1), Ref::new(id.get() + 2));
    let mut page = pdf.page(id);
    page.parent(Ref::new(PAGES)).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(content);
    page.struct_parents(integer(number));
    let mut resources = page.resources();
    resources.fonts().pair(Name(b"R"), Ref::new(REGULAR)).pair(Name(b"B"), Ref::new(BOLD));
    resources.finish();
    // The order in which a keyboard goes through it.
    page.pair(Name(b"Tabs"), Name(b"S"));
    page.finish();
    pdf.stream(content, &sheet.content.finish());
    pdf.indirect(owners).array().items(sheet.owners.into_iter().map(element));
}
