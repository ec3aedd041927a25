//! Errors that functions return, in the forms that Lua has for them.

use std::borrow::Cow;
use std::ffi::c_int;

/// Why a function fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A text, behind the place in the script that called (`luaL_error`).
    Text(Cow<'static, [u8]>),
    /// A text as it is.
    Plain(Cow<'static, [u8]>),
    /// A table with `err`, which begins with `ERR` then.
    Table(Cow<'static, [u8]>),
    /// A bad argument (`luaL_argerror`).
    Argument(c_int, Cow<'static, [u8]>),
    /// An argument of the wrong type (`luaL_typerror`).
    Type(c_int, &'static str),
    /// The value on top of the stack.
    Value,
}

impl Error {
    pub(crate) const fn text(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    pub(crate) fn formatted(text: String) -> Self {
        Self::Text(Cow::Owned(text.into_bytes()))
    }

    pub(crate) const fn table(text: &'static str) -> Self {
        Self::Table(Cow::Borrowed(text.as_bytes()))
    }

    pub(crate) const fn argument(index: c_int, text: &'static str) -> Self {
        Self::Argument(index, Cow::Borrowed(text.as_bytes()))
    }
}
