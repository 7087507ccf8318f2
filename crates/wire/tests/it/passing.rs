//! Messages and descriptors between two processes; here, two ends in one.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use wire::passing::{DESCRIPTORS_MAX, Line, MESSAGE_BYTES_MAX};
use wire::socket::{listen, listen_more};

#[test]
fn messages_keep_their_bounds_and_what_came_with_them() {
    let (one, other) = Line::pair().expect("a line");
    let (mut near, far) = UnixStream::pair().expect("a pair");
    one.say(&"first", &[]).expect("it is said");
    one.say(&"second", &[far.as_fd()]).expect("it is said");
    let many: Vec<_> = (0..DESCRIPTORS_MAX).map(|_| far.as_fd()).collect();
    one.say(&"third", &many).expect("it is said");
    drop(far);
    let hear = || other.hear::<String>().expect("it is heard").expect("a message");
    let (first, none) = hear();
    assert_eq!((first.as_str(), none.len()), ("first", 0));
    let (second, mut passed) = hear();
    assert_eq!((second.as_str(), passed.len()), ("second", 1));
    let mut stream = UnixStream::from(passed.remove(0));
    stream.write_all(b"hello").expect("it is open");
    let mut heard = [0; 5];
    near.read_exact(&mut heard).expect("it is heard");
    assert_eq!(&heard, b"hello");
    assert_eq!(hear().1.len(), DESCRIPTORS_MAX);
    drop(one);
    assert!(other.hear::<String>().expect("an end").is_none());
}

#[test]
fn what_is_too_long_is_not_said_and_what_is_no_message_is_not_heard() {
    let (one, other) = Line::pair().expect("a line");
    let long = "x".repeat(MESSAGE_BYTES_MAX);
    assert_eq!(one.say(&long, &[]).expect_err("too long").kind(), ErrorKind::InvalidInput);
    one.say(&7, &[]).expect("it is said");
    assert!(other.hear::<String>().is_err());
}

/// One that hangs holds nobody up for long.
#[test]
fn whoever_does_not_listen_is_not_waited_for() {
    let (one, _other) = Line::pair().expect("a line");
    let long = "x".repeat(MESSAGE_BYTES_MAX / 2);
    let error = (0..1_000).find_map(|_| one.say(&long, &[]).err()).expect("there is no more room");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
}

/// The kernel would let two processes of one user share a port, and nobody would notice.
#[test]
fn a_port_is_shared_only_by_those_who_mean_it() {
    let mut sockets = listen("127.0.0.1:0".parse().expect("an address"), 2).expect("a port");
    let address = sockets[0].local_addr().expect("an address");
    assert_eq!(listen(address, 1).expect_err("it is taken").kind(), ErrorKind::AddrInUse);
    listen_more(address, 4, &mut sockets).expect("there is room");
    let all: Vec<_> = sockets.iter().map(TcpListener::local_addr).collect::<Result<_, _>>().expect("addresses");
    assert_eq!(all, [address; 4]);
    TcpStream::connect(address).expect("it listens");
}
