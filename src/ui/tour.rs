//! A tour of a minute: a card beside one control after another. It stops nobody: everything can be used meanwhile, and
//! a step that was tried out is ticked.

use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::request::WindowRequest;
use super::theme;
use super::widgets::{faint, primary_button};
use crate::image::WindowLevel;
use crate::structures::RoiId;
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command, PreferenceCommand, Shown, ToolKind, Workbench, Workspace};
use eframe::egui::{
    self, CornerRadius, Frame, Id, Key, Margin, Modifiers, Order, Pos2, Rect, RichText, Role, Stroke, Ui, WidgetInfo,
    vec2,
};

/// A control that the tour points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    OpenDemo,
    FileMenu,
    AxialView,
    Windows,
    Structures,
    Brush,
    Undo,
}

/// Tells the tour where a control stands in this frame.
pub fn mark(ui: &Ui, anchor: Anchor, rect: Rect) {
    let frame = ui.ctx().cumulative_pass_nr();
    ui.data_mut(|data| data.insert_temp(id(anchor), (rect, frame)));
}

fn id(anchor: Anchor) -> Id {
    Id::unique(("place for the tour", anchor))
}

/// Where a control stands, if it is on the screen.
fn place(context: &egui::Context, anchor: Anchor) -> Option<Rect> {
    let now = context.cumulative_pass_nr();
    let (rect, frame) = context.data(|data| data.get_temp::<(Rect, u64)>(id(anchor)))?;
    (frame + 1 >= now).then_some(rect)
}

/// What can be seen of what the user does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Traces {
    has_case: bool,
    slice: usize,
    window: WindowLevel,
    selected: Option<RoiId>,
    state: u64,
    undone: bool,
    exports: bool,
}

impl Traces {
    fn of(workbench: &Workbench) -> Self {
        let history = workbench.shown_case().map(|c| c.history());
        Self {
            has_case: workbench.shown_case().is_some(),
            slice: workbench.grid().map_or(0, |grid| workbench.view.axial_slice(&grid)),
            window: workbench.view.window,
            selected: workbench.view.selected,
            state: history.map_or(0, |h| h.state()),
            undone: history.is_some_and(|h| h.redo_label().is_some()),
            exports: workbench.last_export().is_some(),
        }
    }
}

/// The steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Open,
    Scroll,
    Window,
    Select,
    Brush,
    Undo,
    Export,
}

impl Stop {
    const ALL: [Self; 7] =
        [Self::Open, Self::Scroll, Self::Window, Self::Select, Self::Brush, Self::Undo, Self::Export];

    fn anchors(self) -> &'static [Anchor] {
        match self {
            Self::Open => &[Anchor::OpenDemo, Anchor::FileMenu],
            Self::Scroll => &[Anchor::AxialView],
            Self::Window => &[Anchor::Windows],
            Self::Select => &[Anchor::Structures],
            Self::Brush => &[Anchor::Brush],
            Self::Undo => &[Anchor::Undo],
            Self::Export => &[Anchor::FileMenu],
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Open => t("Open a case"),
            Self::Scroll => t("Go through the slices"),
            Self::Window => t("Choose a window"),
            Self::Select => t("Select a structure"),
            Self::Brush => t("Draw with the brush"),
            Self::Undo => t("Take it back"),
            Self::Export => t("Export"),
        }
    }

    fn words(self, workbench: &Workbench) -> String {
        let key = |action: Action| {
            workbench.keymap().key(action).map_or_else(|| action.label().to_owned(), |k| k.to_string())
        };
        match self {
            Self::Open => t("A folder with a CT and its structures is a case; drop one on the window, or take the synthetic demo case for this tour.").to_owned(),
            Self::Scroll => tf!(
                "Turn the wheel over a view, or press {up} and {down}. A right drag changes window and level, Ctrl and wheel zoom, a middle drag pans.",
                up = key(Action::SliceUp),
                down = key(Action::SliceDown),
            ),
            Self::Window => tf!(
                "Mediastinum, lung and bone lie here, and on the keys {mediastinum}, {lung} and {bone}.",
                mediastinum = key(Action::WindowMediastinum),
                lung = key(Action::WindowLung),
                bone = key(Action::WindowBone),
            ),
            Self::Select => t("Tools change the selected structure only. Click one in the list; its outline gets a dark edge.").to_owned(),
            Self::Brush => tf!(
                "Press {brush} and paint over an outline. {smaller} and {larger} change the radius, Alt erases.",
                brush = key(Action::ToolBrush),
                smaller = key(Action::BrushSmaller),
                larger = key(Action::BrushLarger),
            ),
            Self::Undo => tf!(
                "{undo} takes a step back, {redo} does it again: strokes, names, the network, everything.",
                undo = key(Action::Undo),
                redo = key(Action::Redo),
            ),
            Self::Export => tf!(
                "{export} writes a new structure set and proves that it reads back the same. No source is ever overwritten. {palette} finds every command, {keys} lists the keys.",
                export = key(Action::Export),
                palette = key(Action::Palette),
                keys = key(Action::Shortcuts),
            ),
        }
    }

    /// True once the user has done it, by what was there when the step began.
    fn is_done(self, before: &Traces, now: &Traces, workbench: &Workbench) -> bool {
        match self {
            Self::Open => now.has_case,
            Self::Scroll => now.slice != before.slice,
            Self::Window => now.window != before.window,
            Self::Select => now.selected.is_some() && now.selected != before.selected,
            Self::Brush => workbench.tool() == ToolKind::Brush && now.state != before.state,
            Self::Undo => now.undone && (now.state != before.state || !before.undone),
            Self::Export => now.exports,
        }
    }
}

/// The tour under way.
#[derive(Debug, Clone)]
pub struct Tour {
    stop: usize,
    before: Option<Traces>,
    /// What was shown when the step began; a case that comes later begins it anew.
    shown: Option<Shown>,
    /// The step was done once: it stays ticked.
    done: bool,
    /// Nobody asked for it: it came by itself at the first start.
    unasked: bool,
}

/// What the card asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Next,
    Back,
    End,
}

impl Tour {
    pub fn begin() -> Self {
        Self { stop: 0, before: None, shown: None, done: false, unasked: false }
    }

    /// At the first start, where nobody asked for it: it waits while work of an earlier run is offered, and where no
    /// case is looked at.
    pub fn begin_unasked() -> Self {
        Self { unasked: true, ..Self::begin() }
    }

    fn waits(&self, workbench: &Workbench) -> bool {
        let is_elsewhere = matches!(workbench.view.workspace, Workspace::Cohort | Workspace::Archive);
        let offers_work = workbench.shown().is_none() && workbench.unfinished_journals().next().is_some();
        self.unasked && (is_elsewhere || offers_work)
    }

    /// Shows the card; false once the tour is over.
    pub fn show(&mut self, context: &egui::Context, input: &PanelInput<'_>) -> bool {
        if self.waits(input.workbench) {
            return true;
        }
        let stop = Stop::ALL[self.stop.min(Stop::ALL.len() - 1)];
        let now = Traces::of(input.workbench);
        if self.shown != input.workbench.shown() {
            self.shown = input.workbench.shown();
            self.before = None;
        }
        let before = *self.before.get_or_insert(now);
        self.done |= stop.is_done(&before, &now, input.workbench);
        let done = self.done;
        let target = stop.anchors().iter().find_map(|a| place(context, *a));
        if let Some(rect) = target {
            let painter = context.layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("ring of the tour")));
            let stroke = Stroke::new(2.0, theme::ACCENT);
            painter.rect_stroke(rect.expand(3.0), f32::from(theme::CORNER), stroke, egui::StrokeKind::Outside);
        }
        let area = egui::Area::new(Id::unique("card of the tour")).order(Order::Foreground).constrain(true);
        let screen = context.content_rect();
        let shown = area.fixed_pos(beside(target, screen)).show(context, |ui| {
            Frame::new()
                .fill(theme::RAISED)
                .stroke(Stroke::new(1.0, theme::ACCENT))
                .corner_radius(CornerRadius::same(theme::CORNER_LARGE))
                .inner_margin(Margin::same(theme::SPACE_3 as i8))
                .show(ui, |ui| self.card_ui(ui, input, stop, done))
                .inner
        });
        let keys = if context.text_edit_focused() { None } else { pressed(context) };
        match shown.inner.or(keys) {
            Some(Wish::Next) if self.stop + 1 < Stop::ALL.len() => self.go(self.stop + 1),
            Some(Wish::Back) => self.go(self.stop.saturating_sub(1)),
            Some(Wish::Next | Wish::End) => {
                input.sender.send(Command::Preference(PreferenceCommand::SetTourSeen(true)));
                return false;
            }
            None => {}
        }
        true
    }

    fn go(&mut self, stop: usize) {
        *self = Self { stop, ..Self::begin() };
    }

    fn card_ui(&self, ui: &mut Ui, input: &PanelInput<'_>, stop: Stop, done: bool) -> Option<Wish> {
        ui.set_width(WIDTH);
        ui.horizontal(|ui| {
            let title = RichText::new(stop.title()).font(theme::strong(theme::SIZE_BODY + 1.0));
            ui.label(title);
            if done {
                let tick = icon_label(ui, Icon::Check, theme::OK);
                tick.widget_info(|| WidgetInfo::labeled(Role::Label, true, t("Done")));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                faint(ui, &tf!("{n} of {total}", n = self.stop + 1, total = Stop::ALL.len()));
            });
        });
        ui.add(egui::Label::new(RichText::new(stop.words(input.workbench)).color(theme::TEXT_SECONDARY)).wrap());
        if stop == Stop::Open && !done && ui.button(t("Start with the demo case")).clicked() {
            input.sender.send(WindowRequest::Open(super::request::Opening::Demo));
        }
        ui.add_space(theme::SPACE_1);
        let mut wish = None;
        ui.horizontal(|ui| {
            let last = self.stop + 1 == Stop::ALL.len();
            let next = primary_button(ui, if last { t("Finish tour") } else { t("Next step") });
            if next.on_hover_text(t("Alt and right arrow")).clicked() {
                wish = Some(Wish::Next);
            }
            let back = ui.add_enabled(self.stop > 0, egui::Button::new(t("Step back")));
            if back.on_hover_text(t("Alt and left arrow")).clicked() {
                wish = Some(Wish::Back);
            }
            if !last
                && ui.button(t("Skip the tour")).on_hover_text(t("Alt and End; the Help menu has it again")).clicked()
            {
                wish = Some(Wish::End);
            }
        });
        wish
    }
}

const WIDTH: f32 = 330.0;

fn pressed(context: &egui::Context) -> Option<Wish> {
    let taken = |key| context.input_mut(|i| i.consume_key(Modifiers::ALT, key));
    [(Key::ArrowRight, Wish::Next), (Key::ArrowLeft, Wish::Back), (Key::End, Wish::End)]
        .into_iter()
        .find_map(|(key, wish)| taken(key).then_some(wish))
}

/// Where the card stands: below, beside or above its control, else in its lower corner; in the middle without one.
fn beside(target: Option<Rect>, screen: Rect) -> Pos2 {
    const GAP: f32 = 12.0;
    /// Room for the longest text.
    const HEIGHT: f32 = 170.0;
    let Some(rect) = target else { return screen.center() - vec2(WIDTH / 2.0, HEIGHT / 2.0) };
    let room = WIDTH + 40.0;
    let x = rect.left().clamp(screen.left() + GAP, (screen.right() - room).max(screen.left() + GAP));
    let y = rect.top().clamp(screen.top() + GAP, (screen.bottom() - HEIGHT).max(screen.top() + GAP));
    if rect.bottom() + GAP + HEIGHT < screen.bottom() {
        Pos2::new(x, rect.bottom() + GAP)
    } else if rect.right() + GAP + room < screen.right() {
        Pos2::new(rect.right() + GAP, y)
    } else if rect.left() - GAP - room > screen.left() {
        Pos2::new(rect.left() - GAP - room, y)
    } else {
        Pos2::new(x + GAP, (rect.bottom() - HEIGHT - 40.0).max(screen.top() + GAP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_stays_on_the_screen_and_beside_a_small_control() {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(1000.0, 700.0));
        for rect in [
            Rect::from_min_size(Pos2::new(4.0, 4.0), vec2(50.0, 20.0)),
            Rect::from_min_size(Pos2::new(940.0, 660.0), vec2(50.0, 20.0)),
            Rect::from_min_size(Pos2::new(0.0, 60.0), vec2(230.0, 640.0)),
        ] {
            let card = Rect::from_min_size(beside(Some(rect), screen), vec2(WIDTH, 170.0));
            assert!(screen.contains_rect(card), "{card:?}");
            assert!(rect.width() > 300.0 || !card.intersects(rect), "{card:?} over {rect:?}");
        }
        assert!(screen.contains(beside(None, screen)));
        assert!(screen.contains(beside(Some(screen), screen)));
    }
}
