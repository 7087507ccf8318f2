//! An answer's head.

use super::field::{Field, Known, Stretch};
use super::framing::{Body, declared};
use super::head::{Limits, Scan, explain, read_connection, slots, take_fields};
use super::refusal::Refusal;

/// An answer's head, as stretches of the buffer that it was read from.
#[derive(Debug)]
pub struct Response {
    scan: Scan,
    /// The status.
    pub status: u16,
    /// What the status is called by whoever answers.
    pub reason: Stretch,
    /// Whether it is HTTP/1.0.
    pub old: bool,
    /// Its fields.
    pub fields: Vec<Field>,
    /// How its body ends.
    pub body: Body,
    /// Whether whoever answered takes another request on this connection.
    pub keep_alive: bool,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            scan: Scan::default(),
            status: 0,
            reason: Stretch::default(),
            old: false,
            fields: Vec::new(),
            body: Body::None,
            keep_alive: false,
        }
    }
}

impl Response {
    /// Gets ready for the next one.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Reads the head of the answer to a request of this method: its length, once all of it is there.
    /// Whatever is wrong with it is the answerer's fault: a 502.
    pub fn read(&mut self, buffer: &[u8], method: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        self.read_head(buffer, method, limits).map_err(|refusal| Refusal::of(502, refusal.why))
    }

    fn read_head(&mut self, buffer: &[u8], method: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        let Some(end) = self.scan.end(buffer, limits)? else { return Ok(None) };
        if self.scan.start > 0 {
            return Err(Refusal::bad("empty lines before the answer"));
        }
        let head = buffer.get(..end).unwrap_or_default();
        let mut slots = slots();
        let mut parsed = httparse::Response::new(&mut []);
        match httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, head, &mut slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Refusal::bad("the head ends in the middle")),
            Err(error) => return Err(explain(error)),
        }
        let (Some(status), Some(minor)) = (parsed.code, parsed.version) else {
            return Err(Refusal::bad("the first line is none of HTTP"));
        };
        if !(100..=599).contains(&status) {
            return Err(Refusal::bad("the status is none"));
        }
        self.status = status;
        self.reason = Stretch::within(buffer, parsed.reason.unwrap_or_default().as_bytes());
        self.old = minor == 0;
        take_fields(buffer, parsed.headers, &mut self.fields);
        let said = read_connection(buffer, &mut self.fields)?;
        self.body = self.body_of(declared(buffer, &self.fields, minor)?, method)?;
        self.keep_alive = self.body != Body::UntilClose && !said.close && (!self.old || said.keep_alive);
        Ok(Some(end))
    }

    /// Whether it is a stream of events, which never ends by itself.
    pub(crate) fn is_events(&self, buffer: &[u8]) -> bool {
        const EVENTS: &[u8] = b"text/event-stream";
        let kinds = self.fields.iter().filter(|field| field.name.of(buffer).eq_ignore_ascii_case(b"content-type"));
        let mut kinds = kinds.map(|field| field.value.of(buffer));
        kinds.any(|kind| kind.get(..EVENTS.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(EVENTS)))
    }

    /// Some answers have no body whatever they say about its length.
    fn body_of(&self, declared: Option<Body>, method: &[u8]) -> Result<Body, Refusal> {
        let interim = self.status < 200 || self.status == 204;
        if interim && self.fields.iter().any(|field| field.known == Known::TransferEncoding) {
            return Err(Refusal::bad("Transfer-Encoding where there is no body"));
        }
        if interim || self.status == 304 || method == b"HEAD" {
            return Ok(Body::None);
        }
        Ok(declared.unwrap_or(Body::UntilClose))
    }
}
