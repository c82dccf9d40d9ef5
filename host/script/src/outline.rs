//! What a module's tree tells: its statements, what they export, the modules and names it uses.
//! All offsets are bytes of the text that was parsed.

use std::ops::Range;

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Scoping;
use oxc_span::GetSpan;

/// A module, as far as steps are concerned.
#[derive(Debug, Default)]
pub struct Outline {
    /// The statements at the top level.
    pub items: Vec<Item>,
    /// What is imported, statically or by a literal.
    pub uses: Vec<Use>,
    /// Names that are declared at the top level: there may be several of a name.
    pub declared: Vec<Name>,
    /// Where names of the top level, or of nowhere, are used.
    pub used: Vec<Name>,
    /// Whether `lib` means the global.
    pub lib: bool,
    /// Whether `export` says all that is exported: not of a CommonJS module, nor with `export *`.
    pub is_closed: bool,
    /// The first thing that an engine does not know although the parser does.
    pub fault: Option<(usize, &'static str)>,
}

/// A statement at the top level.
#[derive(Debug)]
pub struct Item {
    pub span: Range<usize>,
    pub exports: Vec<Export>,
    /// It is `export const condition = …`.
    pub begins_step: bool,
    /// It declares a function of this name.
    pub function: Option<String>,
}

/// An exported name.
#[derive(Debug)]
pub struct Export {
    pub name: String,
    pub offset: usize,
    /// It is seen to be a function.
    pub function: bool,
}

/// An imported module.
#[derive(Debug)]
pub struct Use {
    pub specifier: String,
    pub offset: usize,
    /// What is taken of its exports by name.
    pub names: Vec<Name>,
}

/// A name at a place.
#[derive(Debug)]
pub struct Name {
    pub name: String,
    pub offset: usize,
}

impl Outline {
    /// Reads a JavaScript tree.
    pub fn of(program: &Program, names: &Scoping) -> Self {
        let mut walker = Walker {
            outline: Self::default(),
            names,
        };
        walker.visit_program(program);
        let mut outline = walker.outline;
        outline.items = program.body.iter().map(item).collect();
        outline.is_closed = is_closed(program);
        for symbol in names.iter_bindings_in(names.root_scope_id()) {
            let again = names
                .symbol_redeclarations(symbol)
                .iter()
                .map(|again| again.span);
            for span in std::iter::once(names.symbol_span(symbol)).chain(again) {
                outline
                    .declared
                    .push(named(names.symbol_name(symbol), span));
            }
        }
        outline
    }

    /// All exports, with their statements.
    pub fn exports<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Export> {
        self.items
            .iter()
            .flat_map(|item| &item.exports)
            .filter(move |export| export.name == name)
    }
}

fn named(name: &str, span: Span) -> Name {
    Name {
        name: name.into(),
        offset: span.start as usize,
    }
}

fn export(name: &str, span: Span, function: bool) -> Export {
    Export {
        name: name.into(),
        offset: span.start as usize,
        function,
    }
}

fn item(it: &Statement) -> Item {
    let mut item = Item {
        span: it.span().start as usize..it.span().end as usize,
        exports: Vec::new(),
        begins_step: false,
        function: None,
    };
    let name_of = |it: &Function| it.id.as_ref().map(|id| id.name.to_string());
    match it {
        Statement::FunctionDeclaration(it) => item.function = name_of(it),
        Statement::ExportDeclaration(it) => match &it.declaration {
            Declaration::FunctionDeclaration(it) => {
                item.function = name_of(it);
                item.exports
                    .extend(it.id.iter().map(|id| export(&id.name, id.span, true)));
            }
            Declaration::ClassDeclaration(it) => {
                item.exports
                    .extend(it.id.iter().map(|id| export(&id.name, id.span, true)));
            }
            Declaration::VariableDeclaration(it) => {
                for it in &it.declarations {
                    let function = it.init.as_ref().is_some_and(is_function);
                    let bound = it.id.get_binding_identifiers();
                    item.exports
                        .extend(bound.iter().map(|id| export(&id.name, id.span, function)));
                }
                item.begins_step = item.exports.iter().any(|export| export.name == "condition");
            }
            _ => {}
        },
        Statement::ExportNamedDeclaration(it) => {
            item.exports.extend(
                it.specifiers
                    .iter()
                    .map(|it| export(&it.exported.name(), it.span, false)),
            );
        }
        Statement::ExportFromDeclaration(it) => {
            item.exports.extend(
                it.specifiers
                    .iter()
                    .map(|it| export(&it.exported.name(), it.span, false)),
            );
        }
        Statement::ExportDefaultDeclaration(it) => {
            item.exports.push(export("default", it.span, false));
        }
        Statement::ExpressionStatement(it) => item.exports = common_exports(&it.expression),
        _ => {}
    }
    item
}

/// Whether a module's `export`s say all that it exports.
fn is_closed(program: &Program) -> bool {
    let mut exports = false;
    for it in &program.body {
        match it {
            Statement::ExportAllDeclaration(_) => return false,
            Statement::ExpressionStatement(it) if !common_exports(&it.expression).is_empty() => {
                return false;
            }
            Statement::ExportDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportDefaultDeclaration(_) => exports = true,
            _ => {}
        }
    }
    exports
}

fn is_function(it: &Expression) -> bool {
    let it = it.get_inner_expression();
    matches!(
        it,
        Expression::ArrowFunctionExpression(_)
            | Expression::FunctionExpression(_)
            | Expression::ClassExpression(_)
    )
}

/// What `exports.name = …` and `module.exports = { name }` export.
fn common_exports(it: &Expression) -> Vec<Export> {
    let Expression::AssignmentExpression(it) = it else {
        return Vec::new();
    };
    let AssignmentTarget::StaticMemberExpression(target) = &it.left else {
        return Vec::new();
    };
    if is_exports(&target.object) {
        return vec![export(
            &target.property.name,
            target.span,
            is_function(&it.right),
        )];
    }
    let (true, Expression::ObjectExpression(object)) = (is_module_exports(target), &it.right)
    else {
        return Vec::new();
    };
    let properties = object.properties.iter().filter_map(|it| it.as_property());
    let named = properties.filter_map(|it| Some((it.key.static_name()?, it)));
    named
        .map(|(name, it)| export(&name, it.span, it.method || is_function(&it.value)))
        .collect()
}

fn is_exports(it: &Expression) -> bool {
    match it {
        Expression::Identifier(it) => it.name == "exports",
        Expression::StaticMemberExpression(it) => is_module_exports(it),
        _ => false,
    }
}

fn is_module_exports(it: &StaticMemberExpression) -> bool {
    it.property.name == "exports" && it.object.is_specific_id("module")
}

struct Walker<'s> {
    outline: Outline,
    names: &'s Scoping,
}

impl Walker<'_> {
    fn uses(&mut self, it: &StringLiteral, names: Vec<Name>) {
        self.outline.uses.push(Use {
            specifier: it.value.to_string(),
            offset: it.span.start as usize,
            names,
        });
    }

    fn symbol(&self, it: &IdentifierReference) -> Option<oxc_semantic::SymbolId> {
        self.names.get_reference(it.reference_id()).symbol_id()
    }
}

impl<'a> Visit<'a> for Walker<'_> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        let symbol = self.symbol(it);
        if symbol
            .is_none_or(|symbol| self.names.symbol_scope_id(symbol) == self.names.root_scope_id())
        {
            self.outline.used.push(named(&it.name, it.span));
        }
        self.outline.lib |= symbol.is_none() && it.name == "lib";
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let specifiers = it.specifiers.iter().flatten();
        let names = specifiers.filter_map(|one| match one {
            ImportDeclarationSpecifier::ImportSpecifier(it) => {
                Some(named(&it.imported.name(), it.span))
            }
            ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                Some(named("default", it.span))
            }
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => None,
        });
        self.uses(&it.source, names.collect());
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.uses(&it.source, Vec::new());
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        let names = it.specifiers.iter();
        let names = names.map(|one| named(&one.local.name(), one.span));
        self.uses(&it.source, names.collect());
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Expression::StringLiteral(source) = &it.source {
            self.uses(source, Vec::new());
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if let Expression::Identifier(callee) = &it.callee
            && callee.name == "require"
            && self.symbol(callee).is_none()
            && let Some(Argument::StringLiteral(source)) = it.arguments.first()
        {
            self.uses(source, Vec::new());
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        let message = "a decorator needs generated code; call the function instead";
        self.outline
            .fault
            .get_or_insert((it.span.start as usize, message));
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        let message = "`accessor` needs generated code; write a getter and a setter";
        self.outline
            .fault
            .get_or_insert((it.span.start as usize, message));
    }
}
