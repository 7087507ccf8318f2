//! The traffic a service serves, and the requests that a match means.

use super::address::{Address, Host, Network, Path};
use super::code::Code;
use super::collection::{Dictionary, List, Named, OneOrMany, ShortOr};
use super::name::TokenKey;
use super::object::object;
use super::reader::{Field, Located, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule;
use super::service::ServiceText;
use super::word::{OpenText, Text, choice};
use crate::intent::Match;
use crate::service::{Listen, Sticky, Tls, Traffic};
use serde_json::{Value, json};

object! {
    /// The certificate of a listener.
    struct TlsText = "tls" {
        /// The file of the certificate chain.
        "certificate" required certificate: Text;
        /// The file of the key, or `secret:NAME` for a secret that holds it.
        "key" required key: Text;
    }
}

object! {
    /// Where the gateway listens.
    struct ListenText = "listener" {
        /// `host:port`, or `:port` for every address of the machine.
        "address" required address: Address;
        /// With TLS.
        "tls" optional tls: TlsText;
    }
}

/// `listen: ":8080"`, a map, or a list of both.
pub(crate) type ListenValue = OneOrMany<ShortOr<Address, ListenText>>;

object! {
    /// What makes a session.
    struct StickyText = "sticky" {
        /// A cookie of this name, set by the gateway.
        "cookie" optional cookie: Token;
        /// The value of this header.
        "header" optional header: Token;
    }
    rules [Rule::ExactlyOne(&["cookie", "header"])]
}

/// The cookie that makes a session where no other is named.
const COOKIE: &str = "glidepath";

#[derive(Clone, Copy, Debug)]
pub(crate) enum StickyWord {
    Cookie,
    ClientNetwork,
}

choice!(StickyWord, "a word for `sticky`", {
    "cookie" => StickyWord::Cookie,
    "client-network" => StickyWord::ClientNetwork,
});

/// `sticky: cookie`, or a map.
type StickyValue = ShortOr<StickyWord, StickyText>;

/// The name of a header, cookie or parameter.
#[derive(Clone, Debug)]
pub(crate) struct Token(String);

impl Scalar for Token {
    fn belongs() -> String {
        <TokenKey as super::collection::Key>::WHAT.to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        use super::collection::Key as _;
        let text = word.string()?;
        let wrong = || Wrong::new(Code::BadName, "write only the name, as `x-session`");
        TokenKey::fits(text).then(|| Self(text.to_owned())).ok_or_else(wrong)
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": <TokenKey as super::collection::Key>::PATTERN})
    }
}

object! {
    /// That something is there, whatever its value.
    struct PresentText = "condition" {
        /// Present with any value.
        "present" required present: bool;
    }
}

/// A value that must be there, or `{present: true}`.
type Wanted = ShortOr<OpenText, PresentText>;

/// Values by name, or only names.
type Conditions = ShortOr<OneOrMany<Token>, Dictionary<TokenKey, Wanted, 1>>;

/// A method, in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method(pub(crate) &'static str);

choice!(Method, "an HTTP method", {
    "GET" => Method("GET"),
    "HEAD" => Method("HEAD"),
    "OPTIONS" => Method("OPTIONS"),
    "POST" => Method("POST"),
    "PUT" => Method("PUT"),
    "PATCH" => Method("PATCH"),
    "DELETE" => Method("DELETE"),
});

object! {
    /// Requests for which all of these conditions hold.
    struct MatchText = "match" {
        /// What people call those it matches: `staff`, `beta`.
        "cohort" optional cohort: Text;
        /// Headers that must have these values; a list of names for headers that must only be there.
        "headers" optional headers: Conditions;
        /// Cookies that must have these values; a list of names for cookies that must only be there.
        "cookies" optional cookies: Conditions;
        /// Query parameters that must have these values; a list of names for those that must only be there.
        "query" optional query: Conditions;
        /// Any of these methods.
        "methods" optional methods: OneOrMany<Method>;
        /// Any of these client networks, as `10.0.0.0/8`.
        "networks" optional networks: OneOrMany<Network>;
    }
    rules [Rule::AtLeastOne(&["headers", "cookies", "query", "methods", "networks"])]
}

object! {
    /// The traffic a service serves.
    struct TrafficText = "traffic" {
        /// Where the gateway listens for it.
        "listen" required listen: ListenValue;
        /// The hosts that are its; every host where it is not there.
        "hosts" optional hosts: OneOrMany<Host>;
        /// The path prefixes that are its; every path where it is not there.
        "paths" optional paths: OneOrMany<Path>;
        /// What makes a session, so that one user sees one release.
        "sticky" optional sticky: StickyValue;
        /// Requests that are its whatever host and path.
        "matches" optional matches: List<MatchText>;
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct NoTraffic;

choice!(NoTraffic, "a word for `traffic`", { "none" => NoTraffic });

/// A map, or `traffic: none`.
pub(crate) type TrafficValue = ShortOr<NoTraffic, TrafficText>;

/// Whether the service has traffic, where that could be read.
pub(crate) fn has_traffic(text: &ServiceText) -> Option<bool> {
    match (&text.traffic, &text.listen) {
        (Field::Bad, _) => None,
        (Field::Good(Located { value: ShortOr::Full(_), .. }), _) => Some(true),
        (_, Field::Absent) => Some(false),
        (_, _) => Some(true),
    }
}

/// The traffic; the outer nothing where something is wrong with it.
pub(crate) fn resolve(text: &ServiceText, reader: &mut Reader<'_, '_>) -> Option<Option<Traffic>> {
    if let Some(ShortOr::Full(traffic)) = text.traffic.value() {
        let listen = listen(&traffic.listen, reader);
        let hosts = distinct(&traffic.hosts, "host", |host: &Host| &host.0, reader);
        let paths = distinct(&traffic.paths, "path", |path: &Path| &path.0, reader);
        let matches = match &traffic.matches {
            Field::Absent => Some(Vec::new()),
            Field::Bad => None,
            Field::Good(list) => matches(&list.value, reader),
        };
        let sticky = sticky(&traffic.sticky);
        let (listen, hosts, paths) = (listen?, hosts?, paths?);
        return Some(Some(Traffic { listen, hosts, paths, sticky: sticky?, matches: matches? }));
    }
    if text.traffic.is_bad() {
        return None;
    }
    if text.listen.is_absent() {
        return Some(None);
    }
    let listen = listen(&text.listen, reader)?;
    Some(Some(Traffic { listen, hosts: Vec::new(), paths: Vec::new(), sticky: None, matches: Vec::new() }))
}

fn listen(field: &Field<ListenValue>, reader: &mut Reader<'_, '_>) -> Option<Vec<Listen>> {
    let list = &field.value()?.0;
    let mut seen: Vec<&str> = Vec::new();
    let mut listens = Vec::new();
    for item in &list.items {
        let (address, at, tls) = match &item.value {
            ShortOr::Short(address) => (&address.0, item.at, Some(None)),
            ShortOr::Full(full) => (&full.address.value()?.0, full.address.get()?.at, tls(&full.tls)),
        };
        if seen.contains(&address.as_str()) {
            reader.problem(Code::DuplicateName, at, "this address is there twice", "keep one of the two");
        }
        seen.push(address);
        listens.push(Listen { address: address.clone(), tls: tls? });
    }
    list.complete.then_some(listens)
}

fn tls(field: &Field<TlsText>) -> Option<Option<Tls>> {
    match field {
        Field::Absent => Some(None),
        Field::Bad => None,
        Field::Good(tls) => {
            let certificate = tls.value.certificate.value()?.0.clone();
            Some(Some(Tls { certificate, key: tls.value.key.value()?.0.clone() }))
        }
    }
}

fn distinct<T>(
    field: &Field<OneOrMany<T>>,
    what: &str,
    text: fn(&T) -> &String,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<String>> {
    let list = match field {
        Field::Absent => return Some(Vec::new()),
        Field::Bad => return None,
        Field::Good(list) => &list.value.0,
    };
    let mut seen: Vec<String> = Vec::new();
    for item in &list.items {
        if seen.contains(text(&item.value)) {
            reader.problem(Code::DuplicateName, item.at, format!("this {what} is there twice"), "keep one of the two");
        }
        seen.push(text(&item.value).clone());
    }
    list.complete.then_some(seen)
}

fn sticky(field: &Field<StickyValue>) -> Option<Option<Sticky>> {
    let sticky = match field {
        Field::Absent => return Some(None),
        Field::Bad => return None,
        Field::Good(sticky) => &sticky.value,
    };
    Some(Some(match sticky {
        ShortOr::Short(StickyWord::Cookie) => Sticky::Cookie(COOKIE.to_owned()),
        ShortOr::Short(StickyWord::ClientNetwork) => Sticky::ClientNetwork,
        ShortOr::Full(full) => match (full.cookie.value(), full.header.value()) {
            (Some(cookie), _) => Sticky::Cookie(cookie.0.clone()),
            (None, header) => Sticky::Header(header?.0.clone()),
        },
    }))
}

/// The matches of a list.
pub(crate) fn matches<const MIN: usize>(
    list: &List<MatchText, MIN>,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<Match>> {
    let made: Vec<_> = list.items.iter().map(|item| one_match(&item.value, reader)).collect();
    made.into_iter().collect::<Option<Vec<_>>>().filter(|_| list.complete)
}

fn one_match(text: &MatchText, reader: &mut Reader<'_, '_>) -> Option<Match> {
    let headers = conditions(&text.headers, reader);
    let cookies = conditions(&text.cookies, reader);
    let query = conditions(&text.query, reader);
    Some(Match {
        cohort: text.cohort.optional()?.map(|cohort| cohort.0),
        // Header names know no case; everything that compares them gets one.
        headers: headers?.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        cookies: cookies?,
        query: query?,
        methods: listed(&text.methods, |method: &Method| method.0.to_owned())?,
        networks: listed(&text.networks, |network: &Network| network.0.clone())?,
    })
}

fn listed<T>(field: &Field<OneOrMany<T>>, text: fn(&T) -> String) -> Option<Vec<String>> {
    match field {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(list) => {
            let items = &list.value.0;
            items.complete.then(|| items.items.iter().map(|item| text(&item.value)).collect())
        }
    }
}

type Pairs = Vec<(String, Option<String>)>;

fn conditions(field: &Field<Conditions>, reader: &mut Reader<'_, '_>) -> Option<Pairs> {
    match field {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(conditions) => match &conditions.value {
            ShortOr::Short(OneOrMany(names)) => {
                let pairs = names.items.iter().map(|name| (name.value.0.clone(), None)).collect();
                names.complete.then_some(pairs)
            }
            ShortOr::Full(map) => {
                let pairs: Vec<_> = map.entries.iter().map(|entry| pair(entry, reader)).collect();
                pairs.into_iter().collect::<Option<Pairs>>().filter(|_| map.complete)
            }
        },
    }
}

fn pair(entry: &Named<Wanted>, reader: &mut Reader<'_, '_>) -> Option<(String, Option<String>)> {
    match &entry.value.value {
        ShortOr::Short(value) => Some((entry.key.clone(), Some(value.0.clone()))),
        ShortOr::Full(full) => {
            let present = full.present.get()?;
            if !present.value {
                let help = "a match can only ask for what is there: turn the condition around, or remove it";
                reader.problem(Code::NoEffect, present.at, "`present: false` cannot be matched", help);
            }
            Some((entry.key.clone(), None))
        }
    }
}
