//! Where archives are and how to sign in to them, as the settings keep it.

use super::error::ArchiveError;
use crate::tf;
use crate::words::t;
use std::path::PathBuf;

/// Where a password or token comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordFrom {
    /// The environment variable of this name.
    Environment(String),
    /// Asked for when it is needed, and forgotten when the program ends.
    #[default]
    Ask,
    /// Kept in the settings file, which only its owner can read.
    Settings(Secret),
}

/// A password or token; it shows in no message and no log.
#[derive(Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// How to sign in to an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    #[default]
    Nobody,
    /// HTTP Basic authentication (RFC 7617).
    Basic { user: String, password: PasswordFrom },
    /// A bearer token (RFC 6750).
    Bearer { token: PasswordFrom },
}

impl SignIn {
    fn source(&self) -> Option<&PasswordFrom> {
        match self {
            Self::Nobody => None,
            Self::Basic { password: source, .. } | Self::Bearer { token: source } => Some(source),
        }
    }

    /// True where the user must give the password or token first.
    pub fn asks(&self) -> bool {
        matches!(self.source(), Some(PasswordFrom::Ask))
    }

    /// The password or token; `asked` is what the user has typed. `Ok(None)` where none is needed.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn secret(&self, asked: Option<&Secret>) -> Result<Option<Secret>, ArchiveError> {
        let secret = match self.source() {
            None => return Ok(None),
            Some(PasswordFrom::Settings(secret)) => secret.clone(),
            Some(PasswordFrom::Environment(name)) => {
                let value = std::env::var(name).map_err(|_not_set| {
                    ArchiveError::request(tf!(
                        "the password is not there: the environment variable {name} is not set; set it, or change how \
                         the password is given",
                        name
                    ))
                })?;
                Secret(value)
            }
            Some(PasswordFrom::Ask) => asked.cloned().ok_or_else(|| {
                ArchiveError::request(t("this archive needs a password; give it first, or change how it is given"))
            })?,
        };
        Ok(Some(secret))
    }
}

/// An archive that speaks DICOMweb.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Remote {
    pub name: String,
    /// Address of the service, such as `https://pacs.example.org/dicom-web`.
    pub url: String,
    pub sign_in: SignIn,
    /// Certificates of the authority that the archive's certificate is checked against, as PEM; else those of the
    /// system.
    pub ca_file: Option<PathBuf>,
}

impl Remote {
    /// Checks name and address.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn check(&self) -> Result<(), ArchiveError> {
        let name_fits = (1..=40).contains(&self.name.chars().count()) && !self.name.chars().any(char::is_control);
        if !name_fits || self.name.trim() != self.name {
            return Err(ArchiveError::request(t(
                "an archive needs a name of 1 to 40 characters, without spaces at its ends",
            )));
        }
        self.host()?;
        match &self.sign_in {
            SignIn::Basic { user, .. } if user.is_empty() || user.contains(':') => {
                Err(ArchiveError::request(t("the user name must not be empty and must hold no colon")))
            }
            _ => Ok(()),
        }
    }

    /// Scheme, and host with port.
    pub(super) fn host(&self) -> Result<(&str, &str), ArchiveError> {
        let wrong = |why: &str| {
            ArchiveError::request(tf!(
                "the address of the archive {why}; write it as https://host/dicom-web: {url}",
                why,
                url = self.url
            ))
        };
        let url = self.url.trim_end_matches('/');
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong(t("has no http:// or https://")))?;
        if !matches!(scheme, "http" | "https") {
            return Err(wrong(t("is neither http:// nor https://")));
        }
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '?' || c == '#') {
            return Err(wrong(t("names no host, or holds what belongs in no address")));
        }
        if host.contains('@') {
            // Without the address: it holds a password.
            return Err(ArchiveError::request(t(
                "the address of the archive holds a user name or password; give them apart, with --user",
            )));
        }
        url.parse::<ureq::http::Uri>().map_err(|_| wrong(t("cannot be read")))?;
        Ok((scheme, host))
    }

    /// A sentence where a password would travel readable through a network.
    pub fn open_password_warning(&self) -> Option<String> {
        let (scheme, host) = self.host().ok()?;
        let readable = scheme == "http" && !is_loopback(host) && self.sign_in != SignIn::Nobody;
        readable.then(|| {
            tf!(
                "the password for {name} goes through the network readable by others, because its address starts with \
                 http://; use https:// where the archive offers it",
                name = self.name
            )
        })
    }
}

/// True for this computer.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// How this computer receives.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReceiverSettings {
    /// Application entity title that senders must call, at most 16 characters.
    pub ae_title: String,
    pub port: u16,
    /// Listen on every network, not on this computer only.
    pub any_network: bool,
}

impl Default for ReceiverSettings {
    fn default() -> Self {
        Self { ae_title: "HILUM".into(), port: 11112, any_network: false }
    }
}

impl ReceiverSettings {
    /// Checks the AE title (PS3.5 section 6.2, AE).
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn check(&self) -> Result<(), ArchiveError> {
        let title = &self.ae_title;
        let fits = (1..=16).contains(&title.len()) && title.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
        if fits && title.trim() == title {
            return Ok(());
        }
        Err(ArchiveError::request(t(
            "the AE title needs 1 to 16 ASCII characters, without backslash and without spaces at the ends",
        )))
    }
}

/// Everything about archives that is remembered between runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Archives {
    /// The folder where studies are kept; else one in the user's data folder.
    pub folder: Option<PathBuf>,
    pub receiver: ReceiverSettings,
    pub remotes: Vec<Remote>,
}

impl Archives {
    /// Where studies are kept: the chosen folder, else `archive` in HILUM_HOME or in the user's data folder.
    pub fn shelf_folder(&self) -> PathBuf {
        let home = std::env::var_os("HILUM_HOME").map(PathBuf::from);
        let data = || directories::ProjectDirs::from("org", "hilum", "hilum").map(|d| d.data_dir().to_owned());
        let beside = || home.or_else(data).unwrap_or_else(|| PathBuf::from("hilum")).join("archive");
        self.folder.clone().unwrap_or_else(beside)
    }

    pub fn by_name(&self, name: &str) -> Option<&Remote> {
        self.remotes.iter().find(|r| r.name == name)
    }

    /// Puts an archive in the list, in the place of one of the same name.
    pub fn put(&mut self, remote: Remote) {
        match self.remotes.iter_mut().find(|r| r.name == remote.name) {
            Some(old) => *old = remote,
            None => self.remotes.push(remote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        let sign_in = SignIn::Basic { user: "jane".into(), password: PasswordFrom::Settings(Secret::new("s3cret")) };
        Remote { name: "main".into(), url: url.into(), sign_in, ca_file: None }
    }

    #[test]
    fn addresses_are_checked_and_no_password_shows() {
        for good in ["http://localhost:8042/dicom-web", "https://pacs.example.org/a/b/", "http://[::1]:80/x"] {
            assert_eq!(remote(good).check(), Ok(()), "{good}");
        }
        for bad in ["", "pacs", "ftp://pacs/x", "http://", "http://a b/", "http://pacs/x?y", "http://jane:pw9@pacs/x"] {
            let error = remote(bad).check().expect_err(bad);
            assert!(!error.text.contains("pw9"), "{error}");
        }
        assert!(!format!("{:?}", remote("http://a/b")).contains("s3cret"));
        assert!(remote("http://127.0.0.1:80/x").open_password_warning().is_none());
        assert!(remote("https://pacs/x").open_password_warning().is_none());
        assert!(remote("http://pacs/x").open_password_warning().is_some());
        assert!(remote("http://127.0.0.1.example.org/x").open_password_warning().is_some());
    }

    #[test]
    fn a_password_is_found_where_it_was_said_to_be() {
        let kept = remote("http://a/b").sign_in;
        assert_eq!(kept.secret(None).expect("kept").expect("one").reveal(), "s3cret");
        let asked = SignIn::Bearer { token: PasswordFrom::Ask };
        assert!(asked.asks() && asked.secret(None).is_err());
        assert_eq!(asked.secret(Some(&Secret::new("t"))), Ok(Some(Secret::new("t"))));
        let missing = SignIn::Bearer { token: PasswordFrom::Environment("HILUM_TEST_NOT_SET".into()) };
        assert!(missing.secret(None).expect_err("not set").text.contains("HILUM_TEST_NOT_SET"));
    }
}
