//! Command sets of the DIMSE services that are answered here (DICOM PS3.7): C-ECHO and C-STORE. They are written
//! in implicit little endian (section 6.3.1).

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    pub command: u16,
    pub message_id: u16,
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub has_data_set: bool,
}

pub(super) const C_STORE: u16 = 0x0001;
pub(super) const C_ECHO: u16 = 0x0030;
const NO_DATA_SET: u16 = 0x0101;
const RESPONSE: u16 = 0x8000;

/// Statuses (PS3.4 table B.2-1, PS3.7 annex C).
pub(super) mod status {
    pub const SUCCESS: u16 = 0x0000;
    pub const CLASS_NOT_SUPPORTED: u16 = 0x0122;
    pub const UNRECOGNIZED_OPERATION: u16 = 0x0211;
    pub const OUT_OF_RESOURCES: u16 = 0xA700;
    pub const DOES_NOT_FIT: u16 = 0xA900;
    pub const CANNOT_UNDERSTAND: u16 = 0xC000;
}

impl Request {
    /// Reads a command set; `None` where the bytes are none.
    pub fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut request = Self::default();
        let mut has_command = false;
        while !bytes.is_empty() {
            let head = bytes.get(..8)?;
            let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let value = bytes.get(8..8_usize.checked_add(length)?)?;
            let number = || value.get(..2).map(|v| u16::from_le_bytes([v[0], v[1]]));
            let text = || String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned();
            if word(0) != 0 {
                return None;
            }
            match word(2) {
                0x0002 => request.sop_class_uid = text(),
                0x0100 => {
                    request.command = number()?;
                    has_command = true;
                }
                0x0110 => request.message_id = number()?,
                0x0800 => request.has_data_set = number()? != NO_DATA_SET,
                0x1000 => request.sop_instance_uid = text(),
                _ => {}
            }
            bytes = &bytes[8 + length..];
        }
        has_command.then_some(request)
    }

    /// The command set that answers with a status.
    pub fn response(&self, status: u16) -> Vec<u8> {
        let mut body = Vec::new();
        let mut put = |element: u16, value: &[u8]| {
            body.extend_from_slice(&[0, 0]);
            body.extend_from_slice(&element.to_le_bytes());
            body.extend_from_slice(&(value.len().next_multiple_of(2) as u32).to_le_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(2), 0);
        };
        if !self.sop_class_uid.is_empty() {
            put(0x0002, self.sop_class_uid.as_bytes());
        }
        put(0x0100, &(self.command | RESPONSE).to_le_bytes());
        put(0x0120, &self.message_id.to_le_bytes());
        put(0x0800, &NO_DATA_SET.to_le_bytes());
        put(0x0900, &status.to_le_bytes());
        if !self.sop_instance_uid.is_empty() {
            put(0x1000, self.sop_instance_uid.as_bytes());
        }
        let mut out = vec![0, 0, 0, 0, 4, 0, 0, 0];
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_answered() {
        let request = Request {
            command: C_STORE,
            message_id: 7,
            sop_class_uid: "1.2.3".into(),
            sop_instance_uid: "1.2.3.4".into(),
            has_data_set: false,
        };
        // A response has the shape of a request, with another number.
        let bytes = request.response(status::OUT_OF_RESOURCES);
        let read = Request::parse(&bytes).expect("a command set");
        assert_eq!(
            (read.command, &read.sop_class_uid, &read.sop_instance_uid),
            (0x8001, &"1.2.3".into(), &"1.2.3.4".into())
        );
        assert!(bytes.len().is_multiple_of(2) && bytes.ends_with(b"1.2.3.4\0"));
        for cut in 1..bytes.len() {
            let _no_panic = Request::parse(&bytes[..cut]);
        }
        assert!(Request::parse(&[]).is_none());
        assert!(Request::parse(&[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]).is_none());
    }
}
