//! Where things are found: addresses, hosts, paths, URLs, networks.

use super::code::Code;
use super::scalar::{Scalar, Word, Wrong};
use serde_json::{Value, json};
use std::net::IpAddr;

macro_rules! text_type {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) String);
    };
}

text_type!(
    /// `host:port` or `:port`.
    Address
);
text_type!(
    /// A host, perhaps with `*.` before it.
    Host
);
text_type!(
    /// A path of a URL.
    Path
);
text_type!(
    /// An `http` or `https` URL.
    Url
);
text_type!(
    /// A network, as `10.0.0.0/8`.
    Network
);

const PORT: &str = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})";

impl Scalar for Address {
    fn belongs() -> String {
        "an address to listen on, as `:8080` or `127.0.0.1:8080`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if !word.variable && word.number().is_some() {
            return Err(Wrong::new(Code::BadAddress, format!("did you mean \":{}\"?", word.text)));
        }
        let wrong = |help: &str| Err(Wrong::new(Code::BadAddress, help));
        const ONLY: &str =
            "write only a host and a port, as `127.0.0.1:8080` or `[::1]:8080`; no `http://` and no path";
        if word.text.contains('/') {
            return wrong(ONLY);
        }
        let Some((host, port)) = word.string()?.rsplit_once(':') else {
            return wrong("write `:8080` for every address of the machine, or `127.0.0.1:8080` for one");
        };
        let digits = !port.is_empty() && !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return wrong("the port is a number from 1 to 65535");
        }
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or("");
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        if named || (!inside.is_empty() && inside.bytes().all(hexadecimal)) {
            return Ok(Self(word.text.clone()));
        }
        wrong(ONLY)
    }

    fn shape() -> Value {
        let pattern = format!("^([A-Za-z0-9.-]*|\\[[0-9A-Fa-f:.]+\\]):{PORT}$");
        json!({"type": "string", "pattern": pattern})
    }
}

impl Scalar for Host {
    fn belongs() -> String {
        "a host, as `shop.example` or `*.shop.example`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let name = text.strip_prefix("*.").unwrap_or(text);
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(inner);
        if name.split('.').all(label) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let help = if text.contains("://") || text.contains('/') {
            "write only the host: no `https://`, and paths below `paths:`"
        } else if text.contains(':') {
            "write only the host: the port belongs to `listen:`"
        } else {
            "write a host of letters, digits, dashes and dots"
        };
        Err(Wrong::new(Code::BadHost, help))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^(\\*\\.)?[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*$"})
    }
}

impl Scalar for Path {
    fn belongs() -> String {
        "a path, as `/` or `/health/ready`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let visible = text.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'#');
        if text.starts_with('/') && visible {
            return Ok(Self(text.to_owned()));
        }
        let help = if text.contains("://") {
            "write only the path: Glidepath knows host and port".to_owned()
        } else if visible && !text.is_empty() {
            format!("did you mean `/{text}`?")
        } else {
            "it starts with `/`, has no spaces and no `#`, and other letters are written as `%C3%A9`".to_owned()
        };
        Err(Wrong::new(Code::BadPath, help))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^/[!\"$-~]*$"})
    }
}

impl Scalar for Url {
    fn belongs() -> String {
        "a URL, as `https://ci.example/approve`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map_or("", |rest| rest.split('/').next().unwrap_or(""));
        let visible = text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        if !host.is_empty() && visible {
            return Ok(Self(text.to_owned()));
        }
        Err(Wrong::new(Code::BadUrl, "it starts with `https://` or `http://`, followed by a host, and has no spaces"))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^https?://[!-.0-~]+(/[!-~]*)?$"})
    }
}

impl Scalar for Network {
    fn belongs() -> String {
        "a network, as `10.0.0.0/8`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let part = |part: &str, fits: fn(u8) -> bool| !part.is_empty() && part.bytes().all(fits);
        let looks = part(address, |byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.');
        if !looks || !part(bits, |byte| byte.is_ascii_digit()) || bits.len() > 3 {
            let help = match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => format!("did you mean `{text}/32`?"),
                Ok(IpAddr::V6(_)) => format!("did you mean `{text}/128`?"),
                Err(_) => "write an address, a slash and the number of leading bits".to_owned(),
            };
            return Err(Wrong::new(Code::BadNetwork, help));
        }
        let bits_max = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => {
                let message = format!("`{address}` is not an IP address");
                return Err(Wrong::saying(Code::OutOfRange, message, "write one, as `10.0.0.0/8` or `fd00::/8`"));
            }
        };
        if bits.parse::<u32>().is_ok_and(|bits| bits <= bits_max) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("`/{bits}` is more than the address has bits");
        Err(Wrong::saying(Code::OutOfRange, message, format!("write at most `/{bits_max}`")))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$"})
    }
}
