//! Share rescale: two servers and a dealer end within one unit of the quotient.

use super::*;

/// A rescale with its number settings.
struct Rescale {
    bits: u32,
    shift: i32,
    scale: u32,
    times: u32,
    /// Kernels that ask and tell, and the word of the shares.
    ask: &'static Kernel,
    tell: &'static Kernel,
    word: RingWord,
}

impl Rescale {
    /// Two servers and a dealer rescale `x`, all shares and pads uniform; `deal` may spoil what is dealt.
    fn run(&self, ring: RingWord, x: &[i64], source: &mut Source, deal: impl Fn(&mut Vec<u32>)) -> Vec<i64> {
        let (len, w) = (x.len(), packed(x.len(), 1));
        let room = (64 - self.bits as i32 + self.shift) as u32;
        let share0 = source.values(len, self.bits, Fill::Uniform);
        let share1: Vec<u64> =
            x.iter().zip(&share0).map(|(x, s)| x.cast_unsigned().wrapping_sub(*s) & mask(self.bits)).collect();
        let pads = [source.raw(w), source.raw(w)];
        let dealt0 = string(&source.values(len, room, Fill::Uniform), room);
        let dealing = [bytes(&pads[0]), bytes(&pads[1]), bytes(&dealt0)];
        let mut dealt1: Vec<u32> = words(&twin(&DEAL_RESCALE, ring, &[len as u32, room], &dealing, packed(len, room)));
        deal(&mut dealt1);
        let shares = [ring_bytes(self.word, &share0), ring_bytes(self.word, &share1)];
        let params = |server: u32| {
            [self.bits, self.scale, self.shift.cast_unsigned(), self.times, 1 - server, server, 2 * server]
        };
        let asked = [0, 1].map(|s| twin(self.ask, ring, &params(s as u32), &[shares[s].clone(), bytes(&pads[s])], w));
        let peers = [asked[1].clone(), [bytes(&[1u32, 2]), asked[0].clone()].concat()];
        let dealt = [dealt0, dealt1];
        let [y0, y1]: [Vec<u64>; 2] = [0, 1].map(|s| {
            let inputs = [shares[s].clone(), bytes(&pads[s]), asked[s].clone(), peers[s].clone(), bytes(&dealt[s])];
            words(&twin(self.tell, ring, &params(s as u32), &inputs, len))
        });
        y0.iter().zip(&y1).map(|(a, b)| a.wrapping_add(*b).cast_signed()).collect()
    }

    /// Values with `|scale x| < 2^(bits - 2)`, the ends among them.
    fn inputs(&self, len: usize, source: &mut Source) -> Vec<i64> {
        let most = ((1i64 << (self.bits - 2)) - 1) / i64::from(self.scale);
        let ends = [0, 1, -1, most, -most, most - 1, 1 << self.shift.max(0), -(3 << self.shift.max(0))];
        let mut x: Vec<i64> =
            (0..len).map(|_| (source.value().cast_signed() % most) >> (source.value() % 40)).collect();
        x.iter_mut().zip(ends).for_each(|(x, end)| *x = end);
        x
    }

    /// Whether `y` is what it should be: exact for a left shift and for multiples, else within one unit of `times`.
    fn holds(&self, x: i64, y: i64) -> bool {
        let (x, y, times) = (i128::from(x) * i128::from(self.scale), i128::from(y), i128::from(self.times));
        let unit = 1i128 << self.shift.max(0);
        let (got, exact) = (y * unit, (x * times) << (-self.shift).max(0));
        if x % unit == 0 { got == exact } else { y % times == 0 && (got - exact).abs() < unit * times }
    }
}

pub(super) fn two_servers_rescale_within_one_unit_and_exactly_to_the_left() {
    let mut source = Source::new(6);
    let small = |bits, shift, scale, times, word| Rescale {
        bits,
        shift,
        scale,
        times,
        word,
        ask: &RESCALE_ASK,
        tell: &RESCALE,
    };
    let wide = |bits, shift, scale, times| Rescale {
        ask: &RESCALE_ASK_WIDE,
        tell: &RESCALE_WIDE,
        ..small(bits, shift, scale, times, RingWord::U64)
    };
    let settings = [
        (RingWord::U32, small(32, -5, 1, 1, RingWord::U32)),
        (RingWord::U64, small(32, -5, 1, 41, RingWord::U64)),
        (RingWord::U32, small(32, 7, 3, 5, RingWord::U32)),
        (RingWord::U32, small(32, 0, 1, 1, RingWord::U32)),
        (RingWord::U64, small(48, 11, 1, 1, RingWord::U64)),
        (RingWord::U64, small(48, 11, 1, 41, RingWord::U64)),
        (RingWord::U64, small(64, 5, 29, 1, RingWord::U64)),
        (RingWord::U64, wide(64, 5, 29, 1)),
        (RingWord::U32, wide(64, 5, 29, 1)),
        (RingWord::U32, wide(64, 6, 29, 1)),
    ];
    for (ring, rescale) in settings {
        let about = format!("{} in {ring:?}, {} bits, shift {}", rescale.tell.name, rescale.bits, rescale.shift);
        for len in [1, 31, 32, 33, 5000, LARGE] {
            let x = rescale.inputs(len, &mut source);
            let y = rescale.run(ring, &x, &mut source, |_| ());
            let wrong = x.iter().zip(&y).find(|(x, y)| !rescale.holds(**x, **y));
            assert_eq!(wrong, None, "{about}, {len} elements");
        }
        // and the comparison can fail: one wrong bit from the dealer
        let x = rescale.inputs(100, &mut source);
        let y = rescale.run(ring, &x, &mut source, |dealt| dealt[0] ^= 1);
        assert!(!rescale.holds(x[0], y[0]), "{about}: a wrong dealing goes unnoticed");
    }
}
