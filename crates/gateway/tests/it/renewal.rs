//! A certificate that is renewed again and again while clients come and stay.

use crate::certificates::*;
use crate::site::*;
use rustls::client::Resumption;
use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use wire::Table;

/// How often it is renewed.
const RENEWALS: usize = 3;

/// What a client saw until it was told to stop: how many answers, and which certificates.
type Seen = io::Result<(usize, BTreeSet<Vec<u8>>)>;

/// Asks, and hears all of the answer.
fn ask(client: &mut Secure) -> io::Result<()> {
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")?;
    let mut heard = Vec::new();
    let mut room = [0; 1_024];
    while !heard.ends_with(b"\r\n\r\nok") {
        match client.read(&mut room)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => heard.extend_from_slice(&room[..read]),
        }
    }
    assert!(heard.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", plain(&heard));
    Ok(())
}

/// A client that never rests: it stays on its connection, or has a new one for each request.
fn client(authority: &Authority, address: SocketAddr, stays: bool, stop: &Arc<AtomicBool>) -> JoinHandle<Seen> {
    // Whoever takes up a session goes on with the certificate that it was begun with.
    let mut config = (*authority.client(None, &["http/1.1"])).clone();
    config.resumption = Resumption::disabled();
    let (config, stop) = (Arc::new(config), Arc::clone(stop));
    let work = move || {
        let (mut answers, mut certificates) = (0, BTreeSet::new());
        let mut kept = None;
        while !stop.load(Ordering::SeqCst) {
            let mut client = kept.take().unwrap_or_else(|| connect(address, "shop.example", &config));
            ask(&mut client)?;
            answers += 1;
            let shown = client.conn.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
            certificates.extend(shown);
            kept = Some(client).filter(|_| stays);
        }
        Ok((answers, certificates))
    };
    Builder::new().spawn(work).expect("a thread")
}

#[test]
fn a_certificate_is_renewed_under_load() {
    let authority = Authority::new();
    let site = Site::of(2, &table(1, &[]));
    let certificate = authority.sign("shop", &["shop.example"]);
    let listen = secure(site.address, std::slice::from_ref(&certificate), None);
    let answers = instance(|mut stream| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    });
    site.take(&Table { listen: vec![listen], ..table(2, &[answers]) }).expect("it is live");
    let news = site.fleet().news_of_files().expect("nobody had it");
    let stop = Arc::default();
    let staying: Vec<_> = (0..2).map(|_| client(&authority, site.address, true, &stop)).collect();
    let coming: Vec<_> = (0..2).map(|_| client(&authority, site.address, false, &stop)).collect();
    for _ in 0..RENEWALS {
        authority.sign("shop", &["shop.example"]);
        assert_eq!(news.recv_timeout(PATIENCE).expect("it is told").problem, None);
        // Whoever comes from here on is shown the new one.
        ask(&mut connect(site.address, "shop.example", &authority.client(None, &[]))).expect("an answer");
    }
    stop.store(true, Ordering::SeqCst);
    for client in staying {
        let (answers, certificates) = client.join().expect("it ends").expect("no answer is missing");
        assert!(answers > RENEWALS && certificates.len() == 1, "{answers} {}", certificates.len());
    }
    let seen = coming.into_iter().map(|client| client.join().expect("it ends").expect("no answer is missing"));
    let certificates: BTreeSet<_> = seen.flat_map(|(_, certificates)| certificates).collect();
    assert!((2..=RENEWALS + 1).contains(&certificates.len()), "{}", certificates.len());
}
