//! CRC-64 with Jones' polynomial, reflected, from 0 and without a final inversion: what Redis seals values with.

/// The polynomial 0xad93d23594c935a9, its bits reversed.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[n][b]`: what byte `b` adds with `n` further bytes behind it.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut level = 1;
    while level < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[level - 1][byte];
            tables[level][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        level += 1;
    }
    tables
}

/// The sum of `bytes` behind those that `crc` is the sum of; 0 for none.
pub fn update(crc: u64, bytes: &[u8]) -> u64 {
    let mut crc = crc;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mixed = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
        crc = (0..8).fold(0, |sum, at| sum ^ TABLES[7 - at][usize::from(mixed[at])]);
    }
    rest.iter().fold(crc, |crc, byte| crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)])
}

/// The sum of all of `bytes`.
pub fn sum(bytes: &[u8]) -> u64 {
    update(0, bytes)
}

#[cfg(test)]
mod tests {
    use super::{POLYNOMIAL, sum, update};

    #[test]
    fn sums_are_those_of_the_catalogue() {
        assert_eq!(sum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(sum(b""), 0);
    }

    #[test]
    fn words_and_bytes_agree() {
        let bytes: Vec<u8> = (0..100_u32).map(|n| (n * n) as u8).collect();
        for len in 0..bytes.len() {
            let slow = bytes[..len].iter().fold(0, |crc: u64, byte| {
                (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
                    if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 }
                })
            });
            assert_eq!(sum(&bytes[..len]), slow);
            assert_eq!(update(sum(&bytes[..len / 3]), &bytes[len / 3..len]), slow);
        }
    }
}
