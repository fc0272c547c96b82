//! How long an edit takes until it is on the screen: the real window, driven by pointer and keys, drawn off screen.
//!
//! A frame takes in what pointer and keys did, performs it and shows it: a time is that of one frame, from the event until
//! it is tessellated, on the processor. The adapter's own work overlaps with the next frame and is left out.

use super::frame_bench::OffScreen;
use crate::structures::Role;
use crate::workbench::{Command, LoadedCase, ToolKind};
use anyhow::{Context as _, bail, ensure};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, vec2};
use std::time::Duration;

/// Times from an event to its frame.
#[derive(Debug)]
pub struct EditTimes {
    /// Name of the graphics adapter.
    pub adapter: String,
    /// Press and every drag of a stroke.
    pub stroke: Vec<Duration>,
    /// The release that ends it as one step of undo.
    pub commit: Vec<Duration>,
    /// A key that takes another tool.
    pub tool: Vec<Duration>,
}

/// Samples of the pointer between press and release.
const DRAGS: usize = 18;
/// Tools that paint in turn, by their keys.
const TOOLS: [(Key, ToolKind); 3] = [(Key::B, ToolKind::Brush), (Key::E, ToolKind::Eraser), (Key::N, ToolKind::Nudge)];

/// Measures strokes across the border of the CTV of a case; `go_on` is told how many are done, and may stop.
///
/// # Errors
/// Without a graphics adapter, for a case without a CTV in the axial view, and where a stroke changed nothing or a tool
/// was not taken, which would make the times worthless.
pub fn measure_edits(
    case: LoadedCase,
    size: [u32; 2],
    strokes: usize,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> anyhow::Result<EditTimes> {
    let mut bench = OffScreen::new(size)?;
    let target = case.case.structures().with_role(Role::Ctv).map(|r| r.id).next().context("the case has no CTV")?;
    bench.app.take_case(case);
    let radius = Command::SetBrushRadius(9.0);
    for command in [Command::SelectRoi(Some(target)), Command::GoToRoi(target), radius] {
        bench.app.sender().send(command);
    }
    for _ in 0..10 {
        bench.step(Vec::new(), false)?;
    }
    let mut times = EditTimes { adapter: bench.adapter(), stroke: Vec::new(), commit: Vec::new(), tool: Vec::new() };
    for n in 0..strokes {
        if !go_on(n) {
            break;
        }
        let (key, tool) = TOOLS[n % TOOLS.len()];
        // A key that is not let go repeats, and no tool listens to that.
        let press =
            |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
        times.tool.push(shown(&mut bench, vec![press(true), press(false)])?);
        ensure!(bench.app.workbench().tool() == tool, "the key did not take the tool; the measurement is void");
        let before = bench.app.workbench().case().map(|c| (c.revision(), c.history().len()));
        stroke(&mut bench, n, &mut times)?;
        let after = bench.app.workbench().case().map(|c| (c.revision(), c.history().len()));
        let (Some((revision, steps)), Some((now, steps_now))) = (before, after) else { bail!("the case was closed") };
        ensure!(now > revision && steps_now == steps + 1, "stroke {n} changed nothing; the measurement is void");
        let live = bench.app.workbench().live().map(|live| live.features().revision);
        ensure!(live == Some(now), "the features were not current; the measurement is void");
        // Every stroke meets the same outline.
        bench.app.sender().send(Command::Undo);
        shown(&mut bench, Vec::new())?;
    }
    Ok(times)
}

/// One stroke along a part of a circle around the crosshair, further round with every stroke.
fn stroke(bench: &mut OffScreen, n: usize, times: &mut EditTimes) -> anyhow::Result<()> {
    let place = |bench: &OffScreen, m: usize| {
        let angle = n as f32 * 0.7 + m as f32 * 0.03;
        let radius = 45.0 + 6.0 * (n as f32 * 1.3 + m as f32 * 0.5).sin();
        bench.on_screen(radius * vec2(angle.cos(), angle.sin()))
    };
    let button = |pos: Pos2, pressed: bool| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let first = place(bench, 0)?;
    // The pointer is there before it presses.
    bench.step(vec![Event::PointerMoved(first)], false)?;
    times.stroke.push(shown(bench, vec![button(first, true)])?);
    let mut last = first;
    for m in 1..=DRAGS {
        last = place(bench, m)?;
        times.stroke.push(shown(bench, vec![Event::PointerMoved(last)])?);
    }
    times.commit.push(shown(bench, vec![button(last, false)])?);
    Ok(())
}

/// The time of the frame that takes events in and shows what they did.
fn shown(bench: &mut OffScreen, events: Vec<Event>) -> anyhow::Result<Duration> {
    Ok(bench.step(events, false)?[0])
}
