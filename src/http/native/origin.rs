//! Origins, as browsers write them (RFC 6454, section 6.2).

use super::OriginError;

/// Schemes of which a browser says `null`, because their pages have no origin.
const OPAQUE: [&str; 5] = ["about", "blob", "data", "file", "javascript"];

/// Reads an origin that an operator wrote, into the form that browsers send.
pub(super) fn parse(text: &str) -> Result<String, OriginError> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or(OriginError)?;
    let mut letters = scheme.bytes();
    let named = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        });
    if !named || OPAQUE.contains(&scheme) {
        return Err(OriginError);
    }
    let (host, port) = split(authority)?;
    let standard = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Ok(match port.filter(|port| Some(*port) != standard) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Host and port. An IPv6 address stands in brackets.
fn split(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let end = match authority.strip_prefix('[') {
        Some(inner) => {
            let (address, _) = inner.split_once(']').ok_or(OriginError)?;
            address.parse::<core::net::Ipv6Addr>().map_err(|_| OriginError)?;
            address.len().saturating_add(2)
        }
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end).ok_or(OriginError)?;
    let plain = host.starts_with('[')
        || host.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
        });
    if host.is_empty() || !plain {
        return Err(OriginError);
    }
    match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(port.parse().map_err(|_| OriginError)?)))
        }
        None if rest.is_empty() => Ok((host, None)),
        Some(_) | None => Err(OriginError),
    }
}
