//! The model card: what a person should know about a set of weights, written from its manifest alone.

use super::manifest::ModelManifest;
use crate::structures::Station;
use std::fmt::Write;

/// File name of the card within the model folder.
pub const MODEL_CARD: &str = "MODEL_CARD.md";

macro_rules! line {
    ($card:expr, $($part:tt)*) => {{
        // Writing into a text cannot fail.
        let _infallible = writeln!($card, $($part)*);
    }};
}

fn list<T: std::fmt::Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A whole number with its digits in groups of three.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = (0..digits.len())
        .step_by(3)
        .map(|from_end| &digits[(digits.len() - from_end).saturating_sub(3)..digits.len() - from_end])
        .collect();
    groups.into_iter().rev().collect::<Vec<_>>().join(" ")
}

fn patients(n: usize) -> String {
    if n == 1 { "1 patient".into() } else { format!("{n} patients") }
}

impl ModelManifest {
    /// The card in Markdown. It says nothing that the manifest does not say.
    pub fn model_card(&self) -> String {
        let (architecture, t) = (self.variant.architecture(), &self.training);
        let mut card = String::new();
        line!(card, "# DiUnet-R {}: {}\n", self.variant, self.model_id);
        match &t.cohort {
            None => {
                line!(card, "**Synthetic. {}**\n", crate::RESEARCH_ONLY);
                line!(
                    card,
                    "These weights have never seen a patient. On real scans they show how the program works, not where the stations are.\n"
                );
            }
            Some(c) => {
                line!(card, "**{}**\n", crate::RESEARCH_ONLY);
                line!(
                    card,
                    "These weights have learned from phantoms and from {}. On other scanners, other patients and other readers they may\nbe wrong.\n",
                    patients(c.patients - c.held_out)
                );
            }
        }
        line!(card, "| | |\n| --- | --- |");
        line!(
            card,
            "| Task | {} lymph node stations ({}), disjoint, on chest CT |",
            self.classes.len(),
            self.classes.join(" ")
        );
        line!(
            card,
            "| Network | DiUnet-R, variant `{}`: CT encoder and GTV encoder, fused level by level, one decoder; {} parameters with the batch normalisation {} |",
            self.variant,
            grouped(architecture.parameter_count(self.folded)),
            if self.folded { "folded" } else { "unfolded" }
        );
        line!(
            card,
            "| Why \"-R\" | The layers of the published DiUnet are not public; this is a reconstruction from its description. No weights of the authors exist here |"
        );
        let distance = if architecture.gtv_channels_per_slice > 1 {
            format!(" and signed distance cut at {} mm", self.distance_clip_mm)
        } else {
            String::new()
        };
        let guide = if architecture.guide_channels > 0 {
            "; and where each pixel lies, from the trachea and between carina, lobar bronchi, aortic arch, manubrium, apex and diaphragm as far as they are found in the scan"
        } else {
            ""
        };
        let slices = if self.slices == 1 {
            "One slice".to_owned()
        } else {
            format!("{} slices {} mm apart", self.slices, self.neighbor_mm)
        };
        line!(
            card,
            "| Input | {slices} at {} mm pixels, {} x {} around the lungs, window {} to {} HU; GTV (GTVp and GTVn together) as mask{distance}{guide} |",
            self.spacing_mm,
            self.crop,
            self.crop,
            self.window.center_hu - self.window.width_hu / 2.0,
            self.window.center_hu + self.window.width_hu / 2.0
        );
        line!(
            card,
            "| Output | Softmax over background and stations. A second output is a CTV, learned from the contours of synthetic oncologists: a proposal, mean DSC {:.3} on the phantoms named below |",
            t.ctv_dsc
        );
        line!(card, "| Files | `{}` (16-bit values, SHA-256 {}), `manifest.json` |", self.weights, self.sha256);
        line!(card, "| Made by | {} |\n", self.program);

        line!(card, "## Training data\n\n{}.\n", self.training_data.trim_end_matches('.'));
        line!(
            card,
            "{} phantoms were made, of seeds from {} upwards ({}); each was drawn upon several times.\n",
            t.training_cases,
            t.first_seed,
            match t.phantoms.as_str() {
                "population" => "a population: bodies, scanners, vessels and disease of many sorts",
                _ => "healthy variation around one thorax, one scanner",
            }
        );

        if let Some(c) = &t.cohort {
            line!(
                card,
                "Of the samples{}, {:.0} % were of {} ({}), deformed and with other contrast at random. Their stations are {}.\n",
                // From what was learned before the checkpoint is not known here.
                if t.options.as_ref().is_some_and(|o| o.resumed_from.is_some()) {
                    " of the last part of the training"
                } else {
                    ""
                },
                100.0 * c.share,
                patients(c.patients - c.held_out),
                c.note.trim().trim_end_matches('.'),
                if c.by_rules {
                    "those that the rules of this program draw, not a person's"
                } else {
                    "those of their structure sets; a station that a patient lacks was learned as background"
                }
            );
        }

        line!(card, "## How it did\n");
        line!(
            card,
            "Volume DSC of the rasterized contours through the whole of inference, on {} (seeds {}), on which",
            if t.validation_seeds.len() == 1 {
                "1 phantom".to_owned()
            } else {
                format!("{} phantoms", t.validation_seeds.len())
            },
            list(&t.validation_seeds)
        );
        line!(
            card,
            "the weights were not trained. **The same phantoms also chose the checkpoint** (the best of all validations was kept),\nso these figures are somewhat too good. They say how well the network learned the generator and the rules, and nothing\nabout patients.\n"
        );
        line!(card, "| Station | Mean DSC |\n| --- | --- |");
        for label in Station::all().map(Station::label) {
            match t.station_dsc.get(label) {
                Some(dsc) => line!(card, "| {label} | {dsc:.3} |"),
                None => line!(card, "| {label} | not on these phantoms |"),
            }
        }
        line!(card, "| **All** | **{:.3}** |\n", t.mean_dsc);

        if let Some(c) = &t.cohort {
            match c.mean_dsc {
                None => line!(card, "No patient was held out: how these weights do on patients is not known.\n"),
                Some(mean) => {
                    line!(
                        card,
                        "On {} held out from training, which chose the checkpoint as well, the mean DSC was **{mean:.3}**{}:\n",
                        patients(c.held_out),
                        if c.by_rules { " (agreement with the rules, not accuracy)" } else { "" }
                    );
                    line!(card, "| Station | Mean DSC |\n| --- | --- |");
                    for label in Station::all().map(Station::label) {
                        if let Some(dsc) = c.station_dsc.get(label) {
                            line!(card, "| {label} | {dsc:.3} |");
                        }
                    }
                    line!(card, "");
                }
            }
        }

        if let Some(c) = &self.calibration {
            line!(card, "## How sure it is\n");
            line!(
                card,
                "The program shows one less the probability of what was drawn as *uncertainty*. Logits are divided by a temperature of\n**{:.3}**, and **{:+.3}** is added to the background's (training weights it less).\nBoth were found on {} phantoms{} (seeds {}) and\njudged on {} others (seeds {}); none were trained on.\nVoxels that it takes for background with more than 99 % are counted by themselves ({} voxels, of which {:.2} % are\nbackground); the figures are those of the others.\n",
                c.scaling.temperature,
                c.scaling.background,
                c.fitted_on.len(),
                c.phantoms.as_ref().map_or_else(String::new, |which| format!(" of the {which}")),
                list(&c.fitted_on),
                c.tested_on.len(),
                list(&c.tested_on),
                grouped(c.plain_background.voxels as usize),
                100.0 * c.plain_background.right
            );
            line!(card, "| | Without | With |\n| --- | --- | --- |");
            line!(card, "| Expected calibration error | {:.4} | {:.4} |", c.expected_error[0], c.expected_error[1]);
            line!(card, "| Mean log loss | {:.4} | {:.4} |\n", c.mean_log_loss[0], c.mean_log_loss[1]);
            line!(card, "| Mean probability | Share that is right | Voxels |\n| --- | --- | --- |");
            for bin in c.bins.iter().filter(|b| b.voxels > 0) {
                line!(card, "| {:.3} | {:.3} | {} |", bin.probability, bin.right, grouped(bin.voxels as usize));
            }
            line!(
                card,
                "\nThis holds for phantoms. On patients the network may be sure and wrong: the uncertainty orders what to look at first,\nand is no verdict.\n"
            );
        }

        line!(card, "## Known limits\n");
        let unseen = match t.phantoms.as_str() {
            "population" => "surgery, a right arch, children",
            _ => "collapse, effusion, surgery, variants of the arch",
        };
        line!(card, "- Anatomy outside of the generator's variation ({unseen}) was never seen.");
        line!(card, "- Stations at the upper and lower end of the scan depend on slices that may be missing.\n");

        line!(card, "## Made with\n");
        line!(
            card,
            "`hilum train diunet`: AdamW with a cosine schedule, weighted cross entropy + soft Dice for the stations, binary cross\nentropy + soft Dice for the CTV at half weight, moving average of the weights. {} steps of {} samples in {:.1} minutes,\nlearning rate {} at the start.",
            t.steps,
            t.batch,
            t.minutes,
            t.learning_rate
        );
        match &t.options {
            Some(o) => {
                line!(card, "\n```\n{}\n```", o.command);
                if let Some(sha256) = &o.resumed_from {
                    line!(
                        card,
                        "\nTraining was interrupted and went on from a checkpoint (SHA-256 {sha256}); steps, minutes and phantoms above count\nall of it."
                    );
                }
            }
            None => line!(
                card,
                "\nThe other options of this run, and whether it went on from an earlier checkpoint, were not recorded."
            ),
        }
        card
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([7, 1234, 123456, 9471592].map(grouped), ["7", "1 234", "123 456", "9 471 592"]);
    }
}
