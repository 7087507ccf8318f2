//! An answer while it comes, as far as it is kept to be compared.

use super::Answer;
use crate::http1::Response;

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

    /// Nobody reads on: there would be more.
    pub(super) fn cut(&mut self) {
        self.answer.is_whole = false;
    }

    /// It is over, after so long.
    pub(super) fn finish(mut self, micros: u64) -> Answer {
        if self.chunked {
            self.answer.body = unframed(&self.answer.body);
        }
        self.answer.micros = micros;
        self.answer
    }
}

/// What is in these chunks. They were read strictly before; the last may be cut.
fn unframed(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(chunks.len());
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(chunks) {
        let rest = chunks.get(start..).unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        body.extend_from_slice(rest.get(..size).unwrap_or(rest));
        // The line's end behind it.
        match rest.get(size.saturating_add(2)..) {
            Some(next) if size > 0 => chunks = next,
            Some(_) | None => break,
        }
    }
    body
}
