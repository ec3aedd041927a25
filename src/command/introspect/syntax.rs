//! Reads a spec's `syntax` and makes the tree of arguments that COMMAND DOCS shows.
//!
//! The language is that of redis.io: `[..]` is optional, `<..>` groups, `|` separates alternatives, words in capitals
//! are tokens, other words are arguments. `[word ...]` behind the same word says that it may be repeated. Types follow
//! from names, and from the key specs for keys. Pure: strings in, tree out; what it can't read it shows as strings.

use crate::command::spec::{Begin, CommandSpec, Find, KeySpec, key};

/// One argument as COMMAND DOCS shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub name: String,
    /// `key`, `string`, `integer`, `double`, `pattern`, `unix-time`, `pure-token`, `oneof` or `block`.
    pub kind: &'static str,
    /// The word that announces it.
    pub token: Option<String>,
    /// Which of the command's key specs finds it.
    pub key_spec: Option<usize>,
    pub optional: bool,
    pub multiple: bool,
    /// The token is repeated with each repetition.
    pub multiple_token: bool,
    /// Of a `oneof` or a `block`.
    pub arguments: Vec<Argument>,
}

impl Argument {
    fn new(name: impl Into<String>, kind: &'static str) -> Self {
        Self {
            name: name.into(),
            kind,
            token: None,
            key_spec: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: Vec::new(),
        }
    }

    fn group(name: impl Into<String>, kind: &'static str, arguments: Vec<Argument>) -> Self {
        Self { arguments, ..Self::new(name, kind) }
    }
}

/// The arguments of a command. `is_subcommand` moves the positions that key specs count by one.
pub(super) fn arguments(spec: &CommandSpec, is_subcommand: bool) -> Vec<Argument> {
    let mut reader = Reader { words: tokens(spec.syntax), next: 0 };
    let nodes = reader.alternatives().into_iter().next().unwrap_or_default();
    let mut builder = Builder { spec, position: Some(if is_subcommand { 2 } else { 1 }), keyword: None };
    builder.sequence(&nodes)
}

/// A piece of syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Word(String),
    Ellipsis,
    /// Whether it is optional, and its alternatives.
    Group(bool, Vec<Vec<Node>>),
}

fn tokens(syntax: &str) -> Vec<String> {
    let mut spaced = String::new();
    for letter in syntax.chars() {
        match letter {
            '[' | ']' | '<' | '>' | '|' => spaced.extend([' ', letter, ' ']),
            _ => spaced.push(letter),
        }
    }
    spaced.split_ascii_whitespace().map(str::to_owned).collect()
}

struct Reader {
    words: Vec<String>,
    next: usize,
}

impl Reader {
    /// Reads up to the end of the group, or of the text.
    fn alternatives(&mut self) -> Vec<Vec<Node>> {
        let mut all = vec![Vec::new()];
        while let Some(word) = self.words.get(self.next).cloned() {
            self.next += 1;
            let node = match word.as_str() {
                "]" | ">" => break,
                "|" => {
                    all.push(Vec::new());
                    continue;
                }
                "[" => Node::Group(true, self.alternatives()),
                "<" => Node::Group(false, self.alternatives()),
                "..." => Node::Ellipsis,
                _ => Node::Word(word),
            };
            if let Some(last) = all.last_mut() {
                last.push(node);
            }
        }
        all
    }
}

struct Builder<'s> {
    spec: &'s CommandSpec,
    /// The index of the next argument, as long as all before it are fixed.
    position: Option<u16>,
    /// The token that announces the next argument.
    keyword: Option<String>,
}

impl Builder<'_> {
    fn sequence(&mut self, nodes: &[Node]) -> Vec<Argument> {
        let mut out: Vec<Argument> = Vec::new();
        let mut at = 0;
        while let Some(node) = nodes.get(at) {
            at += 1;
            match node {
                Node::Word(word) if is_token(word) => {
                    let values =
                        nodes[at..].iter().take_while(|n| matches!(n, Node::Word(w) if !is_token(w)));
                    let count = values.count();
                    out.push(self.announced(word, &nodes[at..at + count], nodes.get(at + count), &mut at));
                    at += count;
                }
                Node::Word(word) => out.push(self.leaf(word)),
                Node::Ellipsis => {
                    if let Some(last) = out.last_mut() {
                        last.multiple = true;
                    }
                }
                Node::Group(true, alternatives) if is_repetition(alternatives) => {
                    self.repeat(&mut out, &alternatives[0]);
                }
                Node::Group(optional, alternatives) => {
                    let before = self.position;
                    let mut argument = self.group(alternatives);
                    argument.optional = *optional;
                    self.position = if *optional { None } else { before.map(|position| position + 1) };
                    out.push(argument);
                }
            }
        }
        out
    }

    /// A token with the words or the group behind it. Moves `at` past a group that it took.
    fn announced(&mut self, token: &str, values: &[Node], behind: Option<&Node>, at: &mut usize) -> Argument {
        self.position = self.position.map(|position| position + 1);
        self.keyword = Some(token.to_owned());
        let mut argument = match (values, behind) {
            ([], Some(Node::Group(false, alternatives))) => {
                *at += 1;
                self.group(alternatives)
            }
            ([], _) => Argument::new(token.to_ascii_lowercase(), "pure-token"),
            ([Node::Word(only)], _) => self.leaf(only),
            _ => Argument::group(token.to_ascii_lowercase(), "block", self.sequence(values)),
        };
        self.keyword = None;
        argument.token = Some(token.to_owned());
        argument
    }

    fn leaf(&mut self, word: &str) -> Argument {
        let word = word.trim_matches('"');
        let key_spec = self.spec.keys.iter().position(|spec| self.finds(spec));
        let mut argument = Argument::new(word, kind_of(word, self.spec));
        if key_spec.is_some() {
            argument.kind = "key";
            argument.key_spec = key_spec;
            // The keys stand right behind it.
            self.keyword = None;
        }
        self.position = self.position.map(|position| position + 1);
        argument
    }

    /// Whether this spec's keys begin at the argument that comes next.
    fn finds(&self, spec: &KeySpec) -> bool {
        if spec.flags.has(key::NOT_KEY) {
            return false;
        }
        match (spec.begin, spec.find, self.position) {
            (
                Begin::Keyword(word, _) | Begin::KeywordAmong { word, .. } | Begin::Option { word, .. },
                _,
                _,
            ) => self.keyword.as_deref().is_some_and(|k| k.eq_ignore_ascii_case(word)),
            (Begin::Index(index), Find::Counted { first, .. }, Some(position)) => position == index + first,
            (Begin::Index(index), Find::Range { last, step: 1, .. }, Some(position)) if last > 0 => {
                (index..=index + last as u16).contains(&position)
            }
            (Begin::Index(index) | Begin::IndexUnless { index, .. }, _, Some(position)) => position == index,
            _ => false,
        }
    }

    fn group(&mut self, alternatives: &[Vec<Node>]) -> Argument {
        let keyword = self.keyword.take();
        let mut arguments: Vec<Argument> = Vec::new();
        for alternative in alternatives {
            let position = self.position;
            self.keyword.clone_from(&keyword);
            let mut parts = self.sequence(alternative);
            self.position = position;
            let part = match parts.len() {
                1 => parts.remove(0),
                _ => {
                    let name = parts.first().map_or("block".into(), |part| part.name.clone());
                    Argument::group(name, "block", parts)
                }
            };
            arguments.push(part);
        }
        match arguments.len() {
            1 => arguments.remove(0),
            _ => Argument::group(name_of_choice(&arguments), "oneof", arguments),
        }
    }

    /// The last arguments may be given again: one gets a flag, several become a block.
    fn repeat(&mut self, out: &mut Vec<Argument>, again: &[Node]) {
        self.position = None;
        let words = again.iter().filter(|node| !matches!(node, Node::Ellipsis)).count();
        let has_token = matches!(again.first(), Some(Node::Word(word)) if is_token(word));
        let parts = if has_token { 1 } else { words };
        match out.len().checked_sub(parts) {
            Some(_) if parts == 1 => {
                if let Some(last) = out.last_mut() {
                    last.multiple = true;
                    last.multiple_token = has_token;
                }
            }
            Some(first) => {
                let arguments = out.split_off(first);
                let mut block = Argument::group("data", "block", arguments);
                block.multiple = true;
                out.push(block);
            }
            None => {}
        }
    }
}

/// `[word ...]`.
fn is_repetition(alternatives: &[Vec<Node>]) -> bool {
    let [only] = alternatives else { return false };
    only.last() == Some(&Node::Ellipsis) && only.iter().all(|node| !matches!(node, Node::Group(..)))
}

fn is_token(word: &str) -> bool {
    matches!(word, "*" | "=" | "~" | "$")
        || word.contains(|c: char| c.is_ascii_uppercase()) && !word.contains(|c: char| c.is_ascii_lowercase())
}

/// What to call a choice, after what is offered.
fn name_of_choice(arguments: &[Argument]) -> String {
    let offers = |token: &str| arguments.iter().any(|argument| argument.token.as_deref() == Some(token));
    if offers("NX") {
        "condition".into()
    } else if offers("EX") || offers("PERSIST") {
        "expiration".into()
    } else if offers("SYNC") {
        "flush-type".into()
    } else if arguments.iter().all(|argument| argument.kind == "pure-token") {
        arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("-")
    } else {
        "filter".into()
    }
}

/// The type of an argument that is no key, by its name.
fn kind_of(name: &str, spec: &CommandSpec) -> &'static str {
    match (spec.group, name) {
        // IDs of streams have two parts.
        ("stream", "id" | "start" | "end") => return "string",
        ("stream", "ms" | "entries-read" | "entries-added") => return "integer",
        ("stream", "min-idle-time") if spec.name == "xpending" => return "integer",
        ("module", "width" | "depth" | "topk" | "compression" | "reverse_rank") => return "integer",
        ("module", "error" | "probability" | "decay" | "quantile" | "weight") => return "double",
        ("module", "low_cut_quantile" | "high_cut_quantile") => return "double",
        ("module", "value") if spec.name.starts_with("tdigest.") => return "double",
        _ => {}
    }
    const INTEGERS: &[&str] = &[
        "milliseconds",
        "seconds",
        "timeout",
        "count",
        "cursor",
        "index",
        "index1",
        "index2",
        "offset",
        "start",
        "end",
        "stop",
        "db",
        "destination-db",
        "decrement",
        "numkeys",
        "port",
        "version",
        "client-id",
        "bit",
        "len",
        "min-match-len",
        "ttl",
        "protover",
        "element-count",
        "numreplicas",
        "numlocal",
        "id",
        "rank",
        "num-matches",
        "limit",
        "millisecond-timestamp",
        "capacity",
    ];
    const DOUBLES: &[&str] = &[
        "longitude",
        "latitude",
        "radius",
        "score",
        "width",
        "height",
        "min-score",
        "max-score",
        "error-rate",
    ];
    match name {
        "increment" => match spec.name {
            "incrbyfloat" | "hincrbyfloat" | "zincrby" => "double",
            _ => "integer",
        },
        "pattern" => "pattern",
        "weight" => "integer",
        _ if name.starts_with("unix-time") => "unix-time",
        _ if INTEGERS.contains(&name) => "integer",
        _ if DOUBLES.contains(&name) => "double",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::spec::KeySpec;

    /// A short notation: `name:type`, `=TOKEN`, `#key spec`, `?` optional, `+` multiple, `(..)` inside.
    fn show(arguments: &[Argument]) -> String {
        let show_one = |argument: &Argument| {
            let mut text = format!("{}:{}", argument.name, argument.kind);
            if let Some(token) = &argument.token {
                text += &format!("={token}");
            }
            if let Some(spec) = argument.key_spec {
                text += &format!("#{spec}");
            }
            text += if argument.optional { "?" } else { "" };
            text += if argument.multiple { "+" } else { "" };
            text += if argument.multiple_token { "+" } else { "" };
            if !argument.arguments.is_empty() {
                text += &format!("({})", show(&argument.arguments));
            }
            text
        };
        arguments.iter().map(show_one).collect::<Vec<_>>().join(" ")
    }

    fn check(syntax: &'static str, keys: &'static [KeySpec], expect: &str) {
        let spec = CommandSpec { name: "test", syntax, keys, ..CommandSpec::BLANK };
        assert_eq!(show(&arguments(&spec, false)), expect, "{syntax}");
    }

    #[test]
    fn syntaxes_become_trees() {
        const ONE: &[KeySpec] = &[KeySpec::one(1, key::RO)];
        const TWO: &[KeySpec] = &[KeySpec::one(1, key::RO), KeySpec::one(2, key::OW)];
        const ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1, key::RO)];
        const PAIRS: &[KeySpec] = &[KeySpec::range(1, -1, 2, key::OW)];
        check("", &[], "");
        check("[message]", &[], "message:string?");
        check("key [key ...]", ALL, "key:key#0+");
        check("key value [key value ...]", PAIRS, "data:block+(key:key#0 value:string)");
        check("[event [event ...]]", &[], "event:string?+");
        check(
            "source destination [DB destination-db] [REPLACE]",
            TWO,
            "source:key#0 destination:key#1 destination-db:integer=DB? replace:pure-token=REPLACE?",
        );
        check(
            "key value [NX | XX] [GET] [EX seconds | PXAT unix-time-milliseconds | KEEPTTL]",
            ONE,
            "key:key#0 value:string condition:oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET? \
             expiration:oneof?(seconds:integer=EX unix-time-milliseconds:unix-time=PXAT keepttl:pure-token=KEEPTTL)",
        );
        check(
            "[TYPE <NORMAL | PUBSUB>] [ID client-id [client-id ...]]",
            &[],
            "normal-pubsub:oneof=TYPE?(normal:pure-token=NORMAL pubsub:pure-token=PUBSUB) client-id:integer=ID?+",
        );
        check("[GET pattern [GET pattern ...]]", &[], "pattern:pattern=GET?++");
        check("key [LIMIT offset count]", ONE, "key:key#0 limit:block=LIMIT?(offset:integer count:integer)");
        const STREAMS: &[KeySpec] = &[KeySpec {
            notes: "",
            flags: key::RO,
            begin: Begin::Keyword("STREAMS", 1),
            find: Find::Range { last: -1, step: 1, limit: 2 },
        }];
        check(
            "[MAXLEN [= | ~] threshold] STREAMS <key [key ...] id [id ...]>",
            STREAMS,
            "maxlen:block?(maxlen:pure-token=MAXLEN =-~:oneof?(=:pure-token== ~:pure-token=~) threshold:string) \
             key:block=STREAMS(key:key#0+ id:integer+)",
        );
        check("][ <<> |", &[], "");
    }
}
