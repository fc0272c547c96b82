//! Files on disk: plain and gzipped, read row by row so that no size is believed before it is seen.

use super::header::{DataType, Header, kind};
use crate::progress::{Cancelled, Progress};
use crate::tf;
use crate::words::t;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Why a NIfTI file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NiftiError {
    #[error("{}", crate::tf!("the file cannot be read: {source}: {path}", source = .source, path = path.display()))]
    Io { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the file is cut off or damaged ({why}); copy or export it again: {path}", why = .why, path = path.display()))]
    Damaged { why: String, path: PathBuf },
    #[error("{}", crate::tf!("the file cannot be used: {why}: {path}", why = .why, path = path.display()))]
    Unusable { why: String, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl NiftiError {
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. } | Self::Damaged { path, .. } | Self::Unusable { path, .. } => Some(path),
            Self::Cancelled(_) => None,
        }
    }

    /// The reason without the file.
    pub fn reason(&self) -> String {
        without_path(&self.to_string(), self.path())
    }
}

/// The words of an error that names its file last.
pub(super) fn without_path(text: &str, path: Option<&Path>) -> String {
    let tail = path.map(|p| format!(": {}", p.display())).unwrap_or_default();
    text.strip_suffix(&tail).unwrap_or(text).to_owned()
}

/// Deflate never packs better than this, so that a smaller file cannot hold what its header promises.
const MAX_DEFLATE_RATIO: u64 = 1032;
/// Bytes after the voxels that are read in order to reach the checksum of a gzipped file.
const MAX_TAIL: u64 = 1 << 20;

/// A file read up to its voxels.
pub(super) struct Opened {
    pub header: Header,
    /// The extensions between header and voxels.
    pub extensions: Vec<u8>,
    reader: Box<dyn Read>,
    path: PathBuf,
}

/// True if the file is a NIfTI volume, plain or gzipped, by its first bytes and not by its name.
pub fn is_nifti(path: &Path) -> bool {
    let Ok((reader, _)) = unpacked(path) else { return false };
    let mut first = Vec::new();
    // Both magic words lie within the longer header.
    if reader.take(348).read_to_end(&mut first).is_err() || first.len() < 348 {
        return false;
    }
    let magic = |at: usize, word: &[u8]| first[at..].starts_with(word);
    first.first_chunk().is_some_and(|c| kind(*c).is_some())
        && (magic(344, b"n+1\0") || magic(344, b"ni1\0") || magic(4, b"n+2\0") || magic(4, b"ni2\0"))
}

/// The bytes of a file, unpacked if they are gzipped, and the most bytes that they can be.
fn unpacked(path: &Path) -> std::io::Result<(Box<dyn Read>, u64)> {
    let mut start = Vec::new();
    File::open(path)?.take(2).read_to_end(&mut start)?;
    let file = File::open(path)?;
    let on_disk = file.metadata()?.len();
    let file = BufReader::with_capacity(1 << 18, file);
    Ok(if start == [0x1F, 0x8B] {
        let reader = BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file));
        (Box::new(reader), on_disk.saturating_mul(MAX_DEFLATE_RATIO))
    } else {
        (Box::new(file), on_disk)
    })
}

/// Opens a file and reads its header.
pub(super) fn open(path: &Path) -> Result<Opened, NiftiError> {
    let io = |source: std::io::Error| read_error(source, path);
    let unusable = |why: String| NiftiError::Unusable { why, path: path.to_owned() };
    let (mut reader, can_hold) = unpacked(path).map_err(|source| NiftiError::Io { source, path: path.to_owned() })?;
    let mut bytes = Vec::with_capacity(540);
    (&mut reader).take(4).read_to_end(&mut bytes).map_err(io)?;
    let length = bytes.first_chunk().and_then(|c| kind(*c)).map(|(_, _, length)| length);
    let length = length.ok_or_else(|| unusable(t("it is no NIfTI file").into()))?;
    (&mut reader).take(length as u64 - 4).read_to_end(&mut bytes).map_err(io)?;
    let header = Header::parse(&bytes).map_err(unusable)?;
    // Before anything is allocated for the voxels.
    let needed = header.offset as u64 + header.data_bytes();
    if can_hold < needed {
        return Err(NiftiError::Damaged {
            why: tf!("its header promises {needed} bytes, more than the file can hold", needed),
            path: path.to_owned(),
        });
    }
    let between = (header.offset - length) as u64;
    let mut extensions = Vec::new();
    (&mut reader).take(between).read_to_end(&mut extensions).map_err(io)?;
    if (extensions.len() as u64) < between {
        return Err(cut_off(path));
    }
    Ok(Opened { header, extensions, reader, path: path.to_owned() })
}

/// Trouble while unpacking is about the file's content.
fn read_error(source: std::io::Error, path: &Path) -> NiftiError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match source.kind() {
        UnexpectedEof | InvalidData | InvalidInput => {
            NiftiError::Damaged { why: source.to_string(), path: path.to_owned() }
        }
        _ => NiftiError::Io { source, path: path.to_owned() },
    }
}

fn cut_off(path: &Path) -> NiftiError {
    NiftiError::Damaged { why: t("it ends before its last voxel").into(), path: path.to_owned() }
}

impl Opened {
    /// Reads all voxels, scaled, row by row of the fastest axis: `row(y, z, values)`. An error of `row` says
    /// in words what is wrong.
    pub fn for_each_row(
        mut self,
        progress: &dyn Progress,
        row: &mut dyn FnMut(usize, usize, &[f64]) -> Result<(), String>,
    ) -> Result<(), NiftiError> {
        let [nx, ny, nz] = self.header.size;
        let data_type = self.header.data_type;
        let mut bytes = vec![0; nx * data_type.bytes()];
        let mut values = Vec::new();
        for (z, y) in (0..nz).flat_map(|z| (0..ny).map(move |y| (z, y))) {
            if y == 0 {
                progress.checkpoint()?;
            }
            self.reader.read_exact(&mut bytes).map_err(|e| match e.kind() {
                std::io::ErrorKind::UnexpectedEof => cut_off(&self.path),
                _ => read_error(e, &self.path),
            })?;
            decode(data_type, self.header.big_endian, &bytes, &mut values);
            if let Some([slope, intercept]) = self.header.scale {
                for v in &mut values {
                    *v = *v * slope + intercept;
                }
            }
            row(y, z, &values).map_err(|why| NiftiError::Unusable { why, path: self.path.clone() })?;
        }
        // The checksum of a gzipped file stands at its end.
        let mut tail = Vec::new();
        (&mut self.reader).take(MAX_TAIL).read_to_end(&mut tail).map_err(|e| read_error(e, &self.path))?;
        Ok(())
    }
}

fn decode(data_type: DataType, big_endian: bool, bytes: &[u8], values: &mut Vec<f64>) {
    fn numbers<const N: usize>(bytes: &[u8], big_endian: bool, out: &mut Vec<f64>, number: impl Fn([u8; N]) -> f64) {
        out.extend(bytes.chunks_exact(N).map(|c| {
            let mut b: [u8; N] = c.try_into().expect("chunks of N bytes");
            if big_endian {
                b.reverse();
            }
            number(b)
        }));
    }
    values.clear();
    match data_type {
        DataType::U8 => values.extend(bytes.iter().map(|b| f64::from(*b))),
        DataType::I8 => values.extend(bytes.iter().map(|b| f64::from(b.cast_signed()))),
        DataType::I16 => numbers(bytes, big_endian, values, |b| f64::from(i16::from_le_bytes(b))),
        DataType::U16 => numbers(bytes, big_endian, values, |b| f64::from(u16::from_le_bytes(b))),
        DataType::I32 => numbers(bytes, big_endian, values, |b| f64::from(i32::from_le_bytes(b))),
        DataType::U32 => numbers(bytes, big_endian, values, |b| f64::from(u32::from_le_bytes(b))),
        DataType::I64 => numbers(bytes, big_endian, values, |b| i64::from_le_bytes(b) as f64),
        DataType::U64 => numbers(bytes, big_endian, values, |b| u64::from_le_bytes(b) as f64),
        DataType::F32 => numbers(bytes, big_endian, values, |b| f64::from(f32::from_le_bytes(b))),
        DataType::F64 => numbers(bytes, big_endian, values, f64::from_le_bytes),
    }
}
