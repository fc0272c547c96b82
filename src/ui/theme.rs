//! Every design token: colours, type sizes, spacing, corners. Nothing else in the window names a colour.
//!
//! A dark theme for reading CT: neutral greys without a cast beside the image, one restrained accent,
//! status colours that differ in lightness as well as hue (after Okabe and Ito) and always come with a shape.

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Theme, Vec2, Visuals, style,
};

const fn grey(l: u8) -> Color32 {
    Color32::from_rgb(l, l, l)
}

// -- surfaces, from the image outward ---------------------------------------------------------
/// Outside the scan, in the views.
pub const IMAGE: Color32 = grey(0);
/// Between panels, behind everything.
pub const BASE: Color32 = Color32::from_rgb(14, 14, 15);
pub const PANEL: Color32 = Color32::from_rgb(23, 23, 25);
/// Cards, menus, dialogs.
pub const RAISED: Color32 = Color32::from_rgb(31, 31, 34);
/// Text fields, wells.
pub const SUNKEN: Color32 = Color32::from_rgb(17, 17, 19);
pub const CONTROL: Color32 = Color32::from_rgb(40, 40, 44);
pub const CONTROL_HOVER: Color32 = Color32::from_rgb(52, 52, 57);
pub const CONTROL_ACTIVE: Color32 = Color32::from_rgb(63, 63, 69);
/// Hairlines between things of the same surface.
pub const LINE: Color32 = Color32::from_rgb(41, 41, 45);
/// Edges of controls, dialogs, the active view.
pub const LINE_STRONG: Color32 = Color32::from_rgb(74, 74, 81);

// -- text, at least 4.5:1 on PANEL and RAISED --------------------------------------------------
pub const TEXT: Color32 = Color32::from_rgb(230, 230, 233);
pub const TEXT_SECONDARY: Color32 = Color32::from_rgb(176, 177, 183);
pub const TEXT_FAINT: Color32 = Color32::from_rgb(141, 143, 150);
/// Disabled controls; not for anything that has to be read.
pub const TEXT_DISABLED: Color32 = Color32::from_rgb(93, 94, 100);

// -- the accent: selection, focus, the active tool ---------------------------------------------
pub const ACCENT: Color32 = Color32::from_rgb(122, 162, 232);
/// Behind selected rows and pressed tools.
pub const ACCENT_FILL: Color32 = Color32::from_rgb(38, 50, 74);
/// The one filled button of a dialog, with [`TEXT`] on it.
pub const ACCENT_SOLID: Color32 = Color32::from_rgb(55, 92, 165);
pub const ACCENT_SOLID_HOVER: Color32 = Color32::from_rgb(61, 99, 173);

// -- status, each with its shape (`icons::Icon::{Check, Info, Warning, Error}`) ------------------
pub const OK: Color32 = Color32::from_rgb(64, 188, 143);
pub const INFO: Color32 = Color32::from_rgb(104, 184, 236);
pub const WARNING: Color32 = Color32::from_rgb(232, 170, 66);
pub const ERROR: Color32 = Color32::from_rgb(242, 122, 96);
/// Shown from an older revision than the case has.
pub const STALE: Color32 = TEXT_FAINT;

// -- lines and groups of figures, told apart by colour-blind readers too (after Okabe and Ito), and by their dashes --
pub const SERIES: [Color32; 7] = [
    Color32::from_rgb(86, 180, 233),
    Color32::from_rgb(230, 159, 0),
    Color32::from_rgb(64, 188, 143),
    Color32::from_rgb(214, 138, 184),
    Color32::from_rgb(240, 228, 66),
    Color32::from_rgb(226, 106, 44),
    Color32::from_rgb(200, 202, 208),
];

// -- on the image ------------------------------------------------------------------------------
pub const OVERLAY_TEXT: Color32 = Color32::from_rgb(232, 234, 238);
pub const OVERLAY_TEXT_DIM: Color32 = Color32::from_rgb(188, 191, 198);
/// Behind text and lines on the image, so that they stand on bright bone as on black air.
pub const OVERLAY_SHADOW: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 200);
pub const CROSSHAIR: Color32 = Color32::from_rgba_premultiplied(101, 134, 191, 210);
/// Landmarks and what hangs on them.
pub const LANDMARK: Color32 = Color32::from_rgb(214, 178, 255);
pub const BRUSH_ADD: Color32 = Color32::from_rgb(236, 238, 242);
pub const BRUSH_ERASE: Color32 = ERROR;
/// Black and white of a follow-up CT over the planning CT, sRGB.
pub const FOLLOW_UP_DARK: [u8; 3] = [8, 16, 34];
pub const FOLLOW_UP_BRIGHT: [u8; 3] = [190, 218, 255];
/// Inside the reference of a difference or missed by an attempt, and outside of it or too much.
pub const INSIDE: Color32 = INFO;
pub const OUTSIDE: Color32 = WARNING;
/// Missing slices in the sagittal and coronal views.
pub const GAP: Color32 = Color32::from_rgba_premultiplied(43, 20, 15, 50);
pub const GAP_LINE: Color32 = ERROR;

// -- spacing, points (a grid of four) ------------------------------------------------------------
pub const SPACE_1: f32 = 4.0;
pub const SPACE_2: f32 = 8.0;
pub const SPACE_3: f32 = 12.0;
pub const SPACE_4: f32 = 16.0;
pub const SPACE_6: f32 = 24.0;
/// Height of rows and controls.
pub const ROW: f32 = 26.0;
pub const CORNER: u8 = 5;
pub const CORNER_LARGE: u8 = 8;

// -- type sizes, points ---------------------------------------------------------------------------
pub const SIZE_SMALL: f32 = 11.0;
pub const SIZE_BODY: f32 = 13.0;
pub const SIZE_HEADING: f32 = 15.0;
pub const SIZE_TITLE: f32 = 20.0;

/// Name of the family of semibold text.
pub const STRONG: &str = "strong";

/// Semibold text of a size, for headings and values.
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(STRONG.into()))
}

/// Body text of a size.
pub fn regular(size: f32) -> FontId {
    FontId::proportional(size)
}

/// A colour that comes from data (a structure, a station).
pub fn from_srgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// A colour made translucent, 0 to 1.
pub fn faded(color: Color32, opacity: f32) -> Color32 {
    color.gamma_multiply(opacity)
}

/// Relative luminance of an opaque colour (WCAG 2.2).
pub fn luminance(color: Color32) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

/// Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2).
pub fn contrast(a: Color32, b: Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// A structure colour lightened until it can be read as text on a panel (3:1, large text and graphics).
pub fn legible(rgb: [u8; 3]) -> Color32 {
    let mut color = from_srgb(rgb);
    while contrast(color, PANEL) < 3.0 {
        color = color.lerp_to_gamma(TEXT, 0.1);
    }
    color
}

/// Sets fonts aside, everything about how the window looks.
pub fn apply(context: &egui::Context) {
    context.set_theme(Theme::Dark);
    context.all_styles_mut(style_tokens);
}

fn style_tokens(style: &mut egui::Style) {
    style.text_styles = [
        (TextStyle::Small, regular(SIZE_SMALL)),
        (TextStyle::Body, regular(SIZE_BODY)),
        (TextStyle::Button, regular(SIZE_BODY)),
        (TextStyle::Heading, strong(SIZE_HEADING)),
        (TextStyle::Monospace, FontId::monospace(SIZE_BODY - 1.0)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(SPACE_2, 6.0);
    spacing.button_padding = Vec2::new(10.0, 4.0);
    spacing.interact_size = Vec2::new(ROW, ROW);
    spacing.window_margin = Margin::same(SPACE_4 as i8);
    spacing.menu_margin = Margin::same(6);
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 9.0;
    spacing.icon_spacing = 6.0;
    spacing.indent = SPACE_4;
    spacing.slider_rail_height = 4.0;
    spacing.slider_width = 120.0;
    spacing.tooltip_width = 360.0;
    spacing.scroll = style::ScrollStyle { bar_width: 8.0, floating: true, ..style::ScrollStyle::thin() };
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.animation_time = 0.1;
    style.visuals = visuals();
}

fn visuals() -> Visuals {
    let corner = CornerRadius::same(CORNER);
    let widget = |fill: Color32, edge: Color32, text: Color32| style::WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: corner,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let shadow = |blur: u8, y: i8| Shadow { offset: [0, y], blur, spread: 0, color: Color32::from_black_alpha(140) };
    Visuals {
        dark_mode: true,
        override_text_color: None,
        weak_text_color: Some(TEXT_FAINT),
        widgets: style::Widgets {
            noninteractive: widget(PANEL, LINE, TEXT),
            inactive: widget(CONTROL, Color32::TRANSPARENT, TEXT),
            hovered: widget(CONTROL_HOVER, Color32::TRANSPARENT, TEXT),
            active: widget(CONTROL_ACTIVE, ACCENT, TEXT),
            open: widget(CONTROL_HOVER, Color32::TRANSPARENT, TEXT),
        },
        selection: style::Selection { bg_fill: ACCENT_FILL, stroke: Stroke::new(1.0, TEXT) },
        hyperlink_color: ACCENT,
        faint_bg_color: Color32::from_rgb(27, 27, 30),
        extreme_bg_color: SUNKEN,
        text_edit_bg_color: Some(SUNKEN),
        code_bg_color: SUNKEN,
        warn_fg_color: WARNING,
        error_fg_color: ERROR,
        window_corner_radius: CornerRadius::same(CORNER_LARGE),
        window_shadow: shadow(32, 12),
        window_fill: RAISED,
        window_stroke: Stroke::new(1.0, LINE_STRONG),
        menu_corner_radius: CornerRadius::same(CORNER_LARGE),
        panel_fill: PANEL,
        popup_shadow: shadow(16, 6),
        indent_has_left_vline: false,
        striped: false,
        slider_trailing_fill: true,
        handle_shape: style::HandleShape::Circle,
        ..Visuals::dark()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_be_read_on_every_surface() {
        for (name, text) in [("text", TEXT), ("secondary", TEXT_SECONDARY), ("faint", TEXT_FAINT), ("accent", ACCENT)] {
            for surface in [IMAGE, BASE, PANEL, RAISED, SUNKEN] {
                assert!(contrast(text, surface) >= 4.5, "{name} on {surface:?}: {:.2}", contrast(text, surface));
            }
        }
        for surface in [CONTROL, CONTROL_HOVER, CONTROL_ACTIVE, ACCENT_FILL, ACCENT_SOLID, ACCENT_SOLID_HOVER] {
            assert!(contrast(TEXT, surface) >= 4.5, "text on {surface:?}: {:.2}", contrast(TEXT, surface));
        }
        for status in [OK, INFO, WARNING, ERROR] {
            for surface in [PANEL, RAISED] {
                assert!(contrast(status, surface) >= 4.5, "{status:?} on {surface:?}");
            }
        }
    }

    #[test]
    fn status_colors_differ_for_the_color_blind() {
        // Simulation matrices for full protanopia and deuteranopia (Machado, Oliveira and Fernandes 2009), on linear RGB.
        let protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]];
        let deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]];
        let linear = |c: Color32| [c.r(), c.g(), c.b()].map(|v| (f64::from(v) / 255.0).powf(2.2));
        let seen = |m: [[f64; 3]; 3], c: Color32| {
            let l = linear(c);
            m.map(|row| (0..3).map(|k| row[k] * l[k]).sum::<f64>().clamp(0.0, 1.0).powf(1.0 / 2.2))
        };
        let all = [OK, INFO, WARNING, ERROR];
        for matrix in [protan, deutan] {
            for (n, a) in all.iter().enumerate() {
                for b in &all[n + 1..] {
                    let (a, b) = (seen(matrix, *a), seen(matrix, *b));
                    let distance: f64 = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
                    assert!(distance > 0.1, "{a:?} {b:?} {distance:.3}");
                }
            }
        }
    }

    #[test]
    fn lines_of_figures_can_be_told_from_the_card_they_are_on() {
        for color in SERIES {
            assert!(contrast(color, RAISED) >= 3.0, "{color:?}");
        }
    }

    #[test]
    fn dark_structure_colors_become_legible() {
        assert!(contrast(legible([0, 0, 90]), PANEL) >= 3.0);
        assert_eq!(legible([255, 200, 0]), from_srgb([255, 200, 0]));
    }
}
