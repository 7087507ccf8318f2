//! A request between two protocols, from the client's side to an instance and back.

use super::answer::{Asking, Failed};
use super::call::Call;
use super::http2::head;
use super::interim::ENDLESS;
use super::side::{Plain, Side, Streamed};
use super::translate::Translation;
use crate::http1::{Known, write};
use crate::pool::Seat;
use crate::stream::Stream;

/// A way to an instance, for one request.
pub(crate) enum Link {
    /// A connection that is this request's alone.
    Own(Stream),
    /// A place on one that many share.
    Shared(Seat),
}

/// What came of it.
pub(crate) struct Carried {
    /// Whether some of the request was not read.
    pub(crate) unread: bool,
    /// The instance's connection, where another request can be sent on it.
    pub(crate) reusable: Option<Stream>,
}

/// Carries a request to an instance, and its answer back.
pub(crate) async fn carry(
    call: &mut Call,
    client: &mut Side<'_>,
    link: Link,
    asking: &Asking<'_>,
) -> Result<Carried, Failed> {
    call.response.clear();
    let mut text = call.shared.buffer();
    write::request(&mut text, &call.held, &call.request, asking.about, asking.instead, asking.request_edits());
    let carried = match link {
        Link::Own(stream) => over_own(call, client, stream, &text, asking).await,
        Link::Shared(seat) => over_shared(call, client, seat, &text, asking).await,
    };
    call.shared.give_back(text);
    // In the middle of a head nothing else can be said.
    carried.map_err(|failed| if client.is_cut() { failed.unheard() } else { failed })
}

async fn over_own(
    call: &mut Call,
    client: &mut Side<'_>,
    mut stream: Stream,
    text: &[u8],
    asking: &Asking<'_>,
) -> Result<Carried, Failed> {
    let mut plain = Plain::new(&mut stream, Vec::new());
    plain.writes(text, call.request.body);
    let mut instance = Side::Plain(plain);
    let unread = run(call, client, &mut instance, asking).await?;
    let whole = matches!(&instance, Side::Plain(plain) if plain.has_read_all() && plain.ahead.is_empty());
    let reusable = !unread && whole && call.response.keep_alive;
    Ok(Carried { unread, reusable: reusable.then_some(stream) })
}

async fn over_shared(
    call: &mut Call,
    client: &mut Side<'_>,
    mut seat: Seat,
    text: &[u8],
    asking: &Asking<'_>,
) -> Result<Carried, Failed> {
    let trailers = call.known(Known::Te).is_some_and(|value| value.eq_ignore_ascii_case(b"trailers"));
    let head = head::request_parts(text, asking.about.scheme, trailers);
    let head = head.map_err(|refusal| Failed::Client(refusal.status, "the request cannot be said in HTTP/2\n"))?;
    let ended = !head::has_body(call.request.body);
    let (answer, body) = seat.sender.send_request(head, ended).map_err(|_| Failed::Unsent)?;
    let mut instance = Side::Streamed(Streamed::instance(answer, body));
    match run(call, client, &mut instance, asking).await {
        Ok(unread) => Ok(Carried { unread, reusable: None }),
        Err(failed) => {
            if matches!(failed, Failed::Instance(504, _) | ENDLESS) {
                seat.distrust();
            }
            instance.give_up(super::side::Lost { reason: Some(h2::Reason::CANCEL) });
            Err(failed)
        }
    }
}

/// Whether some of the request was not read.
async fn run(
    call: &mut Call,
    client: &mut Side<'_>,
    instance: &mut Side<'_>,
    asking: &Asking<'_>,
) -> Result<bool, Failed> {
    let mut translation = Translation::new(call, client, instance, asking);
    let ran = translation.run().await;
    ran.map(|()| !translation.has_sent_all())
}
