//! ICU4X's data, from the host: one file for each data identifier, in the form `postcard`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use icu_casemap::provider::CaseMapV1;
use icu_collator::provider::{
    CollationDiacriticsV1, CollationJamoV1, CollationMetadataV1, CollationReorderingV1,
    CollationRootV1, CollationSpecialPrimariesV1, CollationTailoringV1,
};
use icu_normalizer::provider::{NormalizerNfdDataV1, NormalizerNfdTablesV1};
use icu_provider::buf::{BufferFormat, BufferMarker};
use icu_provider::prelude::*;

use crate::host::Host;

/// Files are shared by all collators that use them.
pub struct Source {
    host: Rc<dyn Host>,
    read: RefCell<BTreeMap<String, DataPayload<BufferMarker>>>,
}

impl Source {
    pub fn new(host: Rc<dyn Host>) -> Self {
        let read = RefCell::default();
        Self { host, read }
    }

    fn file(&self, name: &str) -> Option<DataPayload<BufferMarker>> {
        if let Some(payload) = self.read.borrow().get(name) {
            return Some(payload.clone());
        }
        let bytes = self.host.locale_data(name)?;
        let payload = DataPayload::from_owned_buffer(bytes.into_boxed_slice());
        self.read
            .borrow_mut()
            .insert(name.to_owned(), payload.clone());
        Some(payload)
    }

    /// The file of the identifier, or of the nearest parent of its locale. A locale with a script that
    /// the data does not name has the root's: its language's is for another script.
    fn nearest(
        &self,
        kind: &str,
        id: DataIdentifierBorrowed<'_>,
    ) -> Option<DataPayload<BufferMarker>> {
        let locale = id.locale.to_string();
        let attributes = id.marker_attributes.as_str();
        let plus = if attributes.is_empty() { "" } else { "+" };
        let find = |tag: &str| self.file(&format!("collation/{kind}+{tag}{plus}{attributes}"));
        let mut tag = locale.as_str();
        loop {
            if let Some(found) = find(tag) {
                return Some(found);
            }
            match tag.rsplit_once('-') {
                // The types of Chinese collation are those of both scripts.
                Some((_, "Hans" | "Hant")) => tag = "und-Hani",
                Some((_, last)) if last.len() == 4 => return find("und"),
                Some((rest, _)) => tag = rest,
                None => return find("und"),
            }
        }
    }
}

macro_rules! provides {
    ($($kind:literal $marker:ty),+ $(,)?) => {$(
        impl DataProvider<$marker> for Source {
            fn load(&self, request: DataRequest<'_>) -> Result<DataResponse<$marker>, DataError> {
                let missing = || DataErrorKind::IdentifierNotFound.with_req(<$marker>::INFO, request);
                let buffer = self.nearest($kind, request.id).ok_or_else(missing)?;
                Ok(DataResponse {
                    metadata: DataResponseMetadata::default(),
                    payload: buffer.into_deserialized(BufferFormat::Postcard1)?,
                })
            }
        }
    )+};
}

provides! {
    "root" CollationRootV1,
    "tailoring" CollationTailoringV1,
    "diacritics" CollationDiacriticsV1,
    "jamo" CollationJamoV1,
    "metadata" CollationMetadataV1,
    "primaries" CollationSpecialPrimariesV1,
    "reordering" CollationReorderingV1,
    "nfd" NormalizerNfdDataV1,
    "nfd-tables" NormalizerNfdTablesV1,
    "case" CaseMapV1,
}
