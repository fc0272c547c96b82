//! Recorded edits as data: what tools were told, step by step, replayed through the workbench.

use super::policy::{EditRules, HuBand, Limit, StationRule};
use super::tools::{Keys, Pointer, ToolEvent, ToolKind, ToolOptions};
use super::{Case, Command, Workbench};
use crate::geometry::{Orientation, PatientPoint};
use crate::structures::{RoiId, Role};

/// Steps in order, as in a TOML file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What the script does, for people.
    #[serde(default)]
    pub about: String,
    #[serde(rename = "step")]
    pub steps: Vec<ScriptStep>,
}

/// One step. What is left out stays as it was, but options and rules begin anew from their defaults.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptStep {
    /// Adds an empty structure of this name first, and selects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_roi: Option<String>,
    /// The structure that is worked on from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roi: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<ToolOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<ScriptRules>,
    /// The slice that the axial view shows, counted from 0 along the normal of the slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<usize>,
    /// A stroke: press, drags and release through these points, mm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stroke: Vec<PatientPoint>,
    /// Clicks at these points, mm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clicks: Vec<PatientPoint>,
    /// The view of stroke and clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<Orientation>,
    /// Keys held during stroke and clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// What the tool is told after stroke and clicks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ToolEvent>,
    /// What is done after that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Then>,
    /// What must hold afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// Rules with structures by name.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptRules {
    pub band: HuBand,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    pub stations: StationRule,
}

/// A command without arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Undo,
    Redo,
    /// Copies the rings of the slice towards the head.
    CopyUp,
    /// Towards the feet.
    CopyDown,
    /// The copied slices are right as they are.
    AcceptCopies,
    /// Locks the selected structure.
    Lock,
    Unlock,
}

/// What must hold after a step, of the selected structure.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_cm3: Option<f64>,
    /// How far the volume may be off, cm3.
    pub within_cm3: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contours: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slices: Option<usize>,
    /// Slices that were copied and not reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied: Option<usize>,
    /// Words of a message; without them a message of a tool is a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// What a script has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A command of a step, such as one event of a stroke.
    Command,
    /// A whole step, whose expectations hold.
    Step,
}

/// A step that could not be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("step {step} of the script: {problem}")]
pub struct ScriptError {
    /// From 1.
    pub step: usize,
    pub problem: String,
}

impl Script {
    /// Reads the text of a script.
    ///
    /// # Errors
    /// Where the text is no script, with the line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Does every step; `after` is called after every command and after every step.
    ///
    /// # Errors
    /// The first step that could not be done, whose tool refused, or after which something else holds than expected.
    /// What was done before it stays done.
    pub fn run(
        &self,
        workbench: &mut Workbench,
        after: &mut dyn FnMut(&Workbench, Moment) -> Result<(), String>,
    ) -> Result<(), ScriptError> {
        for (n, step) in self.steps.iter().enumerate() {
            step.run(workbench, &mut |workbench| after(workbench, Moment::Command))
                .and_then(|()| after(workbench, Moment::Step))
                .map_err(|problem| ScriptError { step: n + 1, problem })?;
        }
        Ok(())
    }
}

fn find(case: &Case, name: &str) -> Result<RoiId, String> {
    let names = || case.structures().rois.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
    case.structures()
        .by_name(name)
        .map(|roi| roi.id)
        .ok_or_else(|| format!("there is no structure \"{name}\"; the case has {}", names()))
}

fn case(workbench: &Workbench) -> Result<&Case, String> {
    workbench.case().ok_or_else(|| "no case is open".to_owned())
}

impl ScriptRules {
    fn rules(&self, case: &Case) -> Result<EditRules, String> {
        let limit = match (&self.inside, &self.outside) {
            (None, None) => Limit::Anywhere,
            (Some(name), None) => Limit::Inside(find(case, name)?),
            (None, Some(name)) => Limit::Outside(find(case, name)?),
            (Some(_), Some(_)) => return Err("rules limit edits from inside or from outside, not both".to_owned()),
        };
        Ok(EditRules { band: self.band, limit, stations: self.stations })
    }
}

impl ScriptStep {
    fn run(
        &self,
        workbench: &mut Workbench,
        after: &mut dyn FnMut(&Workbench) -> Result<(), String>,
    ) -> Result<(), String> {
        let first = workbench.notices().all().last().map_or(0, |n| n.id + 1);
        let mut execute = |workbench: &mut Workbench, command| {
            workbench.execute(command);
            workbench.poll();
            after(workbench)
        };
        if let Some(name) = &self.new_roi {
            execute(workbench, Command::AddRoi { name: name.clone(), role: Role::Other })?;
        }
        if let Some(name) = &self.roi {
            let roi = find(case(workbench)?, name)?;
            execute(workbench, Command::SetVisible { roi, visible: true })?;
            execute(workbench, Command::SelectRoi(Some(roi)))?;
        }
        if let Some(tool) = self.tool {
            execute(workbench, Command::SetTool(tool))?;
        }
        if let Some(options) = self.options {
            execute(workbench, Command::SetToolOptions(options))?;
        }
        if let Some(rules) = &self.rules {
            let rules = rules.rules(case(workbench)?)?;
            execute(workbench, Command::SetRules(rules))?;
        }
        if let Some(k) = self.slice {
            let grid = case(workbench)?.grid().clone();
            if k >= grid.slices() {
                return Err(format!("the scan has {} slices, there is no slice {k}", grid.slices()));
            }
            let (uv, _) = grid.plane_from_patient(workbench.view.crosshair);
            execute(workbench, Command::SetCrosshair(grid.patient_from_plane(uv, grid.position_mm(k))))?;
        }
        for event in self.all_events() {
            execute(workbench, Command::Tool(event))?;
        }
        for then in &self.then {
            let selected = || workbench.view.selected.ok_or("no structure is selected");
            let command = match then {
                Then::Undo => Command::Undo,
                Then::Redo => Command::Redo,
                Then::CopyUp => Command::CopySlice { to_head: true },
                Then::CopyDown => Command::CopySlice { to_head: false },
                Then::AcceptCopies => Command::AcceptCopies(selected()?),
                Then::Lock => Command::SetLocked { roi: selected()?, locked: true },
                Then::Unlock => Command::SetLocked { roi: selected()?, locked: false },
            };
            execute(workbench, command)?;
        }
        let told = workbench.notices().all().iter().filter(|n| n.id >= first);
        let told: Vec<String> = told.map(|n| n.summary.clone()).collect();
        self.expect.clone().unwrap_or_default().check(workbench, &told)
    }

    fn all_events(&self) -> Vec<ToolEvent> {
        let pointer = |at: PatientPoint| {
            Pointer::new(at, self.view.unwrap_or(Orientation::Axial)).with(self.keys.unwrap_or_default())
        };
        let mut events = Vec::new();
        if let [first, rest @ ..] = &self.stroke[..] {
            events.push(ToolEvent::Press(pointer(*first)));
            events.extend(rest.iter().map(|at| ToolEvent::Drag { at: *at }));
            events.push(ToolEvent::Release);
        }
        for at in &self.clicks {
            events.extend([ToolEvent::Press(pointer(*at)), ToolEvent::Release]);
        }
        events.extend(&self.events);
        events
    }
}

impl Expect {
    fn check(&self, workbench: &Workbench, told: &[String]) -> Result<(), String> {
        match &self.says {
            Some(words) if !told.iter().any(|t| t.contains(words)) => {
                return Err(format!("nothing said \"{words}\"; said was: {}", told.join("; ")));
            }
            None if !told.is_empty() => return Err(told.join("; ")),
            _ => {}
        }
        if *self == (Self { says: self.says.clone(), ..Self::default() }) {
            return Ok(());
        }
        let case = case(workbench)?;
        let Some(roi) = workbench.view.selected.and_then(|id| case.structures().get(id)) else {
            return Err("no structure is selected".to_owned());
        };
        let volume = case.mask(roi.id).volume_cm3(case.grid());
        if let Some(expected) = self.volume_cm3
            && (volume - expected).abs() > self.within_cm3
        {
            return Err(format!("{} has {volume:.4} cm3, expected are {expected} ± {}", roi.name, self.within_cm3));
        }
        let counts = [
            ("contours", self.contours, roi.ring_count()),
            ("slices", self.slices, roi.slices.len()),
            ("copied slices", self.copied, workbench.copied_slices(roi.id).len()),
        ];
        for (what, expected, found) in counts {
            if expected.is_some_and(|expected| expected != found) {
                return Err(format!("{} has {found} {what}, expected are {}", roi.name, expected.unwrap_or_default()));
            }
        }
        Ok(())
    }
}
