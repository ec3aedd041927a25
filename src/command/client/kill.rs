//! CLIENT KILL, in its old form (an address) and its new one (filters).

use super::list::ClientType;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, text};
use crate::state::clients::Client;

/// Who is meant: what is not given doesn't matter.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    address: Option<String>,
    local_address: Option<String>,
    user: Option<Vec<u8>>,
    kind: Option<ClientType>,
    /// At least so many seconds old.
    age_s: Option<i64>,
    may_be_me: bool,
}

impl Filter {
    fn parse(cx: &Context<'_>, args: &mut Args<'_>) -> Result<Self, CommandError> {
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        let mut filter = Self::default();
        while let Some(option) = args.next() {
            let value = args.required()?;
            match option.to_ascii_lowercase().as_slice() {
                b"id" => {
                    let id = dunlin_structures::number::parse_i64(value).filter(|&id| id > 0);
                    let id = id.ok_or(CommandError::text("client-id should be greater than 0"))?;
                    filter.id = Some(id.unsigned_abs());
                }
                b"maxage" => {
                    const NOT_AN_AGE: CommandError =
                        CommandError::text("maxage is not an integer or out of range");
                    let age_s = dunlin_structures::number::parse_i64(value).ok_or(NOT_AN_AGE)?;
                    if age_s <= 0 {
                        return Err(CommandError::text("maxage should be greater than 0"));
                    }
                    filter.age_s = Some(age_s);
                }
                b"type" => filter.kind = Some(ClientType::parse(value)?),
                b"addr" => filter.address = text(value),
                b"laddr" => filter.local_address = text(value),
                b"user" if cx.server.users.find(value).is_some() => filter.user = Some(value.to_vec()),
                b"user" => {
                    let name = text::shown(value);
                    return Err(CommandError::formatted(format!("No such user '{name}'")));
                }
                b"skipme" => match value.to_ascii_lowercase().as_slice() {
                    b"yes" => filter.may_be_me = false,
                    b"no" => filter.may_be_me = true,
                    _ => return Err(CommandError::Syntax),
                },
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(filter)
    }

    fn means(&self, client: &Client, now: i64) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.address.as_ref().is_none_or(|address| *address == client.address.to_string())
            && self.local_address.as_ref().is_none_or(|address| *address == client.local_address.to_string())
            && self.user.as_ref().is_none_or(|user| **user == *client.user().name())
            && self.kind.is_none_or(|kind| kind == ClientType::of(client))
            && self.age_s.is_none_or(|age_s| now / 1000 - client.connected_at / 1000 >= age_s)
    }
}

pub(super) fn kill(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let is_old_form = args.len() == 3;
    let filter = if is_old_form {
        let address = Some(String::from_utf8_lossy(args.at(2)).into_owned());
        // In the old form a client may end itself.
        Filter { address, may_be_me: true, ..Filter::default() }
    } else {
        Filter::parse(cx, args)?
    };
    let mut killed = 0;
    let now = cx.now();
    for client in cx.server.clients.list().iter().filter(|client| filter.means(client, now)) {
        if client.id == cx.session.client.id {
            if !filter.may_be_me {
                continue;
            }
            cx.session.closing = true;
        } else {
            client.kill();
            // Its worker will come to it in a moment; from now on nobody sees it any more.
            cx.server.clients.remove(client.id);
        }
        killed += 1;
    }
    match (is_old_form, killed) {
        (true, 0) => return Err(CommandError::text("No such client")),
        (true, _) => cx.reply.ok(),
        (false, _) => cx.reply.integer(killed),
    }
    Ok(())
}
