//! Writes ICU4X's collation, normalization and case data as postcard files, one a data identifier.
use icu_provider::IterableDataProvider;
use icu_provider::prelude::*;

struct Source;
const _: () = {
    use icu_casemap_data::*;
    use icu_collator_data::*;
    use icu_normalizer_data::*;
    pub mod icu {
        pub use icu_casemap as casemap;
        pub use icu_collator as collator;
        pub use icu_collections as collections;
        pub use icu_locale as locale;
        pub use icu_normalizer as normalizer;
    }
    icu_collator_data::make_provider!(Source);
    impl_collation_root_v1!(Source);
    impl_collation_tailoring_v1!(Source, ITER);
    impl_collation_diacritics_v1!(Source, ITER);
    impl_collation_jamo_v1!(Source);
    impl_collation_metadata_v1!(Source, ITER);
    impl_collation_special_primaries_v1!(Source);
    impl_collation_reordering_v1!(Source, ITER);
    impl_normalizer_nfd_data_v1!(Source);
    impl_normalizer_nfd_tables_v1!(Source);
    impl_case_map_v1!(Source);
};

fn write<M: DataMarker>(folder: &str, name: &str, id: DataIdentifierBorrowed<'_>)
where
    Source: DataProvider<M>,
    for<'a> <M::DataStruct as yoke::Yokeable<'a>>::Output: serde::Serialize,
{
    let request = DataRequest {
        id,
        ..Default::default()
    };
    let payload = DataProvider::<M>::load(&Source, request).unwrap().payload;
    let bytes = postcard::to_stdvec(payload.get()).unwrap();
    let attributes = id.marker_attributes.as_str();
    let plus = if attributes.is_empty() { "" } else { "+" };
    std::fs::write(
        format!("{folder}/{name}+{}{plus}{attributes}", id.locale),
        bytes,
    )
    .unwrap();
}

fn each<M: DataMarker>(folder: &str, name: &str)
where
    Source: IterableDataProvider<M>,
    for<'a> <M::DataStruct as yoke::Yokeable<'a>>::Output: serde::Serialize,
{
    for id in IterableDataProvider::<M>::iter_ids(&Source).unwrap() {
        write::<M>(folder, name, id.as_borrowed());
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    write::<icu_collator::provider::CollationRootV1>(&folder, "root", Default::default());
    each::<icu_collator::provider::CollationTailoringV1>(&folder, "tailoring");
    each::<icu_collator::provider::CollationDiacriticsV1>(&folder, "diacritics");
    write::<icu_collator::provider::CollationJamoV1>(&folder, "jamo", Default::default());
    each::<icu_collator::provider::CollationMetadataV1>(&folder, "metadata");
    write::<icu_collator::provider::CollationSpecialPrimariesV1>(
        &folder,
        "primaries",
        Default::default(),
    );
    each::<icu_collator::provider::CollationReorderingV1>(&folder, "reordering");
    write::<icu_normalizer::provider::NormalizerNfdDataV1>(&folder, "nfd", Default::default());
    write::<icu_normalizer::provider::NormalizerNfdTablesV1>(
        &folder,
        "nfd-tables",
        Default::default(),
    );
    write::<icu_casemap::provider::CaseMapV1>(&folder, "case", Default::default());
}
