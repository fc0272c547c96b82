//! DICOM in and out.
