//! What a script says of itself: `#!lua flags=...`, or the flags of a function.

use crate::config::quote;
use crate::resp::text;

/// A set of flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ScriptFlags(pub u32);

pub const NO_WRITES: ScriptFlags = ScriptFlags(1 << 0);
pub const ALLOW_OOM: ScriptFlags = ScriptFlags(1 << 1);
pub const ALLOW_STALE: ScriptFlags = ScriptFlags(1 << 2);
pub const NO_CLUSTER: ScriptFlags = ScriptFlags(1 << 3);
pub const ALLOW_CROSS_SLOT: ScriptFlags = ScriptFlags(1 << 4);
/// Not a flag of anybody's: the script says nothing of itself, as scripts did before Redis 7.
pub const SILENT: ScriptFlags = ScriptFlags(1 << 8);

pub const NAMES: &[(ScriptFlags, &str)] = &[
    (NO_WRITES, "no-writes"),
    (ALLOW_OOM, "allow-oom"),
    (ALLOW_STALE, "allow-stale"),
    (NO_CLUSTER, "no-cluster"),
    (ALLOW_CROSS_SLOT, "allow-cross-slot-keys"),
];

impl ScriptFlags {
    pub const fn has(self, other: ScriptFlags) -> bool {
        self.0 & other.0 != 0
    }

    pub fn add(&mut self, other: ScriptFlags) {
        self.0 |= other.0;
    }

    pub fn named(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(_, known)| known.as_bytes() == name).map(|(flag, _)| *flag)
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

/// Reads a script's first line. Returns its flags, and how long that line is without its end.
///
/// # Errors
/// For the client, without a code word.
pub fn of_script(body: &[u8]) -> Result<(ScriptFlags, usize), String> {
    if !body.starts_with(b"#!") {
        return Ok((SILENT, 0));
    }
    let Some(end) = memchr::memchr(b'\n', body) else { return Err("Invalid script shebang".into()) };
    let parts = quote::split(&body[..end]).unwrap_or_default();
    let Some((engine, options)) = parts.split_first() else {
        return Err("Invalid engine in script shebang".into());
    };
    if engine != b"#!lua" {
        return Err(format!("Unexpected engine in script shebang: {}", text::shown(engine)));
    }
    let mut flags = ScriptFlags::default();
    for option in options {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", text::shown(option)));
        };
        if names.is_empty() {
            continue;
        }
        for name in names.split(|byte| *byte == b',') {
            match ScriptFlags::named(name) {
                Some(flag) => flags.add(flag),
                None => {
                    let name = text::shown(name);
                    return Err(format!("Unexpected flag in script shebang: {name}"));
                }
            }
        }
    }
    Ok((flags, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        let check = |body: &str, expect: Result<(u32, usize), &str>| {
            let found = of_script(body.as_bytes());
            assert_eq!(found.map(|(flags, len)| (flags.0, len)), expect.map_err(String::from), "{body}");
        };
        check("return 1", Ok((SILENT.0, 0)));
        check("#!lua\nreturn 1", Ok((0, 5)));
        check("#!lua flags=no-writes,allow-oom\n", Ok((3, 31)));
        check("#!lua", Err("Invalid script shebang"));
        check("#!not-lua\n", Err("Unexpected engine in script shebang: #!not-lua"));
        check("#!lua badger=data\n", Err("Unknown lua shebang option: badger=data"));
        check("#!lua flags=allow-oom,what?\n", Err("Unexpected flag in script shebang: what?"));
    }
}
