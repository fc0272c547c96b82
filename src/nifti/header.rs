//! The header of NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), in either byte order.
//!
//! Fields and offsets: nifti1.h of the NIfTI Data Format Working Group (2007) and nifti2.h (2011).

use crate::tf;
use crate::words::{keep, t};
use glam::{DMat3, DQuat, DVec3};

/// How voxels are stored, by the data type code of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl DataType {
    fn of(code: i16) -> Option<Self> {
        Some(match code {
            2 => Self::U8,
            4 => Self::I16,
            8 => Self::I32,
            16 => Self::F32,
            64 => Self::F64,
            256 => Self::I8,
            512 => Self::U16,
            768 => Self::U32,
            1024 => Self::I64,
            1280 => Self::U64,
            _ => return None,
        })
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// Which of the header's three descriptions of the geometry was used. NIfTI-1 lets a file hold all of
/// them; the sform wins here, then the qform, as in nibabel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The affine matrix.
    Sform,
    /// Quaternion and offset.
    Qform,
    /// Neither: only voxel sizes. Directions and position in the patient are not known.
    Pixdim,
}

impl std::fmt::Display for Placement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sform => "sform",
            Self::Qform => "qform",
            Self::Pixdim => t("voxel sizes alone"),
        })
    }
}

/// What is noted with [`Placement::Pixdim`].
pub const NO_PLACE: &str = keep(
    "the header has neither sform nor qform: the axes are taken as right, front and head, and the position in the patient is not known",
);

/// Patient position of voxel indices: `linear * (i, j, k) + origin`, mm, in the RAS of NIfTI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    pub linear: DMat3,
    pub origin: DVec3,
}

impl Affine {
    pub fn at(&self, index: DVec3) -> DVec3 {
        self.linear * index + self.origin
    }
}

/// What the program needs of a header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// 1 or 2.
    pub version: u8,
    pub big_endian: bool,
    /// Sizes of the three axes in space, the fastest first.
    pub size: [usize; 3],
    pub data_type: DataType,
    /// Where the voxels start.
    pub offset: usize,
    /// Slope and intercept; `None` where the stored values count as they are.
    pub scale: Option<[f64; 2]>,
    pub affine: Affine,
    pub placement: Placement,
    pub notes: Vec<String>,
}

/// Most voxels of a volume: twice the largest CT that scanners make (1024 x 1024 x 512).
const MAX_VOXELS: usize = 1 << 30;
/// Most voxels along an axis: the limit of NIfTI-1, kept for NIfTI-2.
const MAX_AXIS: i64 = 32767;
/// Extensions between header and voxels are skipped up to this size, bytes.
const MAX_OFFSET: f64 = (64 << 20) as f64;
/// sform and qform that place a corner of the volume further apart than this are worth a note, mm.
const FORMS_AGREE_MM: f64 = 0.01;
/// How much a qform may turn against the sform without a note, radians: its quaternion stores three 32-bit numbers and
/// leaves the fourth to the rest, sqrt(1 - b2 - c2 - d2). Near zero, as for every scan that runs to the left and back,
/// that is known to about sqrt(2^-23) = 3.5e-4 only.
const FORMS_AGREE_RAD: f64 = 1e-3;

/// Length of the header that starts with these four bytes, with its version and byte order.
pub(super) fn kind(first: [u8; 4]) -> Option<(u8, bool, usize)> {
    match (i32::from_le_bytes(first), i32::from_be_bytes(first)) {
        (348, _) => Some((1, false, 348)),
        (_, 348) => Some((1, true, 348)),
        (540, _) => Some((2, false, 540)),
        (_, 540) => Some((2, true, 540)),
        _ => None,
    }
}

/// Numbers at their offsets in the byte order of the file.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    version: u8,
}

impl Fields<'_> {
    fn raw<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut b: [u8; N] = self.bytes[at..at + N].try_into().expect("N bytes of a header of fixed length");
        if self.big_endian {
            b.reverse();
        }
        b
    }
    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.raw(at))
    }
    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.raw(at))
    }
    fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.raw(at))
    }
    /// A number that is 4 bytes in NIfTI-1 and 8 bytes in NIfTI-2, `n` places after the first.
    fn real(&self, at: [usize; 2], n: usize) -> f64 {
        if self.version == 1 {
            f64::from(f32::from_le_bytes(self.raw(at[0] + 4 * n)))
        } else {
            f64::from_le_bytes(self.raw(at[1] + 8 * n))
        }
    }
    fn vector(&self, at: [usize; 2]) -> DVec3 {
        DVec3::new(self.real(at, 0), self.real(at, 1), self.real(at, 2))
    }
    /// A code that is 2 bytes in NIfTI-1 and 4 bytes in NIfTI-2.
    fn code(&self, at: [usize; 2]) -> i32 {
        if self.version == 1 { i32::from(self.i16(at[0])) } else { self.i32(at[1]) }
    }
}

impl Header {
    /// Reads a whole header; `bytes` has the length that [`kind`] gives. The error says why in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let first = bytes.first_chunk().copied().unwrap_or_default();
        let (version, big_endian, length) = kind(first).ok_or(t("it is no NIfTI file"))?;
        if bytes.len() < length {
            return Err(t("the file ends within the header").into());
        }
        let f = Fields { bytes, big_endian, version };
        let magic = if version == 1 { &bytes[344..348] } else { &bytes[4..8] };
        match magic {
            b"n+1\0" | b"n+2\0" => {}
            b"ni1\0" | b"ni2\0" => {
                return Err(t("header and voxels are in two files (.hdr and .img); save it as one .nii file").into());
            }
            _ => return Err(t("it is no NIfTI file (an Analyze 7.5 file has no position in the patient)").into()),
        }
        let mut notes = Vec::new();
        let size = size(&f)?;
        let code = f.i16(if version == 1 { 70 } else { 12 });
        let data_type = DataType::of(code).ok_or_else(|| {
            tf!(
                "its voxels are of type {code} ({name}); save it as whole numbers or float32",
                code,
                name = type_name(code)
            )
        })?;
        let voxels = size.iter().try_fold(1usize, |n, s| n.checked_mul(*s)).filter(|n| *n <= MAX_VOXELS);
        if voxels.is_none() {
            return Err(tf!(
                "{x} x {y} x {z} voxels are more than the limit of {most}; crop or resample it",
                x = size[0],
                y = size[1],
                z = size[2],
                most = MAX_VOXELS
            ));
        }
        let offset = f.real([108, 0], 0);
        let offset = if version == 1 { offset } else { f.i64(168) as f64 };
        // The header, four bytes that say whether extensions follow.
        let least = (length + 4) as f64;
        let offset = if offset == 0.0 { least } else { offset };
        if !(least..=MAX_OFFSET).contains(&offset) {
            return Err(tf!("it says that the voxels start at byte {offset}, which cannot be", offset));
        }
        let scale = scale(f.real([112, 176], 0), f.real([116, 184], 0))?;
        let (affine, placement) = affine(&f, size, &mut notes)?;
        Ok(Self { version, big_endian, size, data_type, offset: offset as usize, scale, affine, placement, notes })
    }

    pub fn voxel_count(&self) -> usize {
        self.size.iter().product()
    }

    /// Bytes of all voxels.
    pub fn data_bytes(&self) -> u64 {
        self.voxel_count() as u64 * self.data_type.bytes() as u64
    }
}

fn type_name(code: i16) -> &'static str {
    match code {
        1 => t("bits"),
        32 | 1792 | 2048 => t("complex numbers"),
        128 | 2304 => t("colors"),
        1536 => "float128",
        _ => t("unknown"),
    }
}

fn size(f: &Fields) -> Result<[usize; 3], String> {
    let dim = |n: usize| if f.version == 1 { i64::from(f.i16(40 + 2 * n)) } else { f.i64(16 + 8 * n) };
    let count = dim(0);
    if !(1..=7).contains(&count) {
        return Err(tf!("its number of dimensions is {count}, which cannot be", count));
    }
    let mut size = [1usize; 3];
    for n in 1..=count as usize {
        let length = dim(n);
        if !(1..=MAX_AXIS).contains(&length) {
            return Err(tf!("its dimension {n} has the length {length}, which cannot be", n, length));
        }
        if n <= 3 {
            size[n - 1] = usize::try_from(length).map_err(|e| e.to_string())?;
        } else if length > 1 {
            return Err(tf!("it is a series of {length} volumes; save the one that is wanted as its own file", length));
        }
    }
    Ok(size)
}

/// nifti1.h: a slope of 0 means that the values are not scaled.
fn scale(slope: f64, intercept: f64) -> Result<Option<[f64; 2]>, String> {
    if slope == 0.0 || !slope.is_finite() || (slope == 1.0 && intercept == 0.0) {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err(tf!("its scale has the slope {slope} but no intercept, so the values are not known", slope));
    }
    Ok(Some([slope, intercept]))
}

fn affine(f: &Fields, size: [usize; 3], notes: &mut Vec<String>) -> Result<(Affine, Placement), String> {
    let pixdim = f.vector([80, 112]);
    let has_sform = f.code([254, 348]) > 0;
    let has_qform = f.code([252, 344]) > 0;
    let sform = || {
        let rows: [[f64; 4]; 3] =
            std::array::from_fn(|r| std::array::from_fn(|c| f.real([280 + 16 * r, 400 + 32 * r], c)));
        let column = |c: usize| DVec3::new(rows[0][c], rows[1][c], rows[2][c]);
        Affine { linear: DMat3::from_cols(column(0), column(1), column(2)), origin: column(3) }
    };
    let qform = || {
        let v = f.vector([256, 352]);
        // A quaternion of unit length of which a is not stored; nifti1.h quatern_to_mat44.
        let a2 = 1.0 - v.length_squared();
        let q = if a2 < 1e-7 {
            let v = v.normalize_or_zero();
            DQuat::from_xyzw(v.x, v.y, v.z, 0.0)
        } else {
            DQuat::from_xyzw(v.x, v.y, v.z, a2.sqrt())
        };
        let mirror = if f.real([76, 104], 0) < 0.0 { -1.0 } else { 1.0 };
        let sizes = DVec3::new(pixdim.x, pixdim.y, pixdim.z * mirror);
        Affine { linear: DMat3::from_quat(q) * DMat3::from_diagonal(sizes), origin: f.vector([268, 376]) }
    };
    let (mut affine, placement) = if has_sform {
        (sform(), Placement::Sform)
    } else if has_qform {
        (qform(), Placement::Qform)
    } else {
        notes.push(NO_PLACE.into());
        (Affine { linear: DMat3::from_diagonal(pixdim), origin: DVec3::ZERO }, Placement::Pixdim)
    };
    if has_sform && has_qform {
        let far = DVec3::from_array(size.map(|n| (n - 1) as f64));
        let apart = |at: DVec3| (sform().at(at) - qform().at(at)).length();
        let apart = [DVec3::ZERO, far, DVec3::new(far.x, 0.0, 0.0), DVec3::new(0.0, far.y, 0.0)]
            .into_iter()
            .map(apart)
            .fold(0.0, f64::max);
        let extent_mm = (sform().at(far) - sform().at(DVec3::ZERO)).length();
        if apart > FORMS_AGREE_MM + FORMS_AGREE_RAD * extent_mm {
            notes.push(tf!("sform and qform place a corner {apart:.2} mm apart; the sform was used", apart));
        }
    }
    let unit = match f.bytes[if f.version == 1 {
        123
    } else if f.big_endian {
        503
    } else {
        500
    }] & 7
    {
        1 => Some((1000.0, t("metres"))),
        3 => Some((0.001, t("micrometres"))),
        _ => None,
    };
    if let Some((mm, name)) = unit {
        affine = Affine { linear: affine.linear * mm, origin: affine.origin * mm };
        notes.push(tf!("its lengths are in {name} and were converted to mm", name));
    }
    if !(affine.linear.is_finite() && affine.origin.is_finite()) {
        return Err(tf!("its {placement} holds a value that is no number", placement));
    }
    Ok((affine, placement))
}
