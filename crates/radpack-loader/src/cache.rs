//! Files in memory, bounded by bytes: those used longest ago leave first.
//!
//! A file that somebody holds lives on until they let go of it; the bound is on what is held for later.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Mutex;

use crate::work::lock;

/// Something with a size.
pub(crate) trait Weigh {
    /// In bytes, what goes with it included.
    fn weight(&self) -> usize;
}

/// A bounded map, least recently used out first.
pub(crate) struct Cache<K, V> {
    held: Mutex<Held<K, V>>,
    most: usize,
}

struct Held<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// By the time of last use.
    order: BTreeMap<u64, K>,
    clock: u64,
    weight: usize,
}

struct Slot<V> {
    value: V,
    used: u64,
    weight: usize,
}

impl<K: Clone + Eq + Hash, V: Clone + Weigh> Cache<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Cache {
            held: Mutex::new(Held {
                slots: HashMap::new(),
                order: BTreeMap::new(),
                clock: 0,
                weight: 0,
            }),
            most,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let held = &mut *lock(&self.held);
        let slot = held.slots.get_mut(key)?;
        // What was used last need not be moved to the end.
        if slot.used != held.clock
            && let Some(key) = held.order.remove(&slot.used)
        {
            held.clock += 1;
            slot.used = held.clock;
            held.order.insert(held.clock, key);
        }
        Some(slot.value.clone())
    }

    /// Puts a value in; says how many bytes are held now, and how many values had to leave. One that is larger than the bound is not
    /// kept.
    pub(crate) fn put(&self, key: K, value: V) -> (usize, u64) {
        let weight = value.weight();
        let held = &mut *lock(&self.held);
        held.remove(&key);
        let mut evicted = 0;
        if weight <= self.most {
            while held.weight > self.most - weight {
                let Some((_, oldest)) = held.order.first_key_value() else {
                    break;
                };
                let oldest = oldest.clone();
                held.remove(&oldest);
                evicted += 1;
            }
            held.clock += 1;
            held.weight += weight;
            held.order.insert(held.clock, key.clone());
            let used = held.clock;
            held.slots.insert(
                key,
                Slot {
                    value,
                    used,
                    weight,
                },
            );
        }
        (held.weight, evicted)
    }

    /// All that is held, in no order.
    pub(crate) fn all(&self) -> Vec<(K, V)> {
        let held = lock(&self.held);
        let slots = held.slots.iter();
        slots
            .map(|(key, slot)| (key.clone(), slot.value.clone()))
            .collect()
    }

    /// How many bytes are held.
    pub(crate) fn weight(&self) -> usize {
        lock(&self.held).weight
    }
}

impl<K: Eq + Hash, V> Held<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&slot.used);
            self.weight -= slot.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for &'static str {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn what_was_used_longest_ago_leaves_first() {
        let cache: Cache<u8, &str> = Cache::new(10);
        assert_eq!(cache.put(1, "four"), (4, 0));
        assert_eq!(cache.put(2, "four"), (8, 0));
        assert_eq!(cache.get(&1), Some("four"));
        assert_eq!(cache.put(3, "three"), (9, 1));
        assert_eq!((cache.get(&1), cache.get(&2)), (Some("four"), None));
        assert_eq!(cache.put(4, "ten bytes!"), (10, 2));
        assert_eq!(cache.put(5, "more than ten"), (10, 0));
        assert_eq!((cache.get(&4), cache.get(&5)), (Some("ten bytes!"), None));
        assert_eq!(cache.all(), [(4, "ten bytes!")]);
        assert_eq!(cache.put(4, "4"), (1, 0));
        assert_eq!(cache.weight(), 1);
    }

    #[test]
    fn random_use_keeps_within_the_bound_and_agrees_with_a_list() {
        const MOST: usize = 40;
        let mut random = fastrand::Rng::with_seed(7);
        let cache: Cache<u8, &'static str> = Cache::new(MOST);
        // The oldest first.
        let mut list: Vec<(u8, &'static str)> = Vec::new();
        let words = [
            "",
            "a",
            "four",
            "seventeen letters",
            "forty-one letters and so more than there is",
        ];
        for _ in 0..5_000 {
            let key = random.u8(..12);
            let at = list.iter().position(|(other, _)| *other == key);
            if random.bool() {
                let value = words[random.usize(..words.len())];
                if let Some(at) = at {
                    list.remove(at);
                }
                if value.len() <= MOST {
                    while list.iter().map(|(_, value)| value.len()).sum::<usize>() + value.len()
                        > MOST
                    {
                        list.remove(0);
                    }
                    list.push((key, value));
                }
                cache.put(key, value);
            } else {
                assert_eq!(cache.get(&key), at.map(|at| list[at].1));
                if let Some(at) = at {
                    let used = list.remove(at);
                    list.push(used);
                }
            }
            assert_eq!(
                cache.weight(),
                list.iter().map(|(_, value)| value.len()).sum::<usize>()
            );
        }
    }
}
