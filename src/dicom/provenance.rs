//! Where an ROI came from, in the words of ROI Description (3006,0028), and back: a contour that a network
//! drew or that was only proposed must still be known as such when its structure set is opened again. A structure that is
//! derived from others carries its recipe on a line of its own, with ROI Numbers (3006,0022) for the structures.

use super::raw::DataSet;
use super::value::limit_lines;
use crate::structures::{Derivation, Provenance, RoiId};
use dicom_dictionary_std::tags;

const NETWORK: &str = "Network ";
const HASH: &str = ", SHA-256 ";
const PROPOSED: &str = "Proposed: ";
const COMPUTED: &str = "Computed: ";
const RECIPE: &str = "Recipe ";
/// Characters that ST holds.
const LONGEST: usize = 1024;

/// Where an ROI came from, for ROI Description.
pub(crate) fn provenance_text(provenance: &Provenance) -> String {
    let text = match provenance {
        Provenance::Imported { label, file } => format!("Imported from {label} ({file})"),
        Provenance::Traced { label, file } => format!("Traced around the voxels of {label} ({file})"),
        Provenance::Network { model_id, sha256, statement } => {
            format!("{NETWORK}{model_id}{HASH}{sha256}. {statement}")
        }
        Provenance::Proposed { recipe } => format!("{PROPOSED}{recipe}"),
        Provenance::Computed { recipe } => format!("{COMPUTED}{recipe}"),
        Provenance::Phantom { seed } => format!("Synthetic, seed {seed}"),
        Provenance::Drawn => "Drawn by hand".to_owned(),
    };
    limit_lines(&text, LONGEST)
}

/// The line that holds a recipe, and the text without it.
fn split_recipe(description: &str) -> (String, Option<&str>) {
    let is_recipe = |line: &str| line.strip_prefix(RECIPE).is_some_and(|json| json.starts_with('{'));
    let rest: Vec<&str> = description.lines().filter(|line| !is_recipe(line)).collect();
    let recipe = description.lines().find(|line| is_recipe(line)).and_then(|line| line.strip_prefix(RECIPE));
    (rest.join("\r\n"), recipe)
}

/// ROI Description with the recipe of a derived structure after the words before; with nothing of one where it is derived
/// no more. `number` gives the ROI Numbers. `None` where a structure has none or the text is too long.
pub(crate) fn with_recipe(
    before: &str,
    derivation: Option<&Derivation>,
    number: impl Fn(RoiId) -> Option<i32>,
) -> Option<String> {
    let (words, _) = split_recipe(before);
    let Some(derivation) = derivation else { return Some(words) };
    let recipe = derivation.recipe.with_ids(|id| number(id).map(|n| RoiId(n as u32)))?;
    let json = serde_json::to_string(&Derivation { recipe, ..derivation.clone() }).ok()?;
    let line = format!("{RECIPE}{json}");
    let room = LONGEST.checked_sub(line.chars().count() + 2)?;
    let words = limit_lines(&words, room);
    Some(if words.is_empty() { line } else { format!("{words}\r\n{line}") })
}

/// The recipe that ROI Description holds; ROI Numbers stand for the ids of the structures.
pub(crate) fn derivation_of(description: &str) -> Option<Derivation> {
    serde_json::from_str(split_recipe(description).1?.trim_end()).ok()
}

/// True where this program made the structure set or was the last to change it.
pub(crate) fn is_ours(ds: &DataSet) -> bool {
    let model = |item: &DataSet| item.string(tags::MANUFACTURER_MODEL_NAME) == "Hilum";
    model(ds) || ds.items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE).iter().any(model)
}

/// What ROI Description says in a structure set of this program, if it is a network or a proposal.
pub(crate) fn provenance_of(description: &str) -> Option<Provenance> {
    let (description, _) = split_recipe(description);
    if let Some(recipe) = description.strip_prefix(COMPUTED) {
        return Some(Provenance::Computed { recipe: recipe.to_owned() });
    }
    if let Some(recipe) = description.strip_prefix(PROPOSED) {
        return Some(Provenance::Proposed { recipe: recipe.to_owned() });
    }
    let (model_id, rest) = description.strip_prefix(NETWORK)?.split_once(HASH)?;
    let (sha256, statement) = rest.split_once('.')?;
    sha256.bytes().all(|b| b.is_ascii_hexdigit()).then(|| Provenance::Network {
        model_id: model_id.to_owned(),
        sha256: sha256.to_owned(),
        statement: statement.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::Margins;
    use crate::structures::{Operation, Recipe};

    #[test]
    fn networks_and_proposals_are_recognized_again_and_nothing_else_is() {
        let network = Provenance::Network {
            model_id: "diunet-std25d".into(),
            sha256: "0af3".repeat(16),
            statement: "Trained on synthetic chests. Not for use.".into(),
        };
        let proposed = Provenance::Proposed { recipe: "GTV + 8 mm, kept out of lung and bone".into() };
        let computed = Provenance::Computed { recipe: "GTVp − Heart".into() };
        for provenance in [network, proposed, computed] {
            assert_eq!(provenance_of(&provenance_text(&provenance)), Some(provenance));
        }
        for other in [Provenance::Drawn, Provenance::Phantom { seed: 7 }] {
            assert_eq!(provenance_of(&provenance_text(&other)), None);
        }
        let derivation = Derivation {
            recipe: Recipe {
                operation: Operation::Margin(Margins { left: 3.5, ..Margins::uniform(8.0) }),
                of: vec![RoiId(5), RoiId(6)],
                inside: vec![RoiId(7)],
                outside: Vec::new(),
            },
            inputs: u64::MAX,
            result: 1,
            live: true,
        };
        let of_number = |d: &Derivation| Derivation {
            recipe: d.recipe.with_ids(|id| Some(RoiId(id.0 + 40))).expect("all"),
            ..d.clone()
        };
        let text = with_recipe("Proposed: x", Some(&derivation), |id| Some(id.0 as i32 + 40)).expect("short enough");
        assert_eq!(derivation_of(&text), Some(of_number(&derivation)));
        assert_eq!(provenance_of(&text), Some(Provenance::Proposed { recipe: "x".into() }));
        assert_eq!(with_recipe(&text, Some(&derivation), |id| Some(id.0 as i32 + 40)).as_deref(), Some(text.as_str()));
        assert_eq!(with_recipe(&text, None, |_| None).as_deref(), Some("Proposed: x"));
        assert_eq!(with_recipe("x", Some(&derivation), |_| None), None, "a structure that is not written");
        let long = with_recipe(&"x".repeat(2000), Some(&derivation), |_| Some(1)).expect("the words give way");
        assert!(long.chars().count() <= LONGEST && derivation_of(&long).is_some());
        assert_eq!(derivation_of("Recipe for tea"), None);
        assert_eq!(provenance_of("Network of vessels, drawn by hand"), None);
        assert_eq!(provenance_of(""), None);
    }
}
