//! The table of commands without arguments, from which menus, the palette, shortcuts and the help are made: label,
//! tooltip, menu and usual keys of each.

use super::keymap::Shortcut;
use crate::words::t;

/// What a command or an action works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Anything,
    /// Whatever scan the views show, also one that is being read.
    Scan,
    /// The open case.
    Case,
}

/// A command without arguments. Files name it in kebab case.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, strum::EnumString, strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    Open,
    AddStructures,
    OpenFollowUp,
    OpenDemo,
    Export,
    Deidentify,
    Undo,
    Redo,
    History,
    ToolNavigate,
    ToolBrush,
    ToolEraser,
    BrushSmaller,
    BrushLarger,
    BrushBall,
    // Tools.
    ToolFreehand,
    ToolPolygon,
    ToolSpline,
    ToolNudge,
    ToolLivewire,
    ToolCut,
    ToolFlood,
    ToolDelete,
    ToolTransform,
    BrushMode,
    ToggleBand,
    ToolRules,
    CopyUp,
    CopyDown,
    AcceptCopies,
    ToolHelp,
    SliceUp,
    SliceDown,
    GoToSelected,
    WindowMediastinum,
    WindowLung,
    WindowBone,
    FitViews,
    ToggleSelected,
    ShowAll,
    HideAll,
    ToggleContours,
    ToggleOverlay,
    NextOverlay,
    ToggleIsodoses,
    ToggleIsodoseLabels,
    ToggleDoseUnit,
    // Display.
    ToggleInterpolation,
    SlabThickness,
    SlabMode,
    NewStructure,
    DeleteSelected,
    Segment,
    FindLandmarks,
    RuleStations,
    ToggleLandmarks,
    NextFinding,
    PreviousFinding,
    ProposeCtv,
    NetworkCtv,
    HideIdentifiers,
    Review,
    Cohort,
    Teach,
    Archive,
    SendExport,
    Palette,
    Shortcuts,
    Settings,
    LargerInterface,
    SmallerInterface,
    UsualInterface,
    Tour,
    Messages,
    ImportReport,
    Quit,
    // Views.
    LayoutAxial,
    LayoutFour,
    LayoutCompare,
    LinkViews,
    NextContourSlice,
    PreviousContourSlice,
    NextEditedSlice,
    PreviousEditedSlice,
    NextUnseenSlice,
    PreviousUnseenSlice,
    NextGap,
    WindowSoftTissue,
    WindowLiver,
    WindowVessels,
    WindowAirways,
    WindowBrain,
    WindowWide,
    Isolate,
    ContourLabels,
    StructureList,
    Assessment,
    ContourStyle,
    MeasureDistance,
    MeasureAngle,
    MeasureCircle,
    ClearMeasurements,
    ToggleDifference,
    NextDifference,
    PreviousDifference,
    LargestDifference,
    CopyPicture,
    SavePicture,
    // Structures.
    Operations,
    UpdateDerived,
    InterpolationPreview,
    AcceptInterpolation,
}

/// Where an action stands in the menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Menu {
    File,
    Edit,
    View,
    Structure,
    Tools,
    Help,
}

impl Menu {
    /// In the language of this thread.
    pub fn label(self) -> &'static str {
        match self {
            Self::File => t("File"),
            Self::Edit => t("Edit"),
            Self::View => t("View"),
            Self::Structure => t("Structure"),
            Self::Tools => t("Tools"),
            Self::Help => t("Help"),
        }
    }
}

/// The row of an action in the command table.
#[derive(Debug, Clone, Copy)]
pub struct ActionInfo {
    pub label: &'static str,
    pub tooltip: &'static str,
    pub menu: Menu,
    /// The usual key; [`super::Keymap`] knows the one in use.
    pub shortcut: Option<Shortcut>,
}

const fn key(key: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, command: false, shift: false, alt: false })
}
const fn ctrl(key: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, command: true, shift: false, alt: false })
}
const fn ctrl_shift(key: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, command: true, shift: true, alt: false })
}
const fn shift(key: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, command: false, shift: true, alt: false })
}

const fn alt(key: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, command: false, shift: false, alt: true })
}

impl Action {
    /// The windows of the keys 1 to 9.
    pub const WINDOWS: [Self; super::PRESETS] = [
        Self::WindowMediastinum,
        Self::WindowLung,
        Self::WindowBone,
        Self::WindowSoftTissue,
        Self::WindowLiver,
        Self::WindowVessels,
        Self::WindowAirways,
        Self::WindowBrain,
        Self::WindowWide,
    ];

    pub(super) fn reach(self) -> Reach {
        match self {
            Self::Open
            | Self::OpenDemo
            | Self::Deidentify
            | Self::HideIdentifiers
            | Self::Review
            | Self::Cohort
            | Self::Teach
            | Self::Archive
            | Self::Palette
            | Self::Shortcuts
            | Self::ToolHelp
            | Self::Settings
            | Self::LargerInterface
            | Self::SmallerInterface
            | Self::UsualInterface
            | Self::Tour
            | Self::StructureList
            | Self::Assessment
            | Self::Messages
            | Self::Quit => Reach::Anything,
            Self::SliceUp
            | Self::SliceDown
            | Self::WindowMediastinum
            | Self::WindowLung
            | Self::WindowBone
            | Self::ToggleInterpolation
            | Self::FitViews
            | Self::LayoutAxial
            | Self::LayoutFour
            | Self::LayoutCompare
            | Self::LinkViews
            | Self::CopyPicture
            | Self::SavePicture
            | Self::WindowSoftTissue
            | Self::WindowLiver
            | Self::WindowVessels
            | Self::WindowAirways
            | Self::WindowBrain
            | Self::WindowWide => Reach::Scan,
            _ => Reach::Case,
        }
    }

    /// True if what it does shows in the views and the structure list only.
    pub(super) fn needs_views(self) -> bool {
        self.reach() != Reach::Anything
            && !matches!(
                self,
                Self::AddStructures
                    | Self::OpenFollowUp
                    | Self::Export
                    | Self::SendExport
                    | Self::ImportReport
                    | Self::Segment
                    | Self::FindLandmarks
                    | Self::RuleStations
                    | Self::ProposeCtv
                    | Self::NetworkCtv
            )
    }

    /// Label and tooltip in the language of this thread, menu and usual key.
    pub fn info(self) -> ActionInfo {
        let row = self.row();
        ActionInfo { label: t(row.label), tooltip: t(row.tooltip), ..row }
    }

    /// What menus and buttons call it.
    pub fn label(self) -> &'static str {
        self.info().label
    }

    /// What files call it: `tool-brush`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The keys that it has until the user changes them, the one that menus show first.
    pub fn usual_keys(self) -> Vec<Shortcut> {
        let more = match self {
            Self::Redo => [ctrl("Y"), None],
            // The sign lies with or without Shift, as the keyboard has it.
            Self::LargerInterface => [ctrl("Plus"), ctrl_shift("Plus")],
            _ => [None; 2],
        };
        self.row().shortcut.into_iter().chain(more.into_iter().flatten()).collect()
    }

    /// The row of the table, in English: the key of the catalogues.
    pub fn row(self) -> ActionInfo {
        use Menu::{Edit, File, Help, Structure, Tools, View};
        let (label, tooltip, menu, shortcut) = match self {
            Self::Open => ("Open…", "Open a folder with a CT (DICOM or NIfTI) and its structures", File, ctrl("O")),
            Self::AddStructures => (
                "Add structures…",
                "Add a structure set, a DICOM segmentation or NIfTI labels to the open case, as one step of undo",
                File,
                ctrl_shift("O"),
            ),
            Self::OpenFollowUp => (
                "Open follow-up CT…",
                "Lay a later CT with a contoured recurrence over the open case, and find the station in which it lies",
                File,
                None,
            ),
            Self::OpenDemo => ("Open demo case", "A synthetic thorax with stations, made on this computer", File, None),
            Self::Export => (
                "Export…",
                "Write a new structure set, segmentation or NIfTI files, as chosen beside the button, and prove that they read back the same; no source is ever overwritten",
                File,
                ctrl("E"),
            ),
            Self::Deidentify => (
                "De-identify files…",
                "Copies of CT, structure sets and results without the patient, by DICOM PS3.15 Annex E",
                File,
                ctrl_shift("D"),
            ),
            Self::Quit => ("Quit", "Close Hilum", File, ctrl("Q")),
            Self::Undo => ("Undo", "Take the last step back", Edit, ctrl("Z")),
            Self::Redo => ("Redo", "Do the step again that was taken back", Edit, ctrl_shift("Z")),
            Self::History => (
                "History",
                "Show every step with its structures and slices; a click takes back or does again all up to it",
                Edit,
                ctrl("H"),
            ),
            Self::ToolNavigate => ("Navigate", "Move the crosshair, pan and zoom", Tools, key("V")),
            Self::ToolBrush => ("Brush", "Add to the selected structure", Tools, key("B")),
            Self::ToolEraser => ("Eraser", "Take from the selected structure", Tools, key("E")),
            Self::BrushSmaller => {
                ("Smaller brush", "Reduce the radius by a tenth, at least 0.5 mm", Tools, key("OpenBracket"))
            }
            Self::BrushLarger => {
                ("Larger brush", "Enlarge the radius by a tenth, at least 0.5 mm", Tools, key("CloseBracket"))
            }
            Self::BrushBall => {
                ("Ball brush", "Switch between a disc in the plane and a ball over several slices", Tools, key("D"))
            }
            Self::ToolFreehand => ("Freehand", "Draw a line; what it encloses is added or erased", Tools, key("R")),
            Self::ToolPolygon => {
                ("Polygon", "Click the corners of an area; move vertices of outlines", Tools, key("P"))
            }
            Self::ToolSpline => ("Spline", "Click points; a smooth curve goes through them", Tools, shift("P")),
            Self::ToolNudge => ("Nudge", "Push the outline with a disc or a ball", Tools, key("N")),
            Self::ToolLivewire => ("Livewire", "Click along an organ; the outline follows the edges", Tools, key("W")),
            Self::ToolCut => ("Cut", "Draw a line across the structure; the smaller part goes", Tools, key("K")),
            Self::ToolFlood => {
                ("Flood fill", "Click a voxel; what is connected and as bright is added", Tools, key("Q"))
            }
            Self::ToolDelete => ("Delete ring", "Click a ring to delete it, or a hole to fill it", Tools, key("X")),
            Self::ToolTransform => {
                ("Move, turn, scale", "Move, turn or scale a ring or the structure", Tools, key("T"))
            }
            Self::BrushMode => (
                "Drawing mode",
                "Auto (from inside adds, from outside erases), Add, or Erase, for the brush and all areas",
                Tools,
                shift("D"),
            ),
            Self::ToggleBand => (
                "Range of CT numbers",
                "Add only voxels within the range of CT numbers of the rules, only others, or all",
                Tools,
                shift("B"),
            ),
            Self::ToolRules => (
                "Rules of the tools",
                "Range of CT numbers, inside or outside a structure, stations that do not overlap, locks",
                Tools,
                alt("R"),
            ),
            Self::CopyUp => (
                "Copy to the slice above",
                "Copy the contours of the selected structure to the next slice towards the head, where it has none",
                Structure,
                key("C"),
            ),
            Self::CopyDown => (
                "Copy to the slice below",
                "Copy the contours of the selected structure to the next slice towards the feet, where it has none",
                Structure,
                shift("C"),
            ),
            Self::AcceptCopies => (
                "Accept copied slices",
                "The copied slices of the selected structure are right as they are; they no longer count as not reviewed",
                Structure,
                None,
            ),
            Self::ToolHelp => {
                ("Help for the tools", "A page for each tool: what it does, keys, and what to know", Help, None)
            }
            Self::SliceUp => ("Slice up", "One slice towards the head", View, key("PageUp")),
            Self::SliceDown => ("Slice down", "One slice towards the feet", View, key("PageDown")),
            Self::GoToSelected => ("Go to structure", "Centre the views on the selected structure", View, key("G")),
            Self::WindowMediastinum => ("Window mediastinum", "Centre 40 HU, width 400 HU", View, key("1")),
            Self::WindowLung => ("Window lung", "Centre -600 HU, width 1500 HU", View, key("2")),
            Self::WindowBone => ("Window bone", "Centre 400 HU, width 1800 HU", View, key("3")),
            Self::FitViews => ("Fit views", "Show the whole scan in every view", View, key("F")),
            Self::ToggleContours => (
                "Hide contours",
                "Hide or show all contours and fills; H hides them while it is held",
                View,
                shift("H"),
            ),
            Self::ToggleOverlay => (
                "Show or hide overlay",
                "Show or hide PET, dose or uncertainty over the CT; the first one where none is chosen",
                View,
                key("O"),
            ),
            Self::NextOverlay => {
                ("Next overlay", "Show the next overlay of this case: PET, dose, uncertainty", View, shift("O"))
            }
            Self::ToggleIsodoses => ("Isodose lines", "Show or hide the isodose lines", View, key("I")),
            Self::ToggleIsodoseLabels => {
                ("Isodose labels", "Show or hide the labels of the isodose lines", View, key("L"))
            }
            Self::ToggleDoseUnit => {
                ("Dose in Gy or percent", "Switch between Gy and percent of the reference", View, key("U"))
            }
            Self::ToggleInterpolation => (
                "Interpolated or raw voxels",
                "Show values between the voxels, or every voxel as it is",
                View,
                shift("I"),
            ),
            Self::SlabThickness => (
                "Slab thickness",
                "Show a slab of 5, 10 or 20 mm along the line of sight, or a plane again",
                View,
                shift("T"),
            ),
            Self::SlabMode => (
                "Slab mode",
                "Show the maximum (MIP), the minimum (MinIP) or the average of the slab",
                View,
                shift("V"),
            ),
            Self::HideIdentifiers => (
                "Hide identifiers",
                "Hide or show patient name, ID and dates in the window and in pictures",
                View,
                ctrl_shift("H"),
            ),
            Self::Review => ("Review workspace", "Look at and correct contours", View, ctrl("1")),
            Self::Cohort => ("Cohort workspace", "Recurrences by station", View, ctrl("2")),
            Self::Teach => ("Teach workspace", "Contour, compare, understand", View, ctrl("3")),
            Self::Archive => {
                ("Archive workspace", "Search, retrieve and receive studies of an archive (PACS)", View, ctrl("4"))
            }
            Self::SendExport => (
                "Send the export to the archive",
                "Store the structure set that was exported last in the chosen archive",
                File,
                None,
            ),
            Self::ToggleSelected => {
                ("Show or hide structure", "Show or hide the selected structure", Structure, key("S"))
            }
            Self::ShowAll => ("Show all structures", "Show every structure", Structure, key("A")),
            Self::HideAll => ("Hide all structures", "Hide every structure", Structure, shift("A")),
            Self::NewStructure => ("New structure", "Add an empty structure and select it", Structure, ctrl("N")),
            Self::DeleteSelected => {
                ("Delete structure", "Remove the selected structure; undo brings it back", Structure, ctrl("Delete"))
            }
            Self::Segment => (
                "Contour stations with DiUnet",
                "Run the network on this computer; the result enters as one step of undo",
                Structure,
                ctrl("R"),
            ),
            Self::FindLandmarks => (
                "Find landmarks",
                "Find body, lungs, airway and the landmarks of the stations in the CT, on this computer",
                Structure,
                ctrl("L"),
            ),
            Self::RuleStations => (
                "Stations by the rules",
                "Draw the 16 stations from the landmarks by the IASLC map of 2009, as proposals to be corrected; one step of undo",
                Structure,
                ctrl_shift("L"),
            ),
            Self::ToggleLandmarks => (
                "Show or hide landmarks",
                "Show the landmarks in the views, as lines and handles that can be dragged, and what the rules draw from them",
                View,
                alt("L"),
            ),
            Self::NextFinding => (
                "Next finding of the border check",
                "Go to the next place where station contours and rules differ",
                View,
                key("F8"),
            ),
            Self::PreviousFinding => (
                "Previous finding of the border check",
                "Go to the place before where station contours and rules differ",
                View,
                shift("F8"),
            ),
            Self::ProposeCtv => (
                "Propose CTV",
                "GTV + 8 mm, kept out of lung and bone; a proposal to be corrected, labelled as such",
                Structure,
                None,
            ),
            Self::NetworkCtv => (
                "Propose CTV with DiUnet",
                "The CTV of the network, learned from synthetic oncologists; a proposal to be corrected",
                Structure,
                None,
            ),
            Self::Palette => ("Command palette", "Find any command by its name", Help, ctrl("K")),
            Self::Messages => ("Messages", "Show every message of this run", Help, ctrl("M")),
            Self::ImportReport => ("Import report", "Show what was noticed while this case was read", Help, ctrl("I")),
            Self::Shortcuts => {
                ("Keyboard shortcuts", "List, find and change the keys of every command", Help, key("F1"))
            }
            Self::Settings => {
                ("Settings", "Language, size of the interface, memory of undo, and what is shown", Edit, ctrl("Comma"))
            }
            Self::LargerInterface => {
                ("Larger interface", "Text and controls larger, up to 250 %", View, ctrl("Equals"))
            }
            Self::SmallerInterface => {
                ("Smaller interface", "Text and controls smaller, down to 100 %", View, ctrl("Minus"))
            }
            Self::UsualInterface => ("Usual size of the interface", "Text and controls at 100 %", View, ctrl("0")),
            Self::Tour => ("Tour", "A minute with the demo case: open, scroll, window, draw, undo, export", Help, None),
            // Views.
            Self::LayoutAxial => {
                ("Axial large", "The axial view large, sagittal and coronal beside it", View, key("F2"))
            }
            Self::LayoutFour => ("Four views", "Axial, sagittal, coronal and 3D", View, key("F3")),
            Self::LayoutCompare => (
                "Side by side",
                "Two axial views: the structures as opened and as they are now, or those of two sources",
                View,
                key("F4"),
            ),
            Self::LinkViews => (
                "Link views",
                "Linked: a click brings all views to the point, two axial views go together. Free: every view keeps its place",
                View,
                shift("F"),
            ),
            Self::NextContourSlice => (
                "Next slice of the structure",
                "The next slice towards the head with contours of the selected structure",
                View,
                key("Period"),
            ),
            Self::PreviousContourSlice => (
                "Previous slice of the structure",
                "The next slice towards the feet with contours of the selected structure",
                View,
                key("Comma"),
            ),
            Self::NextEditedSlice => (
                "Next changed slice",
                "The next slice towards the head that differs from what was opened",
                View,
                shift("Period"),
            ),
            Self::PreviousEditedSlice => (
                "Previous changed slice",
                "The next slice towards the feet that differs from what was opened",
                View,
                shift("Comma"),
            ),
            Self::NextUnseenSlice => (
                "Next slice not looked at",
                "The next slice towards the head, then from the feet, that was not shown for half a second",
                View,
                key("J"),
            ),
            Self::PreviousUnseenSlice => (
                "Previous slice not looked at",
                "The next slice towards the feet, then from the head, that was not shown for half a second",
                View,
                shift("J"),
            ),
            Self::NextGap => (
                "Next gap in the structure",
                "The next slice without contours between slices with contours of the selected structure",
                View,
                shift("G"),
            ),
            Self::WindowSoftTissue => ("Window soft tissue", "Centre 50 HU, width 350 HU", View, key("4")),
            Self::WindowLiver => ("Window liver", "Centre 80 HU, width 150 HU", View, key("5")),
            Self::WindowVessels => ("Window vessels", "Centre 100 HU, width 700 HU", View, key("6")),
            Self::WindowAirways => ("Window airways", "Centre -450 HU, width 1200 HU", View, key("7")),
            Self::WindowBrain => ("Window brain", "Centre 40 HU, width 80 HU", View, key("8")),
            Self::WindowWide => ("Window wide", "Centre 0 HU, width 2000 HU", View, key("9")),
            Self::Isolate => {
                ("Isolate structure", "Show the selected structure alone, and all again", Structure, key("Z"))
            }
            Self::ContourLabels => {
                ("Contour labels", "Show or hide names beside the contours in axial views", View, shift("L"))
            }
            Self::StructureList => (
                "Structure list",
                "Show the structures left of the views, or give the views their room",
                View,
                key("F6"),
            ),
            Self::Assessment => (
                "Assessment",
                "Show risk, features and export right of the views, or give the views their room",
                View,
                key("F7"),
            ),
            Self::ContourStyle => {
                ("Outline, fill or both", "Draw outlines and fills, outlines only, or fills only", View, None)
            }
            Self::MeasureDistance => ("Measure a distance", "Two points, in mm", Tools, key("M")),
            Self::MeasureAngle => ("Measure an angle", "Three points; the angle is at the second", Tools, shift("M")),
            Self::MeasureCircle => (
                "Measure HU in a circle",
                "Mean, standard deviation, least and greatest CT number inside a circle",
                Tools,
                shift("R"),
            ),
            Self::ClearMeasurements => {
                ("Remove all measurements", "Measurements are not part of the case", Tools, None)
            }
            Self::ToggleDifference => (
                "Difference view",
                "Show by colour how far a set of structures lies from another one: as opened and now, or two sources",
                View,
                ctrl("D"),
            ),
            Self::NextDifference => (
                "Next difference",
                "The next slice towards the head, then from the feet, that differs by more than the tolerance",
                View,
                shift("N"),
            ),
            Self::PreviousDifference => (
                "Previous difference",
                "The next slice towards the feet, then from the head, that differs by more than the tolerance",
                View,
                ctrl_shift("N"),
            ),
            Self::LargestDifference => {
                ("Largest difference", "The slice on which what is compared differs most", View, None)
            }
            Self::CopyPicture => (
                "Copy picture",
                "Copy the view in use as it is on the screen to the clipboard, with the words that it is for research",
                Edit,
                ctrl("P"),
            ),
            Self::SavePicture => {
                ("Save picture…", "Write the view in use as it is on the screen into a PNG file", File, ctrl_shift("P"))
            }
            // Structures.
            Self::Operations => (
                "Operations…",
                "Margins, unions, smoothing and more of whole structures, into this or a new structure",
                Structure,
                ctrl("B"),
            ),
            Self::UpdateDerived => (
                "Update derived structures",
                "Make every structure again that is derived from others which were edited since",
                Structure,
                None,
            ),
            Self::InterpolationPreview => (
                "Preview of missing slices",
                "Show or hide, dashed, contours for the empty slices between drawn ones of the selected structure",
                Structure,
                key("Y"),
            ),
            Self::AcceptInterpolation => (
                "Fill missing slices",
                "Accept the dashed contours between drawn slices of the selected structure, as one step of undo",
                Structure,
                shift("Y"),
            ),
        };
        ActionInfo { label, tooltip, menu, shortcut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use strum::IntoEnumIterator;

    #[test]
    fn labels_and_shortcuts_are_unique() {
        let labels: Vec<_> = Action::iter().map(Action::label).collect();
        let keys: Vec<_> = Action::iter().flat_map(Action::usual_keys).collect();
        assert_eq!(labels.iter().collect::<HashSet<_>>().len(), labels.len());
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }
}
