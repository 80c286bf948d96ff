//! Invitations as people copy them, and the exchange.

use super::*;
use crate::{
    encoding::{DecodeError, Wire},
    fixtures::{application, charters, feed_key, invitation, join_request},
    signed::{self, Signed},
};

#[test]
fn an_invitation_survives_the_mail() {
    let (invitation, text) = (invitation(), invitation().to_text());
    assert_eq!(Invitation::decode(&invitation.encode()), Ok(invitation.clone()));
    assert!(text.starts_with("antibrush1"));
    let wrapped: String =
        text.as_bytes().chunks(40).map(|line| format!("{}\r\n\t", str::from_utf8(line).unwrap())).collect();
    for copied in [text.clone(), text.to_uppercase(), format!("\u{3000} {text}\n"), wrapped] {
        assert_eq!(Invitation::from_text(&copied), Ok(invitation.clone()));
    }
}

#[test]
fn a_text_that_was_not_copied_whole_is_refused() {
    let text = invitation().to_text();
    for cut in 1..text.len() {
        let expected = if cut < 10 { InvitationError::NotAnInvitation } else { InvitationError::Checksum };
        assert_eq!(Invitation::from_text(&text[..cut]), Err(expected), "{cut}");
    }
    for at in 10..text.len() {
        let mut other = text.clone();
        let swapped = if &text[at..=at] == "q" { "x" } else { "q" };
        other.replace_range(at..=at, swapped);
        assert_eq!(Invitation::from_text(&other), Err(InvitationError::Checksum), "{at}");
    }
    for more in ["a", "aa", "aaaaaaaa"] {
        assert_eq!(Invitation::from_text(&format!("{text}{more}")), Err(InvitationError::Checksum));
    }
    for other in ["", "antibrush2abc", "https://example.com", "antibrush1a8", "antibrush1a=", "antibrush1é"] {
        assert_eq!(Invitation::from_text(other), Err(InvitationError::NotAnInvitation), "{other}");
    }
    assert_eq!(Invitation::from_text("antibrush1"), Err(InvitationError::Checksum));
    assert_eq!(Invitation::from_text(&format!("antibrush1{}", "a".repeat(100_000))), Err(InvitationError::Checksum));
}

#[test]
fn nothing_shows_a_secret() {
    let secret = format!("{:?}", invitation().secret);
    assert!(!format!("{:?} {:?}", invitation(), join_request()).contains(&secret));
}

#[test]
fn the_exchange_survives_the_round_trip() {
    let request = signed::sign(&join_request(), &feed_key(5));
    let arrived = Signed::<JoinRequest>::decode(request.envelope()).unwrap();
    assert_eq!((arrived.payload(), arrived.key()), (&join_request(), join_request().newcomer.feed_key));
    let application = signed::sign(&application(), &feed_key(5));
    let arrived = Signed::<Application>::decode(application.envelope()).unwrap();
    assert_eq!((arrived.payload(), arrived.key()), (application.payload(), application.payload().newcomer.feed_key));
    for answer in [
        JoinAnswer::Admitted { newest: 2, charters: charters() },
        JoinAnswer::Refused(JoinRefusal::Expired),
        JoinAnswer::Pending { have: 1, need: 2 },
    ] {
        assert_eq!(JoinAnswer::decode(&answer.encode()), Ok(answer));
    }
    assert_eq!(JoinAnswer::decode(&[0x82, 1, 0]), Err(DecodeError::OutOfRange("refusal")));
    assert_eq!(JoinAnswer::decode(&[0x82, 2, 0]), Err(DecodeError::Malformed));
    assert_eq!(JoinAnswer::decode(&[0x82, 3, 0]), Err(DecodeError::UnknownKey(3)));
}
