//! What every panel gets to read and to send with.

use super::request::CommandSender;
use super::volumes::Volumes;
use crate::workbench::Workbench;

/// Passed to panels; it lets them change nothing.
#[derive(Clone, Copy)]
pub struct PanelInput<'a> {
    pub workbench: &'a Workbench,
    pub sender: &'a CommandSender,
    pub volumes: &'a Volumes,
}
