//! `hilum cohort`: the patients of a cohort, and recurrences by station.

mod compute;
mod map;
mod map_figure;
mod patients;
mod recurrences;
mod simulate;

use super::failure::Failure;
use super::terminal::Terminal;

pub use patients::failure;

#[derive(Debug, clap::Subcommand)]
pub enum Cohort {
    Map(map::Map),
    Recurrences(recurrences::Recurrences),
    Init(patients::Init),
    Simulate(simulate::Simulate),
    Template(patients::Template),
    Import(patients::Import),
    Compute(compute::Compute),
    List(patients::List),
    Export(patients::Export),
    Backup(patients::Backup),
}

impl Cohort {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Map(c) => c.run(),
            Self::Recurrences(c) => c.run(),
            Self::Init(c) => c.run(),
            Self::Simulate(c) => c.run(terminal),
            Self::Template(c) => c.run(),
            Self::Import(c) => c.run(),
            Self::Compute(c) => c.run(terminal),
            Self::List(c) => c.run(),
            Self::Export(c) => c.run(),
            Self::Backup(c) => c.run(),
        }
    }
}
