//! Draws egui's triangles in memory, as the window's own painter has a graphics card do it, and always alike: corners are rounded to 1/256 of a
//! pixel, as cards do, and what lies inside is settled in whole numbers.
//!
//! Colours are premultiplied and blended as they are stored, without a detour by linear light, as in egui's shaders. Not here: their dithering,
//! which hides steps in gradients, and there are none.

use std::ops::Range;

use egui::{
    Color32, ColorImage, Context, FullOutput, Pos2, Rect, TextureId,
    epaint::{ClippedPrimitive, Mesh, Primitive, Vertex},
    pos2,
};

/// Into so many parts a pixel is divided.
const PARTS: i64 = 256;

/// What is seen, in pixels of red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) pixels: Vec<[u8; 3]>,
}

impl Picture {
    pub(super) fn height(&self) -> usize {
        self.pixels.len() / self.width
    }
}

/// What is seen in a part of the screen, in points.
pub(super) fn draw(context: &Context, output: &FullOutput, seen: Rect) -> Picture {
    let scale = output.pixels_per_point;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone holds for one lifetime only")]
    let letters = context.fonts(|fonts| fonts.image());
    let (corner, size) = (seen.min.to_vec2(), (seen.size() * scale).round());
    let (width, height) = (size.x as usize, size.y as usize);
    let mut canvas = Canvas { width, height, pixels: vec![[0; 3]; width * height], scale, letters };
    for ClippedPrimitive { clip_rect, primitive } in context.tessellate(output.shapes.clone(), scale) {
        match primitive {
            Primitive::Mesh(mut mesh) => {
                mesh.translate(-corner);
                canvas.mesh(&mesh, clip_rect.translate(-corner));
            }
            Primitive::Callback(_) => panic!("nothing here draws by itself"),
        }
    }
    Picture { width, pixels: canvas.pixels }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
    /// Pixels to a point.
    scale: f32,
    /// The only texture: letters, and a white corner for everything else.
    letters: ColorImage,
}

/// A part of the canvas in whole pixels, the ends not included.
struct Part {
    left: i64,
    right: i64,
    top: i64,
    bottom: i64,
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, clip: Rect) {
        assert_eq!(mesh.texture_id, TextureId::default(), "there are no pictures but letters");
        let within = |at: f32, most: usize| ((at * self.scale).round() as i64).clamp(0, most as i64);
        let clip = Part {
            left: within(clip.left(), self.width),
            right: within(clip.right(), self.width),
            top: within(clip.top(), self.height),
            bottom: within(clip.bottom(), self.height),
        };
        for corners in mesh.indices.chunks_exact(3) {
            self.triangle([0, 1, 2].map(|at| mesh.vertices[corners[at] as usize]), &clip);
        }
    }

    fn triangle(&mut self, mut corners: [Vertex; 3], clip: &Part) {
        let scale = self.scale;
        let place = |corner: Vertex| [corner.pos.x, corner.pos.y].map(|at| (at * scale * PARTS as f32).round() as i64);
        let mut area = Edge::new(place(corners[0]), place(corners[1])).of(place(corners[2]));
        if area < 0 {
            corners.swap(1, 2);
            area = -area;
        }
        if area == 0 {
            return;
        }
        let [a, b, c] = corners.map(place);
        // Each is the edge across from the corner whose part in a pixel it tells.
        let edges = [Edge::new(b, c), Edge::new(c, a), Edge::new(a, b)];
        let top = a[1].min(b[1]).min(c[1]).div_euclid(PARTS).max(clip.top);
        let bottom = (a[1].max(b[1]).max(c[1]).div_euclid(PARTS) + 1).min(clip.bottom);
        let flat = self.flat(&corners);
        for row in top..bottom {
            let (mut left, mut right) = (clip.left, clip.right);
            for edge in &edges {
                edge.narrow(row, &mut left, &mut right);
            }
            if left >= right {
                continue;
            }
            let start = row as usize * self.width;
            let span = start + left as usize..start + right as usize;
            match flat {
                Some(colour) if colour[3] >= 255.0 => self.pixels[span].fill([0, 1, 2].map(|at| colour[at] as u8)),
                Some(colour) => self.pixels[span].iter_mut().for_each(|pixel| blend(pixel, colour)),
                None => self.mixed((left, row), span, &corners, &edges, area),
            }
        }
    }

    /// The one colour of a triangle that has one.
    fn flat(&self, corners: &[Vertex; 3]) -> Option<[f32; 4]> {
        let [a, b, c] = corners;
        let alike = |one: &Vertex, other: &Vertex| one.color == other.color && one.uv == other.uv;
        (alike(a, b) && alike(b, c)).then(|| tinted(parts(a.color), self.letter(a.uv)))
    }

    /// Draws a row of a triangle whose colour or texture changes.
    fn mixed(
        &mut self,
        (left, row): (i64, i64),
        span: Range<usize>,
        corners: &[Vertex; 3],
        edges: &[Edge; 3],
        area: i64,
    ) {
        let [one, two, three] = corners;
        let one_colour = one.color == two.color && two.color == three.color;
        let colours = [parts(one.color), parts(two.color), parts(three.color)];
        for (column, at) in (left..).zip(span) {
            let middle = [column * PARTS + PARTS / 2, row * PARTS + PARTS / 2];
            let a = edges[0].of(middle) as f32 / area as f32;
            let b = edges[1].of(middle) as f32 / area as f32;
            let c = 1.0 - a - b;
            let place =
                pos2(a * one.uv.x + b * two.uv.x + c * three.uv.x, a * one.uv.y + b * two.uv.y + c * three.uv.y);
            let letter = self.letter(place);
            if letter == [0.0; 4] {
                continue;
            }
            let colour = if one_colour {
                colours[0]
            } else {
                [0, 1, 2, 3].map(|part| a * colours[0][part] + b * colours[1][part] + c * colours[2][part])
            };
            blend(&mut self.pixels[at], tinted(colour, letter));
        }
    }

    /// What stands in the texture at a place from 0 to 1, mixed of the four pixels around it.
    fn letter(&self, place: Pos2) -> [f32; 4] {
        let [width, height] = self.letters.size;
        let (left, along) = whole_and_part(place.x, width);
        let (above, down) = whole_and_part(place.y, height);
        // Letters stand on whole pixels, nearly always.
        if along == 0.0 && down == 0.0 {
            return self.letter_pixel(left, above);
        }
        let mix = |one: [f32; 4], other: [f32; 4], part: f32| {
            [0, 1, 2, 3].map(|at| one[at] * (1.0 - part) + other[at] * part)
        };
        let row = |row| mix(self.letter_pixel(left, row), self.letter_pixel(left + 1, row), along);
        mix(row(above), row(above + 1), down)
    }

    /// Beyond the edge, the texture goes on as it ends.
    fn letter_pixel(&self, column: i64, row: i64) -> [f32; 4] {
        let [width, height] = self.letters.size;
        let (column, row) = (column.clamp(0, width as i64 - 1) as usize, row.clamp(0, height as i64 - 1) as usize);
        parts(self.letters.pixels[row * width + column])
    }
}

/// The pixel before a place from 0 to 1, counted by the pixels' middles, and how far it is to the next one.
fn whole_and_part(at: f32, pixels: usize) -> (i64, f32) {
    let at = ((at * pixels as f32 - 0.5) * PARTS as f32).round() as i64;
    (at.div_euclid(PARTS), at.rem_euclid(PARTS) as f32 / PARTS as f32)
}

/// An edge of a triangle, in parts of a pixel: how far a place is on its inner side.
struct Edge {
    from: [i64; 2],
    along: [i64; 2],
}

impl Edge {
    fn new(from: [i64; 2], to: [i64; 2]) -> Self {
        Self { from, along: [to[0] - from[0], to[1] - from[1]] }
    }

    fn of(&self, [x, y]: [i64; 2]) -> i64 {
        self.along[0] * (y - self.from[1]) - self.along[1] * (x - self.from[0])
    }

    /// Takes from a row what is not on the inner side. A pixel whose middle lies on the edge of two triangles belongs to the one that
    /// is right of it or below.
    fn narrow(&self, row: i64, left: &mut i64, right: &mut i64) {
        let [across, down] = self.along;
        let first = self.of([PARTS / 2, row * PARTS + PARTS / 2]);
        let is_ours = down < 0 || (down == 0 && across > 0);
        let least = if is_ours { 0 } else { 1 };
        // Inside is where `first + column * step >= least`.
        let step = -down * PARTS;
        match step {
            0 if first < least => *right = *left,
            0 => {}
            1.. => *left = (*left).max((least - first + step - 1).div_euclid(step)),
            ..0 => *right = (*right).min((first - least).div_euclid(-step) + 1),
        }
    }
}

fn parts(colour: Color32) -> [f32; 4] {
    let [red, green, blue, cover] = colour.to_array();
    [red.into(), green.into(), blue.into(), cover.into()]
}

fn tinted(colour: [f32; 4], letter: [f32; 4]) -> [f32; 4] {
    let at = |part: usize| colour[part] * letter[part] / 255.0;
    [at(0), at(1), at(2), at(3)]
}

fn blend(pixel: &mut [u8; 3], [red, green, blue, cover]: [f32; 4]) {
    let left = 1.0 - cover / 255.0;
    // Rounded, and never beyond 255: a cast ends there.
    let over = |under: u8, over: f32| (over + f32::from(under) * left + 0.5) as u8;
    *pixel = [over(pixel[0], red), over(pixel[1], green), over(pixel[2], blue)];
}

/// A rectangle of two triangles covers each pixel whose middle is in it, and covers none twice.
#[test]
fn triangles_that_share_an_edge_share_no_pixel_and_leave_none_out() {
    for by in 0..PARTS {
        let by = by as f32 / PARTS as f32;
        let letters = ColorImage::filled([1, 1], Color32::WHITE);
        let mut canvas = Canvas { width: 12, height: 8, pixels: vec![[0; 3]; 96], scale: 1.0, letters };
        let mut mesh = Mesh::default();
        let at = Rect::from_min_max(pos2(2.0 + by, 1.0 + by), pos2(9.0 + by, 6.0 + by));
        mesh.add_colored_rect(at, Color32::from_rgba_premultiplied(100, 0, 0, 128));
        canvas.mesh(&mesh, Rect::EVERYTHING);
        for (place, pixel) in canvas.pixels.iter().enumerate() {
            let middle = pos2((place % 12) as f32 + 0.5, (place / 12) as f32 + 0.5);
            let inside =
                middle.x >= at.left() && middle.x < at.right() && middle.y >= at.top() && middle.y < at.bottom();
            assert_eq!(*pixel, if inside { [100, 0, 0] } else { [0; 3] }, "{middle:?} in {at:?}");
        }
    }
}
