//! Publish and subscribe. Who has subscribed to what is in [`crate::hub`].

pub mod look;
pub mod publish;
pub mod subscribe;

#[cfg(test)]
mod tests;
