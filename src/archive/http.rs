//! HTTP to one archive: sign-in, time limits, cancelling, redirects, and what went wrong in words.

use super::address::{Remote, Secret, SignIn, is_loopback};
use super::error::ArchiveError;
use crate::tf;
use crate::words::{keep, t, told};
use base64::Engine as _;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector,
    Transport, time,
};
use ureq::{Agent, Body, SendBody};

/// Tells whether the user wants to stop; asked a few times a second while the network is waited for.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// Nobody stops it.
pub fn never() -> Stop {
    Arc::new(|| false)
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect: Duration,
    /// Without a byte from the archive.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_mins(1) }
    }
}

/// An answer of an archive, its status checked.
pub(super) struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub body: Body,
}

/// A connection to an archive.
pub struct Client {
    agent: Agent,
    /// Address without a slash at its end.
    base: String,
    host: String,
    authorization: Option<String>,
    limits: Limits,
    stop: Stop,
    /// Whether the archive was asked before if it takes what is sent to it.
    was_asked: AtomicBool,
}

impl Client {
    /// Prepares a connection; nothing is sent yet. `secret` is the password or token.
    ///
    /// # Errors
    /// Where the address or the certificates cannot be used.
    pub fn new(remote: &Remote, secret: Option<&Secret>, limits: Limits, stop: Stop) -> Result<Self, ArchiveError> {
        let (_, host) = remote.host()?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(limits.connect))
            .timeout_per_write(Some(limits.idle))
            .timeout_await_100(Some(Duration::from_millis(300)))
            .user_agent(concat!("hilum/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(remote)?);
        if is_loopback(host) {
            config = config.proxy(None);
        }
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(Patience { idle: limits.idle, stop: Arc::clone(&stop) })
                .chain(RustlsConnector::default());
        let authorization = match (&remote.sign_in, secret) {
            (SignIn::Nobody, _) | (_, None) => None,
            (SignIn::Basic { user, .. }, Some(password)) => {
                let pair = format!("{user}:{}", password.reveal());
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            (SignIn::Bearer { .. }, Some(token)) => Some(format!("Bearer {}", token.reveal().trim())),
        };
        if authorization.as_ref().is_some_and(|a| header::HeaderValue::from_str(a).is_err()) {
            return Err(ArchiveError::request(t(
                "the password or token holds characters that cannot be sent, such as line ends; check where it comes from",
            )));
        }
        Ok(Self {
            agent: Agent::with_parts(config.build(), connector, DefaultResolver::default()),
            base: remote.url.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            authorization,
            limits,
            stop,
            was_asked: AtomicBool::new(false),
        })
    }

    pub(super) fn is_stopped(&self) -> bool {
        (self.stop)()
    }

    /// Fetches `path` (with its query), following redirects within the same host. Any 2xx answer is given back.
    pub(super) fn get(&self, what: &str, path: &str, accept: &str) -> Result<Answer, ArchiveError> {
        let mut url = format!("{}{path}", self.base);
        for _ in 0..5 {
            let mut request = self.agent.get(&url).header(header::ACCEPT, accept);
            if let Some(authorization) = &self.authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let response = request.call().map_err(|e| self.trouble(what, &e))?;
            match self.moved(what, &url, &response)? {
                Some(next) => url = next,
                None => return self.check(what, response),
            }
        }
        Err(ArchiveError::archive(tf!(
            "{what} failed: {host} redirects in a circle; check its address",
            what,
            host = self.host
        )))
    }

    /// Sends `length` bytes of `body`. Answers with a status in `also` are given back as well as 2xx.
    pub(super) fn post(
        &self,
        what: &str,
        path: &str,
        content_type: &str,
        accept: &str,
        length: u64,
        body: &mut dyn Read,
        also: &[u16],
    ) -> Result<Answer, ArchiveError> {
        let url = format!("{}{path}", self.base);
        let mut request = self
            .agent
            .post(&url)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_LENGTH, length);
        // An archive that refuses says so before all bytes are sent. Some keep silent, so it is asked once only.
        if !self.was_asked.swap(true, Ordering::Relaxed) {
            request = request.header(header::EXPECT, "100-continue");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let response = request.send(SendBody::from_reader(body)).map_err(|e| self.trouble(what, &e))?;
        if let Some(next) = self.moved(what, &url, &response)? {
            return Err(ArchiveError::archive(tf!(
                "{what} failed: the archive has moved; change its address in the settings (it names {next})",
                what,
                next
            )));
        }
        if also.contains(&response.status().as_u16()) {
            return Ok(Answer::of(response));
        }
        self.check(what, response)
    }

    /// Where a redirect leads, if this answer is one and stays on the same host.
    fn moved(&self, what: &str, url: &str, response: &Response<Body>) -> Result<Option<String>, ArchiveError> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let origin = |url: &str| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/").to_ascii_lowercase();
        let to = response.headers().get(header::LOCATION).and_then(|l| l.to_str().ok()).unwrap_or_default();
        let next =
            if to.starts_with('/') && !to.starts_with("//") { format!("{}{to}", origin(url)) } else { to.into() };
        // Anywhere else the password would be sent to somebody else, or readable.
        if !next.is_empty() && origin(&next) == origin(url) {
            return Ok(Some(next));
        }
        Err(ArchiveError::archive(tf!(
            "{what} failed: {host} sends on to another server; if that is right, change the address in the settings: {to}",
            what,
            host = self.host,
            to = limited(to)
        )))
    }

    fn check(&self, what: &str, response: Response<Body>) -> Result<Answer, ArchiveError> {
        let status = response.status();
        let answer = Answer::of(response);
        if status.is_success() {
            return Ok(answer);
        }
        let why = match status.as_u16() {
            400 => {
                keep("the archive did not understand the request (400); it may not support this search or retrieval")
            }
            401 if self.authorization.is_none() => {
                keep("the archive asks for a user name and password (401); give them in its settings")
            }
            401 => keep("the archive does not accept user name, password or token (401); check them in its settings"),
            403 => keep("the archive does not allow this to the user (403); ask its administrator for the right"),
            404 => keep(
                "the archive does not know this study, or its address is not that of a DICOMweb service (404); search \
                 again, and check the address",
            ),
            406 | 415 => keep("the archive cannot send or take DICOM files in this form (406 or 415)"),
            409 => {
                keep("the archive refused the objects as they are (409); they may be there already with other content")
            }
            413 => keep("the archive takes no files of this size (413); ask its administrator to raise the limit"),
            429 | 503 => keep("the archive is too busy at present (429 or 503); try again later"),
            501 => keep("the archive does not offer this part of DICOMweb (501)"),
            500..=599 => keep("the archive had an internal error; try again, and look in its log"),
            _ => keep("the archive answered what was not expected"),
        };
        let names_status = why.contains('(');
        let why = if names_status { told(why).to_owned() } else { format!("{} ({})", told(why), status.as_u16()) };
        Err(ArchiveError {
            status: Some(status.as_u16()),
            ..ArchiveError::archive(tf!("{what} failed: {why}", what, why))
        })
    }

    /// An error of the network in words.
    pub(super) fn trouble(&self, what: &str, error: &ureq::Error) -> ArchiveError {
        let host = &self.host;
        if self.is_stopped() {
            return crate::progress::Cancelled.into();
        }
        let text = match error {
            ureq::Error::HostNotFound => {
                tf!("no computer of the name {host} was found; check the address and the network", host)
            }
            ureq::Error::Timeout(ureq::Timeout::Connect) => {
                tf!(
                    "{host} could not be reached within {seconds} s; check address, port and network",
                    host,
                    seconds = self.limits.connect.as_secs_f32()
                )
            }
            ureq::Error::Timeout(_) => {
                tf!(
                    "{host} has not answered for {seconds} s; try again later",
                    host,
                    seconds = self.limits.idle.as_secs_f32()
                )
            }
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                tf!("nothing listens at {host}; check address and port, and that the archive runs", host)
            }
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => certificate(host, error),
            ureq::Error::Io(e) if is_certificate(e) => certificate(host, error),
            ureq::Error::Io(e) => return self.cut(what, e),
            ureq::Error::Protocol(_) | ureq::Error::BodyStalled | ureq::Error::LargeResponseHeader(..) => {
                tf!("{host} does not answer as a web server should ({error}); check address and port", host, error)
            }
            other => tf!("the connection to {host} failed ({other}); check the address", host, other),
        };
        ArchiveError::connection(tf!("{what} failed: {why}", what, why = text))
    }

    /// A connection that ended too early while it was read or written.
    pub(super) fn cut(&self, what: &str, error: &std::io::Error) -> ArchiveError {
        if self.is_stopped() {
            return crate::progress::Cancelled.into();
        }
        if let Some(inner) = error.get_ref().and_then(|e| e.downcast_ref::<ureq::Error>())
            && !matches!(inner, ureq::Error::Io(_))
        {
            return self.trouble(what, inner);
        }
        ArchiveError::connection(tf!(
            "{what} failed: the connection to {host} was cut ({error}); try again, and where it happens again ask the \
             administrator of the archive",
            what,
            host = self.host,
            error
        ))
    }
}

impl Answer {
    fn of(response: Response<Body>) -> Self {
        let content_type =
            response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        Self { status: response.status(), content_type, body: response.into_body() }
    }

    /// The media type in small letters, without parameters.
    pub fn media_type(&self) -> String {
        self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// Words of a server, short enough for a sentence and without line ends.
pub(super) fn limited(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn certificate(host: &str, error: &ureq::Error) -> String {
    tf!(
        "the certificate of {host} is not trusted ({error}); give the certificate of its authority in the settings \
         of the archive, or correct the address",
        host,
        error
    )
}

fn is_certificate(error: &std::io::Error) -> bool {
    let text = error.to_string();
    error.kind() == std::io::ErrorKind::InvalidData && (text.contains("certificate") || text.contains("TLS"))
}

fn tls(remote: &Remote) -> Result<ureq::tls::TlsConfig, ArchiveError> {
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
    let roots = match &remote.ca_file {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let unreadable = |why: String| {
                ArchiveError::request(tf!(
                    "the certificates of the archive's authority cannot be read ({why}); choose a PEM file: {path}",
                    why,
                    path = path.display()
                ))
            };
            let pem = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
            let certificates: Vec<_> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(unreadable(t("no certificate is in it").into()));
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

/// Waits for the archive in short steps, so that the user can stop at any time.
struct Patience {
    idle: Duration,
    stop: Stop,
}

impl std::fmt::Debug for Patience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patience").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for Patience {
    type Out = PatientTransport<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| PatientTransport { inner, idle: self.idle, stop: Arc::clone(&self.stop) }))
    }
}

struct PatientTransport<In> {
    inner: In,
    idle: Duration,
    stop: Stop,
}

impl<In: Transport> std::fmt::Debug for PatientTransport<In> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<In: Transport> Transport for PatientTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if (self.stop)() {
            return Err(ureq::Error::Io(std::io::ErrorKind::ConnectionAborted.into()));
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        const STEP: Duration = Duration::from_millis(200);
        let start = Instant::now();
        let most = (*timeout.after).min(self.idle);
        loop {
            if (self.stop)() {
                return Err(ureq::Error::Io(std::io::ErrorKind::ConnectionAborted.into()));
            }
            let left = most.saturating_sub(start.elapsed());
            if left.is_zero() {
                let reason = if most < self.idle { timeout.reason } else { ureq::Timeout::PerRead };
                return Err(ureq::Error::Timeout(reason));
            }
            match self.inner.await_input(NextTimeout { after: time::Duration::Exact(left.min(STEP)), ..timeout }) {
                Err(ureq::Error::Timeout(_)) => {}
                other => return other,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
