//! The order in which entries end.

use std::collections::VecDeque;

use super::index::Place;
use crate::domain::Timestamp;

/// The most rings. It exceeds the number of different lifetimes that one kind of entry has.
const RINGS: usize = 8;

/// Places by the ends of their entries.
///
/// Entries with the same lifetime end in the order in which they came. Each lifetime therefore gets
/// a ring to which places are only added at the back. If there are more lifetimes than rings,
/// places go between those of another ring.
#[derive(Debug)]
pub(super) struct Queue {
    /// The first end of all rings. It is kept here because most calls only ask whether it has come.
    first: Timestamp,
    rings: Vec<Ring>,
}

/// Places, with the earliest end in front.
#[derive(Debug)]
struct Ring {
    first: Timestamp,
    last: Timestamp,
    places: VecDeque<(Timestamp, Place)>,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { first: Timestamp::MAX, rings: Vec::new() }
    }

    pub(super) fn push(&mut self, end: Timestamp, place: Place) {
        self.first = self.first.min(end);
        let before = self.rings.iter_mut().filter(|ring| ring.last <= end);
        if let Some(ring) = before.max_by_key(|ring| ring.last) {
            ring.push(end, place);
        } else if self.rings.len() < RINGS {
            self.rings.push(Ring::new());
            self.push(end, place);
        } else if let Some(ring) = self.rings.iter_mut().min_by_key(|ring| ring.last) {
            ring.push(end, place);
        }
    }

    /// Removes the first place, if its end is not after `by`.
    pub(super) fn pop(&mut self, by: Timestamp) -> Option<Place> {
        if self.first > by {
            return None;
        }
        let ring = self.rings.iter_mut().min_by_key(|ring| ring.first)?;
        let place = ring.pop()?;
        self.first = self.rings.iter().map(|ring| ring.first).min().unwrap_or(Timestamp::MAX);
        Some(place)
    }
}

impl Ring {
    const fn new() -> Self {
        let last = Timestamp::from_micros(i64::MIN);
        Self { first: Timestamp::MAX, last, places: VecDeque::new() }
    }

    fn pop(&mut self) -> Option<Place> {
        let (_, place) = self.places.pop_front()?;
        self.first = self.places.front().map_or(Timestamp::MAX, |(end, _)| *end);
        Some(place)
    }

    fn push(&mut self, end: Timestamp, place: Place) {
        if self.places.len() == self.places.capacity() {
            // Grow by a quarter, because doubling would leave half of the memory empty.
            self.places.reserve_exact((self.places.len() / 4).max(16));
        }
        self.first = self.first.min(end);
        if self.last <= end {
            self.last = end;
            self.places.push_back((end, place));
        } else {
            let behind = self.places.partition_point(|(other, _)| *other <= end);
            self.places.insert(behind, (end, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn place(number: usize) -> Place {
        Place::new(number).unwrap()
    }

    #[test]
    fn places_come_in_the_order_of_their_ends_however_many_lengths_of_life_there_are() {
        let mut queue = Queue::new();
        let ends: Vec<i64> = (0..1000).map(|number| number + number * 7919 % 23 * 100).collect();
        ends.iter().enumerate().for_each(|(number, end)| queue.push(at(*end), place(number)));

        let order: Vec<_> = std::iter::from_fn(|| queue.pop(at(9999))).map(Place::number).collect();

        assert_eq!((order.len(), queue.rings.len()), (1000, RINGS));
        assert!(order.is_sorted_by_key(|number| ends[*number]));
    }

    #[test]
    fn a_ring_forms_for_each_length_of_life() {
        let mut queue = Queue::new();

        (0..1000).for_each(|number| queue.push(at(number + number % 4 * 5000), place(0)));

        assert_eq!(queue.rings.len(), 4);
    }

    #[test]
    fn what_went_and_came_again_keeps_the_order() {
        let mut queue = Queue::new();
        for number in 0..1000 {
            queue.push(at(i64::try_from(number).unwrap() + 300), place(number));
            queue.push(at(i64::try_from(number).unwrap() + 10), place(number));
            while queue.pop(at(i64::try_from(number).unwrap())).is_some() {}
            assert!(queue.first > at(i64::try_from(number).unwrap()));
        }

        assert_eq!(std::iter::from_fn(|| queue.pop(Timestamp::MAX)).count(), 310);
    }

    #[test]
    fn what_ends_later_stays() {
        let mut queue = Queue::new();
        queue.push(at(2), place(0));

        assert_eq!(queue.pop(at(1)), None);
        assert_eq!(queue.pop(at(2)), Some(place(0)));
        assert_eq!(queue.pop(at(2)), None);
    }

    #[test]
    fn a_ring_grows_by_a_quarter() {
        let mut ring = Ring::new();
        let mut sizes = vec![0];
        for number in 0..10_000 {
            ring.push(at(number), place(0));
            let size = ring.places.capacity();
            if sizes.last() != Some(&size) {
                let before = ring.places.len() - 1;
                assert_eq!(size, before + (before / 4).max(16));
                sizes.push(size);
            }
        }
        assert!(sizes.len() < 40, "{sizes:?}");
    }
}
