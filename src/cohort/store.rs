//! The cohort store: one SQLite file with the patients of a cohort and the features of their cases. Every change is one
//! transaction, so that a killed program or a full disk leaves what was there before.

use super::patient::PatientRecord;
use crate::features::{ClinicalValues, ratio_index};
use crate::structures::Station;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "HILM": what tells a store from other databases.
const APPLICATION_ID: i32 = 0x4849_4c4d;
/// Version of the tables; raised with a step in [`MIGRATIONS`].
const VERSION: usize = MIGRATIONS.len();
/// Each brings a store one version on.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE patient (
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX patient_place ON patient (place);
CREATE TABLE features (
    patient TEXT PRIMARY KEY REFERENCES patient (id) ON DELETE CASCADE ON UPDATE CASCADE,
    source TEXT NOT NULL,
    definition TEXT NOT NULL,
    vals TEXT,
    problem TEXT
);
"];
/// How long another program may write before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a store was not opened or changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is a file already, which was left as it is; choose another name: {}", .0.display())]
    Exists(PathBuf),
    #[error("there is no cohort; make one with `hilum cohort init`: {}", .0.display())]
    Missing(PathBuf),
    #[error("this is no cohort of Hilum: {}", .0.display())]
    Foreign(PathBuf),
    #[error("a newer version of Hilum made this cohort (its tables are of version {version}); open it with that one: {}", path.display())]
    Newer { version: i64, path: PathBuf },
    #[error("another program works on this cohort; try again when it has ended: {}", .0.display())]
    Locked(PathBuf),
    #[error(
        "this cohort is damaged ({what}); use a copy: one lies beside it if it was brought to a newer version, others are made with `hilum cohort backup`: {}",
        path.display()
    )]
    Damaged { what: String, path: PathBuf },
    #[error("the cohort could not be written, and is as it was ({source}); check permissions and free space: {}", path.display())]
    Write { source: rusqlite::Error, path: PathBuf },
    #[error("already in the cohort: {}; nothing was imported; add --update to replace what is known of them: {}", if .0.len() == 1 { "1 patient".to_owned() } else { format!("{} patients", .0.len()) }, some_of(.0))]
    Known(Vec<String>),
    #[error("there is no patient \"{0}\" in the cohort")]
    NoPatient(String),
    #[error("what is known of \"{0}\" was changed meanwhile, and was left as it is; read the cohort again")]
    Changed(String),
}

fn some_of(names: &[String]) -> String {
    const TOLD: usize = 10;
    let more = if names.len() > TOLD { ", ..." } else { "" };
    names.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}

/// What a cohort is.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct CohortAbout {
    pub name: String,
    /// Made by the program, not observed.
    pub simulated: bool,
}

/// The features of a case as they were computed, or why they could not be.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeatures {
    /// Hash of all that they follow from, as [`source_with`] makes it.
    pub source: String,
    /// Version of their definitions; empty when read where the clinical values of the patient are others now.
    pub definition: String,
    /// In the order of the definition; `None` = missing.
    pub values: Result<Vec<Option<f64>>, String>,
}

/// Between the hash of the case and that of the clinical values.
const CLINICAL: &str = " clinical ";

fn clinical_hash(clinical: &ClinicalValues) -> String {
    format!("{:x}", Sha256::digest(serde_json::to_vec(clinical).expect("plain data")))
}

/// The source of features: what they follow from in the case (a hash, or words), and the clinical values.
pub fn source_with(case: &str, clinical: &ClinicalValues) -> String {
    format!("{case}{CLINICAL}{}", clinical_hash(clinical))
}

/// The definition under which features were made; none that could be asked for where they are of other clinical values.
fn current(definition: String, source: &str, clinical: &str) -> String {
    let Some((_, made_of)) = source.rsplit_once(CLINICAL) else { return definition };
    let same = serde_json::from_str(clinical).is_ok_and(|now: ClinicalValues| clinical_hash(&now) == made_of);
    if same { definition } else { String::new() }
}

/// By patient, the share of each station inside the CTV, by [`Station::index`].
pub type Coverage = BTreeMap<String, [Option<f64>; Station::COUNT]>;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Imported {
    pub added: usize,
    pub changed: usize,
    pub unchanged: usize,
}

/// An open store.
#[derive(Debug)]
pub struct CohortStore {
    connection: Connection,
    path: PathBuf,
}

impl CohortStore {
    /// Makes an empty cohort.
    ///
    /// # Errors
    /// [`StoreError::Exists`], or it cannot be written.
    pub fn create(path: &Path, about: &CohortAbout) -> Result<Self, StoreError> {
        // The file is claimed before anything is written into it.
        match std::fs::File::options().write(true).create_new(true).open(path) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(StoreError::Exists(path.to_owned())),
            Err(e) => {
                let source = rusqlite::Error::ToSqlConversionFailure(Box::new(e));
                return Err(StoreError::Write { source, path: path.to_owned() });
            }
        }
        let made = Self::connect(path).and_then(|mut store| {
            store.write(|t| {
                t.pragma_update(None, "application_id", APPLICATION_ID)?;
                for migration in MIGRATIONS {
                    t.execute_batch(migration)?;
                }
                t.pragma_update(None, "user_version", VERSION as i64)?;
                t.execute(
                    "INSERT INTO about VALUES ('name', ?1), ('simulated', ?2)",
                    params![about.name, if about.simulated { "1" } else { "0" }],
                )?;
                Ok(())
            })?;
            Ok(store)
        });
        if made.is_err() {
            let _the_reason_is_told = std::fs::remove_file(path);
        }
        made
    }

    /// Makes a cohort of simulated patients with their features, or none.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_simulated(
        path: &Path,
        name: &str,
        remark: &str,
        patients: &[(PatientRecord, StoredFeatures)],
    ) -> Result<Self, StoreError> {
        let mut store = Self::create(path, &CohortAbout { name: name.to_owned(), simulated: true })?;
        let filled = store.write(|t| {
            t.execute("INSERT INTO about VALUES ('remark', ?1)", [remark])?;
            for (place, (patient, features)) in patients.iter().enumerate() {
                t.execute(
                    "INSERT INTO patient VALUES (?1, ?2, ?3)",
                    params![patient.id, place as i64 + 1, json(patient)],
                )?;
                put_features(t, &patient.id, features)?;
            }
            Ok(())
        });
        if filled.is_err() {
            drop(store);
            let _the_reason_is_told = std::fs::remove_file(path);
            return Err(filled.expect_err("it failed"));
        }
        Ok(store)
    }

    /// True for a file that may be a store: any database of SQLite.
    pub fn is_store(path: &Path) -> bool {
        use std::io::Read as _;
        const MAGIC: &[u8; 16] = b"SQLite format 3\0";
        let mut head = [0; MAGIC.len()];
        std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *MAGIC
    }

    /// Opens a cohort; one of an older version is copied beside and brought to this one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let mut store = Self::connect(path)?;
        let pragma = |name: &str| store.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, version) = match (pragma("application_id"), pragma("user_version")) {
            (Ok(application), Ok(version)) => (application, version),
            (Err(error), _) | (_, Err(error)) => return Err(store.explained(error)),
        };
        if application != i64::from(APPLICATION_ID) {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        if version > VERSION as i64 {
            return Err(StoreError::Newer { version, path: path.to_owned() });
        }
        let check: Result<String, _> = store.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        match check {
            Ok(words) if words == "ok" => {}
            Ok(what) => return Err(StoreError::Damaged { what, path: path.to_owned() }),
            Err(error) => return Err(store.explained(error)),
        }
        if (version as usize) < VERSION {
            store.backup(&path.with_extension(format!("version-{version}.hilum-cohort")))?;
            store.write(|t| {
                for migration in &MIGRATIONS[version as usize..] {
                    t.execute_batch(migration)?;
                }
                t.pragma_update(None, "user_version", VERSION as i64)
            })?;
        }
        Ok(store)
    }

    fn connect(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error| explain(error, path);
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        // Readers do not wait for a writer; a write is on the disk before it counts.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn explained(&self, error: rusqlite::Error) -> StoreError {
        explain(error, &self.path)
    }

    /// One transaction: all of it, or nothing.
    fn write<T>(&mut self, f: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let path = self.path.clone();
        let failed = |error| explain(error, &path);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let value = f(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(value)
    }

    /// A whole copy at this moment, into a file that is not there yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`], or it cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::Exists(to.to_owned()));
        }
        let text = to.to_string_lossy();
        let copied = self.connection.execute("VACUUM INTO ?1", [text.as_ref()]);
        if let Err(source) = copied {
            let _the_reason_is_told = std::fs::remove_file(to);
            return Err(StoreError::Write { source, path: to.to_owned() });
        }
        Ok(())
    }

    pub fn about(&self) -> Result<CohortAbout, StoreError> {
        let value = |key: &str| {
            let text = self.connection.query_row("SELECT value FROM about WHERE key = ?1", [key], |row| row.get(0));
            text.optional().map(Option::<String>::unwrap_or_default).map_err(|e| self.explained(e))
        };
        Ok(CohortAbout { name: value("name")?, simulated: value("simulated")? == "1" })
    }

    /// What stands behind the patients, in words: the truth of simulated ones.
    pub fn remark(&self) -> Result<Option<String>, StoreError> {
        let text = self.connection.query_row("SELECT value FROM about WHERE key = 'remark'", [], |row| row.get(0));
        text.optional().map_err(|e| self.explained(e))
    }

    /// All patients in the order in which they came.
    pub fn patients(&self) -> Result<Vec<PatientRecord>, StoreError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("SELECT record FROM patient ORDER BY place")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        };
        let (texts, simulated) = (read().map_err(|e| self.explained(e))?, self.about()?.simulated);
        texts.iter().map(|text| Ok(PatientRecord { simulated, ..self.record(text)? })).collect()
    }

    fn record(&self, text: &str) -> Result<PatientRecord, StoreError> {
        serde_json::from_str(text).map_err(|e| StoreError::Damaged {
            what: format!("a patient cannot be read: {e}"),
            path: self.path.clone(),
        })
    }

    /// True without patients.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let any = self.connection.query_row("SELECT EXISTS (SELECT 1 FROM patient)", [], |row| row.get::<_, bool>(0));
        any.map(|any| !any).map_err(|e| self.explained(e))
    }

    /// Adds patients, all or none of them. Those that are there already are replaced with `update`, and are else refused. With
    /// simulated ones the cohort is simulated.
    ///
    /// # Errors
    /// [`StoreError::Known`], or it cannot be written.
    pub fn import(&mut self, patients: &[PatientRecord], update: bool) -> Result<Imported, StoreError> {
        let now: BTreeMap<String, PatientRecord> = self.patients()?.into_iter().map(|p| (p.id.clone(), p)).collect();
        let known: Vec<String> = patients.iter().filter(|p| now.contains_key(&p.id)).map(|p| p.id.clone()).collect();
        if !update && !known.is_empty() {
            return Err(StoreError::Known(known));
        }
        let mut imported = Imported::default();
        self.write(|t| {
            if patients.iter().any(|p| p.simulated) {
                t.execute("UPDATE about SET value = '1' WHERE key = 'simulated'", [])?;
            }
            let mut place: i64 = t.query_row("SELECT coalesce(max(place), 0) FROM patient", [], |row| row.get(0))?;
            for patient in patients {
                match now.get(&patient.id) {
                    Some(same) if same == patient => imported.unchanged += 1,
                    Some(_) => {
                        t.execute("UPDATE patient SET record = ?2 WHERE id = ?1", params![patient.id, json(patient)])?;
                        imported.changed += 1;
                    }
                    None => {
                        place += 1;
                        t.execute(
                            "INSERT INTO patient VALUES (?1, ?2, ?3)",
                            params![patient.id, place, json(patient)],
                        )?;
                        imported.added += 1;
                    }
                }
            }
            Ok(())
        })?;
        Ok(imported)
    }

    /// Replaces what is known of a patient, if it still is what it was.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::NoPatient`], or it cannot be written.
    pub fn replace(&mut self, before: &PatientRecord, after: &PatientRecord) -> Result<(), StoreError> {
        let text = self.write(|t| {
            let text: Option<String> =
                t.query_row("SELECT record FROM patient WHERE id = ?1", [&before.id], |row| row.get(0)).optional()?;
            let same =
                text.as_deref().is_some_and(|t| serde_json::from_str(t).is_ok_and(|now| before.is_kept_as(&now)));
            if same {
                t.execute("UPDATE patient SET record = ?2 WHERE id = ?1", params![before.id, json(after)])?;
            }
            Ok(text.map(|_| same))
        })?;
        match text {
            None => Err(StoreError::NoPatient(before.id.clone())),
            Some(false) => Err(StoreError::Changed(before.id.clone())),
            Some(true) => Ok(()),
        }
    }

    /// Removes a patient with all that was computed.
    ///
    /// # Errors
    /// [`StoreError::NoPatient`], or it cannot be written.
    pub fn remove(&mut self, id: &str) -> Result<(), StoreError> {
        match self.write(|t| t.execute("DELETE FROM patient WHERE id = ?1", [id]))? {
            0 => Err(StoreError::NoPatient(id.to_owned())),
            _ => Ok(()),
        }
    }

    /// What was computed, by patient.
    pub fn features(&self) -> Result<BTreeMap<String, StoredFeatures>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, StoredFeatures)>> {
            let mut statement = self.connection.prepare(
                "SELECT patient, source, definition, vals, problem, json_extract(record, '$.clinical') FROM features
                 JOIN patient ON id = patient",
            )?;
            let rows = statement.query_map([], |row| {
                let (values, problem): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
                let (source, clinical): (String, String) = (row.get(1)?, row.get(5)?);
                let definition = current(row.get(2)?, &source, &clinical);
                let values = match values.and_then(|text| serde_json::from_str(&text).ok()) {
                    Some(values) => Ok(values),
                    None => Err(problem.unwrap_or_else(|| "the values cannot be read".to_owned())),
                };
                Ok((row.get(0)?, StoredFeatures { source, definition, values }))
            })?;
            rows.collect()
        };
        Ok(read().map_err(|e| self.explained(e))?.into_iter().collect())
    }

    /// By patient, under which definition features were computed (empty where the clinical values are others now), and why
    /// they could not be where that failed. Quicker than [`Self::features`].
    pub fn computed(&self) -> Result<BTreeMap<String, (String, Option<String>)>, StoreError> {
        let read = || -> rusqlite::Result<BTreeMap<String, (String, Option<String>)>> {
            let mut statement = self.connection.prepare(
                "SELECT patient, definition, problem, source, json_extract(record, '$.clinical') FROM features
                 JOIN patient ON id = patient",
            )?;
            let rows = statement.query_map([], |row| {
                let (source, clinical): (String, String) = (row.get(3)?, row.get(4)?);
                Ok((row.get(0)?, (current(row.get(1)?, &source, &clinical), row.get(2)?)))
            })?;
            rows.collect()
        };
        read().map_err(|e| self.explained(e))
    }

    /// By patient, the share of each station inside the CTV, of features under this definition; `None` where it is missing.
    pub fn coverage(&self, definition: &str) -> Result<Coverage, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let query = "SELECT patient, vals FROM features WHERE definition = ?1 AND vals IS NOT NULL";
            let mut statement = self.connection.prepare(query)?;
            let rows = statement.query_map([definition], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let shares = |text: String| {
            let values: Vec<Option<f64>> = serde_json::from_str(&text).unwrap_or_default();
            std::array::from_fn(|s| {
                let station = Station::from_index(s)?;
                values.get(ratio_index(station, 0)).copied().flatten()
            })
        };
        let rows = read().map_err(|e| self.explained(e))?;
        Ok(rows.into_iter().map(|(patient, text)| (patient, shares(text))).collect())
    }

    /// Keeps what was computed for a patient, in place of what was there.
    ///
    /// # Errors
    /// It cannot be written, or there is no such patient.
    pub fn keep_features(&mut self, patient: &str, features: &StoredFeatures) -> Result<(), StoreError> {
        let known: Option<i64> = self
            .connection
            .query_row("SELECT 1 FROM patient WHERE id = ?1", [patient], |row| row.get(0))
            .optional()
            .map_err(|e| self.explained(e))?;
        if known.is_none() {
            return Err(StoreError::NoPatient(patient.to_owned()));
        }
        self.write(|t| put_features(t, patient, features))
    }
}

fn put_features(t: &rusqlite::Transaction<'_>, patient: &str, features: &StoredFeatures) -> rusqlite::Result<()> {
    let (values, problem) = match &features.values {
        Ok(values) => (Some(json(values)), None),
        Err(problem) => (None, Some(problem)),
    };
    t.execute(
        "INSERT OR REPLACE INTO features VALUES (?1, ?2, ?3, ?4, ?5)",
        params![patient, features.source, features.definition, values, problem],
    )?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

fn explain(error: rusqlite::Error, path: &Path) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(path),
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { what: error.to_string(), path },
        _ => StoreError::Write { source: error, path },
    }
}
