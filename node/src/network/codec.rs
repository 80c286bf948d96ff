//! Framing of our objects on a stream: four bytes of length, big-endian, then the object. The length is checked before a
//! byte of the object is read; memory grows with what arrives, not with what is announced.

use std::{io, marker::PhantomData};

use antibrush_protocol::encoding::{DecodeError, Reader, Wire, Writer};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};

/// A codec for a pair of wire objects.
pub struct WireCodec<Q, A>(PhantomData<fn() -> (Q, A)>);

impl<Q, A> Default for WireCodec<Q, A> {
    fn default() -> Self {
        WireCodec(PhantomData)
    }
}

impl<Q, A> Clone for WireCodec<Q, A> {
    fn clone(&self) -> Self {
        WireCodec(PhantomData)
    }
}

impl<Q: Wire + Send + Sync, A: Wire + Send + Sync> request_response::Codec for WireCodec<Q, A> {
    type Protocol = StreamProtocol;
    type Request = Q;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Q>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Q) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: A) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &response).await
    }
}

async fn read_frame<O: Wire>(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<O> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > O::MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, DecodeError::TooLarge));
    }
    let mut bytes = Vec::with_capacity(length.min(64 * 1024));
    io.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    O::decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

async fn write_frame<O: Wire>(io: &mut (impl AsyncWrite + Unpin + Send), object: &O) -> io::Result<()> {
    let bytes = object.encode();
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(&bytes).await?;
    io.close().await
}

/// A signed join request as it travels: the COSE bytes, verified by the steward's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinEnvelope(pub Vec<u8>);

impl Wire for JoinEnvelope {
    const MAX_BYTES: usize = 16 * 1024;

    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(JoinEnvelope(r.bytes(Self::MAX_BYTES)?.to_vec()))
    }
}
