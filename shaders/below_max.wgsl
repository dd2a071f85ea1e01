// out[i] = (y_i - sum_j w_j y_j) mod 2^bits without its low `cut` bits, j the elements of row i / classes,
// y_i = first I_i - rho[i], I = hat - 2^(wire-2), w_j y_j = b y_j + (1 - 2b) (I_j lambda_j - lr_j), b = won[j].
// dealt: lambda, lr, in `bits` bits. `up` rounds the cut up (server 1).   docs/protocols.md 4.2
struct Params { classes: u32, wire: u32, bits: u32, cut: u32, first: u32, up: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> hat: array<Ring>;
@group(0) @binding(2) var<storage, read> rho: array<Ring>;
@group(0) @binding(3) var<storage, read> won: array<u32>;
@group(0) @binding(4) var<storage, read> dealt: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<Ring>;

// Element i of the item that begins at word `at`.
fn item(at: u32, i: u32) -> Wide {
    let s = span(at, i, p.bits);
    return cut(s, dealt[s.a], dealt[s.b], dealt[s.c]);
}

fn share(i: u32) -> Wide {
    return w_sub(times_bit(p.first, public_part(wide(hat[i]), p.wire)), wide(rho[i]));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = thread(id, groups);
    let len = arrayLength(&out);
    if i >= len { return; }
    let words = packed_words(len, p.bits);
    let row = i / p.classes * p.classes;
    var most = w_from(0u, 0u);
    for (var j = row; j < row + p.classes; j += 1u) {
        let masked = w_sub(w_mul(public_part(wide(hat[j]), p.wire), item(0u, j)), item(words, j));
        most = w_add(most, unmasked(bit(won[j >> 5u], j), share(j), masked));
    }
    out[i] = low(without_low(w_sub(share(i), most), p.bits, p.cut, p.up));
}

// corrections = pack(lambda[i] - share0[i]), and from a word of its own pack(lambda[i] (rho_sum[i] mod 2^wire) - share0'[i]),
// each in `bits` bits, as are the two items of share0; rho_sum: the masks rho of both servers, added up.
@group(0) @binding(1) var<storage, read> rho_sum: array<Ring>;
@group(0) @binding(2) var<storage, read> lambda: array<u32>;
@group(0) @binding(3) var<storage, read> share0: array<u32>;
@group(0) @binding(4) var<storage, read_write> corrections: array<u32>;

// Element i of the item that begins at word `begin`, the second item where `second`.
fn correction(i: u32, begin: u32, second: bool) -> Wide {
    let x = select(w_from(1u, 0u), w_and(wide(rho_sum[i]), w_ones(p.wire)), second);
    let s = span(begin, i, p.bits);
    return w_sub(times_bit(bit(lambda[i >> 5u], i), x), cut(s, share0[s.a], share0[s.b], share0[s.c]));
}

@compute @workgroup_size(GROUP)
fn deal(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = thread(id, groups);
    if word >= arrayLength(&corrections) { return; }
    let len = arrayLength(&rho_sum);
    let words = packed_words(len, p.bits);
    let second = word >= words;
    let begin = select(0u, words, second);
    var packed = 0u;
    for (var at = place(word - begin, p.bits); at.shift < 32 && at.i < len; at = after(at, p.bits)) {
        packed |= put(correction(at.i, begin, second), at, p.bits);
    }
    corrections[word] = packed;
}
