//! TLS with clients and with instances.

use crate::certificates::*;
use crate::site::*;
use expect_test::expect;
use gateway::fleet::NotLive;
use gateway::worker::Refused;
use model::{Span, Subject};
use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Command;
use wire::Table;
use wire::table::{Certificate, Listen, UpstreamTls};

/// A table of this service for these hosts.
fn named(name: &str, hosts: &[&str], listen: Listen, instance: SocketAddr) -> Table {
    let service = Subject::from_text(&format!("service/{name}/production/local"));
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    Table { service, hosts, listen: vec![listen], ..table(2, &[instance]) }
}

fn get(client: &mut Secure, host: &str) -> Result<String, String> {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(plain(&bytes))
}

/// The certificate that was shown.
fn shown(client: &mut Secure) -> CertificateDer<'static> {
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock).expect("it shakes hands");
    }
    client.conn.peer_certificates().and_then(|chain| chain.first()).expect("a certificate").clone().into_owned()
}

fn is(certificate: &Certificate) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_file(&certificate.chain).expect("PEM")
}

/// A site of one service, and one certificate.
fn secured(workers: usize, authority: &Authority) -> Site {
    let site = Site::of(workers, &table(1, &[]));
    let certificate = authority.sign("shop", &["shop.example", "127.0.0.1"]);
    let listen = secure(site.address, &[certificate], None);
    site.take(&Table { listen: vec![listen], ..table(2, &[mirror()]) }).expect("it is live");
    site
}

#[test]
fn curl_speaks_both_protocols_through_tls() {
    let authority = Authority::new();
    let site = secured(1, &authority);
    let mut text = String::new();
    for protocol in ["--http1.1", "--http2"] {
        let port = site.address.port();
        let mut curl = Command::new("curl");
        curl.args(["-sS", protocol, "--cacert", &authority.file(), "-w", "%{http_version} %{http_code}"]);
        curl.args(["--resolve", &format!("shop.example:{port}:127.0.0.1"), "-d", "hello", "-A", "curl"]);
        let output = curl.arg(format!("https://shop.example:{port}/a?b")).output().expect("curl runs");
        let said = plain(&output.stdout) + &String::from_utf8_lossy(&output.stderr);
        writeln!(text, "{protocol}\n    {}", said.replace(&port.to_string(), "443"))
            .expect("a String takes everything");
    }
    expect![[r#"
        --http1.1
            POST /a?b HTTP/1.1|Host: shop.example:443|User-Agent: curl|Accept: */*|Content-Type: application/x-www-form-urlencoded|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: shop.example:443|X-Request-Id: ...|traceparent: ...||hello1.1 200
        --http2
            POST /a?b HTTP/1.1|Host: shop.example:443|user-agent: curl|accept: */*|content-type: application/x-www-form-urlencoded|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: shop.example:443|X-Request-Id: ...|traceparent: ...||hello2 200
    "#]].assert_eq(&text);
}

/// The exact name before a wildcard, whosever it is; the first one for whoever is unknown or says nothing.
#[test]
fn the_name_that_is_asked_for_chooses_the_certificate() {
    let authority = Authority::new();
    let site = Site::new(&table(1, &[]));
    let wide = authority.sign("wide", &["*.wide.example", "wide.example"]);
    let shop = authority.sign("shop", &["shop.wide.example"]);
    let blog = authority.sign("blog", &["blog.example", "127.0.0.1"]);
    site.take(&named("a", &["a.example"], secure(site.address, &[wide.clone(), blog.clone()], None), mirror()))
        .expect("it is live");
    site.take(&named("b", &["shop.wide.example"], secure(site.address, std::slice::from_ref(&shop), None), mirror()))
        .expect("it is live");
    let config = authority.client(None, &[]);
    for (name, certificate) in [
        ("shop.wide.example", &shop),
        ("SHOP.wide.example", &shop),
        ("blog.example", &blog),
        ("x.wide.example", &wide),
        ("wide.example", &wide),
    ] {
        let mut client = connect(site.address, name, &config);
        assert_eq!(shown(&mut client), is(certificate), "{name}");
    }
    // Nobody is named, and so the first is shown, which is not one for this address.
    let error = get(&mut connect(site.address, "127.0.0.1", &config), "shop").expect_err("another's certificate");
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn sessions_are_taken_up_again_by_every_worker() {
    let authority = Authority::new();
    let site = secured(3, &authority);
    let config = authority.client(None, &["http/1.1"]);
    let mut kinds = Vec::new();
    for _ in 0..8 {
        let mut client = connect(site.address, "shop.example", &config);
        get(&mut client, "shop.example").expect("an answer");
        kinds.push(client.conn.handshake_kind());
    }
    assert_eq!(kinds.remove(0), Some(HandshakeKind::Full));
    assert!(kinds.iter().all(|kind| *kind == Some(HandshakeKind::Resumed)), "{kinds:?}");
}

/// A new certificate is shown to those who come, and those who are there stay. One that is damaged is told
/// of, and the one before is shown on.
#[test]
fn certificates_are_read_again_when_they_change() {
    let authority = Authority::new();
    let site = Site::new(&table(1, &[]));
    let old = authority.sign("shop", &["shop.example"]);
    let listen = secure(site.address, std::slice::from_ref(&old), None);
    site.take(&Table { listen: vec![listen], ..table(2, &[mirror()]) }).expect("it is live");
    let news = site.fleet().news_of_files().expect("nobody had it");
    let config = authority.client(None, &["http/1.1"]);
    let mut early = connect(site.address, "shop.example", &config);
    let was = shown(&mut early);

    authority.sign("shop", &["shop.example", "new.example"]);
    let told = news.recv_timeout(PATIENCE).expect("it is told");
    assert_eq!((told.files, told.problem), (vec![old.chain.clone(), old.key.clone()], None));
    assert_ne!(is(&old), was);
    for name in ["shop.example", "new.example"] {
        assert_eq!(shown(&mut connect(site.address, name, &authority.client(None, &[]))), is(&old), "{name}");
    }
    assert!(get(&mut early, "shop.example").expect("an answer").starts_with("HTTP/1.1 200"));

    let good = is(&old);
    std::fs::write(&old.chain, "nonsense").expect("it is written");
    let told = news.recv_timeout(PATIENCE).expect("it is told").problem.expect("a problem");
    expect!["`shop.pem` holds no certificate: write one in PEM there, that of its owner first"]
        .assert_eq(&told.replace(&authority.path(""), ""));
    assert_eq!(shown(&mut connect(site.address, "shop.example", &authority.client(None, &[]))), good);
    let outdated = site.fleet().outdated_files();
    assert_eq!((outdated.len(), &outdated[0].files), (1, &vec![old.chain.clone(), old.key.clone()]));
    assert_eq!(outdated[0].why, told);
    authority.sign("shop", &["shop.example"]);
    assert_eq!(news.recv_timeout(PATIENCE).expect("it is told").problem, None);
    assert_eq!(site.fleet().outdated_files(), []);
}

/// What is wrong with one table's files refuses that table alone.
#[test]
fn files_that_cannot_be_used_are_told() {
    let authority = Authority::new();
    let site = secured(1, &authority);
    let (one, other) = (authority.sign("one", &["one.example"]), authority.sign("other", &["other.example"]));
    let empty = authority.path("empty.pem");
    std::fs::write(&empty, "").expect("it is written");
    let mut text = String::new();
    for (chain, key, clients) in [
        ("/nowhere/chain.pem", &one.key, None),
        (&*one.chain, &other.key, None),
        (&*one.key, &one.key, None),
        (&*one.chain, &one.chain, None),
        (&*empty, &one.key, None),
        (&*one.chain, &one.key, Some("/nowhere/authorities.pem")),
        (&*one.chain, &one.key, Some(&*one.key)),
    ] {
        let certificate = Certificate { chain: chain.into(), key: key.into() };
        let clients = clients.map(|file| wire::table::ClientCertificates { authorities: file.into(), optional: false });
        let bad = named("bad", &["bad.example"], secure(site.address, &[certificate], clients), mirror());
        match site.take(&bad) {
            Err(NotLive::Refused(Refused::Faulty(faults))) => {
                writeln!(text, "{}", faults.to_string().replace(&authority.path(""), "")).expect("a String");
            }
            other => panic!("{other:?}"),
        }
    }
    expect![[r#"
        listen[0].tls.certificates[0]: `/nowhere/chain.pem` cannot be read (No such file or directory (os error 2)): name a file that the gateway may read
        listen[0].tls.certificates[0]: `other.key` is not the key of `one.pem`: name two that were made together
        listen[0].tls.certificates[0]: `one.key` holds no certificate: write one in PEM there, that of its owner first
        listen[0].tls.certificates[0]: `one.pem` holds no key: write a private key in PEM there, without a password
        listen[0].tls.certificates[0]: `empty.pem` holds no certificate: write one in PEM there, that of its owner first
        listen[0].tls.clients: `/nowhere/authorities.pem` cannot be read (No such file or directory (os error 2)): name a file that the gateway may read
        listen[0].tls.clients: `one.key` holds no certificate: write one in PEM there, that of its owner first
    "#]].assert_eq(&text);
    let mut client = connect(site.address, "shop.example", &authority.client(None, &[]));
    assert!(get(&mut client, "shop.example").expect("an answer").starts_with("HTTP/1.1 200"));
}

/// Who has to show a certificate does; and a connection that was made for one service is none for another
/// that demands more, or less.
#[test]
fn clients_show_certificates() {
    let (authority, staff, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let site = Site::new(&table(1, &[]));
    let certificate = authority.sign("all", &["open.example", "asks.example", "closed.example"]);
    let listen = |clients| secure(site.address, std::slice::from_ref(&certificate), clients);
    site.take(&named("open", &["open.example"], listen(None), mirror())).expect("it is live");
    site.take(&named("asks", &["asks.example"], listen(Some(staff.demand(true))), mirror())).expect("it is live");
    site.take(&named("closed", &["closed.example"], listen(Some(staff.demand(false))), mirror())).expect("it is live");
    let (member, stranger) = (staff.sign("member", &["member"]), strangers.sign("stranger", &["stranger"]));
    let mut text = String::new();
    for (who, shown) in [("nobody", None), ("a member", Some(&member)), ("a stranger", Some(&stranger))] {
        for (name, host) in [
            ("open.example", "open.example"),
            ("asks.example", "asks.example"),
            ("closed.example", "closed.example"),
            ("open.example", "closed.example"),
            ("closed.example", "open.example"),
            ("asks.example", "closed.example"),
        ] {
            let mut client = connect(site.address, name, &authority.client(shown, &["http/1.1"]));
            let said = match get(&mut client, host) {
                Ok(answer) => answer.split('|').next().unwrap_or_default().to_owned(),
                Err(_) => "no connection".into(),
            };
            writeln!(text, "{who} through {name} to {host}: {said}").expect("a String takes everything");
        }
    }
    expect![[r#"
        nobody through open.example to open.example: HTTP/1.1 200 OK
        nobody through asks.example to asks.example: HTTP/1.1 200 OK
        nobody through closed.example to closed.example: no connection
        nobody through open.example to closed.example: HTTP/1.1 421 Misdirected Request
        nobody through closed.example to open.example: no connection
        nobody through asks.example to closed.example: HTTP/1.1 421 Misdirected Request
        a member through open.example to open.example: HTTP/1.1 200 OK
        a member through asks.example to asks.example: HTTP/1.1 200 OK
        a member through closed.example to closed.example: HTTP/1.1 200 OK
        a member through open.example to closed.example: HTTP/1.1 421 Misdirected Request
        a member through closed.example to open.example: HTTP/1.1 421 Misdirected Request
        a member through asks.example to closed.example: HTTP/1.1 421 Misdirected Request
        a stranger through open.example to open.example: HTTP/1.1 200 OK
        a stranger through asks.example to asks.example: no connection
        a stranger through closed.example to closed.example: no connection
        a stranger through open.example to closed.example: HTTP/1.1 421 Misdirected Request
        a stranger through closed.example to open.example: no connection
        a stranger through asks.example to closed.example: no connection
    "#]]
    .assert_eq(&text);
}

/// A service that asks for TLS is not reached without it, whatever others at its address say.
#[test]
fn nobody_is_served_with_less_than_was_asked_for() {
    let authority = Authority::new();
    let site = Site::new(&table(1, &[]));
    let open = Listen { address: site.address.to_string(), ..Listen::default() };
    site.take(&named("open", &["open.example"], open, mirror())).expect("it is live");
    let certificate = authority.sign("a", &["closed.example"]);
    let listen = secure(site.address, &[certificate], None);
    site.take(&named("closed", &["closed.example"], listen, mirror())).expect("it is live");
    let ask = |host| site.say(&format!("GET / HTTP/1.1|Host: {host}|Connection: close||"));
    assert!(ask("open.example").starts_with("HTTP/1.1 200"));
    assert!(ask("closed.example").contains("no instance is there"), "the host is whoever takes all of them");
}

/// Whoever begins and does not go on is let go, and whoever speaks no TLS hears nothing.
#[test]
fn what_is_no_tls_is_closed() {
    let site = secured(1, &Authority::new());
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes);
    assert!(!plain(&bytes).contains("HTTP"), "{bytes:?}");
}

/// An instance that speaks TLS, and shows in its body what it was asked.
fn secure_instance(authority: &Authority, asks: bool) -> SocketAddr {
    let config = authority.server(&authority.sign("instance", &["instance.internal"]), asks);
    instance(move |stream| {
        let mut stream = accept(stream, &config);
        let mut bytes = Vec::new();
        let mut room = [0; 4_096];
        while let Ok(read @ 1..) = stream.read(&mut room) {
            bytes.extend_from_slice(&room[..read]);
            if bytes.ends_with(b"\r\n\r\n") {
                let body = plain(&bytes);
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).expect("it is taken");
                bytes.clear();
            }
        }
    })
}

#[test]
fn instances_are_reached_through_tls() {
    let (authority, others) = (Authority::new(), Authority::new());
    let gateway = authority.sign("gateway", &["gateway.internal"]);
    let (open, closed) = (secure_instance(&authority, false), secure_instance(&authority, true));
    let upstream = |authorities: &Authority, name: &str, certificate: Option<&Certificate>| UpstreamTls {
        name: name.into(),
        authorities: authorities.file(),
        certificate: certificate.cloned(),
    };
    let mut text = String::new();
    for (what, instance, tls) in [
        ("believed", open, upstream(&authority, "instance.internal", None)),
        ("of another name", open, upstream(&authority, "other.internal", None)),
        ("of another authority", open, upstream(&others, "instance.internal", None)),
        ("one that asks", closed, upstream(&authority, "instance.internal", None)),
        ("one that is shown a certificate", closed, upstream(&authority, "instance.internal", Some(&gateway))),
        ("one that speaks no TLS", mirror(), upstream(&authority, "instance.internal", None)),
    ] {
        let mut table = table(1, &[instance]);
        table.lanes[0].tls = Some(tls);
        if what.ends_with("no TLS") {
            // It waits for a request, and so nobody says anything.
            table.limits.connect = Span(100);
        }
        let site = Site::new(&table);
        let said = site.say("GET /1 HTTP/1.1|Host: shop||GET /2 HTTP/1.1|Host: shop|Connection: close||");
        // With TLS 1.3 a certificate is refused after the gateway has begun to speak, or before.
        let said = if said.contains("200 OK") { &said } else { said.split('|').next().unwrap_or_default() };
        writeln!(text, "{what}\n    {said}").expect("a String takes everything");
    }
    expect![[r#"
        believed
            HTTP/1.1 200 OK|Content-Length: 137||GET /1 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||HTTP/1.1 200 OK|Content-Length: 137|Connection: close||GET /2 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
        of another name
            HTTP/1.1 502 Bad Gateway
        of another authority
            HTTP/1.1 502 Bad Gateway
        one that asks
            HTTP/1.1 502 Bad Gateway
        one that is shown a certificate
            HTTP/1.1 200 OK|Content-Length: 137||GET /1 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||HTTP/1.1 200 OK|Content-Length: 137|Connection: close||GET /2 HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
        one that speaks no TLS
            HTTP/1.1 502 Bad Gateway
    "#]].assert_eq(&text);
}

/// Bodies larger than every buffer, both ways at once through TLS on both sides, byte for byte.
#[test]
fn large_bodies_pass_through_tls() {
    const SIZE: usize = 8 << 20;
    let authority = Authority::new();
    let config = authority.server(&authority.sign("instance", &["instance.internal"]), false);
    let echo = instance(move |stream| {
        let mut stream = accept(stream, &config);
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            seen.push(byte[0]);
        }
        let mut body = vec![0; SIZE];
        stream.read_exact(&mut body).expect("a body");
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes()).expect("it is taken");
        stream.write_all(&body).expect("it is taken");
        stream.flush().expect("it is taken");
    });
    let site = Site::new(&table(1, &[]));
    let listen = secure(site.address, &[authority.sign("shop", &["shop.example"])], None);
    let mut table = Table { listen: vec![listen], ..table(2, &[echo]) };
    let authorities = authority.file();
    table.lanes[0].tls = Some(UpstreamTls { name: "instance.internal".into(), authorities, certificate: None });
    site.take(&table).expect("it is live");
    let mut client = connect(site.address, "shop.example", &authority.client(None, &["http/1.1"]));
    let body: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {SIZE}\r\n\r\n");
    client.write_all(head.as_bytes()).expect("it is taken");
    client.write_all(&body).expect("it is taken");
    client.flush().expect("it is taken");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let mut back = vec![0; SIZE];
    client.read_exact(&mut back).expect("all of it");
    assert!(back == body);
}
