//! The lesson of the Risk model page: the two ways of judging a model on pure noise, drawn anew whenever somebody asks.

use super::Workbench;
use super::jobs::{JobError, JobKey, Lane};
use super::results::JobResult;
use crate::risk::{NoiseLesson, PipelineError, noise_lesson};
use crate::words::t;

impl Workbench {
    /// What came out so far, oldest first.
    pub fn lessons(&self) -> &[NoiseLesson] {
        &self.lessons
    }

    /// True while one is being drawn.
    pub fn is_lesson_running(&self) -> bool {
        self.jobs.is_running(JobKey::NoiseLesson)
    }

    pub(super) fn draw_lesson(&mut self) {
        let seed = self.lessons.len() as u64 + 1;
        let spawned =
            self.jobs.spawn(Lane::Infer, JobKey::NoiseLesson, t("Judge a model on pure noise"), move |context| {
                match noise_lesson(seed, context) {
                    Ok(lesson) => Ok(JobResult::Lesson(lesson)),
                    Err(PipelineError::Cancelled(_)) => Err(JobError::Cancelled),
                    Err(other) => Err(JobError::Failed(super::Trouble::of(&other))),
                }
            });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }
}
