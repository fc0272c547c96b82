//! Survival statistics: Kaplan-Meier curves, intervals of proportions, and the check of a published hazard ratio.
//!
//! Log-rank, Cox and competing risks are not here yet. Every interval names its method.

mod hazard;
mod kaplan_meier;
mod normal;
mod proportion;

pub use hazard::{HazardRatioCheck, check_hazard_ratio};
pub use kaplan_meier::{ConfidenceTransform, FollowUp, KaplanMeier, KaplanMeierError, KaplanMeierStep};
pub use normal::{normal_cdf, normal_quantile, two_sided_p, two_sided_z};
pub use proportion::{Interval, wilson_interval};
