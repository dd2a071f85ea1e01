//! What there is for every interpreter, as objects have it: a trait with a method over all engines is none of an object's.

use crate::gates::Engine;
#[cfg(test)]
use crate::gates::harness::{Followed, Traced};
use crate::party::{Clear, Dealer, Plan, Server};

/// A type for every engine, as that of a layer in training.
pub trait Family {
    /// The type for an engine.
    type Of<E: Engine>;
}

/// What there is for any engine, as from a function that is written once over engines.
pub trait ForAny<F: Family> {
    /// What there is for `E`.
    fn of<E: Engine>(&self) -> F::Of<E>;
}

/// An interpreter takes its own from what there is for each of them.
pub trait Dispatch: Sized + 'static {
    /// What there is for it.
    fn own<F: Family>(all: &dyn ForEach<F>) -> F::Of<Self>
    where
        Self: Engine;
}

/// Lists the interpreters: an object has no methods over all engines, so it has one for each.
macro_rules! interpreters {
    ($($(#[$attribute:meta])* $method:ident: $interpreter:ty,)*) => {
        /// What there is for each interpreter, of an object. Whatever is [`ForAny`] is.
        #[cfg_attr(test, allow(private_interfaces, reason = "the harness of tests is no part of the API"))]
        pub trait ForEach<F: Family> {
            $(
                /// What there is for this one.
                $(#[$attribute])*
                fn $method(&self) -> F::Of<$interpreter>;
            )*
        }

        #[cfg_attr(test, allow(private_interfaces, reason = "the harness of tests is no part of the API"))]
        impl<F: Family, T: ForAny<F>> ForEach<F> for T {
            $(
                $(#[$attribute])*
                fn $method(&self) -> F::Of<$interpreter> {
                    self.of::<$interpreter>()
                }
            )*
        }

        $(
            $(#[$attribute])*
            impl Dispatch for $interpreter {
                fn own<F: Family>(all: &dyn ForEach<F>) -> F::Of<Self> {
                    all.$method()
                }
            }
        )*
    };
}

interpreters! {
    server: Server,
    dealer: Dealer,
    clear: Clear,
    plan: Plan,
    #[cfg(test)]
    traced_server: Traced<Server>,
    #[cfg(test)]
    traced_clear: Traced<Clear>,
    #[cfg(test)]
    followed: Followed,
}
