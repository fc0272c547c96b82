//! A forest as flat lists of nodes, read from smartcore's stored form: the same probabilities, in microseconds.

use crate::tf;
use crate::words::t;

/// One node; a leaf has `left == LEAF`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    threshold: f64,
    /// Mean outcome of the training samples that reached the node.
    pub value: f64,
    /// Training patients who reach the node; 0 until they are counted.
    pub cover: f64,
    pub feature: u32,
    left: u32,
    right: u32,
}

const LEAF: u32 = u32::MAX;

impl Node {
    /// Both children; `None` for a leaf.
    pub fn split(&self) -> Option<[u32; 2]> {
        (self.left != LEAF).then_some([self.left, self.right])
    }

    /// The child that a patient goes to, and the other one; `None` for a leaf.
    pub fn children(&self, values: &[f64]) -> Option<[u32; 2]> {
        if self.left == LEAF {
            None
        } else if values[self.feature as usize] <= self.threshold {
            Some([self.left, self.right])
        } else {
            Some([self.right, self.left])
        }
    }
}

/// A forest ready for prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatForest {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<u32>,
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
            let leaf = Node { threshold: 0.0, value: node.output, cover: 0.0, feature: 0, left: LEAF, right: LEAF };
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

    /// Counts the training patients who reach each node; `rows[patient][feature]`.
    ///
    /// # Errors
    /// They are not those of this forest: a node is reached by none, or there are not so many features.
    pub fn count_covers(&mut self, rows: &[Vec<f64>]) -> Result<(), String> {
        if let Some(row) = rows.iter().find(|row| row.len() != self.features) {
            return Err(tf!(
                "a training patient has {found} values, the forest {expected} features",
                found = row.len(),
                expected = self.features
            ));
        }
        for node in &mut self.nodes {
            node.cover = 0.0;
        }
        for root in &self.roots {
            for row in rows {
                let mut at = *root as usize;
                self.nodes[at].cover += 1.0;
                while let Some([next, _]) = self.nodes[at].children(row) {
                    at = next as usize;
                    self.nodes[at].cover += 1.0;
                }
            }
        }
        if self.nodes.iter().any(|node| node.cover == 0.0) {
            return Err(t("the training patients are not those of this forest").into());
        }
        Ok(())
    }

    /// The value of the leaf that a patient ends in.
    fn leaf(&self, root: u32, values: &[f64]) -> f64 {
        let mut node = &self.nodes[root as usize];
        while let Some([next, _]) = node.children(values) {
            node = &self.nodes[next as usize];
        }
        node.value
    }

    /// Probability for one patient (one value a feature), and the standard deviation between the trees.
    pub fn predict(&self, values: &[f64]) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for root in &self.roots {
            let p = self.leaf(*root, values);
            sum += p;
            squares += p * p;
        }
        let n = self.roots.len() as f64;
        let mean = sum / n;
        let variance = if n > 1.0 { ((squares - n * mean * mean) / (n - 1.0)).max(0.0) } else { 0.0 };
        (mean, variance.sqrt())
    }
}
