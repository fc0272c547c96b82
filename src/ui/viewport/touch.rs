//! Touches of a screen. One finger or a pen is the pointer; two fingers pan and zoom; further touches, such as the hand
//! that rests on the screen, never disturb a stroke.
//!
//! The window system turns one touch into a pointer and tells every touch besides. While a mouse or a pen draws, the
//! touch of a hand becomes a pointer too, right after it was told as a touch: its pointer events are left out here.

use eframe::egui::{Event, Pos2, TouchId, TouchPhase};

/// The touches during a gesture of a view.
#[derive(Debug, Clone, Default)]
pub struct Touches {
    /// The touch that is the pointer of the gesture under way; none for a mouse.
    owner: Option<TouchId>,
    /// The touch that was told last, and where: pointer events at its place are its own. The window system tells them
    /// together, but they may come in frames one after another.
    told: Option<(TouchId, Pos2)>,
    /// Another touch came during the gesture: what the toolkit says of the pointer's buttons is not that of the gesture.
    disturbed: bool,
    /// How far the pointer has gone since it went down, points.
    travelled: f32,
    last: Pos2,
}

impl Touches {
    /// A second finger within this way of the first one begins to pan and zoom; later the stroke goes on, points.
    const SLOP: f32 = 10.0;

    /// Takes note of a touch; `busy` while a gesture is under way.
    pub fn note(&mut self, event: &Event, busy: bool) {
        if let Event::Touch { id, phase, pos, .. } = event {
            self.told = Some((*id, *pos));
            self.disturbed |= busy && self.owner != Some(*id) && *phase == TouchPhase::Start;
        }
    }

    /// True for the events of a pointer that is a touch, but not that of the gesture under way.
    pub fn is_foreign(&self, event: &Event, busy: bool) -> bool {
        let (Event::PointerMoved(at) | Event::PointerButton { pos: at, .. }) = event else { return false };
        let of_touch = self.told.filter(|(_, place)| place == at).map(|(id, _)| id);
        busy && of_touch.is_some() && of_touch != self.owner
    }

    /// The pointer went down.
    pub fn begin(&mut self, at: Pos2) {
        let owner = self.told.filter(|(_, place)| *place == at).map(|(id, _)| id);
        *self = Self { owner, told: self.told, disturbed: false, travelled: 0.0, last: at };
    }

    /// The pointer of the gesture went on.
    pub fn moved(&mut self, to: Pos2) {
        self.travelled += (to - self.last).length();
        self.last = to;
    }

    /// Where the pointer of the gesture was last.
    pub fn last(&self) -> Pos2 {
        self.last
    }

    pub fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// True while a second finger may still turn the gesture into panning.
    pub fn is_fresh(&self) -> bool {
        self.owner.is_some() && self.travelled <= Self::SLOP
    }
}
