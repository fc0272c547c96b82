//! The real window in a harness: found by accessible names, driven by pointer and keys, with jobs
//! that run at once. Without a GPU unless asked for.

use super::bench::small_case;
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hilum::geometry::{Orientation, PatientPoint};
use hilum::structures::{Roi, Role};
use hilum::ui::{AppOptions, HilumApp, Request, ScriptedPicker, offscreen_renderer};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::{Case, LoadedCase, SeriesChoice, Workbench};
use std::path::{Path, PathBuf};

/// The window under test.
pub struct Window {
    pub harness: Harness<'static, HilumApp>,
}

/// How the window begins.
#[derive(Default)]
pub struct Start {
    pub demo_seed: Option<u64>,
    pub paths: Vec<PathBuf>,
    pub series: SeriesChoice,
    pub settings_path: Option<PathBuf>,
    /// Answers of the file dialogs.
    pub answers: Vec<Option<PathBuf>>,
    pub size: Option<[f32; 2]>,
    /// Draw with a graphics adapter.
    pub gpu: bool,
    /// Jobs hand over one event a frame.
    pub stepped: bool,
}

impl Window {
    pub fn open(start: Start) -> Self {
        let [width, height] = start.size.unwrap_or([1280.0, 800.0]);
        let mut builder = Harness::builder().with_size(vec2(width, height)).with_step_dt(1.0 / 60.0);
        if start.gpu {
            builder = builder.renderer(offscreen_renderer().expect("a graphics adapter"));
        }
        let options = AppOptions {
            mode: if start.stepped { JobMode::Stepped } else { JobMode::Inline },
            settings_path: start.settings_path,
            picker: Box::new(ScriptedPicker::new(start.answers)),
            paths: start.paths,
            series: start.series,
            demo_seed: start.demo_seed,
            without_gpu: !start.gpu,
            follow_up: None,
        };
        let harness = builder.build_eframe(|creation| HilumApp::new(creation, options));
        let mut window = Self { harness };
        window.settle();
        window
    }

    /// With a small case of ROIs without contours.
    pub fn with_small_case(rois: &[(&str, Role)]) -> Self {
        Self::with_case(small_case(rois), Start::default())
    }

    pub fn with_case(loaded: LoadedCase, start: Start) -> Self {
        let mut window = Self::open(start);
        window.harness.state_mut().take_case(loaded);
        window.settle();
        window
    }

    /// Frame by frame until a condition holds.
    pub fn step_until(&mut self, done: impl Fn(&Workbench) -> bool) -> &mut Self {
        for _ in 0..200 {
            if done(self.workbench()) {
                return self;
            }
            self.harness.step();
        }
        panic!("it never happened");
    }

    /// A few frames, and the check that everything has a name.
    pub fn settle(&mut self) -> &mut Self {
        self.harness.run_steps(4);
        self.harness.check_accessibility();
        self
    }

    pub fn workbench(&self) -> &Workbench {
        self.harness.state().workbench()
    }

    pub fn case(&self) -> &Case {
        self.workbench().case().expect("a case is open")
    }

    pub fn roi(&self, name: &str) -> &Roi {
        self.case().structures().by_name(name).unwrap_or_else(|| panic!("no structure {name}"))
    }

    pub fn volume_cm3(&self, name: &str) -> f64 {
        self.case().mask(self.roi(name).id).volume_cm3(self.case().grid())
    }

    /// Clicks what has this accessible name.
    pub fn click(&mut self, label: &str) -> &mut Self {
        self.harness.get_by_label(label).click();
        self.settle()
    }

    /// Does what a screen reader does with a control of this accessible name, wherever it has scrolled to.
    pub fn activate(&mut self, label: &str) -> &mut Self {
        self.harness.get_by_label(label).click_accesskit();
        self.settle()
    }

    /// True if something with this accessible name is there.
    pub fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    /// True if some accessible name holds these words.
    pub fn says(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) -> &mut Self {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle()
    }

    pub fn type_text(&mut self, text: &str) -> &mut Self {
        self.harness.event(Event::Text(text.to_owned()));
        self.settle()
    }

    /// Everything that a screen reader can read.
    pub fn all_text(&self) -> String {
        let mut text = String::new();
        for node in self.harness.query_all_by(|_| true) {
            let node = node.accesskit_node();
            for words in [node.label(), node.value(), node.description()].into_iter().flatten() {
                text.push_str(&words);
                text.push('\n');
            }
        }
        text
    }

    /// Sends a request as a panel would.
    pub fn send(&mut self, request: impl Into<Request>) -> &mut Self {
        self.harness.state().sender().send(request);
        self.settle()
    }

    /// Where a patient point lies on the screen, by the view's own map.
    pub fn place(&self, orientation: Orientation, point: PatientPoint) -> Pos2 {
        let view = self.harness.state().view_transform(orientation).expect("the view is on the screen");
        let place = view.screen_from_patient(point);
        assert!(view.rect.contains(place), "{point} is not in the {orientation} view");
        place
    }

    /// A stroke with a button through patient points of a view, one frame a point.
    pub fn drag(
        &mut self,
        orientation: Orientation,
        button: PointerButton,
        modifiers: Modifiers,
        points: &[PatientPoint],
    ) -> &mut Self {
        let places: Vec<Pos2> = points.iter().map(|p| self.place(orientation, *p)).collect();
        let pressed = |pressed, pos| Event::PointerButton { pos, button, pressed, modifiers };
        self.harness.event(Event::ModifiersChanged(modifiers));
        self.harness.event(Event::PointerMoved(places[0]));
        self.harness.step();
        self.harness.event(pressed(true, places[0]));
        self.harness.step();
        for place in &places[1..] {
            self.harness.event(Event::PointerMoved(*place));
            self.harness.step();
        }
        let last = places[places.len() - 1];
        self.harness.event(pressed(false, last));
        self.harness.step();
        self.harness.event(Event::ModifiersChanged(Modifiers::NONE));
        self.settle()
    }

    /// A click with the primary button at a patient point of a view.
    pub fn click_view(&mut self, orientation: Orientation, point: PatientPoint) -> &mut Self {
        self.drag(orientation, PointerButton::Primary, Modifiers::NONE, &[point])
    }

    /// Writes a picture where HILUM_PICTURES names a folder, to be looked at.
    pub fn picture(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("HILUM_PICTURES") {
            let path = Path::new(&folder).join(format!("{name}.png"));
            self.harness.render().expect("a graphics adapter").save(path).expect("a writable folder");
        }
    }
}
