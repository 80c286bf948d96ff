//! A map that remembers which of its values were touched: of a thousand feeds and peers one input concerns one or two, and nothing
//! needs a look at those that rest.

use std::{collections::BTreeMap, ops::Deref};

/// Values by key. Whoever changes one touches it; it stays touched until [`Restless::settle`] finds it at rest.
#[derive(Debug)]
pub(super) struct Restless<K, V> {
    all: BTreeMap<K, V>,
    touched: Touched<K>,
}

/// The keys of values that were touched, in order: most of the time none or a few.
#[derive(Debug)]
struct Touched<K> {
    keys: Vec<K>,
    times: u64,
}

impl<K, V> Default for Restless<K, V> {
    fn default() -> Self {
        Restless { all: BTreeMap::new(), touched: Touched { keys: Vec::new(), times: 0 } }
    }
}

/// Reading touches nothing.
impl<K, V> Deref for Restless<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.all
    }
}

impl<K: Copy + Ord, V> Restless<K, V> {
    /// A value to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let value = self.all.get_mut(key)?;
        self.touched.note(*key);
        Some(value)
    }

    /// A value to change in what has no part in whether it rests.
    pub fn get_at_rest(&mut self, key: &K) -> Option<&mut V> {
        self.all.get_mut(key)
    }

    /// A value to change, which is made if need be.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.touched.note(key);
        self.all.entry(key).or_default()
    }

    /// Puts a value in.
    pub fn insert(&mut self, key: K, value: V) {
        self.touched.note(key);
        self.all.insert(key, value);
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) {
        self.touched.times += 1;
        self.touched.keys.retain(|touched| touched != key);
        self.all.remove(key);
    }

    /// All values, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.touched.times += 1;
        self.touched.keys = self.all.keys().copied().collect();
        self.all.iter_mut()
    }

    /// Looks at each touched value, in order; those that `is_at_rest` says so of are touched no more.
    pub fn settle(&mut self, mut is_at_rest: impl FnMut(K, &mut V) -> bool) {
        let all = &mut self.all;
        self.touched.keys.retain(|key| all.get_mut(key).is_some_and(|value| !is_at_rest(*key, value)));
    }

    /// The touched values, in order.
    pub fn touched(&self) -> impl Iterator<Item = (K, &V)> {
        self.touched.keys.iter().filter_map(|key| Some((*key, self.all.get(key)?)))
    }

    /// The first touched value for which `find` has an answer, with that answer.
    pub fn find_mut<T>(&mut self, mut find: impl FnMut(&mut V) -> Option<T>) -> Option<(K, T)> {
        self.touched.keys.iter().find_map(|key| Some((*key, find(self.all.get_mut(key)?)?)))
    }

    /// How often a value was touched or taken out. Whatever was computed of the values holds until this grows, but for what is changed
    /// by [`Restless::get_at_rest`], [`Restless::settle`] and [`Restless::find_mut`].
    pub fn times_touched(&self) -> u64 {
        self.touched.times
    }
}

impl<K: Ord> Touched<K> {
    fn note(&mut self, key: K) {
        self.times += 1;
        if let Err(at) = self.keys.binary_search(&key) {
            self.keys.insert(at, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_touched_stays_touched_until_it_rests() {
        let mut map = Restless::<u8, u32>::default();
        (1..=3).for_each(|key| map.insert(key, 0));
        let touched = |map: &Restless<u8, u32>| map.touched().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(touched(&map), [1, 2, 3]);
        let times = map.times_touched();
        map.settle(|key, _| key != 2);
        assert_eq!(touched(&map), [2]);
        assert_eq!(map.get(&3), Some(&0), "reading touches nothing");
        assert_eq!((touched(&map), map.times_touched()), (vec![2], times));
        *map.or_default(4) += 1;
        map.get_mut(&1).into_iter().for_each(|value| *value += 1);
        assert_eq!(map.get_mut(&9), None);
        assert_eq!((touched(&map), map.times_touched()), (vec![1, 2, 4], times + 2));
        assert_eq!(map.find_mut(|value| (*value > 0).then(|| std::mem::take(value))), Some((1, 1)));
        map.remove(&2);
        map.settle(|_, value| *value == 0);
        assert_eq!(touched(&map), [4]);
        assert_eq!(map.iter_mut().count(), 3);
        assert_eq!(touched(&map), [1, 3, 4]);
    }
}
