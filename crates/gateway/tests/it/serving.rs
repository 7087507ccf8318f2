//! Requests through a worker to real instances, byte by byte.

use crate::site::*;
use expect_test::{Expect, expect};
use gateway::fleet::NotLive;
use gateway::worker::Refused;
use model::Span;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Builder;
use wire::table::Hold;

/// Cases against one instance, each on a connection of its own.
fn check(instance: SocketAddr, cases: &[&str], wanted: &Expect) {
    let site = Site::new(&table(1, &[instance]));
    let mut text = String::new();
    for case in cases {
        writeln!(text, "{case}\n    {}", site.say(case)).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn requests_reach_the_instance() {
    check(
        mirror(),
        &[
            "GET /a?b HTTP/1.1|Host: shop|Connection: close||",
            "POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello",
            "POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0|A: b||",
            "GET / HTTP/1.0||",
            "HEAD / HTTP/1.1|Host: shop|Connection: close||",
            "GET /1 HTTP/1.1|Host: shop||GET /2 HTTP/1.1|Host: shop|Connection: close||",
            "POST /1 HTTP/1.1|Host: shop|Content-Length: 2||hiGET /2 HTTP/1.1|Host: shop|Connection: close||",
            "POST /1 HTTP/1.1|Host: shop|Transfer-Encoding: chunked||0||GET /2 HTTP/1.1|Host: shop|Connection: close||",
            "GET / HTTP/1.1|Host: shop|Content-Length: 1|Content-Length: 1||xGET / HTTP/1.1|Host: shop||",
            "nonsense||",
        ],
        &expect![[r#"
            GET /a?b HTTP/1.1|Host: shop|Connection: close||
                HTTP/1.1 200 OK|Content-Length: 139|Connection: close||GET /a?b HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello
                HTTP/1.1 200 OK|Content-Length: 160|Connection: close||POST / HTTP/1.1|Host: shop|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
            POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0|A: b||
                HTTP/1.1 200 OK|Content-Length: 180|Connection: close||POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0|A: b||
            GET / HTTP/1.0||
                HTTP/1.1 200 OK|Content-Length: 102|Connection: close||GET / HTTP/1.0|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Request-Id: ...|traceparent: ...||
            HEAD / HTTP/1.1|Host: shop|Connection: close||
                HTTP/1.1 200 OK|Content-Length: 137|Connection: close||
            GET /1 HTTP/1.1|Host: shop||GET /2 HTTP/1.1|Host: shop|Connection: close||
                HTTP/1.1 200 OK|Content-Length: 137||GET /1 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||HTTP/1.1 200 OK|Content-Length: 137|Connection: close||GET /2 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            POST /1 HTTP/1.1|Host: shop|Content-Length: 2||hiGET /2 HTTP/1.1|Host: shop|Connection: close||
                HTTP/1.1 200 OK|Content-Length: 158||POST /1 HTTP/1.1|Host: shop|Content-Length: 2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hiHTTP/1.1 200 OK|Content-Length: 137|Connection: close||GET /2 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            POST /1 HTTP/1.1|Host: shop|Transfer-Encoding: chunked||0||GET /2 HTTP/1.1|Host: shop|Connection: close||
                HTTP/1.1 200 OK|Content-Length: 168||POST /1 HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||0||HTTP/1.1 200 OK|Content-Length: 137|Connection: close||GET /2 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            GET / HTTP/1.1|Host: shop|Content-Length: 1|Content-Length: 1||xGET / HTTP/1.1|Host: shop||
                HTTP/1.1 400 Bad Request|Content-Type: text/plain|Content-Length: 38|Connection: close||the length of the body is given twice

            nonsense||
                HTTP/1.1 400 Bad Request|Content-Type: text/plain|Content-Length: 31|Connection: close||the first line is none of HTTP

        "#]],
    );
}

/// What only a proxy in front would say is not believed of a client.
#[test]
fn nobody_speaks_as_a_proxy() {
    let site = Site::new(&table(1, &[mirror()]));
    let said = site.say(
        "GET / HTTP/1.1|Host: shop|x-forwarded-user: admin|X-Forwarded-Prefix: /evil|X-Real-IP: 6.6.6.6|X-Real: 1|\
         Connection: close||",
    );
    assert!(said.contains("X-Real: 1|") && !said.contains("admin"), "{said}");
    assert!(!said.contains("evil") && !said.contains("6.6.6.6"), "{said}");
}

#[test]
fn answers_reach_the_client() {
    let request = "GET / HTTP/1.1|Host: shop||GET / HTTP/1.1|Host: shop|Connection: close||";
    let old = "GET / HTTP/1.0|Connection: keep-alive||GET / HTTP/1.0||";
    let mut text = String::new();
    for (answer, request) in [
        ("HTTP/1.1 200 OK|Content-Length: 2||ok", request),
        ("HTTP/1.1 200 OK|Content-Length: 2||ok", old),
        ("HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|A: b||", request),
        ("HTTP/1.1 200 OK|Server: me||until the end", request),
        ("HTTP/1.1 204 No Content||", request),
        ("HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok", request),
        ("HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok", old),
        ("HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||ok", request),
        ("HTTP/1.1 200 OK|Content-Length: 5||cut", request),
        ("HTTP/1.1 101 Switching Protocols|Upgrade: x||", request),
        ("SSH-2.0-OpenSSH|", request),
    ] {
        let closes = answer.contains("cut") || answer.contains("SSH");
        let address = if closes {
            instance(move |mut stream| {
                if read_request(&mut stream).is_some() {
                    stream.write_all(answer.replace('|', "\r\n").as_bytes()).expect("it is taken");
                }
            })
        } else {
            answering(answer)
        };
        let site = Site::new(&table(1, &[address]));
        writeln!(text, "{answer}\n    {}", site.say(request)).expect("a String takes everything");
    }
    expect![[r#"
        HTTP/1.1 200 OK|Content-Length: 2||ok
            HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
        HTTP/1.1 200 OK|Content-Length: 2||ok
            HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive||okHTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|A: b||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|A: b||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||2|ok|0|A: b||
        HTTP/1.1 200 OK|Server: me||until the end
            HTTP/1.1 200 OK|Server: me|Connection: close||until the end
        HTTP/1.1 204 No Content||
            HTTP/1.1 204 No Content||HTTP/1.1 204 No Content|Connection: close||
        HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok
            HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
        HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok
            HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive||okHTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
        HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||ok
            HTTP/1.1 502 Bad Gateway|Content-Length: 28||the instance gave no answer
        HTTP/1.1 502 Bad Gateway|Content-Length: 28|Connection: close||the instance gave no answer

        HTTP/1.1 200 OK|Content-Length: 5||cut
            HTTP/1.1 200 OK|Content-Length: 5||cut
        HTTP/1.1 101 Switching Protocols|Upgrade: x||
            HTTP/1.1 502 Bad Gateway|Content-Length: 42||the instance changed the protocol unasked
        HTTP/1.1 502 Bad Gateway|Content-Length: 42|Connection: close||the instance changed the protocol unasked

        SSH-2.0-OpenSSH|
            HTTP/1.1 502 Bad Gateway|Content-Length: 21||the instance hung up
        HTTP/1.1 502 Bad Gateway|Content-Length: 21|Connection: close||the instance hung up

    "#]].assert_eq(&text);
}

#[test]
fn nobody_answers() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let request = "GET / HTTP/1.1|Host: shop|Connection: close||";
    let mut elsewhere = table(1, &[mirror()]);
    elsewhere.hosts = vec!["other".into()];
    let mut held = table(1, &[mirror()]);
    held.hold = Some(Hold::new(Span::seconds(7), "<h1>Soon</h1>"));
    let mut small = table(1, &[mirror()]);
    small.limits.body_bytes_max = 4;
    let mut text = String::new();
    for (what, table, request) in [
        ("no instance", table(1, &[]), request),
        ("a closed port", table(1, &[closed]), request),
        ("another's host", elsewhere, request),
        ("held", held, request),
        ("a large body", small, "POST / HTTP/1.1|Host: a|Content-Length: 5||hello"),
    ] {
        writeln!(text, "{what}\n    {}", Site::new(&table).say(request)).expect("a String takes everything");
    }
    expect![[r#"
        no instance
            HTTP/1.1 503 Service Unavailable|Retry-After: 1|Content-Length: 21|Connection: close||no instance is there

        a closed port
            HTTP/1.1 502 Bad Gateway|Content-Length: 29|Connection: close||no instance took the request

        another's host
            HTTP/1.1 404 Not Found|Content-Length: 19|Connection: close||no service is here

        held
            HTTP/1.1 503 Service Unavailable|Retry-After: 7|Content-Type: text/html; charset=utf-8|Content-Length: 13|Connection: close||<h1>Soon</h1>
        a large body
            HTTP/1.1 413 Content Too Large|Content-Length: 22|Connection: close||the body is too large

    "#]].assert_eq(&text);
}

/// The instance is asked before the body is sent, and says itself that it wants it.
#[test]
fn a_client_that_waits_hears_what_the_instance_says() {
    let address = instance(|mut stream| {
        let mut head = [0; 1_024];
        let read = stream.read(&mut head).expect("a head");
        assert!(head[..read].ends_with(b"\r\n\r\n"), "the body waits");
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("it is taken");
        let mut body = [0; 5];
        stream.read_exact(&mut body).expect("a body");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    let head =
        "POST / HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).expect("it is taken");
    assert_eq!(hear_until(&mut client, "||"), "HTTP/1.1 100 Continue||");
    client.write_all(b"hello").expect("it is taken");
    assert_eq!(hear(&mut client), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok");
}

#[test]
fn a_changed_protocol_flows_both_ways_and_closes_by_halves() {
    let address = instance(|mut stream| {
        let request = read_request(&mut stream).expect("a request");
        assert!(plain(&request).contains("Connection: Upgrade|Upgrade: echo|"));
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi")
            .expect("it is taken");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("until the client has said all");
        stream.write_all(format!("you said {said}").as_bytes()).expect("it is still heard");
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    let head = "GET / HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nahead";
    client.write_all(head.as_bytes()).expect("it is taken");
    hear_until(&mut client, "||hi");
    client.write_all(b" and later").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("half of it");
    assert_eq!(hear(&mut client), "you said ahead and later");
    site.stop();
}

/// An instance that closes a kept connection at any moment costs nobody an answer.
#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let address = instance(|mut stream| {
        if read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
        }
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    for _ in 0..200 {
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
        assert_eq!(hear_until(&mut client, "ok"), "HTTP/1.1 200 OK|Content-Length: 2||ok");
    }
}

#[test]
fn connections_are_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let address = instance(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        while read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
        }
    });
    let site = Site::new(&table(1, &[address]));
    for _ in 0..5 {
        let mut client = site.client();
        for _ in 0..5 {
            client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
            hear_until(&mut client, "ok");
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Bodies larger than every buffer, both ways at once, byte for byte.
#[test]
fn large_bodies_pass_both_ways_at_once() {
    const SIZE: usize = 32 << 20;
    let byte = |at: usize| (at * 31 % 251) as u8;
    let address = instance(|mut stream| {
        let mut room = vec![0; 1 << 16];
        let mut seen = Vec::new();
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = stream.read(&mut room[..1]).expect("a head");
            seen.extend_from_slice(&room[..read]);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it is taken");
        let mut left = SIZE;
        while left > 0 {
            let read = stream.read(&mut room).expect("a body");
            stream.write_all(&room[..read]).expect("it is taken");
            left -= read;
        }
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    let mut writer = client.try_clone().expect("a second hand");
    let send = move || {
        let head = format!("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: {SIZE}\r\n\r\n");
        writer.write_all(head.as_bytes()).expect("it is taken");
        let bytes: Vec<u8> = (0..SIZE).map(byte).collect();
        writer.write_all(&bytes).expect("it is taken");
    };
    let sending = Builder::new().spawn(send).expect("a thread");
    hear_until(&mut client, "||");
    let mut back = vec![0; SIZE];
    client.read_exact(&mut back).expect("all of it");
    assert!(back.iter().enumerate().all(|(at, found)| *found == byte(at)));
    sending.join().expect("all was sent");
}

/// An instance that answers when it is let.
fn slow_instance() -> (SyncSender<()>, SocketAddr) {
    let (release, released) = sync_channel::<()>(1);
    let released = Mutex::new(released);
    let address = instance(move |mut stream| {
        read_request(&mut stream).expect("a request");
        released.lock().expect("a lock").recv().expect("its time");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow").expect("it is taken");
    });
    (release, address)
}

/// A request keeps its claim over a new table, and its release is done only when it has ended.
#[test]
fn claims_outlive_tables() {
    let (release, slow) = slow_instance();
    let quick = answering("HTTP/1.1 200 OK|Content-Length: 5||quick");
    let site = Site::new(&table_of(1, &[(1, 100, &[slow])]));
    let mut early = site.client();
    early.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    let claims = |release: u32| {
        let pools = site.report().pools;
        pools.into_iter().find(|((_, of), _)| *of == release).map(|(_, pool)| pool.claims)
    };
    until(|| (claims(1) == Some(1)).then_some(()));
    site.take(&table_of(3, &[(1, 0, &[slow]), (2, 100, &[quick])])).expect("newer");
    assert_eq!(site.take(&table_of(2, &[(1, 100, &[slow])])), Err(NotLive::Refused(Refused::Superseded(3))));
    let late = site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert!(late.ends_with("quick"), "{late}");
    assert_eq!(claims(1), Some(1), "it is under way still");
    release.send(()).expect("it waits");
    assert!(hear(&mut early).ends_with("slow"));
    until(|| (claims(1) == Some(0)).then_some(()));
}

/// A client that takes its time for what comes before is told what there is room for, and gets all of its answer.
#[test]
fn hints_for_which_there_is_no_room_cost_no_answer() {
    const HINTS: usize = 400;
    let (all_given, given) = sync_channel(1);
    let shop = instance(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            if request.starts_with(b"GET /large") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n").expect("it is taken");
                let _ = stream.write_all(&vec![b'x'; 8_000_000]);
                continue;
            }
            let hint = format!("HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n", "a".repeat(20_000));
            for _ in 0..HINTS {
                stream.write_all(hint.as_bytes()).expect("it is taken");
            }
            all_given.send(()).expect("it is waited for");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend").expect("it is taken");
        }
    });
    let site = Site::new(&table(1, &[shop]));
    let mut client = site.client();
    let asked =
        "GET /large HTTP/1.1|Host: shop||GET /hints HTTP/1.1|Host: shop|Connection: close||".replace('|', "\r\n");
    client.write_all(asked.as_bytes()).expect("it is taken");
    let mut large = vec![0; 8_000_000];
    client.read_exact(&mut large).expect("the first answer");
    // The client begins to read only when there is nothing more to come but the answer.
    given.recv_timeout(PATIENCE).expect("hints that nobody takes hold up nobody");
    let heard = hear(&mut client);
    assert!(heard.ends_with("||HTTP/1.1 200 OK|Content-Length: 3|Connection: close||end"), "{}", heard.len());
}

#[test]
fn whoever_stops_answers_what_it_has() {
    let (release, slow) = slow_instance();
    let site = Site::new(&table(1, &[slow]));
    let mut idle = site.client();
    let mut busy = site.client();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
    until(|| (site.claims() > 0).then_some(()));
    let stopping = Builder::new().spawn(move || site.stop()).expect("a thread");
    assert_eq!(hear(&mut idle), "", "it owed nothing");
    release.send(()).expect("it waits");
    assert_eq!(hear(&mut busy), "HTTP/1.1 200 OK|Content-Length: 4|Connection: close||slow");
    stopping.join().expect("it ends");
}

/// Clients that never rest, over table after table: every request gets one whole answer, from a release
/// that its table named, and each swap had requests under way.
#[test]
fn no_request_is_lost_to_a_swap() {
    const SWAPS: u64 = 60;
    let one = answering("HTTP/1.1 200 OK|Content-Length: 3||one");
    let two = answering("HTTP/1.1 200 OK|Content-Length: 3||two");
    let site = Arc::new(Site::of(2, &table_of(1, &[(1, 100, &[one])])));
    let ended = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let (site, ended, stop) = (Arc::clone(&site), Arc::clone(&ended), Arc::clone(&stop));
            let work = move || {
                let mut heard = [0, 0];
                let mut client = site.client();
                while stop.load(Ordering::SeqCst) == 0 {
                    if number % 2 == 0 {
                        client = site.client();
                    }
                    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
                    let head = hear_until(&mut client, "||");
                    let mut body = [0; 3];
                    client.read_exact(&mut body).expect("a body");
                    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
                    heard[usize::from(&body == b"two")] += 1;
                    ended.fetch_add(1, Ordering::SeqCst);
                }
                heard
            };
            Builder::new().spawn(work).expect("a thread")
        })
        .collect();
    for generation in 2..2 + SWAPS {
        let before = ended.load(Ordering::SeqCst);
        let percent = if generation % 2 == 0 { 50 } else { 0 };
        let lanes = [(1, 100 - percent, &[one][..]), (2, percent, &[two])];
        site.take(&table_of(generation, &lanes)).expect("newer");
        until(|| (ended.load(Ordering::SeqCst) >= before + 20).then_some(()));
    }
    stop.store(1, Ordering::SeqCst);
    let heard = clients.into_iter().map(|client| client.join().expect("no request was lost"));
    let sum = heard.fold([0, 0], |sum, heard| [sum[0] + heard[0], sum[1] + heard[1]]);
    assert!(sum[0] > sum[1] && sum[1] > 0, "{sum:?}");
    assert_eq!(site.claims(), 0, "nothing is under way");
}

/// An instance that refuses an upload without reading it: the client hears why, although it still sends.
#[test]
fn an_early_answer_is_heard() {
    let address = instance(|mut stream| {
        let mut head = [0; 64];
        let _ = stream.read(&mut head).expect("a head");
        let answer = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
        stream.write_all(answer).expect("it is taken");
        // What is still sent is read for a moment, as good servers do.
        stream.shutdown(Shutdown::Write).expect("half of it");
        let mut room = vec![0; 1 << 16];
        for _ in 0..16 {
            if stream.read(&mut room).unwrap_or(0) == 0 {
                return;
            }
        }
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    let mut writer = client.try_clone().expect("a second hand");
    let send = move || {
        let _ = writer.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 67108864\r\n\r\n");
        let room = vec![0; 1 << 16];
        while writer.write_all(&room).is_ok() {}
    };
    let sending = Builder::new().spawn(send).expect("a thread");
    assert_eq!(
        hear_until(&mut client, "no!"),
        "HTTP/1.1 413 Content Too Large|Content-Length: 3|Connection: close||no!"
    );
    drop(client);
    sending.join().expect("it ends");
}
