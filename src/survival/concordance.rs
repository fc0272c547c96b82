//! Harrell's C: of two patients of whom it is known who had the event first, how often the one with the higher risk was it.

use super::kaplan_meier::FollowUp;

/// Pairs of patients that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Concordance {
    pub concordant: u64,
    pub discordant: u64,
    /// The same risk for both.
    pub tied: u64,
}

impl Concordance {
    /// Harrell's C: 0.5 for a coin; `None` without a pair.
    pub fn c(self) -> Option<f64> {
        let all = self.concordant + self.discordant + self.tied;
        (all > 0).then(|| (self.concordant as f64 + 0.5 * self.tied as f64) / all as f64)
    }
}

/// Counts pairs: one had the event before the other's time, or at the time when the other was censored. Pairs with events at
/// the same time are not counted.
pub fn concordance(patients: &[FollowUp], risk: &[f64]) -> Concordance {
    let mut pairs = Concordance::default();
    for (i, first) in patients.iter().enumerate().filter(|(_, p)| p.event) {
        for (j, second) in patients.iter().enumerate() {
            let comparable = second.time > first.time || (second.time == first.time && !second.event);
            if i == j || !comparable {
                continue;
            }
            match risk[i].partial_cmp(&risk[j]) {
                Some(std::cmp::Ordering::Greater) => pairs.concordant += 1,
                Some(std::cmp::Ordering::Less) => pairs.discordant += 1,
                Some(std::cmp::Ordering::Equal) => pairs.tied += 1,
                None => {}
            }
        }
    }
    pairs
}
