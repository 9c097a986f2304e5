//! The typeface of papers: measured and shaped here, cut down to the letters used, and embedded.
//!
//! DejaVu Sans Condensed has the letters of French and of the languages of Mali in Latin script, and N'Ko, Tifinagh and
//! Arabic too.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use rustybuzz::{BufferClusterLevel, Face, UnicodeBuffer};
use subsetter::GlyphRemapper;

use super::PaperFault;

const REGULAR: &[u8] = include_bytes!("../../../data/font/DejaVuSansCondensed.ttf");
const BOLD: &[u8] = include_bytes!("../../../data/font/DejaVuSansCondensed-Bold.ttf");

const IDENTITY: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The two weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Regular,
    Bold,
}

/// A glyph of a line, in units of the font.
#[derive(Clone, Debug)]
pub struct Glyph {
    /// In the part of the font that is embedded.
    pub id: u16,
    /// How far the font itself moves on.
    pub natural: i32,
    /// How far this glyph moves on, and where it is put.
    pub advance: i32,
    pub x: i32,
    pub y: i32,
}

/// A weight of the typeface, and what was used of it.
pub struct Font {
    weight: Weight,
    data: &'static [u8],
    face: Face<'static>,
    remapper: GlyphRemapper,
    /// The embedded glyphs: width, and the text that they stand for.
    used: BTreeMap<u16, (i32, String)>,
}

impl Font {
    pub fn load(weight: Weight) -> Result<Self, PaperFault> {
        let data = if weight == Weight::Bold { BOLD } else { REGULAR };
        let face = Face::from_slice(data, 0).ok_or(PaperFault("the typeface cannot be read"))?;
        Ok(Self { weight, data, face, remapper: GlyphRemapper::new(), used: BTreeMap::new() })
    }

    pub fn units(&self) -> i32 {
        self.face.units_per_em()
    }

    fn shaped(&self, text: &str) -> rustybuzz::GlyphBuffer {
        let mut buffer = UnicodeBuffer::new();
        // Each mark stands for itself, so that whoever copies a name out of the paper gets the tones of N'Ko too.
        buffer.set_cluster_level(BufferClusterLevel::Characters);
        buffer.push_str(text);
        buffer.guess_segment_properties();
        rustybuzz::shape(&self.face, &[], buffer)
    }

    /// How wide a text is, in units of the font.
    pub fn width(&self, text: &str) -> i32 {
        self.shaped(text).glyph_positions().iter().map(|position| position.x_advance).sum()
    }

    /// The glyphs of a text, which will be embedded.
    pub fn glyphs(&mut self, text: &str) -> Vec<Glyph> {
        let shaped = self.shaped(text);
        let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        starts.sort_unstable();
        let mut glyphs = Vec::with_capacity(shaped.len());
        let mut told = None;
        for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
            let (old, start) = (u16::try_from(info.glyph_id).unwrap_or(0), info.cluster as usize);
            let end = starts.iter().copied().find(|next| *next > start).unwrap_or(text.len());
            // The first glyph of a cluster stands for its whole text, the others for nothing.
            let cluster = if told == Some(start) { "" } else { text.get(start..end).unwrap_or("") };
            told = Some(start);
            let natural = self.face.glyph_hor_advance(rustybuzz::ttf_parser::GlyphId(old)).map_or(0, i32::from);
            let id = self.remapper.remap(old);
            self.used.entry(id).or_insert_with(|| (natural, cluster.to_owned()));
            glyphs.push(Glyph { id, natural, advance: position.x_advance, x: position.x_offset, y: position.y_offset });
        }
        glyphs
    }

    fn name(&self) -> &'static [u8] {
        match self.weight {
            Weight::Regular => b"SIGIDA+DejaVuSansCondensed",
            Weight::Bold => b"SIGIDB+DejaVuSansCondensed-Bold",
        }
    }

    /// Writes the font with the glyphs used, as five objects from `first` on.
    pub fn embed(&self, pdf: &mut Pdf, first: Ref) -> Result<(), PaperFault> {
        let part = subsetter::subset(self.data, 0, &self.remapper).map_err(|_| PaperFault("the typeface cannot be cut down"))?;
        let at = |offset: i32| Ref::new(first.get() + offset);
        let (cid, descriptor, cmap, file) = (at(1), at(2), at(3), at(4));
        let name = Name(self.name());
        let scale = |units: i32| units as f32 * 1000.0 / self.units() as f32;
        pdf.type0_font(first).base_font(name).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(cmap);
        let mut written = pdf.cid_font(cid);
        written.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
        written.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = written.widths();
        for (id, (width, _)) in &self.used {
            widths.same(*id, *id, scale(*width));
        }
        widths.finish();
        written.finish();
        let bounds = self.face.global_bounding_box();
        let bounds = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|side| scale(i32::from(side)));
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(bounds[0], bounds[1], bounds[2], bounds[3]))
            .italic_angle(0.0)
            .ascent(scale(i32::from(self.face.ascender())))
            .descent(scale(i32::from(self.face.descender())))
            .cap_height(scale(i32::from(self.face.capital_height().unwrap_or_default())))
            .stem_v(if self.weight == Weight::Bold { 140.0 } else { 80.0 })
            .font_file2(file);
        let mut map = UnicodeCmap::new(Name(b"Sigida"), IDENTITY);
        for (id, (_, text)) in self.used.iter().filter(|(_, (_, text))| !text.is_empty()) {
            map.pair_with_multiple(*id, text.chars());
        }
        let map = super::sheet::deflated(&map.finish());
        pdf.cmap(cmap, &map).filter(Filter::FlateDecode);
        let length = i32::try_from(part.len()).map_err(|_| PaperFault("the typeface is too large"))?;
        let part = super::sheet::deflated(&part);
        pdf.stream(file, &part).filter(Filter::FlateDecode).pair(Name(b"Length1"), length);
        Ok(())
    }
}
