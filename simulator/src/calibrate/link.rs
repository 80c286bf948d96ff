//! A stream of the memory transport that takes time: what one end writes, the other reads after the latency of their link.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite, ready};

use super::courier::Courier;

/// Before each write go the moment from which it may be read and the latency of the link, in microseconds, and its length.
const HEAD_BYTES: usize = 16;

/// One end of a link. Who dials knows the latency, the other learns it from what it reads; it writes nothing before that.
pub(super) struct Link<S> {
    inner: S,
    courier: Arc<Courier>,
    latency_us: u32,
    /// What came and has no whole write in it yet.
    unparsed: Vec<u8>,
    /// Writes on their way: from when each may be read, its bytes, and how many of them were read.
    coming: VecDeque<(u64, Vec<u8>, usize)>,
    has_ended: bool,
    /// The alarm that is set.
    alarm: Option<(u64, Waker)>,
}

impl<S> Link<S> {
    /// `latency_us` is `None` at the end that was dialled.
    pub fn new(inner: S, courier: Arc<Courier>, latency_us: Option<u32>) -> Link<S> {
        Link {
            inner,
            courier,
            latency_us: latency_us.unwrap_or_default(),
            unparsed: Vec::new(),
            coming: VecDeque::new(),
            has_ended: false,
            alarm: None,
        }
    }

    /// Moves whole writes out of what came.
    fn parse(&mut self) {
        let mut at = 0;
        while let Some((head, rest)) = self.unparsed[at..].split_first_chunk::<HEAD_BYTES>() {
            let [due @ .., l0, l1, l2, l3, n0, n1, n2, n3] = *head;
            let length = u32::from_be_bytes([n0, n1, n2, n3]) as usize;
            let Some(write) = rest.get(..length) else { break };
            self.latency_us = u32::from_be_bytes([l0, l1, l2, l3]);
            self.coming.push_back((u64::from_be_bytes(due), write.to_vec(), 0));
            at += HEAD_BYTES + length;
        }
        self.unparsed.drain(..at);
    }
}

impl<S: AsyncRead + Unpin> Link<S> {
    /// Takes in all that came, so that this end wakes when more comes.
    fn take_in(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut buffer = [0; 4 * 1024];
        while !self.has_ended {
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(0)) => self.has_ended = true,
                Poll::Ready(Ok(read)) => self.unparsed.extend_from_slice(&buffer[..read]),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        self.parse();
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Link<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let link = &mut *self;
        link.take_in(cx)?;
        let Some((due_us, bytes, read)) = link.coming.front_mut() else {
            return if link.has_ended { Poll::Ready(Ok(0)) } else { Poll::Pending };
        };
        if *due_us > link.courier.now_us() {
            let is_set = link.alarm.as_ref().is_some_and(|(at, waker)| at == due_us && waker.will_wake(cx.waker()));
            if !is_set {
                link.alarm = Some((*due_us, cx.waker().clone()));
                link.courier.wake_at(*due_us, cx.waker().clone());
            }
            return Poll::Pending;
        }
        let length = out.len().min(bytes.len() - *read);
        out[..length].copy_from_slice(&bytes[*read..*read + length]);
        *read += length;
        if *read == bytes.len() {
            link.coming.pop_front();
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Link<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let due_us = self.courier.now_us() + u64::from(self.latency_us);
        let mut write = Vec::with_capacity(HEAD_BYTES + bytes.len());
        write.extend_from_slice(&due_us.to_be_bytes());
        write.extend_from_slice(&self.latency_us.to_be_bytes());
        write.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        write.extend_from_slice(bytes);
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &write))?;
        // The memory transport passes on whole vectors.
        let is_whole = written == write.len();
        Poll::Ready(if is_whole { Ok(bytes.len()) } else { Err(io::ErrorKind::WriteZero.into()) })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
