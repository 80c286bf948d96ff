//! The numbers that an alliance may set for itself, with the defaults of docs/DOMAIN.md.

use crate::encoding::{DecodeError, Reader, Writer};

/// The policy numbers. The encoding states each of them, so that a default that changes with a release changes no alliance; what
/// came later (witnesses, the two permissions) is absent if it is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many members under different control must list the same conduct for a listing to be confirmed.
    pub corroboration: u8,
    /// The default term of a listing, in days.
    pub term_days: u16,
    /// The default and longest term of a mobile number, in days.
    pub mobile_term_days: u16,
    /// Whether answers name the listing members (`true`) or only count them.
    pub names_publishers: bool,
    /// Whether the alliance accepts keyed tokens (suite 1) for personal classes, which any insider can enumerate.
    pub accepts_insider_enumeration: bool,
    /// Under how many different controls, the publisher's not counted, a head must be witnessed before the entries under it take
    /// effect (WITNESS-9); 0: at once.
    pub witnesses: u8,
    /// Whether payment accounts (class PAY) may be listed and enforced (ENTRY-17, LIFE-12).
    pub payment_accounts: bool,
    /// Whether measure M09, no internet financial services, may be recorded (ENTRY-17, LIFE-1).
    pub financial_measures: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            corroboration: 2,
            term_days: 365,
            mobile_term_days: 180,
            names_publishers: true,
            accepts_insider_enumeration: false,
            witnesses: 0,
            payment_accounts: false,
            financial_measures: false,
        }
    }
}

impl Policy {
    /// Whether every number is in its range.
    pub fn is_sane(&self) -> bool {
        (1..=16).contains(&self.corroboration)
            && (1..=5 * 365).contains(&self.term_days)
            && (1..=180).contains(&self.mobile_term_days)
            && self.witnesses <= 16
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let later = [self.witnesses > 0, self.payment_accounts, self.financial_measures];
        w.map(5 + later.iter().filter(|present| **present).count());
        w.uint(0u8).uint(self.corroboration);
        w.uint(1u8).uint(self.term_days);
        w.uint(2u8).uint(self.mobile_term_days);
        w.uint(3u8).uint(u8::from(self.names_publishers));
        w.uint(4u8).uint(u8::from(self.accepts_insider_enumeration));
        if self.witnesses > 0 {
            w.uint(5u8).uint(self.witnesses);
        }
        if self.payment_accounts {
            w.uint(6u8).uint(1u8);
        }
        if self.financial_measures {
            w.uint(7u8).uint(1u8);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Policy, DecodeError> {
        let mut policy = Policy::default();
        r.fields(|key, r| {
            match key {
                0 => policy.corroboration = r.small("corroboration")?,
                1 => policy.term_days = r.small("term")?,
                2 => policy.mobile_term_days = r.small("mobile term")?,
                3 => policy.names_publishers = flag(r)?,
                4 => policy.accepts_insider_enumeration = flag(r)?,
                5 => policy.witnesses = r.small("witnesses")?,
                6 => policy.payment_accounts = flag(r)?,
                7 => policy.financial_measures = flag(r)?,
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        if policy.is_sane() { Ok(policy) } else { Err(DecodeError::OutOfRange("policy")) }
    }
}

fn flag(r: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match r.uint()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::OutOfRange("policy")),
    }
}
