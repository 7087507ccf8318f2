//! "Did you mean": the known word that is nearest to one that is not known.

/// The nearest candidate, where one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let length = word.chars().count();
    // Words are short; what is longer is no slip of the finger.
    if length > 64 {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .map(|candidate| (distance(&word, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    // `mon` is far from `monday`, but can mean nothing else.
    let mut longer = candidates.iter().filter(|candidate| length >= 3 && candidate.starts_with(&word));
    let only = longer.next().filter(|_| longer.next().is_none()).copied();
    near.or(only)
}

/// Case, and the way words are joined, are the commonest differences: `openFiles`, `open_files`.
fn plain(word: &str) -> String {
    let mut text = String::with_capacity(word.len() + 2);
    let mut lower = false;
    for c in word.chars() {
        if c.is_uppercase() && lower {
            text.push('-');
        }
        lower = c.is_lowercase();
        text.extend(if matches!(c, '_' | ' ' | '.') { '-' } else { c }.to_lowercase());
    }
    text
}

/// How many letters have to be added, removed, changed or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut rows: Vec<Vec<usize>> = vec![(0..width).collect()];
    for i in 1..=one.len() {
        let mut row = vec![i; width];
        for j in 1..width {
            let same = one[i - 1] == other[j - 1];
            let change = rows[i - 1][j - 1] + usize::from(!same);
            row[j] = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[one.len()][width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word() {
        let words = ["strategy", "environment", "open-files", "run", "health", "drain"];
        for (slip, word) in [
            ("strateggy", Some("strategy")),
            ("enviroment", Some("environment")),
            ("openFiles", Some("open-files")),
            ("open_files", Some("open-files")),
            ("rnu", Some("run")),
            ("Health", Some("health")),
            ("env", Some("environment")),
            ("replicas", None),
            ("x", None),
        ] {
            assert_eq!(nearest(slip, words), word, "{slip}");
        }
    }
}
