//! That each request has its line, and that nobody waits for whoever takes them.

use crate::frames::Frames;
use crate::site::*;
use expect_test::expect;
use gateway::access::{AccessLog, Entry, Form, Place, Query, Settings};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use wire::log::Log;
use wire::table::{Action, Rule};

const ENTRY: Entry<'_> = Entry {
    time: "2026-03-27T15:00:00.123Z",
    common_time: "27/Mar/2026:15:00:00 +0000",
    client: std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)),
    method: b"GET",
    host: b"shop",
    target: b"/cart?id=7&token=secret&flag",
    protocol: "HTTP/1.1",
    status: 200,
    end: "answered",
    received: 1,
    sent: 2,
    micros: 1_000_042,
    service: "service/shop/production/local",
    route: "cart",
    release: Some(7),
    instance: None,
    retries: 1,
    request_id: b"abc",
    trace_id: b"def",
    user_agent: b"curl \"8\"\r\n\x1b[31m\x00 \xff\xc3\xa9\\",
    referer: b"https://user:secret@shop/?code=secret",
};

fn line(form: Form, query: Query) -> String {
    let mut out = Vec::new();
    ENTRY.write(&mut out, form, query);
    String::from_utf8(out).expect("text")
}

#[test]
fn lines_are_as_programs_read_them() {
    let lines: Vec<String> = [Form::Json, Form::Combined]
        .into_iter()
        .flat_map(|form| [Query::None, Query::Names, Query::Whole].map(|query| line(form, query)))
        .collect();
    expect![[r#"
        {"time":"2026-03-27T15:00:00.123Z","client":"10.0.0.7","method":"GET","host":"shop","path":"/cart","protocol":"HTTP/1.1","status":200,"end":"answered","received":1,"sent":2,"duration":1.000042,"service":"service/shop/production/local","route":"cart","release":7,"retries":1,"request_id":"abc","trace_id":"def","user_agent":"curl \"8\"\u000d\u000a\u001b[31m\u0000 �é\\","referer":"https://shop/"}
        {"time":"2026-03-27T15:00:00.123Z","client":"10.0.0.7","method":"GET","host":"shop","path":"/cart?id=*&token=*&*","protocol":"HTTP/1.1","status":200,"end":"answered","received":1,"sent":2,"duration":1.000042,"service":"service/shop/production/local","route":"cart","release":7,"retries":1,"request_id":"abc","trace_id":"def","user_agent":"curl \"8\"\u000d\u000a\u001b[31m\u0000 �é\\","referer":"https://shop/?code=*"}
        {"time":"2026-03-27T15:00:00.123Z","client":"10.0.0.7","method":"GET","host":"shop","path":"/cart?id=7&token=secret&flag","protocol":"HTTP/1.1","status":200,"end":"answered","received":1,"sent":2,"duration":1.000042,"service":"service/shop/production/local","route":"cart","release":7,"retries":1,"request_id":"abc","trace_id":"def","user_agent":"curl \"8\"\u000d\u000a\u001b[31m\u0000 �é\\","referer":"https://shop/?code=secret"}
        10.0.0.7 - - [27/Mar/2026:15:00:00 +0000] "GET /cart HTTP/1.1" 200 2 "https://shop/" "curl \x228\x22\x0D\x0A\x1B[31m\x00 \xFF\xC3\xA9\x5C"
        10.0.0.7 - - [27/Mar/2026:15:00:00 +0000] "GET /cart?id=*&token=*&* HTTP/1.1" 200 2 "https://shop/?code=*" "curl \x228\x22\x0D\x0A\x1B[31m\x00 \xFF\xC3\xA9\x5C"
        10.0.0.7 - - [27/Mar/2026:15:00:00 +0000] "GET /cart?id=7&token=secret&flag HTTP/1.1" 200 2 "https://shop/?code=secret" "curl \x228\x22\x0D\x0A\x1B[31m\x00 \xFF\xC3\xA9\x5C"
    "#]].assert_eq(&lines.concat());
    for line in &lines[..3] {
        let _: serde_json::Value = serde_json::from_str(line).expect("JSON");
    }
    assert!(lines.iter().all(|line| line.matches('\n').count() == 1 && !line.contains(['\r', '\x1b', '\0'])));
}

/// A link may have credentials in it, which nobody who reads the log is to have.
#[test]
fn a_link_is_told_without_its_user() {
    for (link, told) in [
        ("http://u:pw@h/", "http://h/"),
        ("http://u:p@w@h:80", "http://h:80"),
        ("//u@h?q", "//h?q"),
        ("http://:pw@[::1]#u@h", "http://[::1]#u@h"),
        ("https://h/@u", "https://h/@u"),
        ("https://h?to=u@h", "https://h?to=u@h"),
        ("/u@h", "/u@h"),
        ("http://", "http://"),
    ] {
        for (form, wanted) in
            [(Form::Json, format!("\"referer\":\"{told}\"")), (Form::Combined, format!(" \"{told}\" "))]
        {
            let mut out = Vec::new();
            Entry { referer: link.as_bytes(), ..ENTRY }.write(&mut out, form, Query::Whole);
            let line = String::from_utf8_lossy(&out);
            assert!(line.contains(&wanted), "{link}: {line}");
        }
    }
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("glidepath-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn log(path: &Path, form: Form) -> AccessLog {
    let log = Log::new(wire::log::Form::Text, "test");
    AccessLog::start(Settings { place: Place::Path(path.into()), form, query: Query::Names }, log).expect("a thread")
}

fn logged(site: &Site, path: &Path, form: Form) -> AccessLog {
    let log = log(path, form);
    assert!(site.fleet().log(&log));
    log
}

/// The lines that were written, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    until(|| {
        let text = fs::read_to_string(path).unwrap_or_default();
        (text.matches('\n').count() >= count).then(|| text.lines().map(ToOwned::to_owned).collect())
    })
}

#[test]
fn each_request_has_a_line() {
    let folder = Folder::new("lines");
    // It shows what it was asked, ids included.
    let shows = instance(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len());
            if stream.write_all(&[head.as_bytes(), &request].concat()).is_err() {
                return;
            }
        }
    });
    let mut table = table(1, &[shows]);
    table.rules = vec![Rule {
        name: "robots".into(),
        paths: vec![wire::table::Path::Exact("/robots.txt".into())],
        action: Some(Action::Answer { status: 200, headers: Vec::new(), body: "no".into() }),
        ..Rule::default()
    }];
    let site = Site::new(&table);
    let path = folder.path("access.log");
    let log = logged(&site, &path, Form::Json);
    let secret = "Authorization: Basic c2VjcmV0|Cookie: session=secret|";
    let id = "X-Request-Id: mine|traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01|";
    site.say(&format!("GET /a?b=c HTTP/1.1|Host: shop|{secret}{id}User-Agent: test|Connection: close||"));
    let heard = {
        let mut client = site.client();
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is taken");
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).expect("an answer");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    site.say("POST /robots.txt HTTP/1.1|Host: shop|Content-Length: 2|Connection: close||hi");
    site.say("nonsense||");
    let mut client = Frames::new(site.client());
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
    client.headers(1, &fields, false);
    client.data(1, b"hello", true);
    client.hear(1);
    let lines = lines(&path, 5);
    // The application sees the same id.
    let second: serde_json::Value = serde_json::from_str(&lines[1]).expect("JSON");
    let id = second["request_id"].as_str().expect("an id");
    assert!(heard.contains(&format!("X-Request-Id: {id}\r\n")), "{heard}");
    let normal = |line: &String| {
        let mut value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for (name, shown) in [("time", "T"), ("duration", "D"), ("instance", "I")] {
            if let Some(field) = value.get_mut(name) {
                *field = shown.into();
            }
        }
        for name in ["request_id", "trace_id"] {
            let field =
                value.get_mut(name).filter(|field| field.as_str().is_some_and(|text| text == id || text.len() == 32));
            field.into_iter().for_each(|field| *field = "ID".into());
        }
        format!("{value}\n")
    };
    let told: String = lines.iter().map(normal).collect();
    expect![[r#"
        {"client":"127.0.0.1","duration":"D","end":"answered","host":"shop","instance":"I","method":"GET","path":"/a?b=*","protocol":"HTTP/1.1","received":0,"release":1,"request_id":"mine","retries":0,"sent":275,"service":"service/shop/production/local","status":200,"time":"T","trace_id":"ID","user_agent":"test"}
        {"client":"127.0.0.1","duration":"D","end":"answered","instance":"I","method":"GET","path":"/","protocol":"HTTP/1.0","received":0,"release":1,"request_id":"ID","retries":0,"sent":189,"service":"service/shop/production/local","status":200,"time":"T","trace_id":"ID"}
        {"client":"127.0.0.1","duration":"D","end":"own","host":"shop","method":"POST","path":"/robots.txt","protocol":"HTTP/1.1","received":0,"retries":0,"route":"robots","sent":2,"service":"service/shop/production/local","status":200,"time":"T"}
        {"client":"127.0.0.1","duration":"D","end":"refused","received":0,"retries":0,"sent":0,"status":400,"time":"T"}
        {"client":"127.0.0.1","duration":"D","end":"answered","host":"shop","instance":"I","method":"POST","path":"/","protocol":"HTTP/2.0","received":5,"release":1,"request_id":"ID","retries":0,"sent":269,"service":"service/shop/production/local","status":200,"time":"T","trace_id":"ID"}
    "#]].assert_eq(&told);
    assert!(!lines.concat().contains("secret"));
    drop(log);
}

#[test]
fn a_file_that_was_renamed_is_opened_anew() {
    let folder = Folder::new("rename");
    let (path, old) = (folder.path("access.log"), folder.path("access.log.1"));
    let site = Site::new(&table(1, &[mirror()]));
    let log = logged(&site, &path, Form::Combined);
    let get = |name: &str| site.say(&format!("GET /{name} HTTP/1.1|Host: shop|Connection: close||"));
    get("one");
    assert!(lines(&path, 1)[0].contains("\"GET /one HTTP/1.1\" 200 "));
    fs::rename(&path, &old).expect("it is renamed");
    log.reopen();
    get("two");
    assert!(lines(&path, 1)[0].contains("/two"));
    // Whoever forgets to say so is understood, too.
    fs::rename(&path, &old).expect("it is renamed");
    until(|| {
        get("three");
        fs::read_to_string(&path).ok().filter(|text| text.contains("/three"))
    });
    assert!(Place::Path(path).check().is_ok());
    assert!(Place::Path(folder.path("no/such/folder")).check().is_err());
}

/// How many requests the lines tell of, and how many they say are left out.
fn told(text: &str) -> (usize, usize) {
    let left_out = |line: &str| -> Option<usize> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        usize::try_from(value.get("left_out")?.as_u64()?).ok()
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let missing: Vec<usize> = lines.iter().filter_map(|line| left_out(line)).collect();
    (lines.len() - missing.len(), missing.iter().sum())
}

fn ask_often(site: &Site, count: usize, bytes: usize) {
    let mut client = site.client();
    let agent = "x".repeat(bytes);
    for _ in 0..count {
        client
            .write_all(format!("GET / HTTP/1.1\r\nHost: shop\r\nUser-Agent: {agent}\r\n\r\n").as_bytes())
            .expect("it is taken");
        hear_until(&mut client, "||ok");
    }
}

const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||ok";

#[test]
fn a_full_disk_stops_nobody_and_is_told_of_later() {
    let folder = Folder::new("full");
    let (path, good) = (folder.path("access.log"), folder.path("good"));
    symlink("/dev/full", &path).expect("a link");
    let site = Site::new(&table(1, &[answering(OK)]));
    let log = logged(&site, &path, Form::Json);
    // More than one batch of them.
    ask_often(&site, 100, 1_000);
    File::create(&good).expect("a file");
    symlink(&good, folder.path("new")).expect("a link");
    fs::rename(folder.path("new"), &path).expect("the disk has room again");
    let mut asked = 100;
    let text = until(|| {
        ask_often(&site, 1, 1);
        asked += 1;
        fs::read_to_string(&good).ok().filter(|text| text.contains("left_out"))
    });
    assert!(told(&text).1 >= 100, "{text}");
    until(|| {
        let (lines, missing) = told(&fs::read_to_string(&good).expect("a file"));
        (lines + missing == asked).then_some(())
    });
    drop(log);
}

#[test]
fn a_pipe_that_nobody_reads_stops_nobody() {
    let folder = Folder::new("pipe");
    let path = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().expect("it runs").success());
    let site = Site::new(&table(1, &[answering(OK)]));
    let log = logged(&site, &path, Form::Json);
    // Far more than a pipe and all batches hold.
    let mut asked = 1_000;
    ask_often(&site, asked, 7_000);
    assert!(!log.finish(), "nobody reads");
    // Whoever reads at last finds what was kept, and how much was not.
    let mut pipe = OpenOptions::new().read(true).open(&path).expect("it opens");
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let reading = Builder::new().spawn(move || {
        let (mut all, mut room) = (Vec::new(), [0; 65_536]);
        while !over.load(Ordering::Relaxed) || all.last() != Some(&b'\n') {
            let read = pipe.read(&mut room).expect("it reads");
            all.extend_from_slice(&room[..read]);
        }
        all
    });
    until(|| log.finish().then_some(()));
    ask_often(&site, 1, 1);
    asked += 1;
    // What is still at hand is handed over when workers end.
    site.stop();
    assert!(log.finish());
    is_over.store(true, Ordering::Relaxed);
    drop(log);
    let text = String::from_utf8(reading.expect("a thread").join().expect("it ends")).expect("text");
    let (lines, missing) = told(&text);
    assert_eq!(lines + missing, asked);
    assert!(lines > 100 && missing > 100, "{lines} {missing}");
}
