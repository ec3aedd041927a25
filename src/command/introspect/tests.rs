use super::*;
use crate::command::table::Commands;
use crate::command::testing::check;

/// What redis-server 7.0.15 answered to COMMAND: name, arity, flags, range, categories, tips, then the key specs, one
/// line a command. Flags and categories are sorted.
const REFERENCE: &str = include_str!("../../../tests/data/redis-7.0.15-commands.tsv");

/// What differs from 7.0.15 on purpose: the name, the field (`*`: all of them), and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("client|no-touch", "*", "new in 7.2"),
    ("client|setinfo", "*", "new in 7.2"),
    ("cluster|myshardid", "*", "new in 7.2"),
    ("command|getkeys", "arity", "7.2 lets a bare command through, to complain of it"),
    ("command|getkeysandflags", "arity", "as above"),
    ("delifeq", "*", "from a newer server"),
    ("digest", "*", "from a newer server"),
    ("delex", "*", "from a newer server"),
    ("waitaof", "*", "new in 7.2"),
    ("xackdel", "*", "from a newer server"),
    ("xdelex", "*", "from a newer server"),
    ("hexpire", "*", "new in 7.4"),
    ("hexpireat", "*", "new in 7.4"),
    ("hexpiretime", "*", "new in 7.4"),
    ("hgetdel", "*", "new in 8.0"),
    ("hgetex", "*", "new in 8.0"),
    ("hpersist", "*", "new in 7.4"),
    ("hpexpire", "*", "new in 7.4"),
    ("hpexpireat", "*", "new in 7.4"),
    ("hpexpiretime", "*", "new in 7.4"),
    ("hpttl", "*", "new in 7.4"),
    ("hsetex", "*", "new in 8.0"),
    ("httl", "*", "new in 7.4"),
    ("quit", "*", "7.2 lists it"),
    ("zrank", "arity", "7.2 has WITHSCORE"),
    ("zrevrank", "arity", "as above"),
];

/// Tips differ between 7.0 and 7.2 in many places, and no client of 7.0 knows those of 7.2: they aren't compared.
const COMPARED: [&str; 4] = ["arity", "flags", "range", "categories"];

fn word(search: Begin, find: Find) -> String {
    let search = match search {
        Begin::Index(index) | Begin::IndexUnless { index, .. } => format!("index {index}"),
        Begin::Keyword(word, from)
        | Begin::KeywordAmong { word, told: from, .. }
        | Begin::Option { word, told: Some(from), .. } => {
            format!("keyword {word} {from}")
        }
        Begin::Unknown | Begin::Option { told: None, .. } => "unknown".into(),
    };
    let find = match find {
        _ if search == "unknown" => "unknown".into(),
        Find::Range { last, step, limit } => format!("range {last} {step} {limit}"),
        Find::Counted { count, first, step } => format!("keynum {count} {first} {step}"),
        Find::Unknown => "unknown".into(),
    };
    format!("{search}; {find}")
}

fn fields(command: &Command) -> Vec<String> {
    let mut flags = shown_flags(command.spec);
    flags.sort_unstable();
    let mut categories: Vec<_> = acl::NAMES
        .iter()
        .filter(|(category, _)| command.categories.has(*category))
        .map(|(_, name)| format!("@{name}"))
        .collect();
    categories.sort_unstable();
    let (first, last, step) = legacy_range(command.spec.keys);
    let mut fields = vec![
        command.spec.arity.to_string(),
        flags.join(" "),
        format!("{first} {last} {step}"),
        categories.join(" "),
    ];
    for spec in command.spec.keys {
        let names = key::NAMES.iter().filter(|(flag, _)| spec.flags.has(*flag)).map(|(_, name)| *name);
        let names: Vec<_> = names.collect();
        fields.push(format!("{}; {}; {}", names.join(" "), word(spec.begin, spec.find), spec.notes));
    }
    fields
}

#[test]
fn every_command_is_what_redis_says_of_it() {
    let commands = Commands::new(&[]);
    let mut wrong = Vec::new();
    for command in commands.all() {
        let name = command.full_name;
        let excused =
            |field: &str| DIFFERENCES.iter().any(|(n, f, _)| *n == name && (*f == "*" || *f == field));
        // Redis itself has none of these.
        if excused("*") || command.spec.group == "module" {
            continue;
        }
        let Some(line) = REFERENCE.lines().find(|line| line.split('\t').next() == Some(name)) else {
            wrong.push(format!("{name}: Redis doesn't have it"));
            continue;
        };
        let parts: Vec<&str> = line.split('\t').skip(1).collect();
        let theirs = parts[..4].iter().chain(&parts[5..]);
        let ours = fields(command);
        if ours.len() != parts.len() - 1 {
            wrong.push(format!("{name}: another number of key specs"));
            continue;
        }
        for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let field = COMPARED.get(index).copied().unwrap_or("keys");
            if ours != theirs && !excused(field) {
                wrong.push(format!("{name}: {field}: {ours:?}, but Redis has {theirs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_name_is_defined_once() {
    let mut names: Vec<_> =
        crate::command::FAMILIES.iter().flat_map(|f| f.iter()).map(|spec| spec.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_command_documents_itself() {
    for command in Commands::new(&[]).all() {
        let spec = command.spec;
        assert!(spec.summary.ends_with('.'), "{}: its summary is a sentence", command.full_name);
        let brackets = |open, close| spec.syntax.matches(open).count() == spec.syntax.matches(close).count();
        assert!(brackets('[', ']') && brackets('<', '>'), "{}: {}", command.full_name, spec.syntax);
        let keys = spec.keys.iter().any(|spec| {
            !matches!(spec.begin, Begin::Unknown | Begin::Option { told: None, .. })
                && !spec.flags.has(key::INCOMPLETE)
                && !spec.flags.has(key::NOT_KEY)
        });
        if keys {
            let arguments = syntax::arguments(spec, is_subcommand(command));
            assert!(has_key(&arguments), "{}: no key in {:?}", command.full_name, spec.syntax);
        }
    }
}

fn has_key(arguments: &[syntax::Argument]) -> bool {
    arguments.iter().any(|argument| argument.key_spec.is_some() || has_key(&argument.arguments))
}

#[test]
fn errors_and_small_replies() {
    check(&[
        ("COMMAND nosuch", "-ERR unknown subcommand 'nosuch'. Try COMMAND HELP."),
        ("COMMAND INFO nosuch", "*1|$-1"),
        ("COMMAND DOCS nosuch", "*0"),
        ("COMMAND LIST x", "-ERR syntax error"),
        ("COMMAND LIST FILTERBY x y", "-ERR syntax error"),
        ("COMMAND LIST FILTERBY MODULE y", "*0"),
        ("COMMAND LIST FILTERBY PATTERN COMMAND|C*", "*1|$13|command|count"),
        ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ("COMMAND GETKEYS nosuch x", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS ping", "-ERR The command has no key arguments"),
        ("COMMAND GETKEYS get", "-ERR Invalid number of arguments specified for command"),
        ("COMMAND GETKEYS get a", "*1|$1|a"),
        ("COMMAND GETKEYS pfmerge a", "*1|$1|a"),
        ("COMMAND GETKEYSANDFLAGS set a b", "*1|*2|$1|a|*2|+OW|+update"),
        ("COMMAND GETKEYSANDFLAGS set a b get", "*1|*2|$1|a|*3|+RW|+access|+update"),
        ("COMMAND GETKEYSANDFLAGS bitfield a", "*1|*2|$1|a|*2|+RO|+access"),
        ("COMMAND GETKEYSANDFLAGS bitfield a GET u8 0", "*1|*2|$1|a|*2|+RO|+access"),
        ("COMMAND GETKEYSANDFLAGS bitfield a overflow sat get u8 0", "*1|*2|$1|a|*2|+RO|+access"),
        ("COMMAND GETKEYSANDFLAGS bitfield a GET u8 0 SET u8 0 1", "*1|*2|$1|a|*3|+RW|+access|+update"),
        ("COMMAND GETKEYSANDFLAGS bitfield a incrby u8 0 1", "*1|*2|$1|a|*3|+RW|+access|+update"),
        ("COMMAND GETKEYSANDFLAGS bitfield a GET u8", "*1|*2|$1|a|*3|+RW|+access|+update"),
    ]);
}

#[test]
fn an_entry_of_command() {
    let entry = "*1|*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|*3|+@read|+@string|+@fast|*0|*1|*6|$5|flags|*2|+RO|+access\
                 |$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_keys|*4|$4|type|$5|range|$4|spec|*6\
                 |$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0";
    check(&[("COMMAND INFO get", entry)]);
}
