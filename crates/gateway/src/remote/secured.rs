//! A connection through TLS that is read and written by one thread, each thing in its time.

use rustls::{AlertDescription, ConnectionCommon, Error, SideData};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use wire::timed::{Bounded, Timed};

/// What somebody who is turned away may still have sent is heard for so long, and no further: the system would
/// take back the word that says why.
const HEARD_OUT_WITHIN: Duration = Duration::from_secs(1);
/// And so much of it.
const HEARD_OUT_BYTES_MAX: u64 = 64 << 10;

/// A connection through TLS, after both have shown who they are.
#[derive(Debug)]
pub struct Secured<C> {
    pub(crate) conversation: C,
    stream: Bounded<TcpStream>,
}

impl<C, S> Secured<C>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    S: SideData,
{
    /// Agrees on keys with whoever is at the other end.
    pub fn greet(mut conversation: C, mut stream: Bounded<TcpStream>) -> io::Result<Self> {
        while conversation.is_handshaking() {
            if let Err(error) = conversation.complete_io(&mut stream) {
                hear_out(&mut stream);
                return Err(error);
            }
        }
        Ok(Self { conversation, stream })
    }

    /// Says that nothing more comes, so that nobody takes the end for one that somebody else has made.
    pub(crate) fn hang_up(&mut self) {
        self.conversation.send_close_notify();
        // Whoever went away needs no word.
        let _ = self.conversation.complete_io(&mut self.stream);
        let _ = self.stream.stream().shutdown(Shutdown::Both);
    }

    fn layers(&mut self) -> rustls::Stream<'_, C, Bounded<TcpStream>> {
        rustls::Stream::new(&mut self.conversation, &mut self.stream)
    }
}

fn hear_out(stream: &mut Bounded<TcpStream>) {
    stream.done_within(Some(HEARD_OUT_WITHIN));
    if stream.stream().shutdown(Shutdown::Write).is_ok() {
        let _ = io::copy(&mut stream.take(HEARD_OUT_BYTES_MAX), &mut io::sink());
    }
}

impl<C, S> Timed for Secured<C>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn done_within(&mut self, within: Option<Duration>) {
        self.stream.done_within(within);
    }
}

impl<C, S> Read for Secured<C>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.layers().read(to)
    }
}

impl<C, S> Write for Secured<C>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.layers().write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.layers().flush()
    }
}

/// Why two do not speak with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The other showed no certificate.
    Nameless,
    /// The other's certificate is not believed here.
    Stranger(String),
    /// What was shown is not believed at the other end.
    Mistrusted(String),
    /// The other speaks something else.
    Foreign,
}

impl Trouble {
    /// What kept two from speaking with each other, if it was that.
    pub fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        match error {
            Error::NoCertificatesPresented => Some(Self::Nameless),
            Error::InvalidCertificate(why) => Some(Self::Stranger(why.to_string())),
            Error::AlertReceived(
                AlertDescription::NoApplicationProtocol
                | AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure,
            )
            | Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::NoApplicationProtocol
            | Error::PeerIncompatible(_) => Some(Self::Foreign),
            Error::AlertReceived(alert) => Some(Self::Mistrusted(format!("{alert:?}"))),
            // New kinds of trouble are told as they are.
            _ => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => f.write_str("it showed no certificate"),
            Self::Stranger(why) => write!(f, "its certificate is not believed: {why}"),
            Self::Mistrusted(why) => write!(f, "it does not believe the certificate that it was shown: {why}"),
            Self::Foreign => f.write_str("it does not speak TLS 1.3 as those do who ask a gateway"),
        }
    }
}
