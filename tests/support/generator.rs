//! Random inputs that are the same in every run: xorshift, and mutations of good inputs.

/// Marsaglia's xorshift with 64 bits of state.
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// As the platform's randomness would fill them.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        core::array::from_fn(|_| self.next() as u8)
    }

    /// One of the corpus with one to four wounds.
    pub(crate) fn mutated(&mut self, corpus: &[&[u8]], dictionary: &[&[u8]]) -> Vec<u8> {
        let mut out = self.pick(corpus).to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len() + 1);
            let end = (at + self.below(8)).min(out.len());
            match self.below(7) {
                0 if at < out.len() => out[at] ^= 1 << self.below(8),
                1 if at < out.len() => out[at] = self.next() as u8,
                2 => drop(out.drain(at..end)),
                3 => {
                    let again = out[at..end].to_vec();
                    out.splice(at..at, again);
                }
                4 => out.truncate(at),
                5 => {
                    let other = self.pick(corpus);
                    let from = self.below(other.len() + 1);
                    out.truncate(at);
                    out.extend_from_slice(&other[from..]);
                }
                _ => {
                    let word = self.pick(dictionary);
                    out.splice(at..at, word.iter().copied());
                }
            }
        }
        out
    }
}
