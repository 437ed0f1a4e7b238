//! A list that grows in blocks, so that growing never moves the entries of a full block.

use super::index::Place;

const BLOCK: usize = 1024;

/// Entries at places, in blocks. Only the last block is not full, and only its entries may move.
#[derive(Debug)]
pub(super) struct Blocks<T>(Vec<Vec<T>>);

impl<T> Blocks<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.0.get(place.number() / BLOCK)?.get(place.number() % BLOCK)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.0.get_mut(place.number() / BLOCK)?.get_mut(place.number() % BLOCK)
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }

    /// Adds an entry at a new place. Returns `None` beyond [`Place::MOST`].
    pub(super) fn push(&mut self, entry: T) -> Option<Place> {
        let place = Place::new(self.len())?;
        if self.len().is_multiple_of(BLOCK) {
            // Only the first block grows, so that few entries take little memory.
            self.0.push(if self.0.is_empty() { Vec::new() } else { Vec::with_capacity(BLOCK) });
        }
        self.0.last_mut()?.push(entry);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stays_at_its_place() {
        let mut blocks = Blocks::new();

        let places: Vec<_> = (0..3000).map(|number| blocks.push(number).unwrap()).collect();
        *blocks.get_mut(places[1500]).unwrap() = 7;

        assert_eq!(blocks.len(), 3000);
        let there: Vec<_> = places.iter().map(|place| *blocks.get(*place).unwrap()).collect();
        assert!(
            there.iter().enumerate().all(|(at, number)| *number == if at == 1500 { 7 } else { at })
        );
        assert_eq!(blocks.get(Place::new(3000).unwrap()), None);
    }
}
