//! The `#[step]` attribute of `stepwell-sdk`. It checks the condition while the step is compiled
//! and writes the component's exports. It knows nothing of how a step is run.

mod condition;
mod step;

use proc_macro::TokenStream;

/// Makes a function the step of its crate. See `stepwell_sdk::step`, where it is documented.
#[proc_macro_attribute]
pub fn step(attribute: TokenStream, item: TokenStream) -> TokenStream {
    step::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
