//! `rename-command`: which name each command has in the end, or that the lines make no sense.

use crate::command::FAMILIES;
use crate::config::{Config, LoadError};
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
            return Err(line.refuse("No such command in rename-command"));
        };
        let target = line.to.to_ascii_lowercase();
        renamed.insert(own_name, String::from_utf8_lossy(&target).into_owned());
        if !target.is_empty() && present.insert(target, own_name).is_some() {
            return Err(line.refuse("Target command name already exists"));
        }
    }
    Ok(renamed.into_iter().map(|(own, given)| (own.to_string(), given)).collect())
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
}
