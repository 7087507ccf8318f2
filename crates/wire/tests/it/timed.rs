//! Streams on which everything has its time: against real sockets.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::Builder;
use std::time::Duration;
use wire::timed::{Bounded, Timed as _};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(60);

/// The system would let a connection wait for ever where the backlog is full.
#[test]
fn whoever_accepts_nobody_is_not_waited_for() {
    let path = std::env::temp_dir().join(format!("wire-timed-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let hangs = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    hangs.bind(&SockAddr::unix(&path).expect("a path")).expect("it is free");
    hangs.listen(1).expect("it listens");
    let mut waiting = Vec::new();
    let error = (0..16).find_map(|_| match Bounded::connect(&path, SHORT) {
        Ok(stream) => {
            waiting.push(stream);
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!(error.expect("there is no more room").kind(), ErrorKind::TimedOut);
    std::fs::remove_file(&path).expect("it is there");
    assert_eq!(Bounded::connect(&path, SHORT).expect_err("nobody is there").kind(), ErrorKind::NotFound);
}

/// Each byte comes in time, and all of it never would.
#[test]
fn what_comes_byte_by_byte_has_no_more_time() {
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let drips = Builder::new().spawn(move || {
        while far.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut stream = Bounded::new(near, Some(SHORT));
    let error = stream.read_exact(&mut [0; 1 << 20]).expect_err("it would take hours");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // Nor is what is there taken when the time is over; with more time it goes on.
    assert_eq!(stream.read(&mut [0]).expect_err("it is late").kind(), ErrorKind::TimedOut);
    stream.done_within(Some(LONG));
    assert_eq!(stream.read(&mut [0]).expect("a byte"), 1);
    drop(stream);
    drips.expect("a thread").join().expect("it ends");
}

/// One that takes nothing is not written to for ever.
#[test]
fn whoever_takes_nothing_is_not_waited_for() {
    let (near, _far) = UnixStream::pair().expect("a pair");
    let mut stream = Bounded::new(near, Some(SHORT));
    assert_eq!(stream.write_all(&vec![0; 8 << 20]).expect_err("it is full").kind(), ErrorKind::TimedOut);
}
