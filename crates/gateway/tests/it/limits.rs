//! How long each part of a request may take, and how large it may be; and whose fault it is when it is over.

use crate::site::*;
use expect_test::expect;
use gateway::pool::Condition;
use gateway::worker::pace::Pace;
use model::Span;
use socket2::{Domain, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use wire::Table;

/// A time-out that a test waits for.
const SHORT: Span = Span(300);

/// A table whose instance is given work however often it fails.
fn patient(instance: SocketAddr) -> Table {
    let mut table = table(1, &[instance]);
    table.care.passive.failures = 0;
    table
}

/// The failures in a row of its one instance.
fn failures(site: &Site) -> u32 {
    let pools = site.report().pools;
    let endpoints = pools.into_values().flat_map(|pool| pool.endpoints.into_values());
    endpoints.map(|endpoint| (endpoint.condition, endpoint.failures)).fold(0, |sum, (condition, failures)| {
        assert_eq!(condition, Condition::Good);
        sum + failures
    })
}

/// An instance that does this with a connection, and hands over how it went.
fn told<T: Send + 'static>(serve: impl Fn(TcpStream) -> T + Send + Sync + 'static) -> (SocketAddr, Receiver<T>) {
    let (tell, told): (SyncSender<T>, _) = sync_channel(16);
    let tell = Mutex::new(tell);
    let address = instance(move |stream| {
        let went = serve(stream);
        tell.lock().expect("a lock").send(went).expect("somebody hears it");
    });
    (address, told)
}

/// All that comes, however it ends.
fn drain(mut stream: TcpStream) -> usize {
    let mut room = vec![0; 1 << 16];
    let mut sum = 0;
    loop {
        match stream.read(&mut room) {
            Ok(read) if read > 0 => sum += read,
            Ok(_) | Err(_) => return sum,
        }
    }
}

#[test]
fn a_body_may_stop_and_go_but_not_trickle() {
    let mut pace = Pace::default();
    pace.begin(0, 1_000);
    let looks = [(1_100, 0), (10_999, 10), (11_000, 2_400), (20_999, 2_400), (21_000, 4_799), (31_000, 7_199)];
    let slow: Vec<_> = looks.iter().map(|(now, bytes)| pace.is_too_slow(*bytes, *now, 240)).collect();
    assert_eq!(slow, [false, false, false, false, true, false]);
    assert!(!pace.is_too_slow(7_199, 99_000, 0), "where nothing is asked for, nothing is too slow");
}

/// A byte now and then is the client's fault, and its instance is free again.
#[test]
fn a_client_that_trickles_is_let_go() {
    let (address, received) = told(drain);
    let site = Site::new(&patient(address));
    let mut client = site.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n").expect("it is taken");
    let mut writer = client.try_clone().expect("a second hand");
    let trickle = move || {
        while writer.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let trickling = std::thread::Builder::new().spawn(trickle).expect("a thread");
    let said = hear_until(&mut client, "took too long\n");
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout|"), "{said}");
    client.shutdown(Shutdown::Both).expect("both ends");
    trickling.join().expect("it ends");
    assert!(received.recv().expect("its end") < 1_000);
    assert_eq!((failures(&site), site.claims()), (0, 0));
}

#[test]
fn a_client_that_stops_is_let_go() {
    let (address, received) = told(drain);
    let mut table = patient(address);
    table.limits.idle = SHORT;
    let site = Site::new(&table);
    let said = site.say("POST / HTTP/1.1|Host: shop|Content-Length: 5||hel");
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout|"), "{said}");
    received.recv().expect("its end");
    assert_eq!(failures(&site), 0);
}

#[test]
fn an_instance_has_so_long() {
    let silent = |_: TcpStream| std::thread::park();
    let half = |mut stream: TcpStream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal").expect("it is taken");
        std::thread::park();
    };
    let get = "GET / HTTP/1.1|Host: shop|Connection: close||";
    let ask = |address: SocketAddr| {
        let mut table = patient(address);
        (table.limits.connect, table.limits.head, table.limits.idle) = (SHORT, SHORT, SHORT);
        table.care.retries.tries_max = 0;
        let site = Site::new(&table);
        let said = site.say(get);
        format!("{said} {} failed\n", failures(&site))
    };
    // One whose backlog is full: nobody takes the connection, and nobody refuses it.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    full.listen(0).expect("it listens");
    let address = full.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let _waiting = TcpStream::connect(address).expect("one is taken");
    let text = ask(address) + &ask(instance(silent)) + &ask(instance(half));
    expect![[r#"
        HTTP/1.1 502 Bad Gateway|Content-Length: 29|Connection: close||no instance took the request
         1 failed
        HTTP/1.1 504 Gateway Timeout|Content-Length: 36|Connection: close||the instance did not answer in time
         1 failed
        HTTP/1.1 200 OK|Content-Length: 5|Connection: close||hal 1 failed
    "#]]
    .assert_eq(&text);
}

/// An upload may take longer than an answer may take to begin: the instance's time begins when all was sent.
#[test]
fn an_instance_has_its_time_after_the_upload() {
    let address = instance(|mut stream| {
        read_request(&mut stream);
        std::thread::sleep(Duration::from_millis(700));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
    });
    let mut table = patient(address);
    table.limits.head = Span::seconds(1);
    let site = Site::new(&table);
    let mut client = site.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n").expect("it is taken");
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(100));
        client.write_all(b"x").expect("it is taken");
    }
    assert!(hear_until(&mut client, "||ok").starts_with("HTTP/1.1 200 OK|"));
}

/// A client that takes nothing of its answer: its instance is free again, and is not to blame.
#[test]
fn a_client_that_reads_nothing_is_let_go() {
    let (address, sent) = told(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let room = vec![0; 1 << 20];
        (0..1_024).take_while(|_| stream.write_all(&room).is_ok()).count()
    });
    let mut table = patient(address);
    table.limits.idle = SHORT;
    let site = Site::new(&table);
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
    assert!(sent.recv().expect("its end") < 1_024);
    until(|| (site.claims() == 0).then_some(()));
    assert_eq!(failures(&site), 0);
}

/// Bodies in chunks are no larger than others, whether they come at once or bit by bit.
#[test]
fn a_body_in_chunks_has_a_limit_too() {
    let (address, received) = told(drain);
    let mut table = patient(address);
    table.limits.body_bytes_max = 8;
    let site = Site::new(&table);
    let head = "POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked||";
    let said = site.say(&format!("{head}5|hello|5|world|0||"));
    assert!(said.starts_with("HTTP/1.1 413 Content Too Large|"), "{said}");
    let mut client = site.client();
    for part in [head, "5|hello|", "4|more|"] {
        client.write_all(part.replace('|', "\r\n").as_bytes()).expect("it is taken");
        until(|| (site.claims() == 1 || part.starts_with('4')).then_some(()));
    }
    let said = hear(&mut client);
    assert!(said.starts_with("HTTP/1.1 413 Content Too Large|"), "{said}");
    received.recv().expect("it was cut");
    assert_eq!(failures(&site), 0);
    let exact = answering("HTTP/1.1 200 OK|Content-Length: 2||ok");
    let mut table = patient(exact);
    table.limits.body_bytes_max = 8;
    let said = Site::new(&table).say(&format!("{head}5|hello|3|you|0||GET / HTTP/1.1|Host: shop|Connection: close||"));
    assert_eq!(said.matches("200 OK").count(), 2, "{said}");
}

/// A whole request has a time, however much of it moves; what never ends by itself has another.
#[test]
fn a_request_and_a_stream_have_an_end() {
    let drip = |kind: &'static str| {
        instance(move |mut stream| {
            while let Some(request) = read_request(&mut stream) {
                if plain(&request).starts_with("GET /quick") {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    continue;
                }
                let _ = stream.write_all(kind.replace('|', "\r\n").as_bytes());
                while stream.write_all(b"1\r\n.\r\n").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        })
    };
    let answer = "HTTP/1.1 200 OK|Transfer-Encoding: chunked||";
    let events = "HTTP/1.1 200 OK|Content-Type: Text/Event-Stream; x|Transfer-Encoding: chunked||";
    let other = "HTTP/1.1 101 Other|Connection: upgrade|Upgrade: x||";
    let hour = Some(Span::hours(1));
    for (kind, request, stream, failed) in
        [(answer, Some(SHORT), hour, 1), (events, hour, Some(SHORT), 0), (other, hour, Some(SHORT), 0)]
    {
        let mut table = patient(drip(kind));
        (table.limits.request, table.limits.stream) = (request, stream);
        let site = Site::new(&table);
        let mut client = site.client();
        for path in ["/quick", "/quick", "/"] {
            write!(client, "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
                .expect("taken");
            if path == "/quick" {
                hear_until(&mut client, "||ok");
                // The next one has a time of its own.
                std::thread::sleep(Duration::from_millis(SHORT.0));
            }
        }
        let said = hear(&mut client);
        assert!(said.contains("1|.|1|.|"), "{kind}: {said}");
        until(|| (site.claims() == 0).then_some(()));
        assert_eq!(failures(&site), failed, "{kind}");
        // A stream has no end of a request's.
        if failed == 0 {
            (table.limits.request, table.limits.stream) = (Some(SHORT), None);
            table.generation = 2;
            site.take(&table).expect("newer");
            let mut client = site.client();
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
                .expect("taken");
            let mut room = [0; 5];
            hear_until(&mut client, "||");
            (0..60).for_each(|_| client.read_exact(&mut room).expect("more"));
        }
    }
}

/// A request that has no answer by its end is told so.
#[test]
fn a_request_without_an_answer_has_an_end() {
    let mut table = patient(instance(|_| std::thread::park()));
    table.limits.request = Some(SHORT);
    let site = Site::new(&table);
    let said = site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert!(said.starts_with("HTTP/1.1 504 Gateway Timeout|"), "{said}");
    let said = site.say("POST / HTTP/1.1|Host: shop|Content-Length: 9||hel");
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout|"), "{said}");
}
