//! What is said about a mistake: its place in the text, and the word that was probably meant.

/// Serde points at the mapping or list that holds a wrong word; this finds the word itself, which is the first one
/// in backticks, as a key if it `is_key`. Of what is there twice, the second is the wrong one.
pub(super) fn exact_place(text: &str, (line, column): (usize, usize), said: &str, is_key: bool) -> (usize, usize) {
    let Some(word) = said.split('`').nth(1).filter(|word| !word.is_empty()) else { return (line, column) };
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut places = text.lines().enumerate().skip(line - 1).flat_map(|(at, content)| {
        let code = content.split('#').next().unwrap_or_default();
        let from = if at + 1 == line { column } else { 1 };
        code.match_indices(word)
            .filter(|(start, _)| {
                let rest = &code[start + word.len()..];
                let is_word = !code[..*start].ends_with(part_of_word) && !rest.starts_with(part_of_word);
                is_word && (!is_key || rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
            })
            .map(|(start, _)| code[..start].chars().count() + 1)
            .filter(move |column| *column >= from)
            .map(move |column| (at + 1, column))
            .collect::<Vec<_>>()
    });
    let twice = usize::from(said.contains("duplicate") || said.contains("twice"));
    places.nth(twice).unwrap_or((line, column))
}

/// Serde's words without what the place says already, and with the nearest word instead of a list alone.
pub(super) fn what_is_wrong(said: &str) -> String {
    let said = said.split(" at line ").next().unwrap_or(said);
    let mut words = said.split('`').skip(1).step_by(2);
    let unknown = said.contains("unknown field").then(|| words.next()).flatten();
    let Some(unknown) = unknown else { return said.to_owned() };
    let known: Vec<&str> = words.collect();
    let hint = nearest(unknown, known.iter().copied()).map(|word| format!(", did you mean `{word}`?"));
    let hint = hint.unwrap_or_default();
    format!("unknown word `{unknown}`{hint} (known here: {})", known.join(", "))
}

/// The known word that an unknown one resembles most, if any does.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |word: &str| (strsim::normalized_damerau_levenshtein(word, unknown) * 100.0) as u32;
    known.into_iter().max_by_key(|word| likeness(word)).filter(|word| likeness(word) > 40)
}
