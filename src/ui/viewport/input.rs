//! What the pointer does in a view, in patient mm.
//!
//! Every pointer move of a frame becomes an event of its own, so a fast stroke keeps its shape, and a
//! press is told at once, not after egui's drag threshold.

use super::touch::Touches;
use super::transform::{Camera, ViewTransform};
use crate::geometry::PatientPoint;
use crate::image::WindowLevel;
use eframe::egui::{self, Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Response, Vec2};

/// What happened in a view, for the tool or the workbench.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewEvent {
    /// The primary button went down.
    Press {
        at: PatientPoint,
        modifiers: Modifiers,
    },
    /// The pointer moved with the primary button down; it may have left the view.
    Drag {
        at: PatientPoint,
        modifiers: Modifiers,
    },
    /// The primary button went up.
    Release {
        at: PatientPoint,
        modifiers: Modifiers,
    },
    /// The press was the first of two fingers: nothing of it stays.
    Cancel,
    DoubleClick {
        at: PatientPoint,
    },
    /// A drag with the secondary button: the window to show.
    Window(WindowLevel),
    /// The same with Alt: for this view alone.
    OwnWindow(WindowLevel),
    /// Slices to go along the normal of the view's plane.
    Scroll(i32),
    /// Slice position chosen in the scrubber: a point with the wanted distance along the normal.
    GoTo(PatientPoint),
    /// Steps by which the brush should grow.
    BrushSize(i32),
}

/// What a pressed button is doing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Gesture {
    #[default]
    None,
    Tool,
    Pan {
        button: PointerButton,
        last: Pos2,
    },
    Window {
        from: Pos2,
        start: WindowLevel,
        /// For this view alone.
        alone: bool,
        /// Moved further than a click may.
        drags: bool,
    },
    /// Two fingers pan and zoom.
    Fingers,
}

/// Input state of a view between frames.
#[derive(Debug, Clone, Default)]
pub(super) struct InputState {
    gesture: Gesture,
    /// Parts of a wheel step not yet told, in steps.
    wheel: f32,
    touches: Touches,
    clicks: DoubleClicks,
}

/// Tells double clicks. Where two clicks follow one elsewhere at once, egui takes them for the end of three.
#[derive(Debug, Clone, Default)]
pub struct DoubleClicks {
    /// The last click was the second of two.
    has_doubled: bool,
}

impl DoubleClicks {
    /// True if the click of this frame is the second of two.
    pub fn follow(&mut self, response: &Response) -> bool {
        let is_double = response.double_clicked() || (response.triple_clicked() && !self.has_doubled);
        if response.clicked() {
            self.has_doubled = is_double;
        }
        is_double
    }
}

impl InputState {
    /// Movement of a trackpad that counts as one slice, points.
    const POINTS_PER_STEP: f32 = 40.0;
    /// Change of the window by a drag over this many points: the present width.
    const WINDOW_POINTS: f64 = 250.0;
    /// A click of the secondary button may move so far, points: it opens a menu.
    const CLICK_POINTS: f32 = 4.0;

    pub fn is_panning(&self) -> bool {
        matches!(self.gesture, Gesture::Pan { .. } | Gesture::Fingers)
    }

    /// True while a button that went down in this view is down.
    pub fn is_busy(&self) -> bool {
        self.gesture != Gesture::None
    }

    /// Reads the frame's events; pans and zooms the camera, tells the rest.
    pub fn read(
        &mut self,
        response: &Response,
        view: &ViewTransform,
        camera: &mut Camera,
        window: WindowLevel,
    ) -> Vec<ViewEvent> {
        // A click beside an open menu closes it and does nothing else.
        let over = response.contains_pointer() && !egui::Popup::is_any_open(&response.ctx);
        if !over && !self.is_busy() {
            self.wheel = 0.0;
            // A finger is told as a touch first; the pointer that it becomes may follow a frame later.
            response.ctx.input(|i| i.events.iter().for_each(|e| self.touches.note(e, false)));
            return Vec::new();
        }
        if let Some(told) = self.fingers(response, view, camera) {
            return told;
        }
        let (events, space, any_down, focused) =
            response.ctx.input(|i| (i.events.clone(), i.key_down(Key::Space), i.pointer.any_down(), i.focused));
        let space = space && !response.ctx.egui_wants_keyboard_input();
        let mut told = Vec::new();
        let mut view = *view;
        for event in &events {
            self.touches.note(event, self.is_busy());
            if self.touches.is_foreign(event, self.is_busy()) {
                continue;
            }
            match event {
                Event::PointerButton { pos, button, pressed: true, modifiers }
                    if over && view.rect.contains(*pos) && self.gesture == Gesture::None =>
                {
                    self.press(*pos, *button, *modifiers, space, window, &view, &mut told);
                }
                Event::PointerMoved(pos) => {
                    let modifiers = response.ctx.input(|i| i.modifiers);
                    self.moved(*pos, modifiers, &mut view, camera, &mut told);
                }
                Event::PointerButton { pos, button, pressed: false, modifiers } => {
                    self.release(*pos, *button, *modifiers, &view, &mut told);
                }
                Event::MouseWheel { unit, delta, modifiers, .. } if over => {
                    self.wheel(*unit, *delta, *modifiers, &mut view, camera, response, &mut told);
                }
                Event::Zoom(factor) if over => {
                    if let Some(at) = response.ctx.pointer_latest_pos() {
                        zoom(&mut view, camera, f64::from(*factor), at);
                    }
                }
                _ => {}
            }
        }
        // A release that never arrived (the window lost the focus): the stroke ends where it was last seen.
        let lost = if self.touches.is_disturbed() { !focused } else { !any_down };
        if self.is_busy() && lost {
            if self.gesture == Gesture::Tool {
                let at = self.touches.last();
                told.push(ViewEvent::Release { at: view.patient_from_screen(at), modifiers: Modifiers::NONE });
            }
            self.gesture = Gesture::None;
        }
        if self.clicks.follow(response)
            && let Some(at) = response.interact_pointer_pos()
        {
            told.push(ViewEvent::DoubleClick { at: view.patient_from_screen(at) });
        }
        told
    }

    /// Two fingers that came down together pan and zoom, until the last one is lifted. `None` where there are none.
    fn fingers(&mut self, response: &Response, view: &ViewTransform, camera: &mut Camera) -> Option<Vec<ViewEvent>> {
        let (fingers, touched) = response.ctx.input(|i| (i.multi_touch(), i.any_touches()));
        let goes_on = self.gesture == Gesture::Fingers;
        if goes_on && !touched {
            self.gesture = Gesture::None;
            return Some(Vec::new());
        }
        let Some(fingers) = fingers else { return goes_on.then(Vec::new) };
        let mut told = Vec::new();
        if !goes_on {
            match self.gesture {
                Gesture::None if view.rect.contains(fingers.center_pos) => {}
                Gesture::Tool if self.touches.is_fresh() => told.push(ViewEvent::Cancel),
                _ => return None,
            }
            self.gesture = Gesture::Fingers;
        }
        let mut view = *view;
        camera.pan(&view, fingers.translation_delta);
        follow(&mut view, camera);
        zoom(&mut view, camera, f64::from(fingers.zoom_delta), fingers.center_pos);
        Some(told)
    }

    fn press(
        &mut self,
        at: Pos2,
        button: PointerButton,
        modifiers: Modifiers,
        space: bool,
        window: WindowLevel,
        view: &ViewTransform,
        told: &mut Vec<ViewEvent>,
    ) {
        self.touches.begin(at);
        self.gesture = match button {
            PointerButton::Middle => Gesture::Pan { button, last: at },
            PointerButton::Primary if space => Gesture::Pan { button, last: at },
            PointerButton::Primary => {
                told.push(ViewEvent::Press { at: view.patient_from_screen(at), modifiers });
                Gesture::Tool
            }
            PointerButton::Secondary => Gesture::Window { from: at, start: window, alone: modifiers.alt, drags: false },
            PointerButton::Extra1 | PointerButton::Extra2 => Gesture::None,
        };
    }

    fn moved(
        &mut self,
        at: Pos2,
        modifiers: Modifiers,
        view: &mut ViewTransform,
        camera: &mut Camera,
        told: &mut Vec<ViewEvent>,
    ) {
        self.touches.moved(at);
        match &mut self.gesture {
            Gesture::None | Gesture::Fingers => {}
            Gesture::Tool => told.push(ViewEvent::Drag { at: view.patient_from_screen(at), modifiers }),
            Gesture::Pan { last, .. } => {
                camera.pan(view, at - *last);
                follow(view, camera);
                *last = at;
            }
            Gesture::Window { from, start, alone, drags } => {
                // Right widens, down brightens: the level falls as the pointer does, as radiology workstations have it.
                let by = at - *from;
                *drags |= by.length() > Self::CLICK_POINTS;
                if !*drags {
                    return;
                }
                let scale = start.width_hu.max(50.0) / Self::WINDOW_POINTS;
                let window = WindowLevel {
                    width_hu: (start.width_hu + f64::from(by.x) * scale).clamp(1.0, 8000.0).round(),
                    center_hu: (start.center_hu - f64::from(by.y) * scale).clamp(-2000.0, 6000.0).round(),
                };
                told.push(if *alone { ViewEvent::OwnWindow(window) } else { ViewEvent::Window(window) });
            }
        }
    }

    fn release(
        &mut self,
        at: Pos2,
        button: PointerButton,
        modifiers: Modifiers,
        view: &ViewTransform,
        told: &mut Vec<ViewEvent>,
    ) {
        let ends = match self.gesture {
            Gesture::None | Gesture::Fingers => false,
            Gesture::Tool => button == PointerButton::Primary,
            Gesture::Pan { button: held, .. } => button == held,
            Gesture::Window { .. } => button == PointerButton::Secondary,
        };
        if !ends {
            return;
        }
        if self.gesture == Gesture::Tool {
            told.push(ViewEvent::Release { at: view.patient_from_screen(at), modifiers });
        }
        self.gesture = Gesture::None;
    }

    fn wheel(
        &mut self,
        unit: MouseWheelUnit,
        delta: Vec2,
        modifiers: Modifiers,
        view: &mut ViewTransform,
        camera: &mut Camera,
        response: &Response,
        told: &mut Vec<ViewEvent>,
    ) {
        if modifiers.alt {
            camera.pan(view, delta * if unit == MouseWheelUnit::Point { 1.0 } else { Self::POINTS_PER_STEP });
            follow(view, camera);
            return;
        }
        // Some systems turn a wheel with shift into a sideways one.
        let delta = if delta.y == 0.0 { delta.x } else { delta.y };
        let steps = match unit {
            MouseWheelUnit::Point => delta / Self::POINTS_PER_STEP,
            MouseWheelUnit::Line => delta,
            MouseWheelUnit::Page => delta * 10.0,
        };
        if modifiers.command || modifiers.ctrl {
            if let Some(at) = response.ctx.pointer_latest_pos() {
                zoom(view, camera, f64::from(1.15f32.powf(steps)), at);
            }
            return;
        }
        self.wheel += steps;
        let whole = self.wheel.trunc();
        self.wheel -= whole;
        if whole != 0.0 {
            let whole = whole as i32;
            told.push(if modifiers.shift { ViewEvent::BrushSize(whole) } else { ViewEvent::Scroll(whole) });
        }
    }
}

fn zoom(view: &mut ViewTransform, camera: &mut Camera, factor: f64, at: Pos2) {
    let before = camera.zoom;
    camera.zoom_at(view, factor, at);
    view.mm_per_point *= before / camera.zoom;
    follow(view, camera);
}

/// The view as the camera now stands, for the later events of the same frame.
fn follow(view: &mut ViewTransform, camera: &Camera) {
    if let Some(point) = camera.look_at {
        view.middle = view.plane.plane_from_patient(point);
    }
}

/// The cursor while nothing is pressed and while panning.
pub(super) fn cursor(state: &InputState, idle: egui::CursorIcon) -> egui::CursorIcon {
    match state.gesture {
        Gesture::Pan { .. } | Gesture::Fingers => egui::CursorIcon::Grabbing,
        Gesture::Window { .. } => egui::CursorIcon::AllScroll,
        Gesture::None | Gesture::Tool => idle,
    }
}
