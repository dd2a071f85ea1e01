// out[i] = (y + c d) mod 2^bits, d = x - y: of two wires the one that a secret bit picks, which is open as b = c_bits[i].
// y = first (y_hat - 2^(bits-2)) - y_rho, d = first D - x_rho + y_rho, D = x_hat - y_hat, c d = b d + (1 - 2b)(D lambda - delta).
// dealt: lambda, delta = lambda (rho_x - rho_y), in `bits` bits.   docs/protocols.md 3.3
struct Params { bits: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x_hat: array<Ring>;
@group(0) @binding(2) var<storage, read> x_rho: array<Ring>;
@group(0) @binding(3) var<storage, read> y_hat: array<Ring>;
@group(0) @binding(4) var<storage, read> y_rho: array<Ring>;
@group(0) @binding(5) var<storage, read> c_bits: array<u32>;
@group(0) @binding(6) var<storage, read> dealt: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<Ring>;

// Element i of the item that begins at word `at`.
fn item(at: u32, i: u32) -> Wide {
    let s = span(at, i, p.bits);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    let len = arrayLength(&out);
    if i >= len { return; }
    let difference = w_sub(wide(x_hat[i]), wide(y_hat[i]));
    let d = w_add(w_sub(times_bit(p.first, difference), wide(x_rho[i])), wide(y_rho[i]));
    let masked = w_sub(w_mul(difference, item(0u, i)), item(packed_words(len, p.bits), i));
    let y = w_sub(times_bit(p.first, public_part(wide(y_hat[i]), p.bits)), wide(y_rho[i]));
    out[i] = low(w_and(w_add(y, unmasked(bit(c_bits[i >> 5u], i), d, masked)), w_ones(p.bits)));
}

// corrections = pack(lambda[i] - share0[i]), and from a word of its own pack(lambda[i] (x_sum[i] - y_sum[i]) - share0'[i]), each
// in `bits` bits, as are the two items of share0; x_sum and y_sum: the masks x_rho and y_rho of both servers, added up.
@group(0) @binding(1) var<storage, read> x_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> y_sum: array<Ring>;
@group(0) @binding(3) var<storage, read> lambda: array<u32>;
@group(0) @binding(4) var<storage, read> share0: array<u32>;
@group(0) @binding(5) var<storage, read_write> corrections: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn correction(i: u32, begin: u32, second: bool) -> Wide {
    let x = select(w_from(1u, 0u), w_sub(wide(x_sum[i]), wide(y_sum[i])), second);
    let s = span(begin, i, p.bits);
    return w_sub(times_bit(bit(lambda[i >> 5u], i), x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&x_sum);
    let words = packed_words(len, p.bits);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(correction(at.i, begin, second), at, p.bits);
    }
    corrections[word] = packed;
}
