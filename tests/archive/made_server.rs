//! A DICOMweb server made for a test: it knows one study and answers as it is told.

use super::dicom_files;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How the files of the study are sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    Whole,
    /// The connection is cut after so many bytes.
    Cut(usize),
    /// Nothing more comes after so many bytes, but the connection stays.
    Stalls(usize),
    /// Without the last file.
    OneLess,
    Twice,
    /// The last file without its last bytes.
    Shortened,
    /// One file with other UIDs than asked for.
    Other(Vec<u8>),
    /// An answer without a body.
    Status(u16, &'static str),
    /// A body of a media type.
    Says(&'static str, &'static str),
    /// Only without `transfer-syntax=*`.
    OwnSyntax,
    /// No answer at all.
    Silent,
}

#[derive(Debug, Clone)]
pub struct Study {
    pub uid: String,
    pub series: String,
    pub instances: Vec<String>,
    pub files: Vec<Vec<u8>>,
}

impl Study {
    /// The CT series of a folder.
    pub fn of(folder: &Path) -> Self {
        let files: Vec<_> = dicom_files(folder)
            .into_iter()
            .filter(|p| hilum::dicom::identify(p).is_ok_and(|i| i.modality == "CT"))
            .collect();
        let identities: Vec<_> = files.iter().map(|p| hilum::dicom::identify(p).expect("DICOM")).collect();
        Self {
            uid: identities[0].study_instance_uid.clone(),
            series: identities[0].series_instance_uid.clone(),
            instances: identities.iter().map(|i| i.sop_instance_uid.clone()).collect(),
            files: files.iter().map(|p| std::fs::read(p).expect("there")).collect(),
        }
    }
}

/// A server; its thread ends with the test program.
pub struct MadeServer {
    pub url: String,
    /// Request lines and headers, as they came.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl MadeServer {
    /// `redirect` is where everything below /moved is sent.
    pub fn start(study: Study, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}/dicom-web", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, base) = (Arc::clone(&seen), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (study, manner, log, base) = (study.clone(), manner.clone(), Arc::clone(&log), base.clone());
                std::thread::spawn(move || serve(stream, &study, &manner, &log, &base));
            }
        });
        Self { url, seen }
    }
}

fn answer(stream: &mut TcpStream, status: u16, media: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

fn serve(mut stream: TcpStream, study: &Study, manner: &Manner, log: &Mutex<Vec<String>>, base: &str) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        log.lock().expect("no test panics here").push(head.clone());
        let length =
            head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let mut body = vec![0; length.map_or(0, |l| l.parse().expect("a number"))];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if respond(&mut stream, study, manner, &head, &path, base).is_err() {
            return;
        }
        if matches!(manner, Manner::Cut(_)) && !path.contains('?') {
            return;
        }
    }
}

fn respond(
    stream: &mut TcpStream,
    study: &Study,
    manner: &Manner,
    head: &str,
    path: &str,
    base: &str,
) -> std::io::Result<()> {
    const JSON: &str = "application/dicom+json";
    let is_search = path.contains('?');
    match manner {
        Manner::Silent => {
            std::thread::sleep(std::time::Duration::from_mins(2));
            return Ok(());
        }
        Manner::Status(status, location) => {
            let location = location.replace("BASE", base);
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n")?;
            return Ok(());
        }
        Manner::Says(media, body) => return answer(stream, 200, media, body.as_bytes()),
        _ => {}
    }
    if is_search {
        let first_page = path.contains("offset=0");
        let element = |tag: &str, value: &str| format!("\"{tag}\":{{\"Value\":[\"{value}\"]}}");
        let rows = match path.split('?').next().unwrap_or_default() {
            _ if !first_page => String::new(),
            p if p.ends_with("/instances") => {
                let rows: Vec<String> =
                    study.instances.iter().map(|i| format!("{{{}}}", element("00080018", i))).collect();
                rows.join(",")
            }
            p if p.ends_with("/series") => {
                format!(
                    "{{{},{}}}",
                    element("0020000E", &study.series),
                    element("00201209", &study.instances.len().to_string())
                )
            }
            _ => format!("{{{}}}", element("0020000D", &study.uid)),
        };
        return answer(stream, 200, JSON, format!("[{rows}]").as_bytes());
    }
    if *manner == Manner::OwnSyntax && head.contains("transfer-syntax=*") {
        return answer(stream, 406, "text/plain", b"");
    }
    let mut files = study.files.clone();
    let last = files.len() - 1;
    match manner {
        Manner::OneLess => files.truncate(last),
        Manner::Twice => files[last] = files[0].clone(),
        Manner::Shortened => {
            let length = files[last].len() - 100;
            files[last].truncate(length);
        }
        Manner::Other(other) => files[last] = other.clone(),
        _ => {}
    }
    let mut body = Vec::new();
    for file in files {
        body.extend_from_slice(b"\r\n--frontier\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend_from_slice(&file);
    }
    body.extend_from_slice(b"\r\n--frontier--\r\n");
    let most = match manner {
        Manner::Cut(most) | Manner::Stalls(most) => *most,
        _ => body.len(),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=\"application/dicom\"; boundary=frontier\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body[..most])?;
    if matches!(manner, Manner::Stalls(_)) {
        std::thread::sleep(std::time::Duration::from_mins(2));
    }
    Ok(())
}
