//! From an annotated function to a component: the exports of the world for Wasm, the hook that the
//! mock host needs for every other target.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Ident, ItemFn, ReturnType, Token, Type};

use crate::condition::Condition;

const USAGE: &str = "a step needs a condition: `#[step(condition = { \"$via\": { \"name\": \"Contact Form\" } })]`; `{}` matches every task";

/// What stands in the parentheses of `#[step(…)]`.
struct Arguments {
    condition: Condition,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = input.parse()?;
        if name != "condition" {
            return Err(Error::new_spanned(
                &name,
                format!("`{name}` is not an argument of `step`; {USAGE}"),
            ));
        }
        input.parse::<Token![=]>()?;
        let condition = input.parse()?;
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
        }
        if !input.is_empty() {
            return Err(input.error("`condition` is the only argument of `step`"));
        }
        Ok(Self { condition })
    }
}

/// Expands `#[step(attribute)] item`.
pub fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if attribute.is_empty() {
        return Err(Error::new(Span::call_site(), USAGE));
    }
    let arguments: Arguments = syn::parse2(attribute)?;
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| {
        Error::new_spanned(
            item,
            "`#[step]` belongs on a function: `fn name() -> Result`",
        )
    })?;
    check(&function)?;
    Ok(generate(&arguments.condition, function))
}

fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let refuse = |at: &dyn quote::ToTokens, message: &str| {
        Err(Error::new_spanned(at.to_token_stream(), message))
    };
    if !signature.inputs.is_empty() {
        return refuse(
            &signature.inputs,
            "a step takes no arguments: it reads the task's data with `stepwell_sdk::data`",
        );
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(&signature.generics, "a step cannot be generic");
    }
    if let Some(unsafety) = &signature.unsafety {
        return refuse(unsafety, "a step cannot be unsafe");
    }
    if let Some(constness) = &signature.constness {
        return refuse(constness, "a step cannot be const");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi, "a step is a plain Rust function, without `extern`");
    }
    if let ReturnType::Type(_, returned) = &signature.output
        && matches!(**returned, Type::ImplTrait(_) | Type::Never(_))
    {
        return refuse(
            returned,
            "a step returns `()` or `Result<(), E>`; to await something, make it an `async fn`",
        );
    }
    Ok(())
}

fn generate(condition: &Condition, mut function: ItemFn) -> TokenStream {
    let json = &condition.json;
    let name = function.sig.ident.clone();
    let returned = match &function.sig.output {
        ReturnType::Default => function.sig.ident.span(),
        ReturnType::Type(_, returned) => returned.span(),
    };
    // Spanned at the return type, so that a wrong one is shown there.
    let finish = if function.sig.asyncness.is_some() {
        quote_spanned!(returned=> ::stepwell_sdk::__private::finish_async(#name()))
    } else {
        quote_spanned!(returned=> ::stepwell_sdk::__private::finish(#name()))
    };
    let entry = quote_spanned! {returned=>
        #[cfg(not(target_family = "wasm"))]
        if !::stepwell_sdk::__private::enter(#json) {
            return ::stepwell_sdk::__private::Ending::untouched();
        }
    };
    let statements: Vec<_> = function.block.stmts.drain(..).collect();
    function.block = syn::parse_quote!({ #entry #(#statements)* });

    quote! {
        #function

        /// A component is one step; a second `#[step]` in a module ends here.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        enum a_crate_holds_one_step {}

        const _: () = {
            /// What the component exports. Compiled for every target, so that a wrong return type
            /// is found by `cargo test` too.
            #[allow(dead_code)]
            struct Exports;

            #[allow(dead_code)]
            impl Exports {
                fn run_step() -> ::core::result::Result<(), ::stepwell_sdk::Failure> {
                    #finish
                }
            }

            #[cfg(target_family = "wasm")]
            impl ::stepwell_sdk::__private::Guest for Exports {
                fn condition() -> ::std::string::String {
                    ::std::string::String::from(#json)
                }

                fn run() -> ::core::result::Result<(), ::stepwell_sdk::__private::Failure> {
                    ::stepwell_sdk::__private::ran(Self::run_step())
                }
            }

            #[cfg(target_family = "wasm")]
            ::stepwell_sdk::__private::export!(Exports with_types_in ::stepwell_sdk::__private);
        };
    }
}
