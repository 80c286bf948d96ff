//! WEB: a host name in the form of A-labels (UTS-46, non-transitional, STD3), from a bare name or a pasted address.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::SubjectError;
use super::text::{narrow, trim};

/// RFC 1035 §2.3.4: a host name without its root dot has at most 253 octets.
const MAX_HOST_BYTES: usize = 253;

/// RFC 1035 §2.3.4: a label has at most 63 octets.
const MAX_LABEL_BYTES: usize = 63;

/// A host of 253 A-label octets has at most 253 characters of 4 bytes; beyond that UTS-46 need not look at it.
const MAX_UNMAPPED_BYTES: usize = 4 * MAX_HOST_BYTES;

/// The host in lower-case A-labels, without trailing dot.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let text = narrowed(text);
    let host = host(authority(&text))?;
    if host.len() > MAX_UNMAPPED_BYTES {
        return Err(SubjectError::TooLong);
    }
    // Lengths are checked below, where they can be told apart. Hyphens in the third and fourth place are in real use.
    let mapped = Uts46::new()
        .to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Ignore)
        .map_err(|_| SubjectError::BadDomain)?;
    let host = mapped.strip_suffix('.').unwrap_or(&mapped);
    if host.split('.').any(|label| label.is_empty() || label.len() > MAX_LABEL_BYTES) {
        return Err(SubjectError::BadDomain);
    }
    if host.len() > MAX_HOST_BYTES {
        return Err(SubjectError::TooLong);
    }
    if ends_in_number(host) {
        return Err(SubjectError::IpAddress);
    }
    if !host.contains('.') {
        return Err(SubjectError::DomainWithoutDot);
    }
    Ok(host.to_owned())
}

/// The registrable domain of a canonical host by the public suffix list (its private part included: the site of one
/// customer of a hosting company must not speak for the others). `None` if the host is itself a public suffix.
pub(super) fn registrable(host: &str) -> Option<&str> {
    psl::domain_str(host)
}

/// The text with full-width forms of ASCII made narrow, so that `：／／` separates like `://`.
fn narrowed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| narrow(c).map_or(c, char::from)).collect())
}

/// The authority part: without scheme, path, query and fragment. As in browsers (WHATWG URL), a backslash is a slash.
fn authority(text: &str) -> &str {
    let is_slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let after_slashes = |text: &str| {
        let bytes = text.as_bytes();
        is_slash(bytes.first()) && is_slash(bytes.get(1))
    };
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
    };
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && after_slashes(rest) => &rest[2..],
        _ if after_slashes(text) => &text[2..],
        _ => text,
    };
    rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest)
}

/// The host of an authority: without user and port.
fn host(authority: &str) -> Result<&str, SubjectError> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bracketed) = host.strip_prefix('[') {
        let address = bracketed.split_once(']').and_then(|(address, _)| address.parse::<Ipv6Addr>().ok());
        return Err(if address.is_some() { SubjectError::IpAddress } else { SubjectError::BadDomain });
    }
    let Some((name, port)) = host.split_once(':') else {
        return Ok(host);
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    if is_port {
        Ok(name)
    } else if host.parse::<Ipv6Addr>().is_ok() {
        Err(SubjectError::IpAddress)
    } else {
        Err(SubjectError::BadDomain)
    }
}

/// Whether browsers would read the host as an IPv4 address: WHATWG URL, "ends in a number".
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
