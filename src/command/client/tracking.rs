//! CLIENT TRACKING and its kin: client-side caching, see [`crate::hub::tracking`].

use crate::command::{CommandResult, Context};
use crate::hub::channels::Name;
use crate::hub::tracking::{self, Tracking};
use crate::resp::{Args, CommandError, text};
use crate::session::gate;

pub(super) fn tracking(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(3);
    let mut wish = Tracking::default();
    let mut prefixes: Vec<&[u8]> = Vec::new();
    while let Some(option) = args.next() {
        let has_more = args.remaining() > 0;
        match option.to_ascii_lowercase().as_slice() {
            b"redirect" if has_more => {
                if wish.redirect.is_some() {
                    return Err(CommandError::text("A client can only redirect to a single other client"));
                }
                let id = args.integer()?;
                let id = u64::try_from(id).ok().filter(|id| cx.server.clients.get(*id).is_some());
                let missing = CommandError::text("The client ID you want redirect to does not exist");
                wish.redirect = Some(id.ok_or(missing)?);
            }
            b"bcast" => wish.broadcast = true,
            b"optin" => wish.opt_in = true,
            b"optout" => wish.opt_out = true,
            b"noloop" => wish.no_loop = true,
            b"prefix" if has_more => prefixes.push(args.required()?),
            _ => return Err(CommandError::Syntax),
        }
    }
    if args.is(2, "on") {
        check(cx, &wish, &prefixes)?;
        if wish.broadcast && prefixes.is_empty() {
            prefixes.push(b"");
        }
        wish.prefixes = prefixes.into_iter().map(Name::from).collect();
        tracking::enable(cx.server, &cx.session.client, wish);
        cx.session.gates |= gate::TRACKING;
    } else if args.is(2, "off") {
        off(cx);
    } else {
        return Err(CommandError::Syntax);
    }
    cx.reply.ok();
    Ok(())
}

/// Has the client hear no more of changes.
pub fn off(cx: &mut Context<'_>) {
    tracking::disable(cx.server, &cx.session.client);
    cx.session.gates &= !gate::TRACKING;
    cx.session.caching = false;
}

/// Whether the options go together, and with what the client has asked for before.
fn check(cx: &Context<'_>, wish: &Tracking, prefixes: &[&[u8]]) -> CommandResult {
    let text = |text| Err(CommandError::text(text));
    if !wish.broadcast && !prefixes.is_empty() {
        return text("PREFIX option requires BCAST mode to be enabled");
    }
    let before = cx.session.client.tracking.lock();
    if before.as_ref().is_some_and(|before| before.broadcast != wish.broadcast) {
        return text(
            "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with \
             a different mode.",
        );
    }
    if wish.broadcast && (wish.opt_in || wish.opt_out) {
        return text("OPTIN and OPTOUT are not compatible with BCAST");
    }
    if wish.opt_in && wish.opt_out {
        return text("You can't specify both OPTIN mode and OPTOUT mode");
    }
    let switches = |before: &Tracking| wish.opt_in && before.opt_out || wish.opt_out && before.opt_in;
    if before.as_ref().is_some_and(|before| switches(before)) {
        return text(
            "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a \
             different mode.",
        );
    }
    for (index, prefix) in prefixes.iter().enumerate() {
        let overlaps = |other: &[u8]| other.starts_with(prefix) || prefix.starts_with(other);
        let known = before.iter().flat_map(|before| before.prefixes.iter());
        if let Some(other) = known.map(|known| &**known).find(|known| overlaps(known)) {
            return Err(overlap(prefix, "an existing prefix", other));
        }
        if let Some(other) = prefixes[index + 1..].iter().find(|other| overlaps(other)) {
            return Err(overlap(prefix, "another provided prefix", other));
        }
    }
    Ok(())
}

fn overlap(prefix: &[u8], what: &str, other: &[u8]) -> CommandError {
    let (prefix, other) = (text::shown(prefix), text::shown(other));
    CommandError::formatted(format!(
        "Prefix '{prefix}' overlaps with {what} '{other}'. Prefixes for a single client must not overlap."
    ))
}

pub(super) fn caching(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (opt_in, opt_out) = match cx.session.client.tracking.lock().as_ref() {
        Some(tracking) => (tracking.opt_in, tracking.opt_out),
        None => {
            return Err(CommandError::text(
                "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
            ));
        }
    };
    if args.is(2, "yes") {
        if !opt_in {
            return Err(CommandError::text(
                "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
    } else if args.is(2, "no") {
        if !opt_out {
            return Err(CommandError::text(
                "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
    } else {
        return Err(CommandError::Syntax);
    }
    cx.session.caching = true;
    cx.reply.ok();
    Ok(())
}

pub(super) fn getredir(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let redirect = redirect(cx.session.client.tracking.lock().as_deref());
    cx.reply.integer(redirect);
    Ok(())
}

/// As Redis tells it: 0 for nobody else, -1 for a client that does not track.
pub(super) fn redirect(tracking: Option<&Tracking>) -> i64 {
    tracking.map_or(-1, |tracking| tracking.redirect.unwrap_or(0).cast_signed())
}

pub(super) fn trackinginfo(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let tracking = cx.session.client.tracking.lock().as_deref().cloned();
    let is_on = tracking.is_some();
    let redirect = redirect(tracking.as_ref());
    let tracking = tracking.unwrap_or_default();
    let caching = cx.session.caching;
    let flags = [
        (is_on, "on"),
        (!is_on, "off"),
        (tracking.broadcast, "bcast"),
        (tracking.opt_in, "optin"),
        (tracking.opt_in && caching, "caching-yes"),
        (tracking.opt_out, "optout"),
        (tracking.opt_out && caching, "caching-no"),
        (tracking.no_loop, "noloop"),
        (tracking.broken_redirect, "broken_redirect"),
    ];
    let reply = &mut cx.reply;
    reply.map(3);
    reply.bulk_str("flags");
    reply.set(flags.iter().filter(|(is_set, _)| *is_set).count());
    flags.iter().filter(|(is_set, _)| *is_set).for_each(|(_, name)| reply.bulk_str(name));
    reply.bulk_str("redirect");
    reply.integer(redirect);
    reply.bulk_str("prefixes");
    reply.array(tracking.prefixes.len());
    tracking.prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

#[cfg(test)]
mod tests;
