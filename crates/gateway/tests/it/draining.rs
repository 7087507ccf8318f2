//! What never ends by itself, when whoever answers it goes away.

use crate::frames::Frames;
use crate::site::{Site, hear, hear_until, instance, plain, read_request, table, until};
use model::Span;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use wire::Table;

const SHORT: Span = Span(300);
const FAREWELL: [u8; 4] = [0x88, 2, 0x03, 0xe9];
const WEBSOCKET: &str = "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade||";
const DOWNLOAD: &str = "HTTP/1.1 200 OK|Transfer-Encoding: chunked||";
const EVENTS: &str = "HTTP/1.1 200 OK|Content-Type: text/event-stream|Transfer-Encoding: chunked||5|data:|";

/// An instance that gives one answer and hands its connection to the test.
fn lent(answer: &'static str) -> (SocketAddr, Receiver<TcpStream>) {
    let (sender, receiver) = sync_channel(8);
    let sender = Mutex::new(sender);
    let address = instance(move |mut stream| {
        if read_request(&mut stream).is_some() {
            stream.write_all(answer.replace('|', "\r\n").as_bytes()).expect("it is taken");
            let _ = sender.lock().expect("nobody panicked").send(stream);
        }
    });
    (address, receiver)
}

fn short(generation: u64, endpoints: &[SocketAddr]) -> Table {
    let mut table = table(generation, endpoints);
    table.limits.stream_drain = SHORT;
    table
}

/// How an instance goes away.
#[derive(Clone, Copy, Debug)]
enum Going {
    Drains,
    IsGone,
    LosesItsLane,
    LosesItsDoor,
    LosesItsService,
    TheProcessRetires,
    TheProcessStops,
}

use Going::{Drains, IsGone, LosesItsDoor, LosesItsLane, LosesItsService, TheProcessRetires, TheProcessStops};

fn go(site: &Site, instance: SocketAddr, how: Going) {
    let other: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let mut next = short(2, &[instance, other]);
    match how {
        Drains => next.lanes[0].endpoints[0].draining = true,
        IsGone => next = short(2, &[other]),
        LosesItsLane => next.lanes[0].release = model::ReleaseNumber(2),
        LosesItsDoor => {
            next.lanes[0].door = wire::table::Door::Closed;
            next.lanes[0].share = model::Share::percent(0);
            let mut lane = short(2, &[other]).lanes.remove(0);
            lane.release = model::ReleaseNumber(2);
            next.lanes.push(lane);
        }
        LosesItsService => return site.fleet().remove(&next.service, 2).expect("newer"),
        TheProcessRetires => return assert!(site.fleet().retire()),
        TheProcessStops => return site.fleet().tell_to_stop(),
    }
    site.take(&next).expect("newer");
}

const ALL: [Going; 7] =
    [Drains, IsGone, LosesItsLane, LosesItsDoor, LosesItsService, TheProcessRetires, TheProcessStops];

/// All of them at once: each takes its time.
fn each(check: impl Fn(Going) + Copy + Send) {
    std::thread::scope(|scope| {
        for how in ALL {
            scope.spawn(move || check(how));
        }
    });
}

/// A WebSocket from end to end.
fn websocket(site: &Site, lent: &Receiver<TcpStream>) -> (TcpStream, TcpStream) {
    let mut client = site.client();
    let request = b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(request).expect("it is taken");
    hear_until(&mut client, "||");
    (client, lent.recv().expect("it was asked"))
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

/// Whether it hears, masked, that this is the end.
fn hears_farewell(instance: &mut TcpStream) -> bool {
    let frame = read(instance, 8);
    frame[..2] == [0x88, 0x82] && [frame[2] ^ frame[6], frame[3] ^ frame[7]] == [0x03, 0xe9]
}

/// Whether it is closed, or reset, and nothing more came before that.
fn is_over(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    rest.is_empty() && !ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_websocket_is_told_that_its_instance_goes_away() {
    each(|how| {
        let (address, lent) = lent(WEBSOCKET);
        let site = Site::new(&short(1, &[address]));
        let (mut client, mut instance) = websocket(&site, &lent);
        go(&site, address, how);
        assert_eq!(read(&mut client, 4), FAREWELL, "{how:?}");
        assert!(hears_farewell(&mut instance), "{how:?}");
        // What the instance says now is for nobody; what the client says is only for the gateway.
        instance.write_all(b"\x81\x04late").expect("it is taken");
        client.write_all(b"\x81\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe9").expect("it is taken");
        assert!(is_over(client) && is_over(instance), "{how:?}");
        site.stop();
    });
}

#[test]
fn a_websocket_gets_the_rest_of_a_frame_first() {
    let (address, lent) = lent(WEBSOCKET);
    let site = Site::new(&short(1, &[address]));
    let (mut client, mut instance) = websocket(&site, &lent);
    instance.write_all(b"\x81\x06hal").expect("it is taken");
    client.write_all(b"\x81\x83\0\0\0\0w").expect("it is taken");
    assert_eq!(
        (read(&mut client, 5), read(&mut instance, 7)),
        (b"\x81\x06hal".to_vec(), b"\x81\x83\0\0\0\0w".to_vec())
    );
    go(&site, address, Drains);
    // Whether its time is over by now or not, what comes is the same.
    std::thread::sleep(Duration::from_millis(3 * SHORT.0));
    instance.write_all(b"ves").expect("it is taken");
    assert_eq!(read(&mut client, 7), [b"ves".as_slice(), &FAREWELL].concat());
    client.write_all(b"ho").expect("it is taken");
    assert_eq!(read(&mut instance, 2), b"ho");
    assert!(hears_farewell(&mut instance));
    client.write_all(b"\x88\x80\0\0\0\0").expect("it is taken");
    assert!(is_over(client) && is_over(instance));
}

/// Whoever never ends a frame, or never says that it has heard, is not waited for without end.
#[test]
fn a_websocket_that_says_nothing_is_cut() {
    let (address, lent) = lent(WEBSOCKET);
    let site = Site::new(&short(1, &[address]));
    let (mut silent, silent_instance) = websocket(&site, &lent);
    let (mut halved, mut halved_instance) = websocket(&site, &lent);
    halved_instance.write_all(b"\x81\x06hal").expect("it is taken");
    assert_eq!(read(&mut halved, 5), b"\x81\x06hal");
    go(&site, address, Drains);
    assert_eq!(read(&mut silent, 4), FAREWELL);
    assert!(is_over(silent) && is_over(halved));
    drop((silent_instance, halved_instance));
}

/// An instance that has ended it by itself needs nobody to end it.
#[test]
fn a_websocket_that_is_closed_already_hears_it_once() {
    let (address, lent) = lent(WEBSOCKET);
    let site = Site::new(&short(1, &[address]));
    let (mut client, mut instance) = websocket(&site, &lent);
    instance.write_all(b"\x88\x02\x03\xe8").expect("it is taken");
    assert_eq!(read(&mut client, 4), b"\x88\x02\x03\xe8");
    go(&site, address, Drains);
    assert!(hears_farewell(&mut instance));
    client.write_all(b"\x88\x80\0\0\0\0").expect("it is taken");
    assert!(is_over(client) && is_over(instance));
}

#[test]
fn other_protocols_and_events_end() {
    let other = "HTTP/1.1 101 Other|Connection: Upgrade|Upgrade: x||";
    for answer in [other, EVENTS] {
        each(|how| {
            let (address, lent) = lent(answer);
            let site = Site::new(&short(1, &[address]));
            let (mut client, instance) = websocket(&site, &lent);
            go(&site, address, how);
            let said = hear(&mut client);
            assert!(["", "5|data:|"].contains(&said.as_str()), "{how:?}: {said}");
            assert!(is_over(instance), "{how:?}");
            site.stop();
        });
    }
}

/// A download has all the time there is.
#[test]
fn a_download_goes_on() {
    each(|how| {
        let (address, lent) = lent(DOWNLOAD);
        let site = Site::new(&short(1, &[address]));
        let (client, instance) = (asking(&site), lent.recv().expect("it was asked"));
        go(&site, address, how);
        std::thread::sleep(Duration::from_millis(3 * SHORT.0));
        is_downloaded(client, instance);
    });
}

/// So has one whose instance goes away before it begins.
#[test]
fn a_download_that_begins_late_goes_on() {
    let (address, lent) = lent("");
    let mut patient = short(1, &[address]);
    patient.limits.stream_drain = Span::seconds(2);
    let site = Site::new(&patient);
    let (client, mut instance) = (asking(&site), lent.recv().expect("it was asked"));
    (patient.generation, patient.lanes[0].endpoints[0].draining) = (2, true);
    site.take(&patient).expect("newer");
    // It waits for its end by now.
    std::thread::sleep(Duration::from_millis(SHORT.0));
    instance.write_all(DOWNLOAD.replace('|', "\r\n").as_bytes()).expect("it is taken");
    std::thread::sleep(Duration::from_millis(patient.limits.stream_drain.0 + SHORT.0));
    is_downloaded(client, instance);
}

fn asking(site: &Site) -> TcpStream {
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
    client
}

fn is_downloaded(mut client: TcpStream, mut instance: TcpStream) {
    instance.write_all(b"2\r\nok\r\n0\r\n\r\n").expect("it is taken");
    let said = hear_until(&mut client, "0||");
    assert!(said.starts_with("HTTP/1.1 200 OK|") && said.ends_with("||2|ok|0||"), "{said}");
}

#[test]
fn who_waits_for_an_answer_is_told_to_come_again() {
    each(|how| {
        let (address, lent) = lent("");
        let site = Site::new(&short(1, &[address]));
        let mut client = site.client();
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
        let instance = lent.recv().expect("it was asked");
        go(&site, address, how);
        let said = hear(&mut client);
        assert!(said.starts_with("HTTP/1.1 503 Service Unavailable|") && said.contains("|Retry-After: 1|"), "{said}");
        drop(client);
        assert!(is_over(instance), "{how:?}");
        if !matches!(how, LosesItsService | TheProcessStops) {
            assert_eq!(blamed_and_left(&site), (0, 1), "{how:?}");
        }
        site.stop();
    });
}

/// For how many requests the release is blamed, and how many are nobody's fault.
fn blamed_and_left(site: &Site) -> (u64, u64) {
    let counts = site.counts();
    let tables = counts.workers.iter().flat_map(|worker| &worker.services).flat_map(|service| &service.tables);
    let outcomes = tables.flat_map(|table| &table.releases).flat_map(|release| &release.outcomes);
    outcomes.fold((0, 0), |(blamed, left), of| (blamed + of.statuses[4] + of.unanswered + of.broken, left + of.left))
}

/// In HTTP/2 it is the same, stream by stream.
#[test]
fn streams_of_http2_end() {
    for (answer, wanted) in
        [("", "503: whoever was to answer goes away: come again\n"), (EVENTS, "200: data: RST_STREAM CANCEL")]
    {
        each(|how| {
            let (address, lent) = lent(answer);
            let site = Site::new(&short(1, &[address]));
            let mut client = Frames::new(site.client());
            let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
            client.headers(1, &fields, true);
            let instance = lent.recv().expect("it was asked");
            go(&site, address, how);
            // Where all of the process goes away, so does the connection.
            assert_eq!(client.hear(1).replace("GOAWAY NO_ERROR ", ""), wanted, "{how:?}");
            assert!(is_over(instance), "{how:?}");
        });
    }
}

/// An upload is under way: its answer is not late before it is whole.
#[test]
fn an_upload_goes_on() {
    let (sender, asked) = sync_channel(8);
    let sender = Mutex::new(sender);
    let address = instance(move |mut stream| {
        let _ = sender.lock().expect("nobody panicked").send(());
        while let Some(request) = read_request(&mut stream) {
            let said = if plain(&request).ends_with("||hello") { "ok" } else { "no" };
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{said}");
        }
    });
    let site = Site::new(&short(1, &[address]));
    let mut client = site.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhel").expect("it is taken");
    asked.recv().expect("it is asked");
    go(&site, address, Drains);
    std::thread::sleep(Duration::from_millis(2 * SHORT.0 + 250));
    client.write_all(b"lo").expect("it is taken");
    let said = hear_until(&mut client, "ok");
    assert!(said.starts_with("HTTP/1.1 200 OK|"), "{said}");
}

/// Whoever was sent away would come again, and what was asked for would be done twice.
#[test]
fn who_asks_for_what_is_done_once_waits_for_it() {
    let (address, lent) = lent("");
    let site = Site::new(&short(1, &[address]));
    let mut client = site.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello").expect("it is taken");
    let mut instance = lent.recv().expect("it is asked");
    go(&site, address, Drains);
    std::thread::sleep(Duration::from_millis(2 * SHORT.0 + 250));
    instance.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
    let said = hear_until(&mut client, "ok");
    assert!(said.starts_with("HTTP/1.1 200 OK|"), "{said}");
}

/// Who comes back to its place before the time is over has lost nothing; and the next request of a connection has
/// all the time there is.
#[test]
fn an_instance_that_comes_back_keeps_what_it_has() {
    let (address, lent) = lent(WEBSOCKET);
    let mut patient = short(1, &[address]);
    patient.limits.stream_drain = Span::hours(1);
    let site = Site::new(&patient);
    let (mut client, mut instance) = websocket(&site, &lent);
    (patient.generation, patient.lanes[0].endpoints[0].draining) = (2, true);
    site.take(&patient).expect("newer");
    (patient.generation, patient.lanes[0].endpoints[0].draining) = (3, false);
    site.take(&patient).expect("newer");
    instance.write_all(b"\x81\x02on").expect("it is taken");
    assert_eq!(read(&mut client, 4), b"\x81\x02on");
    drop((client, instance));
    until(|| (site.claims() == 0).then_some(()));
}
