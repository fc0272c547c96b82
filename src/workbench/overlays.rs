//! PET, dose and the network's uncertainty laid over the case: which there are, which one is shown and how. They are no
//! part of the case: nothing here is edited, undone or exported.

use super::jobs::{JobError, JobKey, Lane};
use super::results::CaseResult;
use super::{Severity, Trouble, Workbench};
use crate::contour::Mask;
use crate::dicom::{ImportWarning, LoadedOverlay, OverlayKind, OverlaySource, Prescription};
use crate::diunet::{StationConfidence, Uncertainty};
use crate::geometry::{PatientPoint, Rigid};
use crate::image::{ColorMap, OverlayVolume, Quantity};
use crate::structures::{Role, Station};
use crate::tf;
use crate::words::{keep, t};
use std::sync::Arc;

/// In what a dose is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter)]
pub enum DoseUnit {
    #[default]
    Gray,
    Percent,
}

/// How an overlay is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayStyle {
    /// Of the colours, 0 to 1; 0 shows none.
    pub opacity: f32,
    /// Values from the first to the last colour; PET only, a dose is coloured by its levels.
    pub range: [f64; 2],
    pub map: ColorMap,
    /// Isodose levels in percent of the reference, ascending.
    pub levels_percent: Vec<f64>,
    pub unit: DoseUnit,
    /// Isodose lines, and their labels.
    pub lines: bool,
    pub labels: bool,
    /// A CT shows in every other square of this side, mm; `None` lays it over everywhere.
    pub squares_mm: Option<f64>,
}

impl OverlayStyle {
    pub const LEVELS_PERCENT: [f64; 7] = [20.0, 50.0, 80.0, 90.0, 95.0, 100.0, 105.0];
    /// Most levels at a time: as many colours can be told apart.
    pub const MOST_LEVELS: usize = 12;
    pub const SUV_RANGE: [f64; 2] = [0.0, 10.0];
    /// Where half of the probability lies with other classes, more matters little.
    pub const UNCERTAINTY_RANGE: [f64; 2] = [0.0, 0.5];

    pub const SQUARES_MM: std::ops::RangeInclusive<f64> = 5.0..=100.0;
    pub const USUAL_SQUARES_MM: f64 = 25.0;

    fn new(kind: OverlayKind) -> Self {
        let dose = kind == OverlayKind::Dose;
        Self {
            opacity: match kind {
                OverlayKind::Dose => 0.25,
                OverlayKind::FollowUp => 1.0,
                _ => 0.55,
            },
            squares_mm: (kind == OverlayKind::FollowUp).then_some(Self::USUAL_SQUARES_MM),
            range: if kind == OverlayKind::Uncertainty { Self::UNCERTAINTY_RANGE } else { Self::SUV_RANGE },
            map: if dose { ColorMap::Sea } else { ColorMap::Heat },
            levels_percent: Self::LEVELS_PERCENT.to_vec(),
            unit: DoseUnit::Gray,
            lines: true,
            labels: true,
        }
    }
}

/// A request about the overlay.
#[derive(Debug, Clone, PartialEq)]
pub enum OverlayCommand {
    /// Shows the one of this key; it is read first where need be.
    Show(String),
    /// Shows none.
    Remove,
    /// Hides the chosen one, or shows it again.
    SetVisible(bool),
    SetOpacity(f32),
    SetRange([f64; 2]),
    SetMap(ColorMap),
    /// Isodose levels in percent of the reference.
    SetLevels(Vec<f64>),
    SetUnit(DoseUnit),
    /// The dose that counts as 100 %, Gy.
    SetReference(f64),
    SetLines(bool),
    SetLabels(bool),
    /// Side of the squares in which a CT shows, mm; `None` for everywhere.
    SetSquares(Option<f64>),
    /// Goes to the place of a station of which the network was least sure, and selects the station.
    GoToLeastSure(Station),
}

/// An overlay of the case.
#[derive(Debug, Clone)]
pub struct Overlay {
    pub source: OverlaySource,
    /// Number in the list, from 1.
    pub number: usize,
    pub loaded: Option<Arc<LoadedOverlay>>,
    /// Why it could not be loaded.
    pub failed: Option<Trouble>,
    pub style: OverlayStyle,
}

/// A level of a dose.
#[derive(Debug, Clone, PartialEq)]
pub struct IsodoseLevel {
    /// In the unit of the overlay.
    pub value: f64,
    pub percent: f64,
    pub color: [u8; 3],
    /// E.g. `57.0 Gy` or `95 %`.
    pub label: String,
}

impl Overlay {
    /// The dose that counts as 100 %.
    pub fn reference(&self) -> Option<&Prescription> {
        self.loaded.as_ref()?.reference.as_ref().filter(|r| r.gy > 0.0)
    }

    /// The unit in which a dose is shown: a relative one knows percent only.
    pub fn dose_unit(&self) -> DoseUnit {
        match self.loaded.as_ref().map(|l| l.volume.quantity) {
            Some(Quantity::RelativeDose) => DoseUnit::Percent,
            _ => self.style.unit,
        }
    }

    /// A value in words, with its unit.
    pub fn words(&self, value: f64) -> String {
        let Some(loaded) = &self.loaded else { return String::new() };
        match loaded.volume.quantity {
            Quantity::Suv => tf!("SUV {value:.2}", value),
            Quantity::Uncertainty => tf!("DiUnet: {sure:.0} % sure", sure = (1.0 - value) * 100.0),
            Quantity::CtNumber => tf!("Follow-up {value:.0} HU", value),
            Quantity::RawPet if value.abs() >= 100.0 => format!("{value:.0} {}", loaded.volume.unit),
            Quantity::RawPet => format!("{value:.2} {}", loaded.volume.unit),
            Quantity::Dose | Quantity::RelativeDose => match (self.dose_unit(), self.reference()) {
                (DoseUnit::Percent, Some(reference)) => format!("{:.1} %", value / reference.gy * 100.0),
                _ => format!("{value:.2} Gy"),
            },
        }
    }

    /// Isodose levels with their colours, ascending; none for PET.
    pub fn levels(&self) -> Vec<IsodoseLevel> {
        let (Some(loaded), Some(reference)) = (&self.loaded, self.reference()) else { return Vec::new() };
        if !loaded.volume.quantity.is_dose() {
            return Vec::new();
        }
        let levels = &self.style.levels_percent;
        let colors = self.style.map.levels(levels.len());
        let level = |(percent, color): (&f64, [u8; 3])| {
            let value = percent / 100.0 * reference.gy;
            let label = match self.dose_unit() {
                DoseUnit::Percent => format!("{} %", short(*percent)),
                DoseUnit::Gray => format!("{} Gy", short(value)),
            };
            IsodoseLevel { value, percent: *percent, color, label }
        };
        levels.iter().zip(colors).map(level).collect()
    }

    /// What must be known wherever the overlay is shown, in a few words each.
    pub fn cautions(&self) -> Vec<&'static str> {
        let registered = self.source.kind == OverlayKind::FollowUp
            || self.source.placement.as_ref().is_ok_and(|p| p.registration.is_some());
        let quantity = self.loaded.as_ref().map(|l| l.volume.quantity);
        let mut cautions = Vec::new();
        cautions.extend(registered.then_some(keep("registered")));
        cautions.extend((quantity == Some(Quantity::RelativeDose)).then_some(keep("relative, no Gy")));
        cautions.extend((quantity == Some(Quantity::RawPet)).then_some(keep("not SUV")));
        let uncertain = quantity == Some(Quantity::Uncertainty);
        cautions.extend(uncertain.then_some(keep("the network's own estimate")));
        cautions
    }
}

/// A number with at most two decimals, none where they are zero.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The overlays of the open case.
#[derive(Debug, Default)]
pub(super) struct Overlays {
    all: Vec<Overlay>,
    chosen: Option<usize>,
    hidden: bool,
    /// Of the last run of the network.
    uncertainty: Option<Arc<Uncertainty>>,
    /// The GTV that the network was given for it.
    gtv: Mask,
}

impl Overlays {
    pub fn new(sources: Vec<OverlaySource>) -> Self {
        let overlay = |(n, source): (usize, OverlaySource)| Overlay {
            style: OverlayStyle::new(source.kind),
            number: n + 1,
            loaded: None,
            failed: None,
            source,
        };
        Self { all: sources.into_iter().enumerate().map(overlay).collect(), ..Self::default() }
    }

    /// Lists the uncertainty of a run of the network in the place of that of the run before; it is not shown until asked for.
    pub fn set_uncertainty(&mut self, uncertainty: Arc<Uncertainty>, gtv: Mask) {
        const KEY: &str = "diunet uncertainty";
        let grid = Arc::new(uncertainty.grid.clone());
        let values = uncertainty.values.clone();
        let volume = OverlayVolume::new(grid, values, Quantity::Uncertainty, "", Rigid::IDENTITY);
        let method = match uncertainty.scaling {
            Some(scaling) => tf!(
                "One less the probability of what the network drew, calibrated on held-out cases (temperature {temperature:.2}, background {background:+.2}, see the model card); of its last run on this case",
                temperature = scaling.temperature,
                background = scaling.background
            ),
            None => {
                t("One less the probability of what the network drew, not calibrated; of its last run on this case")
                    .to_owned()
            }
        };
        let warnings = match uncertainty.scaling {
            Some(_) => Vec::new(),
            None => vec![ImportWarning::warning(t(
                "The probabilities of this model are not calibrated: they order places, their figures mean little",
            ))],
        };
        let loaded = Some(Arc::new(LoadedOverlay { volume, warnings, method, reference: None }));
        self.uncertainty = Some(uncertainty);
        self.gtv = gtv;
        if let Some(at) = self.at(KEY) {
            self.all[at].loaded = loaded;
            return;
        }
        let source = OverlaySource::computed(KEY, OverlayKind::Uncertainty, "DiUnet", "");
        let style = OverlayStyle::new(source.kind);
        self.all.push(Overlay { source, number: self.all.len() + 1, loaded, failed: None, style });
    }

    /// Lists values that were read elsewhere, in the place of former ones of this key.
    pub fn put(&mut self, source: OverlaySource, volume: OverlayVolume) {
        let loaded = LoadedOverlay { volume, warnings: Vec::new(), method: String::new(), reference: None };
        let (loaded, failed) = (Some(Arc::new(loaded)), None);
        match self.at(&source.key) {
            Some(at) => self.all[at] = Overlay { source, loaded, failed, ..self.all[at].clone() },
            None => {
                let (style, number) = (OverlayStyle::new(source.kind), self.all.len() + 1);
                self.all.push(Overlay { source, number, loaded, failed, style });
            }
        }
    }

    /// Takes one off the list.
    pub fn remove(&mut self, key: &str) {
        let Some(at) = self.at(key) else { return };
        self.all.remove(at);
        for (n, overlay) in self.all.iter_mut().enumerate() {
            overlay.number = n + 1;
        }
        self.chosen = match self.chosen {
            Some(chosen) if chosen == at => None,
            Some(chosen) if chosen > at => Some(chosen - 1),
            other => other,
        };
    }

    /// Puts one elsewhere over the CT.
    pub fn move_to(&mut self, key: &str, ct_from_overlay: Rigid) {
        let Some(loaded) = self.at(key).and_then(|at| self.all[at].loaded.as_mut()) else { return };
        if loaded.volume.ct_from_overlay != ct_from_overlay {
            Arc::make_mut(loaded).volume.move_to(ct_from_overlay);
        }
    }

    fn at(&self, key: &str) -> Option<usize> {
        self.all.iter().position(|o| o.source.key == key)
    }
}

impl Workbench {
    /// PET and doses beside the case, also those that cannot be shown.
    pub fn overlays(&self) -> &[Overlay] {
        &self.overlays.all
    }

    /// The one that was chosen; it may still be read, or be hidden.
    pub fn chosen_overlay(&self) -> Option<&Overlay> {
        self.overlays.all.get(self.overlays.chosen?)
    }

    /// True while the chosen one is hidden for a moment.
    pub fn is_overlay_hidden(&self) -> bool {
        self.overlays.hidden
    }

    /// The overlay that the views show, with its values.
    pub fn shown_overlay(&self) -> Option<(&Overlay, &Arc<LoadedOverlay>)> {
        let overlay = self.chosen_overlay().filter(|_| !self.overlays.hidden && self.loading.is_none())?;
        Some((overlay, overlay.loaded.as_ref()?))
    }

    /// The stations of the last run of the network, those first of which it was least sure: an order to look at them.
    pub fn review_order(&self) -> &[StationConfidence] {
        self.overlays.uncertainty.as_ref().map_or(&[], |u| &u.stations)
    }

    /// True where the GTV is no longer the one that the network was given in the run whose uncertainty is listed.
    pub fn is_uncertainty_stale(&self) -> bool {
        let case = self.case.as_ref().filter(|_| self.overlays.uncertainty.is_some());
        case.is_some_and(|case| case.gtv_mask() != self.overlays.gtv)
    }

    fn go_to_least_sure(&mut self, station: Station) {
        let Some(place) = self.review_order().iter().find(|c| c.station == station).map(|c| c.least_sure) else {
            return;
        };
        let roi = self.case.as_ref().and_then(|c| c.structures().with_role(Role::Station(station)).next());
        self.view.selected = roi.map(|r| r.id).or(self.view.selected);
        self.view.crosshair = place;
    }

    /// The value of the shown overlay at a patient point, in words.
    pub fn overlay_words_at(&self, point: PatientPoint) -> Option<String> {
        let (overlay, loaded) = self.shown_overlay()?;
        loaded.volume.sample(point).map(|value| overlay.words(value))
    }

    /// Why an overlay cannot be shown.
    pub(super) fn overlay_refusal(&self, command: &OverlayCommand) -> Option<&'static str> {
        match command {
            OverlayCommand::Show(key) => match self.overlays.at(key).map(|n| &self.overlays.all[n]) {
                None => Some(t("This overlay does not belong to the open case")),
                Some(o) if o.source.placement.is_err() => {
                    Some(t("This overlay cannot be shown; the list of overlays says why"))
                }
                Some(_) => None,
            },
            OverlayCommand::Remove | OverlayCommand::GoToLeastSure(_) => None,
            _ => self.chosen_overlay().is_none().then_some(t("Choose an overlay first")),
        }
    }

    /// The first overlay that can be shown after the chosen one, round in a circle.
    pub(super) fn next_overlay(&self) -> Option<&Overlay> {
        let count = self.overlays.all.len();
        let start = self.overlays.chosen.map_or(0, |n| n + 1);
        (0..count).map(|n| &self.overlays.all[(start + n) % count]).find(|o| o.source.placement.is_ok())
    }

    pub(super) fn overlay(&mut self, command: OverlayCommand) {
        match command {
            OverlayCommand::Show(key) => self.show_overlay(&key),
            OverlayCommand::Remove => self.overlays.chosen = None,
            OverlayCommand::SetVisible(visible) => self.overlays.hidden = !visible,
            OverlayCommand::SetReference(gy) => self.set_reference(gy),
            OverlayCommand::SetLevels(levels) => self.set_levels(levels),
            OverlayCommand::GoToLeastSure(station) => self.go_to_least_sure(station),
            style => self.set_style(style),
        }
    }

    fn show_overlay(&mut self, key: &str) {
        let Some(at) = self.overlays.at(key) else { return };
        self.overlays.chosen = Some(at);
        self.overlays.hidden = false;
        let overlay = &mut self.overlays.all[at];
        if overlay.loaded.is_some() {
            return;
        }
        overlay.failed = None;
        let (source, key) = (overlay.source.clone(), key.to_owned());
        let title = if source.kind == OverlayKind::Dose { t("Read the dose") } else { t("Read the PET series") };
        let subject = Some(source.path.clone());
        self.spawn_for_case(Lane::Io, JobKey::Overlay, title, subject, move |context| match source.load(context) {
            Ok(loaded) => Ok(CaseResult::Overlay { key, loaded: Ok(Arc::new(loaded)) }),
            Err(error) if error.is_cancelled() => Err(JobError::Cancelled),
            Err(error) => Ok(CaseResult::Overlay { key, loaded: Err(Trouble::of(&error)) }),
        });
    }

    /// A job that ended without a result: nothing is chosen that is not there.
    pub(super) fn overlay_ended(&mut self) {
        if self.chosen_overlay().is_some_and(|o| o.loaded.is_none()) {
            self.overlays.chosen = None;
        }
    }

    pub(super) fn accept_overlay(&mut self, key: &str, result: Result<Arc<LoadedOverlay>, Trouble>) {
        let Some(at) = self.overlays.at(key) else { return };
        let overlay = &mut self.overlays.all[at];
        match result {
            Ok(loaded) => {
                if let (Quantity::RawPet, Some([low, high])) = (loaded.volume.quantity, loaded.volume.range()) {
                    overlay.style.range = [low.max(0.0), if high > low { high } else { low + 1.0 }];
                }
                let lines: Vec<String> = loaded.warnings.iter().map(|w| w.text.clone()).collect();
                let worst = loaded.warnings.iter().map(|w| w.severity).max();
                overlay.loaded = Some(loaded);
                if worst.is_some_and(|w| w > crate::dicom::Severity::Info) {
                    let what = overlay.source.kind;
                    self.notices.push(Severity::Warning, tf!("{what} is shown with remarks", what), lines);
                }
            }
            Err(trouble) => {
                overlay.failed = Some(trouble.clone());
                self.overlays.chosen = self.overlays.chosen.filter(|n| *n != at);
                self.notices.trouble(t("The overlay could not be shown"), trouble);
            }
        }
    }

    fn set_reference(&mut self, gy: f64) {
        let Some(overlay) = self.overlays.chosen.and_then(|n| self.overlays.all.get_mut(n)) else { return };
        let Some(loaded) = overlay.loaded.as_mut().filter(|l| l.volume.quantity == Quantity::Dose) else { return };
        if gy.is_finite() && gy > 0.0 {
            Arc::make_mut(loaded).reference = Some(Prescription { gy, origin: t("set by hand").into() });
        } else {
            self.notices.warning(t("The dose that counts as 100 % must be more than 0 Gy; the old one was kept"));
        }
    }

    /// Levels in percent; sorted, equal ones once.
    fn set_levels(&mut self, mut levels: Vec<f64>) {
        let Some(overlay) = self.overlays.chosen.and_then(|n| self.overlays.all.get_mut(n)) else { return };
        levels.sort_by(f64::total_cmp);
        levels.dedup_by(|a, b| (*a - *b).abs() < 1e-6);
        if levels.iter().any(|l| !(l.is_finite() && *l > 0.0 && *l <= 1000.0)) {
            self.notices.warning(t("Isodose levels must lie above 0 and at most at 1000 %; the old ones were kept"));
        } else if levels.is_empty() || levels.len() > OverlayStyle::MOST_LEVELS {
            let most = OverlayStyle::MOST_LEVELS;
            self.notices.warning(tf!("Give one to {most} isodose levels; the old ones were kept", most));
        } else {
            overlay.style.levels_percent = levels;
        }
    }

    fn set_style(&mut self, command: OverlayCommand) {
        let Some(overlay) = self.overlays.chosen.and_then(|n| self.overlays.all.get_mut(n)) else { return };
        let style = &mut overlay.style;
        match command {
            OverlayCommand::SetOpacity(opacity) => style.opacity = opacity.clamp(0.0, 1.0),
            OverlayCommand::SetRange([low, high]) if low.is_finite() && high.is_finite() && low < high => {
                style.range = [low, high];
            }
            OverlayCommand::SetMap(map) => style.map = map,
            OverlayCommand::SetUnit(unit) => style.unit = unit,
            OverlayCommand::SetLines(lines) => style.lines = lines,
            OverlayCommand::SetLabels(labels) => style.labels = labels,
            OverlayCommand::SetSquares(None) => style.squares_mm = None,
            OverlayCommand::SetSquares(Some(mm)) if OverlayStyle::SQUARES_MM.contains(&mm) => {
                style.squares_mm = Some(mm);
            }
            _ => {}
        }
    }
}

/// The overlay that a user means: its number, its key, `PET` or `dose` for the first of them, or its description.
///
/// # Errors
/// A sentence that lists what is there, or why the one that is meant cannot be shown.
pub fn find_overlay<'a>(sources: &'a [OverlaySource], name: &str) -> Result<&'a OverlaySource, String> {
    let by_number = name.parse::<usize>().ok().and_then(|n| sources.get(n.checked_sub(1)?));
    let of_kind = |s: &&OverlaySource| s.kind.to_string().eq_ignore_ascii_case(name);
    let found = by_number
        .or_else(|| sources.iter().find(|s| s.key == name))
        .or_else(|| sources.iter().filter(of_kind).min_by_key(|s| s.placement.is_err()))
        .or_else(|| sources.iter().find(|s| s.description.eq_ignore_ascii_case(name)));
    match found {
        Some(source) => match &source.placement {
            Ok(_) => Ok(source),
            Err(why) => Err(tf!("this overlay cannot be shown: {why}", why)),
        },
        None if sources.is_empty() => Err(t("the case has no PET and no dose").into()),
        None => Err(tf!(
            "there is no overlay of this name; the case has {overlays}, see `hilum inspect`",
            overlays = sources
                .iter()
                .enumerate()
                .map(|(n, s)| format!("{} ({})", n + 1, s.kind))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}
