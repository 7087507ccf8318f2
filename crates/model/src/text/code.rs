//! The stable names of everything that can be wrong with a text.

use serde::{Serialize, Serializer};

/// Who can see that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is no YAML, or none that is taken: no schema is asked.
    Syntax,
    /// The JSON Schema refuses it as well, so that an editor underlines it.
    Structure,
    /// Only the parser can see it.
    Meaning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $class:ident;)+) => {
        /// What is wrong, by a name that stays the same from version to version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The name, in kebab-case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }

            /// Who can see it.
            pub const fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)+ }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// The text is no YAML.
    YamlSyntax = "yaml-syntax", Syntax;
    /// The text is larger, deeper or longer than is taken.
    TooMuch = "too-much", Syntax;
    /// There is nothing in the text.
    Empty = "empty", Syntax;
    /// The same key twice in one map.
    DuplicateKey = "duplicate-key", Syntax;
    /// A key that is no text, or is a YAML merge key.
    BadKey = "bad-key", Syntax;
    /// A YAML tag, as `!include`.
    Tag = "tag", Syntax;

    /// A key that nothing knows.
    UnknownKey = "unknown-key", Structure;
    /// A key that must be there is not.
    MissingKey = "missing-key", Structure;
    /// A key without a value.
    NoValue = "no-value", Structure;
    /// A value that is of the right kind, and cannot be right all the same.
    BadValue = "bad-value", Meaning;
    /// A list where a text belongs, and the like.
    WrongType = "wrong-type", Structure;
    /// A word that is none of those that can stand here.
    UnknownWord = "unknown-word", Structure;
    /// Keys that exclude each other.
    ChooseOne = "choose-one", Structure;
    /// An empty text.
    EmptyText = "empty-text", Structure;
    /// A list or map with too few or too many entries.
    WrongLength = "wrong-length", Structure;
    /// A number below or above what is possible.
    NumberOutOfRange = "number-out-of-range", Structure;
    /// A variable in a key.
    VariableInKey = "variable-in-key", Structure;
    /// Not a name.
    BadName = "bad-name", Structure;
    /// Not the name of an environment variable.
    BadVariableName = "bad-variable-name", Structure;
    /// Not a duration.
    BadDuration = "bad-duration", Structure;
    /// Not a share.
    BadShare = "bad-share", Structure;
    /// Neither a number nor a share.
    BadAmount = "bad-amount", Structure;
    /// Not a size.
    BadSize = "bad-size", Structure;
    /// Not a number of cores.
    BadCpu = "bad-cpu", Structure;
    /// Not a bound of a check.
    BadBound = "bad-bound", Structure;
    /// Not an address to listen on.
    BadAddress = "bad-address", Structure;
    /// Not a host.
    BadHost = "bad-host", Structure;
    /// Not a path of a URL.
    BadPath = "bad-path", Structure;
    /// Not a URL.
    BadUrl = "bad-url", Structure;
    /// Not a client network.
    BadNetwork = "bad-network", Structure;
    /// Not a date.
    BadDate = "bad-date", Structure;
    /// Not a time of day.
    BadTimeOfDay = "bad-time-of-day", Structure;

    /// A variable that is not set, or is empty, and has no default.
    VariableUnset = "variable-unset", Meaning;
    /// `${` without a proper end or name.
    VariableSyntax = "variable-syntax", Meaning;
    /// What a variable stands for does not fit here.
    VariableValue = "variable-value", Meaning;
    /// A duration, size or share that is readable but too small or too large here.
    OutOfRange = "out-of-range", Meaning;
    /// A command that cannot be split into words.
    BadCommand = "bad-command", Meaning;
    /// A command that needs a shell.
    ShellSyntax = "shell-syntax", Meaning;
    /// A secret's value in the file.
    InlineSecret = "inline-secret", Meaning;
    /// An environment variable that Glidepath sets, or that is set twice.
    ReservedVariable = "reserved-variable", Meaning;
    /// There is nothing to run.
    NothingToRun = "nothing-to-run", Meaning;
    /// A check that is not declared.
    UnknownCheck = "unknown-check", Meaning;
    /// A check that can never tell anything.
    SenselessCheck = "senseless-check", Meaning;
    /// Two things with one name.
    DuplicateName = "duplicate-name", Meaning;
    /// One service described twice.
    DuplicateService = "duplicate-service", Meaning;
    /// Two services that claim the same requests.
    DuplicateRoute = "duplicate-route", Meaning;
    /// Canary weights that do not rise.
    NotRising = "not-rising", Meaning;
    /// Shares that do not sum to everything.
    SharesNotWhole = "shares-not-whole", Meaning;
    /// An experiment whose variants do not add up to a choice.
    BadVariants = "bad-variants", Meaning;
    /// More than one instance where only one may be.
    SingletonOverlap = "singleton-overlap", Meaning;
    /// Something about traffic in a service without any.
    NeedsTraffic = "needs-traffic", Meaning;
    /// An experiment without anything that sticks.
    NeedsSticky = "needs-sticky", Meaning;
    /// A strategy that cannot do a single step.
    StuckStrategy = "stuck-strategy", Meaning;
    /// More instances than there are.
    MoreThanAll = "more-than-all", Meaning;
    /// Times that contradict each other.
    TimesDisagree = "times-disagree", Meaning;
    /// A time zone that does not exist.
    UnknownTimeZone = "unknown-time-zone", Meaning;
    /// A date that does not exist.
    NoSuchDate = "no-such-date", Meaning;
    /// A stretch of time that ends before it begins.
    EndsBeforeStart = "ends-before-start", Meaning;
    /// More approvals than people who may give them.
    TooFewApprovers = "too-few-approvers", Meaning;
    /// A key that has no effect beside another.
    NoEffect = "no-effect", Meaning;
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
