//! One request that is copied: what of it has come by, what became of it and of its copies.

use super::kept::Kept;
use super::tally::Places;
use super::{Mirror, Missing, Pair, Shadowed, Side, shadow};
use crate::count::Class;
use crate::http1::{Body, Known, Response};
use crate::pool::Endpoint;
use crate::table::Asked as _;
use crate::worker::Shared;
use crate::worker::answer::Asking;
use crate::worker::call::Call;
use crate::worker::side::Piece;
use model::Span;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::TrySendError;
use tokio::task::spawn_local;
use tokio::time::Instant;

/// One request that is copied.
#[derive(Debug)]
pub(crate) struct Copying {
    pub(super) mirror: Rc<Mirror>,
    pub(super) class: Class,
    pub(super) shared: Rc<Shared>,
    begun: Instant,
    method: Vec<u8>,
    /// The length of its body is not known before.
    pub(super) chunked: bool,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// What follows the body of an answer is welcome.
    pub(super) trailers: bool,
    /// How long a connection for a copy may take: no longer than one for the request may.
    pub(super) connect: Span,
    path: String,
    /// The beginning of the copy, and of the one for the second instance.
    heads: [Option<Vec<u8>>; 2],
    state: RefCell<State>,
    _places: Places,
}

/// Who gets a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Candidate,
    /// A second instance of the release that answers the client.
    Second,
}

/// A request once more, in HTTP/1: its body is in chunks where the head says so.
pub(super) struct Copy {
    pub(super) head: Vec<u8>,
    pub(super) body: Rc<[u8]>,
}

#[derive(Debug)]
struct State {
    /// As much of the body as has come.
    body: Vec<u8>,
    progress: Progress,
    /// The instance that answers the client.
    claimed: Option<Rc<Endpoint>>,
    /// What it answers.
    kept: Option<Kept>,
    primary: Primary,
    shadow: Option<Shadowed>,
    noise: Option<Shadowed>,
}

/// How far the copies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The body is still coming.
    Gathers,
    /// All of it is here.
    Whole,
    Sent,
    /// The body is too large.
    GivenUp,
}

/// How far the request is that is copied.
#[derive(Debug)]
enum Primary {
    Open,
    Answered(super::Answer),
    /// There is no whole answer of an instance.
    Nothing,
}

/// Sees the bytes of a body that flow by.
#[derive(Clone, Debug)]
pub(crate) enum Tap {
    /// Those of a request.
    Request(Rc<Copying>),
    /// Those of its answer.
    Answer(Rc<Copying>),
}

impl Tap {
    /// These bytes of the body are passed on; whether they were the last.
    pub(crate) fn see(&self, bytes: &[u8], over: bool) {
        match self {
            Self::Request(copying) => copying.gather(bytes, over),
            Self::Answer(copying) => copying.keep(bytes),
        }
    }
}

impl Copying {
    pub(super) fn new(mirror: &Rc<Mirror>, places: Places, call: &Call, asking: &Asking<'_>, class: Class) -> Self {
        let head = |side: &Side| Mirror::head(side, call, asking);
        let bodyless = matches!(call.request.body, Body::None | Body::Length(0));
        let state = State {
            body: Vec::new(),
            progress: if bodyless { Progress::Whole } else { Progress::Gathers },
            claimed: None,
            kept: None,
            primary: Primary::Open,
            shadow: None,
            noise: None,
        };
        Self {
            mirror: Rc::clone(mirror),
            class,
            shared: Rc::clone(&call.shared),
            begun: Instant::now(),
            method: call.method().to_vec(),
            chunked: call.request.body == Body::Chunked,
            scheme: asking.about.scheme,
            trailers: call.known(Known::Te).is_some_and(|value| value.eq_ignore_ascii_case(b"trailers")),
            connect: asking.limits.connect.min(mirror.plan.within),
            path: String::from_utf8_lossy(call.path()).into_owned(),
            heads: [Some(head(&mirror.to)), mirror.plan.noise.then(|| head(&mirror.of))],
            state: RefCell::new(state),
            _places: places,
        }
    }

    pub(super) fn method(&self) -> &[u8] {
        &self.method
    }

    /// An instance was claimed for the request, and is asked from the beginning.
    pub(crate) fn claimed(self: &Rc<Self>, endpoint: &Rc<Endpoint>) {
        let mut state = self.state.borrow_mut();
        state.claimed = Some(Rc::clone(endpoint));
        state.kept = None;
        if state.progress == Progress::Gathers {
            state.body.clear();
        }
        drop(state);
        self.send_if_whole();
    }

    fn gather(self: &Rc<Self>, bytes: &[u8], over: bool) {
        let mut state = self.state.borrow_mut();
        if state.progress != Progress::Gathers {
            return;
        }
        if (state.body.len() + bytes.len()) as u64 > self.mirror.plan.body_bytes_max {
            state.progress = Progress::GivenUp;
            state.body = Vec::new();
            self.mirror.tally.too_large();
            return;
        }
        state.body.extend_from_slice(bytes);
        if over {
            state.progress = Progress::Whole;
            drop(state);
            self.send_if_whole();
        }
    }

    /// Some of the body, which came in pieces and is sent in chunks where its length is not known.
    pub(crate) fn gather_piece(self: &Rc<Self>, piece: &Piece) {
        let data: &[u8] = match piece {
            Piece::Data(data, _) => data,
            Piece::Trailers(_) | Piece::End => b"",
        };
        if !self.chunked {
            return self.gather(data, piece.is_last());
        }
        let mut framed = Vec::new();
        if !data.is_empty() {
            framed.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            framed.extend_from_slice(data);
            framed.extend_from_slice(b"\r\n");
        }
        if piece.is_last() {
            framed.extend_from_slice(b"0\r\n\r\n");
        }
        self.gather(&framed, piece.is_last());
    }

    fn send_if_whole(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let State { body, progress, claimed: Some(claimed), .. } = &mut *state else { return };
        if *progress != Progress::Whole {
            return;
        }
        *progress = Progress::Sent;
        let body: Rc<[u8]> = std::mem::take(body).into();
        let copy = |head: &Vec<u8>| Copy { head: head.clone(), body: Rc::clone(&body) };
        let heads = [To::Candidate, To::Second].into_iter().zip(&self.heads);
        let mut copies: Vec<_> = heads.filter_map(|(to, head)| Some((to, copy(head.as_ref()?)))).collect();
        // Neither release is always the first to be asked: caches would speak for the second.
        if fastrand::bool() {
            copies.reverse();
        }
        for (to, copy) in copies {
            self.mirror.tally.sent();
            let not = (to == To::Second).then(|| Rc::clone(claimed));
            spawn_local(shadow::send(Rc::clone(self), to, copy, not));
        }
    }

    /// The answer's head has come, in this buffer; its body comes framed as that says, or as mere bytes. Where nobody compares, nothing is kept; whether it is.
    pub(crate) fn answer_begins(&self, response: &Response, buffer: &[u8], framed: bool) -> bool {
        let is_kept = self.shared.comparer.borrow().is_some();
        let plan = &self.mirror.plan;
        let chunked = framed && response.body == Body::Chunked;
        let kept = is_kept.then(|| Kept::new(response, buffer, &plan.headers, plan.answer_bytes_max, chunked));
        self.state.borrow_mut().kept = kept;
        is_kept
    }

    /// Some of the answer's body.
    pub(crate) fn keep(&self, bytes: &[u8]) {
        if let Some(kept) = &mut self.state.borrow_mut().kept {
            kept.keep(bytes);
        }
    }

    /// A piece of the answer's body.
    pub(crate) fn keep_piece(&self, piece: &Piece) {
        match piece {
            Piece::Data(data, _) => self.keep(data),
            Piece::Trailers(trailers) => {
                if let Some(kept) = &mut self.state.borrow_mut().kept {
                    kept.keep_trailers(trailers);
                }
            }
            Piece::End => {}
        }
    }

    /// The client has its answer, from an instance and to the end; or it has not.
    pub(crate) fn ended(&self, answered: bool) {
        let mut state = self.state.borrow_mut();
        let kept = state.kept.take().filter(|_| answered);
        let answer = kept.map(|kept| kept.finish(self.begun.elapsed().as_micros() as u64));
        state.primary = answer.map_or(Primary::Nothing, Primary::Answered);
        if !answered && state.progress == Progress::Sent {
            self.mirror.tally.unpaired();
        }
        drop(state);
        self.pair_up();
    }

    /// What became of a copy.
    pub(super) fn shadow_ended(&self, to: To, shadowed: Shadowed) {
        self.mirror.tally.ended(shadowed.is_ok());
        let mut state = self.state.borrow_mut();
        match to {
            To::Candidate => state.shadow = Some(shadowed),
            To::Second => state.noise = Some(shadowed),
        }
        drop(state);
        self.pair_up();
    }

    /// Hands all answers to whoever compares, once they are there.
    fn pair_up(&self) {
        let mut state = self.state.borrow_mut();
        let noisy = self.mirror.plan.noise;
        let State { primary: primary @ Primary::Answered(_), shadow: Some(_), noise, .. } = &mut *state else { return };
        if noisy && noise.is_none() {
            return;
        }
        let Primary::Answered(answer) = std::mem::replace(primary, Primary::Nothing) else { return };
        let comparer = self.shared.comparer.borrow();
        let Some(comparer) = &*comparer else { return };
        let pair = Pair {
            service: self.mirror.service.clone(),
            generation: self.mirror.generation,
            of: self.mirror.of.release(),
            to: self.mirror.to.release(),
            method: String::from_utf8_lossy(&self.method).into_owned(),
            path: self.path.clone(),
            answer,
            shadow: state.shadow.take().unwrap_or(Err(Missing::BrokenOff)),
            noise: state.noise.take(),
        };
        match comparer.try_send(pair) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.mirror.tally.uncompared(),
        }
    }
}
