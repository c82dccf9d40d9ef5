//! An uploaded file is checked before anything is done with it: type, size and name. What is right
//! is told how it is to be processed; what is wrong is told why.

use serde::{Deserialize, Serialize};
use stepwell_sdk::prelude::*;

/// The largest file, in bytes.
const LARGEST: u64 = 10 * 1024 * 1024;

/// What the upload form says of the file.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    type_valid: bool,
    size_valid: bool,
    name_valid: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'f> {
    name: &'f str,
    #[serde(rename = "type")]
    kind: &'f str,
    size: u64,
    url: Option<&'f str>,
    uploaded_at: String,
}

#[step(condition = { "$via": { "name": "Document Upload" }, file: Object })]
fn document_upload() -> Result {
    let file: File = data::require("/file")?;
    let processing = processing(&file.kind);
    let validation = Validation {
        type_valid: processing.is_some(),
        size_valid: file.size <= LARGEST,
        name_valid: !file.name.trim().is_empty(),
    };
    let errors = errors(&file, &validation);
    data::set("/fileValidation", &validation)?;
    data::set("/fileValid", errors.is_empty())?;

    match processing {
        Some((kind, flag)) if errors.is_empty() => {
            console::log!("{} goes to {kind}", file.name);
            data::set(
                "/document",
                Document {
                    name: &file.name,
                    kind: &file.kind,
                    size: file.size,
                    url: file.url.as_deref(),
                    uploaded_at: time::now_rfc3339(),
                },
            )?;
            data::set("/processingType", kind)?;
            data::set(flag, true)?;
            data::set("/readyForProcessing", true)?;
        }
        _ => {
            console::warn!("the file is refused: {}", errors.join("; "));
            data::set("/validationErrors", errors)?;
            data::set("/requiresUserNotification", true)?;
        }
    }
    Ok(())
}

/// How a file of this type is processed, and the flag that asks for it. Other types are refused.
fn processing(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "application/pdf" => Some(("pdf_extraction", "/extractText")),
        "image/jpeg" | "image/png" => Some(("image_analysis", "/extractMetadata")),
        "text/csv" => Some(("data_import", "/parseData")),
        _ => None,
    }
}

fn errors(file: &File, validation: &Validation) -> Vec<String> {
    let mut errors = Vec::new();
    if !validation.type_valid {
        errors.push(format!("Invalid file type: {}", file.kind));
    }
    if !validation.size_valid {
        errors.push(format!("File too large: {} bytes", file.size));
    }
    if !validation.name_valid {
        errors.push("Missing or invalid file name".to_owned());
    }
    errors
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::{Mock, Outcome};

    use super::*;

    fn upload(file: Value) -> Outcome {
        Mock::new()
            .webhook("Document Upload")
            .data(json!({ "file": file }))
            .run(document_upload)
    }

    #[test]
    fn each_type_has_its_processing() {
        for (kind, processing, flag) in [
            ("application/pdf", "pdf_extraction", "extractText"),
            ("image/png", "image_analysis", "extractMetadata"),
            ("image/jpeg", "image_analysis", "extractMetadata"),
            ("text/csv", "data_import", "parseData"),
        ] {
            let outcome = upload(json!({ "name": "a", "type": kind, "size": 1 }));
            assert_eq!(outcome.data["fileValid"], true, "{kind}");
            assert_eq!(outcome.data["processingType"], processing);
            assert_eq!(outcome.data[flag], true);
            assert_eq!(outcome.data["document"]["type"], kind);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let outcome =
            upload(json!({ "name": " ", "type": "application/x-sh", "size": LARGEST + 1 }));
        assert_eq!(
            outcome.data["validationErrors"],
            json!([
                "Invalid file type: application/x-sh",
                "File too large: 10485761 bytes",
                "Missing or invalid file name"
            ])
        );
        assert_eq!(
            outcome.data["fileValidation"],
            json!({ "typeValid": false, "sizeValid": false, "nameValid": false })
        );
        assert_eq!(outcome.data.get("document"), None);
        assert_eq!(outcome.data["requiresUserNotification"], true);
    }

    #[test]
    fn the_largest_file_is_allowed() {
        let outcome = upload(json!({ "name": "a.csv", "type": "text/csv", "size": LARGEST }));
        assert_eq!(outcome.data["readyForProcessing"], true);
    }
}
