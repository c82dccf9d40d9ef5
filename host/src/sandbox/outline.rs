//! A component's outline, read before it is compiled: what it imports and exports, and how many parts
//! it has. Compiling takes seconds and reading this takes milliseconds, so that what can never run is
//! refused at once.

use wasmparser::{ComponentTypeRef, Encoding, Instance, Parser, Payload};

use super::engine::{CORE_INSTANCES, MEMORIES, TABLES};
use super::error::ComponentError;
use super::world::{EXPORTS, is_allowed, no_export, refuse_import};
use crate::domain::limits::StepLimits;

/// Bytes of a page of linear memory.
const PAGE: u64 = 64 * 1024;

/// The outline of one component.
#[derive(Debug, Default)]
struct Outline {
    exports: Vec<String>,
    /// Core modules that an instance of it is made of, those of nested components included.
    core_instances: u32,
    /// Memories and tables that its modules define.
    memories: u32,
    tables: u32,
    /// Bytes that its memories begin with, in sum.
    memory: u64,
}

/// Refuses a component that is no step by its imports, its exports or its size.
///
/// # Errors
/// [`ComponentError::NotAComponent`], [`ComponentError::ForeignImport`], [`ComponentError::NotAStep`]
/// and [`ComponentError::TooManyParts`].
pub(super) fn check(bytes: &[u8]) -> Result<(), ComponentError> {
    check_kind(bytes)?;
    let outline = read(bytes)?;
    for export in EXPORTS {
        if !outline.exports.iter().any(|name| name == export) {
            return Err(no_export(export));
        }
    }
    for (count, most, what) in [
        (outline.core_instances, CORE_INSTANCES, "core instances"),
        (outline.memories, MEMORIES, "linear memories"),
        (outline.tables, TABLES, "tables"),
    ] {
        if count > most {
            return Err(ComponentError::TooManyParts { count, what, most });
        }
    }
    if outline.memory > StepLimits::MOST.memory {
        return Err(ComponentError::TooMuchMemory {
            bytes: outline.memory,
            most: StepLimits::MOST.memory,
        });
    }
    Ok(())
}

/// Refuses bytes that are not those of a component by their first eight.
fn check_kind(bytes: &[u8]) -> Result<(), ComponentError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(ComponentError::NotAComponent(
            "the file does not begin with the WebAssembly magic number `\\0asm`; give a .wasm component, e.g. what `stepwell step build` made".into(),
        ));
    }
    if bytes.get(4..8) == Some(&[1, 0, 0, 0]) {
        return Err(ComponentError::NotAComponent(
            "the file is a core WebAssembly module; build for the target wasm32-wasip2, which makes components".into(),
        ));
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Outline, ComponentError> {
    let invalid =
        |error: wasmparser::BinaryReaderError| ComponentError::NotAComponent(error.to_string());
    let mut outline = Outline::default();
    // What each open scope is; the outermost is the component itself.
    let mut scopes: Vec<Encoding> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding, .. } => scopes.push(encoding),
            Payload::End(_) => {
                scopes.pop();
            }
            Payload::ComponentImportSection(imports) if scopes.len() == 1 => {
                for import in imports {
                    let import = import.map_err(invalid)?;
                    let name = import.name.name;
                    // A type is a name for what the component brings along: `failure` is one.
                    let is_type = matches!(import.ty, ComponentTypeRef::Type(_));
                    if !is_type && !is_allowed(name) {
                        return Err(refuse_import(name));
                    }
                }
            }
            Payload::ComponentExportSection(exports) if scopes.len() == 1 => {
                for export in exports {
                    let name = export.map_err(invalid)?.name.name;
                    // Others are of no interest, and there may be many.
                    if EXPORTS.contains(&name) {
                        outline.exports.push(name.to_owned());
                    }
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { .. } = instance.map_err(invalid)? {
                        outline.core_instances = outline.core_instances.saturating_add(1);
                    }
                }
            }
            Payload::MemorySection(memories) => {
                outline.memories = outline.memories.saturating_add(memories.count());
                for memory in memories {
                    let pages = memory.map_err(invalid)?.initial;
                    outline.memory = outline.memory.saturating_add(pages.saturating_mul(PAGE));
                }
            }
            Payload::TableSection(tables) => {
                outline.tables = outline.tables.saturating_add(tables.count());
            }
            _ => {}
        }
    }
    Ok(outline)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of `instances` core instances that exports nothing.
    fn of_instances(instances: u32) -> Vec<u8> {
        let parts = "(core instance (instantiate $m))\n".repeat(instances as usize);
        wat::parse_str(format!("(component (core module $m) {parts})")).unwrap()
    }

    #[test]
    fn parts_are_counted_wherever_they_are() {
        assert_eq!(read(&of_instances(3)).unwrap().core_instances, 3);
        let nested = wat::parse_str(
            "(component
                (core module $m (memory 1) (table 1 funcref))
                (component (core module $n (memory 1)) (core instance (instantiate $n)))
                (core instance (instantiate $m)))",
        )
        .unwrap();
        let outline = read(&nested).unwrap();
        assert_eq!(
            (outline.core_instances, outline.memories, outline.tables),
            (2, 2, 1)
        );
    }

    #[test]
    fn what_can_never_run_is_refused_before_it_is_compiled() {
        let refusal = |text: &str| {
            check(&wat::parse_str(text).unwrap())
                .unwrap_err()
                .to_string()
        };
        let foreign = refusal(r#"(component (import "evil:host/shell@1.0.0" (instance)))"#);
        assert!(foreign.contains("evil:host/shell@1.0.0"), "{foreign}");
        let engines_own =
            refusal(r#"(component (import "stepwell:step/script@0.1.0" (instance)))"#);
        assert!(
            engines_own.contains("stepwell:step/script"),
            "{engines_own}"
        );
        // An import of a nested component is not the step's.
        let nested = refusal(r#"(component (component (import "a:b/c" (instance))))"#);
        assert!(
            nested.contains("exports no function `condition`"),
            "{nested}"
        );
        let truncated = of_instances(1);
        assert!(check(&truncated[..truncated.len() - 1]).is_err());
    }

    #[test]
    fn memories_that_begin_too_large_are_refused_with_both_numbers() {
        let outline = read(
            &wat::parse_str(
                "(component (core module (memory 100)) (core module (memory 4000 5000)))",
            )
            .unwrap(),
        )
        .unwrap();
        assert_eq!(outline.memory, 4_100 * PAGE);
        let said = ComponentError::TooMuchMemory {
            bytes: outline.memory,
            most: 7,
        };
        let said = said.to_string();
        assert!(
            said.contains("268697600 bytes") && said.contains(" 7 "),
            "{said}"
        );
    }

    #[test]
    fn more_parts_than_the_pool_has_are_refused_with_both_numbers() {
        let outline = |instances| {
            let mut outline = read(&of_instances(instances)).unwrap();
            outline.exports = EXPORTS.map(str::to_owned).to_vec();
            outline
        };
        assert_eq!(
            outline(39).core_instances,
            39,
            "componentize-py --stub-wasi"
        );
        let many = ComponentError::TooManyParts {
            count: CORE_INSTANCES + 1,
            what: "core instances",
            most: CORE_INSTANCES,
        };
        let said = many.to_string();
        assert!(said.contains(&CORE_INSTANCES.to_string()), "{said}");
    }
}
