//! multipart/related (RFC 2387, RFC 2046) as it streams: parts are copied on as they come, never held in memory.

use std::io::{self, Read, Write};

/// The header of a part may not be longer.
const MOST_HEADER: usize = 16 << 10;
const CHUNK: usize = 64 << 10;

/// A parameter of a media type, such as `boundary` of `multipart/related; boundary="x"`.
pub(super) fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.split_once(';').map_or("", |(_, n)| n))
            }
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        }
        rest = next;
    }
}

/// Reads the parts of a stream one after another.
pub(super) struct Parts<R> {
    source: R,
    buffer: Vec<u8>,
    /// What of the buffer has been used.
    at: usize,
    ended: bool,
    /// CR LF, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    before_first: bool,
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

impl<R: Read> Parts<R> {
    pub fn new(source: R, boundary: &str) -> Self {
        Self {
            source,
            // As if a line had ended before: the first delimiter may stand at the very start.
            buffer: b"\r\n".to_vec(),
            at: 0,
            ended: false,
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            before_first: true,
        }
    }

    /// Reads more into the buffer; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let start = self.buffer.len();
        self.buffer.resize(start + CHUNK, 0);
        let read = self.source.read(&mut self.buffer[start..])?;
        self.buffer.truncate(start + read);
        self.ended = read == 0;
        Ok(!self.ended)
    }

    fn need(&mut self, length: usize) -> io::Result<()> {
        while self.buffer.len() - self.at < length {
            if !self.fill()? {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    crate::words::t("it ended before its last part"),
                ));
            }
        }
        Ok(())
    }

    /// Goes to the next part and gives its header lines; `None` after the last part.
    pub fn next_part(&mut self) -> io::Result<Option<String>> {
        if std::mem::take(&mut self.before_first) {
            let mut preamble = Limited { left: MOST_HEADER as u64, to: io::sink() };
            self.copy(&mut preamble)?;
        }
        self.need(2)?;
        if self.buffer[self.at..].starts_with(b"--") {
            return Ok(None);
        }
        // White space may follow the boundary (RFC 2046 section 5.1.1); a part may have no header at all.
        let mut length = 0;
        let end = loop {
            self.need(length + 1)?;
            length += 1;
            let seen = &self.buffer[self.at..self.at + length];
            if seen.ends_with(b"\r\n\r\n") {
                break length;
            }
            if length > MOST_HEADER {
                return Err(broken(crate::words::t("the header of a part has no end")));
            }
        };
        let header = String::from_utf8_lossy(&self.buffer[self.at..self.at + end]).into_owned();
        self.at += end;
        Ok(Some(header))
    }

    /// Copies the rest of the present part to `out` and gives its length.
    pub fn copy(&mut self, out: &mut dyn Write) -> io::Result<u64> {
        let mut copied = 0;
        loop {
            let ready = &self.buffer[self.at..];
            if let Some(found) = find(ready, &self.delimiter) {
                out.write_all(&ready[..found])?;
                self.at += found + self.delimiter.len();
                return Ok(copied + found as u64);
            }
            // The end may be the start of a delimiter.
            let safe = ready.len().saturating_sub(self.delimiter.len() - 1);
            out.write_all(&ready[..safe])?;
            copied += safe as u64;
            self.at += safe;
            if !self.fill()? {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    crate::words::t("it ended in the middle of a part"),
                ));
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = haystack.get(from..)?.iter().position(|b| *b == needle[0]) {
        if haystack[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// A writer that takes so many bytes and no more.
pub(super) struct Limited<W> {
    pub left: u64,
    pub to: W,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| broken(crate::words::t("a part is larger than allowed")))?;
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(stream: &[u8], step: usize) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut parts = Parts::new(Slow(stream, step), "b1");
        let mut found = Vec::new();
        while let Some(header) = parts.next_part()? {
            let mut body = Vec::new();
            let length = parts.copy(&mut body)?;
            assert_eq!(length, body.len() as u64);
            found.push((header.trim().to_owned(), body));
        }
        Ok(found)
    }

    fn stream(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts {
            out.extend_from_slice(b"\r\n--b1\r\nContent-Type: application/dicom\r\n\r\n");
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n--b1--\r\n");
        out
    }

    #[test]
    fn parameters_are_found_quoted_or_not() {
        let p = |text: &str| parameter(text, "boundary");
        assert_eq!(p("multipart/related; type=\"application/dicom\"; boundary=\"a;b\"").as_deref(), Some("a;b"));
        assert_eq!(p("multipart/related;Boundary=x; type=y").as_deref(), Some("x"));
        assert_eq!(p("multipart/related; type=\"unended; boundary=x"), None);
        assert_eq!(p("multipart/related"), None);
    }

    #[test]
    fn parts_with_and_without_headers_and_a_preamble_are_read() {
        let odd = b"some words\r\n--b1  \r\n\r\nAB\r\n--b\r\n--b1\r\nX: y\r\n\r\n\r\n--b1--";
        for step in [1, 2, 1000] {
            let found = all(odd, step).expect("parts");
            assert_eq!(found, [(String::new(), b"AB\r\n--b".to_vec()), ("X: y".into(), Vec::new())]);
        }
        let whole = stream(&[vec![7; 10]]);
        for cut in 0..whole.len() - 4 {
            assert!(all(&whole[..cut], 5).is_err(), "cut at {cut}");
        }
        assert!(all(&[b"\r\n--b1\r\n".to_vec(), vec![b'x'; 40_000]].concat(), 1000).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_come_through(
            parts in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..300), 1..4),
            step in 1_usize..70,
        ) {
            let found = all(&stream(&parts), step).expect("parts");
            prop_assert_eq!(found.into_iter().map(|(_, body)| body).collect::<Vec<_>>(), parts);
        }
    }
}
