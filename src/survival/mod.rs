//! Survival statistics: Kaplan-Meier curves and what follows from them, log-rank tests, proportional hazards, competing
//! events, concordance, intervals of proportions, and the check of a published hazard ratio. Every interval names its method.

mod chi_square;
mod competing;
mod concordance;
mod cox;
mod hazard;
mod kaplan_meier;
mod log_rank;
mod normal;
mod proportion;
mod symmetric;

pub use chi_square::chi_square_p;
pub use competing::{CumulativeIncidence, Ending, IncidenceStep};
pub use concordance::{Concordance, concordance};
pub use cox::{ChiSquareTest, Coefficient, CoxError, CoxModel, Ties};
pub use hazard::{HazardRatioCheck, check_hazard_ratio};
pub use kaplan_meier::{ConfidenceTransform, FollowUp, KaplanMeier, KaplanMeierError, KaplanMeierStep, RestrictedMean};
pub use log_rank::{LogRank, LogRankError, LogRankGroup, LogRankWeight, log_rank};
pub use normal::{normal_cdf, normal_quantile, two_sided_p, two_sided_z};
pub use proportion::{Interval, difference_interval, fisher_exact, holm, wilson_interval};
