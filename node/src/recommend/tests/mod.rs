mod file;
mod overrides;
mod rules;

use antibrush_protocol::{
    codes::{Conduct, List, Role, Severity, State},
    subject::Class,
};

use super::{Asked, Listing, Policy, file::DEFAULT, parse};

/// The default policy.
fn default_policy() -> Policy {
    parse(DEFAULT).unwrap()
}

/// A firm.
const FIRM: Asked = Asked { class: Class::Ent, personal: false };
/// A person's telephone number.
const PERSON: Asked = Asked { class: Class::Mob, personal: true };

/// Confirmed by two, and grave.
fn listing() -> Listing<'static> {
    Listing {
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Severe,
        role: Some(Role::Organise),
        state: State::Confirmed,
        source: Some("jd"),
        members: 2,
        enforceable: true,
        disputed: false,
        suspended: false,
        struck: false,
        victim: false,
    }
}
