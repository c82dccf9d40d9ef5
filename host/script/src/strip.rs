//! TypeScript to JavaScript by overwriting what is only about types with spaces, and a few places with `;` or a
//! parenthesis, so that every line and column stays. What would need generated code is refused.

mod types;

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Scoping;
use oxc_span::GetSpan;

use crate::blank::{Blanks, LINE_ENDS, token_at, word_at};
use crate::error::{ScriptError, Source};
use crate::syntax::{Reading, parse};

/// The source with its types blanked. The caller has bounded the source's size and depth.
///
/// # Errors
/// A syntax error, or the first construct that needs generated code: an `enum`, a decorator, a parameter property.
pub fn strip(source: &Source) -> Result<String, ScriptError> {
    parse(
        source,
        &source.text,
        Reading::TypeScript,
        |program, names| {
            let mut strip = Strip {
                text: &source.text,
                names,
                blanks: Blanks::default(),
                fault: None,
            };
            strip.visit_program(program);
            match strip.fault {
                Some((offset, message)) => Err(source.error(offset as usize, message)),
                None => Ok(strip.blanks.apply(&source.text)),
            }
        },
    )
}

struct Strip<'s> {
    text: &'s str,
    names: &'s Scoping,
    blanks: Blanks,
    fault: Option<(u32, &'static str)>,
}

impl Strip<'_> {
    fn refuse(&mut self, span: Span, message: &'static str) {
        self.fault.get_or_insert((span.start, message));
    }

    /// Whether the byte at an offset is this one.
    fn byte_is(&self, at: usize, byte: u8) -> bool {
        self.text.as_bytes().get(at) == Some(&byte)
    }

    /// Blanks a whole statement or class member and writes `;` at its start, so that the code before it and after it
    /// does not join.
    fn blank_statement(&mut self, span: Span) {
        self.blanks.span(span);
        self.blanks.put(span.start as usize, ';');
    }

    /// Blanks the type at the end of an expression. If the next line begins with `(`, `[` or a template, it writes `;`:
    /// without the type, JavaScript would continue the expression on that line.
    fn blank_trailing_type(&mut self, start: u32, end: u32) {
        let (start, end) = (token_at(self.text, start as usize), end as usize);
        self.blanks.blank(start, end);
        let next = token_at(self.text, end);
        if self.text[end..next].contains(LINE_ENDS)
            && self.text[next..].starts_with(['(', '[', '`'])
        {
            self.blanks.put(start, ';');
        }
    }

    /// Blanks a `?` or `!` if it is the next token; its offset.
    fn blank_mark(&mut self, at: usize) -> Option<usize> {
        let at = token_at(self.text, at);
        let found = self.byte_is(at, b'?') || self.byte_is(at, b'!');
        found.then(|| {
            self.blanks.blank(at, at + 1);
            at
        })
    }

    /// Blanks an item of a list, and its comma.
    fn blank_list_item(&mut self, span: Span) {
        let next = token_at(self.text, span.end as usize);
        let end = if self.byte_is(next, b',') {
            next + 1
        } else {
            span.end as usize
        };
        self.blanks.blank(span.start as usize, end);
    }

    /// Blanks the modifiers of a class member that are TypeScript's.
    fn blank_modifiers(&mut self, member: Span, key: Span) {
        let start = member.start as usize;
        let mut at = start;
        while at < key.start as usize {
            let word = word_at(self.text, at);
            if matches!(
                word,
                "public" | "private" | "protected" | "readonly" | "override" | "abstract"
            ) {
                self.blanks.blank(at, at + word.len());
                // A member before this one may have no `;`, and then would go on with `[` or `*`.
                if at == start {
                    self.blanks.put(at, ';');
                }
            }
            at = token_at(self.text, at + word.len().max(1));
        }
    }

    /// The offset behind a member's name.
    fn behind(&self, key: Span, computed: bool) -> usize {
        let end = token_at(self.text, key.end as usize);
        if computed && self.byte_is(end, b']') {
            end + 1
        } else {
            end
        }
    }
}

impl<'a> Visit<'a> for Strip<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if self.is_type(it) {
            self.blank_statement(it.span());
        } else {
            walk::walk_statement(self, it);
        }
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.blanks.span(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.blanks.span(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.blanks.span(it.span);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_trailing_type(it.expression.span().end, it.span.end);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_trailing_type(it.expression.span().end, it.span.end);
    }

    fn visit_ts_instantiation_expression(&mut self, it: &TSInstantiationExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_trailing_type(it.expression.span().end, it.span.end);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_mark(it.expression.span().end as usize);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            self.blank_mark(it.id.span().end as usize);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            let message = "a parameter property needs generated code; declare the field and assign it in the constructor";
            self.refuse(it.span, message);
        }
        if it.optional {
            self.blank_mark(it.pattern.span().end as usize);
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_ts_this_parameter(&mut self, it: &TSThisParameter<'a>) {
        self.blank_list_item(it.span);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        walk::walk_arrow_function_expression(self, it);
        let params = it.params.span;
        let (open, close) = (params.start as usize, params.end as usize - 1);
        // No line may end before `=>`, nor behind `async` or `return`: the parentheses are moved over
        // the types' lines.
        if let Some(types) = &it.return_type {
            let end = types.span.end as usize;
            if self.text[close..end].contains(LINE_ENDS) {
                let last = self.text[..end]
                    .char_indices()
                    .next_back()
                    .map_or(close, |(at, _)| at);
                self.blanks.blank(close, close + 1);
                self.blanks.put(last, ')');
            }
        }
        if let Some(types) = &it.type_parameters
            && self.text[types.span.start as usize..open].contains(LINE_ENDS)
        {
            self.blanks.blank(open, open + 1);
            self.blanks.put(types.span.start as usize, '(');
        }
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        let start = it.span.start as usize;
        if it.r#abstract && word_at(self.text, start) == "abstract" {
            self.blanks.blank(start, start + "abstract".len());
        }
        if let Some(last) = it.implements.last() {
            let heritage = it.heritage.as_ref();
            let parent = heritage.map(|it| {
                it.type_arguments
                    .as_ref()
                    .map_or(it.expression.span(), |types| types.span)
            });
            let before = parent.or(it.type_parameters.as_ref().map(|types| types.span));
            let before = before.or(it.id.as_ref().map(|id| id.span));
            let from = match before {
                Some(span) => token_at(self.text, span.end as usize),
                None => token_at(self.text, start + "class".len()),
            };
            self.blanks.blank(from, last.span.end as usize);
        }
        walk::walk_class(self, it);
    }

    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        let only_types = match it {
            ClassElement::TSIndexSignature(_) => true,
            ClassElement::MethodDefinition(it) => it.value.body.is_none(),
            ClassElement::PropertyDefinition(it) => {
                it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition
            }
            ClassElement::AccessorProperty(_) | ClassElement::StaticBlock(_) => false,
        };
        if only_types {
            self.blank_statement(it.span());
        } else {
            walk::walk_class_element(self, it);
        }
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        self.blank_modifiers(it.span, it.key.span());
        if it.optional {
            self.blank_mark(self.behind(it.key.span(), it.computed));
        }
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        self.blank_modifiers(it.span, it.key.span());
        let mark = if it.optional || it.definite {
            self.blank_mark(self.behind(it.key.span(), it.computed))
        } else {
            None
        };
        let types = it
            .type_annotation
            .as_ref()
            .map(|types| types.span.start as usize);
        // `get: T` without its type would make the next line a getter.
        if let Some(at) = mark.or(types)
            && it.value.is_none()
        {
            self.blanks.put(at, ';');
        }
        walk::walk_property_definition(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.refuse(
            it.span,
            "`accessor` needs generated code; write a getter and a setter",
        );
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let specifiers = it
            .specifiers
            .as_ref()
            .map_or(&[][..], |specifiers| specifiers);
        for (index, specifier) in specifiers.iter().enumerate() {
            if self.is_type_import(specifier) {
                match specifier {
                    // The comma stands before it.
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) if index > 0 => {
                        let before = specifiers[index - 1].span();
                        self.blanks.blank(before.end as usize, it.span.end as usize);
                    }
                    specifier => self.blank_list_item(specifier.span()),
                }
            }
        }
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        for specifier in &it.specifiers {
            if specifier.export_kind == ImportOrExportKind::Type
                || self.is_type_name(&specifier.local)
            {
                self.blank_list_item(specifier.span);
            }
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        for specifier in it
            .specifiers
            .iter()
            .filter(|it| it.export_kind == ImportOrExportKind::Type)
        {
            self.blank_list_item(specifier.span);
        }
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(
            it.span,
            "a decorator needs generated code; call the function instead",
        );
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.refuse(
            it.span,
            "`<T>value` cannot be told from JSX; write `value as T`",
        );
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        self.refuse(
            it.span,
            "an `enum` needs generated code; use a `const` object, or a union of literals",
        );
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.refuse(
            it.span,
            "a namespace with values needs generated code; use a module of its own",
        );
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(
            it.span,
            "`import … =` needs generated code; write `import … from`, or `const … =`",
        );
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(
            it.span,
            "`export =` needs generated code; write `export default`",
        );
    }
}

#[cfg(test)]
mod tests;
