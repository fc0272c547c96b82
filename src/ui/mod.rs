//! The window. Panels read and send commands; they change nothing themselves.

pub mod fonts;
pub mod icons;
pub mod theme;
pub mod viewport;
