//! The report of a risk model: how it was made and how well it predicts, both procedures side by side, and what happens when
//! features are selected outside the folds.

use super::super::super::icons::Icon;
use super::super::super::panel::PanelInput;
use super::super::super::privacy::{path_words, risk_provenance};
use super::super::super::theme;
use super::super::super::widgets::{card, faint, segmented, status_line};
use super::{heading, procedure_words};
use crate::features::{catalogue, feature_index};
use crate::risk::{CurvePoint, Performance, Procedure, RiskReport, Share};
use crate::studies::train_risk::PAGE_FILE;
use crate::survival::Interval;
use crate::tf;
use crate::words::{t, told, told_sentence};
use crate::workbench::{Command, ReadModel};
use eframe::egui::{self, Grid, RichText, Ui, Vec2b, vec2};
use egui_plot::{AxisHints, FilledArea, GridInput, GridMark, HLine, Line, LineStyle, Plot, PlotPoints, Points};

/// What the report keeps between frames.
#[derive(Debug, Default)]
pub struct ReportState {
    shown: Procedure,
}

const PLOT_SIZE: [f32; 2] = [330.0, 240.0];
/// Rows of the table of features.
const FEATURES_SHOWN: usize = 24;

/// Shows the report.
pub fn report_ui(ui: &mut Ui, input: &PanelInput<'_>, read: &ReadModel, state: &mut ReportState) {
    let (manifest, report) = (read.model.manifest(), read.model.report());
    ui.label(
        RichText::new(t("How the risk model was made, and how well it predicts"))
            .font(theme::strong(theme::SIZE_TITLE)),
    );
    let icon = if manifest.simulated { Icon::Warning } else { Icon::Info };
    status_line(ui, icon, &risk_provenance(input.workbench, manifest));
    ui.add_space(theme::SPACE_2);
    card(ui, |ui| both_ui(ui, report));
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| lesson_ui(ui, input, report));
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| {
        let options = [Procedure::Recommended, Procedure::Paper].map(|p| (p, procedure_words(p)));
        if let Some(chosen) = segmented(ui, t("Procedure that is shown"), &options, state.shown) {
            state.shown = chosen;
        }
        let (performance, steps, curve) = match state.shown {
            Procedure::Recommended => {
                (Some(&report.recommended.performance), &report.recommended.steps, &report.recommended.curve)
            }
            Procedure::Paper => (report.paper.performance.as_ref(), &report.paper.steps, &report.paper.curve),
        };
        for (n, step) in steps.iter().enumerate() {
            faint(ui, &format!("{}. {}", n + 1, told_sentence(step)));
        }
        ui.add_space(theme::SPACE_2);
        match performance {
            Some(performance) => {
                figures_ui(ui, performance, curve);
                ui.add_space(theme::SPACE_2);
                numbers_ui(ui, performance);
            }
            None => {
                status_line(ui, Icon::Info, t("The patients held out are all alike: nothing can be said"));
            }
        }
    });
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| features_ui(ui, report));
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| compared_ui(ui, report));
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| flow_ui(ui, input, read));
}

fn between(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |i| format!("{:.2}\u{2013}{:.2}", i.lower, i.upper))
}

fn number(value: Option<f64>) -> String {
    // Adding 0 makes a rounded -0 one without a sign.
    value.map_or_else(|| t("none").to_owned(), |v| format!("{:.2}", (v * 100.0).round() / 100.0 + 0.0))
}

fn share(s: Share) -> String {
    let value = s.value.map_or_else(|| t("none").to_owned(), |v| format!("{:.0} %", 100.0 * v));
    format!("{value} ({:.0}\u{2013}{:.0})", 100.0 * s.interval.lower, 100.0 * s.interval.upper)
}

/// A table: its head, then rows; all cells are texts.
fn table(ui: &mut Ui, name: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    egui::ScrollArea::horizontal().id_salt(name).show(ui, |ui| {
        Grid::new(name).striped(true).spacing(vec2(theme::SPACE_3, 3.0)).show(ui, |ui| {
            for cell in head {
                ui.label(RichText::new(*cell).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
            }
            ui.end_row();
            for row in rows {
                for cell in row {
                    ui.label(cell);
                }
                ui.end_row();
            }
        });
    });
}

fn both_ui(ui: &mut Ui, report: &RiskReport) {
    heading(ui, t("Both procedures on the same patients"));
    faint(
        ui,
        &tf!(
            "{endpoint}: {events} of {patients} patients, {candidates} candidate features",
            endpoint = told_sentence(&report.endpoint),
            events = report.events,
            patients = report.patients,
            candidates = report.candidates
        ),
    );
    let row = |name: &str, p: Option<&Performance>, features: usize, used: bool| {
        let of = |f: &dyn Fn(&Performance) -> String| p.map_or_else(String::new, f);
        vec![
            name.to_owned(),
            of(&|p| p.patients.to_string()),
            of(&|p| format!("{:.2}", p.auc)),
            of(&|p| between(p.auc_interval)),
            of(&|p| p.thresholds.first().map_or_else(String::new, |h| share(h.accuracy))),
            of(&|p| format!("{:.3}", p.brier)),
            features.to_string(),
            if used { t("forest of this model").to_owned() } else { String::new() },
        ]
    };
    let (a, b) = (&report.recommended, &report.paper);
    let rows = [
        row(
            procedure_words(Procedure::Recommended),
            Some(&a.performance),
            a.features.len(),
            report.procedure == Procedure::Recommended,
        ),
        row(
            procedure_words(Procedure::Paper),
            b.performance.as_ref(),
            b.features.len(),
            report.procedure == Procedure::Paper,
        ),
    ];
    let head = ["", t("Judged on"), "AUC", "95 %", t("Accuracy at one half"), t("Brier score"), t("Features"), ""];
    table(ui, "both procedures", &head, rows.into_iter());
    faint(ui, t("One held-out part is small: its figure is uncertain, and may be lucky or unlucky"));
}

/// Why selection belongs inside the folds.
fn lesson_ui(ui: &mut Ui, input: &PanelInput<'_>, report: &RiskReport) {
    heading(ui, t("Why features must be selected inside the folds"));
    faint(
        ui,
        &tf!(
            "On these patients: AUC {nested:.2} with all steps inside the folds, {leaky:.2} if features are selected on all patients first",
            nested = report.recommended.performance.auc,
            leaky = report.leaky_auc
        ),
    );
    faint(
        ui,
        t("Try it on pure noise: 180 patients, 110 values that have nothing to do with the outcome. The truth is 0.50"),
    );
    let workbench = input.workbench;
    ui.horizontal(|ui| {
        let running = workbench.is_lesson_running();
        let button = ui.add_enabled(!running, egui::Button::new(t("Draw noise and judge")));
        if button.clicked() {
            input.sender.send(Command::DrawLesson);
        }
        if running {
            ui.spinner();
            faint(ui, t("Both ways are being judged"));
        }
    });
    let lessons = workbench.lessons();
    if lessons.is_empty() {
        return;
    }
    let points = |of: &dyn Fn(&crate::risk::NoiseLesson) -> f64| -> Vec<[f64; 2]> {
        lessons.iter().enumerate().map(|(n, l)| [n as f64 + 1.0, of(l)]).collect()
    };
    let shown = Plot::new("noise lesson")
        .height(170.0)
        .width(ui.available_width().min(620.0))
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .include_y(0.3)
        .include_y(1.0)
        .include_x(0.5)
        .include_x(lessons.len().max(5) as f64 + 0.5)
        .y_axis_label("AUC")
        .legend(egui_plot::Legend::default())
        .show(ui, |plot| {
            plot.hline(HLine::new(t("Truth"), 0.5).color(theme::TEXT_FAINT).style(LineStyle::dashed_loose()));
            let inside = Points::new(t("Inside the folds"), points(&|l| l.nested));
            plot.points(inside.radius(4.0).color(theme::INFO).shape(egui_plot::MarkerShape::Circle));
            let leaking = Points::new(t("Selected on all patients first"), points(&|l| l.leaky));
            plot.points(leaking.radius(5.0).color(theme::WARNING).shape(egui_plot::MarkerShape::Diamond));
        });
    label(&shown.response, t("AUC on pure noise"));
    if let Some(last) = lessons.last() {
        faint(
            ui,
            &tf!(
                "Last draw: {nested:.2} inside the folds, {leaky:.2} with the leak",
                nested = last.nested,
                leaky = last.leaky
            ),
        );
    }
}

fn label(response: &egui::Response, words: &str) {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Figure, true, words));
}

fn plot(name: &str, [x, y]: [&str; 2]) -> Plot<'static> {
    Plot::new(name.to_owned())
        .width(PLOT_SIZE[0])
        .height(PLOT_SIZE[1])
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_grid(Vec2b::new(true, true))
        // Small plots: closer together than usual, a number still stands at every line.
        .custom_x_axes(vec![AxisHints::new_x().label(x.to_owned()).label_spacing(12.0..=24.0)])
        .y_axis_label(y.to_owned())
}

fn unit(plot: Plot<'static>) -> Plot<'static> {
    fifths(plot).include_x(0.0).include_x(1.0).include_y(0.0).include_y(1.0)
}

/// Grid lines at 0, 0.2, ... only, and none beyond the edges: their words would stand outside the plot.
fn fifths(plot: Plot<'static>) -> Plot<'static> {
    let marks = |input: GridInput| {
        let (low, high) = input.bounds;
        let values = (-5..=5).map(|n| f64::from(n) / 5.0).filter(|value| (low..=high).contains(value));
        values.map(|value| GridMark { value, step_size: 0.2 }).collect::<Vec<_>>()
    };
    plot.x_grid_spacer(marks).y_grid_spacer(marks)
}

fn diagonal() -> Line<'static> {
    Line::new(t("Chance"), PlotPoints::from(vec![[0.0, 0.0], [1.0, 1.0]]))
        .color(theme::TEXT_FAINT)
        .style(LineStyle::dashed_loose())
        .allow_hover(false)
}

fn figures_ui(ui: &mut Ui, p: &Performance, curve: &[CurvePoint]) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_3, theme::SPACE_3);
        figure(ui, t("ROC with its 95 % band"), |ui| {
            let x: Vec<f64> = p.roc.iter().map(|r| r.false_positive_rate).collect();
            let lower: Vec<f64> = p.roc.iter().map(|r| r.band.lower).collect();
            let upper: Vec<f64> = p.roc.iter().map(|r| r.band.upper).collect();
            let line: Vec<[f64; 2]> = p.roc.iter().map(|r| [r.false_positive_rate, r.sensitivity]).collect();
            unit(plot("roc", [t("1 - specificity"), t("Sensitivity")])).show(ui, |plot| {
                plot.add(
                    FilledArea::new(t("95 % band"), &x, &lower, &upper).fill_color(theme::INFO.gamma_multiply(0.25)),
                );
                plot.line(diagonal());
                plot.line(Line::new("ROC", PlotPoints::from(line)).color(theme::INFO).width(1.8));
            })
        });
        figure(ui, t("Precision and recall"), |ui| {
            let line: Vec<[f64; 2]> = p.precision_recall.iter().map(|q| [q.recall, q.precision]).collect();
            let prevalence = p.events as f64 / p.patients as f64;
            unit(plot("precision", [t("Recall"), t("Precision")])).show(ui, |plot| {
                plot.hline(
                    HLine::new(t("Share of events"), prevalence)
                        .color(theme::TEXT_FAINT)
                        .style(LineStyle::dashed_loose()),
                );
                plot.line(Line::new(t("Precision"), PlotPoints::from(line)).color(theme::INFO).width(1.8));
            })
        });
        figure(ui, t("Calibration"), |ui| {
            unit(plot("calibration", [t("Predicted"), t("Observed")])).show(ui, |plot| {
                plot.line(diagonal());
                for bin in &p.bins {
                    let whisker = vec![[bin.predicted, bin.interval.lower], [bin.predicted, bin.interval.upper]];
                    plot.line(Line::new("95 %", PlotPoints::from(whisker)).color(theme::INFO).allow_hover(false));
                }
                let dots: Vec<[f64; 2]> = p.bins.iter().map(|b| [b.predicted, b.observed]).collect();
                plot.points(Points::new(t("Groups of patients"), dots).radius(4.0).color(theme::INFO));
            })
        });
        figure(ui, t("Decision curve"), |ui| {
            let model: Vec<[f64; 2]> = p.decision.iter().map(|d| [d.threshold, d.model]).collect();
            let all: Vec<[f64; 2]> = p.decision.iter().map(|d| [d.threshold, d.all]).collect();
            // What lies far below nobody's benefit says nothing more.
            let all: Vec<[f64; 2]> = all.into_iter().filter(|[_, benefit]| *benefit > -0.15).collect();
            fifths(plot("decision", [t("Threshold probability"), t("Net benefit")]))
                .include_x(0.0)
                .include_y(-0.2)
                .show(ui, |plot| {
                    plot.hline(HLine::new(t("Nobody"), 0.0).color(theme::TEXT_FAINT));
                    plot.line(
                        Line::new(t("Everyone"), PlotPoints::from(all))
                            .color(theme::WARNING)
                            .style(LineStyle::dashed_loose()),
                    );
                    plot.line(Line::new(t("Model"), PlotPoints::from(model)).color(theme::INFO).width(1.8));
                })
        });
        if !curve.is_empty() {
            figure(ui, t("Elimination of features"), |ui| {
                let x: Vec<f64> = curve.iter().rev().map(|c| c.features as f64).collect();
                let lower: Vec<f64> = curve.iter().rev().map(|c| c.auc - c.standard_error).collect();
                let upper: Vec<f64> = curve.iter().rev().map(|c| c.auc + c.standard_error).collect();
                let line: Vec<[f64; 2]> = curve.iter().rev().map(|c| [c.features as f64, c.auc]).collect();
                plot("elimination", [t("Features"), t("AUC of the folds")]).show(ui, |plot| {
                    plot.add(
                        FilledArea::new(t("Standard error"), &x, &lower, &upper)
                            .fill_color(theme::INFO.gamma_multiply(0.25)),
                    );
                    plot.line(Line::new("AUC", PlotPoints::from(line)).color(theme::INFO).width(1.8));
                })
            });
        }
    });
}

/// A plot under its title.
fn figure<R>(ui: &mut Ui, title: &str, show: impl FnOnce(&mut Ui) -> egui_plot::PlotResponse<R>) {
    ui.allocate_ui(vec2(PLOT_SIZE[0], PLOT_SIZE[1] + 24.0), |ui| {
        ui.vertical(|ui| {
            ui.label(RichText::new(title).color(theme::TEXT_SECONDARY));
            let response = show(ui).response;
            label(&response, title);
        });
    });
}

fn numbers_ui(ui: &mut Ui, p: &Performance) {
    let rows = [
        (
            t("Average precision (share of events)"),
            format!("{:.2} ({:.2})", p.average_precision, p.events as f64 / p.patients as f64),
        ),
        (t("Brier score, scaled"), format!("{:.3}, {:.2}", p.brier, p.scaled_brier)),
        (
            t("Calibration intercept, slope"),
            format!("{}, {}", number(p.calibration_intercept), number(p.calibration_slope)),
        ),
        (t("Calibration in the large"), number(p.calibration_in_the_large)),
    ];
    table(
        ui,
        "numbers",
        &[t("Measure"), t("Value")],
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]),
    );
    ui.add_space(theme::SPACE_2);
    let head = [
        t("Threshold"),
        t("At"),
        t("TP, FP, FN, TN"),
        t("Sensitivity"),
        t("Specificity"),
        "PPV",
        "NPV",
        t("Accuracy"),
        "F1",
        "MCC",
    ];
    let rows = p.thresholds.iter().map(|h| {
        vec![
            told(&h.name).to_owned(),
            format!("{:.2}", h.threshold),
            format!("{}, {}, {}, {}", h.true_positive, h.false_positive, h.false_negative, h.true_negative),
            share(h.sensitivity),
            share(h.specificity),
            share(h.ppv),
            share(h.npv),
            share(h.accuracy),
            format!("{:.2}", h.f1),
            format!("{:.2}", h.matthews),
        ]
    });
    table(ui, "thresholds", &head, rows);
}

fn readable(feature: &str) -> String {
    feature_index(feature).map_or_else(|| feature.to_owned(), |n| told_sentence(&catalogue()[n].description))
}

fn features_ui(ui: &mut Ui, report: &RiskReport) {
    heading(ui, t("How stable the selection is"));
    faint(
        ui,
        &tf!(
            "Agreement between the folds (Nogueira): {value}. 1 is always the same, 0 is chance",
            value = number(report.recommended.stability)
        ),
    );
    let simulated = !report.true_features.is_empty();
    let mut head = vec![t("Feature"), t("Kept in folds"), t("In the model")];
    if simulated {
        head.push(t("Acts in the known truth"));
    }
    let rows = report.recommended.shares.iter().take(FEATURES_SHOWN).map(|s| {
        let yes = |b: bool| if b { t("yes") } else { "" }.to_owned();
        let mut row = vec![readable(&s.feature), format!("{:.0} %", 100.0 * s.share), yes(s.kept)];
        if simulated {
            row.push(yes(report.true_features.contains(&s.feature)));
        }
        row
    });
    table(ui, "features kept", &head, rows);
}

fn compared_ui(ui: &mut Ui, report: &RiskReport) {
    heading(ui, t("Plain models in the same folds"));
    let forest = &report.recommended.performance;
    let first = vec![
        t("This forest").to_owned(),
        format!("{:.2}", forest.auc),
        between(forest.auc_interval),
        format!("{:.3}", forest.brier),
    ];
    let rows = report.baselines.iter().map(|b| {
        vec![
            told(&b.name).to_owned(),
            number(b.auc),
            between(b.interval),
            b.brier.map_or_else(String::new, |v| format!("{v:.3}")),
        ]
    });
    table(ui, "plain models", &[t("Model"), "AUC", "95 %", t("Brier score")], std::iter::once(first).chain(rows));
    ui.add_space(theme::SPACE_2);
    heading(ui, t("Subgroups"));
    let rows = report.subgroups.iter().map(|s| {
        vec![
            told(&s.name).to_owned(),
            s.patients.to_string(),
            s.events.to_string(),
            number(s.auc),
            between(s.interval),
            format!("{:+.0} %", 100.0 * s.excess),
        ]
    });
    let head = [t("Group"), "n", t("Events"), "AUC", "95 %", t("Mean probability less share of events")];
    table(ui, "subgroups", &head, rows);
    ui.add_space(theme::SPACE_2);
    heading(ui, t("Outer folds"));
    let rows = report.recommended.folds.iter().map(|f| {
        vec![
            format!("{}.{}", f.repeat + 1, f.fold + 1),
            f.patients.to_string(),
            f.events.to_string(),
            number(f.auc),
            f.features.len().to_string(),
            f.params.trees.to_string(),
        ]
    });
    let head = [t("Repeat.fold"), "n", t("Events"), "AUC", t("Features"), t("Trees")];
    egui::CollapsingHeader::new(tf!("{count} folds", count = report.recommended.folds.len()))
        .id_salt("outer folds")
        .show(ui, |ui| table(ui, "outer folds table", &head, rows));
}

fn flow_ui(ui: &mut Ui, input: &PanelInput<'_>, read: &ReadModel) {
    let report = read.model.report();
    heading(ui, t("From the cohort to the table"));
    let rows = report.flow.iter().map(|f| vec![told(&f.what).to_owned(), f.patients.to_string()]);
    table(ui, "flow", &[t("Step"), "n"], rows);
    if let Some(truth) = &report.truth {
        ui.add_space(theme::SPACE_2);
        egui::CollapsingHeader::new(t("The truth behind the simulated patients"))
            .show(ui, |ui| ui.label(RichText::new(truth).monospace().size(theme::SIZE_SMALL + 1.0)));
    }
    ui.add_space(theme::SPACE_2);
    if let Some(page) = path_words(input.workbench, &read.folder.join(PAGE_FILE)) {
        faint(ui, &tf!("The same as a page with the items of TRIPOD+AI: {page}", page));
    }
    faint(ui, t("Association, not the effect of covering a station"));
}
