//! Window and level.

/// Window of CT numbers shown from black to white (DICOM PS3.3 C.11.2.1.2.1, linear, as clinical viewers draw it).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WindowLevel {
    pub center_hu: f64,
    pub width_hu: f64,
}

impl WindowLevel {
    pub const MEDIASTINUM: Self = Self { center_hu: 40.0, width_hu: 400.0 };
    pub const LUNG: Self = Self { center_hu: -600.0, width_hu: 1500.0 };
    pub const BONE: Self = Self { center_hu: 400.0, width_hu: 1800.0 };

    /// The same window, at least 1 HU wide, as views can draw it.
    pub fn drawable(self) -> Self {
        Self { center_hu: self.center_hu, width_hu: self.width_hu.max(1.0) }
    }

    /// Grey from 0 (black) to 1 (white).
    pub fn grey(&self, hu: f64) -> f64 {
        ((hu - self.center_hu) / self.width_hu + 0.5).clamp(0.0, 1.0)
    }
}

impl Default for WindowLevel {
    fn default() -> Self {
        Self::MEDIASTINUM
    }
}
