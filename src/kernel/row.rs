//! How a page of [`twin`](super::twin) writes its kernels down: `params!` their parameters, `kernels!` their rows.
//!
//! `NAME = entry of "file.wgsl" by threads, Params, [inputs] => output, body, fast;`
//!
//! The GPU's body is the entry point `entry` of `shaders/file.wgsl`; `by threads` names the number of threads that it takes, if it
//! is not one per element of the output. `body` is the definition, and the kernel's name: a generic function of the page that
//! takes the parameters, the inputs and the output as slices. A row that ends in `fast` runs the function of the same name in
//! the module that the page imports as `fast`.

use bytemuck::Pod;

/// The next input, as elements.
pub(super) fn next<'a, T: Pod>(inputs: &mut std::slice::Iter<'_, &'a [u8]>) -> &'a [T] {
    bytemuck::cast_slice(inputs.next().expect("a kernel gets the operands of its row"))
}

/// Parameters: `u32` fields in the order of the WGSL struct.
macro_rules! params {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* })*) => { $(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, ::bytemuck::Pod, ::bytemuck::Zeroable)]
        #[expect(missing_docs, reason = "the kernel's formula names the fields")]
        pub struct $name { $(pub $field: u32),* }

        impl $crate::kernel::Params for $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    )* };
}

/// Rows, each a static, and `ROWS`, the list of them.
macro_rules! kernels {
    (@element Raw, $w:ident) => { u32 };
    (@element Ring, $w:ident) => { $w };
    (@element Wide, $w:ident) => { u64 };

    (@threads $params:ident, $len:ident,) => { $len };
    (@threads $params:ident, $len:ident, $threads:path) => { $threads($params, $len) };

    (@operands [$($input:ident),*]) => { &[$($crate::kernel::Operand::$input),*] };

    (@fast) => { None };
    (@fast $fast:ident) => { Some([$fast::<u32>, $fast::<u64>]) };

    (@body $kind:ident, [$($body:tt)+], $params:ty, [$($input:ident),*] => $output:ident) => {
        fn $kind<W: $crate::kernel::Word>(params: &[u32], inputs: &[&[u8]], out: &mut [u8]) {
            let params: &$params = ::bytemuck::from_bytes(::bytemuck::cast_slice(params));
            let mut inputs = inputs.iter();
            $($body)+::<W>(
                params,
                $($crate::kernel::row::next::<kernels!(@element $input, W)>(&mut inputs),)*
                ::bytemuck::cast_slice_mut::<u8, kernels!(@element $output, W)>(out),
            );
        }
    };

    ($(
        $(#[$doc:meta])*
        $name:ident = $entry:ident of $file:literal $(by $threads:path)?,
            $params:ty, $inputs:tt => $output:ident, $body:ident $(, $fast:ident)?;
    )*) => {
        $($(#[$doc])*
        pub static $name: $crate::kernel::Kernel = {
            kernels!(@body twin, [$body], $params, $inputs => $output);
            $(kernels!(@body $fast, [$fast::$body], $params, $inputs => $output);)?
            fn threads(params: &[u32], len: usize) -> usize {
                let _params: &$params = ::bytemuck::from_bytes(::bytemuck::cast_slice(params));
                kernels!(@threads _params, len, $($threads)?)
            }
            $crate::kernel::Kernel {
                name: stringify!($body),
                file: $file,
                wgsl: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
                entry: stringify!($entry),
                params: <$params as $crate::kernel::Params>::FIELDS,
                inputs: kernels!(@operands $inputs),
                output: $crate::kernel::Operand::$output,
                threads,
                twin: [twin::<u32>, twin::<u64>],
                fast: kernels!(@fast $($fast)?),
            }
        };)*

        /// The page's kernels.
        pub(super) static ROWS: &[&$crate::kernel::Kernel] = &[$(&$name),*];
    };
}

pub(super) use {kernels, params};
