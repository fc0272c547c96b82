//! The receiver with senders that misbehave.

use super::{assert_empty, dicom_files, names};
use crate::support::bench::write_case;
use dicom_ul::association::ClientAssociationOptions;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use hilum::archive::{Placed, Receiver, ReceiverEvent, ReceiverSettings, Shelf, Stop};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

struct Service {
    port: u16,
    folder: tempfile::TempDir,
    events: Arc<Mutex<Vec<ReceiverEvent>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let shelf = Shelf::open(folder.path()).expect("opens");
        let settings = ReceiverSettings { port: 0, ..ReceiverSettings::default() };
        let receiver = Receiver::bind(&settings, &shelf).expect("a free port");
        let port = receiver.port();
        let (events, stop): (Arc<Mutex<Vec<ReceiverEvent>>>, Arc<AtomicBool>) = Default::default();
        let (log, asked) = (Arc::clone(&events), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let stop: Stop = Arc::new(move || asked.load(Ordering::Relaxed));
            receiver.run(&stop, &mut |event| log.lock().expect("no panic").push(event));
        });
        Self { port, folder, events, stop, thread: Some(thread) }
    }

    fn ends(&mut self) -> Vec<ReceiverEvent> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("once").join().expect("no panic");
        self.events.lock().expect("no panic").clone()
    }

    fn waits_for(&self, what: &str, found: impl Fn(&ReceiverEvent) -> bool) {
        super::wait_until(what, || self.events.lock().expect("no panic").iter().any(&found));
    }
}

fn files() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &[], (0..4).map(|k| 3.0 * f64::from(k)).collect());
    let files = dicom_files(folder.path());
    (folder, files)
}

/// A C-STORE request in implicit little endian, and the data set of a file.
fn request(file: &Path, announced: &str) -> (Vec<u8>, Vec<u8>) {
    let identity = hilum::dicom::identify(file).expect("DICOM");
    let mut body = Vec::new();
    let mut put = |element: u16, value: &[u8]| {
        let mut value = value.to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        body.extend([0, 0]);
        body.extend(element.to_le_bytes());
        body.extend((value.len() as u32).to_le_bytes());
        body.extend(value);
    };
    put(0x0002, identity.sop_class_uid.as_bytes());
    put(0x0100, &[1, 0]);
    put(0x0110, &[1, 0]);
    put(0x0700, &[0, 0]);
    put(0x0800, &[0, 0]);
    put(0x1000, announced.as_bytes());
    let mut command = vec![0, 0, 0, 0, 4, 0, 0, 0];
    command.extend((body.len() as u32).to_le_bytes());
    command.extend(body);
    (command, std::fs::read(file).expect("there")[identity.body_at as usize..].to_vec())
}

fn piece(kind: PDataValueType, data: &[u8], is_last: bool) -> Pdu {
    Pdu::PData { data: vec![PDataValue { presentation_context_id: 1, value_type: kind, is_last, data: data.to_vec() }] }
}

/// Sends a file, or only its first bytes, and gives the status where it was sent to its end.
fn send(port: u16, file: &Path, announced: &str, most: usize) -> Option<u16> {
    let options = ClientAssociationOptions::new()
        .calling_ae_title("TESTER")
        .called_ae_title("HILUM")
        .with_presentation_context(CT, vec![EXPLICIT]);
    let mut association = options.establish(("127.0.0.1", port)).expect("associated");
    let (command, data) = request(file, announced);
    association.send(&piece(PDataValueType::Command, &command, true)).expect("sent");
    let whole = data.len() <= most;
    let data = &data[..data.len().min(most)];
    let count = data.chunks(4000).count();
    for (n, chunk) in data.chunks(4000).enumerate() {
        association.send(&piece(PDataValueType::Data, chunk, whole && n + 1 == count)).expect("sent");
    }
    if !whole {
        // The connection ends here.
        return None;
    }
    let Pdu::PData { data } = association.receive().expect("an answer") else { panic!("no answer") };
    let at = data[0].data.windows(8).position(|w| w == [0, 0, 0, 9, 2, 0, 0, 0]).expect("a status");
    let status = u16::from_le_bytes([data[0].data[at + 8], data[0].data[at + 9]]);
    association.release().expect("released");
    Some(status)
}

#[test]
fn an_object_is_acknowledged_when_it_is_there_and_a_part_of_one_is_not_kept() {
    let (_folder, files) = files();
    let mut service = Service::start();
    let uid = |file: &Path| hilum::dicom::identify(file).expect("DICOM").sop_instance_uid;
    assert_eq!(send(service.port, &files[0], &uid(&files[0]), usize::MAX), Some(0));
    let study = hilum::dicom::identify(&files[0]).expect("DICOM").study_instance_uid;
    let shelved = service.folder.path().join(&study);
    assert_eq!(names(&shelved), [format!("{}.dcm", uid(&files[0]))]);
    // Broken off in the middle.
    send(service.port, &files[1], &uid(&files[1]), 5000);
    service
        .waits_for("the refusal", |e| matches!(e, ReceiverEvent::Refused(why) if why.contains("middle of an object")));
    // Announced under the UID of another, and under one that climbs.
    assert_eq!(send(service.port, &files[1], &uid(&files[2]), usize::MAX), Some(0xA900));
    assert_eq!(send(service.port, &files[1], "../../evil", usize::MAX), Some(0xA900));
    assert_eq!(names(&shelved).len(), 1);
    // Again the same, and the same UID with other content.
    assert_eq!(send(service.port, &files[0], &uid(&files[0]), usize::MAX), Some(0));
    let changed = service.folder.path().join(".changed");
    let mut bytes = std::fs::read(&files[0]).expect("there");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&changed, bytes).expect("written");
    assert_eq!(send(service.port, &changed, &uid(&files[0]), usize::MAX), Some(0));
    let events = service.ends();
    let placed: Vec<&Placed> =
        events.iter().filter_map(|e| if let ReceiverEvent::Received(r) = e { Some(&r.placed) } else { None }).collect();
    assert!(matches!(placed[..], [Placed::New(_), Placed::Known(_), Placed::Beside(_)]), "{placed:?}");
    assert_eq!(names(&shelved).len(), 1);
    let hidden: Vec<String> =
        names(service.folder.path()).into_iter().filter(|n| n.starts_with(".hilum-arr")).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn what_is_no_dicom_ends_the_connection_and_others_are_served() {
    let (_folder, files) = files();
    let mut service = Service::start();
    let knock = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", service.port)).expect("connects");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("set");
        stream.write_all(bytes).expect("sent");
        let mut answer = Vec::new();
        // A reset counts as an end.
        let _reset = stream.read_to_end(&mut answer);
    };
    // One sender says nothing all the while.
    let silent = TcpStream::connect(("127.0.0.1", service.port)).expect("connects");
    knock(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    knock(&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1]);
    knock(&[4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3]);
    assert_empty(service.folder.path().join("nothing").as_path());
    let uid = hilum::dicom::identify(&files[0]).expect("DICOM").sop_instance_uid;
    assert_eq!(send(service.port, &files[0], &uid, usize::MAX), Some(0));
    drop(silent);
    let events = service.ends();
    assert!(events.iter().any(|e| matches!(e, ReceiverEvent::Refused(why) if why.contains("does not speak DICOM"))));
    // A port that is taken, in words.
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let settings = ReceiverSettings { port: taken.local_addr().expect("an address").port(), ..Default::default() };
    let shelf = Shelf::open(service.folder.path()).expect("opens");
    let error = Receiver::bind(&settings, &shelf).err().expect("taken");
    assert!(error.text.contains("another program listens"), "{error}");
}
