//! Whoever asks from another machine: over TCP, and only with a certificate that is believed.

use super::authority::{Authority, asks, typed};
use super::running::{Client, PATIENCE, Running, answering, free, get, ok, signal, table, wait_for};
use gateway::remote::Trouble;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use wire::control::{Answer, Live, Request};

/// A gateway that is asked at an address, too, by whom this authority has signed for.
fn running(workers: u16) -> (Running, Authority, SocketAddr) {
    let mut running = Running::new();
    let (authority, address) = (Authority::new(&running, "ours"), free());
    authority.sign("gateway");
    running.start(&format!("--workers {workers} --control-listen {address} {}", typed("gateway", "ours")));
    (running, authority, address)
}

fn push(table: wire::Table) -> Request {
    Request::Table(Box::new(table))
}

fn live(generation: u64) -> Answer {
    Answer::Live(Live { generation, ..Live::default() })
}

/// Whichever gateway answers: the next one, the one after it was killed, the one that a new keeper started.
#[test]
fn a_controller_of_another_machine_is_served_by_every_gateway() {
    let (mut running, authority, control) = running(2);
    let (address, one) = (free(), answering("one"));
    let papers = authority.sign("controller");
    let ask = |request: &Request| {
        wait_for("an answer", || match asks(control, &papers).and_then(|mut asking| asking.ask(request)) {
            Ok(Answer::Moved) => None,
            Ok(answer) => Some(answer),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            Err(error) => panic!("{error}"),
        })
    };
    assert_eq!(ask(&push(table("shop", 1, address, one))), live(1));
    assert_eq!(get(address), ok("one"));
    assert!(running.status().listening.contains(&control.to_string()));
    // One connection, as long as its gateway leads.
    let mut stays = asks(control, &papers).expect("it is believed");
    assert!(matches!(stays.ask(&Request::Status), Ok(Answer::Status(_))));
    let mut client = Client::new(address);
    assert_eq!(client.get("shop"), ok("one"));
    assert_eq!(ask(&Request::Replace { workers: Some(4) }), Answer::Replaced);
    assert!(matches!(stays.ask(&Request::Status), Ok(Answer::Moved)));
    assert_eq!(ask(&push(table("shop", 2, address, one))), live(2));
    let before = running.status().member.pid;
    signal(before, "KILL");
    assert_eq!(ask(&push(table("shop", 3, address, one))), live(3));
    running.kill_keeper();
    running.status_with("one that is alone", |status| status.alone);
    assert_eq!(ask(&push(table("shop", 4, address, one))), live(4));
    // Sockets are handed over to those of this machine alone.
    assert!(matches!(ask(&Request::Adopt), Answer::Refused(_)));
    let before = running.status().member.pid;
    running.spawn(&format!("--control-listen {control} {}", typed("gateway", "ours")));
    running.status_with("one that is kept", |status| !status.alone && status.member.pid != before);
    assert_eq!(ask(&push(table("shop", 5, address, one))), live(5));
    assert_eq!(get(address), ok("one"));
    assert!(!running.log().contains("PRIVATE KEY"));
}

/// What people type works from another machine, too.
#[test]
fn the_command_asks_from_another_machine() {
    let (running, authority, control) = running(1);
    authority.sign("person");
    let say = |words: &str, papers: &str| running.say_from_afar(&format!("{words} --control tcp://{control} {papers}"));
    let person = typed("person", "ours");
    let (code, said) = say("status", &person);
    assert!(code == Some(0) && said.contains("in order") && said.contains(&format!("listens at {control}")), "{said}");
    assert_eq!(say("routes", &person).0, Some(0));
    assert_eq!(say("endpoints", &person).0, Some(0));
    assert_eq!(say("drain --endpoint 127.0.0.1:1", &person).0, Some(1));
    let (code, said) = say("replace", &person);
    assert!(code == Some(0) && said.contains("replaced"), "{said}");
    // Whatever keeps one from it is told with what to do.
    let stranger = Authority::new(&running, "theirs");
    stranger.sign("stranger");
    for (papers, exit, told) in [
        (typed("stranger", "ours"), 3, "the gateway does not believe your certificate"),
        (typed("person", "theirs"), 3, "the gateway is not believed"),
        ("--control-key person.key".into(), 2, "needs --control-certificate and --control-authorities, too"),
        (String::new(), 2, "needs --control-certificate, --control-key and --control-authorities, too"),
        (typed("nobody", "ours"), 3, "cannot be read"),
    ] {
        let (code, said) = say("status", &papers);
        assert!(code == Some(exit) && said.contains(told), "{code:?} {said}");
    }
    let (code, said) = running.say_from_afar(&format!("status --control tcp://127.0.0.1 {person}"));
    assert!(code == Some(2) && said.contains("write it as tcp://HOST:PORT"), "{said}");
    let (code, said) = running.say_from_afar(&format!("status --control tcp://{} {person}", free()));
    assert!(code == Some(3) && said.contains("no gateway can be reached"), "{said}");
    // What serves there speaks something else.
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = other.local_addr().expect("an address");
    let greets = Builder::new().spawn(move || {
        let (mut stream, _) = other.accept().expect("somebody");
        stream.write_all(b"220 mail.example ESMTP\r\n").expect("it is taken");
        stream.read_to_end(&mut Vec::new())
    });
    let (code, said) = running.say_from_afar(&format!("status --control tcp://{place} {person}"));
    assert!(code == Some(3) && said.contains("what answers there is no gateway"), "{said}");
    // It may have been hung up on in the middle of a word.
    let _ = greets.expect("a thread").join().expect("it ends");
}

/// What cannot work is refused before anything is started.
#[test]
fn half_of_it_is_refused() {
    let running = Running::new();
    let (authority, control) = (Authority::new(&running, "ours"), free());
    authority.sign("gateway");
    authority.sign("other");
    let mixed = "--control-certificate gateway.pem --control-key other.key --control-authorities ours.ca";
    for (words, exit, told) in [
        (format!("--control-listen {control}"), 2, "`--control-listen` needs --control-certificate"),
        (typed("gateway", "ours"), 2, "needs --control-listen, too"),
        (format!("--control-listen {control} --control-key gateway.key"), 2, "needs --control-certificate and"),
        (format!("--control-listen {control} {mixed}"), 3, "is not the key of"),
        (format!("--control-listen {control} {}", typed("nobody", "ours")), 3, "cannot be read"),
        (format!("--control-listen {control} --admin {control} {}", typed("gateway", "ours")), 2, "both name"),
    ] {
        let (code, said) = running.say(&words);
        assert!(code == Some(exit) && said.contains(told), "{code:?} {said}");
    }
    let (code, said) = running.say_from_afar(&format!("--control tcp://{control} {}", typed("gateway", "ours")));
    assert!(code == Some(2) && said.contains("cannot be asked there"), "{said}");
}

/// Nobody who does not show who they are keeps others from asking, however many come.
#[test]
fn strangers_are_turned_away_and_others_served() {
    let (running, authority, control) = running(1);
    let papers = authority.sign("controller");
    let told = |what: &str| wait_for(what, || running.log().contains(what).then_some(()));
    let served = || {
        let asked = asks(control, &papers).and_then(|mut asking| asking.ask(&Request::Status));
        assert!(matches!(asked, Ok(Answer::Status(_))), "{asked:?}");
        assert_eq!(running.say("status").0, Some(0));
    };
    // One that never says a word, and is not waited for for ever.
    let silent = knock(control);
    served();
    let mut plain = knock(control);
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is taken");
    assert!(hung_up(plain), "nothing is said in the clear");
    told("does not speak TLS 1.3");
    served();
    let theirs = Authority::new(&running, "theirs");
    let stranger = gateway::remote::Papers { authorities: papers.authorities.clone(), ..theirs.sign("stranger") };
    let error = asks(control, &stranger).expect_err("nobody believes it");
    assert!(matches!(Trouble::of(&error), Some(Trouble::Mistrusted(_))), "{error}");
    told("its certificate is not believed");
    served();
    assert!(hung_up_on_the_nameless(control));
    told("it showed no certificate");
    assert!(hung_up(silent));
    told("it did not show in time who it is");
    // More than there is room for: the oldest go first.
    let crowd: Vec<TcpStream> = (0..100).map(|_| knock(control)).collect();
    served();
    let mut crowd = crowd.into_iter();
    assert!(crowd.by_ref().take(50).all(hung_up));
    served();
    // The log does not tell of each.
    assert!(running.log().matches("was turned away").count() < 40);
    assert!(!running.log().contains("PRIVATE KEY"));
}

/// Who is believed follows from the files as they are now, also on a connection that is there already.
#[test]
fn who_is_believed_no_more_is_answered_no_more() {
    let (running, authority, control) = running(1);
    let next = Authority::new(&running, "next");
    let (before, after) = (authority.sign("before"), next.sign("after"));
    let after = gateway::remote::Papers { authorities: before.authorities.clone(), ..after };
    let mut asking = asks(control, &before).expect("it is believed");
    assert!(matches!(asking.ask(&Request::Status), Ok(Answer::Status(_))));
    assert!(asks(control, &after).is_err());
    // Both know the gateway by its own authority still: only whom it believes is another's now.
    let ours = std::fs::read(running.path("ours.ca")).expect("a certificate");
    std::fs::write(running.path("clients.ca"), &ours).expect("it is written");
    let known = running.path("clients.ca").display().to_string();
    let [before, after] = [before, after].map(|of| gateway::remote::Papers { authorities: known.clone(), ..of });
    next.believe("ours");
    wait_for("the next authority", || asks(control, &after).ok());
    let refused = asking.ask(&Request::Status);
    assert!(matches!(&refused, Ok(Answer::Refused(why)) if why.contains("not believed any more")), "{refused:?}");
    assert!(asks(control, &before).is_err());
}

/// Whoever asks from elsewhere is answered as before, until nothing else is left; and again as soon as it can be.
#[test]
fn spoiled_files_keep_nobody_from_being_served() {
    let (running, authority, control) = running(1);
    let (address, one) = (free(), answering("one"));
    let papers = authority.sign("controller");
    let asked = || asks(control, &papers).and_then(|mut asking| asking.ask(&Request::Status));
    assert_eq!(running.ask(&push(table("shop", 1, address, one))), live(1));
    let certificate = std::fs::read(running.path("gateway.pem")).expect("a certificate");
    std::fs::write(running.path("gateway.pem"), "garbage").expect("it is written");
    let (code, said) = running.say("replace");
    assert!(code == Some(1), "{said}");
    assert!(running.log().contains("nobody could ask from other machines"), "{}", running.log());
    assert!(matches!(asked(), Ok(Answer::Status(_))));
    let before = running.status().member.pid;
    signal(before, "KILL");
    running.status_with("another gateway", |status| {
        status.member.pid != before && status.deaf.iter().any(|deaf| deaf.why.contains("holds no certificate"))
    });
    assert_eq!(get(address), ok("one"));
    assert!(asked().is_err());
    std::fs::write(running.path("gateway.pem"), certificate).expect("it is written");
    wait_for("an answer", || asked().ok());
    assert!(running.status().is_in_order());
}

/// What is sent there would be answered by the gateway itself, whatever the table says.
#[test]
fn no_table_has_the_address_at_which_the_gateway_is_asked() {
    let (mut running, authority, control) = running(1);
    let (admin, one) = (free(), answering("one"));
    assert_eq!(running.ask(&push(table("cart", 1, admin, one))), live(1));
    let faulty = running.ask(&push(table("shop", 1, control, one)));
    let why = format!("listen[0].address: the gateway itself is asked at {control}: name another port");
    assert_eq!(faulty, Answer::Faulty(why));
    assert!(asks(control, &authority.sign("controller")).is_ok());
    // It was free when the table was saved.
    assert_eq!(running.stop(), Some(0));
    running.start(&format!("--admin {admin}"));
    let status = running.status();
    assert!(
        status.services.is_empty() && status.problems[0].why.contains("the gateway itself is asked at"),
        "{status:?}"
    );
}

/// The next keeper does not wait for it either.
#[test]
fn a_gateway_that_hangs_is_not_adopted() {
    let mut running = Running::new();
    running.start("");
    let pid = running.status().member.pid;
    running.kill_keeper();
    signal(pid, "STOP");
    let (code, said) = running.say("");
    assert!(code == Some(3) && said.contains("the gateway that is there does not answer"), "{said}");
    assert!(said.contains("end its process with SIGKILL, and start this one again"), "{said}");
    signal(pid, "KILL");
    running.start("");
}

/// One that hangs is told of, with what to do; and does not hold whoever asks.
#[test]
fn a_gateway_that_hangs_is_not_waited_for() {
    let (running, authority, control) = running(1);
    authority.sign("person");
    let pid = running.status().member.pid;
    signal(pid, "STOP");
    for question in ["status", "routes", "endpoints", "drain --all", "replace"] {
        let (code, said) = running.say(&format!("{question} --within 300ms"));
        assert!(code == Some(3) && said.contains("the gateway did not answer within 0.3 s"), "{said}");
        assert!(said.contains("SIGKILL") && said.contains("control"), "{said}");
    }
    let (code, said) =
        running.say_from_afar(&format!("status --within 300ms --control tcp://{control} {}", typed("person", "ours")));
    assert!(code == Some(3) && said.contains("did not answer within 0.3 s"), "{said}");
    signal(pid, "CONT");
    // Nobody had agreed on a version, and so nothing was asked.
    assert_eq!(running.say("status").0, Some(0));
}

fn knock(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// Whether the other end goes away, with nothing said but that something is wrong.
fn hung_up(mut stream: TcpStream) -> bool {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        // An alert of TLS has seven bytes.
        Ok(_) => said.is_empty() || said.len() == 7 && said[0] == 21,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Believes everybody, and shows nothing.
#[derive(Debug)]
struct Nameless;

impl ServerCertVerifier for Nameless {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519, SignatureScheme::RSA_PSS_SHA256]
    }
}

fn hung_up_on_the_nameless(address: SocketAddr) -> bool {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verifier = Arc::new(Nameless);
    let mut config =
        builder.expect("versions").dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"glidepath-control".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let mut conversation = ClientConnection::new(Arc::new(config), name).expect("a beginning");
    let mut stream = knock(address);
    let mut said = Vec::new();
    let read = rustls::Stream::new(&mut conversation, &mut stream).read_to_end(&mut said);
    said.is_empty() && read.expect_err("it is turned away").to_string().contains("CertificateRequired")
}
