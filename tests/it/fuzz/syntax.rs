//! Requests as a command's syntax says they may be: its options in any order, some of them not there, some given again.

use super::{NUMBERS, Random, argument, kind_of};
use dunlin::command::spec::CommandSpec;

/// A piece of a syntax, in the language of redis.io.
enum Node {
    Word(String),
    Ellipsis,
    Group { optional: bool, alternatives: Vec<Vec<Node>> },
}

/// A command and what may stand behind its name.
pub(super) struct Form {
    name: Vec<Vec<u8>>,
    nodes: Vec<Node>,
}

impl Form {
    pub(super) fn new(name: &[Vec<u8>], spec: &CommandSpec) -> Self {
        let spaced: String = spec.syntax.chars().fold(String::new(), |mut text, letter| {
            match letter {
                '[' | ']' | '<' | '>' | '|' => text.extend([' ', letter, ' ']),
                _ => text.push(letter),
            }
            text
        });
        let mut words = spaced.split_ascii_whitespace();
        Self { name: name.to_vec(), nodes: read(&mut words).swap_remove(0) }
    }

    /// One of the requests that it may be, mostly.
    pub(super) fn request(&self, random: &mut Random) -> Vec<Vec<u8>> {
        let kind = kind_of(&self.name[0], random);
        let mut writer = Writer { random, kind, count: None, words: self.name.clone() };
        writer.sequence(&self.nodes);
        let mut words = writer.words;
        if random.one_in(10) {
            // Not before its name: that could be any command.
            let at = self.name.len() + random.below(words.len() - self.name.len() + 1);
            words.insert(at, argument(random));
        }
        if random.one_in(10) && words.len() > self.name.len() {
            words.truncate(words.len() - 1);
        }
        words
    }
}

/// Reads up to the end of a group, or of the text.
fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Vec<Vec<Node>> {
    let mut all = vec![Vec::new()];
    while let Some(word) = words.next() {
        let node = match word {
            "]" | ">" => break,
            "|" => {
                all.push(Vec::new());
                continue;
            }
            "[" => Node::Group { optional: true, alternatives: read(words) },
            "<" => Node::Group { optional: false, alternatives: read(words) },
            "..." => Node::Ellipsis,
            word => Node::Word(word.to_owned()),
        };
        all.last_mut().expect("there is one").push(node);
    }
    all
}

struct Writer<'r> {
    random: &'r mut Random,
    /// The letter of the type of key that it is most likely about.
    kind: u8,
    /// What was said that there would be of what comes next.
    count: Option<usize>,
    words: Vec<Vec<u8>>,
}

impl Writer<'_> {
    fn sequence(&mut self, nodes: &[Node]) {
        let mut at = 0;
        while at < nodes.len() {
            let options = nodes[at..].iter().take_while(|node| is_option(node)).count();
            if options > 0 {
                self.options(&nodes[at..at + options]);
                at += options;
                continue;
            }
            match &nodes[at] {
                Node::Word(word) => self.word(word),
                Node::Ellipsis => {}
                Node::Group { optional: true, alternatives } => self.repetition(&alternatives[0]),
                Node::Group { optional: false, alternatives } => {
                    let chosen = self.random.below(alternatives.len());
                    self.sequence(&alternatives[chosen]);
                }
            }
            at += 1;
        }
    }

    /// None, some or all of them, in any order; now and then one again.
    fn options(&mut self, options: &[Node]) {
        for _ in 0..self.random.below(options.len() + 2) {
            let chosen = self.random.below(options.len());
            if let Node::Group { alternatives, .. } = &options[chosen] {
                let alternative = self.random.below(alternatives.len());
                self.sequence(&alternatives[alternative]);
            }
        }
    }

    fn repetition(&mut self, nodes: &[Node]) {
        let times = match self.count.take() {
            Some(count) => count.saturating_sub(1),
            None => self.random.below(4),
        };
        for _ in 0..times {
            self.sequence(nodes);
        }
    }

    fn word(&mut self, word: &str) {
        let is_token = !word.contains(|letter: char| letter.is_ascii_lowercase());
        let written = match word {
            _ if is_token => word.trim_matches('"').as_bytes().to_vec(),
            "numkeys" | "numfields" | "numids" => {
                let count = 1 + self.random.below(3);
                self.count = Some(count);
                count.to_string().into_bytes()
            }
            _ if word.contains("key") || matches!(word, "source" | "destination" | "stream") => {
                vec![self.kind, b'0' + self.random.below(4) as u8]
            }
            "timeout" => b"0.01".to_vec(),
            "milliseconds" => b"5".to_vec(),
            "longitude" | "latitude" => self.random.below(85).to_string().into_bytes(),
            "group" => b"g".to_vec(),
            "consumer" => b"c".to_vec(),
            "id" | "start" | "end" | "stop" if self.random.one_in(2) => {
                self.random.pick(&["0", "-", "+", "$", ">", "*", "1-1", "0-0", "-1"]).into()
            }
            _ => match self.random.below(5) {
                0 => self.random.below(12).to_string().into_bytes(),
                1 => self.random.pick(NUMBERS).into(),
                2 => self.random.pick(&["a", "b", "c", "field", "member", "(1", "[a", "m", "km"]).into(),
                _ => argument(self.random),
            },
        };
        self.words.push(written);
    }
}

/// Whether it is there or not, and no repetition of what stands before it.
fn is_option(node: &Node) -> bool {
    let Node::Group { optional: true, alternatives } = node else { return false };
    !matches!(alternatives[0].last(), Some(Node::Ellipsis))
        || matches!(&alternatives[0][0], Node::Word(word) if word.chars().all(|c| c.is_ascii_uppercase()))
}
