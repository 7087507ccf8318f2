//! An answer while it comes, as far as it is kept to be compared.

use super::Answer;
use crate::http1::Response;
use crate::worker::http2::head;
use http::HeaderMap;

/// An answer while it comes.
#[derive(Debug)]
pub(super) struct Kept {
    answer: Answer,
    /// What comes is framed in chunks.
    chunked: bool,
    bytes_max: usize,
}

impl Kept {
    /// An answer with this head, which lies in this buffer.
    pub(super) fn new(response: &Response, buffer: &[u8], names: &[String], bytes_max: u64, chunked: bool) -> Self {
        let values = |name: &String| {
            let fields = response.fields.iter();
            let same = fields.filter(|field| field.name.of(buffer).eq_ignore_ascii_case(name.as_bytes()));
            same.map(|field| String::from_utf8_lossy(field.value.of(buffer)).into_owned()).collect()
        };
        let headers = names.iter().map(|name| (name.clone(), values(name))).collect();
        let answer = Answer { status: response.status, headers, is_whole: true, ..Answer::default() };
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self { answer, chunked, bytes_max }
    }

    /// Some of its body.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let room = self.bytes_max.saturating_sub(self.answer.body.len());
        self.answer.is_whole &= bytes.len() <= room;
        self.answer.body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// What follows the body is kept like headers: in gRPC it says how the call went.
    pub(super) fn keep_trailers(&mut self, trailers: &HeaderMap) {
        for (name, values) in &mut self.answer.headers {
            let said = trailers.get_all(name.as_str()).iter();
            values.extend(said.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
    }

    /// Nobody reads on: there would be more.
    pub(super) fn cut(&mut self) {
        self.answer.is_whole = false;
    }

    /// It is over, after so long.
    pub(super) fn finish(mut self, micros: u64) -> Answer {
        if self.chunked {
            let Unframed { body, trailers } = unframed(&self.answer.body);
            self.answer.body = body;
            if let Some(trailers) = trailers.filter(|_| self.answer.is_whole) {
                self.keep_trailers(&trailers);
            }
        }
        self.answer.micros = micros;
        self.answer
    }
}

/// What chunks hold.
#[derive(Debug, Default)]
pub(super) struct Unframed {
    pub(super) body: Vec<u8>,
    /// What follows them, where that is all there.
    trailers: Option<HeaderMap>,
}

/// What is in these chunks. They were read strictly before; the last may be cut.
pub(super) fn unframed(mut chunks: &[u8]) -> Unframed {
    let mut body = Vec::with_capacity(chunks.len());
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(chunks) {
        let rest = chunks.get(start..).unwrap_or_default();
        if size == 0 {
            return Unframed { body, trailers: head::trailer_map(rest).ok() };
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        body.extend_from_slice(rest.get(..size).unwrap_or(rest));
        // The line's end behind it.
        match rest.get(size.saturating_add(2)..) {
            Some(next) => chunks = next,
            None => break,
        }
    }
    Unframed { body, trailers: None }
}
