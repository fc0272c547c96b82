//! The fonts of the window: Inter for the interface, Droid Sans Fallback for Chinese and Japanese
//! names, Nanum for Korean ones. What none of them has comes from the system (eframe's `system_fonts`).

use super::theme;
use eframe::egui::{self, FontData, FontDefinitions, FontFamily, FontTweak};
use std::sync::Arc;

const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
const INTER_STRONG: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");
/// All CJK ideographs of Unicode's basic plane, and kana.
const DROID_FALLBACK: &[u8] = include_bytes!("../../assets/fonts/DroidSansFallbackFull.ttf");
/// All hangul syllables.
const NANUM: &[u8] = include_bytes!("../../assets/fonts/NanumSquareR.ttf");
/// Tried in this order after the fonts of the interface.
const FALLBACK: [&str; 2] = ["droid fallback", "nanum"];

/// Installs the bundled fonts, in front of egui's own.
pub fn install(context: &egui::Context) {
    context.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8], tweak: FontTweak| {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes).tweak(tweak)));
    };
    add("inter", INTER, FontTweak::default());
    add("inter strong", INTER_STRONG, FontTweak::default());
    add(FALLBACK[0], DROID_FALLBACK, FontTweak::default());
    add(FALLBACK[1], NANUM, FontTweak::default());
    let defaults = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let family = |first: &str| {
        let mut names = vec![first.to_owned()];
        names.extend(defaults.iter().cloned());
        names.extend(FALLBACK.map(str::to_owned));
        names
    };
    let (regular, strong) = (family("inter"), family("inter strong"));
    fonts.families.insert(FontFamily::Proportional, regular);
    fonts.families.insert(FontFamily::Name(theme::STRONG.into()), strong);
    fonts.families.entry(FontFamily::Monospace).or_default().extend(FALLBACK.map(str::to_owned));
    fonts
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui_kittest::Harness;

    /// The harness panics on a character that no font can draw.
    #[test]
    fn names_of_many_scripts_have_their_glyphs() {
        let names = "張偉 张伟 山田太郎 ヤマダ 김철수 Иванов Ωμέγα Łukasz Ångström Đỗ";
        let signs = "± × ÷ ² ³ µ ° · – — … ≥ ≤ ≠ ≈ κ α σ Δ Σ ∞ √ − ‰ → ←";
        let mut harness = Harness::builder()
            .with_context_setup(|context| {
                install(context);
                theme::apply(context);
            })
            .build_ui(|ui| {
                for text in [names, signs] {
                    ui.label(text);
                    ui.label(egui::RichText::new(text).font(theme::strong(theme::SIZE_TITLE)));
                    ui.label(egui::RichText::new(names).monospace());
                }
            });
        harness.run();
    }

    #[test]
    fn the_bundled_fonts_draw_all_of_gb_2312() {
        use dicom_encoding::text::{SpecificCharacterSet, TextCodec as _};
        let codec = SpecificCharacterSet::from_code("GB18030").expect("known");
        // The two levels of ideographs: rows 16 to 87, of which the last of the first level has 89 places.
        let bytes: Vec<u8> = (0xB0..=0xF7u8)
            .flat_map(|row| (0xA1..=if row == 0xD7 { 0xF9 } else { 0xFEu8 }).flat_map(move |cell| [row, cell]))
            .collect();
        let all = codec.decode(&bytes).expect("GB 2312 is a part of GB 18030");
        assert_eq!(all.chars().count(), 6763);
        let context = egui::Context::default();
        install(&context);
        let _output = context.run_ui(egui::RawInput::default(), |_| {});
        let missing: String = context.fonts_mut(|fonts| {
            all.chars().filter(|c| !fonts.has_glyph(&theme::regular(theme::SIZE_BODY), *c)).collect()
        });
        assert_eq!(missing, "");
    }

    #[test]
    #[should_panic(expected = "glyph")]
    fn a_character_without_glyph_would_be_noticed() {
        let mut harness = Harness::builder().with_context_setup(install).build_ui(|ui| drop(ui.label("\u{13000}")));
        harness.run();
    }
}
