//! A client's connection in HTTP/2: many requests at once, each on a stream of its own.

pub(crate) mod head;
mod keeper;
mod rewound;
mod stream;
mod streams;

use super::call::Origin;
use crate::stream::Stream;
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use keeper::Keeper;
use model::Span;
use rewound::{Line, Rewound};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use streams::{Open, Streams};
use tokio::task::spawn_local;

/// How a connection in the clear says that it is HTTP/2: to a reader of HTTP/1 this is a head.
pub(crate) const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
/// The most streams of one connection at once.
const STREAMS_MAX: u32 = 128;
/// What may come of one stream before some of it was passed on.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// And of all streams of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What keeping bodies in small pieces may cost, in bytes below 256 a piece: a stream of the smallest messages of gRPC
/// that nobody takes just now is no attack, and pieces of one byte without end are.
const SMALL_PIECES_BYTES_MAX: usize = 16 << 20;
/// The bytes of a head, unpacked.
const HEAD_BYTES_MAX: u32 = 32 << 10;
/// What is kept for one stream that its client does not take.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Streams that a client reset before anybody looked at them: more of them are an attack.
const RESETS_MAX: usize = 32;
/// Streams that were reset for what a client did wrong: more of them are an attack.
const ERRORS_MAX: usize = 128;
/// How long the client may take to begin.
const BEGIN_WITHIN: Span = Span::seconds(30);

/// Serves a client until it goes, or has to. These bytes of it were read already.
pub(crate) async fn serve(stream: Stream, ahead: Vec<u8>, origin: Origin) {
    let watch = origin.shared.watches.watch();
    watch.allow(BEGIN_WITHIN);
    let line = Line::new(stream);
    let handshake = builder().handshake::<_, Bytes>(Rewound::new(ahead, &line));
    let Some(Ok(mut connection)) = watch.within(Box::pin(handshake)).await else { return };
    let streams = Streams::new();
    let mut keeper = Keeper::new(watch, line, Rc::clone(&streams), connection.ping_pong());
    loop {
        let accepted = poll_fn(|context| {
            if keeper.poll(context, &mut connection, &origin.shared).is_ready() {
                return Poll::Ready(Err(()));
            }
            connection.poll_accept(context).map(Ok)
        });
        let (request, mut respond) = match accepted.await {
            Ok(Some(Ok(accepted))) => accepted,
            // Whoever did something wrong is told so, too.
            Ok(Some(Err(_)) | None) => break,
            Err(()) => return,
        };
        if keeper.refuses() {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        let open = Open::new(&streams, origin.shared.watches.now_ms());
        spawn_local(stream::serve(request, respond, open, origin.clone()));
    }
    drop(connection);
    keeper.linger().await;
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .data_frame_budget(SMALL_PIECES_BYTES_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_send_buffer_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(ERRORS_MAX));
    builder
}
