//! Which statements, imports and exports are only about types.

use oxc_ast::ast::*;

use super::Strip;

impl Strip<'_> {
    /// Whether nothing is left of a statement without its types.
    pub(super) fn is_type(&self, it: &Statement) -> bool {
        use ImportOrExportKind::Type;
        match it {
            Statement::ExportDeclaration(it) => is_type_declaration(&it.declaration),
            Statement::ExportNamedDeclaration(it) => it.export_kind == Type,
            Statement::ExportFromDeclaration(it) => it.export_kind == Type,
            Statement::ExportAllDeclaration(it) => it.export_kind == Type,
            Statement::ExportDefaultDeclaration(it) => match &it.declaration {
                ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
                ExportDefaultDeclarationKind::FunctionDeclaration(it) => it.body.is_none(),
                _ => false,
            },
            Statement::ImportDeclaration(it) => {
                it.import_kind == Type
                    || it.specifiers.as_ref().is_some_and(|specifiers| {
                        !specifiers.is_empty()
                            && specifiers.iter().all(|it| self.is_type_import(it))
                    })
            }
            Statement::TSNamespaceExportDeclaration(_) => true,
            it => it.as_declaration().is_some_and(is_type_declaration),
        }
    }

    /// Whether an import is marked as a type, or no value of that name is used: as `tsc` has it.
    pub(super) fn is_type_import(&self, it: &ImportDeclarationSpecifier) -> bool {
        if let ImportDeclarationSpecifier::ImportSpecifier(it) = it
            && it.import_kind == ImportOrExportKind::Type
        {
            return true;
        }
        let symbol = it.local().symbol_id();
        !self
            .names
            .get_resolved_references(symbol)
            .any(|reference| reference.is_value())
    }

    /// Whether a name means a type and no value.
    pub(super) fn is_type_name(&self, it: &ModuleExportName) -> bool {
        let ModuleExportName::IdentifierReference(it) = it else {
            return false;
        };
        let symbol = self.names.get_reference(it.reference_id()).symbol_id();
        symbol.is_some_and(|symbol| !self.names.symbol_flags(symbol).is_value())
    }
}

fn is_type_declaration(it: &Declaration) -> bool {
    match it {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::VariableDeclaration(it) => it.declare,
        Declaration::FunctionDeclaration(it) => it.body.is_none(),
        Declaration::ClassDeclaration(it) => it.declare,
        Declaration::TSEnumDeclaration(it) => it.declare,
        Declaration::TSNamespaceDeclaration(it) => is_type_namespace(it),
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind == ImportOrExportKind::Type,
    }
}

fn is_type_namespace(it: &TSNamespaceDeclaration) -> bool {
    it.declare
        || match &it.body {
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(it) => is_type_namespace(it),
            TSNamespaceDeclarationBody::TSModuleBlock(it) => it.body.iter().all(|it| match it {
                Statement::ExportDeclaration(it) => is_type_declaration(&it.declaration),
                it => it.as_declaration().is_some_and(is_type_declaration),
            }),
        }
}
