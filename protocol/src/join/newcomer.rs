//! Who comes, and with which keys.

use crate::{
    encoding::{DecodeError, Reader, Require, Writer},
    limits,
    signed::PublicKey,
};

/// Map keys 2 to 9 of an application and of a join request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
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

/// What was read so far.
#[derive(Default)]
pub(super) struct Fields {
    slug: Option<String>,
    legal_name: Option<String>,
    uscc: Option<String>,
    controller: Option<String>,
    feed_key: Option<PublicKey>,
    node_key: Option<PublicKey>,
    seal_key: Option<[u8; 32]>,
    addresses: Option<Vec<String>>,
}

impl Newcomer {
    /// How many map keys it takes.
    pub(super) const FIELDS: usize = 8;

    pub(super) fn write(&self, w: &mut Writer) {
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
}

impl Fields {
    /// Reads the value of a map key that the object around it does not know.
    pub(super) fn read(&mut self, key: u64, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        match key {
            2 => self.slug = Some(r.text(32, "slug")?),
            3 => self.legal_name = Some(r.text(limits::NAME_BYTES, "legal name")?),
            4 => self.uscc = Some(r.text(18, "uscc")?),
            5 => self.controller = Some(r.text(18, "controller")?),
            6 => self.feed_key = Some(r.fixed()?),
            7 => self.node_key = Some(r.fixed()?),
            8 => self.seal_key = Some(r.fixed()?),
            9 => self.addresses = Some(r.items(limits::ADDRESSES, |r| r.text(limits::ADDRESS_BYTES, "addresses"))?),
            other => return Err(DecodeError::UnknownKey(other)),
        }
        Ok(())
    }

    pub(super) fn whole(self) -> Result<Newcomer, DecodeError> {
        Ok(Newcomer {
            slug: self.slug.require("slug")?,
            legal_name: self.legal_name.require("legal name")?,
            uscc: self.uscc.require("uscc")?,
            controller: self.controller.require("controller")?,
            feed_key: self.feed_key.require("feed key")?,
            node_key: self.node_key.require("node key")?,
            seal_key: self.seal_key.require("seal key")?,
            addresses: self.addresses.require("addresses")?,
        })
    }
}
