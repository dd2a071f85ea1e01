// Pairs of candidates and subsets of bits, in the order of the planes that belong to them.

// Number of the pair (i, j), i < j, of n candidates: (0, 1), (0, 2), .. (1, 2), ..
fn pair_number(i: u32, j: u32, n: u32) -> u32 { return i * (2u * n - i - 1u) / 2u + j - i - 1u; }

fn pair_at(number: u32, n: u32) -> vec2<u32> {
    var i = 0u;
    var rest = number;
    for (; rest >= n - 1u - i; i += 1u) { rest -= n - 1u - i; }
    return vec2(i, i + 1u + rest);
}

// Number of a subset of two or more among all those, ascending as bit masks: 3, 5, 6, 7, 9, ..
fn subset_number(s: u32) -> u32 { return s - 2u - firstLeadingBit(s); }

fn subset_at(number: u32) -> u32 {
    // 2^(top + 1) - 2 - top of them are below 2^(top + 1)
    var top = 1u;
    for (; (2u << top) - 2u - top <= number; top += 1u) {}
    return number + 2u + top;
}
