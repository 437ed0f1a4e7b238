//! The text form of a GUID (RFC 9562).

/// Writes 128 bits as a GUID: 32 hexadecimal digits in five groups.
pub(crate) fn guid(bits: u128) -> String {
    let mut text = String::with_capacity(36);
    for place in 0_u32..32 {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let digit = (bits >> (124 - 4 * place)).to_le_bytes().first().map_or(0, |byte| byte & 15);
        text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_guid_has_five_groups() {
        let bits = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
        assert_eq!(super::guid(bits), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(super::guid(1), "00000000-0000-0000-0000-000000000001");
    }
}
