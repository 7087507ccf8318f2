//! Heads of HTTP/2 as heads of HTTP/1, and back. What one lets in and the other does not ends here: all
//! that is decided about a request is decided from its strictly read HTTP/1 head, in whatever protocol it came.

use crate::http1::{Body, Known, Refusal, Request, Response};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, request, response};

/// What is wrong with a head that cannot be said in the other protocol.
const UNSAYABLE: Refusal = Refusal { status: 502, why: "a head that cannot be said in HTTP/2" };

/// The head of a request that came in HTTP/2, to be read as strictly as any other.
pub fn request_text(out: &mut Vec<u8>, parts: &request::Parts, ended: bool) -> Result<(), Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal { status: 405, why: "the gateway makes no tunnels" });
    }
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let whole_server = path == "*" && parts.method == Method::OPTIONS;
    if !path.starts_with('/') && !whole_server {
        return Err(Refusal { status: 400, why: ":path is no path" });
    }
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    line(out, b"Host", host(parts)?);
    fields(out, &parts.headers)?;
    if !ended && !parts.headers.contains_key(http::header::CONTENT_LENGTH) {
        line(out, b"Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Whom it is for. Where `:authority` and `Host` differ, one of them is meant to deceive somebody.
fn host(parts: &request::Parts) -> Result<&[u8], Refusal> {
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = parts.headers.get_all(http::header::HOST).iter().map(HeaderValue::as_bytes);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal { status: 400, why: "Host is given twice" });
    }
    match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(Refusal { status: 400, why: ":authority and Host differ" })
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(host)) if !host.is_empty() => Ok(host),
        (None, _) => Err(Refusal { status: 400, why: "Host is missing" }),
    }
}

/// All fields but those that HTTP/1 has other ways to say. Cookies come one by one, and leave together.
fn fields(out: &mut Vec<u8>, headers: &HeaderMap) -> Result<(), Refusal> {
    for (name, value) in headers {
        match Known::of(name.as_str().as_bytes()) {
            Known::Host | Known::Cookie => {}
            // Nothing else than `trailers` is let in.
            Known::Te => line(out, b"TE", value.as_bytes()),
            known if known == Known::TransferEncoding || known.is_about_the_connection() => {
                return Err(Refusal { status: 400, why: "a field about the connection in HTTP/2" });
            }
            _ => line(out, name.as_str().as_bytes(), value.as_bytes()),
        }
    }
    let mut cookies = headers.get_all(http::header::COOKIE).iter().peekable();
    if cookies.peek().is_some() {
        out.extend_from_slice(b"cookie: ");
        while let Some(cookie) = cookies.next() {
            out.extend_from_slice(cookie.as_bytes());
            out.extend_from_slice(if cookies.peek().is_some() { b"; " } else { b"\r\n" });
        }
    }
    Ok(())
}

/// How the body of an answer of HTTP/2 ends, where it says nothing of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// There is none.
    All,
    /// With the last chunk.
    InChunks,
    /// With the connection, for an older client.
    UntilClose,
}

/// The head of an answer that came in HTTP/2.
pub(crate) fn response_text(out: &mut Vec<u8>, parts: &response::Parts, said: Said) -> Result<(), Refusal> {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(parts.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    fields(out, &parts.headers).map_err(|refusal| Refusal { status: 502, ..refusal })?;
    let bodiless = parts.status.is_informational() || parts.status == 204 || parts.status == 304;
    if !bodiless && !parts.headers.contains_key(http::header::CONTENT_LENGTH) {
        match said {
            Said::All => line(out, b"Content-Length", b"0"),
            Said::InChunks => line(out, b"Transfer-Encoding", b"chunked"),
            Said::UntilClose => {}
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A request as the gateway passes it on, in HTTP/2.
pub(crate) fn request_parts(text: &[u8], scheme: &str, trailers: bool) -> Result<http::Request<()>, Refusal> {
    let mut request = Request::default();
    let Ok(Some(_)) = request.read(text, &crate::http1::Limits::default()) else { return Err(UNSAYABLE) };
    let path = request.target.path_and_query.of(text);
    let uri = Uri::builder().scheme(scheme).authority(request.host.of(text)).path_and_query(path);
    let method = Method::from_bytes(request.method.of(text)).map_err(|_| UNSAYABLE)?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri.build().map_err(|_| UNSAYABLE)?;
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = header_map(text, &request.fields)?;
    if trailers {
        head.headers_mut().insert(http::header::TE, HeaderValue::from_static("trailers"));
    }
    Ok(head)
}

/// An answer as the gateway passes it on, in HTTP/2. A length that the gateway made up is not told.
pub(crate) fn response_parts(text: &[u8], made_up: bool) -> Result<http::Response<()>, Refusal> {
    let mut response = Response::default();
    let Ok(Some(_)) = response.read(text, b"HEAD", &crate::http1::Limits::default()) else { return Err(UNSAYABLE) };
    let mut head = http::Response::new(());
    *head.status_mut() = StatusCode::from_u16(response.status).map_err(|_| UNSAYABLE)?;
    *head.headers_mut() = header_map(text, &response.fields)?;
    if made_up {
        head.headers_mut().remove(http::header::CONTENT_LENGTH);
    }
    Ok(head)
}

fn header_map(text: &[u8], fields: &[crate::http1::Field]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields.iter().filter(|field| !field.hop) {
        if matches!(field.known, Known::Host | Known::TransferEncoding) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name.of(text)).map_err(|_| UNSAYABLE)?;
        let value = HeaderValue::from_bytes(field.value.of(text)).map_err(|_| UNSAYABLE)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What follows a body, as HTTP/1 says it. What would change how the message is read is left out.
pub(crate) fn trailer_text(out: &mut Vec<u8>, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if !changes_the_message(name.as_str().as_bytes()) {
            line(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows a body, as HTTP/1 said it.
pub(crate) fn trailer_map(text: &[u8]) -> Result<HeaderMap, Refusal> {
    let mut slots = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let Ok(httparse::Status::Complete((_, found))) = httparse::parse_headers(text, &mut slots) else {
        return Err(UNSAYABLE);
    };
    let mut trailers = HeaderMap::with_capacity(found.len());
    for trailer in found.iter().filter(|trailer| !changes_the_message(trailer.name.as_bytes())) {
        let name = HeaderName::from_bytes(trailer.name.as_bytes()).map_err(|_| UNSAYABLE)?;
        trailers.append(name, HeaderValue::from_bytes(trailer.value).map_err(|_| UNSAYABLE)?);
    }
    Ok(trailers)
}

/// The most fields after a body.
const TRAILERS_MAX: usize = 64;

fn changes_the_message(name: &[u8]) -> bool {
    let known = Known::of(name);
    known.is_for_whoever_answers() || known.is_about_the_connection() || known == Known::Trailer
}

/// Whether there is a body to come, once the head is there.
pub(crate) fn has_body(body: Body) -> bool {
    !matches!(body, Body::None | Body::Length(0))
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
