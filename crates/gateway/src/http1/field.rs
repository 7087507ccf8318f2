//! Header fields as stretches of the buffer they came in.

/// A stretch of a buffer. Heads are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl Stretch {
    /// Where a part of a buffer lies in it; nothing where it is not a part of it.
    pub(crate) fn within(buffer: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(buffer.as_ptr() as usize);
        if start > buffer.len() || part.len() > buffer.len() - start {
            return Self::default();
        }
        Self::new(start, start + part.len())
    }

    pub(crate) fn new(start: usize, end: usize) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(start), end: place(end) }
    }

    /// Its bytes.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which it is, if the gateway has to know it.
    pub known: Known,
    /// Its name.
    pub name: Stretch,
    /// Its value, without the space around it.
    pub value: Stretch,
    /// The whole line with its end, to be passed on as it is.
    pub line: Stretch,
    /// It is about this connection only, and not passed on.
    pub hop: bool,
}

macro_rules! known {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The fields that the gateway has to know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Known {
            $($(#[$doc])* $variant,)*
            /// Any other.
            Other,
        }

        impl Known {
            /// Which one a name is: upper and lower case are the same.
            pub fn of(name: &[u8]) -> Self {
                $(if name.len() == $text.len() && name.eq_ignore_ascii_case($text) {
                    return Self::$variant;
                })*
                Self::Other
            }
        }
    };
}

known! {
    /// `Host`.
    Host = b"host",
    /// `Content-Length`.
    ContentLength = b"content-length",
    /// `Transfer-Encoding`.
    TransferEncoding = b"transfer-encoding",
    /// `Connection`.
    Connection = b"connection",
    /// `Keep-Alive`.
    KeepAlive = b"keep-alive",
    /// `Proxy-Connection`: never standard, and about one connection.
    ProxyConnection = b"proxy-connection",
    /// `Upgrade`.
    Upgrade = b"upgrade",
    /// `HTTP2-Settings`, which belongs to an upgrade that the gateway never makes.
    Http2Settings = b"http2-settings",
    /// `Expect`.
    Expect = b"expect",
    /// `TE`.
    Te = b"te",
    /// `Trailer`.
    Trailer = b"trailer",
    /// `Cookie`.
    Cookie = b"cookie",
    /// `Authorization`.
    Authorization = b"authorization",
    /// `Cache-Control`.
    CacheControl = b"cache-control",
    /// `Date`.
    Date = b"date",
    /// `Server`.
    Server = b"server",
    /// `X-Forwarded-For`.
    XForwardedFor = b"x-forwarded-for",
    /// `X-Forwarded-Proto`.
    XForwardedProto = b"x-forwarded-proto",
    /// `X-Forwarded-Host`.
    XForwardedHost = b"x-forwarded-host",
    /// `Forwarded`.
    Forwarded = b"forwarded",
    /// `X-Request-Id`.
    XRequestId = b"x-request-id",
    /// `Glidepath-Mirror`: nobody hears the answer.
    GlidepathMirror = b"glidepath-mirror",
    /// `traceparent`.
    Traceparent = b"traceparent",
}

impl Known {
    /// Whether it is about one connection whatever `Connection` says.
    pub(crate) fn is_about_the_connection(self) -> bool {
        matches!(
            self,
            Self::Connection | Self::KeepAlive | Self::ProxyConnection | Self::Upgrade | Self::Http2Settings | Self::Te
        )
    }

    /// Whether it is for whoever answers: a `Connection` that names it would take it away from them.
    pub(crate) fn is_for_whoever_answers(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::ContentLength
                | Self::TransferEncoding
                | Self::Expect
                | Self::Cookie
                | Self::Authorization
                | Self::CacheControl
                | Self::XForwardedFor
                | Self::XForwardedProto
                | Self::XForwardedHost
                | Self::Forwarded
        )
    }
}
