//! A forest as flat lists of nodes, read from smartcore's stored form: the same probabilities, in microseconds.

use crate::tf;
use crate::words::t;

/// One node; a leaf has `left == LEAF`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    threshold: f64,
    /// Mean outcome of the training samples that reached the node.
    value: f64,
    feature: u32,
    left: u32,
    right: u32,
}

const LEAF: u32 = u32::MAX;

/// A forest ready for prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatForest {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    features: usize,
}

#[derive(serde::Deserialize)]
struct ForestFile {
    forest_regressor: Option<ForestBody>,
}

#[derive(serde::Deserialize)]
struct ForestBody {
    trees: Option<Vec<TreeBody>>,
    num_features: Option<usize>,
}

#[derive(serde::Deserialize)]
struct TreeBody {
    nodes: Vec<NodeBody>,
}

#[derive(serde::Deserialize)]
struct NodeBody {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl FlatForest {
    /// Reads the JSON form of smartcore 0.7.0.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let file: ForestFile = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let body = file.forest_regressor.ok_or(t("it holds no forest"))?;
        let (trees, features) = (
            body.trees.ok_or(t("it holds no trees"))?,
            body.num_features.ok_or(t("the number of features is missing"))?,
        );
        if trees.is_empty() {
            return Err(t("it holds no trees").into());
        }
        let mut flat = Self { nodes: Vec::new(), roots: Vec::new(), features };
        for tree in &trees {
            flat.push_tree(&tree.nodes)?;
        }
        Ok(flat)
    }

    fn push_tree(&mut self, nodes: &[NodeBody]) -> Result<(), String> {
        let base = u32::try_from(self.nodes.len()).ok().ok_or(t("it has too many nodes"))?;
        if nodes.is_empty() {
            return Err(t("a tree is empty").into());
        }
        self.roots.push(base);
        for (n, node) in nodes.iter().enumerate() {
            if !(0.0..=1.0).contains(&node.output) {
                return Err(tf!("the value {value} of a node is no probability", value = node.output));
            }
            let leaf = Node { threshold: 0.0, value: node.output, feature: 0, left: LEAF, right: LEAF };
            self.nodes.push(match (node.true_child, node.false_child) {
                (None, None) => leaf,
                (Some(left), Some(right)) => {
                    // Children come after their parent, so every walk ends.
                    if left <= n || right <= n || left >= nodes.len() || right >= nodes.len() {
                        return Err(t("a node points to a child that does not follow it").into());
                    }
                    let threshold = node.split_value.filter(|t| t.is_finite()).ok_or(t("a split has no threshold"))?;
                    if node.split_feature >= self.features {
                        return Err(t("a split uses a feature that the forest does not have").into());
                    }
                    let at = |child: usize| base + child as u32;
                    Node { threshold, feature: node.split_feature as u32, left: at(left), right: at(right), ..leaf }
                }
                _ => return Err(t("a node has only one child").into()),
            });
        }
        Ok(())
    }

    pub fn trees(&self) -> usize {
        self.roots.len()
    }
    pub fn features(&self) -> usize {
        self.features
    }
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Walks one tree; `step` sees each split feature with the values before and after it.
    fn walk(&self, root: u32, values: &[f64], mut step: impl FnMut(usize, f64, f64)) -> f64 {
        let mut node = self.nodes[root as usize];
        while node.left != LEAF {
            let feature = node.feature as usize;
            let child = if values[feature] <= node.threshold { node.left } else { node.right };
            let next = self.nodes[child as usize];
            step(feature, node.value, next.value);
            node = next;
        }
        node.value
    }

    /// Probability for one patient (one value a feature), and the standard deviation between the trees.
    pub fn predict(&self, values: &[f64]) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for root in &self.roots {
            let p = self.walk(*root, values, |_, _, _| ());
            sum += p;
            squares += p * p;
        }
        let n = self.roots.len() as f64;
        let mean = sum / n;
        let variance = if n > 1.0 { ((squares - n * mean * mean) / (n - 1.0)).max(0.0) } else { 0.0 };
        (mean, variance.sqrt())
    }

    /// Mean value of the roots, and for each feature the sum of the changes at its splits along the patient's
    /// paths, averaged over the trees (Saabas 2014). Base and contributions add up to the probability.
    pub fn path_contributions(&self, values: &[f64]) -> (f64, Vec<f64>) {
        let n = self.roots.len() as f64;
        let mut contributions = vec![0.0; self.features];
        let mut base = 0.0;
        for root in &self.roots {
            base += self.nodes[*root as usize].value;
            self.walk(*root, values, |feature, before, after| contributions[feature] += after - before);
        }
        for c in &mut contributions {
            *c /= n;
        }
        (base / n, contributions)
    }
}
