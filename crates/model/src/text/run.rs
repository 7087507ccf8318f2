//! What runs, how many of it, and what each may use.

use super::code::Code;
use super::collection::{Dictionary, Named, ShortOr};
use super::command::Command;
use super::name::VariableKey;
use super::node::At;
use super::number::{INSTANCES_MAX, Whole};
use super::object::{defaults, object};
use super::reader::{Field, Reader};
use super::schemas::Rule;
use super::service::ServiceText;
use super::size::{Cpu, Size};
use super::word::{OpenText, Text};
use crate::Name;
use crate::service::{Artifact, Instances, Limits, Run};
use std::collections::BTreeMap;

object! {
    /// Where the bytes that run come from.
    struct ArtifactText = "artifact" {
        /// A file, folder or archive.
        "path" optional path: Text;
        /// A git revision of the folder's repository.
        "git" optional git: Text;
        /// A container image.
        "image" optional image: Text;
    }
    rules [Rule::ExactlyOne(&["path", "git", "image"])]
}

object! {
    /// How many instances run.
    struct InstancesText = "instances" {
        /// So many; where an autoscaler owns the number, the first guess.
        "count" optional count: Whole<1, INSTANCES_MAX> = 1;
        /// Never two at a time, not even of different releases.
        "singleton" optional singleton: bool = false;
        /// An autoscaler owns the number.
        "autoscaled" optional autoscaled: bool = false;
    }
}

object! {
    /// What an instance may use.
    struct LimitsText = "limits" {
        /// Memory, as `256MiB`.
        "memory" optional memory: Size;
        /// Cores, as `0.5` or `500m`.
        "cpu" optional cpu: Cpu;
        /// Open files.
        "open-files" optional open_files: Whole<16, 10_000_000>;
        /// Restarts within ten minutes before it counts as a crash loop.
        "restarts" optional restarts: Whole<0, 1_000> = 5;
    }
}

/// `instances: 3`, or a map.
pub(crate) type InstancesValue = ShortOr<Whole<1, INSTANCES_MAX>, InstancesText>;
/// `artifact: ./build`, or a map.
pub(crate) type ArtifactValue = ShortOr<Text, ArtifactText>;

pub(crate) fn resolve(text: &ServiceText, at: At, reader: &mut Reader<'_, '_>) -> Option<Run> {
    let artifact = artifact(&text.artifact);
    if let (Some(artifact), Field::Absent) = (&artifact, &text.run)
        && !matches!(artifact, Artifact::Image(_))
    {
        let help = "add `run: ./program --port $PORT`, or an image that knows its command: `artifact: {image: …}`";
        reader.problem(Code::NothingToRun, at, "the service has nothing to run", help);
    }
    let secrets = secrets(&text.env, &text.secrets, reader);
    let env = env(&text.env, reader);
    Some(Run {
        version: text.version.value()?.0.clone(),
        artifact: artifact?,
        command: text.run.or(Command(Vec::new()))?.0,
        env: env?,
        secrets: secrets?,
        directory: text.directory.optional()?.map(|text| text.0),
        user: text.user.optional()?.map(|text| text.0),
    })
}

fn artifact(field: &Field<ArtifactValue>) -> Option<Artifact> {
    match field {
        Field::Absent => Some(Artifact::None),
        Field::Bad => None,
        Field::Good(artifact) => match &artifact.value {
            ShortOr::Short(path) => Some(Artifact::Path(path.0.clone())),
            ShortOr::Full(full) => {
                let path = full.path.value().map(|path| Artifact::Path(path.0.clone()));
                let git = full.git.value().map(|revision| Artifact::Git(revision.0.clone()));
                let image = full.image.value().map(|image| Artifact::Image(image.0.clone()));
                path.or(git).or(image)
            }
        },
    }
}

type Env = Field<Dictionary<VariableKey, OpenText>>;
type Secrets = Field<Dictionary<VariableKey, Name>>;

fn env(field: &Env, reader: &mut Reader<'_, '_>) -> Option<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    let Some(entries) = field.value() else { return (!field.is_bad()).then_some(env) };
    for entry in &entries.entries {
        refuse_reserved(&entry.key, entry.at, reader);
        refuse_inline_secret(entry, reader);
        env.insert(entry.key.clone(), entry.value.value.0.clone());
    }
    entries.complete.then_some(env)
}

fn secrets(env: &Env, field: &Secrets, reader: &mut Reader<'_, '_>) -> Option<BTreeMap<String, Name>> {
    let mut secrets = BTreeMap::new();
    let Some(entries) = field.value() else { return (!field.is_bad()).then_some(secrets) };
    for entry in &entries.entries {
        refuse_reserved(&entry.key, entry.at, reader);
        let twice = env.value().is_some_and(|env| env.entries.iter().any(|other| other.key == entry.key));
        if twice {
            let message = format!("`{}` stands below `env:` and below `secrets:`", entry.key);
            reader.problem(Code::DuplicateName, entry.at, message, "keep one of the two");
        }
        secrets.insert(entry.key.clone(), entry.value.value.clone());
    }
    entries.complete.then_some(secrets)
}

fn refuse_reserved(key: &str, at: At, reader: &mut Reader<'_, '_>) {
    if key == "PORT" || key.starts_with("GLIDEPATH_") {
        let message = format!("`{key}` is set by Glidepath itself");
        reader.problem(
            Code::ReservedVariable,
            at,
            message,
            "remove it; the instance finds the value that is right for it",
        );
    }
}

/// Parts of a variable's name that say that its value is a secret.
const SECRET_WORDS: [&str; 9] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "CREDENTIALS", "APIKEY", "PASSPHRASE"];
/// Last parts that say that it is not, after all: `TOKEN_URL`, `KEY_FILE`.
const HARMLESS_ENDS: [&str; 10] = ["FILE", "PATH", "URL", "ID", "NAME", "TTL", "ISSUER", "TIMEOUT", "LENGTH", "PREFIX"];

fn refuse_inline_secret(entry: &Named<OpenText>, reader: &mut Reader<'_, '_>) {
    let key = entry.key.to_ascii_uppercase();
    let mut parts = key.split('_').filter(|part| !part.is_empty());
    let named = parts.clone().any(|part| SECRET_WORDS.contains(&part));
    let harmless = parts.next_back().is_some_and(|last| HARMLESS_ENDS.contains(&last));
    let literal = !entry.value.shown.contains("${") && !entry.value.value.0.is_empty();
    if !named || harmless || !literal {
        return;
    }
    // The report ends up in a log: it must not repeat the secret.
    reader.problems.mask(entry.value.at);
    let name = key.to_ascii_lowercase().replace('_', "-");
    let message = format!("`{}` looks like a secret, and its value is written into the file", entry.key);
    let help = format!(
        "write `{}: {name}` below `secrets:` instead, where {name} is the name under which the secret is kept\nor take the value from the environment: \"${{{}}}\"",
        entry.key, entry.key
    );
    reader.problem(Code::InlineSecret, entry.value.at, message, help);
}

/// How many there are, and the number as written.
pub(crate) fn instances(
    field: &Field<InstancesValue>,
    at: At,
    reader: &mut Reader<'_, '_>,
) -> Option<(Instances, String)> {
    let text = match field {
        Field::Bad => return None,
        Field::Absent => defaults::<InstancesText>(at, reader)?,
        Field::Good(located) => match &located.value {
            ShortOr::Full(text) => text.clone(),
            ShortOr::Short(count) => {
                let instances = Instances { count: count.0, singleton: false, autoscaled: false };
                return Some((instances, located.shown.clone()));
            }
        },
    };
    let (count, singleton, autoscaled) = (text.count.get()?, text.singleton.get()?, text.autoscaled.get()?);
    if singleton.value && count.value.0 > 1 {
        let message = format!("a singleton has one instance, not {}", count.shown);
        reader.problem(Code::SingletonOverlap, count.at, message, "write `count: 1`, or remove `singleton`");
    }
    if singleton.value && autoscaled.value {
        let message = "a singleton cannot be autoscaled";
        reader.problem(Code::SingletonOverlap, autoscaled.at, message, "remove one of the two");
    }
    let instances = Instances { count: count.value.0, singleton: singleton.value, autoscaled: autoscaled.value };
    Some((instances, count.shown.clone()))
}

pub(crate) fn limits(field: &Field<LimitsText>, at: At, reader: &mut Reader<'_, '_>) -> Option<Limits> {
    let text = match field.value() {
        _ if field.is_bad() => return None,
        Some(text) => text.clone(),
        None => defaults::<LimitsText>(at, reader)?,
    };
    Some(Limits {
        memory_bytes: text.memory.optional()?.map(|size| size.0),
        cpu_millicores: text.cpu.optional()?.map(|cpu| cpu.0),
        open_files: text.open_files.optional()?.map(|count| count.0),
        restarts: text.restarts.value()?.0,
    })
}
