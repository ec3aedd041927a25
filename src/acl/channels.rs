//! Which channels a user has after a change, and who must go for it.

use super::selector::Selector;
use super::user::User;
use dunlin_structures::glob;

/// The channels that are left to a user who has lost some.
pub struct Kept<'a>(Vec<&'a [u8]>);

/// Whether this user may listen to this channel, or to this pattern.
pub fn may_listen(user: &User, channel: &[u8], is_pattern: bool) -> bool {
    let allows = |selector: &Selector| {
        selector.has_all_channels() || match_any(selector.channels(), channel, is_pattern)
    };
    user.selectors().iter().any(allows)
}

impl<'a> Kept<'a> {
    /// `None`: whatever clients of this user listen to, they still may.
    pub fn of(before: &User, after: &'a User) -> Option<Self> {
        if after.selectors().iter().any(|selector| selector.has_all_channels()) {
            return None;
        }
        let kept: Vec<&[u8]> = after
            .selectors()
            .iter()
            .flat_map(|selector| selector.channels())
            .map(|channel| &**channel)
            .collect();
        let is_kept = |channel: &[u8]| kept.contains(&channel);
        let has_lost_none = before.selectors().iter().all(|selector| {
            !selector.has_all_channels() && selector.channels().iter().all(|channel| is_kept(channel))
        });
        (!has_lost_none).then_some(Self(kept))
    }

    /// Whether somebody who listens to this channel, or to this pattern, may go on.
    pub fn allows(&self, channel: &[u8], is_pattern: bool) -> bool {
        match_any(&self.0, channel, is_pattern)
    }
}

/// A pattern must stand among the allowed ones as it is; a channel must match one of them.
pub(super) fn match_any(allowed: &[impl AsRef<[u8]>], channel: &[u8], is_pattern: bool) -> bool {
    allowed.iter().any(|allowed| match is_pattern {
        true => allowed.as_ref() == channel,
        false => glob::matches(allowed.as_ref(), channel, false),
    })
}
