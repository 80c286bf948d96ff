//! What a newcomer, or a further node of a member, sends a steward as a file: who it is and with which keys, no secret.

use crate::{
    charter::MemberRole,
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::{Payload, PublicKey},
};

/// The application, signed by the feed key in it. That the applicant has the node key, too, shows when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What it wants to be.
    pub role: MemberRole,
    /// Its short name.
    pub slug: String,
    /// Its registered name.
    pub legal_name: String,
    /// Its unified social credit code.
    pub uscc: String,
    /// The code of the entity that controls it.
    pub controller: String,
    /// Its feed key; a further node of a member has the member's.
    pub feed_key: PublicKey,
    /// Its node key.
    pub node_key: PublicKey,
    /// Its seal key; a further node of a member has the member's.
    pub seal_key: [u8; 32],
    /// Where its node listens.
    pub addresses: Vec<String>,
}

impl Payload for Application {
    const CONTENT_TYPE: &'static str = "application/antibrush-application+cbor";
}

impl Wire for Application {
    const MAX_BYTES: usize = 8192;

    fn write(&self, w: &mut Writer) {
        w.map(10).uint(0u8).uint(1u8);
        w.uint(1u8).uint(self.role.number());
        w.uint(2u8).text(&self.slug);
        w.uint(3u8).text(&self.legal_name);
        w.uint(4u8).text(&self.uscc);
        w.uint(5u8).text(&self.controller);
        w.uint(6u8).bytes(&self.feed_key);
        w.uint(7u8).bytes(&self.node_key);
        w.uint(8u8).bytes(&self.seal_key);
        w.uint(9u8).array(self.addresses.len());
        for address in &self.addresses {
            w.text(address);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut role, mut slug, mut legal_name, mut uscc) = (None, None, None, None, None);
        let (mut controller, mut feed_key, mut node_key, mut seal_key, mut addresses) = (None, None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => role = Some(r.code("role", MemberRole::from_number)?),
                2 => slug = Some(r.text(32, "slug")?),
                3 => legal_name = Some(r.text(limits::NAME_BYTES, "legal name")?),
                4 => uscc = Some(r.text(18, "uscc")?),
                5 => controller = Some(r.text(18, "controller")?),
                6 => feed_key = Some(r.fixed()?),
                7 => node_key = Some(r.fixed()?),
                8 => seal_key = Some(r.fixed()?),
                9 => addresses = Some(r.items(limits::ADDRESSES, |r| r.text(limits::ADDRESS_BYTES, "addresses"))?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(Application {
            role: role.require("role")?,
            slug: slug.require("slug")?,
            legal_name: legal_name.require("legal name")?,
            uscc: uscc.require("uscc")?,
            controller: controller.require("controller")?,
            feed_key: feed_key.require("feed key")?,
            node_key: node_key.require("node key")?,
            seal_key: seal_key.require("seal key")?,
            addresses: addresses.require("addresses")?,
        })
    }
}
