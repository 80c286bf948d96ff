//! What a newcomer, or a further node of a member, sends a steward as a file: who it is and with which keys, no secret.

use super::newcomer::{Fields, Newcomer};
use crate::{
    charter::MemberRole,
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    signed::Payload,
};

/// The application, signed by the feed key in it. That the applicant has the node key, too, shows when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What it wants to be.
    pub role: MemberRole,
    /// Who it is.
    pub newcomer: Newcomer,
}

impl Payload for Application {
    const CONTENT_TYPE: &'static str = "application/antibrush-application+cbor";
}

impl Wire for Application {
    const MAX_BYTES: usize = 8192;

    fn write(&self, w: &mut Writer) {
        w.map(2 + Newcomer::FIELDS).uint(0u8).uint(1u8);
        w.uint(1u8).uint(self.role.number());
        self.newcomer.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut role, mut newcomer) = (None, None, Fields::default());
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => role = Some(r.code("role", MemberRole::from_number)?),
                other => newcomer.read(other, r)?,
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(Application { role: role.require("role")?, newcomer: newcomer.whole()? })
    }
}
