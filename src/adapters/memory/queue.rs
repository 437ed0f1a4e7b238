//! The order in which entries end.

use std::collections::VecDeque;

use super::index::Place;
use crate::domain::Instant;

/// Places by the ends of their entries, the earliest in front.
///
/// What begins later mostly ends later: it is put behind the others, and found there in no time.
/// What is to end earlier than others is put between them, which moves those of one shard that are
/// nearer to a side: some kilobytes.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<(Instant, Place)>);

impl Queue {
    pub(super) fn push(&mut self, end: Instant, place: Place) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(growth(self.0.len()));
        }
        match self.0.back() {
            Some((last, _)) if *last > end => {
                let behind = self.0.partition_point(|(other, _)| *other <= end);
                self.0.insert(behind, (end, place));
            }
            _ => self.0.push_back((end, place)),
        }
    }

    /// Takes the first, if its end is not after `by`.
    pub(super) fn pop(&mut self, by: Instant) -> Option<Place> {
        let (end, place) = *self.0.front()?;
        (end <= by).then(|| self.0.pop_front())?;
        Some(place)
    }
}

/// By how much a list of so many grows: a quarter, where doubling would leave half of it empty.
pub(super) fn growth(len: usize) -> usize {
    (len / 4).max(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Instant {
        Instant::from_micros(micros)
    }

    fn place(number: usize) -> Place {
        Place::new(number).unwrap()
    }

    #[test]
    fn places_come_in_the_order_of_their_ends_and_those_of_one_end_as_they_were_put() {
        let mut queue = Queue::default();
        let ends = [5, 1, 9, 5, 3, 9, 1];
        ends.iter().enumerate().for_each(|(number, end)| queue.push(at(*end), place(number)));

        let order: Vec<_> = std::iter::from_fn(|| queue.pop(at(9))).map(Place::number).collect();

        assert_eq!(order, [1, 6, 4, 0, 3, 2, 5]);
    }

    #[test]
    fn what_ends_later_stays() {
        let mut queue = Queue::default();
        queue.push(at(2), place(0));

        assert_eq!(queue.pop(at(1)), None);
        assert_eq!(queue.pop(at(2)), Some(place(0)));
        assert_eq!(queue.pop(at(2)), None);
    }
}
