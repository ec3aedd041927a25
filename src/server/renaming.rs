//! `rename-command`: which name each command has in the end, or that the lines make no sense.

use crate::command::FAMILIES;
use crate::config::{Config, LoadError, settings};
use std::collections::HashMap;

/// Follows the lines in their order, as Redis does: pairs of a command's own name and the name it is given (empty:
/// it is taken away).
///
/// # Errors
/// A line that renames what is not there, or onto a name that is taken.
pub fn resolve(config: &Config) -> Result<Vec<(String, String)>, LoadError> {
    let own_names = FAMILIES.iter().flat_map(|family| family.iter()).map(|spec| spec.name);
    let mut present: HashMap<Vec<u8>, &'static str> = own_names.map(|name| (name.into(), name)).collect();
    let mut renamed: HashMap<&'static str, String> = HashMap::new();
    for line in &config.renamings {
        let Some(own_name) = present.remove(line.from.to_ascii_lowercase().as_slice()) else {
            return Err(line.refuse("No such command in rename-command", advice(&line.from, &present)));
        };
        let target = line.to.to_ascii_lowercase();
        renamed.insert(own_name, String::from_utf8_lossy(&target).into_owned());
        if !target.is_empty() && present.insert(target, own_name).is_some() {
            let name = String::from_utf8_lossy(&line.to).into_owned();
            let advice = format!(
                "'{name}' is a command: take a name that is none, or \"\" to take '{own_name}' away."
            );
            return Err(line.refuse("Target command name already exists", advice));
        }
    }
    Ok(renamed.into_iter().map(|(own, given)| (own.to_string(), given)).collect())
}

/// What would be right in place of a name that no command has.
fn advice(name: &[u8], present: &HashMap<Vec<u8>, &'static str>) -> String {
    let shown = String::from_utf8_lossy(name);
    // A subcommand has no name of its own, and what was renamed answers to its new name.
    let mut names: Vec<&str> = present.keys().filter_map(|name| std::str::from_utf8(name).ok()).collect();
    names.sort_unstable();
    match settings::nearest_of(name, names.into_iter()) {
        Some(nearest) => format!("There is no '{shown}': did you mean '{nearest}'?"),
        None => format!("There is no '{shown}': take the line away, or see COMMAND LIST for what there is."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loader, Machine, Source};

    fn check(text: &str, expect: Result<&[(&str, &str)], &str>) {
        let mut loader = Loader::new(&Machine { cores: 1, directory: "/".into() });
        loader.text(Source::StandardInput, text.as_bytes()).expect("the lines are whole");
        let mut found = resolve(&loader.finish()).map_err(|error| error.problem);
        if let Ok(pairs) = &mut found {
            pairs.sort();
        }
        let expect = expect.map_err(str::to_string).map(|pairs| {
            pairs.iter().map(|(own, given)| ((*own).to_string(), (*given).to_string())).collect::<Vec<_>>()
        });
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn lines_are_followed_in_order() {
        check("", Ok(&[]));
        check("rename-command GET fetch", Ok(&[("get", "fetch")]));
        check("rename-command get a\nrename-command A b", Ok(&[("get", "b")]));
        check("rename-command get \"\"\nrename-command set get", Ok(&[("get", ""), ("set", "get")]));
        check("rename-command nothing x", Err("No such command in rename-command"));
        check("rename-command set get", Err("Target command name already exists"));
        check("rename-command get x\nrename-command get y", Err("No such command in rename-command"));
    }

    #[test]
    fn what_would_be_right_is_said() {
        for (text, expect) in [
            ("rename-command gte x", "There is no 'gte': did you mean 'get'?"),
            (
                "rename-command nothing x",
                "There is no 'nothing': take the line away, or see COMMAND LIST for what there is.",
            ),
            (
                "rename-command set get",
                "'get' is a command: take a name that is none, or \"\" to take 'set' away.",
            ),
        ] {
            let mut loader = Loader::new(&Machine { cores: 1, directory: "/".into() });
            loader.text(Source::StandardInput, text.as_bytes()).expect("the lines are whole");
            let error = resolve(&loader.finish()).expect_err("it makes no sense");
            assert_eq!(error.advice.as_deref(), Some(expect));
        }
    }
}
