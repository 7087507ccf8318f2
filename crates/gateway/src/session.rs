//! Sessions that stick: a cookie carries the unit and the release that it was given to, signed, so that
//! nobody chooses a release by writing one.

use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::hash::Hasher as _;
use wire::table::Key;

/// How long a session lasts that does not come again, in seconds.
const AGE_S: u64 = 30 * 24 * 3_600;

/// A session, as its cookie tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// What its requests have in common.
    pub unit: u128,
    /// The release that it was given to last.
    pub release: u32,
}

impl Session {
    /// A cookie's value: `unit.release.signature`, in hexadecimal but for the release.
    pub fn read(value: &[u8], key: &Key) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut parts = text.split('.');
        let (unit, release, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str| {
            let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            u128::from_str_radix(text, 16).ok().filter(|_| digits)
        };
        let session = Self { unit: hexadecimal(unit)?, release: release.parse().ok()? };
        // Every bit is compared, whichever differs first.
        let differs = hexadecimal(signature)? ^ session.signature(key);
        (parts.next().is_none() && differs == 0).then_some(session)
    }

    /// What sets it: the value of an answer's `Set-Cookie`. A client that came through TLS sends it through nothing
    /// else: in the clear anybody could read whose session it is, and take it over.
    pub fn cookie(&self, name: &str, key: &Key, through_tls: bool) -> String {
        let secure = if through_tls { "; Secure" } else { "" };
        let (unit, release, signature) = (self.unit, self.release, self.signature(key));
        format!(
            "{name}={unit:032x}.{release}.{signature:032x}; Path=/; Max-Age={AGE_S}; HttpOnly; SameSite=Lax{secure}"
        )
    }

    fn signature(&self, key: &Key) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&key.0);
        hasher.write(&self.unit.to_be_bytes());
        hasher.write(&self.release.to_be_bytes());
        hasher.finish128().as_u128()
    }
}
