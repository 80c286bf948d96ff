//! A node of a member that speaks the evaluation protocol and answers with bytes that are nothing.

use std::io;

use antibrush_tests::Node;
use libp2p::{
    StreamProtocol, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    identity, noise,
    request_response::{self, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use tokio::runtime::Runtime;

use super::puppet::keys_of;

/// It babbles until it goes out of scope.
pub struct Babbler {
    _runtime: Runtime,
}

impl Babbler {
    /// Listens in the place of a node that does not run.
    pub fn of(node: &Node) -> Babbler {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut secret = *keys_of(node).node().unwrap().secret();
        let key = identity::Keypair::ed25519_from_bytes(&mut secret).unwrap();
        let listen: libp2p::Multiaddr = node.listen.parse().unwrap();
        runtime.spawn(async move {
            let protocol = (StreamProtocol::new("/antibrush/evaluation/1"), ProtocolSupport::Full);
            let mut swarm = SwarmBuilder::with_existing_identity(key)
                .with_tokio()
                .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
                .unwrap()
                .with_behaviour(|_| request_response::Behaviour::<Raw>::new([protocol], Default::default()))
                .unwrap()
                .with_swarm_config(|config| config.with_idle_connection_timeout(std::time::Duration::from_secs(600)))
                .build();
            swarm.listen_on(listen).unwrap();
            loop {
                if let SwarmEvent::Behaviour(request_response::Event::Message {
                    message: Message::Request { channel, .. },
                    ..
                }) = swarm.select_next_some().await
                {
                    // A length, and less sense than that.
                    let _ = swarm.behaviour_mut().send_response(channel, [&[0, 0, 0, 8][..], &[0xFF; 8]].concat());
                }
            }
        });
        Babbler { _runtime: runtime }
    }
}

/// Bytes as they are.
#[derive(Clone, Default)]
struct Raw;

impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        p: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        self.read_request(p, io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.close().await
    }

    async fn write_response<T>(&mut self, p: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write_request(p, io, bytes).await
    }
}
