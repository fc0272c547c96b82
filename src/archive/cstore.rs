//! The receiver: a service that takes objects by C-STORE and answers C-ECHO (DICOM PS3.4 annexes A and B, PS3.8).
//! One thread serves all senders in turn, so that it can be stopped at any time. An object is acknowledged only
//! when it stands on the shelf as a whole.

use super::address::ReceiverSettings;
use super::dimse::{C_ECHO, C_STORE, Request, status};
use super::error::{ArchiveError, Cause};
use super::http::{Stop, limited};
use super::shelf::{Arriving, Placed, Shelf, Uid};
use crate::tf;
use crate::words::t;
use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRJ, AssociationRJResult,
    AssociationRJServiceUserReason, AssociationRJSource, AssociationRQ, PDataValue, PDataValueType, Pdu,
    PresentationContextResult, PresentationContextResultReason, UserVariableItem, read_pdu, write_pdu,
};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// SOP classes that are taken.
pub const ACCEPTED_CLASSES: [&str; 10] = [
    uids::CT_IMAGE_STORAGE,
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
    uids::RT_STRUCTURE_SET_STORAGE,
    uids::RT_DOSE_STORAGE,
    uids::RT_PLAN_STORAGE,
    uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
    uids::ENHANCED_PET_IMAGE_STORAGE,
    uids::SEGMENTATION_STORAGE,
    uids::SPATIAL_REGISTRATION_STORAGE,
];

const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
const MOST_PDU: u32 = 256 << 10;
const MOST_COMMAND: usize = 16 << 10;
const MOST_OBJECT: u64 = 8 << 30;
const MOST_SENDERS: usize = 16;
/// A sender that says nothing for so long is let go.
const IDLE: Duration = Duration::from_mins(1);

/// An object that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub study_instance_uid: String,
    pub sop_instance_uid: String,
    pub modality: String,
    /// AE title of the sender.
    pub from: String,
    pub placed: Placed,
}

/// What the receiver tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverEvent {
    Received(Box<Received>),
    /// An association or an object that was not taken, in words.
    Refused(String),
    /// A sender has ended its association after so many objects.
    Released {
        from: String,
        objects: usize,
    },
}

/// A service that listens.
pub struct Receiver {
    listener: TcpListener,
    ae_title: String,
    arriving: Arriving,
    senders: Vec<Sender>,
    count: u64,
}

impl Receiver {
    /// Starts to listen.
    ///
    /// # Errors
    /// Where the port or the folder cannot be used.
    pub fn bind(settings: &ReceiverSettings, shelf: &Shelf) -> Result<Self, ArchiveError> {
        settings.check()?;
        let ip = if settings.any_network { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let cannot = |e: std::io::Error| {
            let advice = match e.kind() {
                ErrorKind::AddrInUse => t("another program listens there; choose another port or end that program"),
                ErrorKind::PermissionDenied => t("ports below 1024 need special rights; choose a higher one"),
                _ => t("choose another port"),
            };
            ArchiveError::new(
                Cause::Local,
                tf!("port {port} cannot be used ({e}); {advice}", port = settings.port, e, advice),
            )
        };
        let listener = TcpListener::bind(SocketAddr::new(IpAddr::V4(ip), settings.port)).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let arriving = shelf.arriving()?;
        Ok(Self { listener, ae_title: settings.ae_title.clone(), arriving, senders: Vec::new(), count: 0 })
    }

    /// The port; of interest where the settings said 0, any free one.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |a| a.port())
    }

    /// Serves until it is stopped. An object that is arriving then is dropped, and its sender is told.
    pub fn run(mut self, stop: &Stop, tell: &mut dyn FnMut(ReceiverEvent)) {
        let mut buffer = vec![0; MOST_PDU as usize];
        while !stop() {
            let mut busy = self.accept(tell);
            for mut sender in std::mem::take(&mut self.senders) {
                match self.serve(&mut sender, &mut buffer, tell) {
                    Turn::Idle => self.senders.push(sender),
                    Turn::Busy => {
                        busy = true;
                        self.senders.push(sender);
                    }
                    Turn::Over => {
                        if let Some(object) = sender.object.take() {
                            object.forget();
                            tell(ReceiverEvent::Refused(tf!(
                                "{sender} broke off in the middle of an object; nothing of that object was kept",
                                sender = sender.name()
                            )));
                        }
                        if sender.is_associated {
                            let (from, objects) = (sender.name(), sender.objects);
                            tell(ReceiverEvent::Released { from, objects });
                        }
                    }
                }
            }
            if !busy {
                std::thread::sleep(Duration::from_millis(if self.senders.is_empty() { 50 } else { 5 }));
            }
        }
        for sender in &mut self.senders {
            let _closing = sender.send(&abort(AbortRQServiceProviderReason::ReasonNotSpecified));
        }
    }

    fn accept(&mut self, tell: &mut dyn FnMut(ReceiverEvent)) -> bool {
        let Ok((stream, _)) = self.listener.accept() else { return false };
        if self.senders.len() >= MOST_SENDERS {
            tell(ReceiverEvent::Refused(tf!(
                "more than {most} senders at once; the last was not let in",
                most = MOST_SENDERS
            )));
            return true;
        }
        if stream.set_nonblocking(true).is_ok() {
            let _only_faster = stream.set_nodelay(true);
            self.senders.push(Sender::new(stream));
        }
        true
    }

    /// Reads what a sender has sent and answers.
    fn serve(&mut self, sender: &mut Sender, buffer: &mut [u8], tell: &mut dyn FnMut(ReceiverEvent)) -> Turn {
        match sender.stream.read(buffer) {
            Ok(0) => return Turn::Over,
            Ok(n) => {
                sender.received.extend_from_slice(&buffer[..n]);
                sender.last = Instant::now();
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if sender.last.elapsed() < IDLE {
                    return Turn::Idle;
                }
                tell(ReceiverEvent::Refused(tf!(
                    "{sender} said nothing for {seconds} s",
                    sender = sender.name(),
                    seconds = IDLE.as_secs()
                )));
                let _closing = sender.send(&abort(AbortRQServiceProviderReason::ReasonNotSpecified));
                return Turn::Over;
            }
            Err(_) => return Turn::Over,
        }
        let received = std::mem::take(&mut sender.received);
        let mut rest = received.as_slice();
        loop {
            let mut ahead = rest;
            match read_pdu(&mut ahead, MOST_PDU, true) {
                Ok(Some(pdu)) => {
                    rest = ahead;
                    if !self.handle(sender, pdu, tell) {
                        return Turn::Over;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let why = limited(&error.to_string());
                    tell(ReceiverEvent::Refused(tf!(
                        "{sender} does not speak DICOM as it should ({why})",
                        sender = sender.name(),
                        why
                    )));
                    let _closing = sender.send(&abort(AbortRQServiceProviderReason::UnrecognizedPdu));
                    return Turn::Over;
                }
            }
        }
        sender.received = rest.to_vec();
        Turn::Busy
    }

    /// Answers one PDU; false where the connection is over.
    fn handle(&mut self, sender: &mut Sender, pdu: Pdu, tell: &mut dyn FnMut(ReceiverEvent)) -> bool {
        match pdu {
            Pdu::AssociationRQ(request) if !sender.is_associated => self.associate(sender, request, tell),
            Pdu::PData { data } if sender.is_associated => {
                data.into_iter().all(|value| self.value(sender, value, tell).is_some())
            }
            Pdu::ReleaseRQ => {
                let _closing = sender.send(&Pdu::ReleaseRP);
                false
            }
            Pdu::AbortRQ { .. } => false,
            _ => {
                let _closing = sender.send(&abort(AbortRQServiceProviderReason::UnexpectedPdu));
                false
            }
        }
    }

    fn associate(&self, sender: &mut Sender, rq: AssociationRQ, tell: &mut dyn FnMut(ReceiverEvent)) -> bool {
        sender.ae_title = limited(rq.calling_ae_title.trim());
        let called = rq.called_ae_title.trim();
        if called != self.ae_title || rq.application_context_name != APPLICATION_CONTEXT {
            tell(ReceiverEvent::Refused(tf!(
                "{sender} called \"{called}\", but the AE title here is {title}; set it at the sender",
                sender = sender.name(),
                called = limited(called),
                title = self.ae_title
            )));
            let reason = AssociationRJServiceUserReason::CalledAETitleNotRecognized;
            let _closing = sender.send(&Pdu::AssociationRJ(AssociationRJ {
                result: AssociationRJResult::Permanent,
                source: AssociationRJSource::ServiceUser(reason),
            }));
            return false;
        }
        let mut results = Vec::new();
        for context in rq.presentation_contexts {
            let class = context.abstract_syntax.trim_matches([' ', '\0']).to_owned();
            let is_store = ACCEPTED_CLASSES.contains(&class.as_str());
            let syntaxes = context.transfer_syntaxes.iter().map(|t| t.trim_matches([' ', '\0']));
            // The first that can be read: what the sender names first is what it has.
            let chosen = syntaxes.clone().find(|t| crate::dicom::reads_transfer_syntax(t));
            let (reason, syntax) = match chosen {
                _ if !is_store && class != uids::VERIFICATION => {
                    (PresentationContextResultReason::AbstractSyntaxNotSupported, None)
                }
                None => (PresentationContextResultReason::TransferSyntaxesNotSupported, None),
                Some(syntax) => (PresentationContextResultReason::Acceptance, Some(syntax.to_owned())),
            };
            let transfer_syntax = syntax.clone().unwrap_or_else(|| uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
            results.push(PresentationContextResult { id: context.id, reason, transfer_syntax });
            if let Some(transfer_syntax) = syntax {
                sender.contexts.push(Context { id: context.id, class, transfer_syntax });
            }
        }
        for item in rq.user_variables {
            if let UserVariableItem::MaxLength(length) = item {
                sender.most_pdu = if length == 0 { MOST_PDU } else { length };
            }
        }
        sender.is_associated = true;
        let answer = Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            application_context_name: APPLICATION_CONTEXT.into(),
            presentation_contexts: results,
            calling_ae_title: rq.calling_ae_title,
            called_ae_title: rq.called_ae_title,
            user_variables: vec![
                UserVariableItem::MaxLength(MOST_PDU),
                UserVariableItem::ImplementationClassUID(crate::dicom::IMPLEMENTATION_CLASS_UID.into()),
                UserVariableItem::ImplementationVersionName(crate::dicom::IMPLEMENTATION_VERSION_NAME.into()),
            ],
        });
        sender.send(&answer)
    }

    /// Takes a piece of a command or of an object; `None` where the connection is over.
    fn value(&mut self, sender: &mut Sender, value: PDataValue, tell: &mut dyn FnMut(ReceiverEvent)) -> Option<()> {
        match (value.value_type, &mut sender.object) {
            (PDataValueType::Command, None) if sender.command.len() + value.data.len() <= MOST_COMMAND => {
                sender.command.extend_from_slice(&value.data);
                if !value.is_last {
                    return Some(());
                }
                let request = Request::parse(&std::mem::take(&mut sender.command))?;
                self.command(sender, value.presentation_context_id, request, tell)
            }
            (PDataValueType::Data, Some(object)) if object.context == value.presentation_context_id => {
                object.write(&value.data);
                if !value.is_last {
                    return Some(());
                }
                let object = sender.object.take()?;
                let (request, context) = (object.request.clone(), object.context);
                let status = match self.finish(object, sender) {
                    Ok(received) => {
                        sender.objects += 1;
                        tell(ReceiverEvent::Received(Box::new(received)));
                        status::SUCCESS
                    }
                    Err((status, why)) => {
                        tell(ReceiverEvent::Refused(tf!(
                            "an object of {sender} was not taken: {why}",
                            sender = sender.name(),
                            why
                        )));
                        status
                    }
                };
                sender.respond(context, &request, status)
            }
            _ => {
                let _closing = sender.send(&abort(AbortRQServiceProviderReason::UnexpectedPdu));
                None
            }
        }
    }

    fn command(
        &mut self,
        sender: &mut Sender,
        context: u8,
        request: Request,
        tell: &mut dyn FnMut(ReceiverEvent),
    ) -> Option<()> {
        let known = sender.contexts.iter().find(|c| c.id == context)?.clone();
        match request.command {
            C_ECHO => sender.respond(context, &request, status::SUCCESS),
            C_STORE if request.has_data_set => {
                self.count += 1;
                sender.object = Some(Object::begin(&self.arriving, self.count, context, &known, request));
                Some(())
            }
            _ => {
                tell(ReceiverEvent::Refused(tf!(
                    "{sender} asked for a service that is not offered; only C-STORE and C-ECHO are",
                    sender = sender.name()
                )));
                sender.respond(context, &request, status::UNRECOGNIZED_OPERATION)
            }
        }
    }

    /// Checks an object that has come to its end and puts it on the shelf.
    fn finish(&self, mut object: Object, sender: &Sender) -> Result<Received, (u16, String)> {
        let synced = object.failed.take().map_or_else(
            || {
                object
                    .file
                    .as_ref()
                    .map_or(Ok(()), File::sync_data)
                    .map_err(|e| (status::OUT_OF_RESOURCES, e.to_string()))
            },
            Err,
        );
        object.file = None;
        let result = synced.and_then(|()| {
            let identity =
                crate::dicom::identify(&object.path).map_err(|e| (status::CANNOT_UNDERSTAND, e.to_string()))?;
            let fits = identity.sop_instance_uid == object.request.sop_instance_uid
                && identity.sop_class_uid == object.request.sop_class_uid;
            if !fits {
                return Err((status::DOES_NOT_FIT, t("it is another object than was announced").into()));
            }
            let place = |e: ArchiveError| match e.cause {
                Cause::Local => (status::OUT_OF_RESOURCES, e.text),
                _ => (status::DOES_NOT_FIT, e.text),
            };
            let placed = self.arriving.place(&object.path, &identity).map_err(place)?;
            Ok(Received {
                study_instance_uid: identity.study_instance_uid,
                sop_instance_uid: identity.sop_instance_uid,
                modality: identity.modality,
                from: sender.name(),
                placed,
            })
        });
        if result.is_err() {
            object.forget();
        }
        result
    }
}

enum Turn {
    Idle,
    Busy,
    Over,
}

#[derive(Debug, Clone)]
struct Context {
    id: u8,
    class: String,
    transfer_syntax: String,
}

/// A connection.
struct Sender {
    stream: TcpStream,
    received: Vec<u8>,
    last: Instant,
    ae_title: String,
    is_associated: bool,
    contexts: Vec<Context>,
    most_pdu: u32,
    command: Vec<u8>,
    object: Option<Object>,
    objects: usize,
}

impl Sender {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
            last: Instant::now(),
            ae_title: String::new(),
            is_associated: false,
            contexts: Vec::new(),
            most_pdu: 16 << 10,
            command: Vec::new(),
            object: None,
            objects: 0,
        }
    }

    fn name(&self) -> String {
        if self.ae_title.is_empty() { t("a sender").into() } else { self.ae_title.clone() }
    }

    /// Answers are short; a sender that does not take them within seconds is gone.
    fn send(&mut self, pdu: &Pdu) -> bool {
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut bytes = Vec::new();
        if write_pdu(&mut bytes, pdu).is_err() {
            return false;
        }
        let (start, mut rest) = (Instant::now(), bytes.as_slice());
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    if start.elapsed() > PATIENCE {
                        return false;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn respond(&mut self, context: u8, request: &Request, status: u16) -> Option<()> {
        // Header of the value: length, context, control.
        let piece = (self.most_pdu.saturating_sub(6) as usize).clamp(256, 16 << 10);
        let command = request.response(status);
        let count = command.chunks(piece).count();
        let sent = command.chunks(piece).enumerate().all(|(n, data)| {
            self.send(&Pdu::PData {
                data: vec![PDataValue {
                    presentation_context_id: context,
                    value_type: PDataValueType::Command,
                    is_last: n + 1 == count,
                    data: data.to_vec(),
                }],
            })
        });
        sent.then_some(())
    }
}

/// An object that is arriving.
struct Object {
    context: u8,
    request: Request,
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Why it is not kept; the rest of it is still read.
    failed: Option<(u16, String)>,
}

impl Object {
    fn begin(arriving: &Arriving, number: u64, context: u8, known: &Context, request: Request) -> Self {
        let mut object =
            Self { context, path: PathBuf::new(), file: None, bytes: 0, failed: None, request: request.clone() };
        if known.class != request.sop_class_uid {
            object.failed = Some((status::CLASS_NOT_SUPPORTED, t("its SOP class is not the one agreed on").into()));
            return object;
        }
        if let Err(error) = Uid::new(&request.sop_instance_uid) {
            object.failed = Some((status::DOES_NOT_FIT, error.text));
            return object;
        }
        match arriving.file(&number.to_string()) {
            Ok((path, file)) => (object.path, object.file) = (path, Some(file)),
            Err(error) => object.failed = Some((status::OUT_OF_RESOURCES, error.text)),
        }
        let head = crate::dicom::part10_head(&request.sop_class_uid, &request.sop_instance_uid, &known.transfer_syntax);
        object.write(&head);
        object
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > MOST_OBJECT {
            self.failed = Some((status::OUT_OF_RESOURCES, tf!("it is larger than {gb} GB", gb = MOST_OBJECT >> 30)));
        } else if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(bytes)
        {
            let told = ArchiveError::local(t("an object that arrives cannot be written"), &error, &self.path);
            self.failed = Some((status::OUT_OF_RESOURCES, told.text));
        }
    }

    /// Removes what has come of it.
    fn forget(self) {
        drop(self.file);
        if self.path.as_os_str().is_empty() {
            return;
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => tracing::warn!("part of an object stays: {error}"),
            _ => {}
        }
    }
}

fn abort(reason: AbortRQServiceProviderReason) -> Pdu {
    Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(reason) }
}
