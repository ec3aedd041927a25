//! Bytes, written to the end.

/// Where values are written.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
    /// Whether long strings are compressed.
    pub compresses: bool,
}

impl Writer {
    pub const fn new(compresses: bool) -> Self {
        Self { bytes: Vec::new(), compresses }
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A time in ms.
    pub fn time(&mut self, at: i64) {
        self.raw(&at.to_le_bytes());
    }

    pub fn double(&mut self, number: f64) {
        self.raw(&number.to_le_bytes());
    }

    pub fn length(&mut self, length: u64) {
        super::length::write(self, length);
    }

    pub fn string(&mut self, text: &[u8]) {
        super::string::write(self, text);
    }
}
