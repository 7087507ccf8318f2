//! One flag per question of the advisor, so that a new question needs no line here.

use clap::builder::PossibleValue;
use clap::{Arg, ArgMatches, Command, Error};
use engine::advise::{Answers, Question};

/// What was answered with flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerFlags(pub(crate) Answers);

impl clap::Args for AnswerFlags {
    fn augment_args(command: Command) -> Command {
        let flag = |question: &Question| {
            Arg::new(question.key())
                .long(question.key())
                .value_name("ANSWER")
                .value_parser([
                    PossibleValue::new("yes").aliases(["y", "true"]),
                    PossibleValue::new("no").aliases(["n", "false"]),
                    PossibleValue::new("unknown").alias("?"),
                ])
                .hide_possible_values(true)
                .help_heading("Answers (yes, no or unknown)")
                .help(question.ask())
                .long_help(format!("{}\n\n{}", question.ask(), question.help()))
        };
        command.args(Question::ALL.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for AnswerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for question in Question::ALL {
            let answer = matches.get_one::<String>(question.key()).and_then(|answer| yes_or_no(answer));
            self.0.set(*question, answer);
        }
        Ok(())
    }
}

/// A yes, a no, or neither.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" | "y" | "true" => Some(true),
        "no" | "n" | "false" => Some(false),
        _ => None,
    }
}
