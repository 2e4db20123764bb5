//! Things in a line, each with a key: the first is found, and any is taken out, without a walk past the others.

use alloc::collections::BTreeMap;

/// A line. No two things in it have the same key.
pub(crate) struct Line<T> {
    items: BTreeMap<i64, (usize, T)>,
    /// The places, by the keys.
    places: BTreeMap<usize, i64>,
}

impl<T> Default for Line<T> {
    fn default() -> Line<T> {
        Line { items: BTreeMap::new(), places: BTreeMap::new() }
    }
}

impl<T> Line<T> {
    pub(crate) fn push_front(&mut self, key: usize, item: T) {
        let place = self.items.first_key_value().map_or(0, |(first, _)| first - 1);
        self.put(place, key, item);
    }

    pub(crate) fn push_back(&mut self, key: usize, item: T) {
        let place = self.items.last_key_value().map_or(0, |(last, _)| last + 1);
        self.put(place, key, item);
    }

    fn put(&mut self, place: i64, key: usize, item: T) {
        self.items.insert(place, (key, item));
        self.places.insert(key, place);
    }

    /// Takes out what has this key.
    pub(crate) fn remove(&mut self, key: usize) -> Option<T> {
        let place = self.places.remove(&key)?;
        self.items.remove(&place).map(|(_, item)| item)
    }

    /// Takes out the first that `wanted` accepts.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let key = self.items.values().find(|(_, item)| wanted(item)).map(|(key, _)| *key)?;
        self.remove(key)
    }

    /// All of it, from the front.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.values().map(|(_, item)| item)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Line;

    #[test]
    fn a_line_keeps_its_order_whoever_leaves() {
        let mut line = Line::default();
        for item in 1..=4 {
            line.push_back(item * 10, item);
        }
        line.push_front(5, 0);
        assert_eq!(line.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!((line.remove(20), line.remove(20), line.remove(7)), (Some(2), None, None));
        assert_eq!(line.take_first(|item| item % 2 == 1), Some(1));
        assert_eq!(line.take_first(|item| *item > 9), None);
        line.push_back(20, 5);
        line.push_front(60, 6);
        assert_eq!(line.iter().copied().collect::<Vec<_>>(), [6, 0, 3, 4, 5]);
        assert_eq!((line.len(), line.is_empty()), (5, false));
        while line.take_first(|_| true).is_some() {}
        assert!(line.is_empty());
        line.push_front(1, 1);
        assert_eq!(line.len(), 1);
    }
}
