//! An inquiry about a product becomes a lead, with what the catalogue knows of the product.

use serde::Serialize;
use stepwell_sdk::prelude::*;

/// What the catalogue knows of a product.
#[derive(Serialize)]
struct Product {
    category: &'static str,
    price: &'static str,
}

#[step(condition = { "$via": { "name": "Product Inquiries" }, product: String })]
fn product_inquiry() -> Result {
    let name: String = data::require("/product")?;
    let product = look_up(&name);
    console::log!("an inquiry about {name}: {}", product.category);

    data::set("/leadType", "product_inquiry")?;
    data::set("/priority", "high")?;
    data::set("/source", "product_page_form")?;
    data::set("/productCategory", product.category)?;
    data::set("/productInfo", product)?;
    Ok(())
}

fn look_up(name: &str) -> Product {
    let (category, price) = match name {
        "automation-platform" => ("Enterprise", "Custom"),
        "integration-tools" => ("Developer", "Subscription"),
        "analytics-suite" => ("Business", "Monthly"),
        _ => ("Unknown", "Contact Sales"),
    };
    Product { category, price }
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::Mock;

    use super::*;

    fn inquiry(body: Value) -> Mock {
        Mock::new().webhook("Product Inquiries").data(body)
    }

    #[test]
    fn the_catalogue_is_looked_up() {
        for (product, category, price) in [
            ("automation-platform", "Enterprise", "Custom"),
            ("integration-tools", "Developer", "Subscription"),
            ("analytics-suite", "Business", "Monthly"),
            ("perpetuum-mobile", "Unknown", "Contact Sales"),
        ] {
            let outcome = inquiry(json!({ "product": product })).run(product_inquiry);
            assert_eq!(
                outcome.data["productInfo"],
                json!({ "category": category, "price": price })
            );
            assert_eq!(outcome.data["productCategory"], category);
            assert_eq!(outcome.data["priority"], "high");
        }
    }

    #[test]
    fn an_inquiry_names_its_product() {
        assert!(!inquiry(json!({ "product": 7 })).matches(product_inquiry));
        assert!(!inquiry(json!({})).matches(product_inquiry));
    }
}
