//! Words of other tools, and where they are found here.

/// What to write instead of a key that another tool has.
pub(crate) fn synonym(object: &str, key: &str) -> Option<&'static str> {
    let plain = key.to_ascii_lowercase().replace('_', "-");
    let found = SYNONYMS.iter().find(|(at, words, _)| *at == object && words.contains(&plain.as_str()));
    found.map(|(_, _, help)| *help)
}

type Synonym = (&'static str, &'static [&'static str], &'static str);

const SYNONYMS: &[Synonym] = &[
    ("service", &["name", "app", "application"], "the name of the service is written as `service: NAME`"),
    ("service", &["command", "cmd", "exec", "entrypoint", "start"], "the command is written as `run:`"),
    ("service", &["image", "container", "docker"], "an image is written as `artifact: {image: NAME}`"),
    ("service", &["git", "revision", "commit"], "a git revision is written as `artifact: {git: REVISION}`"),
    (
        "service",
        &["port", "ports"],
        "where the service is reached is written as `listen: \":8080\"`; it is told its own port as `$PORT`",
    ),
    ("service", &["replicas", "scale", "count"], "how many run is written as `instances:`"),
    ("service", &["healthcheck", "probes", "readiness", "liveness"], "this is written below `health:`"),
    (
        "service",
        &["ingress", "routes", "hosts", "host", "domain", "domains", "paths", "tls", "sticky", "matches"],
        "this is written below `traffic:`",
    ),
    ("service", &["resources", "memory", "cpu"], "this is written below `limits:`"),
    (
        "service",
        &["working-dir", "workdir", "cwd", "working-directory"],
        "the folder it runs in is written as `directory:`",
    ),
    ("service", &["variables", "vars"], "environment variables are written below `env:`, secrets below `secrets:`"),
    ("service", &["canary", "rolling", "blue-green", "recreate", "ab", "shadow"], "this is written below `strategy:`"),
    ("service", &["approval", "calendar", "windows", "freezes", "webhooks"], "this is written below `gates:`"),
    ("service", &["migrations", "db"], "migrations are written below `database:`"),
    ("service", &["notify", "alerts", "slack"], "who is told is written below `notifications:`"),
    ("service", &["region", "cluster", "zone"], "where it runs is written as `place:`"),
    ("service", &["stage"], "this is written as `environment:`"),
    ("health", &["readiness", "readinessprobe"], "this is written as `ready:`"),
    ("health", &["liveness", "livenessprobe"], "this is written as `live:`"),
    (
        "health",
        &["http", "path", "url", "tcp", "command", "every", "timeout", "rise", "fall"],
        "a probe is written below `startup:`, `ready:` or `live:`",
    ),
    ("probe", &["interval", "period", "periodseconds"], "how often is written as `every:`"),
    ("probe", &["path", "url", "httpget"], "an HTTP probe is written as `http: /path`"),
    (
        "probe",
        &["retries", "failurethreshold", "unhealthy-threshold"],
        "how many bad answers in a row is written as `fall:`",
    ),
    ("probe", &["successthreshold", "healthy-threshold"], "how many good answers in a row is written as `rise:`"),
    ("probe", &["port"], "probes ask the instance on its own port"),
    ("probe", &["exec", "cmd", "run"], "a command is written as `command:`"),
    (
        "strategy",
        &["type", "name", "kind"],
        "the strategy's name is the key: `strategy: {canary: {…}}`, or just `strategy: canary`",
    ),
    ("strategy", &["bluegreen", "blue/green"], "this is written as `blue-green:`"),
    ("strategy", &["a/b", "experiment", "ab-test", "abtest"], "this is written as `ab:`"),
    ("strategy", &["mirror"], "this is written as `shadow:`"),
    ("rolling", &["maxsurge", "max-surge"], "this is written as `surge:`"),
    ("rolling", &["maxunavailable", "max-unavailable"], "this is written as `unavailable:`"),
    ("canary", &["weight", "weights", "percentages"], "weights are written below `steps:`: `steps: [5%, 25%, 50%]`"),
    ("canary step", &["setweight", "percent", "percentage", "share"], "this is written as `weight:`"),
    ("canary step", &["pause", "duration", "wait", "bake"], "how long a step is held is written as `hold:`"),
    (
        "database",
        &["url", "dsn", "connection", "password"],
        "its address is kept as a secret: `secret: NAME-OF-THE-SECRET`",
    ),
    ("check", &["threshold", "max", "limit"], "a bound is written as `above:` or `below:`"),
    ("check", &["interval", "period"], "how often is written as `every:`"),
    ("check", &["metric"], "what is measured is written as `measure:`, or `query:` for a query of your own"),
    ("limits", &["mem", "ram"], "this is written as `memory:`"),
    ("traffic", &["port", "ports"], "where the gateway listens is written as `listen: \":8080\"`"),
    ("traffic", &["host", "domain", "domains"], "this is written as `hosts:`"),
    ("traffic", &["tls"], "the certificate belongs to a listener: `listen: {address: \":443\", tls: {…}}`"),
    ("tls", &["cert", "crt"], "this is written as `certificate:`"),
    (
        "notification",
        &["type", "channel", "target"],
        "use `notifier:` for the kind, `to:` for where, `about:` for what",
    ),
    ("notification", &["on", "when", "events"], "what about is written as `about:`"),
    ("calendar", &["timezone", "tz"], "this is written as `time-zone:`"),
    ("hook", &["when", "on", "phase"], "when it is called is written as `at:`"),
    ("hook", &["command", "cmd"], "the command is written as `run:`"),
    ("drain", &["timeout"], "how long open work may take is written as `deadline:`"),
];
