//! Who the users are at the start: the default user with its password, the configuration's `user` lines, the file.

use crate::acl::{Catalogue, DEFAULT_USER, Entry, RuleError, SetError, User, has_spaces};
use crate::command::spec::acl;
use crate::command::table::Commands;
use crate::config::{Config, LoadError, UserLine};
use crate::state::users::{default_user, read_file};
use std::sync::LazyLock;

const ACL_FILE_ADVICE: &str = "'aclfile' takes the path of a file that is there, of lines such as ACL SAVE writes: \
                               user alice on >secret ~alice:* +@all";

/// What rules can name.
pub fn catalogue(commands: &Commands) -> Catalogue {
    static CATEGORIES: LazyLock<Vec<(u32, &'static str)>> =
        LazyLock::new(|| acl::NAMES.iter().map(|(category, name)| (category.0, *name)).collect());
    let entries = commands.all().iter().map(|command| Entry {
        name: command.full_name,
        categories: command.categories.0,
        is_subcommand: command.full_name.contains('|'),
        subcommands: command.subcommand_ids.len(),
    });
    Catalogue::new(entries.collect(), &CATEGORIES)
}

/// All users that a server of this configuration starts with; the default user is among them. Paths are relative to the
/// working directory.
///
/// # Errors
/// What is wrong with a line, or all that is wrong with the file.
pub fn resolve(config: &Config, catalogue: &Catalogue) -> Result<Vec<User>, LoadError> {
    if let (Some(_), Some(line)) = (config.acl_file(), config.users.first()) {
        return Err(line.refuse(
            "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. \
             This setup is very likely to lead to configuration errors and security holes, please define either an ACL \
             file or declare users directly in your redis.conf, but not both."
                .into(),
        ));
    }
    if let Some(path) = config.acl_file() {
        let mut users = read_file(catalogue, &path, config.acl_all_channels()).map_err(|errors| {
            let problem = format!("Aborting Redis startup because of ACL errors: {errors}");
            config.refuse("aclfile", problem, ACL_FILE_ADVICE)
        })?;
        // As in Redis the file has the last word: requirepass says nothing here.
        if !users.iter().any(|user| user.name() == DEFAULT_USER) {
            users.push(User::unlimited(catalogue));
        }
        return Ok(users);
    }
    let mut users = vec![default_user(config, catalogue)];
    for (index, line) in config.users.iter().enumerate() {
        let name = String::from_utf8_lossy(&line.name);
        if config.users[..index].iter().any(|other| other.name == line.name) {
            return Err(line.refuse(format!(
                "Error in user declaration '{name}': Duplicate user found. A user can only be defined once in config \
                 files"
            )));
        }
        if has_spaces(&line.name) {
            return Err(line.refuse("Spaces not allowed in ACL usernames".into()));
        }
        let user = from_line(config, catalogue, line)?;
        if !user.is_on() {
            tracing::info!(
                "The user '{name}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error."
            );
        }
        users.retain(|known| known.name() != user.name());
        users.push(user);
    }
    Ok(users)
}

fn from_line(config: &Config, catalogue: &Catalogue, line: &UserLine) -> Result<User, LoadError> {
    let rules: Vec<&[u8]> = line.rules.iter().map(Vec::as_slice).collect();
    let all_channels = config.acl_all_channels();
    let user = User::new(catalogue, &line.name, all_channels).changed(catalogue, &rules, all_channels);
    user.map_err(|error| {
        line.refuse(match error {
            SetError::Unmatched { start } => {
                let start = String::from_utf8_lossy(&start);
                format!("Error in user declaration '{start}': Unmatched parenthesis in acl selector")
            }
            SetError::Rule { rule, error: error @ RuleError::Unknown } => {
                let (rule, name) = (String::from_utf8_lossy(&rule), String::from_utf8_lossy(&line.name));
                format!("Error loading ACL rule '{rule}' for the user named '{name}': {error}")
            }
            SetError::Rule { rule, error } => {
                format!("Error in user declaration '{}': {error}", String::from_utf8_lossy(&rule))
            }
        })
    })
}
