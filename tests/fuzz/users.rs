//! The reader of files of users: what it refuses it can say, and what it takes is written as rules that make the same
//! users.

use crate::harness::{Decoder, within_memory};
use dunlin::acl::{Catalogue, file};
use dunlin::command::table::Commands;
use dunlin::server::users;

const WHOLE: &[u8] = b"user default on nopass sanitize-payload ~* &* +@all\n\nuser alice off >secret ~a:* %R~b:* %W~c:* \
    &news:* +@read -get +config|get +select|0 (%RW~d* resetchannels -@all +set) (~e +@hash)\nuser bob on resetpass \
    #d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1 allkeys allchannels allcommands -@dangerous\n\
    user carol reset skip-sanitize-payload nocommands clearselectors resetkeys (~x\t) \r\n";

#[test]
fn files_of_users() {
    let catalogue: Catalogue = users::catalogue(&Commands::new(&[]));
    let check = |text: &[u8]| {
        // A line of a few bytes makes a user with a bit for each command.
        let read = within_memory(text.len() + (4 << 10), 256, || file::parse(&catalogue, text, "f", false));
        let users = match read {
            Err(errors) => {
                assert!(
                    errors.ends_with("no change to the previously active ACL rules was performed"),
                    "{errors}"
                );
                let words = errors.split('\'').step_by(2).collect::<String>();
                return words.chars().filter(|char| !char.is_ascii_digit()).take(120).collect();
            }
            Ok(users) => users,
        };
        let once = file::render(users.iter());
        let again = file::parse(&catalogue, &once, "f", true).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(String::from_utf8_lossy(&file::render(again.iter())), String::from_utf8_lossy(&once));
        let selectors = users.iter().map(|user| user.selectors().len()).max();
        format!("{} {selectors:?} {}", users.len().min(5), once.len().checked_ilog2().unwrap_or(0))
    };
    let mut corpus: Vec<Vec<u8>> = WHOLE.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    corpus.push(WHOLE.to_vec());
    let words: Vec<&[u8]> =
        WHOLE.split(|byte| b" \n".contains(byte)).filter(|word| !word.is_empty()).collect();
    Decoder { name: "files of users", corpus, words: &words, mend: |_, _| {}, check: &check }.run();
}
