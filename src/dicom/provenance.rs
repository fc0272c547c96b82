//! Where an ROI came from, in the words of ROI Description (3006,0028), and back: a contour that a network
//! drew or that was only proposed must still be known as such when its structure set is opened again.

use super::raw::DataSet;
use super::value::limit_lines;
use crate::structures::Provenance;
use dicom_dictionary_std::tags;

const NETWORK: &str = "Network ";
const HASH: &str = ", SHA-256 ";
const PROPOSED: &str = "Proposed: ";

/// Where an ROI came from, for ROI Description.
pub(crate) fn provenance_text(provenance: &Provenance) -> String {
    let text = match provenance {
        Provenance::Imported { label, file } => format!("Imported from {label} ({file})"),
        Provenance::Traced { label, file } => format!("Traced around the voxels of {label} ({file})"),
        Provenance::Network { model_id, sha256, statement } => {
            format!("{NETWORK}{model_id}{HASH}{sha256}. {statement}")
        }
        Provenance::Proposed { recipe } => format!("{PROPOSED}{recipe}"),
        Provenance::Phantom { seed } => format!("Synthetic, seed {seed}"),
        Provenance::Drawn => "Drawn by hand".to_owned(),
    };
    // ST holds 1024 characters.
    limit_lines(&text, 1024)
}

/// True where this program made the structure set or was the last to change it.
pub(crate) fn is_ours(ds: &DataSet) -> bool {
    let model = |item: &DataSet| item.string(tags::MANUFACTURER_MODEL_NAME) == "Hilum";
    model(ds) || ds.items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE).iter().any(model)
}

/// What ROI Description says in a structure set of this program, if it is a network or a proposal.
pub(crate) fn provenance_of(description: &str) -> Option<Provenance> {
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

    #[test]
    fn networks_and_proposals_are_recognized_again_and_nothing_else_is() {
        let network = Provenance::Network {
            model_id: "diunet-std25d".into(),
            sha256: "0af3".repeat(16),
            statement: "Trained on synthetic chests. Not for use.".into(),
        };
        let proposed = Provenance::Proposed { recipe: "GTV + 8 mm, kept out of lung and bone".into() };
        for provenance in [network, proposed] {
            assert_eq!(provenance_of(&provenance_text(&provenance)), Some(provenance));
        }
        for other in [Provenance::Drawn, Provenance::Phantom { seed: 7 }] {
            assert_eq!(provenance_of(&provenance_text(&other)), None);
        }
        assert_eq!(provenance_of("Network of vessels, drawn by hand"), None);
        assert_eq!(provenance_of(""), None);
    }
}
