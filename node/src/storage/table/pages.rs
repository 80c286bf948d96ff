//! Fixed room for many values, in huge pages where the kernel gives them.
//!
//! A lookup in hundreds of megabytes meets, beside each line that is not in the cache, a page that is not in the TLB. With pages
//! of 2 MiB instead of 4 KiB a listed token is found in about two thirds of the time.

use bytemuck::Pod;
use memmap2::{Advice, MmapMut};

/// From this size on memory is mapped for itself: one huge page.
const MAPPED_FROM: usize = 2 * 1024 * 1024;

/// Values one behind the other; room is taken once, at the beginning.
pub(super) enum Pages<T> {
    /// Few values.
    Heap(Vec<T>),
    /// Many, and how many there are.
    Mapped(MmapMut, usize),
}

impl<T: Pod> Pages<T> {
    /// Room for so many values. Like every allocation it ends the process if the system has no memory.
    pub(super) fn with_capacity(values: usize) -> Pages<T> {
        let bytes = values * size_of::<T>();
        if bytes < MAPPED_FROM {
            return Pages::Heap(Vec::with_capacity(values));
        }
        // The room is not zero, and failing otherwise means that there is no memory, where a vector would abort, too.
        let memory = MmapMut::map_anon(bytes).expect("the system has memory");
        // A kernel without huge pages gives small ones.
        let _ = memory.advise(Advice::HugePage);
        Pages::Mapped(memory, 0)
    }

    /// So many zeros.
    pub(super) fn zeroed(values: usize) -> Pages<T> {
        match Pages::<T>::with_capacity(values) {
            Pages::Heap(_) => Pages::Heap(vec![T::zeroed(); values]),
            Pages::Mapped(memory, _) => Pages::Mapped(memory, values),
        }
    }

    /// Appends a value.
    ///
    /// # Panics
    /// If there is no room.
    #[inline]
    pub(super) fn push(&mut self, value: T) {
        match self {
            Pages::Heap(values) => values.push(value),
            Pages::Mapped(memory, len) => {
                bytemuck::cast_slice_mut::<u8, T>(memory)[*len] = value;
                *len += 1;
            }
        }
    }

    /// The values.
    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Pages::Heap(values) => values,
            Pages::Mapped(memory, len) => &bytemuck::cast_slice::<u8, T>(memory)[..*len],
        }
    }

    /// The values, to be changed.
    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Pages::Heap(values) => values,
            Pages::Mapped(memory, len) => &mut bytemuck::cast_slice_mut::<u8, T>(memory)[..*len],
        }
    }

    /// Bytes of the values: room that no value was put into takes no memory when it is mapped.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Pages::Heap(values) => values.capacity() * size_of::<T>(),
            Pages::Mapped(_, len) => len * size_of::<T>(),
        }
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages::Heap(Vec::new())
    }
}

impl<T: Pod> Extend<T> for Pages<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_values_come_back() {
        for count in [0, 1, 1000, MAPPED_FROM / 8, MAPPED_FROM / 8 + 77] {
            let mut pages = Pages::<u64>::with_capacity(count);
            pages.extend(0..count as u64);
            assert!(pages.as_slice().iter().copied().eq(0..count as u64), "{count}");
            assert!(pages.memory_bytes() >= count * 8);
            let mut zeros = Pages::<u64>::zeroed(count);
            zeros.as_mut_slice().iter_mut().for_each(|value| *value += 1);
            assert!(zeros.as_slice().len() == count && zeros.as_slice().iter().all(|value| *value == 1));
        }
    }
}
