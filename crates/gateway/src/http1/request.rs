//! A request's head.

use super::field::{Field, Known, Stretch};
use super::framing::{Body, declared};
use super::head::{Limits, METHOD_BYTES_MAX, Scan, explain, read_connection, slots, take_fields};
use super::refusal::Refusal;
use super::target::{Target, check_host};

/// A request's head, as stretches of the buffer that it was read from. Kept and read into again, so
/// that a request needs no memory of its own.
#[derive(Debug)]
pub struct Request {
    scan: Scan,
    /// The method.
    pub method: Stretch,
    /// What is asked for.
    pub target: Target,
    /// Whether it is HTTP/1.0.
    pub old: bool,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The host it is for; empty only in HTTP/1.0 or where the client said so.
    pub host: Stretch,
    /// How its body ends.
    pub body: Body,
    /// Whether the client wants to send another one.
    pub keep_alive: bool,
    /// The protocol that the client wants to speak instead.
    pub upgrade: Option<Stretch>,
    /// Whether the client waits for a 100 before it sends the body.
    pub expects_continue: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            scan: Scan::default(),
            method: Stretch::default(),
            target: Target::default(),
            old: false,
            fields: Vec::new(),
            host: Stretch::default(),
            body: Body::None,
            keep_alive: false,
            upgrade: None,
            expects_continue: false,
        }
    }
}

impl Request {
    /// Gets ready for the next one.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Reads a head from the start of a buffer: its length, once all of it is there. To be called again
    /// with the same buffer and more in it, until then.
    pub fn read(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        let Some(end) = self.scan.end(buffer, limits)? else { return Ok(None) };
        let head = buffer.get(self.scan.start..end).unwrap_or_default();
        let mut slots = slots();
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, &mut slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Refusal::bad("the head ends in the middle")),
            Err(error) => return Err(explain(error)),
        }
        let (Some(method), Some(path), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::bad("the first line is none of HTTP"));
        };
        if method.len() > METHOD_BYTES_MAX {
            return Err(Refusal::of(501, "nobody knows this method"));
        }
        if path.len() > limits.target_bytes_max {
            return Err(Refusal::of(414, "the target is too long"));
        }
        self.method = Stretch::within(buffer, method.as_bytes());
        self.target = Target::read(buffer, Stretch::within(buffer, path.as_bytes()), method.as_bytes())?;
        self.old = minor == 0;
        take_fields(buffer, parsed.headers, &mut self.fields);
        self.body = declared(buffer, &self.fields, minor)?.unwrap_or(Body::None);
        self.read_host(buffer)?;
        self.read_connection(buffer)?;
        self.read_expect(buffer)?;
        Ok(Some(end))
    }

    fn read_host(&mut self, buffer: &[u8]) -> Result<(), Refusal> {
        let mut hosts = self.fields.iter().filter(|field| field.known == Known::Host);
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(Refusal::bad("Host is given twice"));
        }
        match host {
            None if !self.old => return Err(Refusal::bad("Host is missing")),
            None => {}
            Some(field) => {
                check_host(field.value.of(buffer))?;
                self.host = field.value;
            }
        }
        self.host = self.target.authority.unwrap_or(self.host);
        Ok(())
    }

    fn read_connection(&mut self, buffer: &[u8]) -> Result<(), Refusal> {
        let said = read_connection(buffer, &mut self.fields)?;
        self.keep_alive = !said.close && (!self.old || said.keep_alive);
        let mut upgrades = self.fields.iter().filter(|field| field.known == Known::Upgrade);
        let upgrade = upgrades.next().filter(|_| said.upgrade && !self.old);
        // An upgrade to HTTP/2 would carry requests past whoever looks at them here.
        let cleartext = |field: &&Field| !field.value.of(buffer).to_ascii_lowercase().starts_with(b"h2");
        self.upgrade = upgrade.filter(cleartext).map(|field| field.value);
        if upgrades.next().is_some() {
            return Err(Refusal::bad("Upgrade is given twice"));
        }
        if self.upgrade.is_some() && self.body != Body::None && self.body != Body::Length(0) {
            return Err(Refusal::bad("an upgrade with a body"));
        }
        Ok(())
    }

    fn read_expect(&mut self, buffer: &[u8]) -> Result<(), Refusal> {
        for field in self.fields.iter().filter(|field| field.known == Known::Expect) {
            if !field.value.of(buffer).eq_ignore_ascii_case(b"100-continue") {
                return Err(Refusal::of(417, "nobody knows this expectation"));
            }
            // An older client cannot be told to go on.
            self.expects_continue = !self.old && self.body != Body::None;
        }
        Ok(())
    }
}
