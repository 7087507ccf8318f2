//! Sizes of memory, and parts of cores.

use super::code::Code;
use super::scalar::{Scalar, Word, Wrong};
use serde_json::{Value, json};

const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

const SIZE_PATTERN: &str = "^[0-9]{1,9}(KiB|MiB|GiB|TiB|KB|MB|GB|TB|B)$";
/// Nothing starts with less memory.
const BYTES_MIN: u64 = 1 << 20;
/// No machine has more.
const BYTES_MAX: u64 = 64 << 40;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Scalar for Size {
    fn belongs() -> String {
        "a size, as `256MiB` or `2GB`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let digits = word.text.len() - word.text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = word.text.split_at(digits);
        let known = UNITS.iter().find(|(known, _)| *known == unit);
        let (Some((_, bytes)), 1..=9) = (known, digits) else {
            return Err(Wrong::new(Code::BadSize, hint(number, unit)));
        };
        let size = number.parse::<u64>().unwrap_or(0) * bytes;
        if size < BYTES_MIN {
            return Err(Wrong::saying(
                Code::OutOfRange,
                format!("`{}` is too little", word.text),
                "write at least `1MiB`",
            ));
        }
        if size > BYTES_MAX {
            return Err(Wrong::saying(
                Code::OutOfRange,
                format!("`{}` is too much", word.text),
                "write at most `64TiB`",
            ));
        }
        Ok(Self(size))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": SIZE_PATTERN})
    }
}

fn hint(number: &str, unit: &str) -> String {
    let guess = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "ki" | "kib" => "KiB",
        "m" | "mi" | "mib" => "MiB",
        "g" | "gi" | "gib" => "GiB",
        "kb" => "KB",
        "mb" => "MB",
        "gb" => "GB",
        "" => "MiB",
        _ => "",
    };
    if guess.is_empty() || number.is_empty() || number.len() > 9 {
        "write a whole number with KiB, MiB, GiB, TiB, KB, MB, GB, TB or B behind it".to_owned()
    } else {
        format!("did you mean `{number}{guess}`?")
    }
}

/// Thousandths of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cpu(pub(crate) u32);

/// The most cores of a machine.
const CORES_MAX: u32 = 1_024;

impl Scalar for Cpu {
    fn belongs() -> String {
        "a number of cores, as `0.5` or `500m`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let help = format!("write cores, from 0.001 to {CORES_MAX}, or thousandths of one, as `250m`");
        let wrong = || Wrong::new(Code::BadCpu, help.clone());
        if let Some(cores) = word.number().and_then(|number| number.as_f64()) {
            let fits = (0.001..=f64::from(CORES_MAX)).contains(&cores);
            // In range, so that the thousandths fit.
            return if fits { Ok(Self((cores * 1_000.0).round() as u32)) } else { Err(wrong()) };
        }
        let digits = word.text.strip_suffix('m').unwrap_or("");
        let plain = !digits.starts_with('0') && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(Self).ok_or_else(wrong)
    }

    fn shape() -> Value {
        json!({"anyOf": [
            {"type": "number", "minimum": 0.001, "maximum": CORES_MAX},
            {"type": "string", "pattern": "^[1-9][0-9]{0,5}m$"},
        ]})
    }
}
