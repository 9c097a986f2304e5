//! A sheet of A4 to draw on. Places and sizes are whole tenths of a millimetre from the upper left corner, type sizes whole
//! tenths of a point; only this file and the typeface's know the fractions of points in which PDF counts.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use super::PaperFault;
use super::font::{Font, Weight};

/// Width and height of A4.
pub const WIDTH: i32 = 2100;
pub const HEIGHT: i32 = 2970;
/// Left and right margin.
pub const MARGIN: i32 = 180;
/// What is between the margins.
pub const TEXT_WIDTH: i32 = WIDTH - 2 * MARGIN;

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub weight: Weight,
    /// In tenths of a point.
    pub size: i32,
    /// 0 black to 100 white.
    pub gray: i32,
}

/// Ordinary text, its emphasis, and what only explains.
pub const BODY: Style = Style { weight: Weight::Regular, size: 95, gray: 0 };
pub const STRONG: Style = Style { weight: Weight::Bold, size: 95, gray: 0 };
pub const LABEL: Style = Style { weight: Weight::Regular, size: 80, gray: 35 };
pub const SMALL: Style = Style { weight: Weight::Regular, size: 72, gray: 25 };

impl Style {
    pub fn sized(self, size: i32) -> Self {
        Self { size, ..self }
    }

    /// From one line to the next.
    pub fn leading(self) -> i32 {
        // 1.3 times the size: a tenth of a point is 254/720 tenths of a millimetre.
        self.size * 254 * 13 / 7200
    }
}

/// A sheet being drawn.
pub struct Sheet {
    title: String,
    regular: Font,
    bold: Font,
    content: Content,
    /// Rows stand closer, so that what is long stays on one sheet.
    tight: bool,
    /// Every line of text in the order of drawing, for tests to read.
    #[cfg(test)]
    texts: Vec<String>,
}

fn points(tenths: i32) -> f32 {
    tenths as f32 * 72.0 / 254.0
}

/// Deflated as PDF keeps its streams.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail; if it did, an empty stream would be seen at once.
    if encoder.write_all(bytes).is_err() {
        return Vec::new();
    }
    encoder.finish().unwrap_or_default()
}

impl Sheet {
    pub fn new(title: &str) -> Result<Self, PaperFault> {
        let (regular, bold) = (Font::load(Weight::Regular)?, Font::load(Weight::Bold)?);
        Ok(Self {
            title: title.to_owned(),
            regular,
            bold,
            content: Content::new(),
            tight: false,
            #[cfg(test)]
            texts: Vec::new(),
        })
    }

    /// Every line of text that was drawn.
    #[cfg(test)]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    fn font(&self, weight: Weight) -> &Font {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// A sheet whose rows stand closer.
    pub fn tight(title: &str) -> Result<Self, PaperFault> {
        Ok(Self { tight: true, ..Self::new(title)? })
    }

    /// What can be spared of a distance.
    pub fn air(&self, loose: i32, tight: i32) -> i32 {
        if self.tight { tight } else { loose }
    }

    /// How wide a text is.
    pub fn width(&self, text: &str, style: Style) -> i32 {
        let font = self.font(style.weight);
        let units = i64::from(font.width(text)) * i64::from(style.size) * 254 / (i64::from(font.units()) * 720);
        i32::try_from(units).unwrap_or(i32::MAX)
    }

    /// The lines into which a text falls at a width; words that are too wide are broken.
    pub fn lines(&self, text: &str, style: Style, width: i32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let mut rest = word.to_owned();
            loop {
                let line = lines.last().cloned().unwrap_or_default();
                let tried = if line.is_empty() { rest.clone() } else { format!("{line} {rest}") };
                if self.width(&tried, style) <= width {
                    lines.pop();
                    lines.push(tried);
                    break;
                }
                if !line.is_empty() {
                    lines.push(String::new());
                    continue;
                }
                let fitting = rest.char_indices().skip(1).map(|(end, _)| end);
                let end = fitting.take_while(|end| rest.get(..*end).is_some_and(|start| self.width(start, style) <= width)).last();
                let end = end.or_else(|| rest.char_indices().nth(1).map(|(end, _)| end)).unwrap_or(rest.len());
                let tail = rest.split_off(end);
                lines.pop();
                lines.push(rest);
                if tail.is_empty() {
                    break;
                }
                lines.push(String::new());
                rest = tail;
            }
        }
        lines
    }

    /// Draws one line, its baseline at `y`.
    pub fn text(&mut self, x: i32, y: i32, text: &str, style: Style) {
        self.draw([1.0, 0.0, 0.0, 1.0, points(x), points(HEIGHT - y)], text, style);
    }

    fn draw(&mut self, matrix: [f32; 6], text: &str, style: Style) {
        #[cfg(test)]
        self.texts.push(text.to_owned());
        let font = match style.weight {
            Weight::Regular => &mut self.regular,
            Weight::Bold => &mut self.bold,
        };
        let units = font.units() as f32;
        let glyphs = font.glyphs(text);
        let size = style.size as f32 / 10.0;
        let name = if style.weight == Weight::Bold { Name(b"B") } else { Name(b"R") };
        self.content.set_fill_gray(style.gray as f32 / 100.0);
        self.content.begin_text().set_font(name, size).set_text_matrix(matrix);
        let mut rise = 0;
        let mut rest = glyphs.as_slice();
        // Glyphs of one height are shown together; marks above letters have a rise of their own.
        while let Some(first) = rest.first() {
            let together = rest.iter().take_while(|glyph| glyph.y == first.y).count();
            let (now, later) = rest.split_at(together);
            if first.y != rise {
                rise = first.y;
                self.content.set_rise(rise as f32 * size / units);
            }
            let mut shown = self.content.show_positioned();
            let mut items = shown.items();
            for glyph in now {
                let moved = |by: i32| -(by as f32) * 1000.0 / units;
                if glyph.x != 0 {
                    items.adjust(moved(glyph.x));
                }
                items.show(Str(&glyph.id.to_be_bytes()));
                let after = glyph.advance - glyph.natural - glyph.x;
                if after != 0 {
                    items.adjust(moved(after));
                }
            }
            items.finish();
            shown.finish();
            rest = later;
        }
        if rise != 0 {
            self.content.set_rise(0.0);
        }
        self.content.end_text();
    }

    /// Draws one line that ends at `x`.
    pub fn right(&mut self, x: i32, y: i32, text: &str, style: Style) {
        let width = self.width(text, style);
        self.text(x - width, y, text, style);
    }

    /// Draws lines centred on `x`, at most `width` wide; gives the baseline after the last.
    pub fn centred(&mut self, x: i32, y: i32, width: i32, text: &str, style: Style) -> i32 {
        let mut y = y;
        for line in self.lines(text, style, width) {
            let half = self.width(&line, style) / 2;
            self.text(x - half, y, &line, style);
            y += style.leading();
        }
        y
    }

    /// Draws a paragraph of at most `most` lines, the last of which ends with an ellipsis if there are more; gives the
    /// baseline after the last.
    pub fn paragraph(&mut self, x: i32, y: i32, width: i32, most: usize, text: &str, style: Style) -> i32 {
        let mut lines = self.lines(text, style, width);
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && self.width(&format!("{last} …"), style) > width {
                    last.pop();
                }
                last.push_str(" …");
            }
        }
        let mut y = y;
        for line in lines {
            self.text(x, y, &line, style);
            y += style.leading();
        }
        y
    }

    /// Draws a straight line, `weight` thick in hundredths of a millimetre.
    pub fn rule(&mut self, from: (i32, i32), to: (i32, i32), weight: i32) {
        self.content.set_stroke_gray(0.0).set_line_width(points(weight) / 10.0);
        self.content.move_to(points(from.0), points(HEIGHT - from.1)).line_to(points(to.0), points(HEIGHT - to.1)).stroke();
    }

    /// Draws a frame.
    pub fn frame(&mut self, x: i32, y: i32, width: i32, height: i32, weight: i32) {
        self.content.set_stroke_gray(0.0).set_line_width(points(weight) / 10.0);
        self.content.rect(points(x), points(HEIGHT - y - height), points(width), points(height)).stroke();
    }

    /// Fills an area with a light gray.
    pub fn shade(&mut self, x: i32, y: i32, width: i32, height: i32) {
        self.content.set_fill_gray(0.93);
        self.content.rect(points(x), points(HEIGHT - y - height), points(width), points(height)).fill_nonzero();
    }

    /// Writes a word across the sheet, light enough to read what is above it. Draw it first.
    pub fn watermark(&mut self, word: &str) {
        const LONGEST: i32 = 2150;
        let mut style = Style { weight: Weight::Bold, size: 1300, gray: 89 };
        let width = self.width(word, style);
        if width > LONGEST {
            style = style.sized(style.size * LONGEST / width);
        }
        let (sine, cosine) = (0.573_576_f32, 0.819_152_f32);
        let half = points(self.width(word, style)) / 2.0;
        let (x, y) = (points(WIDTH) / 2.0, points(HEIGHT) / 2.0 - 40.0);
        self.draw([cosine, sine, -sine, cosine, x - half * cosine, y - half * sine], word, style);
    }

    /// The document. The same drawing gives the same bytes: nothing tells of the time or the place of its making.
    pub fn finish(self) -> Result<Vec<u8>, PaperFault> {
        let (catalog, pages, page, content, info) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
        let (regular, bold) = (Ref::new(10), Ref::new(20));
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(pages).lang(TextStr("fr")).viewer_preferences().display_doc_title(true);
        pdf.pages(pages).kids([page]).count(1);
        let mut written = pdf.page(page);
        written.media_box(Rect::new(0.0, 0.0, points(WIDTH), points(HEIGHT))).parent(pages).contents(content);
        written.resources().fonts().pair(Name(b"R"), regular).pair(Name(b"B"), bold);
        written.finish();
        let stream = deflated(self.content.finish().as_slice());
        pdf.stream(content, &stream).filter(Filter::FlateDecode);
        pdf.document_info(info).title(TextStr(&self.title)).creator(TextStr("Sigida"));
        self.regular.embed(&mut pdf, regular)?;
        self.bold.embed(&mut pdf, bold)?;
        Ok(pdf.finish())
    }
}
