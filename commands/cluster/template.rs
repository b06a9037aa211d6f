//! Templates of clusters: those that `rmq` carries, and files.

use crate::failure::{Failure, Kind};
use ::cluster::Template;

/// The name of the template that is taken without a word.
pub const DEFAULT: &str = "single";

/// What `rmq` carries: name and text.
const CARRIED: &[(&str, &str)] = &[(DEFAULT, include_str!("../../templates/single.yaml"))];

/// A template by its name or its file, with what to call it.
///
/// # Errors
/// If there is none of that name, or the file cannot be read or is none.
pub fn find(wanted: &str) -> Result<(String, Template), Failure> {
    let read = |file: &str, text: &str| Template::parse(file, text).map_err(|error| Failure::new(Kind::Usage, error));
    if let Some((name, text)) = CARRIED.iter().find(|(name, _)| *name == wanted) {
        return Ok(((*name).to_owned(), read(&format!("{name}.yaml"), text)?));
    }
    let is_file = wanted.contains('/') || wanted.ends_with(".yaml") || wanted.ends_with(".yml");
    if !is_file {
        let names: Vec<_> = CARRIED.iter().map(|(name, _)| *name).collect();
        let message =
            format!("no template is named {wanted}; there are: {}; or give a file, my.yaml", names.join(", "));
        return Err(Failure::new(Kind::Usage, message).target(wanted));
    }
    match std::fs::read_to_string(wanted) {
        Ok(text) => Ok((wanted.to_owned(), read(wanted, &text)?)),
        Err(error) => Err(Failure::new(Kind::Usage, format!("cannot read {wanted}: {error}")).target(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rmq_carries_can_be_read() {
        for (name, _) in CARRIED {
            assert!(find(name).is_ok_and(|(found, _)| found == *name), "{name}");
        }
    }

    #[test]
    fn an_unknown_template_is_told_which_there_are() {
        let failure = find("triple").err();
        assert!(failure.is_some_and(|failure| failure.message().contains("single")));
        let failure = find("./triple.yaml").err();
        assert!(failure.is_some_and(|failure| failure.message().contains("cannot read ./triple.yaml")));
    }
}
