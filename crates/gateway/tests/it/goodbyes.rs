//! How a connection of HTTP/2 ends: in two steps, and with all that was asked for before the second one.

use crate::frames::*;
use crate::site::*;
use model::Span;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::sleep;
use std::time::Duration;

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
const POST: [(&str, &str); 4] = [(":method", "POST"), GET[1], GET[2], GET[3]];
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// Which stream may be the last one: any that was begun on the way.
const ANY: &str = "GOAWAY 2147483647 NO_ERROR";

/// An instance that hands each request's connection to the test.
fn lent() -> (SocketAddr, Receiver<TcpStream>) {
    let (sender, receiver) = sync_channel(8);
    let sender = Mutex::new(sender);
    let address = instance(move |mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = sender.lock().expect("nobody panicked").send(stream);
        }
    });
    (address, receiver)
}

fn asked(lent: &Receiver<TcpStream>) -> TcpStream {
    lent.recv_timeout(PATIENCE).expect("it was asked")
}

/// Hears frames until this one.
fn hear_until_frame(client: &mut Frames, wanted: &str) {
    loop {
        let said = client.next();
        assert_ne!(said, "closed", "before {wanted}");
        if said == wanted {
            return;
        }
    }
}

/// A client that never read the first word may have asked for more meanwhile: that is still answered.
#[test]
fn what_was_asked_before_the_second_goaway_is_answered() {
    for stops in [false, true] {
        let (address, lent) = lent();
        let site = Site::new(&table(1, &[address]));
        let mut client = Frames::new(site.client());
        client.answers_pings = false;
        client.headers(1, &GET, true);
        let mut first = asked(&lent);
        if stops {
            site.fleet().tell_to_stop()
        } else {
            assert!(site.fleet().retire())
        }
        assert_eq!([client.next(), client.next()], [ANY, "ping"]);
        client.headers(3, &POST, true);
        let mut second = asked(&lent);
        client.pong();
        assert_eq!(client.next(), "GOAWAY 3 NO_ERROR");
        // Nobody hears of this one: its client knows that it was not done.
        client.headers(5, &GET, true);
        first.write_all(OK).expect("it is taken");
        assert_eq!([client.next(), client.next()], ["1 200", "1 2 bytes end"]);
        second.write_all(OK).expect("it is taken");
        assert_eq!([client.next(), client.next(), client.next()], ["3 200", "3 2 bytes end", "closed"]);
        assert!(lent.try_recv().is_err(), "the third was passed on");
        drop(client);
        site.stop();
    }
}

/// Whoever does not even say that it was told is served for a while, and then told of every stream that it comes
/// too late. What it has under way goes on.
#[test]
fn whoever_does_not_go_gets_nothing_new() {
    let (address, lent) = lent();
    let site = Site::new(&table(1, &[address]));
    let mut client = Frames::new(site.client());
    client.answers_pings = false;
    client.headers(1, &POST, true);
    let mut first = asked(&lent);
    assert!(site.fleet().retire());
    assert_eq!([client.next(), client.next()], [ANY, "ping"]);
    let mut stream = 3;
    loop {
        client.headers(stream, &GET, true);
        // Whoever is asked says so at once; whoever is not never does.
        match lent.recv_timeout(Duration::from_millis(500)) {
            Ok(mut asked) => asked.write_all(OK).expect("it is taken"),
            Err(_) => break assert_eq!(client.next(), format!("{stream} RST_STREAM REFUSED_STREAM")),
        }
        assert_eq!([client.next(), client.next()], [format!("{stream} 200"), format!("{stream} 2 bytes end")]);
        stream += 2;
        assert!(stream < 200, "it is served without end");
        sleep(Duration::from_millis(500));
    }
    first.write_all(OK).expect("it is taken");
    assert_eq!([client.next(), client.next()], ["1 200", "1 2 bytes end"]);
}

/// A client that reads says how much room it has: that must not cost it what it has not read yet.
#[test]
fn the_end_of_an_answer_is_read_in_peace() {
    const SIZE: usize = 300_000;
    let (address, lent) = lent();
    let site = Site::new(&table(1, &[address]));
    let mut client = Frames::new(site.client());
    client.takes(1 << 20, 1 << 20);
    client.headers(1, &GET, true);
    let mut instance = asked(&lent);
    assert!(site.fleet().retire());
    hear_until_frame(&mut client, "GOAWAY 1 NO_ERROR");
    write!(instance, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").expect("it is taken");
    instance.write_all(&vec![b'x'; SIZE]).expect("it is taken");
    until(|| (site.claims() == 0).then_some(()));
    // A gateway that closes now has closed by then.
    sleep(Duration::from_millis(300));
    client.send(WINDOW_UPDATE, 0, 0, &(SIZE as u32).to_be_bytes());
    sleep(Duration::from_millis(100));
    assert_eq!(read_bytes(&mut client, usize::MAX), SIZE);
}

/// Reads so many bytes of bodies, or all that there are until it is closed.
fn read_bytes(client: &mut Frames, wanted: usize) -> usize {
    let mut sum = 0;
    while sum < wanted {
        let said = client.next();
        let mut words = said.split(' ').skip(1);
        match (words.next(), words.next()) {
            (Some(length), Some("bytes")) => sum += length.parse::<usize>().expect("a length"),
            _ if said == "closed" => break,
            _ => assert!(!said.contains("RST_STREAM") && said != "cut", "{said} after {sum} bytes"),
        }
    }
    sum
}

/// Answers of which nothing is left to be read but what the client has not taken yet.
#[test]
fn a_client_that_takes_its_time_gets_all_of_it() {
    const SIZE: usize = 64 << 10;
    const STREAMS: usize = 120;
    let answer = format!("HTTP/1.1 200 OK|Content-Length: {SIZE}||{}", "x".repeat(SIZE));
    let site = Site::new(&table(1, &[answering(answer.leak())]));
    let mut client = Frames::new(site.client());
    client.takes(1 << 20, 64 << 20);
    for stream in 0..STREAMS as u32 {
        client.headers(1 + 2 * stream, &GET, true);
    }
    let mut sum = read_bytes(&mut client, SIZE);
    until(|| (site.claims() == 0).then_some(()));
    assert!(site.fleet().retire());
    // Longer than a client is waited for that takes nothing; this one takes some of it meanwhile.
    for part in [SIZE * STREAMS / 4, usize::MAX] {
        sleep(Duration::from_secs(9));
        sum += read_bytes(&mut client, part);
    }
    assert_eq!(sum, SIZE * STREAMS);
}

#[test]
fn pings_are_answered() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    for payload in [b"12345678", b"abcdefgh"] {
        client.send(PING, 0, 0, payload);
        assert_eq!(client.next(), format!("pong {payload:?}"));
    }
    // While something is under way, too.
    client.headers(1, &POST, false);
    client.send(PING, 0, 0, b"12345678");
    assert!(client.next().starts_with("pong"));
}

/// Whoever asks for nothing for as long as the last service says is told to go, and can still be on its way.
#[test]
fn a_connection_rests_for_so_long() {
    let mut table = table(1, &[mirror()]);
    table.limits.keep_alive = Span(300);
    let site = Site::new(&table);
    let mut client = Frames::new(site.client());
    client.answers_pings = false;
    client.headers(1, &GET, true);
    client.hear(1);
    assert_eq!([client.next(), client.next()], [ANY, "ping"]);
    client.headers(3, &GET, true);
    assert!(client.hear(3).starts_with("200: GET / HTTP/1.1|"));
    client.pong();
    assert_eq!([client.next(), client.next()], ["GOAWAY 3 NO_ERROR", "closed"]);
    drop(client);
    until(|| (site.report().clients == 0).then_some(()));
}
