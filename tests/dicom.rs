//! Promises about dicom.
