//! What blanks alone would break, and what they cannot replace.

use super::assert_stripped;
use crate::error::Source;
use crate::strip::strip;

#[test]
fn where_a_line_ends_a_statement() {
    assert_stripped(&[
        ("const a = b as C as D\n(d)()", "const a = b ; \n(d)()"),
        ("export default a as B\n(c)()", "export default a ; \n(c)()"),
        ("f(() => a as B\n)\n[b]", "f(() => a \n)\n[b]"),
        ("x = `${a as B}\n`", "x = `${a }\n`"),
        ("const a = b!\n(c)", "const a = b \n(c)"),
        (
            "class A { a\n : A\n *m() {} }",
            "class A { a\n ; \n *m() {} }",
        ),
        (
            "class A { a = 1\n abstract b: B\n ['c']() {} }",
            "class A { a = 1\n ; \n ['c']() {} }",
        ),
        (
            "const f = (a): A<\u{2028}B> => a",
            "const f = (a \u{2028} ) => a",
        ),
        ("const a = b\ntype C = D\n(e)()", "const a = b\n; \n(e)()"),
        ("const a = b as C\n(d)()", "const a = b ; \n(d)()"),
        (
            "const a = b satisfies C\n[d] = e",
            "const a = b ; \n[d] = e",
        ),
        ("const a = b as C // c\n`d`", "const a = b ; // c\n`d`"),
        ("const a = b as C\n+ d", "const a = b \n+ d"),
        ("let a: A\n[b] = c", "let a \n[b] = c"),
        (
            "class A { a = 1\n public ['b'] = 2 }",
            "class A { a = 1\n ; ['b'] = 2 }",
        ),
        (
            "class A { get: A\n foo() {} }",
            "class A { get; \n foo() {} }",
        ),
        (
            "class A { static?\n foo() {} }",
            "class A { static;\n foo() {} }",
        ),
        (
            "class A { a = b as B\n ['c'] = 2 }",
            "class A { a = b ; \n ['c'] = 2 }",
        ),
        (
            "const f = (a): {\n b: B\n} => a",
            "const f = (a \n \n) => a",
        ),
        (
            "const f = (a): Promise<\n é> => a",
            "const f = (a \n ) => a",
        ),
        (
            "const f = async <\n T\n>(a: T) => a",
            "const f = async (\n \n a ) => a",
        ),
        (
            "function f() { return <\n T,>(a: T) => a }",
            "function f() { return (\n a ) => a }",
        ),
        (
            "const a = b as {\r\n c: C }\r\nd()",
            "const a = b \r\n \r\nd()",
        ),
    ]);
}

#[test]
fn what_needs_generated_code_is_refused() {
    let rows = [
        (
            "enum A { B }",
            "1:1: an `enum` needs generated code; use a `const` object, or a union of literals",
        ),
        (
            "\n const enum A { B }",
            "2:2: an `enum` needs generated code; use a `const` object, or a union of literals",
        ),
        (
            "namespace N { export const a = 1 }",
            "1:1: a namespace with values needs generated code; use a module of its own",
        ),
        (
            "class A { constructor(private a: A) {} }",
            "1:23: a parameter property needs generated code; declare the field and assign it in the constructor",
        ),
        (
            "import a = require('a');",
            "1:1: `import … =` needs generated code; write `import … from`, or `const … =`",
        ),
        (
            "export = a;",
            "1:1: `export =` needs generated code; write `export default`",
        ),
        (
            "@a class B {}",
            "1:1: a decorator needs generated code; call the function instead",
        ),
        (
            "class B { @a b() {} }",
            "1:11: a decorator needs generated code; call the function instead",
        ),
        (
            "a = <T>b;",
            "1:5: `<T>value` cannot be told from JSX; write `value as T`",
        ),
        (
            "class A { accessor a = 1 }",
            "1:11: `accessor` needs generated code; write a getter and a setter",
        ),
    ];
    for (typed, message) in rows {
        let error = strip(&Source::new("a.ts", typed)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("a.ts:{message}\n")), "{error}");
    }
    let error = strip(&Source::new("a.ts", "const a: = 1;"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "a.ts:1:10: Unexpected token\nconst a: = 1;\n         ^"
    );
}
